import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Exit, Fiber, type Layer, Result, Schema, Scope } from "effect"
import * as DeviceCoherent from "../../src/devices/DeviceCoherent.ts"
import * as DevicePrivate from "../../src/devices/DevicePrivate.ts"
import * as PeerToPeer from "../../src/devices/PeerToPeer.ts"
import * as Faults from "../../src/frames/Faults.ts"
import * as FrameAllocator from "../../src/frames/FrameAllocator.ts"
import * as DirectMap from "../../src/hotplug/DirectMap.ts"
import * as Pagemaps from "../../src/hotplug/Pagemaps.ts"
import * as Memmap from "../../src/memmap/Memmap.ts"
import * as Iomem from "../../src/resources/Iomem.ts"
import * as Dax from "./DaxHarness.ts"

const { GiB, MiB } = Dax

type Machine = Layer.Success<ReturnType<typeof Dax.layer>> | Scope.Scope

const test = <A, E>(name: string, body: Effect.Effect<A, E, Machine>, layer = Dax.layer()) =>
  it.effect(name, () => Effect.provide(body, layer))

const hmm = (change: Partial<DevicePrivate.Options> = {}) => DevicePrivate.make({ node: 0, owner: "hmm", ...change })

const refcount = Effect.fnUntraced(function*(pfn: number) {
  const found = (yield* Memmap.Memmap).read(pfn)
  return found._tag === "Initialised" ? found.refcount : -1
})

const gpu = { start: 8 * GiB, end: 8 * GiB + 256 * MiB }

