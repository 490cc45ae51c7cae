import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Exit, Fiber, Layer, Scope } from "effect"
import { AwaitPages } from "../../src/devices/AwaitPages.ts"
import { DaxBus } from "../../src/devices/DaxBus.ts"
import type { Device } from "../../src/devices/DaxDriver.ts"
import * as DeviceDax from "../../src/devices/DeviceDax.ts"
import * as Pagemaps from "../../src/hotplug/Pagemaps.ts"
import { KernelError } from "../../src/kernel/KernelError.ts"
import * as Memmap from "../../src/memmap/Memmap.ts"
import * as Iomem from "../../src/resources/Iomem.ts"
import * as Hotplug from "../hotplug/Harness.ts"
import * as Dax from "./DaxHarness.ts"

const { GiB, KiB, MiB } = Dax
const start = 8 * GiB
const small = Hotplug.small

const device = (change: Partial<Device> & { readonly size?: number } = {}): Device => ({
  name: "dax3.0",
  align: 2 * MiB,
  node: 0,
  targetNode: 0,
  ranges: () => [{ start, end: start + (change.size ?? GiB), pageOffset: 0 }],
  isStatic: false,
  pagemap: null,
  memmapOnMemory: false,
  ...change
})

/** Binds a device in a scope of its own. */
const bind = Effect.fnUntraced(function*(which: Device) {
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer((exit) => Scope.close(scope, exit))
  const { open, probe } = yield* DeviceDax.DeviceDax
  yield* Scope.provide(probe(which), scope)
  return { file: yield* open(which.name), unbind: Scope.close(scope, Exit.void) }
})

const test = <A, E>(
  name: string,
  body: Effect.Effect<A, E, Layer.Success<ReturnType<typeof Dax.layer>> | Scope.Scope>,
  layer: ReturnType<typeof Dax.layer> = Dax.layer()
) => it.effect(name, () => Effect.provide(body, layer))

