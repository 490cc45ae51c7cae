/**
 * `lsmem` of util-linux over the files of a machine: table, raw, pairs and JSON, and the summary, byte for byte in the C
 * locale. Tables are as wide as what they hold: nothing is cut to a terminal.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as SysfsTree from "../sysfs/SysfsTree.ts"
import * as GetOpt from "./GetOpt.ts"
import * as LsmemBlocks from "./LsmemBlocks.ts"
import * as Tool from "./Tool.ts"
import * as UtilSize from "./UtilSize.ts"

const program = "lsmem"

const options: ReadonlyArray<GetOpt.Option> = [
  { key: "a", long: "all", value: "none" },
  { key: "b", long: "bytes", value: "none" },
  { key: "h", long: "help", value: "none" },
  { key: "J", long: "json", value: "none" },
  { key: "n", long: "noheadings", value: "none" },
  { key: "o", long: "output", value: "required" },
  { key: "output-all", long: "output-all", value: "none" },
  { key: "P", long: "pairs", value: "none" },
  { key: "r", long: "raw", value: "none" },
  { key: "s", long: "sysroot", value: "required" },
  { key: "S", long: "split", value: "required" },
  { key: "V", long: "version", value: "none" },
  { key: "summary", long: "summary", value: "optional" }
]

const groups = [["J", "P", "r"], ["S", "a"]]

const columns = ["RANGE", "SIZE", "STATE", "REMOVABLE", "BLOCK", "NODE", "ZONES"] as const

type Column = typeof columns[number]

const standard: ReadonlyArray<Column> = ["RANGE", "SIZE", "STATE", "REMOVABLE", "BLOCK"]

/** Columns `-o` has room for, and `-S`. */
const mostShown = 2 * columns.length

type Format = "table" | "raw" | "pairs" | "json"

interface Settings {
  readonly format: Format
  readonly columns: ReadonlyArray<Column>
  readonly headings: boolean
  readonly bytes: boolean
}

/** A list of columns; the message, empty where the tool has none, when it cannot be used. */
const columnsOf = (text: string, room: number): Result.Result<ReadonlyArray<Column>, string> => {
  if (text === "") return Result.fail("")
  const found: Array<Column> = []
  let begin = 0
  while (begin < text.length) {
    if (found.length >= room) return Result.fail("")
    const comma = text.indexOf(",", begin)
    // A comma at the very end belongs to the last name.
    const end = comma < 0 || comma === text.length - 1 ? text.length : comma
    const name = text.slice(begin, end)
    if (name === "") return Result.fail("")
    const column = columns.find((each) => each === name.toUpperCase())
    if (column === undefined) return Result.fail(`unknown column: ${text.slice(begin)}`)
    found.push(column)
    begin = end + 1
  }
  return Result.succeed(found)
}

const shownOf = (all: boolean, text: string | undefined): Result.Result<ReadonlyArray<Column>, string> => {
  const preset = all ? columns : standard
  if (text === undefined) return Result.succeed(preset)
  return text.startsWith("+")
    ? Result.map(columnsOf(text.slice(1), mostShown - preset.length), (more) => [...preset, ...more])
    : columnsOf(text, mostShown)
}

const isSplit = (column: Column): column is LsmemBlocks.SplitColumn =>
  column === "STATE" || column === "REMOVABLE" || column === "NODE" || column === "ZONES"

const splitOf = (
  shown: ReadonlyArray<Column>,
  text: string | undefined
): Result.Result<ReadonlySet<LsmemBlocks.SplitColumn>, string> =>
  text?.toLowerCase() === "none"
    ? Result.succeed(new Set())
    : Result.map(
      text === undefined ? Result.succeed(shown) : columnsOf(text, columns.length),
      (by) => new Set(by.filter(isSplit))
    )

const address = (value: bigint): string => `0x${BigInt.asUintN(64, value).toString(16).padStart(16, "0")}`

const sizeText = (bytes: bigint, { bytes: plain }: Settings): string => plain ? String(bytes) : UtilSize.format(bytes)

