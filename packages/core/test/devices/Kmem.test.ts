import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, type Layer, Result, Scope } from "effect"
import { DaxBus } from "../../src/devices/DaxBus.ts"
import * as DaxDevices from "../../src/devices/DaxDevices.ts"
import * as Kmem from "../../src/devices/Kmem.ts"
import * as Faults from "../../src/frames/Faults.ts"
import * as FrameAllocator from "../../src/frames/FrameAllocator.ts"
import * as MemoryBlocks from "../../src/hotplug/MemoryBlocks.ts"
import * as MemoryGroups from "../../src/hotplug/MemoryGroups.ts"
import * as MemoryHotplug from "../../src/hotplug/MemoryHotplug.ts"
import * as Memmap from "../../src/memmap/Memmap.ts"
import * as Iomem from "../../src/resources/Iomem.ts"
import type * as ResourceTree from "../../src/resources/ResourceTree.ts"
import * as Hotplug from "../hotplug/Harness.ts"
import * as Dax from "./DaxHarness.ts"

const { GiB, MiB } = Dax
const start = 8 * GiB
const block = 128 * MiB

type Machine = Layer.Success<ReturnType<typeof Dax.layer>> | Scope.Scope

const test = <A, E>(name: string, body: Effect.Effect<A, E, Machine>, layer = Dax.layer()) =>
  it.effect(name, () => Effect.provide(body, layer))

/**
 * What `daxctl reconfigure-device -m system-ram` does to the bus: the driver is told the name, which makes it try, and then
 * to bind the device; EBUSY says that it has.
 */
const toRam = Effect.fnUntraced(function*(name: string) {
  const bus = yield* DaxDevices.DaxDevices
  yield* Effect.ignore(bus.unbind("device_dax", name))
  yield* bus.newId("kmem", name)
  return yield* bus.bind("kmem", name).pipe(
    Effect.catchIf(
      ({ errno }) => errno === "EBUSY" && bus.list().some((d) => d.name === name && d.driver === "kmem"),
      () => Effect.void
    ),
    Effect.result
  )
})

const driver = Effect.fnUntraced(function*(name: string) {
  return (yield* DaxDevices.DaxDevices).list().find((device) => device.name === name)?.driver
})

const blocksOf = Effect.map(
  MemoryBlocks.MemoryBlocks,
  ({ runs }) =>
    runs().flatMap(({ end, start, value }) => value.isBoot ? [] : [`${start}-${end - 1} ${value.state} ${value.nodes}`])
)

/** What must be as before when nothing came of it. */
const state = Effect.gen(function*() {
  return {
    tree: (yield* Iomem.Iomem).tree(),
    blocks: yield* blocksOf,
    groups: (yield* MemoryGroups.MemoryGroups).all(),
    slow: (yield* Kmem.Kmem).slowNodes()
  }
})

const offline = Effect.flatMap(
  MemoryHotplug.MemoryHotplug,
  ({ offline }) => Effect.ignore(offline({ start: start / block, end: 16 * GiB / block }))
)

const online = Effect.flatMap(
  MemoryHotplug.MemoryHotplug,
  ({ online }) => online({ start: start / block, end: 16 * GiB / block }, "online_movable")
)

const attach = (asked: Parameters<typeof Dax.static_>[0]) =>
  Effect.flatMap(DaxBus, ({ attach }) => attach(Dax.static_(asked)))

