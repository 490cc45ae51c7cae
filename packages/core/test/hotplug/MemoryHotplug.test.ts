import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Result } from "effect"
import { FrameAllocator } from "../../src/frames/FrameAllocator.ts"
import { AcpiMemory } from "../../src/hotplug/AcpiMemory.ts"
import type * as Adding from "../../src/hotplug/Adding.ts"
import * as BlockAttributes from "../../src/hotplug/BlockAttributes.ts"
import { MemoryBlocks } from "../../src/hotplug/MemoryBlocks.ts"
import { MemoryGroups } from "../../src/hotplug/MemoryGroups.ts"
import { MemoryHotplug } from "../../src/hotplug/MemoryHotplug.ts"
import { Nodes } from "../../src/hotplug/Nodes.ts"
import { OnlinePolicy } from "../../src/hotplug/OnlinePolicy.ts"
import { PagePins } from "../../src/hotplug/PagePins.ts"
import { KernelBug } from "../../src/hotplug/Removing.ts"
import { KernelLog } from "../../src/kernel/KernelLog.ts"
import { Locks } from "../../src/kernel/Locks.ts"
import type * as MachineSpec from "../../src/machine/MachineSpec.ts"
import * as Census from "../../src/memmap/Census.ts"
import { Memmap } from "../../src/memmap/Memmap.ts"
import { Iomem } from "../../src/resources/Iomem.ts"
import { Zones } from "../../src/zones/Zones.ts"
import * as Harness from "./Harness.ts"
import * as State from "./State.ts"

const { GiB, MiB } = Harness
const block = 128 * MiB
const pages = block / 4096
/** Block 64: the first at 8 GiB. */
const at = { start: 8 * GiB, size: block, node: 0 }
const one = { start: 64, end: 65 }

const machine = (rest: Partial<MachineSpec.MachineSpec> = {}) => Harness.layer({ ...Harness.small, ...rest })
const hosting = { cmdline: "memory_hotplug.memmap_on_memory=1" }

const answer = <A>(effect: Effect.Effect<A, { readonly errno: string }>) =>
  Effect.map(Effect.result(effect), (done) => Result.isFailure(done) ? done.failure.errno : done.success)

const lines = Effect.flatMap(
  KernelLog,
  (log) => Effect.map(log.recent, (events) => events.flatMap((event) => event._tag === "Line" ? [event.text] : []))
)

const source = Effect.gen(function*() {
  return {
    blocks: yield* MemoryBlocks,
    policy: yield* OnlinePolicy,
    zones: yield* Zones,
    hotplug: yield* MemoryHotplug
  }
})

const observe = State.observe(8 * GiB / 4096, 9 * GiB / 4096)

