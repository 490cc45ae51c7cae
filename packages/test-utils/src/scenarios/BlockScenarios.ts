/**
 * Memory blocks that come, go online and offline, and leave, at the same time.
 *
 * @since 0.1.0
 */
import { Faults } from "@vmemmap/core/frames/Faults"
import * as PfnRange from "@vmemmap/core/geometry/PfnRange"
import { GiB, MiB } from "@vmemmap/core/geometry/Units"
import { MemoryHotplug } from "@vmemmap/core/hotplug/MemoryHotplug"
import type * as MachineSpec from "@vmemmap/core/machine/MachineSpec"
import * as Effect from "effect/Effect"
import { device, mapped, pageSize, small, user } from "./Devices.ts"
import type { Scenario } from "./Scenario.ts"
import * as Walkers from "./Walkers.ts"

const blockSize = 128 * MiB

const start = 8 * GiB

/** Two nodes with RAM; what is added belongs to the second. */
const twoNodes: MachineSpec.MachineSpec = {
  kernel: "6.1",
  ranges: [
    { kind: "ram", start: 0, size: GiB, node: 0 },
    { kind: "ram", start: 4 * GiB, size: GiB, node: 1 }
  ]
}

/** A node that has no memory yet. */
const emptyNode: MachineSpec.MachineSpec = {
  ...small,
  nodes: [{ node: 0, cpus: 1 }, { node: 1, cpus: 0 }]
}

/** The block numbers of so many blocks from the first on. */
const blocks = (first: number, count: number) => PfnRange.fromLength(start / blockSize + first, count)

const bytes = (first: number, count: number) => ({ start: start + first * blockSize, size: count * blockSize })

const using = <A, E>(
  use: (hotplug: MemoryHotplug["Service"]) => Effect.Effect<A, E>
): Effect.Effect<A, E, MemoryHotplug> => Effect.flatMap(Effect.service(MemoryHotplug), use)

const add = (first: number, count: number, node = 0) => {
  const { size, start } = bytes(first, count)
  return using(({ addMemory }) => addMemory({ start, size, node }))
}

const online = (first: number, count = 1) => using((hotplug) => hotplug.online(blocks(first, count), "online_kernel"))

const offline = (first: number, count = 1) => using((hotplug) => hotplug.offline(blocks(first, count)))

const remove = (first: number, count: number) => using((hotplug) => hotplug.removeMemory({ ...bytes(first, count) }))

/** A pfn of a block. */
const pfn = (first: number) => (start + first * blockSize) / pageSize

/**
 * @category scenarios
 * @since 0.1.0
 */