describe("DevicePrivate", () => {
  test(
    "25.7, 20.1: a chunk of 256 MiB is added on demand, top-down, busy, without a linear map",
    Effect.gen(function*() {
      const linear = (yield* DirectMap.DirectMap).pieces()
      const driver = yield* hmm({ limit: 64 * GiB - 1 })
      assert.deepStrictEqual(driver.chunks(), [])
      yield* driver.allocate(1)
      assert.deepStrictEqual(yield* Dax.iomem, ["ff0000000-fffffffff : hmm_dmirror"])
      assert.strictEqual((yield* Iomem.Iomem).tree().children.at(-1)?.desc, 6)
      yield* driver.allocate(65536)
      assert.deepStrictEqual(yield* Dax.iomem, [
        "fe0000000-fefffffff : hmm_dmirror",
        "ff0000000-fffffffff : hmm_dmirror"
      ])
      assert.deepStrictEqual((yield* DirectMap.DirectMap).pieces(), linear)
    })
  )

  test(
    "25.7: sizes are rounded up to a section; ERANGE when no range is free",
    Effect.gen(function*() {
      const driver = yield* hmm({ chunk: 130 * MiB, limit: 64 * GiB - 1 })
      yield* driver.allocate(1)
      assert.deepStrictEqual(yield* Dax.iomem, ["ff0000000-fffffffff : hmm_dmirror"])
      const low = yield* hmm({ limit: 256 * MiB })
      assert.strictEqual(yield* Dax.errno(low.allocate(1)), "ERANGE")
    })
  )

  test(
    "25.7: from the highest pfn down; counts 0, 1 while allocated, one reference each; the word threads the free list",
    Effect.gen(function*() {
      const driver = yield* hmm()
      const scope = yield* Scope.make()
      const [first] = yield* Scope.provide(driver.allocate(2), scope)
      const [chunk] = driver.chunks()
      const end = chunk?.ranges[0]?.end ?? 0
      const start = chunk?.ranges[0]?.start ?? 0
      assert.deepStrictEqual(first, { start: end - 2, end })
      const [second] = yield* driver.allocate(1)
      assert.deepStrictEqual(second, { start: end - 3, end: end - 2 })
      assert.strictEqual(chunk?.references.count(), 3)
      assert.deepStrictEqual([yield* refcount(end - 1), yield* refcount(end - 3), yield* refcount(end - 4)], [1, 1, 0])
      assert.deepStrictEqual([start, start + 1, end - 4, end - 1].map(driver.word), [0, start, end - 5, 0])
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(chunk?.references.count(), 1)
      assert.strictEqual(yield* refcount(end - 1), 0)
      assert.deepStrictEqual([end - 2, end - 1].map(driver.word), [end - 4, end - 2])
      assert.isUndefined(driver.locate(end - 1))
    })
  )

  test(
    "25.7: a CPU fault moves the page to RAM; the device page is free again, the RAM page goes with the allocation",
    Effect.gen(function*() {
      const frames = yield* FrameAllocator.FrameAllocator
      const driver = yield* hmm()
      const scope = yield* Scope.make()
      const [run] = yield* Scope.provide(driver.allocate(1), scope)
      const pfn = run?.start ?? 0
      const before = frames.free(0)
      const ram = yield* driver.fault(pfn)
      assert.deepStrictEqual(driver.locate(pfn), { _tag: "Ram", pfn: ram })
      assert.strictEqual(yield* driver.fault(pfn), ram)
      assert.strictEqual(frames.free(0), before - 1)
      assert.strictEqual(driver.chunks()[0]?.references.count(), 0)
      assert.strictEqual(yield* refcount(pfn), 0)
      assert.strictEqual(yield* Dax.errno(driver.fault(pfn - 1)), "EFAULT")
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(frames.free(0), before)
    })
  )

  test(
    "25.7: a page without RAM to move to stays on the device (ENOMEM); at the driver's end it is lost, not waited for",
    Effect.gen(function*() {
      const frames = yield* FrameAllocator.FrameAllocator
      const driver = yield* Scope.make()
      const device = yield* Scope.provide(hmm(), driver)
      const [run] = yield* device.allocate(2)
      const pfn = run?.start ?? 0
      yield* device.fault(pfn)
      frames.take({ node: 0, order: 0, count: frames.room(0), purpose: "all" })
      assert.strictEqual(yield* Dax.errno(device.fault(pfn + 1)), "ENOMEM")
      assert.deepStrictEqual(device.locate(pfn + 1), { _tag: "Device" })
      yield* Scope.close(driver, Exit.void)
      assert.strictEqual(device.locate(pfn)?._tag, "Ram")
      assert.deepStrictEqual(device.locate(pfn + 1), { _tag: "Lost" })
      assert.deepStrictEqual((yield* Pagemaps.Pagemaps).all(), [])
      assert.deepStrictEqual(yield* Dax.iomem, [])
    })
  )

  test(
    "25.7: at the driver's end allocated pages move to RAM, and everything it had is given back",
    Effect.gen(function*() {
      const frames = yield* FrameAllocator.FrameAllocator
      const before = { free: frames.free(0), tree: (yield* Iomem.Iomem).tree() }
      yield* Effect.scoped(Effect.gen(function*() {
        const driver = yield* Scope.make()
        const device = yield* Scope.provide(hmm(), driver)
        const runs = yield* device.allocate(100000)
        yield* Scope.close(driver, Exit.void)
        const total = runs.reduce((sum, { end, start }) => sum + end - start, 0)
        assert.strictEqual(total, 100000)
        assert.strictEqual(runs.every(({ start }) => device.locate(start)?._tag === "Ram"), true)
        // Section roots stay (SEC-16), pages of tables are given back with the memmap.
        assert.isAtMost(before.free - frames.free(0) - total, 8)
      }))
      assert.isAtMost(before.free - frames.free(0), 8)
      assert.deepStrictEqual((yield* Iomem.Iomem).tree(), before.tree)
      assert.deepStrictEqual(yield* Dax.warns, [])
    })
  )

  it.effect("11: a chunk fails at any allocation: no range, no pagemap stays", () =>
    Effect.gen(function*() {
      let failures = 0
      for (let n = 0;; n++) {
        const isOver = yield* Effect.gen(function*() {
          const faults = yield* Faults.Faults
          const driver = yield* hmm()
          faults.arm(n)
          const done = yield* Effect.result(driver.allocate(1))
          const left = faults.disarm()
          if (Result.isFailure(done)) {
            failures++
            assert.strictEqual(done.failure.errno, "ENOMEM")
            assert.deepStrictEqual(yield* Dax.iomem, [])
            assert.deepStrictEqual((yield* Pagemaps.Pagemaps).all(), [])
            assert.deepStrictEqual(driver.chunks(), [])
          }
          return left !== null
        }).pipe(Effect.scoped, Effect.provide(Dax.layer(), { local: true }))
        if (isOver) break
      }
      assert.isAbove(failures, 3)
    }))

  const Step = Schema.Struct({
    kind: Schema.Literals(["allocate", "allocate", "free", "fault"]),
    which: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 9 })),
    count: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 40 }))
  })

  it.effect.prop(
    "25.7: the free list is a stack: any order of allocating, freeing and faulting agrees with one of single pages",
    { steps: Arbitrary.array(Arbitrary.schema(Step), { maxLength: 30 }) },
    ({ steps }) =>
      Effect.gen(function*() {
        const driver = yield* hmm({ chunk: 128 * MiB })
        yield* Effect.scoped(driver.allocate(1))
        const [chunk] = driver.chunks()
        const { end, start } = chunk?.ranges[0] ?? { start: 0, end: 0 }
        const stack = Array.from({ length: end - start }, (_, i) => start + i)
        const live: Array<{ readonly scope: Scope.Closeable; readonly pfns: Array<number> }> = []
        for (const { count, kind, which } of steps) {
          const at = live[which % Math.max(1, live.length)]
          if (kind === "allocate") {
            const scope = yield* Scope.make()
            const runs = yield* Scope.provide(driver.allocate(count), scope)
            const pfns = runs.flatMap((run) => Array.from({ length: run.end - run.start }, (_, i) => run.end - 1 - i))
            assert.deepStrictEqual(pfns, Array.from({ length: count }, () => stack.pop()))
            live.push({ scope, pfns })
          } else if (at !== undefined && kind === "free") {
            yield* Scope.close(at.scope, Exit.void)
            for (const pfn of at.pfns.toReversed()) stack.push(pfn)
            live.splice(live.indexOf(at), 1)
          } else if (at !== undefined) {
            const pfn = at.pfns[count % at.pfns.length]
            if (pfn === undefined) continue
            yield* driver.fault(pfn)
            at.pfns.splice(at.pfns.indexOf(pfn), 1)
            stack.push(pfn)
            if (at.pfns.length === 0) live.splice(live.indexOf(at), 1)
          }
          const used = live.reduce((sum, { pfns }) => sum + pfns.length, 0)
          assert.strictEqual(chunk?.references.count(), used)
          assert.strictEqual(driver.word(stack.at(-1) ?? 0), stack.at(-2) ?? 0)
        }
      }).pipe(Effect.scoped, Effect.provide(Dax.layer(), { local: true })),
    { arbitrary: { runs: 60, seed: "hmm" } }
  )
})