describe("add_memory", () => {
  it.effect("HOT-1, HOT-2: what it refuses, and that nothing is left then", () =>
    Effect.gen(function*() {
      const hotplug = yield* MemoryHotplug
      const before = yield* observe
      const refused: ReadonlyArray<readonly [string, Adding.Request]> = [
        ["E2BIG", { ...at, start: 2 ** 46 }],
        ["E2BIG", { ...at, bootLimit: 8 * GiB }],
        ["EEXIST", { ...at, start: GiB }],
        ["EINVAL", { ...at, name: "kmem", driverManaged: true }],
        ["EINVAL", { ...at, start: at.start + 64 * MiB }],
        ["EINVAL", { ...at, size: 192 * MiB }],
        ["E2BIG", { ...at, size: 0 }],
        ["EINVAL", { ...at, node: 7 }],
        ["EINVAL", { ...at, group: 7 }],
        ["EINVAL", { ...at, memmapOnMemory: true }]
      ]
      for (const [errno, request] of refused) {
        assert.strictEqual(yield* answer(hotplug.addMemory(request)), errno, JSON.stringify(request))
        assert.deepStrictEqual(yield* observe, before)
        yield* State.check
      }
      assert.include(yield* lines, "Block size [0x8000000] unaligned hotplug range: start 0x200000000, size 0xc000000")
    }).pipe(Effect.provide(machine())))

  it.effect("HOT-12: 6.1 refuses more than a block that should hold its own memmap, 6.6 falls back, 6.8 splits", () =>
    Effect.gen(function*() {
      const add = (kernel: string) =>
        Effect.gen(function*() {
          const hotplug = yield* MemoryHotplug
          const added = yield* answer(hotplug.addMemory({ ...at, size: 2 * block, memmapOnMemory: true }))
          return [added, (yield* MemoryBlocks).runs({ start: 64, end: 66 })[0]?.value.memmap]
        }).pipe(Effect.provide(machine({ ...hosting, kernel })))
      assert.deepStrictEqual(yield* add("6.1.176"), ["EINVAL", undefined])
      assert.deepStrictEqual(yield* add("6.6"), [undefined, null])
      assert.deepStrictEqual(yield* add("6.8"), [undefined, { pages: 512, alloc: 512 }])
    }))

  it.effect("HOT-2: a failure to online is not reported", () =>
    Effect.gen(function*() {
      const hotplug = yield* MemoryHotplug
      const policy = yield* OnlinePolicy
      policy.set({ defaultState: "online" })
      yield* hotplug.addMemory(at)
      assert.strictEqual((yield* MemoryBlocks).runs(one)[0]?.value.state, "online")
    }).pipe(Effect.provide(machine())))

  it.effect("interrupted while it waits for the lock it leaves no resource", () =>
    Effect.gen(function*() {
      const hotplug = yield* MemoryHotplug
      const locks = yield* Locks
      const before = yield* observe
      const holding = yield* Effect.forkChild(locks.memHotplug(Effect.never), { startImmediately: true })
      const adding = yield* Effect.forkChild(hotplug.addMemory(at), { startImmediately: true })
      yield* Effect.yieldNow
      assert.notDeepEqual((yield* observe).shown, before.shown)
      yield* Fiber.interrupt(adding)
      yield* Fiber.interrupt(holding)
      assert.deepStrictEqual(yield* observe, before)
      yield* State.check
    }).pipe(Effect.provide(machine())))

  it.effect("OBS-12, ZON-7, BUG-20: a node comes with its first block and goes with its last, unless it spans something", () =>
    Effect.gen(function*() {
      const hotplug = yield* MemoryHotplug
      const nodes = yield* Nodes
      const far = { ...at, node: 1 }
      yield* hotplug.addMemory(far)
      yield* hotplug.addMemory({ ...far, start: at.start + block })
      assert.deepStrictEqual(nodes.online(), [0, 1])
      yield* hotplug.removeMemory(at)
      assert.deepStrictEqual(nodes.online(), [0, 1], "offline blocks keep a node online")
      yield* hotplug.removeMemory({ ...at, start: at.start + block })
      assert.deepStrictEqual(nodes.online(), [0])
      yield* hotplug.addMemory(far)
      const zones = yield* Zones
      zones.grow({ node: 1, name: "Device" }, { start: 16 * GiB / 4096, end: 17 * GiB / 4096 })
      yield* hotplug.removeMemory(at)
      assert.deepStrictEqual(nodes.online(), [0, 1], "so does the Device zone")
    }).pipe(Effect.provide(machine({ nodes: [{ node: 0 }, { node: 1 }] }))))
})

