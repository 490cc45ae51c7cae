/**
 * Reads `lsmem`: JSON (`-J`, with and without `-b`) and the table it prints by default.
 *
 * Printed sizes are rounded to one decimal without `-b`, so they are not used where `RANGE` is there, which is exact.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Alignment from "../geometry/Alignment.ts"
import * as MemParse from "../geometry/MemParse.ts"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import * as Check from "./Check.ts"
import * as Decoding from "./Decoding.ts"
import type { InputError } from "./InputError.ts"
import * as JsonText from "./JsonText.ts"
import * as JsonTree from "./JsonTree.ts"

const NumberOrText = Schema.Union([Schema.Natural, Schema.String])

/**
 * One row: memory blocks that follow one another and agree in the other columns.
 *
 * @category models
 * @since 0.1.0
 */
export const Row = Schema.Struct({
  range: Schema.optionalKey(Schema.String),
  size: Schema.optionalKey(NumberOrText),
  state: Schema.optionalKey(Schema.NullOr(Schema.String)),
  block: Schema.optionalKey(Schema.NullOr(NumberOrText)),
  node: Schema.optionalKey(Schema.NullOr(NumberOrText))
})
/** @since 0.1.0 */
export interface Row extends Schema.Schema.Type<typeof Row> {}

const remedy = "expected what 'lsmem -J' prints, best with -b -o RANGE,STATE,BLOCK,NODE"
const decodeRow = Decoding.make(Row, { remedy })

interface Blocks {
  readonly first: number
  readonly count: number
}

/** `7` or `8-14`. */
const parseBlocks = (text: string | number | null | undefined): Blocks | undefined => {
  const match = /^([0-9]{1,15})(?:-([0-9]{1,15}))?$/.exec(String(text ?? ""))
  if (match === null) return undefined
  const first = Number(match[1])
  const last = match[2] === undefined ? first : Number(match[2])
  return last < first ? undefined : { first, count: last - first + 1 }
}

interface Span extends MemParse.StartAndSize {
  readonly blocks: Blocks | undefined
}

const spanOf = (place: Decoding.Place, row: Row): Result.Result<Span, InputError> => {
  const blocks = parseBlocks(row.block)
  if (row.range !== undefined) {
    return Result.mapBoth(MemParse.parseRange(row.range), {
      onSuccess: (range) => ({ ...range, blocks }),
      onFailure: (error) => Result.merge(Decoding.failAt(Decoding.inside(place, "range"), error.message, remedy))
    })
  }
  const bytes = /^[0-9]{1,15}$/.test(String(row.size)) ? Number(row.size) : undefined
  return blocks === undefined || bytes === undefined || bytes % blocks.count !== 0
    ? Decoding.failAt(
      place,
      "has no range, and no block with an exact size",
      "add the column RANGE, or BLOCK and SIZE with -b"
    )
    : Result.succeed({ start: blocks.first * (bytes / blocks.count), size: bytes, blocks })
}

/** A row of whole blocks tells the block size; `undefined` when it does not fit. */
const blockSizeOf = ({ blocks, size, start }: Span): number | undefined => {
  if (blocks === undefined) return undefined
  const each = size / blocks.count
  return Alignment.isPowerOfTwo(each) && blocks.first * each === start ? each : undefined
}

const nodeOf = (row: Row): number | undefined => {
  const text = String(row.node ?? "")
  return /^[0-9]{1,9}$/.test(text) ? Number(text) : undefined
}

/** Rows split by `removable` or zone say nothing different about RAM: neighbours that agree are joined. */
const join = (ranges: ReadonlyArray<MachineSpec.Range>): ReadonlyArray<MachineSpec.Range> => {
  const joined: Array<MachineSpec.Range> = []
  for (const range of ranges.toSorted((a, b) => a.start - b.start)) {
    const last = joined.at(-1)
    if (
      last !== undefined && last.start + last.size === range.start && last.node === range.node &&
      last.offline === range.offline
    ) {
      joined[joined.length - 1] = { ...last, size: last.size + range.size }
    } else {
      joined.push(range)
    }
  }
  return joined
}

