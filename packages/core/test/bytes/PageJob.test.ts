import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as JobSlot from "../../src/bytes/JobSlot.ts"
import * as PageJob from "../../src/bytes/PageJob.ts"
import { ownBytes, type PageKernel } from "../../src/bytes/PageKernel.ts"
import * as PagePattern from "../../src/bytes/PagePattern.ts"
import * as PageWriter from "../../src/bytes/PageWriter.ts"
import type * as Image from "../../src/memmap/Image.ts"
import * as Images from "./Images.ts"
import * as Memories from "./Memories.ts"

const { vmemmap } = Images

const windowLines = 12 * 1024

const memories = Memories.make(windowLines)

/** `then` happens when somebody stores for the `after`th time. */
const interrupted = (kernel: PageKernel, after: number, then: () => void): PageKernel => {
  let calls = 0
  const count =
    <Arguments extends ReadonlyArray<unknown>>(act: (...rest: Arguments) => void) => (...rest: Arguments): void => {
      act(...rest)
      if (++calls === after) then()
    }
  return {
    ...kernel,
    fill: count(kernel.fill),
    self: count(kernel.self),
    tails: count(kernel.tails),
    spread: count(kernel.spread),
    copy: count(kernel.copy)
  }
}

const Part = Schema.Struct({ lines: Schema.Literals([0, 1, 63, 500, 1024, 2000, 4096, 4500]), gap: Images.int(0, 3) })

const Ending = Schema.Struct({
  memory: Images.int(0, 2),
  past: Schema.Boolean,
  before: Schema.Literals([2 ** 30, 2 ** 30, 0, 1, 700, 4096, 5000]),
  after: Images.int(1, 8),
  to: Schema.Literals([2 ** 30, 0, 3000, 6000]),
  unit: Schema.Literals([1, 512, 4096])
})

interface Job {
  readonly segments: ReadonlyArray<PageJob.Segment>
  readonly expected: Uint8Array
}

/** Segments one behind the other with gaps between them, and what is to be written of the first `lines`. */
const jobOf = (parts: ReadonlyArray<readonly [Image.Image, typeof Part.Type]>, at: number, lines: number): Job => {
  const segments: Array<PageJob.Segment> = []
  const expected = new Uint8Array(windowLines * 64).fill(Memories.untouched)
  let line = 1
  let left = lines
  for (const [image, part] of parts) {
    const count = Math.min(part.lines, windowLines - line - 1)
    segments.push({ ...PagePattern.make(image, 5000 + line, { vmemmap }), at: at + line * 64, lines: count })
    const written = Math.min(left, count)
    expected.set(Images.bytesOf(image, Array.from({ length: written }, (_, i) => 5000 + line + i)), line * 64)
    left -= written
    line += count + part.gap
  }
  return { segments, expected }
}

describe("PageJob", () => {
  it.prop(
    "segments are written in order up to where the job comes to end, and nothing beyond",
    [
      Arbitrary.array(Arbitrary.all([Images.image, Arbitrary.schema(Part)]), { minLength: 1, maxLength: 4 }),
      Arbitrary.schema(Ending)
    ],
    ([parts, ending]) => {
      const memory = memories[ending.memory] ?? assert.fail("no memory")
      const window = Memories.window(memory)
      window.fill(Memories.untouched)
      const { segments } = jobOf(parts, memory.at, 0)
      const total = PageJob.linesOf(segments)
      const slot = JobSlot.make(total)
      let end = total
      const shorten = (to: number, unit: number) => {
        if (to < end) end = JobSlot.shorten(slot, to, (lines) => Math.ceil(lines / unit) * unit)
      }
      shorten(ending.before, 1)
      const kernel = interrupted(memory.kernel, ending.after, () => shorten(ending.to, ending.unit))
      const written = PageJob.run(kernel, { segments, slot, past: ending.past })
      assert.deepStrictEqual([written, JobSlot.done(slot), JobSlot.end(slot)], [end, end, end])
      Memories.same(window, jobOf(parts, memory.at, written).expected, `${memory.name}, ${written} of ${total} lines`)
    },
    { arbitrary: { runs: 120, seed: "job", size: 20 } }
  )

  it("what is claimed is written, though the job is shortened meanwhile; what is whole, too", () => {
    const [memory] = memories
    assert.isDefined(memory)
    const segments = [{ ...PagePattern.make({ _tag: "Poisoned" }, 0, { vmemmap }), at: memory.at, lines: 10_000 }]
    const run = (whole?: (lines: number) => number) => {
      const slot = JobSlot.make(10_000)
      const kernel = interrupted(memory.kernel, 1, () => JobSlot.shorten(slot, 5, whole))
      return PageJob.run(kernel, { segments, slot, past: false })
    }
    assert.strictEqual(run(), PageWriter.chunkLines)
    assert.strictEqual(run((lines) => lines + 404), PageWriter.chunkLines + 404)
  })

  it("others see what is done chunk by chunk", () => {
    const [memory] = memories
    assert.isDefined(memory)
    const slot = JobSlot.make(9000)
    const segments = [{ ...PagePattern.make({ _tag: "Poisoned" }, 0, { vmemmap }), at: memory.at, lines: 9000 }]
    const seen: Array<number> = []
    const kernel = {
      ...memory.kernel,
      fill: (...rest: Parameters<PageKernel["fill"]>) => {
        seen.push(JobSlot.done(slot))
        memory.kernel.fill(...rest)
      }
    }
    PageJob.run(kernel, { segments, slot, past: false })
    assert.deepStrictEqual([...seen, JobSlot.done(slot)], [0, 4096, 8192, 9000])
  })

  it("a job of nothing is done at once", () => {
    const [memory] = memories
    assert.isDefined(memory)
    assert.strictEqual(PageJob.run(memory.kernel, { segments: [], slot: JobSlot.make(0), past: true }), 0)
  })

  for (const memory of memories) {
    it(`${memory.name}: a rehearsal writes to the kernel's own memory alone, by all that writes compounds and others`, () => {
      const all = new Uint8Array(memory.buffer, memory.kernel.scratch - Memories.gap, Memories.gap)
      const window = Memories.window(memory)
      all.fill(1)
      window.fill(Memories.untouched)
      const used = new Set<string>()
      const noting = (name: "fill" | "self" | "tails" | "spread"): PageKernel => ({
        ...memory.kernel,
        [name]: (at: number, ...rest: ReadonlyArray<never>) => {
          used.add(name)
          assert.isTrue(at >= memory.kernel.scratch && at < memory.kernel.scratch + ownBytes)
          Reflect.apply(memory.kernel[name], undefined, [at, ...rest])
        }
      })
      for (const name of ["fill", "self", "tails", "spread"] as const) PageJob.rehearse(noting(name))
      assert.strictEqual(used.size, 4)
      assert.isTrue(all.every((byte) => byte === 1))
      assert.isTrue(window.every((byte) => byte === Memories.untouched))
    })
  }
})
