/**
 * The memory blocks of a dax device in system-ram mode, as libdaxctl counts and changes them (25.4, 25.5, OBS-28).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as SysfsTree from "../sysfs/SysfsTree.ts"
import * as DaxTree from "./DaxTree.ts"
import * as NameHash from "./NameHash.ts"
import * as ToolFailure from "./ToolFailure.ts"

type Tree = SysfsTree.SysfsTree["Service"]

/**
 * What the operations need: the device, the directory of memory blocks (there may be very many of them), and where the library's
 * own complaints go.
 *
 * @category models
 * @since 0.1.0
 */
export interface Memory {
  readonly folder: Tree
  readonly device: DaxTree.Device
  readonly say: ToolFailure.Say
}

const base = "/sys/devices/system"

/**
 * The memory of a device, `undefined` unless the device is in system-ram mode.
 *
 * @category constructors
 * @since 0.1.0
 */
export const of = (tree: Tree, device: DaxTree.Device, say: ToolFailure.Say): Memory | undefined =>
  DaxTree.driverOf(tree, device) === "kmem"
    ? { folder: SysfsTree.below(tree, `${base}/memory`), device, say }
    : undefined

const complain = ({ device, say }: Memory, step: string, text: string) =>
  say(`libdaxctl: ${step}: ${device.name}: ${text}`)

const attribute = ({ device }: Memory, block: string, name: string) =>
  `${base}/node/node${device.targetNode}/${block}/${name}`

const read = (memory: Memory, step: string, block: string, name: string) =>
  SysfsTree.read(memory.folder, `${block}/${name}`).pipe(
    Effect.map((text) => text.trimEnd()),
    ToolFailure.fromKernel,
    Effect.tapError(({ message }) =>
      Effect.sync(() => complain(memory, step, `Failed to read ${attribute(memory, block, name)}: ${message}`))
    )
  )

/** 0 where it is not known. */
const blockSize = ({ folder }: Memory) =>
  SysfsTree.read(folder, "block_size_bytes").pipe(
    Effect.map((text) => /^[0-9a-f]{1,13}\s*$/i.test(text) ? Number.parseInt(text, 16) : 0),
    Effect.orElseSucceed(() => 0)
  )

/**
 * The blocks of the node whose start lies in the device, in the order the directory is read. ENXIO without a node or block size,
 * EACCES without a resource.
 */
const blocks = Effect.fnUntraced(function*(memory: Memory) {
  const { device: { resource, size, targetNode }, folder: { root } } = memory
  if (targetNode === undefined) {
    complain(memory, "daxctl_memory_op", "Failed to get node_path")
    return yield* ToolFailure.fail("ENXIO")
  }
  if (resource === 0) {
    complain(memory, "memblock_in_dev", "Unable to determine resource")
    return yield* ToolFailure.fail("EACCES")
  }
  const unit = yield* blockSize(memory)
  if (unit === 0) {
    complain(memory, "memblock_in_dev", "Unable to determine memory block size")
    return yield* ToolFailure.fail("ENXIO")
  }
  const inside = root.names().filter((name) => {
    const start = Number(/^memory([0-9]{1,12})$/.exec(name)?.[1]) * unit
    if (!(start >= resource && start < resource + size)) return false
    const block = root.entry(name)
    return block?._tag === "Directory" && block.entry(`node${targetNode}`) !== undefined
  })
  return NameHash.order(inside).toReversed()
})

const isOnline = (memory: Memory, block: string) =>
  Effect.map(read(memory, "memblock_is_online", block, "state"), (state) => state.startsWith("online"))

/** Stops at the first block that fails. */
const count = Effect.fnUntraced(function*<E>(memory: Memory, counts: (block: string) => Effect.Effect<boolean, E>) {
  let total = 0
  for (const block of yield* blocks(memory)) if (yield* counts(block)) total++
  return total
})

/**
 * How many blocks there are.
 *
 * @category queries
 * @since 0.1.0
 */
export const total = (memory: Memory): Effect.Effect<number, ToolFailure.ToolFailure> =>
  Effect.map(blocks(memory), (names) => names.length)

/**
 * How many blocks are online.
 *
 * @category queries
 * @since 0.1.0
 */
export const online = (memory: Memory): Effect.Effect<number, ToolFailure.ToolFailure> =>
  count(memory, (block) => isOnline(memory, block))

/**
 * Whether all blocks are in zone Movable. ENXIO when one is offline.
 *
 * @category queries
 * @since 0.1.0
 */
export const isMovable = Effect.fnUntraced(function*(memory: Memory) {
  const zones = new Set<string>()
  yield* count(
    memory,
    Effect.fnUntraced(function*(block: string) {
      if (!(yield* isOnline(memory, block))) return yield* ToolFailure.fail("ENXIO")
      zones.add(yield* read(memory, "memblock_find_zone", block, "valid_zones"))
      return true
    })
  )
  return zones.size === 1 && zones.has("Movable")
})

const write = ({ folder }: Memory, block: string, state: string) =>
  ToolFailure.fromKernel(SysfsTree.write(folder, `${block}/state`, state))

/**
 * Puts the blocks that are offline online, and counts them. A block that fails ends it, unless somebody else was faster.
 *
 * @category operations
 * @since 0.1.0
 */
export const putOnline = (
  memory: Memory,
  zone: "kernel" | "movable"
): Effect.Effect<number, ToolFailure.ToolFailure> =>
  count(
    memory,
    Effect.fnUntraced(function*(block: string) {
      if (yield* isOnline(memory, block)) return false
      // for a kernel zone the tool leaves the choice to the kernel's policy
      yield* write(memory, block, zone === "movable" ? "online_movable" : "online").pipe(
        Effect.catch((error) =>
          Effect.flatMap(isOnline(memory, block), (raced) => raced ? Effect.void : Effect.fail(error))
        )
      )
      return true
    })
  )

/**
 * Takes the blocks that are online offline, and counts them. EOPNOTSUPP for one that says it cannot go; a block that fails ends
 * it, unless somebody else was faster.
 *
 * @category operations
 * @since 0.1.0
 */
export const putOffline = (memory: Memory): Effect.Effect<number, ToolFailure.ToolFailure> =>
  count(
    memory,
    Effect.fnUntraced(function*(block: string) {
      if (!(yield* isOnline(memory, block))) return false
      if ((yield* read(memory, "memblock_is_removable", block, "removable")) === "0") {
        complain(memory, "offline_one_memblock", `${block} is unremovable`)
        return yield* ToolFailure.fail("EOPNOTSUPP")
      }
      const done = yield* Effect.result(write(memory, block, "offline"))
      if (done._tag === "Success") return true
      if (!(yield* isOnline(memory, block))) return false
      const path = attribute(memory, block, "state")
      complain(memory, "offline_one_memblock", `Failed to offline ${path}: ${done.failure.message}`)
      return yield* done.failure
    })
  )