describe("DeviceCoherent", () => {
  test(
    "25.7: at a real address, linearly mapped; EINVAL without an owner or off 2 MiB",
    Effect.gen(function*() {
      const linear = (yield* DirectMap.DirectMap).pieces()
      const make = (change: Partial<DeviceCoherent.Options>) =>
        DeviceCoherent.make({ name: "gpu", range: gpu, node: 0, owner: "gpu", ...change })
      assert.strictEqual(yield* Dax.errno(make({ owner: undefined })), "EINVAL")
      assert.strictEqual(yield* Dax.errno(make({ range: { start: gpu.start, end: gpu.end + MiB } })), "EINVAL")
      const device = yield* make({ range: { start: gpu.start + GiB, end: gpu.end + GiB } })
      assert.isAbove((yield* DirectMap.DirectMap).pieces().large, linear.large)
      const [run] = yield* device.allocate(1)
      assert.strictEqual(run?.end, (gpu.end + GiB) / 4096)
      assert.strictEqual(yield* refcount((gpu.end + GiB) / 4096 - 1), 1)
      assert.strictEqual(yield* Dax.errno(device.allocate(65536)), "ENOMEM")
    })
  )

  test(
    "25.7: a long-term pin moves the page to RAM first; unmapping does not wait for the rest",
    Effect.gen(function*() {
      const scope = yield* Scope.make()
      const device = yield* Scope.provide(
        DeviceCoherent.make({ name: "gpu", range: gpu, node: 0, owner: "gpu" }),
        scope
      )
      const [run] = yield* device.allocate(3)
      const pfn = run?.start ?? 0
      const ram = yield* device.pinLongTerm(pfn)
      assert.deepStrictEqual(device.locate(pfn), { _tag: "Ram", pfn: ram })
      assert.deepStrictEqual(device.locate(pfn + 1), { _tag: "Device" })
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(device.locate(pfn + 1)?._tag, "Ram")
      assert.strictEqual(yield* Dax.errno(device.allocate(1)), "ENOMEM")
      assert.deepStrictEqual((yield* Pagemaps.Pagemaps).all(), [])
    })
  )
})

