/**
 * Tables for people: columns as wide as their content; titles, then the flexible ones, are wrapped to the terminal.
 *
 * @since 0.1.0
 */

/**
 * Cells of `flex` columns may be wrapped at blanks when the table is wider than the terminal; others never.
 *
 * @category models
 * @since 0.1.0
 */
export interface Column {
  readonly title: string
  readonly align?: "left" | "right"
  readonly flex?: boolean
  /** Left out when the table is wider than the terminal. */
  readonly optional?: boolean
}

const gap = "  "

/**
 * A blank at which no cell is wrapped.
 *
 * @category constants
 * @since 0.1.0
 */
export const noBreak = "\u00a0"

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

/**
 * Text as lines of at most `width` characters (0: unlimited), each ended by a newline.
 *
 * @category printing
 * @since 0.1.0
 */
export const paragraph = (text: string, width: number): string => wrap(text, width).map((line) => `${line}\n`).join("")

const sum = (numbers: ReadonlyArray<number>): number => numbers.reduce((a, b) => a + b, 0)

/** Narrowest a flexible column of long text gets; one of short cells goes down to its longest word. */
const least = 20

const widest = (texts: ReadonlyArray<string>): number => Math.max(0, ...texts.map(visible))

const widthsOf = (columns: ReadonlyArray<Column>, rows: ReadonlyArray<ReadonlyArray<string>>, total: number) => {
  const content = columns.map((_, i) => widest(rows.map((row) => row[i] ?? "")))
  const gaps = gap.length * (columns.length - 1)
  const natural = columns.map(({ title }, i) => Math.max(visible(title), content[i] ?? 0))
  if (total <= 0 || sum(natural) + gaps <= total) return natural
  const widths = columns.map(({ flex, title }, i) =>
    flex === true ? natural[i] ?? 0 : Math.max(widest(title.split(" ")), content[i] ?? 0)
  )
  const words = columns.map((_, i) => widest(rows.flatMap((row) => (row[i] ?? "").split(" "))))
  const narrowest = (i: number) => Math.max(words[i] ?? 0, (natural[i] ?? 0) > 2 * least ? least : 0)
  const excess = sum(widths) + gaps - total
  const flexible = columns.flatMap((column, i) => column.flex === true ? [i] : [])
    .toSorted((a, b) => (widths[a] ?? 0) - (widths[b] ?? 0))
  let room = sum(flexible.map((i) => widths[i] ?? 0)) - Math.max(0, excess)
  // narrow columns keep what they need, the wide ones share what is left
  flexible.forEach((i, n) => {
    const later = sum(flexible.slice(n + 1).map(narrowest))
    const share = Math.min(Math.floor(room / (flexible.length - n)), room - later)
    const width = Math.min(widths[i] ?? 0, Math.max(narrowest(i), share))
    room -= width
    widths[i] = width
  })
  return widths
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
  const optional = columns.findLastIndex((column) => column.optional === true)
  if (options.width > 0 && optional >= 0 && sum(widths) + gap.length * (columns.length - 1) > options.width) {
    return render(columns.toSpliced(optional, 1), rows.map((row) => row.toSpliced(optional, 1)), options)
  }
  const line = (cells: ReadonlyArray<string>): string =>
    cells.map((cell, i) => pad(cell, widths[i] ?? 0, columns[i]?.align ?? "left")).join(gap).replaceAll(noBreak, " ")
      .trimEnd() + "\n"
  const lines = (cells: ReadonlyArray<ReadonlyArray<string>>): ReadonlyArray<string> =>
    Array.from({ length: Math.max(1, ...cells.map((c) => c.length)) }, (_, n) => line(cells.map((c) => c[n] ?? "")))
  const block = (row: ReadonlyArray<string>): string =>
    lines(row.map((cell, i) => columns[i]?.flex === true ? wrap(cell, widths[i] ?? 0) : [cell])).join("")
  const bold = options.bold ?? ((text: string) => text)
  const titles = lines(columns.map(({ title }, i) => wrap(title, widths[i] ?? 0)))
  return titles.map((title) => bold(title.trimEnd()) + "\n").join("") + rows.map(block).join("")
}