describe("DeviceDax", () => {
  test(
    "24.2: align gives the compound order; resources carry the device's name and go with the driver",
    Effect.gen(function*() {
      for (const [align, order] of [[4 * KiB, 0], [2 * MiB, 9], [GiB, 18]] as const) {
        const { file, unbind } = yield* bind(device({ align }))
        assert.strictEqual(file.pagemap.order, order)
        assert.strictEqual(file.pagemap.type, "generic")
        assert.deepStrictEqual(yield* Dax.iomem, ["200000000-23fffffff : dax3.0"])
        yield* unbind
        assert.deepStrictEqual(yield* Dax.iomem, [])
        assert.isFalse(file.isAlive())
      }
      assert.deepStrictEqual(yield* Dax.warns, [])
    })
  )

  test(
    "24.2: before 5.17 device-dax pages are no compounds",
    Effect.gen(function*() {
      const { file } = yield* bind(device())
      assert.strictEqual(file.pagemap.order, 0)
      const mapping = yield* file.mmap({ length: 2 * MiB })
      assert.deepInclude(yield* mapping.fault(mapping.area.start), { _tag: "Mapped", level: "pmd", marked: 512 })
    }),
    Dax.layer({ ...small, kernel: "5.10" })
  )

  test(
    "24.2: what probing refuses, and that nothing stays",
    Effect.gen(function*() {
      const { probe } = yield* DeviceDax.DeviceDax
      const iomem = yield* Iomem.Iomem
      const range = { start, end: start + GiB, pageOffset: 0 }
      const two = [range, { ...range, start: start + 2 * GiB, end: start + 3 * GiB }]
      const refused = (change: Partial<Device>) => Dax.errno(Effect.scoped(probe(device(change))))
      const { pagemap } = Dax.static_({ start, end: start + GiB })
      assert.strictEqual(yield* refused({ isStatic: true, pagemap, ranges: () => two }), "EINVAL")
      assert.strictEqual(yield* refused({ pagemap }), "EINVAL")
      iomem.request({ start: start + 2 * GiB, size: MiB, name: "other" })
      assert.strictEqual(yield* refused({ ranges: () => two }), "EBUSY")
      assert.strictEqual(yield* refused({ ranges: () => [{ ...range, end: range.end - MiB }] }), "EINVAL")
      assert.deepStrictEqual(yield* Dax.iomem, [])
      assert.include(yield* Dax.lines, "device_dax dax3.0: mapping1: 0x280000000-0x2bfffffff could not reserve range")
      assert.deepStrictEqual((yield* Pagemaps.Pagemaps).all(), [])
    })
  )

  test(
    "24.4: mmap: dead ENXIO, private and misaligned EINVAL; an odd offset is flagged",
    Effect.gen(function*() {
      const { file, unbind } = yield* bind(device())
      const map = (asked: DeviceDax.MapRequest) => Dax.errno(Effect.scoped(file.mmap(asked)))
      assert.strictEqual(yield* map({ length: 2 * MiB }), "ok")
      assert.strictEqual(yield* map({ length: 2 * MiB, isPrivate: true }), "EINVAL")
      assert.strictEqual(yield* map({ length: 3 * MiB }), "EINVAL")
      assert.strictEqual(yield* map({ length: 0 }), "EINVAL")
      assert.strictEqual(yield* map({ length: Number.NaN }), "EINVAL")
      assert.strictEqual(yield* map({ length: 2 * MiB, offset: -2 * MiB }), "EINVAL")
      assert.strictEqual(yield* map({ length: 2 * MiB, address: GiB + 4096 }), "EINVAL")
      assert.strictEqual(yield* map({ length: 2 * MiB, offset: 4096 }), "EINVAL")
      assert.strictEqual(yield* map({ length: 2 * MiB, offset: 100, address: GiB }), "EINVAL")
      assert.deepStrictEqual(yield* Dax.hazards, [])
      assert.strictEqual(yield* map({ length: 2 * MiB, offset: 4096, address: GiB }), "ok")
      assert.deepStrictEqual(yield* Dax.hazards, ["24.4"])
      yield* unbind
      assert.strictEqual(yield* map({ length: 2 * MiB }), "ENXIO")
      const { open } = yield* DeviceDax.DeviceDax
      assert.strictEqual(yield* Dax.errno(open("dax3.0")), "ENOENT")
    })
  )

  test(
    "24.4: faults by alignment: entries, and struct pages that get mapping and index once",
    Effect.gen(function*() {
      for (
        const [align, level, entries, marked] of [
          [4 * KiB, "pte", 262144, 262144],
          [2 * MiB, "pmd", 512, 512],
          [GiB, "pud", 1, 1]
        ] as const
      ) {
        const { file, unbind } = yield* bind(device({ align }))
        const mapping = yield* file.mmap({ length: GiB })
        assert.deepStrictEqual(yield* mapping.touch(mapping.area), { _tag: "Mapped", level, entries, marked })
        assert.deepStrictEqual(yield* mapping.touch(mapping.area), {
          _tag: "Mapped",
          level: null,
          entries: 0,
          marked: 0
        })
        const again = yield* file.mmap({ length: GiB })
        assert.deepInclude(yield* again.fault(again.area.end - 1), { entries: 1, marked: 0 })
        assert.deepStrictEqual(mapping.runs(mapping.area), [{ start: start / 4096, end: (start + GiB) / 4096 }])
        assert.strictEqual(mapping.maySplit(mapping.area.start + align), true)
        assert.strictEqual(mapping.maySplit(mapping.area.start + align / 2), false)
        yield* unbind
      }
    })
  )

  test(
    "24.4: discontiguous devices are translated range by range; beyond them SIGBUS",
    Effect.gen(function*() {
      const { file } = yield* bind(device({
        ranges: () => [
          { start: start + GiB, end: start + GiB + 6 * MiB, pageOffset: 0 },
          { start, end: start + 4 * MiB, pageOffset: 1536 }
        ]
      }))
      const mapping = yield* file.mmap({ length: 12 * MiB })
      const { area } = mapping
      assert.deepStrictEqual(yield* mapping.touch(area), {
        _tag: "Sigbus",
        address: area.start + 10 * MiB,
        level: "pmd",
        reason: "outside the device"
      })
      assert.isNull(mapping.runs(area))
      assert.deepStrictEqual(mapping.runs({ start: area.start, end: area.start + 10 * MiB }), [
        { start: (start + GiB) / 4096, end: (start + GiB + 6 * MiB) / 4096 },
        { start: start / 4096, end: (start + 4 * MiB) / 4096 }
      ])
    })
  )

  test(
    "24.6: unbinding zaps the mappings, later faults are SIGBUS; rebinding with other ranges starts clean",
    Effect.gen(function*() {
      const { file, unbind } = yield* bind(device())
      const mapping = yield* file.mmap({ length: 4 * MiB })
      yield* mapping.touch(mapping.area)
      yield* unbind
      assert.isNull(mapping.runs(mapping.area))
      assert.deepInclude(yield* mapping.fault(mapping.area.start), { _tag: "Sigbus", reason: "dead" })
      const again = yield* bind(device({ ranges: () => [{ start: start + GiB, end: start + 2 * GiB, pageOffset: 0 }] }))
      assert.deepStrictEqual(again.file.pagemap.ranges, [{
        start: (start + GiB) / 4096,
        end: (start + 2 * GiB) / 4096
      }])
      const memmap = yield* Memmap.Memmap
      assert.strictEqual(memmap.read(start / 4096)._tag, "Unwritten")
    })
  )

  it.effect("26.3: a fault waits for its pages just before the entry; unbinding waits for the fault", () =>
    Effect.gen(function*() {
      const ready = yield* Deferred.make<void, KernelError>()
      const asked: Array<readonly [number, number]> = []
      const wait = (_: unknown, { end, start }: { readonly start: number; readonly end: number }) =>
        Effect.suspend(() => {
          asked.push([start, end - start])
          return Deferred.await(ready)
        })
      yield* Effect.gen(function*() {
        const { file, unbind } = yield* bind(device())
        const mapping = yield* file.mmap({ length: 2 * MiB })
        const fault = yield* Effect.forkChild(mapping.fault(mapping.area.start + 5), { startImmediately: true })
        const closing = yield* Effect.forkChild(unbind, { startImmediately: true })
        assert.deepStrictEqual(asked, [[start / 4096, 512]])
        assert.isUndefined(closing.pollUnsafe())
        assert.isNull(mapping.runs({ start: mapping.area.start, end: mapping.area.start + 1 }))
        yield* Deferred.succeed(ready, undefined)
        assert.deepInclude(yield* Fiber.join(fault), { _tag: "Mapped", entries: 1 })
        yield* Fiber.join(closing)
        assert.isNull(mapping.runs({ start: mapping.area.start, end: mapping.area.start + 1 }))
      }).pipe(Effect.provide(Dax.layer(undefined, { awaitPages: Layer.succeed(AwaitPages, wait) })))
    }))

  it.effect("26.3: pages that will never be initialised end the fault in SIGBUS", () =>
    Effect.gen(function*() {
      const { file } = yield* bind(device())
      const mapping = yield* file.mmap({ length: 2 * MiB })
      assert.deepInclude(yield* mapping.fault(mapping.area.start), { _tag: "Sigbus", reason: "not initialised" })
    }).pipe(Effect.provide(Dax.layer(undefined, {
      awaitPages: Layer.succeed(AwaitPages, () =>
        Effect.fail(new KernelError({ errno: "EIO", rule: "26", problem: "cancelled", remedy: "none" })))
    }))))

  test(
    "CMP-5: map=mem, 1 GiB pages on a namespace that does not begin on one are flagged",
    Effect.gen(function*() {
      const { attach } = yield* DaxBus
      yield* attach(Dax.static_({ start: start + 16 * MiB, end: start + 3 * GiB, dataoff: GiB - 16 * MiB, align: GiB }))
      assert.include(yield* Dax.hazards, "CMP-5")
    })
  )
})
