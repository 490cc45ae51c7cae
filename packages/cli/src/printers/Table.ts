/**
 * Tables for people: columns as wide as their content, the flexible ones wrapped to the terminal.
 *
 * @since 0.1.0
 */

/**
 * `flex` columns may be wrapped at blanks when the table is wider than the terminal; others never.
 *
 * @category models
 * @since 0.1.0
 */
export interface Column {
  readonly title: string
  readonly align?: "left" | "right"
  readonly flex?: boolean
}

const gap = "  "

// oxlint-disable-next-line no-control-regex
const visible = (text: string): number => text.replace(/\u001b\[[0-9;]*m/g, "").length

const pad = (text: string, width: number, align: "left" | "right"): string => {
  const fill = " ".repeat(Math.max(0, width - visible(text)))
  return align === "right" ? fill + text : text + fill
}

/**
 * Breaks text at blanks into lines of at most `width` characters; a longer word stays whole.
 *
 * @category printing
 * @since 0.1.0
 */
export const wrap = (text: string, width: number): ReadonlyArray<string> => {
  if (width <= 0 || visible(text) <= width) return [text]
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && visible(line) + 1 + visible(word) > width) {
      lines.push(line)
      line = word
    } else {
      line = line === "" ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}

const widthsOf = (columns: ReadonlyArray<Column>, rows: ReadonlyArray<ReadonlyArray<string>>, total: number) => {
  const natural = columns.map((column, i) =>
    Math.max(visible(column.title), ...rows.map((row) => visible(row[i] ?? "")))
  )
  const sum = natural.reduce((a, b) => a + b, 0) + gap.length * (columns.length - 1)
  const excess = sum - total
  if (total <= 0 || excess <= 0) return natural
  const flexible = columns.reduce((n, column) => n + (column.flex === true ? 1 : 0), 0)
  return natural.map((width, i) =>
    columns[i]?.flex === true ? Math.max(20, width - Math.ceil(excess / flexible)) : width
  )
}

/**
 * Renders rows under their titles, each line ended by a newline. `width` 0 means unlimited. `bold` marks the titles.
 *
 * @category printing
 * @since 0.1.0
 */
export const render = (
  columns: ReadonlyArray<Column>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  options: { readonly width: number; readonly bold?: ((text: string) => string) | undefined }
): string => {
  const widths = widthsOf(columns, rows, options.width)
  const line = (cells: ReadonlyArray<string>): string =>
    cells.map((cell, i) => pad(cell, widths[i] ?? 0, columns[i]?.align ?? "left")).join(gap).trimEnd() + "\n"
  const block = (row: ReadonlyArray<string>): string => {
    const cells = row.map((cell, i) => columns[i]?.flex === true ? wrap(cell, widths[i] ?? 0) : [cell])
    const height = Math.max(1, ...cells.map((c) => c.length))
    return Array.from({ length: height }, (_, n) => line(cells.map((c) => c[n] ?? ""))).join("")
  }
  const bold = options.bold ?? ((text: string) => text)
  return bold(line(columns.map((c) => c.title)).trimEnd()) + "\n" + rows.map(block).join("")
}