describe("Kmem", () => {
  test(
    "25.1, 25.8: trimmed to blocks, resource not busy with its child, static group, slow tier, no memmap for the rest",
    Effect.gen(function*() {
      yield* attach({ start, end: start + 2 * GiB })
      assert.deepStrictEqual(yield* Dax.iomem, ["200200000-27fffffff : dax0.0"])
      const before = yield* state
      assert.isTrue(Result.isSuccess(yield* toRam("dax0.0")))
      assert.deepStrictEqual(yield* Dax.iomem, [
        "208000000-27fffffff : dax0.0",
        "  208000000-27fffffff : System RAM (kmem)"
      ])
      assert.deepStrictEqual(yield* blocksOf, ["65-79 offline 0"])
      assert.deepInclude((yield* MemoryGroups.MemoryGroups).all()[0], { kind: "static", node: 0, maxPages: 15 * 32768 })
      assert.deepStrictEqual((yield* Kmem.Kmem).slowNodes(), [0])
      yield* online
      const memmap = yield* Memmap.Memmap
      assert.strictEqual(memmap.read(start / 4096 + 512)._tag, "Unwritten")
      assert.strictEqual(memmap.read((start + block) / 4096)._tag, "Initialised")
      const bus = yield* DaxDevices.DaxDevices
      for (let round = 0; round < 3; round++) {
        yield* offline
        yield* bus.unbind("kmem", "dax0.0")
        yield* bus.bind("device_dax", "dax0.0")
        assert.deepStrictEqual(yield* state, before)
        yield* toRam("dax0.0")
        yield* online
      }
      assert.deepStrictEqual(yield* Dax.warns, [])
    })
  )

  test(
    "OBS-28, OBS-29: too small: every probe says so, the driver core too, and the device stays unbound",
    Effect.gen(function*() {
      yield* attach({ start, end: start + 112 * MiB })
      const done = yield* toRam("dax0.0")
      assert.strictEqual(Result.isFailure(done) && done.failure.errno, "EINVAL")
      const lines = [
        "kmem dax0.0: mapping0: 0x200200000-0x206ffffff too small after alignment",
        "kmem dax0.0: rejecting DAX region without any memory after alignment",
        "kmem: probe of dax0.0 failed with error -22"
      ]
      assert.deepStrictEqual((yield* Dax.lines).filter((line) => line.includes("kmem")), [...lines, ...lines])
      assert.isNull(yield* driver("dax0.0"))
      assert.deepStrictEqual(yield* Dax.iomem, [])
    })
  )

  test(
    "25.1 step 1: without a target node EINVAL",
    Effect.gen(function*() {
      yield* attach({ start, end: start + GiB, targetNode: -1 })
      const done = yield* toRam("dax0.0")
      assert.strictEqual(Result.isFailure(done) && done.failure.errno, "EINVAL")
      assert.include(yield* Dax.lines, "kmem dax0.0: rejecting DAX region with invalid node: -1")
    })
  )

  test(
    "25.1: an impossible node is refused by the memory group; tier and bookkeeping are undone",
    Effect.gen(function*() {
      yield* attach({ start, end: start + GiB, targetNode: 5 })
      yield* (yield* DaxDevices.DaxDevices).unbind("device_dax", "dax0.0")
      const before = yield* state
      const done = yield* toRam("dax0.0")
      assert.strictEqual(Result.isFailure(done) && done.failure.rule, "HOT-15")
      assert.deepStrictEqual(yield* state, before)
    })
  )

  /** A dynamic device of three ranges: a whole one, one without a whole block, a whole one. */
  const three = Effect.gen(function*() {
    const bus = yield* DaxDevices.DaxDevices
    yield* bus.attach({ region: 1, start, end: start + 8 * GiB, node: 0, targetNode: 0, isIdle: true })
    for (const [from, length] of [[0, 256 * MiB], [512 * MiB, 64 * MiB], [GiB, 256 * MiB]] as const) {
      yield* bus.change({
        _tag: "Mapping",
        name: "dax1.0",
        range: { start: start + from, end: start + from + length }
      })
    }
    return bus
  })

  test(
    "25.1 step 6: success when only some ranges could be added; the others are skipped",
    Effect.gen(function*() {
      yield* three
      const iomem = yield* Iomem.Iomem
      iomem.request({ start: start + GiB + 2 * MiB, size: 2 * MiB, name: "other" })
      assert.isTrue(Result.isSuccess(yield* toRam("dax1.0")))
      assert.deepStrictEqual(yield* blocksOf, ["64-65 offline 0"])
      assert.deepStrictEqual((yield* Dax.lines).filter((line) => line.startsWith("kmem")), [
        "kmem dax1.0: mapping1: 0x220000000-0x223ffffff too small after alignment",
        "kmem dax1.0: mapping2: 0x240000000-0x24fffffff could not reserve region"
      ])
    })
  )

  test(
    "25.1 step 5: when the first range cannot be reserved nothing is added and EBUSY is returned",
    Effect.gen(function*() {
      yield* three
      const iomem = yield* Iomem.Iomem
      iomem.request({ start: start + 2 * MiB, size: 2 * MiB, name: "other" })
      const before = yield* state
      const done = yield* toRam("dax1.0")
      assert.strictEqual(Result.isFailure(done) && done.failure.errno, "EBUSY")
      assert.deepStrictEqual(yield* state, before)
    })
  )

  test(
    "25.5: a device with a range that was never added keeps its group and tier",
    Effect.gen(function*() {
      const bus = yield* three
      yield* toRam("dax1.0")
      yield* bus.unbind("kmem", "dax1.0")
      assert.deepStrictEqual(yield* blocksOf, [])
      assert.deepStrictEqual(yield* Dax.iomem, [])
      assert.strictEqual((yield* MemoryGroups.MemoryGroups).all().length, 1)
    })
  )

  test(
    "25.5: unbinding with online blocks leaks resource, name, group and blocks until reboot; later users get EBUSY",
    Effect.gen(function*() {
      const bus = yield* DaxDevices.DaxDevices
      const namespace = yield* Scope.make()
      yield* Scope.provide(attach({ start, end: start + GiB }), namespace)
      yield* toRam("dax0.0")
      yield* online
      yield* bus.unbind("kmem", "dax0.0")
      assert.isNull(yield* driver("dax0.0"))
      assert.include(
        yield* Dax.lines,
        "kmem dax0.0: mapping0: 0x208000000-0x23fffffff cannot be hotremoved until the next reboot"
      )
      const leaked = ["208000000-23fffffff : dax0.0", "  208000000-23fffffff : System RAM (kmem)"]
      assert.deepStrictEqual(yield* Dax.iomem, leaked)
      assert.deepStrictEqual(yield* blocksOf, ["65-71 online 0"])
      assert.strictEqual((yield* MemoryGroups.MemoryGroups).all().length, 1)
      assert.deepStrictEqual((yield* Kmem.Kmem).slowNodes(), [0])
      assert.strictEqual(yield* Dax.errno(bus.bind("device_dax", "dax0.0")), "EBUSY")
      assert.strictEqual(yield* Dax.errno(bus.bind("kmem", "dax0.0")), "EBUSY")
      yield* Scope.close(namespace, Exit.void)
      assert.deepStrictEqual(bus.list(), [])
      yield* attach({ start, end: start + GiB, id: 1 })
      assert.isNull(yield* driver("dax0.1"))
      assert.include(yield* Dax.lines, "device_dax: probe of dax0.1 failed with error -16")
      assert.deepStrictEqual(yield* Dax.iomem, leaked)
    })
  )

  test(
    "25.3: a block of 2 GiB swallows small devices, and trims large ones",
    Effect.gen(function*() {
      yield* attach({ start: 4 * GiB, end: 5 * GiB })
      assert.isTrue(Result.isFailure(yield* toRam("dax0.0")))
      yield* attach({ start: 256 * GiB, end: 384 * GiB, id: 1 })
      assert.isTrue(Result.isSuccess(yield* toRam("dax0.1")))
      const { size } = yield* MemoryBlocks.MemoryBlocks
      assert.strictEqual(size, 2 * GiB)
      assert.include(yield* Dax.iomem, "  4080000000-5fffffffff : System RAM (kmem)")
    }),
    Dax.layer({
      kernel: "6.1.176",
      hypervisor: false,
      ranges: [{ start: 0, size: 2 * GiB, kind: "ram" }, { start: 128 * GiB, size: 64 * GiB, kind: "ram" }]
    })
  )

  test(
    "25.6: from 6.8 on CXL memory holds its own memmap, block by block, if the machine allows it and nobody says otherwise",
    Effect.gen(function*() {
      const bus = yield* DaxDevices.DaxDevices
      const frames = yield* FrameAllocator.FrameAllocator
      yield* bus.attach({ region: 1, start, end: start + GiB, node: 0, targetNode: 0, memmapOnMemory: true })
      yield* bus.unbind("device_dax", "dax1.0")
      const before = frames.free(0)
      yield* toRam("dax1.0")
      const { runs } = yield* MemoryBlocks.MemoryBlocks
      assert.deepStrictEqual(runs().filter(({ value }) => !value.isBoot).map(({ value }) => value.memmap?.pages), [512])
      assert.isAtMost(before - frames.free(0), 8)
      const write = (value: boolean) => Dax.errno(bus.change({ _tag: "MemmapOnMemory", name: "dax1.0", value }))
      assert.strictEqual(yield* write(false), "EBUSY")
      assert.strictEqual(yield* write(true), "ok")
      yield* bus.unbind("kmem", "dax1.0")
      assert.deepStrictEqual(yield* blocksOf, [])
      assert.strictEqual(yield* write(false), "ok")
      assert.isFalse(bus.list()[0]?.memmap_on_memory)
      yield* toRam("dax1.0")
      assert.deepStrictEqual(runs().filter(({ value }) => !value.isBoot).map(({ value }) => value.memmap), [null])
    }),
    Dax.layer({ ...Hotplug.small, kernel: "6.8", cmdline: "memory_hotplug.memmap_on_memory=1" })
  )

  test(
    "25.6: where the parameter is off no device can be told to",
    Effect.gen(function*() {
      const bus = yield* DaxDevices.DaxDevices
      yield* bus.attach({ region: 1, start, end: start + GiB, node: 0, targetNode: 0, memmapOnMemory: false })
      const write = (value: boolean) => Dax.errno(bus.change({ _tag: "MemmapOnMemory", name: "dax1.0", value }))
      assert.strictEqual(yield* write(true), "EOPNOTSUPP")
      assert.isFalse(bus.list()[0]?.memmap_on_memory)
      assert.strictEqual(yield* write(false), "ok")
    }),
    Dax.layer({ ...Hotplug.small, kernel: "6.8" })
  )

  test(
    "25.6: before, kmem never asks for it",
    Effect.gen(function*() {
      const bus = yield* DaxDevices.DaxDevices
      yield* bus.attach({ region: 1, start, end: start + GiB, node: 0, targetNode: 0, memmapOnMemory: true })
      const write = bus.change({ _tag: "MemmapOnMemory", name: "dax1.0", value: true })
      assert.strictEqual(yield* Dax.errno(write), "ENOENT")
      assert.isNull(bus.list()[0]?.memmap_on_memory)
      yield* toRam("dax1.0")
      const { runs } = yield* MemoryBlocks.MemoryBlocks
      assert.deepStrictEqual(runs().filter(({ value }) => !value.isBoot).map(({ value }) => value.memmap), [null])
    }),
    Dax.layer({ ...Hotplug.small, cmdline: "memory_hotplug.memmap_on_memory=1" })
  )

  it.effect("11: failing at any allocation, probing leaves nothing, or what had succeeded", () =>
    Effect.gen(function*() {
      let failures = 0
      for (let n = 0;; n++) {
        const isOver = yield* Effect.gen(function*() {
          yield* three
          const faults = yield* Faults.Faults
          const before = yield* state
          faults.arm(n)
          const done = yield* Effect.result((yield* Kmem.Kmem).probe({
            name: "dax1.0",
            align: 2 * MiB,
            node: 0,
            targetNode: 0,
            ranges: () => [
              { start, end: start + 256 * MiB, pageOffset: 0 },
              { start: start + GiB, end: start + GiB + 256 * MiB, pageOffset: 65536 }
            ],
            isStatic: false,
            pagemap: null,
            memmapOnMemory: false
          }))
          const left = faults.disarm()
          if (Result.isFailure(done)) {
            failures++
            assert.strictEqual(done.failure.errno, "ENOMEM")
            assert.deepStrictEqual(yield* state, before)
          }
          return left !== null
        }).pipe(Effect.scoped, Effect.provide(Dax.layer(), { local: true }))
        if (isOver) break
      }
      assert.isAbove(failures, 4)
    }))
})