describe("online and offline", () => {
  it.effect("HOT-7, HOT-14: a block with its own memmap gives one free block of order 9 and 31 of order 10", () =>
    Effect.gen(function*() {
      const hotplug = yield* MemoryHotplug
      const memmap = yield* Memmap
      const zones = yield* Zones
      const first = 4 * GiB / 4096
      yield* hotplug.addMemory({ ...at, start: 4 * GiB, memmapOnMemory: true })
      yield* hotplug.online({ start: 32, end: 33 }, "online")
      const contents = memmap.contents(first, first + pages).map(({ end, start, value }) => [
        start - first,
        end - first,
        value.image._tag === "Free" ? value.image.order : value.image._tag === "Single" ? value.image.flags : null
      ])
      assert.deepStrictEqual(contents, [[0, 512, 0x1400], [512, 1024, 9], [1024, pages, 10]])
      const { managed, present } = zones.of({ node: 0, name: "Normal" })
      assert.deepStrictEqual([present, managed], [32768, 32256])
      assert.strictEqual((yield* FrameAllocator).free(0) > 32256, true)
      yield* hotplug.offline({ start: 32, end: 33 })
      assert.deepStrictEqual(zones.of({ node: 0, name: "Normal" }).present, 0)
      yield* hotplug.removeMemory({ start: 4 * GiB, size: block })
      yield* State.check
      assert.isFalse((yield* KernelLog.pipe(Effect.flatMap((log) => log.recent))).some(({ _tag }) => _tag === "Warn"))
    }).pipe(Effect.provide(machine(hosting))))

  it.effect("SPW-4: offlining leaves struct pages as they were, former list members with list poison", () =>
    Effect.gen(function*() {
      const hotplug = yield* MemoryHotplug
      const memmap = yield* Memmap
      const census = () =>
        Census.take(memmap, 64 * pages, 65 * pages).map((
          { count, page }
        ) => [count, page._tag === "Initialised" ? page.links._tag : page._tag])
      yield* hotplug.addMemory(at)
      assert.deepStrictEqual(census(), [[pages, "Unwritten"]])
      yield* hotplug.online(one, "online_movable")
      assert.deepStrictEqual(census(), [[32736, "Self"], [32, "Listed"]])
      yield* hotplug.offline(one)
      assert.deepStrictEqual(census(), [[32736, "Self"], [32, "ListPoison"]])
    }).pipe(Effect.provide(machine())))

  it.effect("ZON-5: a debug kernel poisons struct pages again when they leave their zone", () =>
    Effect.gen(function*() {
      const hotplug = yield* MemoryHotplug
      const memmap = yield* Memmap
      yield* hotplug.addMemory(at)
      assert.strictEqual(memmap.read(64 * pages)._tag, "Poisoned")
      yield* hotplug.online(one, "online")
      assert.strictEqual(memmap.read(64 * pages)._tag, "Initialised")
      yield* hotplug.offline(one)
      assert.strictEqual(memmap.read(64 * pages)._tag, "Poisoned")
    }).pipe(Effect.provide(machine({ debugPoison: true }))))

  it.effect("HOT-20: writing to state", () =>
    Effect.gen(function*() {
      const all = yield* source
      const write = (n: number, word: string) => answer(BlockAttributes.store(all, n, word))
      yield* all.hotplug.addMemory(at)
      assert.strictEqual(yield* write(64, "on"), "EINVAL")
      assert.strictEqual(yield* write(64, "offline"), "EINVAL")
      assert.strictEqual(yield* write(66, "online"), "ENOENT")
      assert.isUndefined(yield* write(64, "online_movable\n"))
      assert.strictEqual(yield* write(64, "online_kernel"), "EINVAL")
      assert.strictEqual(yield* write(0, "offline"), "EINVAL")
      assert.isUndefined(yield* write(64, "offline"))
    }).pipe(Effect.provide(machine())))

  it.effect("HOT-18: what a block between Movable ones may become", () =>
    Effect.gen(function*() {
      const all = yield* source
      yield* all.hotplug.addMemory({ ...at, size: 4 * block })
      yield* all.hotplug.online({ start: 64, end: 67 }, "online_movable")
      yield* all.hotplug.offline({ start: 65, end: 66 })
      assert.deepStrictEqual(
        BlockAttributes.runs(all).filter(({ first }) => first >= 64).map((
          { first, last, state, validZones }
        ) => [first, last, state, validZones]),
        [
          [64, 64, "online", "Movable"],
          [65, 65, "offline", "Movable Normal"],
          [66, 66, "online", "Movable"],
          [67, 67, "offline", "Normal Movable"]
        ]
      )
    }).pipe(Effect.provide(machine())))

  it.effect("HOT-20: kernel-zone memory the allocator has lent stays online, until it is given back", () =>
    Effect.gen(function*() {
      const hotplug = yield* MemoryHotplug
      const frames = yield* FrameAllocator
      yield* hotplug.addMemory({ ...at, size: 8 * block })
      yield* hotplug.online({ start: 64, end: 72 }, "online_kernel")
      const taken = frames.take({ node: 0, order: 10, count: frames.room(10), purpose: "kernel" })
      for (const { count, start } of taken) if (start < 64 * pages) frames.give(start, count * 1024, "kernel")
      assert.isTrue(taken.some(({ start }) => start >= 64 * pages))
      // Everything but the memory of block 69.
      frames.give(64 * pages, 5 * pages, "kernel")
      frames.give(70 * pages, 2 * pages, "kernel")
      const before = yield* observe
      assert.strictEqual(yield* answer(hotplug.offline({ start: 64, end: 72 })), "EBUSY")
      const blocks = yield* MemoryBlocks
      assert.deepStrictEqual(
        blocks.runs({ start: 64, end: 72 }).map(({ end, start, value }) => [start, end, value.state]),
        [[64, 69, "offline"], [69, 72, "online"]]
      )
      yield* State.check
      frames.give(69 * pages, pages, "kernel")
      assert.strictEqual(yield* hotplug.offline({ start: 64, end: 72 }), 3)
      yield* hotplug.online({ start: 64, end: 72 }, "online_kernel")
      assert.deepStrictEqual((yield* observe).shown, before.shown)
    }).pipe(Effect.provide(machine())))
})

