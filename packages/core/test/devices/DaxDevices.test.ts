import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Deferred, Effect, Exit, Fiber, Layer, Result, Schema, Scope } from "effect"
import { AwaitPages } from "../../src/devices/AwaitPages.ts"
import { DaxBus } from "../../src/devices/DaxBus.ts"
import type * as DaxChange from "../../src/devices/DaxChange.ts"
import * as DaxDevices from "../../src/devices/DaxDevices.ts"
import * as DeviceDax from "../../src/devices/DeviceDax.ts"
import * as Pin from "../../src/devices/Pin.ts"
import * as Faults from "../../src/frames/Faults.ts"
import * as Pagemaps from "../../src/hotplug/Pagemaps.ts"
import * as Iomem from "../../src/resources/Iomem.ts"
import * as Hotplug from "../hotplug/Harness.ts"
import * as Dax from "./DaxHarness.ts"

const { GiB, KiB, MiB } = Dax
const start = 8 * GiB

type Machine = Layer.Success<ReturnType<typeof Dax.layer>> | Scope.Scope

const test = <A, E>(name: string, body: Effect.Effect<A, E, Machine>, layer = Dax.layer()) =>
  it.effect(name, () => Effect.provide(body, layer))

const region = (change: Partial<DaxDevices.DynamicDax> = {}): DaxDevices.DynamicDax => ({
  region: 1,
  start,
  end: start + GiB,
  node: 0,
  targetNode: 0,
  ...change
})

const drivers = Effect.map(
  DaxDevices.DaxDevices,
  ({ list }) => Object.fromEntries(list().map(({ driver, name }) => [name, driver]))
)