export const blocksOnline: ReadonlyArray<Scenario> = [
  {
    name: "add-online-walk",
    about: "memory is added and goes online while somebody walks online pages",
    rules: ["HOT-1", "HOT-7", "LCK-9", "SEC-7"],
    machine: small,
    setup: Effect.succeed({
      add: Effect.andThen(add(0, 1), online(0)),
      walker: Effect.forEach([0, 1], () => Walkers.onlineWalker(pfn(0)), { discard: true })
    }),
    preemptions: 2
  },
  {
    name: "offline-walk",
    about: "a block goes offline and is removed while somebody walks online pages",
    rules: ["HOT-8", "LCK-2", "LCK-9"],
    machine: small,
    setup: Effect.as(Effect.andThen(add(0, 1), online(0)), {
      remove: Effect.andThen(offline(0), remove(0, 1)),
      walker: Effect.forEach([0, 1], () => Walkers.onlineWalker(pfn(0)), { discard: true })
    }),
    preemptions: 2
  },
  {
    name: "online-remove",
    about: "one writer puts a block online while another removes it",
    rules: ["HOT-7", "HOT-9", "LCK-11.8"],
    machine: small,
    setup: Effect.as(add(0, 1), {
      online: Effect.ignore(online(0)),
      remove: Effect.ignore(remove(0, 1))
    }),
    preemptions: 2
  },
  {
    name: "offline-middle",
    about: "the middle of three blocks goes offline while the last goes online: the zone spans what is online",
    rules: ["ZON-6", "LCK-11.6", "BUG-12"],
    machine: small,
    setup: Effect.as(Effect.andThen(add(0, 3), online(0, 2)), {
      offline: offline(1),
      online: online(2)
    }),
    preemptions: 2
  },
  {
    name: "two-adders",
    about: "memory is added twice at the same place, and beside it",
    rules: ["HOT-1", "SEC-10", "LCK-1"],
    machine: small,
    setup: Effect.succeed({
      first: Effect.ignore(add(0, 1)),
      again: Effect.ignore(add(0, 1)),
      beside: Effect.ignore(add(1, 1))
    }),
    preemptions: 1
  },
  {
    name: "node-goes",
    about: "the last block of a node is removed while another is being added to it",
    rules: ["HOT-9", "ZON-7", "BUG-20"],
    machine: emptyNode,
    setup: Effect.as(add(0, 1, 1), {
      remove: Effect.ignore(remove(0, 1)),
      add: Effect.ignore(add(1, 1, 1))
    }),
    preemptions: 1
  },
  {
    name: "own-memmap",
    about: "blocks that hold their own memmap go online and offline at the same time",
    rules: ["HOT-13", "HOT-14", "BUG-17"],
    machine: { ...small, cmdline: "memory_hotplug.memmap_on_memory=1" },
    setup: Effect.as(
      Effect.forEach(
        [0, 1],
        (i) => using(({ addMemory }) => addMemory({ ...bytes(i, 1), node: 0, memmapOnMemory: true })),
        { discard: true }
      ),
      { online: online(0), other: Effect.andThen(online(1), offline(1)) }
    ),
    preemptions: 2
  },
  {
    name: "own-memmap-fails",
    about: "the device of a block that holds its own memmap cannot be made, while memory is added beside it",
    rules: ["HOT-2", "HOT-13", "BUG-18"],
    machine: { ...small, cmdline: "memory_hotplug.memmap_on_memory=1" },
    setup: Effect.map(Effect.service(Faults), (faults) => {
      faults.arm(1)
      return {
        own: Effect.ignore(using(({ addMemory }) => addMemory({ ...bytes(0, 1), node: 0, memmapOnMemory: true }))),
        other: Effect.ignore(Effect.andThen(add(2, 1), online(2)))
      }
    }),
    preemptions: 1
  },
  {
    name: "two-nodes",
    about: "memory of two nodes goes online at the same time",
    rules: ["ZON-2", "ZON-3", "LCK-11.6", "LCK-11.8"],
    machine: twoNodes,
    setup: Effect.as(Effect.andThen(add(0, 1, 0), add(1, 1, 1)), {
      first: online(0),
      second: online(1)
    }),
    preemptions: 2
  },
  {
    name: "node-comes",
    about: "the first two blocks of a node are added at the same time: whoever comes first brings it up",
    rules: ["HOT-1", "ZON-7", "LCK-1"],
    machine: emptyNode,
    setup: Effect.succeed({ first: add(0, 1, 1), second: add(1, 1, 1) }),
    preemptions: 2
  },
  {
    name: "poison-walk",
    about: "on a kernel that poisons struct pages a block comes and goes while somebody walks online pages",
    rules: ["HOT-8", "SEC-10", "LCK-9"],
    machine: { ...small, debugPoison: true },
    setup: Effect.succeed({
      block: Effect.andThen(Effect.andThen(add(0, 1), online(0)), Effect.andThen(offline(0), remove(0, 1))),
      walker: Walkers.onlineWalker(pfn(0))
    }),
    preemptions: 2
  },
  {
    name: "node-keeps-device",
    about: "the only memory of a node is removed while a device of it is mapped",
    rules: ["HOT-9", "ZON-5", "ZON-7", "BUG-20"],
    machine: emptyNode,
    setup: Effect.gen(function*() {
      yield* mapped(device("pmem0", start + 4 * GiB, 128 * MiB, { node: 1 }))
      yield* add(0, 1, 1)
      return {
        remove: Effect.ignore(remove(0, 1)),
        user: user((start + 4 * GiB) / pageSize)
      }
    })
  },
  {
    name: "boot-block-again",
    about: "a block of boot RAM was removed and added again; it is removed once more while somebody asks pfn_valid()",
    rules: ["SEC-14", "BUG-6"],
    machine: small,
    setup: Effect.gen(function*() {
      const own = { start: 5 * blockSize, size: blockSize }
      const numbers = PfnRange.fromLength(5, 1)
      yield* using((hotplug) => hotplug.offline(numbers))
      yield* using((hotplug) => hotplug.removeMemory(own))
      yield* using((hotplug) => hotplug.addMemory({ ...own, node: 0 }))
      return {
        remove: using((hotplug) => hotplug.removeMemory(own)),
        walker: Walkers.pfnValid(own.start / pageSize)
      }
    })
  }
]
