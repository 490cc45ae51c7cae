import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Exit, Fiber, type Layer, Schema, Scope } from "effect"
import * as DaxDevices from "../../src/devices/DaxDevices.ts"
import * as DeviceDax from "../../src/devices/DeviceDax.ts"
import * as Pin from "../../src/devices/Pin.ts"
import * as Pagemaps from "../../src/hotplug/Pagemaps.ts"
import * as Steps from "../../src/kernel/Steps.ts"
import * as Census from "../../src/memmap/Census.ts"
import * as Memmap from "../../src/memmap/Memmap.ts"
import { words } from "../../src/memmap/StructPage.ts"
import * as Dax from "./DaxHarness.ts"

const { GiB, KiB, MiB } = Dax
const start = 8 * GiB
const pfn = start / 4096

/** A machine with one bound device of a gigabyte, all of it mapped. */
const opened = Effect.fnUntraced(function*(align: number) {
  const bus = yield* DaxDevices.DaxDevices
  yield* bus.attach({ region: 0, start, end: start + GiB, node: 0, targetNode: 0 })
  yield* bus.unbind("device_dax", "dax0.0")
  yield* bus.change({ _tag: "Align", name: "dax0.0", align })
  yield* bus.bind("device_dax", "dax0.0")
  const file = yield* (yield* DeviceDax.DeviceDax).open("dax0.0")
  const mapping = yield* file.mmap({ length: GiB })
  const pin = yield* Pin.Pin
  const memmap = yield* Memmap.Memmap
  const refcount = (page: number) => {
    const found = memmap.read(page)
    return found._tag === "Initialised" ? found.refcount : -1
  }
  const pins = (head: number) => {
    const found = memmap.read(head + 1)
    return found._tag === "Initialised" && found.links._tag === "Tail" ? found.links.pins ?? 0 : -1
  }
  return { bus, file, mapping, pin, memmap, refcount, pins, base: mapping.area.start }
})

type Machine = Layer.Success<ReturnType<typeof Dax.layer>> | Scope.Scope

const test = <A, E>(name: string, body: Effect.Effect<A, E, Machine>) =>
  it.effect(name, () => Effect.provide(body, Dax.layer()))