const cell = (
  column: Column,
  row: LsmemBlocks.Row,
  { blockSize, hasNodes, hasZones }: LsmemBlocks.Listing,
  settings: Settings
): string => {
  const { count, index, node, removable, state, zones } = row
  switch (column) {
    case "RANGE":
      return `${address(index * blockSize)}-${address((index + count) * blockSize - 1n)}`
    case "SIZE":
      return sizeText(BigInt.asUintN(64, count * blockSize), settings)
    case "STATE":
      return state
    case "REMOVABLE":
      return state === "online" ? removable ? "yes" : "no" : ""
    case "BLOCK":
      return count === 1n ? String(index) : `${index}-${index + count - 1n}`
    case "NODE":
      return hasNodes ? String(node) : ""
    case "ZONES":
      return hasZones ? zones.join("/") : ""
  }
}

type Cells = ReadonlyArray<string>

const table = (rows: ReadonlyArray<Cells>, settings: Settings): string => {
  const lines = settings.headings ? [settings.columns, ...rows] : rows
  const last = settings.columns.length - 1
  const widths = settings.columns.map((column, i) =>
    rows.reduce((width, cells) => Math.max(width, cells[i]?.length ?? 0), column.length)
  )
  const pad = (text: string, i: number): string => {
    const width = widths[i] ?? 0
    if (i === last && text === "") return ""
    return settings.columns[i] === "RANGE" ? i === last ? text : text.padEnd(width) : text.padStart(width)
  }
  return lines.map((cells) => `${cells.map(pad).join(" ")}\n`).join("")
}

const json = (rows: ReadonlyArray<Cells>, { bytes, columns: shown }: Settings): string => {
  const value = (column: Column, text: string): string =>
    column === "REMOVABLE"
      ? String(text === "yes")
      : text === ""
      ? "null"
      : column === "NODE" || (column === "SIZE" && bytes)
      ? text
      : JSON.stringify(text)
  const members = (cells: Cells): string =>
    shown.map((column, i) => `         "${column.toLowerCase()}": ${value(column, cells[i] ?? "")}`).join(",\n")
  return `{\n   "memory": [\n      {\n${rows.map(members).join("\n      },{\n")}\n      }\n   ]\n}\n`
}

const layouts: Readonly<Record<Format, (rows: ReadonlyArray<Cells>, settings: Settings) => string>> = {
  table,
  raw: (rows, { columns: shown, headings }) =>
    (headings ? [shown, ...rows] : rows).map((cells) => `${cells.join(" ")}\n`).join(""),
  pairs: (rows, { columns: shown }) =>
    rows.map((cells) => `${cells.map((text, i) => `${shown[i]}="${text}"`).join(" ")}\n`).join(""),
  json
}

const summary = ({ blockSize, offline, online }: LsmemBlocks.Listing, settings: Settings): string =>
  ([
    ["Memory block size:", blockSize],
    ["Total online memory:", online],
    ["Total offline memory:", offline]
  ] as const).map(([label, bytes]) =>
    `${label.padEnd(32)} ${sizeText(bytes, settings).padStart(settings.bytes ? 15 : 5)}\n`
  ).join("")

const fail = (problem: string): Tool.Outcome => Tool.outcome(1, "", problem === "" ? "" : `${program}: ${problem}\n`)

const help = `
Usage:
 lsmem [options]

Memory blocks of this machine as ranges, with their state.

Options:
 -J, --json             print JSON
 -P, --pairs            print COLUMN="value" pairs
 -r, --raw              print values with one blank between them
 -a, --all              one line per memory block
 -b, --bytes            sizes in bytes
 -n, --noheadings       no line of column names
 -o, --output LIST      columns to print; +LIST adds to the usual ones
     --output-all       every column
 -S, --split LIST       begin a new range where one of these columns changes; none: never
 -s, --sysroot DIR      look below DIR
     --summary[=WHEN]   the totals: never, always or only
 -h, --help             this text
 -V, --version          the version

Columns: RANGE, SIZE, STATE, REMOVABLE, BLOCK, NODE, ZONES
`

