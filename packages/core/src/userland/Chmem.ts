/**
 * `chmem` of util-linux over the files of a machine: sets memory blocks online and offline, by number, address or size.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Errno from "../kernel/Errno.ts"
import * as SysfsTree from "../sysfs/SysfsTree.ts"
import * as ChmemRange from "./ChmemRange.ts"
import * as GetOpt from "./GetOpt.ts"
import * as Tool from "./Tool.ts"
import * as UtilSize from "./UtilSize.ts"

const program = "chmem"

const options: ReadonlyArray<GetOpt.Option> = [
  { key: "b", long: "blocks", value: "none" },
  { key: "d", long: "disable", value: "none" },
  { key: "e", long: "enable", value: "none" },
  { key: "h", long: "help", value: "none" },
  { key: "v", long: "verbose", value: "none" },
  { key: "V", long: "version", value: "none" },
  { key: "z", long: "zone", value: "required" }
]

const groups = [["d", "e"]]

const zones = ["DMA", "DMA32", "Normal", "Highmem", "Movable", "Device"]

/** The exit status when only part of what was asked could be done. */
const someDone = 64

const folder = "/sys/devices/system/memory"

const help = `
Usage:
 chmem [options] SIZE|START-END|BLOCK[-BLOCK]

Puts memory online or takes it offline.

Options:
 -e, --enable       put it online
 -d, --disable      take it offline
 -b, --blocks       numbers are those of memory blocks
 -z, --zone ZONE    only blocks that can be, or are, in this zone
 -v, --verbose      say what is done
 -h, --help         this text
 -V, --version      the version

Zones: ${zones.join(", ")}
`

type Tree = SysfsTree.SysfsTree["Service"]

interface Block {
  readonly name: string
  readonly number: bigint
}

const byNumber = (a: Block, b: Block): number => a.number < b.number ? -1 : a.number > b.number ? 1 : 0

const blocksOf = ({ root }: Tree): ReadonlyArray<Block> =>
  root.names().flatMap((name) => {
    const digits = /^memory([0-9]{1,19})$/.exec(name)?.[1]
    return digits === undefined ? [] : [{ name, number: BigInt(digits) }]
  }).toSorted(byNumber)

const textOf = (tree: Tree, path: string): Effect.Effect<string> =>
  Effect.orElseSucceed(SysfsTree.read(tree, path), () => "")

interface Request {
  readonly tree: Tree
  readonly blockSize: bigint
  readonly isEnable: boolean
  readonly isVerbose: boolean
  readonly hasZones: boolean
  readonly zone: string | undefined
  readonly out: Array<string>
  readonly err: Array<string>
}

const label = ({ blockSize }: Request, { number }: Block): string => {
  const hex = (address: bigint) => `0x${BigInt.asUintN(64, address).toString(16).padStart(16, "0")}`
  return `Memory Block ${number} (${hex(number * blockSize)}-${hex((number + 1n) * blockSize - 1n)})`
}

const warn = ({ err }: Request, text: string) => err.push(`${program}: ${text}\n`)

const isThere = Effect.fnUntraced(function*({ isEnable, tree }: Request, { name }: Block) {
  return (yield* textOf(tree, `${name}/state`)).startsWith(isEnable ? "online" : "offlin")
})

/** The word to write, `undefined` for a block of another zone. Movable is preferred where nothing else is asked for. */
const wordOf = Effect.fnUntraced(function*({ hasZones, isEnable, tree, zone }: Request, { name }: Block) {
  const possible = hasZones ? (yield* textOf(tree, `${name}/valid_zones`)).toLowerCase() : ""
  if (zone === undefined) return isEnable ? possible.includes("movable") ? "online_movable" : "online" : "offline"
  const wanted = zone.toLowerCase()
  if (!isEnable) return possible.startsWith(wanted) ? "offline" : undefined
  return !possible.includes(wanted) ? undefined : zone === "Movable" ? "online_movable" : "online_kernel"
})

const change = Effect.fnUntraced(function*(request: Request, block: Block, word: string) {
  const { isEnable, isVerbose, out, tree } = request
  const verb = isEnable ? "enable" : "disable"
  const done = yield* Effect.result(SysfsTree.write(tree, `${block.name}/state`, word))
  if (Result.isFailure(done)) {
    warn(request, `${label(request, block)} ${verb} failed: ${Errno.text(done.failure.errno)}`)
  } else if (isVerbose) out.push(`${label(request, block)} ${verb}d\n`)
  return Result.isSuccess(done)
})

