import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Layer, Schema } from "effect"
import * as Faults from "../../src/frames/Faults.ts"
import * as FrameAllocator from "../../src/frames/FrameAllocator.ts"
import * as Shortage from "../../src/frames/Shortage.ts"
import * as KernelLog from "../../src/kernel/KernelLog.ts"

const areas = [{ node: 0, start: 3, end: 1500 }, { node: 1, start: 2048, end: 4096 }, {
  node: 0,
  start: 5000,
  end: 6100
}]
const base = Layer.merge(KernelLog.layer, Faults.layer)
const frames = FrameAllocator.layer(areas).pipe(Layer.provideMerge(base))

const Step = Schema.Struct({
  give: Schema.Boolean,
  node: Schema.Literals([0, 1]),
  order: Schema.Literals([0, 1, 5, 9]),
  count: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 40 }))
})

describe("FrameAllocator", () => {
  it.effect.prop(
    "VMM-5: no page is handed out twice, blocks are aligned, and what is given back can be had again",
    { steps: Arbitrary.array(Arbitrary.schema(Step), { maxLength: 25 }) },
    ({ steps }) =>
      Effect.gen(function*() {
        const allocator = yield* FrameAllocator.FrameAllocator
        const owned = new Set<number>()
        const held: Array<{ readonly start: number; readonly pages: number }> = []
        for (const { count, give, node, order } of steps) {
          const block = give ? held.pop() : undefined
          if (block !== undefined) {
            allocator.give(block.start, block.pages, "test")
            for (let i = 0; i < block.pages; i++) owned.delete(block.start + i)
            continue
          }
          const taken = allocator.take({ node, order, count, purpose: "test" })
          assert.isAtMost(taken.reduce((sum, t) => sum + t.count, 0), count)
          for (const { count: blocks, node: from, start } of taken) {
            const pages = blocks * 2 ** order
            assert.strictEqual(start % 2 ** order, 0)
            assert.isTrue(areas.some((area) => area.node === from && area.start <= start && start + pages <= area.end))
            held.push({ start, pages })
            for (let i = 0; i < pages; i++) {
              assert.isFalse(owned.has(start + i))
              owned.add(start + i)
            }
          }
        }
        const total = areas.reduce((sum, area) => sum + area.end - area.start, 0)
        assert.strictEqual(allocator.free(0) + allocator.free(1), total - owned.size)
      }).pipe(Effect.provide(frames, { local: true })),
    { arbitrary: { runs: 200, seed: "frames" } }
  )

  it.effect("SPW-10: a node without memory falls back to the nearest one", () =>
    Effect.gen(function*() {
      const allocator = yield* FrameAllocator.FrameAllocator
      const [taken] = allocator.take({ node: 2, order: 0, count: 1, purpose: "test" })
      assert.strictEqual(taken?.node, 1)
    }).pipe(Effect.provide(frames)))

  it.effect("a failing allocation is the one that was named, and only that", () =>
    Effect.gen(function*() {
      const allocator = yield* FrameAllocator.FrameAllocator
      const faults = yield* Faults.Faults
      const take = (count: number) =>
        allocator.take({ node: 0, order: 0, count, purpose: "test" }).reduce((sum, t) => sum + t.count, 0)
      faults.arm(3)
      assert.deepStrictEqual([take(2), faults.isArmed(), take(4), faults.isArmed(), take(4)], [2, true, 1, false, 4])
      faults.arm(5)
      assert.strictEqual(faults.disarm(), 5)
    }).pipe(Effect.provide(frames)))

  it.effect("memory that is in use cannot be withdrawn; the free part of an area can", () =>
    Effect.gen(function*() {
      const allocator = yield* FrameAllocator.FrameAllocator
      allocator.add({ node: 0, start: 8192, end: 8192 + 1024 })
      assert.isTrue(allocator.withdraw({ start: 8192, end: 8192 + 512 }))
      const [taken] = allocator.take({ node: 1, order: 9, count: 4, purpose: "test" })
      assert.isFalse(allocator.withdraw({ start: taken?.start ?? 0, end: (taken?.start ?? 0) + 512 }))
      assert.isTrue(allocator.withdraw({ start: 8192 + 512, end: 8192 + 1024 }))
    }).pipe(Effect.provide(frames)))

  it.effect("a shortage is told to whoever was given the say, who may free memory", () =>
    Effect.gen(function*() {
      const needs: Array<Shortage.Need> = []
      const allocator = yield* FrameAllocator.make([{ node: 0, start: 0, end: 10 }]).pipe(
        Effect.provideService(Shortage.Shortage, (need) => {
          needs.push(need)
          allocator.add({ node: 0, start: 100, end: 110 })
          return true
        })
      )
      const taken = allocator.take({ node: 0, order: 0, count: 15, purpose: "memmap" })
      assert.strictEqual(taken.reduce((sum, t) => sum + t.count, 0), 15)
      assert.deepStrictEqual(needs.map(({ missing }) => missing), [5])
    }).pipe(Effect.provide(base)))
})