describe("PeerToPeer", () => {
  const bar = { device: "0000:01:00.0", start: 8 * GiB, length: 64 * MiB, isMemory: true, node: 0 }

  test(
    "25.7: BAR checks, and the span check of hotplug",
    Effect.gen(function*() {
      const make = (change: Partial<PeerToPeer.Bar>, size?: number, offset?: number) =>
        Dax.errno(Effect.scoped(PeerToPeer.make({ ...bar, ...change }, size, offset)))
      assert.strictEqual(yield* make({ isMemory: false }), "EINVAL")
      assert.strictEqual(yield* make({}, 0, 64 * MiB), "EINVAL")
      assert.strictEqual(yield* make({}, 64 * MiB, 2 * MiB), "EINVAL")
      assert.deepStrictEqual(yield* Dax.warns, [])
      assert.strictEqual(yield* make({ start: bar.start + MiB }), "EINVAL")
      assert.isNotEmpty(yield* Dax.warns)
    })
  )

  test(
    "25.7: pages count 1, allocations hold the pagemap, the lowest fit is taken; the end waits for them",
    Effect.gen(function*() {
      const provider = yield* Scope.make()
      const peer = yield* Scope.provide(PeerToPeer.make(bar, 0, 32 * MiB), provider)
      const base = (bar.start + 32 * MiB) / 4096
      assert.strictEqual(peer.caching, "uncached")
      assert.strictEqual(yield* refcount(base), 1)
      assert.include(yield* Dax.lines, "pci 0000:01:00.0: added peer-to-peer DMA memory 0x202000000-0x203ffffff")
      const lifetime = peer.pagemap.references.count()
      const scope = yield* Scope.make()
      assert.deepStrictEqual(yield* Scope.provide(peer.allocate(5000), scope), { start: base, end: base + 2 })
      const held = yield* Scope.make()
      assert.deepStrictEqual(yield* Scope.provide(peer.allocate(1), held), { start: base + 2, end: base + 3 })
      assert.strictEqual(peer.pagemap.references.count(), lifetime + 2)
      assert.strictEqual(yield* refcount(base), 1)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(yield* Dax.errno(Effect.scoped(peer.allocate(32 * MiB))), "ENOMEM")
      assert.strictEqual(yield* Dax.errno(Effect.scoped(peer.allocate(0))), "ENOMEM")
      assert.deepStrictEqual(yield* Effect.scoped(peer.allocate(4096)), { start: base, end: base + 1 })
      const closing = yield* Effect.forkChild(Scope.close(provider, Exit.void), { startImmediately: true })
      yield* Effect.yieldNow
      assert.isUndefined(closing.pollUnsafe())
      assert.strictEqual(yield* Dax.errno(Effect.scoped(peer.allocate(4096))), "ENOMEM")
      yield* Scope.close(held, Exit.void)
      yield* Fiber.join(closing)
      assert.deepStrictEqual((yield* Pagemaps.Pagemaps).all(), [])
    })
  )
})
