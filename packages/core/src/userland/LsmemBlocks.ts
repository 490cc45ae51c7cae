/**
 * The memory blocks of a tree as `lsmem` reads and joins them.
 *
 * Addresses are 64-bit and wrap, as the tool's do: a captured tree may hold anything.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as SysfsTree from "../sysfs/SysfsTree.ts"

/**
 * Columns of which a change begins a new row.
 *
 * @category models
 * @since 0.1.0
 */
export type SplitColumn = "STATE" | "REMOVABLE" | "NODE" | "ZONES"

/**
 * `count` blocks from `index` on. `node` is -1 where the block names none, `zones` as named by the tool.
 *
 * @category models
 * @since 0.1.0
 */
export interface Row {
  readonly index: bigint
  readonly count: bigint
  readonly state: string
  readonly removable: boolean
  readonly node: number
  readonly zones: ReadonlyArray<string>
}

/**
 * All a listing is made of; sizes in bytes. `hasNodes` and `hasZones` say whether the tree tells nodes and zones at all.
 *
 * @category models
 * @since 0.1.0
 */
export interface Listing {
  readonly blockSize: bigint
  readonly online: bigint
  readonly offline: bigint
  readonly hasNodes: boolean
  readonly hasZones: boolean
  readonly rows: ReadonlyArray<Row>
}

/**
 * How rows are joined: not at all with `all`, else unless one of `split` differs. Blocks are below `root`, which messages call
 * `typed`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly root: string
  readonly typed: string
  readonly all: boolean
  readonly split: ReadonlySet<SplitColumn>
}

const folder = "/sys/devices/system/memory"

/** Zones the tool has room for in a row. */
const mostZones = 8

const unknownZone = "Unknown"

const zoneNames = ["DMA", "DMA32", "Normal", "Highmem", "Movable", "Device", "None", unknownZone]

const zoneOf = (word: string): string =>
  zoneNames.find((name) => name.toLowerCase() === word.toLowerCase()) ?? unknownZone

const stateNames = new Map([["online", "online"], ["offline", "offline"], ["going-offline", "on->off"]])

const largest = 2n ** 64n - 1n

/** `strtoumax()`: 0 where no number stands, at most the largest. */
const unsigned = (text: string, form: RegExp, prefix: string): bigint => {
  const digits = form.exec(text.slice(0, 4096))?.[1]
  const value = digits === undefined ? 0n : BigInt(`${prefix}${digits}`)
  return value > largest ? largest : value
}

/** The text of an attribute without its newline; `undefined` when it is absent, unreadable or empty. */
const textOf = Effect.fnUntraced(function*(directory: SysfsTree.Directory, name: string) {
  const entry = directory.entry(name)
  if (entry?._tag !== "File") return undefined
  const read = yield* Effect.result(entry.read)
  const text = Result.isSuccess(read) ? read.success.replace(/\n$/, "") : ""
  return text === "" ? undefined : text
})

const nodeOf = (block: SysfsTree.Directory): number =>
  Number(block.names().find((name) => /^node[0-9]{1,9}/.test(name))?.match(/[0-9]+/)?.[0] ?? -1)

interface Found {
  readonly name: string
  readonly number: bigint
  readonly directory: SysfsTree.Directory
}

const inOrder = (a: Found, b: Found): number => a.number < b.number ? -1 : a.number > b.number ? 1 : 0

const blocksOf = (tree: SysfsTree.SysfsTree["Service"], path: string): ReadonlyArray<Found> =>
  SysfsTree.list(tree, path).flatMap((name): ReadonlyArray<Found> => {
    if (!/^memory[0-9]+$/.test(name)) return []
    const directory = SysfsTree.lookup(tree, `${path}/${name}`)
    return directory?._tag === "Directory"
      ? [{ name, number: unsigned(name, /^memory([0-9]+)/, ""), directory }]
      : []
  }).toSorted(inOrder)

const isSame = (a: ReadonlyArray<string>, b: ReadonlyArray<string>): boolean =>
  a.length === b.length && a.every((zone, i) => zone !== unknownZone && zone === b[i])

const isJoined = (last: Row, next: Row, { hasNodes, hasZones, split }: Options & Omit<Listing, "rows">): boolean =>
  last.index + last.count === next.index &&
  !(split.has("STATE") && last.state !== next.state) &&
  !(split.has("REMOVABLE") && last.removable !== next.removable) &&
  !(split.has("NODE") && hasNodes && last.node !== next.node) &&
  !(split.has("ZONES") && hasZones && !isSame(last.zones, next.zones))

/**
 * Why there is nothing to list, as the tool says it.
 *
 * @category errors
 * @since 0.1.0
 */
export type Absent = string

/**
 * Whether there is a tree to look at; the message otherwise.
 *
 * @category queries
 * @since 0.1.0
 */
export const absent = (tree: SysfsTree.SysfsTree["Service"], root: string): Absent | undefined =>
  SysfsTree.lookup(tree, `${root}${folder}`) === undefined
    ? `cannot open ${folder}: No such file or directory`
    : undefined

/**
 * Reads the blocks below `root`, in the order of their numbers. Attributes that are absent say nothing: state `?`, not
 * removable, no zones.
 *
 * @category queries
 * @since 0.1.0
 */
export const list = Effect.fnUntraced(
  function*(tree: SysfsTree.SysfsTree["Service"], options: Options) {
    const path = `${options.root}${folder}`
    const memory = SysfsTree.lookup(tree, path)
    if (memory?._tag !== "Directory" || memory.entry("block_size_bytes") === undefined) {
      return Result.fail<Absent>("This system does not support memory blocks")
    }
    const size = yield* textOf(memory, "block_size_bytes")
    if (size === undefined) return Result.fail<Absent>("failed to read memory block size")
    const blockSize = unsigned(size, /^\s*(?:0x)?([0-9a-f]+)/i, "0x")
    const found = blocksOf(tree, path)
    const first = found[0]
    if (first === undefined) {
      return Result.fail<Absent>(`Failed to read ${options.typed}${folder}: Inappropriate ioctl for device`)
    }
    const facts = {
      blockSize,
      hasNodes: nodeOf(first.directory) !== -1,
      hasZones: found.some(({ directory }) => directory.entry("valid_zones") !== undefined)
    }
    const rows: Array<Row> = []
    let online = 0n
    let offline = 0n
    for (const { directory, number } of found) {
      const state = stateNames.get((yield* textOf(directory, "state")) ?? "") ?? "?"
      const zones = facts.hasZones ? (yield* textOf(directory, "valid_zones")) ?? "" : ""
      const row: Row = {
        index: number,
        count: 1n,
        state,
        removable: /^\s*\+?0*1(?![0-9])/.test((yield* textOf(directory, "removable")) ?? ""),
        node: facts.hasNodes ? nodeOf(directory) : -1,
        zones: zones.split(" ").filter((word) => word !== "").slice(0, mostZones).map(zoneOf)
      }
      if (state === "online") online += blockSize
      else offline += blockSize
      const last = rows.at(-1)
      if (!options.all && last !== undefined && isJoined(last, row, { ...options, ...facts, online, offline })) {
        rows[rows.length - 1] = { ...last, count: last.count + 1n }
      } else rows.push(row)
    }
    const listing: Listing = { ...facts, online, offline, rows }
    return Result.succeed(listing)
  }
)
