/**
 * Memory blocks as sysfs shows them, and what writing to them does (HOT-17 … HOT-20).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { Errno } from "../kernel/Errno.ts"
import { KernelError } from "../kernel/KernelError.ts"
import type * as ZoneChoice from "../zones/ZoneChoice.ts"
import type * as Zones from "../zones/Zones.ts"
import { type MemoryBlocks, nodeOf, type Run } from "./MemoryBlocks.ts"
import type { MemoryHotplug } from "./MemoryHotplug.ts"
import * as OnlinePolicy from "./OnlinePolicy.ts"

/**
 * `removable` of every block: it says nothing any more (HOT-19).
 *
 * @category constants
 * @since 0.1.0
 */
export const removable = 1

/**
 * `phys_device` of every block: it says nothing any more (HOT-19).
 *
 * @category constants
 * @since 0.1.0
 */
export const physDevice = 0

/**
 * Neighbouring blocks `first` … `last` that read the same. `validZones` are the zones a block is or can be online in, `none` when it
 * is in several.
 *
 * @category models
 * @since 0.1.0
 */
export interface Attributes {
  readonly first: number
  readonly last: number
  readonly state: "online" | "going-offline" | "offline"
  readonly validZones: string
  readonly physDevice: typeof physDevice
  readonly removable: typeof removable
  readonly nodes: ReadonlyArray<number>
}

/**
 * What the attributes are read from.
 *
 * @category models
 * @since 0.1.0
 */
export interface Source {
  readonly blocks: MemoryBlocks["Service"]
  readonly policy: OnlinePolicy.OnlinePolicy["Service"]
  readonly zones: Zones.Zones["Service"]
}

/**
 * `valid_zones_show()` for the first block of a run.
 *
 * @category queries
 * @since 0.1.0
 */
export const validZones = ({ policy }: Source, run: Run): string => {
  if (run.value.state === "online") return run.value.zone ?? "none"
  const types: ReadonlyArray<ZoneChoice.OnlineType> = ["online", "online_kernel", "online_movable"]
  return [...new Set(types.map((type) => policy.zone(run, type)))].join(" ")
}

/** A run of offline blocks, cut where they begin to choose differently: at spans, and at units of a dynamic group. */
const pieces = ({ blocks, policy, zones }: Source, run: Run): ReadonlyArray<Run> => {
  if (run.value.state === "online") return [run]
  const spans = OnlinePolicy.spansOf(zones.all(), nodeOf(run.value))
  const cut: Array<Run> = []
  for (let { start } = run; start < run.end;) {
    const unit = policy.unitEnd({ ...run, start })
    const end = Math.min(run.end, unit, OnlinePolicy.nextEdge(spans, start, blocks.pages))
    cut.push({ ...run, start, end })
    start = end
  }
  return cut
}

const isSame = (a: Attributes, b: Attributes): boolean =>
  a.last + 1 === b.first && a.state === b.state && a.validZones === b.validZones &&
  a.nodes.join(" ") === b.nodes.join(" ")

const attributesOf = (source: Source, run: Run): Attributes => ({
  first: run.start,
  last: run.end - 1,
  state: run.value.state,
  validZones: validZones(source, run),
  physDevice,
  removable,
  nodes: run.value.nodes
})

/**
 * The attributes of all blocks, ascending, neighbours that read the same as one.
 *
 * @category queries
 * @since 0.1.0
 */
export const runs = (source: Source): ReadonlyArray<Attributes> => {
  const joined: Array<Attributes> = []
  for (const run of source.blocks.runs().flatMap((whole) => pieces(source, whole))) {
    const next = attributesOf(source, run)
    const previous = joined.at(-1)
    if (previous !== undefined && isSame(previous, next)) joined[joined.length - 1] = { ...previous, last: next.last }
    else joined.push(next)
  }
  return joined
}

const refuse = (errno: Errno, problem: string, remedy: string) =>
  Effect.fail(new KernelError({ errno, rule: "HOT-20", step: "state_store", problem, remedy }))

const isOnlineType = (word: string): word is ZoneChoice.OnlineType =>
  word === "online" || word === "online_kernel" || word === "online_movable"

/**
 * Writing a word to `memoryN/state`: ENOENT without the block, EINVAL for a word the kernel does not know or a state the
 * block already has, else whatever the change answers.
 *
 * @category operations
 * @since 0.1.0
 */
export const store = (
  { blocks, hotplug }: Pick<Source, "blocks"> & { readonly hotplug: MemoryHotplug["Service"] },
  block: number,
  text: string
): Effect.Effect<void, KernelError> =>
  Effect.suspend(() => {
    const word = text.replace(/\n$/, "")
    const range = { start: block, end: block + 1 }
    if (blocks.runs(range).length === 0) {
      return refuse("ENOENT", `there is no memory block ${block}`, "name one that exists")
    }
    const change = isOnlineType(word)
      ? hotplug.online(range, word)
      : word === "offline"
      ? hotplug.offline(range)
      : refuse("EINVAL", `'${word.slice(0, 80)}' is no state`, "write online, online_kernel, online_movable or offline")
    return Effect.flatMap(change, (changed) =>
      changed > 0
        ? Effect.void
        : refuse("EINVAL", `memory block ${block} is ${word} already`, "nothing has to be done"))
  })