const fromRows = (
  source: string,
  rows: ReadonlyArray<readonly [Decoding.Place, unknown]>,
  printedBlockSize: number | undefined
): Result.Result<MachineSpec.MachineSpec, InputError> =>
  Result.gen(function*() {
    const ranges: Array<MachineSpec.Range> = []
    const nodes = new Set<number>()
    let blockSize = printedBlockSize
    for (const [place, value] of rows) {
      const row = yield* decodeRow(place, value)
      const span = yield* spanOf(place, row)
      const size = blockSizeOf(span)
      if (span.blocks !== undefined && (size === undefined || size !== (blockSize ?? size))) {
        return yield* Decoding.failAt(
          place,
          `blocks ${String(row.block)} do not fit ${Check.showRange(span.start, span.size)}`,
          "give the unchanged output of one lsmem call"
        )
      }
      blockSize = size ?? blockSize
      const node = nodeOf(row)
      if (node !== undefined) nodes.add(node)
      ranges.push({
        start: span.start,
        size: span.size,
        kind: "ram",
        ...(node === undefined ? {} : { node }),
        ...(row.state === "offline" ? { offline: true } : {})
      })
    }
    return yield* Check.machine(source, {
      ...(blockSize === undefined ? {} : { blockSize }),
      ranges: join(ranges),
      ...(nodes.size === 0 ? {} : { nodes: [...nodes].toSorted((a, b) => a - b).map((node) => ({ node })) })
    })
  })

/**
 * The ranges of parsed documents: `{"memory": [rows]}`.
 *
 * @category parsing
 * @since 0.1.0
 */
export const fromDocuments = (
  source: string,
  documents: ReadonlyArray<unknown>
): Result.Result<MachineSpec.MachineSpec, InputError> =>
  Result.gen(function*() {
    const rows: Array<readonly [Decoding.Place, unknown]> = []
    for (const [place, document] of JsonTree.documents(source, documents)) {
      if (!JsonTree.isRecord(document) || !Array.isArray(document["memory"])) {
        return yield* Decoding.failAt(place, "has no array 'memory'", remedy)
      }
      for (const row of JsonTree.elements(Decoding.inside(place, "memory"), document["memory"])) rows.push(row)
    }
    return yield* fromRows(source, rows, undefined)
  })

/**
 * The table: a heading with `RANGE`, rows, and after them the block size.
 *
 * @category parsing
 * @since 0.1.0
 */
export const fromTable = (source: string, text: string): Result.Result<MachineSpec.MachineSpec, InputError> => {
  const lines = text.split("\n").map((line) => line.trim())
  const heading = lines.findIndex((line) => /(?:^|\s)RANGE(?:\s|$)/.test(line))
  if (heading === -1) return Decoding.failAt({ source, at: "" }, "has no column RANGE", remedy)
  const columns = (lines[heading] ?? "").toLowerCase().split(/\s+/)
  const rows = lines.flatMap((line, index): ReadonlyArray<readonly [Decoding.Place, unknown]> => {
    if (index <= heading || !/(?:^|\s)0x[0-9a-f]+-/.test(line)) return []
    const cells = line.split(/\s+/)
    return [[
      { source, at: `line ${index + 1}` },
      Object.fromEntries(columns.flatMap((column, at) => cells[at] === undefined ? [] : [[column, cells[at]]]))
    ]]
  })
  const printed = /^Memory block size:\s+([0-9]+[KMGT]?)$/m.exec(text)?.[1]
  const blockSize = printed === undefined ? undefined : Result.getOrUndefined(MemParse.parse(printed))
  return fromRows(source, rows, blockSize !== undefined && Alignment.isPowerOfTwo(blockSize) ? blockSize : undefined)
}

/**
 * Reads JSON or a table: ranges of kind `ram` with node and state (`offline`), the nodes named, and the size of a memory
 * block where block numbers tell it.
 *
 * Blocks are whole: a hole inside a block is not visible here. Hot-added device memory is listed as well.
 *
 * @category parsing
 * @since 0.1.0
 */
export const read = (source: string, text: string): Result.Result<MachineSpec.MachineSpec, InputError> =>
  /^\uFEFF?\s*[{[]/.test(text)
    ? Result.flatMap(JsonText.parseDocuments(source, text), (documents) => fromDocuments(source, documents))
    : Result.flatMap(JsonText.checkSize(source, text), () => fromTable(source, text))