/** As many blocks as asked for: the lowest that are offline, or the highest that are online. */
const changeSize = Effect.fnUntraced(function*(request: Request, blocks: ReadonlyArray<Block>, wanted: bigint) {
  const { blockSize, isEnable } = request
  let left = wanted
  for (const block of isEnable ? blocks : blocks.toReversed()) {
    if (left === 0n) break
    if (yield* isThere(request, block)) continue
    const word = yield* wordOf(request, block)
    if (word !== undefined && (yield* change(request, block, word))) left--
  }
  if (left > 0n) {
    const done = UtilSize.format(BigInt.asUintN(64, (wanted - left) * blockSize))
    warn(request, `Could only ${isEnable ? "enable" : "disable"} ${done} of memory`)
  }
  return { left, wanted }
})

const changeRange = Effect.fnUntraced(function*(
  request: Request,
  blocks: ReadonlyArray<Block>,
  { end, start }: { readonly start: bigint; readonly end: bigint }
) {
  const { isEnable, isVerbose, out } = request
  const wanted = end - start + 1n
  let left = wanted
  for (const block of blocks) {
    if (block.number < start || block.number > end) continue
    if (yield* isThere(request, block)) {
      if (isVerbose) out.push(`${label(request, block)} already ${isEnable ? "enabled" : "disabled"}\n`)
      left--
      continue
    }
    const word = yield* wordOf(request, block)
    if (word === undefined) {
      warn(request, `${label(request, block)} ${isEnable ? "enable" : "disable"} failed: Zone mismatch`)
    } else if (yield* change(request, block, word)) left--
  }
  return { left, wanted }
})

const fail = (problem: string): Tool.Outcome => Tool.outcome(1, "", `${program}: ${problem}\n`)

const sizeOf = (text: string): bigint => {
  const digits = /^\s*(?:0x)?([0-9a-f]{1,16})/i.exec(text)?.[1]
  return digits === undefined ? 0n : BigInt(`0x${digits}`)
}

/** What ends the program while it reads its options. */
const early = ({ met, refused }: GetOpt.Parsed): Tool.Outcome | "version" | undefined => {
  const conflictOf = GetOpt.exclusive(program, options, groups)
  for (const option of met) {
    const conflict = conflictOf(option)
    if (conflict !== undefined) return conflict
    if (option.key === "h") return Tool.outcome(0, help)
    if (option.key === "V") return "version"
  }
  return refused
}

/**
 * Changes the state of memory blocks. Exit status 0 when all of them are as asked, 1 when none is, {@link someDone} in
 * between; 1 on wrong use. `--version` is not modelled.
 *
 * @category commands
 * @since 0.1.0
 */
export const run: Tool.Tool = Effect.fnUntraced(function*(words: ReadonlyArray<string>) {
  const tree = SysfsTree.below(yield* SysfsTree.SysfsTree, folder)
  const blocks = blocksOf(tree)
  const blockSize = sizeOf(yield* textOf(tree, "block_size_bytes"))
  if (blocks.length === 0 || blockSize === 0n) return fail(`Failed to read ${folder}: ${Errno.text("ENOENT")}`)
  const parsed = GetOpt.parse(program, options, words)
  const ended = early(parsed)
  if (ended === "version") {
    return yield* new Tool.NotModelled({ what: "chmem --version", modelled: "its output is that of util-linux" })
  }
  if (ended !== undefined) return ended
  const { met, operands: [operand, ...others] } = parsed
  const has = (key: string) => met.some((option) => option.key === key)
  if (operand === undefined || others.length > 0 || !(has("d") || has("e"))) return GetOpt.badUse(program, "bad usage")
  const range = ChmemRange.parse(operand, { blockSize, isBlocks: has("b") })
  if (Result.isFailure(range)) return fail(range.failure)
  const asked = met.findLast(({ key }) => key === "z")?.value
  const hasZones = SysfsTree.lookup(tree, "memory0/valid_zones") !== undefined
  const zone = zones.find((name) => name.toLowerCase() === asked?.toLowerCase())
  if (asked !== undefined && hasZones && zone === undefined) {
    return GetOpt.badUse(program, `unknown memory zone: ${asked}`)
  }
  const request: Request = {
    tree,
    blockSize,
    isEnable: has("e"),
    isVerbose: has("v"),
    hasZones,
    zone: hasZones ? zone : undefined,
    out: [],
    err: []
  }
  if (asked !== undefined && !hasZones) warn(request, "zone ignored, no valid_zones sysfs attribute present")
  const { left, wanted } = range.success._tag === "Size"
    ? yield* changeSize(request, blocks, range.success.blocks)
    : yield* changeRange(request, blocks, range.success)
  const exit = left === 0n ? 0 : left === wanted ? 1 : someDone
  return Tool.outcome(exit, request.out.join(""), request.err.join(""))
})