describe("DaxBus", () => {
  test(
    "OBS-18: the attributes of a static device, as recorded in kmem-two-in-region",
    Effect.gen(function*() {
      const bus = yield* DaxBus
      const recorded = Hotplug.recorded("kmem-two-in-region").facts.observed as {
        readonly phases: Record<string, { readonly dax_sysfs: Record<string, Record<string, unknown>> }>
      }
      const sysfs = recorded.phases["after-create"]?.dax_sysfs ?? {}
      yield* bus.attach(Dax.static_({ start, end: start + 1008 * MiB }))
      yield* bus.attach(Dax.static_({ start: start + 1008 * MiB, end: start + 2 * GiB, id: 1 }))
      for (const device of (yield* DaxDevices.DaxDevices).list()) {
        const { align, dax_region, mappings, modalias, name, numa_node, resource, size, target_node } = device
        assert.deepStrictEqual({ size, align, resource, numa_node, target_node, modalias }, sysfs[name] as never)
        assert.deepStrictEqual(mappings.map((mapping): unknown => mapping), [sysfs[`${name}/mapping0`]])
        const shown = Object.entries(sysfs).find(([path]) => path.endsWith(`${name}/dax_region`))?.[1]
        assert.deepStrictEqual({ id: dax_region.id, size: dax_region.size, align: dax_region.align }, shown as never)
        assert.isNull(dax_region.available_size)
        assert.strictEqual(device.driver, "device_dax")
      }
    })
  )

  test(
    "24.1: a static region that is no multiple of its alignment: ENOMEM; a name that exists: EEXIST",
    Effect.gen(function*() {
      const bus = yield* DaxBus
      const odd = Dax.static_({ start, end: start + GiB + MiB })
      assert.strictEqual(yield* Dax.errno(bus.attach(odd)), "ENOMEM")
      yield* bus.attach(Dax.static_({ start, end: start + GiB }))
      const same = Dax.static_({ start: start + GiB, end: start + 2 * GiB })
      assert.strictEqual(yield* Dax.errno(bus.attach(same)), "EEXIST")
      assert.deepStrictEqual(yield* drivers, { "dax0.0": "device_dax" })
    })
  )

  test(
    "24.1: static and unknown regions cannot be divided",
    Effect.gen(function*() {
      const bus = yield* DaxDevices.DaxDevices
      yield* (yield* DaxBus).attach(Dax.static_({ start, end: start + GiB }))
      const change = (asked: DaxChange.Change) => Dax.errno(bus.change(asked))
      assert.strictEqual(yield* change({ _tag: "Create", region: 0 }), "ENOENT")
      assert.strictEqual(yield* change({ _tag: "Delete", region: 0, name: "dax0.0" }), "ENOENT")
      assert.strictEqual(yield* change({ _tag: "Size", name: "dax0.0", size: 2 * MiB }), "EACCES")
      assert.strictEqual(yield* change({ _tag: "Align", name: "dax0.0", align: 4 * KiB }), "EACCES")
      assert.strictEqual(yield* change({ _tag: "Size", name: "dax7.0", size: 2 * MiB }), "ENOENT")
    })
  )

  test(
    "24.3: a dynamic region divided between two devices, one of them discontiguous, and given back",
    Effect.gen(function*() {
      const bus = yield* DaxDevices.DaxDevices
      const attached = yield* Scope.make()
      yield* Scope.provide(bus.attach(region()), attached)
      assert.deepStrictEqual(yield* drivers, { "dax1.0": "device_dax" })
      const size = (name: string, size: number) => bus.change({ _tag: "Size", name, size })
      assert.strictEqual(yield* Dax.errno(size("dax1.0", 512 * MiB)), "EBUSY")
      yield* bus.unbind("device_dax", "dax1.0")
      assert.strictEqual(yield* Dax.errno(bus.change({ _tag: "Create", region: 1 })), "ENOSPC")
      yield* size("dax1.0", 256 * MiB)
      assert.strictEqual(yield* bus.change({ _tag: "Create", region: 1 }), "dax1.1")
      assert.strictEqual(bus.list()[0]?.dax_region.seed, "dax1.1")
      assert.strictEqual(yield* Dax.errno(bus.bind("device_dax", "dax1.1")), "ENXIO")
      yield* size("dax1.1", 256 * MiB)
      yield* size("dax1.0", 512 * MiB)
      yield* bus.bind("device_dax", "dax1.1")
      yield* bus.bind("device_dax", "dax1.0")
      assert.strictEqual(bus.list()[0]?.dax_region.seed, "")
      assert.strictEqual(bus.list()[0]?.dax_region.available_size, 256 * MiB)
      assert.deepStrictEqual(bus.list()[0]?.mappings, [
        { start, end: start + 256 * MiB - 1, page_offset: 0 },
        { start: start + 512 * MiB, end: start + 768 * MiB - 1, page_offset: 65536 }
      ])
      assert.deepStrictEqual(yield* Dax.iomem, [
        "200000000-20fffffff : dax1.0",
        "210000000-21fffffff : dax1.1",
        "220000000-22fffffff : dax1.0"
      ])
      assert.strictEqual((yield* Pagemaps.Pagemaps).all()[1]?.ranges.length, 2)
      yield* Scope.close(attached, Exit.void)
      assert.deepStrictEqual(bus.list(), [])
      assert.deepStrictEqual(yield* Dax.iomem, [])
      assert.deepStrictEqual((yield* Pagemaps.Pagemaps).all(), [])
    })
  )

  test(
    "24.3: a mapping may be added to a bound device, which is flagged; rebinding maps it",
    Effect.gen(function*() {
      const bus = yield* DaxDevices.DaxDevices
      yield* bus.attach(region({ isIdle: true }))
      yield* bus.change({ _tag: "Size", name: "dax1.0", size: 4 * MiB })
      yield* bus.bind("device_dax", "dax1.0")
      const range = { start: start + 512 * MiB, end: start + 514 * MiB }
      yield* bus.change({ _tag: "Mapping", name: "dax1.0", range })
      assert.deepStrictEqual(yield* Dax.hazards, ["24.3"])
      assert.strictEqual((yield* Pagemaps.Pagemaps).all()[0]?.ranges.length, 1)
      const mapping = yield* (yield* (yield* DeviceDax.DeviceDax).open("dax1.0")).mmap({ length: 6 * MiB })
      assert.strictEqual(yield* Dax.errno((yield* Pin.Pin).longTerm(mapping, mapping.area)), "EFAULT")
      yield* bus.unbind("device_dax", "dax1.0")
      yield* bus.bind("device_dax", "dax1.0")
      assert.strictEqual((yield* Pagemaps.Pagemaps).all()[0]?.ranges.length, 2)
    })
  )

  test(
    "24.1: kmem needs the name in its new_id; new_id lets a driver try every device it matches",
    Effect.gen(function*() {
      const bus = yield* DaxDevices.DaxDevices
      yield* bus.attach(region())
      yield* bus.attach(region({ region: 2, start: start + GiB, end: start + 2 * GiB }))
      assert.strictEqual(yield* Dax.errno(bus.bind("kmem", "dax1.0")), "ENODEV")
      assert.strictEqual(yield* Dax.errno(bus.bind("other", "dax1.0")), "ENODEV")
      assert.strictEqual(yield* Dax.errno(bus.bind("device_dax", "dax9.0")), "ENODEV")
      assert.strictEqual(yield* Dax.errno(bus.bind("device_dax", "dax1.0")), "EBUSY")
      assert.strictEqual(yield* Dax.errno(bus.unbind("kmem", "dax1.0")), "ENODEV")
      assert.strictEqual(yield* Dax.errno(bus.newId("kmem", "pfn0.0")), "EINVAL")
      yield* bus.newId("kmem", "dax1.0")
      assert.deepStrictEqual(yield* drivers, { "dax1.0": "device_dax", "dax2.0": "device_dax" })
      yield* bus.unbind("device_dax", "dax1.0")
      yield* bus.unbind("device_dax", "dax2.0")
      yield* bus.newId("kmem", "dax1.0")
      assert.deepStrictEqual(yield* drivers, { "dax1.0": "kmem", "dax2.0": null })
      yield* bus.newId("device_dax", "dax7.0")
      assert.deepStrictEqual(yield* drivers, { "dax1.0": "kmem", "dax2.0": "device_dax" })
      assert.deepStrictEqual((yield* Dax.lines).filter((line) => line.includes("probe")), [])
    })
  )

  test(
    "25: a kernel before kmem has no such driver",
    Effect.gen(function*() {
      assert.strictEqual(yield* Dax.errno((yield* DaxDevices.DaxDevices).newId("kmem", "dax1.0")), "ENODEV")
    }),
    Dax.layer({ ...Hotplug.small, kernel: "5.0" })
  )

  test(
    "24.6: removing a region waits for pins of its devices; nothing can be bound or changed meanwhile",
    Effect.gen(function*() {
      const bus = yield* DaxDevices.DaxDevices
      const attached = yield* Scope.make()
      yield* Scope.provide(bus.attach(region()), attached)
      const file = yield* (yield* DeviceDax.DeviceDax).open("dax1.0")
      const mapping = yield* file.mmap({ length: 2 * MiB })
      const pinned = yield* Scope.make()
      yield* Scope.provide((yield* Pin.Pin).longTerm(mapping, mapping.area), pinned)
      const closing = yield* Effect.forkChild(Scope.close(attached, Exit.void), { startImmediately: true })
      const binding = yield* Effect.forkChild(Dax.errno(bus.bind("device_dax", "dax1.0")), { startImmediately: true })
      const writing = yield* Effect.forkChild(
        Dax.errno(bus.change({ _tag: "Size", name: "dax1.0", size: 0 })),
        { startImmediately: true }
      )
      const impatient = yield* Effect.forkChild(bus.unbind("device_dax", "dax1.0"), { startImmediately: true })
      yield* Fiber.interrupt(impatient)
      assert.isUndefined(closing.pollUnsafe())
      yield* Scope.close(pinned, Exit.void)
      yield* Fiber.join(closing)
      assert.strictEqual(yield* Fiber.join(binding), "ENODEV")
      assert.strictEqual(yield* Fiber.join(writing), "ENXIO")
      assert.deepStrictEqual((yield* Pagemaps.Pagemaps).all(), [])
    })
  )

  test(
    "11: binding fails at any allocation: nothing stays, and the next attempt succeeds",
    Effect.gen(function*() {
      const bus = yield* DaxDevices.DaxDevices
      const faults = yield* Faults.Faults
      const iomem = yield* Iomem.Iomem
      yield* bus.attach(region({ end: start + 128 * MiB }))
      yield* bus.unbind("device_dax", "dax1.0")
      const before = iomem.tree()
      let failures = 0
      for (let n = 0;; n++) {
        faults.arm(n)
        const done = yield* Effect.result(bus.bind("device_dax", "dax1.0"))
        const left = faults.disarm()
        if (Result.isFailure(done)) {
          failures++
          assert.strictEqual(done.failure.errno, "ENOMEM")
          assert.deepStrictEqual(iomem.tree(), before)
          assert.deepStrictEqual(yield* drivers, { "dax1.0": null })
          assert.deepStrictEqual((yield* Pagemaps.Pagemaps).all(), [])
        } else {
          yield* bus.unbind("device_dax", "dax1.0")
        }
        if (left !== null) break
      }
      assert.isAbove(failures, 10)
      yield* bus.bind("device_dax", "dax1.0")
    })
  )

  it.effect("26.3: interrupting a fault leaves the device usable, and no fiber", () =>
    Effect.gen(function*() {
      const never = yield* Deferred.make<void>()
      yield* Effect.gen(function*() {
        const bus = yield* DaxDevices.DaxDevices
        yield* bus.attach(region())
        const file = yield* (yield* DeviceDax.DeviceDax).open("dax1.0")
        const mapping = yield* file.mmap({ length: 2 * MiB })
        const fault = yield* Effect.forkChild(mapping.fault(mapping.area.start), { startImmediately: true })
        yield* Fiber.interrupt(fault)
        yield* bus.unbind("device_dax", "dax1.0")
        yield* bus.bind("device_dax", "dax1.0")
      }).pipe(
        Effect.scoped,
        Effect.provide(Dax.layer(undefined, { awaitPages: Layer.succeed(AwaitPages, () => Deferred.await(never)) }))
      )
    }))

  const Step = Schema.Struct({
    kind: Schema.Literals(["create", "delete", "size", "size", "bind", "bind", "kmem", "unbind", "align"]),
    device: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3 })),
    amount: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 }))
  })

  it.effect.prop(
    "24.3, 24.6: whatever is done, resources and page maps are those of the bound devices, and nothing survives the region",
    { steps: Arbitrary.array(Arbitrary.schema(Step), { maxLength: 25 }), concurrent: Arbitrary.schema(Schema.Boolean) },
    ({ concurrent, steps }) =>
      Effect.gen(function*() {
        const bus = yield* DaxDevices.DaxDevices
        const pagemaps = yield* Pagemaps.Pagemaps
        const attached = yield* Scope.make()
        yield* Scope.provide(bus.attach(region({ isIdle: true })), attached)
        const step = ({ amount, device, kind }: typeof Step.Type) => {
          const name = `dax1.${device}`
          switch (kind) {
            case "create":
              return Effect.asVoid(bus.change({ _tag: "Create", region: 1 }))
            case "delete":
              return Effect.asVoid(bus.change({ _tag: "Delete", region: 1, name }))
            case "size":
              return Effect.asVoid(bus.change({ _tag: "Size", name, size: amount * 64 * MiB }))
            case "align":
              return Effect.asVoid(bus.change({ _tag: "Align", name, align: amount % 2 === 0 ? 4 * KiB : 2 * MiB }))
            case "bind":
              return bus.bind("device_dax", name)
            case "kmem":
              return bus.newId("kmem", name)
            case "unbind":
              return Effect.ignore(Effect.andThen(
                Effect.ignore(bus.unbind("device_dax", name)),
                bus.unbind("kmem", name)
              ))
          }
        }
        yield* Effect.forEach(steps, (asked) => Effect.ignore(step(asked)), {
          concurrency: concurrent ? "unbounded" : 1,
          discard: true
        })
        const bound = bus.list().filter(({ driver }) => driver === "device_dax")
        assert.strictEqual(pagemaps.all().length, bound.length)
        assert.deepStrictEqual(
          (yield* Dax.iomem).filter((line) => bound.some(({ name }) => line.endsWith(` : ${name}`))).toSorted(),
          bound.flatMap(({ mappings, name }) =>
            mappings.map(({ end, start }) => `${start.toString(16)}-${end.toString(16)} : ${name}`)
          ).toSorted()
        )
        yield* Scope.close(attached, Exit.void)
        assert.deepStrictEqual(bus.list(), [])
        assert.deepStrictEqual(pagemaps.all(), [])
        assert.deepStrictEqual(yield* Dax.iomem, [])
        assert.deepStrictEqual(yield* Dax.warns, [])
      }).pipe(Effect.scoped, Effect.provide(Dax.layer(), { local: true })),
    { arbitrary: { runs: 60, seed: "dax" } }
  )
})