describe("pinned pages", () => {
  const range = { start: 65 * pages + 7, end: 65 * pages + 8 }
  const three = { start: 64, end: 67 }

  const online = Effect.gen(function*() {
    const hotplug = yield* MemoryHotplug
    yield* hotplug.addMemory({ ...at, size: 3 * block })
    yield* hotplug.online(three, "online_movable")
    return hotplug
  })

  it.effect("HOT-8: unmovable pages are EBUSY; blocks before them went offline", () =>
    Effect.gen(function*() {
      const hotplug = yield* online
      const pins = yield* PagePins
      yield* Effect.scoped(Effect.gen(function*() {
        yield* pins.pin(range, "unmovable")
        assert.strictEqual(yield* answer(hotplug.offline(three)), "EBUSY")
        assert.deepStrictEqual(
          (yield* MemoryBlocks).runs(three).map(({ end, start, value }) => [start, end, value.state]),
          [[64, 65, "offline"], [65, 67, "online"]]
        )
        yield* State.check
      }))
      assert.strictEqual(yield* hotplug.offline(three), 2)
    }).pipe(Effect.provide(machine())))

  it.effect("HOT-8: offlining waits for pinned pages, and goes on when they are let go", () =>
    Effect.gen(function*() {
      const hotplug = yield* online
      const pins = yield* PagePins
      const blocks = yield* MemoryBlocks
      yield* Effect.scoped(Effect.gen(function*() {
        yield* pins.pin(range, "pinned")
        const leaving = yield* Effect.forkChild(hotplug.offline(three), { startImmediately: true })
        yield* Effect.yieldNow
        assert.deepStrictEqual(blocks.runs(three).map(({ value }) => value.state), [
          "offline",
          "going-offline",
          "online"
        ])
        return leaving
      })).pipe(Effect.flatMap(Fiber.join))
      assert.deepStrictEqual(blocks.runs(three).map(({ value }) => value.state), ["offline"])
      yield* State.check
    }).pipe(Effect.provide(machine())))

  it.effect("HOT-8: a signal ends the wait; isolation is undone and no lock is kept", () =>
    Effect.gen(function*() {
      const hotplug = yield* online
      const pins = yield* PagePins
      yield* pins.pin(range, "pinned")
      const middle = { start: 65, end: 66 }
      const before = yield* observe
      const leaving = yield* Effect.forkChild(hotplug.offline(middle), { startImmediately: true })
      yield* Effect.yieldNow
      yield* Fiber.interrupt(leaving)
      assert.deepStrictEqual(yield* observe, before)
      yield* State.check
    }).pipe(Effect.scoped, Effect.provide(machine())))

  it.effect("only pages that are online can be pinned", () =>
    Effect.gen(function*() {
      const hotplug = yield* online
      yield* hotplug.offline({ start: 66, end: 67 })
      const pins = yield* PagePins
      const across = { start: 66 * pages - 1, end: 66 * pages + 1 }
      assert.strictEqual(yield* answer(Effect.scoped(pins.pin(across, "pinned"))), "EFAULT")
    }).pipe(Effect.provide(machine())))
})