const summaries = new Map<string | undefined, "never" | "always" | "only">([
  [undefined, "only"],
  ["never", "never"],
  ["always", "always"],
  ["only", "only"]
])

const formats = new Map<string, Format>([["J", "json"], ["P", "pairs"], ["r", "raw"]])

/** What ends the program while it reads its options: the first of them counts. */
const early = ({ met, refused }: GetOpt.Parsed): Tool.Outcome | "version" | undefined => {
  const conflictOf = GetOpt.exclusive(program, options, groups)
  for (const option of met) {
    const conflict = conflictOf(option)
    if (conflict !== undefined) return conflict
    if (option.key === "summary" && !summaries.has(option.value)) return fail("unsupported --summary argument")
    if (option.key === "h") return Tool.outcome(0, help)
    if (option.key === "V") return "version"
  }
  return refused
}

/** Reads the words; what ends the program before it looks at anything. */
const parse = Effect.fnUntraced(function*(words: ReadonlyArray<string>) {
  const parsed = GetOpt.parse(program, options, words)
  const ended = early(parsed)
  if (ended === "version") {
    return yield* new Tool.NotModelled({ what: "lsmem --version", modelled: "its output is that of util-linux" })
  }
  const isWrong = ended === undefined && parsed.operands.length > 0
  return { met: parsed.met, ended: isWrong ? GetOpt.badUse(program, "bad usage") : ended }
})

/**
 * The directory `-s` names, as typed; `undefined` without one, and where the program looks at none.
 *
 * @category queries
 * @since 0.1.0
 */
export const sysroot = (words: ReadonlyArray<string>): string | undefined => {
  const parsed = GetOpt.parse(program, options, words)
  return early(parsed) === undefined ? parsed.met.findLast(({ key }) => key === "s")?.value : undefined
}

/**
 * The program with `below` as the root of what it lists, whatever `-s` names.
 *
 * @category programs
 * @since 0.1.0
 */
export const runBelow = Effect.fnUntraced(
  function*(words: ReadonlyArray<string>, below: SysfsTree.SysfsTree["Service"], path = "") {
    const { ended, met } = yield* parse(words)
    if (ended !== undefined) return ended
    const last = (key: string) => met.findLast((option) => option.key === key)
    const format = formats.get(met.find(({ key }) => formats.has(key))?.key ?? "") ?? "table"
    const when = last("summary") === undefined ? "always" : summaries.get(last("summary")?.value)
    if (format !== "table" && when === "only") {
      return fail("options --{raw,json,pairs} and --summary=only are mutually exclusive")
    }
    const nothing = LsmemBlocks.absent(below, path)
    if (nothing !== undefined) return fail(nothing)
    const shown = shownOf(last("output-all") !== undefined, last("o")?.value)
    if (Result.isFailure(shown)) return fail(shown.failure)
    const split = splitOf(shown.success, last("S")?.value)
    if (Result.isFailure(split)) return fail(split.failure)
    const listed = yield* LsmemBlocks.list(below, {
      root: path,
      typed: last("s")?.value ?? "",
      all: last("a") !== undefined,
      split: split.success
    })
    if (Result.isFailure(listed)) return fail(listed.failure)
    const settings: Settings = {
      format,
      columns: shown.success,
      headings: last("n") === undefined,
      bytes: last("b") !== undefined
    }
    const rows = listed.success.rows.map((row) =>
      settings.columns.map((column) => cell(column, row, listed.success, settings))
    )
    const body = when === "only" ? "" : layouts[format](rows, settings)
    const totals = format !== "table" || when === "never" ? "" : summary(listed.success, settings)
    return Tool.outcome(0, `${body}${body === "" || totals === "" ? "" : "\n"}${totals}`)
  }
)

/**
 * Lists the memory blocks. Exit status 1 on wrong use and where there are no blocks; `--version` is not modelled.
 *
 * @category programs
 * @since 0.1.0
 */
export const run: Tool.Tool = Effect.fnUntraced(function*(words: ReadonlyArray<string>) {
  return yield* runBelow(words, yield* SysfsTree.SysfsTree, sysroot(words))
})