describe("Pin", () => {
  test(
    "24.5: base pages: 1024 on each page's refcount, until the scope ends",
    Effect.gen(function*() {
      const { base, file, mapping, memmap, pin, refcount } = yield* opened(4 * KiB)
      const before = file.pagemap.references.count()
      yield* Effect.scoped(Effect.gen(function*() {
        const pinned = yield* pin.longTerm(mapping, { start: base + 4096, end: base + 4 * 4096 })
        assert.deepInclude(pinned, { pages: 3, order: 0 })
        assert.deepStrictEqual([pfn, pfn + 1, pfn + 3, pfn + 4].map(refcount), [1, 1025, 1025, 1])
        assert.strictEqual(file.pagemap.references.count(), before + 3)
        yield* pin.longTerm(mapping, { start: base + 4096, end: base + 4097 })
        assert.strictEqual(refcount(pfn + 1), 2049)
        assert.deepStrictEqual(
          Census.take(memmap, pfn, pfn + 262144).map((
            { count, first, page }
          ) => [count, first - pfn, page._tag === "Initialised" && page.refcount]),
          [[262141, 0, 1], [2, 2, 1025], [1, 1, 2049]]
        )
      }))
      assert.deepStrictEqual([pfn, pfn + 1, pfn + 3].map(refcount), [1, 1, 1])
      assert.strictEqual(file.pagemap.references.count(), before)
      assert.strictEqual(memmap.runs(pfn, pfn + 262144).length, 1)
    })
  )

  test(
    "24.5: compounds: refcount and pincount of the head, once per page pinned",
    Effect.gen(function*() {
      const { base, mapping, memmap, pin, pins, refcount } = yield* opened(2 * MiB)
      const pinned = yield* pin.longTerm(mapping, { start: base + 2 * MiB - 4096, end: base + 6 * MiB + 8192 })
      assert.deepStrictEqual(pinned.pin, { refcount: 1027, pincount: 1027, heads: 4 })
      assert.deepStrictEqual(pinned.unpin, { refcount: 4, pincount: 4, heads: 4 })
      const heads = [0, 512, 1024, 1536, 2048].map((offset) => pfn + offset)
      assert.deepStrictEqual(heads.map(refcount), [2, 513, 513, 3, 1])
      assert.deepStrictEqual(heads.map(pins), [1, 512, 512, 2, 0])
      // The pincount lies in the first tail, below the number of pages.
      assert.strictEqual(words(memmap.read(pfn + 513), pfn + 513, 0n)?.[3], 0x20000000000n + 512n)
    })
  )

  test(
    "24.5: 16 GiB of 1 GiB pages cost by extents: 16 heads, one run of counts",
    Effect.gen(function*() {
      const bus = yield* DaxDevices.DaxDevices
      yield* bus.attach({ region: 0, start: 16 * GiB, end: 32 * GiB, node: 0, targetNode: 0 })
      yield* bus.unbind("device_dax", "dax0.0")
      yield* bus.change({ _tag: "Align", name: "dax0.0", align: GiB })
      yield* bus.bind("device_dax", "dax0.0")
      const file = yield* (yield* DeviceDax.DeviceDax).open("dax0.0")
      const mapping = yield* file.mmap({ length: 16 * GiB })
      const { area } = mapping
      const registered = yield* (yield* Pin.Pin).register(mapping, area, [4096, 2 * MiB, GiB])
      assert.deepInclude(registered, { pages: 4194304, batches: 8192, pageSize: GiB })
      assert.deepStrictEqual(registered.scatter, [{ start: 16 * GiB / 4096, end: 32 * GiB / 4096 }])
      assert.deepStrictEqual(registered.unpin, { refcount: 16, pincount: 16, heads: 16 })
      const memmap = yield* Memmap.Memmap
      assert.strictEqual(memmap.runs(16 * GiB / 4096, 32 * GiB / 4096).length, 1)
    })
  )

  test(
    "24.5: registration of a discontiguous device: one scatter entry per range",
    Effect.gen(function*() {
      const bus = yield* DaxDevices.DaxDevices
      yield* bus.attach({ region: 0, start, end: start + GiB, node: 0, targetNode: 0, isIdle: true })
      for (const range of ["220000000-2201fffff", "210000000-2103fffff"]) {
        const [from = "", to = ""] = range.split("-")
        yield* bus.change({
          _tag: "Mapping",
          name: "dax0.0",
          range: { start: Number.parseInt(from, 16), end: Number.parseInt(to, 16) + 1 }
        })
      }
      yield* bus.bind("device_dax", "dax0.0")
      const file = yield* (yield* DeviceDax.DeviceDax).open("dax0.0")
      const mapping = yield* file.mmap({ length: 6 * MiB })
      const registered = yield* (yield* Pin.Pin).register(mapping, mapping.area, [4096, 2 * MiB])
      assert.deepStrictEqual(registered.scatter, [
        { start: 0x220000, end: 0x220200 },
        { start: 0x210000, end: 0x210400 }
      ])
      assert.deepInclude(registered, { batches: 3, pageSize: 2 * MiB })
    })
  )

  test(
    "24.5: EFAULT outside the mapping, beyond the device, and once it is dead; nothing stays pinned",
    Effect.gen(function*() {
      const { base, bus, file, mapping, pin, refcount } = yield* opened(2 * MiB)
      const longer = yield* file.mmap({ length: GiB + 2 * MiB })
      const refused = (which: typeof mapping, from: number, to: number) =>
        Dax.errno(Effect.scoped(pin.longTerm(which, { start: from, end: to })))
      assert.strictEqual(yield* refused(mapping, base - 4096, base + 4096), "EFAULT")
      assert.strictEqual(yield* refused(mapping, base, base), "EFAULT")
      assert.strictEqual(yield* refused(longer, longer.area.end - 4 * MiB, longer.area.end), "EFAULT")
      assert.strictEqual(refcount(pfn + 262144 - 512), 1)
      yield* bus.unbind("device_dax", "dax0.0")
      assert.strictEqual(yield* refused(mapping, base, base + 4096), "EFAULT")
      assert.deepStrictEqual((yield* Pagemaps.Pagemaps).all(), [])
    })
  )

  test(
    "24.6: unbinding waits for pins, after the mappings are gone",
    Effect.gen(function*() {
      const { base, bus, mapping, pin } = yield* opened(2 * MiB)
      const pinning = yield* Scope.make()
      yield* Scope.provide(pin.longTerm(mapping, { start: base, end: base + 2 * MiB }), pinning)
      const unbinding = yield* Effect.forkChild(bus.unbind("device_dax", "dax0.0"), { startImmediately: true })
      yield* Effect.yieldNow
      assert.isUndefined(unbinding.pollUnsafe())
      assert.isNull(mapping.runs(mapping.area))
      assert.include(yield* Dax.iomem, "200000000-23fffffff : dax0.0")
      yield* Scope.close(pinning, Exit.void)
      yield* Fiber.join(unbinding)
      assert.deepStrictEqual(yield* Dax.iomem, [])
    })
  )

  test(
    "24.5: observed step by step the same pages are pinned, and an interruption leaves none",
    Effect.gen(function*() {
      const { base, file, mapping, pin, pins } = yield* opened(2 * MiB)
      const before = file.pagemap.references.count()
      const seen: Array<string> = []
      const observed = Steps.stepped((step) => Effect.sync(() => void seen.push(step.name)))
      yield* Effect.scoped(
        pin.longTerm(mapping, { start: base, end: base + 8 * MiB }).pipe(
          Effect.tap(() => Effect.sync(() => assert.strictEqual(pins(pfn + 1536), 512)))
        )
      ).pipe(Effect.provideService(Steps.Steps, observed))
      assert.deepStrictEqual(seen.filter((name) => name === "page.pin").length, 4)
      const fiber = yield* Effect.scoped(
        Effect.andThen(pin.longTerm(mapping, mapping.area), Effect.never)
      ).pipe(Effect.forkChild({ startImmediately: true }))
      assert.isAbove(file.pagemap.references.count(), before)
      yield* Fiber.interrupt(fiber)
      assert.strictEqual(file.pagemap.references.count(), before)
      assert.strictEqual(pins(pfn), 0)
    })
  )

  const Range = Schema.Struct({
    from: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 3000 })),
    pages: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1500 }))
  })

  it.effect.prop(
    "24.5: counts are those of pinning page by page; unpinning in any order restores them",
    {
      ranges: Arbitrary.array(Arbitrary.schema(Range), { minLength: 1, maxLength: 6 }),
      compound: Arbitrary.schema(Schema.Boolean)
    },
    ({ compound, ranges }) =>
      Effect.gen(function*() {
        const { base, mapping, pin, pins, refcount } = yield* opened(compound ? 2 * MiB : 4 * KiB)
        const counts = new Map<number, number>()
        const size = compound ? 512 : 1
        const scopes: Array<Scope.Closeable> = []
        for (const { from, pages } of ranges) {
          const scope = yield* Scope.make()
          scopes.push(scope)
          yield* Scope.provide(
            pin.longTerm(mapping, { start: base + from * 4096, end: base + (from + pages) * 4096 }),
            scope
          )
          for (let i = from; i < from + pages; i++) {
            const head = i - i % size
            counts.set(head, (counts.get(head) ?? 0) + 1)
          }
        }
        for (let head = 0; head < 4608; head += size) {
          const count = counts.get(head) ?? 0
          assert.strictEqual(refcount(pfn + head), 1 + count * (compound ? 1 : 1024))
          if (compound) assert.strictEqual(pins(pfn + head), count)
        }
        yield* Effect.forEach(scopes.toReversed(), (scope) => Scope.close(scope, Exit.void))
        for (let head = 0; head < 4608; head += size) assert.strictEqual(refcount(pfn + head), 1)
      }).pipe(Effect.scoped, Effect.provide(Dax.layer(), { local: true })),
    { arbitrary: { runs: 30, seed: "pin" } }
  )
})