describe("remove_memory", () => {
  it.effect("HOT-9: EBUSY while a block is online; dies of the kernel's BUG when misaligned", () =>
    Effect.gen(function*() {
      const hotplug = yield* MemoryHotplug
      yield* hotplug.addMemory({ ...at, size: 2 * block })
      yield* hotplug.online({ start: 65, end: 66 }, "online")
      const before = yield* observe
      assert.strictEqual(yield* answer(hotplug.removeMemory({ ...at, size: 2 * block })), "EBUSY")
      assert.include(
        yield* lines,
        "removing memory fails, because memory [0x0000000208000000-0x000000020fffffff] is onlined"
      )
      const died = yield* Effect.exit(hotplug.removeMemory({ ...at, size: MiB }))
      assert.isTrue(Exit.isFailure(died) && Cause.squash(died.cause) instanceof KernelBug)
      assert.deepStrictEqual(yield* observe, before)
      yield* State.check
    }).pipe(Effect.provide(machine())))

  it.effect("HOT-9: part of what was added may go; its resource is trimmed", () =>
    Effect.gen(function*() {
      const hotplug = yield* MemoryHotplug
      const iomem = yield* Iomem
      const ram = () =>
        iomem.tree().children.filter(({ start }) => start >= 8 * GiB).map(({ end, start }) => [start, end + 1])
      yield* hotplug.addMemory({ ...at, size: 5 * block })
      yield* hotplug.removeMemory({ ...at, start: at.start + 2 * block })
      assert.deepStrictEqual(ram(), [
        [at.start, at.start + 2 * block],
        [at.start + 3 * block, at.start + 5 * block]
      ])
      yield* hotplug.removeMemory(at)
      assert.deepStrictEqual(ram()[0], [at.start + block, at.start + 2 * block])
      yield* hotplug.addMemory(at)
      yield* State.check
    }).pipe(Effect.provide(machine())))

  it.effect("HOT-9, HOT-13: blocks with their own memmap go as they came, and altmaps come out even", () =>
    Effect.gen(function*() {
      const remove = (kernel: string) =>
        Effect.gen(function*() {
          const hotplug = yield* MemoryHotplug
          const before = yield* observe
          const second = { ...at, start: at.start + block }
          const both = { ...at, size: 2 * block }
          yield* hotplug.addMemory({ ...at, memmapOnMemory: true })
          yield* hotplug.addMemory({ ...second, memmapOnMemory: true })
          yield* hotplug.removeMemory(at)
          yield* hotplug.removeMemory(second)
          assert.deepStrictEqual(yield* observe, before)
          if (kernel === "6.8") {
            yield* hotplug.addMemory({ ...both, memmapOnMemory: true })
            yield* hotplug.removeMemory(both)
            assert.deepStrictEqual(yield* observe, before)
          }
          yield* hotplug.addMemory({ ...at, memmapOnMemory: true })
          yield* hotplug.addMemory({ ...second, memmapOnMemory: true })
          const alike = yield* answer(hotplug.removeMemory(both))
          const other = { ...at, start: at.start + 2 * block }
          yield* hotplug.addMemory({ ...other, memmapOnMemory: true })
          yield* hotplug.addMemory({ ...other, start: other.start + block })
          const mixed = yield* answer(hotplug.removeMemory({ ...other, size: 2 * block }))
          yield* State.check
          return [alike, mixed]
        }).pipe(Effect.provide(machine({ ...hosting, kernel })))
      assert.deepStrictEqual(yield* remove("6.1.176"), ["EINVAL", "EINVAL"])
      assert.deepStrictEqual(yield* remove("6.8"), [undefined, "EINVAL"])
    }))

  it.effect("HOT-9: offline_and_remove_memory onlines again, as it was, what it had taken offline", () =>
    Effect.gen(function*() {
      const hotplug = yield* MemoryHotplug
      const pins = yield* PagePins
      yield* hotplug.addMemory({ ...at, size: 3 * block })
      yield* hotplug.online({ start: 64, end: 65 }, "online_movable")
      yield* hotplug.online({ start: 65, end: 66 }, "online_kernel")
      const before = yield* observe
      yield* Effect.scoped(Effect.gen(function*() {
        yield* pins.pin({ start: 65 * pages, end: 65 * pages + 1 }, "unmovable")
        assert.strictEqual(yield* answer(hotplug.offlineAndRemove({ ...at, size: 3 * block })), "EBUSY")
      }))
      assert.deepStrictEqual((yield* observe).shown, before.shown)
      yield* State.check
      yield* hotplug.offlineAndRemove({ ...at, size: 3 * block })
      assert.deepStrictEqual((yield* MemoryBlocks).runs({ start: 64, end: 67 }), [])
      yield* State.check
    }).pipe(Effect.provide(machine())))
})

