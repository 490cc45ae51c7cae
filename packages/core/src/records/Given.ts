/**
 * What a comparison has to know of `input`: which uuids it names, and which memory there is.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Uuid from "../devices/Uuid.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import * as KernelRecord from "./KernelRecord.ts"
import * as LeafPath from "./LeafPath.ts"

/**
 * `uuids` in lower case, the zero uuid included. `nodesWithRam` counts nodes of the machine as built, not as `numa=fake` cuts
 * it. `plugged` are the byte ranges of memory devices, `withoutRam` those of devices on nodes that have no RAM of their own.
 *
 * @category models
 * @since 0.1.0
 */
export interface Given {
  readonly kind: KernelRecord.Given["_tag"]
  readonly uuids: ReadonlySet<string>
  readonly nodesWithRam: number
  readonly plugged: ReadonlyArray<PfnRange.PfnRange>
  readonly withoutRam: ReadonlyArray<PfnRange.PfnRange>
}

const uuid = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi

const uuidsIn = (input: unknown): ReadonlyArray<string> =>
  LeafPath.leaves(input).flatMap(({ value }) => typeof value === "string" ? value.match(uuid) ?? [] : [])

/** uuids that stand as bytes in the blocks a tool is given. */
const uuidsInBlock = (hex: unknown): ReadonlyArray<string> =>
  typeof hex === "string" && hex.length >= 96
    ? [hex.slice(32, 64), hex.slice(64, 96)].map((digits) =>
      [0, 8, 12, 16, 20].map((from, i, cuts) => digits.slice(from, cuts[i + 1])).join("-")
    )
    : []

/**
 * What `input` gives; nothing but its uuids when it is no recorded machine's.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (record: KernelRecord.KernelRecord): Given => {
  const uuids = new Set([
    Uuid.zero,
    ...[...uuidsIn(record.input), ...uuidsInBlock(record.input["infoblockHex"])].map((text) => text.toLowerCase())
  ])
  const given = Result.getOrUndefined(KernelRecord.given("", record))
  const kind = given?._tag ?? "InfoblockTool"
  if (given?._tag !== "Machine") return { kind, uuids, nodesWithRam: 1, plugged: [], withoutRam: [] }
  const { dimms, pmem, ram } = given.input
  const rangeOf = ({ addr, size }: { readonly addr: number; readonly size: number }) => PfnRange.fromLength(addr, size)
  return {
    kind,
    uuids,
    nodesWithRam: ram.nodes.filter((size) => size > 0).length,
    plugged: dimms.map(rangeOf),
    withoutRam: [...pmem, ...dimms].filter(({ node = 0 }) => (ram.nodes[node] ?? 0) === 0).map(rangeOf)
  }
}
