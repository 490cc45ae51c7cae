import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as JobSlot from "../../src/bytes/JobSlot.ts"
import * as Images from "./Images.ts"

const Step = Schema.Struct({
  kind: Schema.Literals(["claim", "claim", "shorten", "shorten whole", "shorten and lose a race"]),
  lines: Images.int(1, 300),
  to: Images.int(0, 1100),
  unit: Images.int(1, 200)
})

type Step = typeof Step.Type

/** A slot, all that was claimed of it, and where it was said to end last. */
const follow = (lines: number) => {
  const slot = JobSlot.make(lines)
  let claimed = 0
  let end = lines

  const claim = (most: number): boolean => {
    const piece = JobSlot.claim(slot, most)
    assert.strictEqual(piece === null, claimed === end)
    if (piece === null) return false
    assert.strictEqual(piece.start, claimed)
    assert.strictEqual(piece.end, Math.min(claimed + most, end))
    claimed = piece.end
    return true
  }

  const shorten = ({ kind, lines, to, unit }: Step): void => {
    const whole = (at: number) => Math.ceil(at / unit) * unit
    const before = end
    let races = kind === "shorten and lose a race" ? 1 : 0
    const raced = (at: number) => {
      // Somebody claims between the look and the change.
      if (races-- > 0) claim(lines)
      return whole(at)
    }
    end = kind === "shorten" ? JobSlot.shorten(slot, to) : JobSlot.shorten(slot, to, raced)
    const least = claimed <= to ? to : kind === "shorten" ? claimed : whole(claimed)
    assert.strictEqual(end, Math.min(before, least))
    assert.strictEqual(JobSlot.end(slot), end)
  }

  return { slot, claim, shorten, ends: () => [claimed, end] as const }
}

describe("JobSlot", () => {
  it.prop(
    "claims follow each other without a gap and end where the run was last said to end",
    [Arbitrary.schema(Images.int(0, 1000)), Arbitrary.array(Arbitrary.schema(Step), { maxLength: 12 })],
    ([lines, steps]) => {
      const { claim, ends, shorten } = follow(lines)
      for (const step of steps) {
        if (step.kind === "claim") claim(step.lines)
        else shorten(step)
      }
      while (claim(97));
      const [claimed, end] = ends()
      assert.strictEqual(claimed, end)
      assert.isAtMost(end, lines)
    },
    { arbitrary: { runs: 500, seed: "slot", size: 20 } }
  )

  it("a run is shortened to what is claimed, not below, and never made longer", () => {
    const slot = JobSlot.make(1000)
    JobSlot.claim(slot, 300)
    assert.strictEqual(JobSlot.shorten(slot, 100), 300)
    assert.strictEqual(JobSlot.shorten(slot, 900), 300)
    assert.isNull(JobSlot.claim(slot, 1))
  })

  it("a run that is shortened in the middle of something ends behind all of it", () => {
    const slot = JobSlot.make(1000)
    JobSlot.claim(slot, 300)
    assert.strictEqual(JobSlot.shorten(slot, 0, (lines) => Math.ceil(lines / 512) * 512), 512)
    assert.deepStrictEqual(JobSlot.claim(slot, 4096), { start: 300, end: 512 })
    assert.isNull(JobSlot.claim(slot, 4096))
  })

  it("what ends where it is claimed to is whole, and less than what is claimed never is", () => {
    const slot = JobSlot.make(1000)
    JobSlot.claim(slot, 300)
    assert.strictEqual(JobSlot.shorten(slot, 900, () => 950), 900)
    assert.strictEqual(JobSlot.shorten(slot, 300, () => 512), 300)
    assert.strictEqual(JobSlot.shorten(slot, 200, () => 256), 300)
    const other = JobSlot.make(1000)
    JobSlot.claim(other, 300)
    assert.strictEqual(JobSlot.shorten(other, 200, () => 256), 300)
  })

  it("of a run of nothing there is nothing to claim", () => {
    const slot = JobSlot.make(0)
    assert.isNull(JobSlot.claim(slot, 4096))
    assert.strictEqual(JobSlot.shorten(slot, 0), 0)
  })

  it("a run can have nearly 2^31 lines", () => {
    const lines = 2 ** 31 - 1
    const slot = JobSlot.make(lines)
    assert.deepStrictEqual(JobSlot.claim(slot, lines - 1), { start: 0, end: lines - 1 })
    assert.strictEqual(JobSlot.end(slot), lines)
    assert.deepStrictEqual(JobSlot.claim(slot, 4096), { start: lines - 1, end: lines })
  })

  it("what is done is told apart from what is claimed", () => {
    const slot = JobSlot.make(1000)
    JobSlot.claim(slot, 400)
    assert.strictEqual(JobSlot.done(slot), 0)
    JobSlot.setDone(slot, 400)
    JobSlot.shorten(slot, 500)
    assert.deepStrictEqual([JobSlot.done(slot), JobSlot.end(slot)], [400, 500])
  })
})