const children = (tree: ResourceTree.Resource): ReadonlyArray<string> =>
  tree.children.flatMap((child) => [
    ...(/^dax|kmem/.test(child.name) ? [`${child.start.toString(16)}-${child.end.toString(16)} ${child.name}`] : []),
    ...children(child)
  ])

interface Phase {
  readonly iomem?: ReadonlyArray<{ readonly start: number; readonly end: number; readonly name: string }>
  readonly dax_sysfs?: Record<string, Record<string, number>>
  readonly memory_blocks?: {
    readonly runs: ReadonlyArray<
      { readonly first: number; readonly last: number; readonly nodes: ReadonlyArray<string> }
    >
  }
}

describe("Kmem against recordings", () => {
  for (
    const name of [
      "kmem-mem-default",
      "kmem-dev-default",
      "kmem-align-1g",
      "kmem-small-256m",
      "kmem-two-in-region",
      "kmem-node2-no-ram"
    ]
  ) {
    it.effect(`OBS-6, 25.8: ${name}: resources and blocks after system-ram`, () => {
      const { facts, layer: _, spec } = Hotplug.recorded(name)
      const { phases } = facts.observed as { readonly phases: Record<string, Phase> }
      const dax = (phase: Phase | undefined) =>
        (phase?.iomem ?? []).filter((line) => /^dax|kmem/.test(line.name))
          .map((line) => `${line.start.toString(16)}-${line.end.toString(16)} ${line.name}`)
      return Effect.gen(function*() {
        const created = phases["after-create"]?.iomem ?? []
        const node = (id: number) => phases["after-create"]?.dax_sysfs?.[`dax0.${id}`]?.["target_node"] ?? 0
        for (const [id, data] of created.filter((line) => line.name.startsWith("dax")).entries()) {
          const metadata = created.filter((line) => line.name === `namespace0.${id}`)
            .find((line) => line.end + 1 === data.start)
          const from = metadata?.start ?? data.start
          yield* attach({
            start: from,
            dataoff: data.start - from,
            end: data.end + 1,
            id,
            align: 2 * MiB,
            targetNode: node(id)
          })
        }
        assert.deepStrictEqual(children((yield* Iomem.Iomem).tree()), dax(phases["after-create"]))
        for (const device of (yield* DaxDevices.DaxDevices).list()) yield* toRam(device.name)
        assert.deepStrictEqual(children((yield* Iomem.Iomem).tree()), dax(phases["final"]))
        assert.deepStrictEqual(
          (yield* blocksOf).map((run) => run.replace(" offline ", " node")),
          (phases["final"]?.memory_blocks?.runs ?? []).filter(({ first }) => first >= start / block)
            .map(({ first, last, nodes }) => `${first}-${last} ${nodes.join()}`)
        )
      }).pipe(Effect.provide(Dax.layer(spec)))
    })
  }
})