describe("ACPI memory", () => {
  it.effect("OBS-5, HOT-12, HOT-22: one resource each, memmap by the size of the device, ejecting spares neighbours", () =>
    Effect.gen(function*() {
      const acpi = yield* AcpiMemory
      const groups = yield* MemoryGroups
      const hotplug = yield* MemoryHotplug
      yield* acpi.plug(at)
      const before = yield* observe
      yield* acpi.plug({ ...at, start: at.start + block, size: 2 * block })
      assert.deepStrictEqual(
        (yield* MemoryBlocks).runs({ start: 64, end: 67 }).map(({ value }) => value.memmap?.pages ?? null),
        [512, null]
      )
      assert.deepStrictEqual(groups.all().map((group) => group.kind === "static" ? group.maxPages : 0), [
        pages,
        2 * pages
      ])
      assert.strictEqual(yield* answer(Effect.fromResult(groups.unregister(1))), "EBUSY")
      yield* hotplug.online({ start: 65, end: 67 }, "online_movable")
      assert.strictEqual(groups.find(1)?.movable, 2 * pages)
      yield* acpi.eject(at.start + block)
      const after = yield* observe
      assert.deepStrictEqual({ ...after, groups: before.groups }, before)
      assert.strictEqual(groups.all().length, 1)
      assert.strictEqual(yield* answer(acpi.eject(at.start + block)), "ENODEV")
    }).pipe(Effect.provide(machine(hosting))))

  it.effect("HOT-22: blocks of a device that cannot go are online again, where plain online has them; an odd one never comes", () =>
    Effect.gen(function*() {
      const acpi = yield* AcpiMemory
      const groups = yield* MemoryGroups
      const hotplug = yield* MemoryHotplug
      const pins = yield* PagePins
      assert.strictEqual(yield* answer(acpi.plug({ ...at, size: 192 * MiB })), "EINVAL")
      assert.deepStrictEqual([acpi.devices(), groups.all()], [[], []])
      yield* acpi.plug({ ...at, size: 2 * block })
      yield* hotplug.online({ start: 64, end: 66 }, "online_movable")
      yield* pins.pin({ start: 65 * pages, end: 65 * pages + 1 }, "unmovable")
      assert.strictEqual(yield* answer(acpi.eject(at.start)), "EBUSY")
      const blocks = yield* MemoryBlocks
      assert.deepStrictEqual(
        blocks.runs({ start: 64, end: 66 }).map(({ end, start, value }) => [start, end, value.state, value.zone]),
        [[64, 65, "online", "Normal"], [65, 66, "online", "Movable"]]
      )
      assert.strictEqual(acpi.devices().length, 1)
    }).pipe(Effect.scoped, Effect.provide(machine())))
})
