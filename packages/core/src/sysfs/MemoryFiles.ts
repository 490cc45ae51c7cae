/**
 * `/sys/devices/system/memory`: memory blocks and what happens to new ones (HOT-17 … HOT-20, 25.4).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as SysfsText from "../devices/SysfsText.ts"
import * as BlockAttributes from "../hotplug/BlockAttributes.ts"
import type { Run } from "../hotplug/MemoryBlocks.ts"
import type { MemoryHotplug } from "../hotplug/MemoryHotplug.ts"
import type { OnlinePolicy, Parameters } from "../hotplug/OnlinePolicy.ts"
import * as SysfsTree from "./SysfsTree.ts"

/**
 * What the files are read from.
 *
 * @category models
 * @since 0.1.0
 */
export interface Source extends BlockAttributes.Source {
  readonly hotplug: MemoryHotplug["Service"]
}

/**
 * Where memory blocks are.
 *
 * @category constants
 * @since 0.1.0
 */
export const path = "/sys/devices/system/memory"

const text = (value: string | number) => SysfsTree.attribute(() => value)

const states: ReadonlyArray<Parameters["defaultState"]> = ["offline", "online", "online_kernel", "online_movable"]

/** `auto_online_blocks`: a word of {@link states}, else EINVAL. */
const autoOnline = (policy: OnlinePolicy["Service"]) =>
  SysfsTree.writable(
    () => policy.parameters().defaultState,
    (written) =>
      Effect.map(
        Effect.fromResult(SysfsText.oneOf(written, states, "25.4")),
        (defaultState) => policy.set({ defaultState })
      )
  )

/** `online`: unlike `state` it takes the state the block has already. */
const writeOnline = ({ hotplug }: Source, block: number, isOnline: boolean) => (written: string) =>
  Effect.flatMap(Effect.fromResult(SysfsText.boolean(written)), (wanted) => {
    const range = { start: block, end: block + 1 }
    if (wanted === isOnline) return Effect.void
    return Effect.asVoid(wanted ? hotplug.online(range, "online") : hotplug.offline(range))
  })

/** The directory of the first block of a run. */
const block = (source: Source, run: Run) => {
  const { start: first, value: { nodes, state } } = run
  return SysfsTree.directory({
    phys_index: text(first.toString(16).padStart(8, "0")),
    state: SysfsTree.writable(() => state, (written) => BlockAttributes.store(source, first, written)),
    online: SysfsTree.writable(() => state === "online" ? 1 : 0, writeOnline(source, first, state === "online")),
    phys_device: text(BlockAttributes.physDevice),
    removable: text(BlockAttributes.removable),
    valid_zones: SysfsTree.attribute(() => BlockAttributes.validZones(source, run)),
    ...Object.fromEntries(
      nodes.map((node) => [`node${node}`, { _tag: "Link", target: `/sys/devices/system/node/node${node}` } as const])
    )
  })
}

/** The numbers of the memory blocks, ascending. */
const numbers = ({ blocks }: Pick<Source, "blocks">): ReadonlyArray<number> =>
  blocks.runs().flatMap(({ end, start }) => Array.from({ length: end - start }, (_, i) => start + i))

/**
 * The directory of memory blocks.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (source: Source): SysfsTree.Directory => {
  const { blocks, policy } = source
  const fixed = SysfsTree.directory({
    auto_online_blocks: autoOnline(policy),
    block_size_bytes: text(blocks.size.toString(16))
  })
  return {
    _tag: "Directory",
    names: () => [...fixed.names(), ...numbers(source).map((number) => `memory${number}`)],
    entry: (name) => {
      const number = /^memory(0|[1-9][0-9]{0,14})$/.exec(name)?.[1]
      if (number === undefined) return fixed.entry(name)
      const [run] = blocks.runs({ start: Number(number), end: Number(number) + 1 })
      return run === undefined ? undefined : block(source, run)
    }
  }
}
