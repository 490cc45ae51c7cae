import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Schema } from "effect"
import * as LeafRuns from "../../src/records/LeafRuns.ts"

const Piece = Schema.Struct({
  kind: Schema.Literals(["linear", "same", "hole", "groups"]),
  count: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 40 })),
  phys: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 6 })),
  gap: Schema.Boolean
})

const group = 8
const kept = 2

const leafAt = (virt: number, phys: number | null): LeafRuns.LeafRun => ({
  virt,
  leaf: 1,
  phys,
  count: 1,
  stride: 0,
  memory: phys === null ? null : "ram"
})

/** The recorder's rule over every leaf. */
const slowly = (leaves: ReadonlyArray<LeafRuns.LeafRun>) => {
  const runs: Array<{ virt: number; phys: number | null; count: number; stride: number }> = []
  for (const { phys, virt } of leaves) {
    const last = runs.at(-1)
    if (last !== undefined && last.virt + last.count === virt) {
      if (phys === null && last.phys === null) {
        last.count++
        continue
      }
      if (phys !== null && last.phys !== null) {
        if (last.count === 1 && (phys === last.phys || phys === last.phys + 1)) {
          last.stride = phys - last.phys
          last.count = 2
          continue
        }
        if (last.count > 1 && phys === last.phys + last.count * last.stride) {
          last.count++
          continue
        }
      }
    }
    runs.push({ virt, phys, count: 1, stride: phys === null ? 0 : 1 })
  }
  return { total: runs.length, runs: runs.length > 48 ? [...runs.slice(0, 24), ...runs.slice(-8)] : runs }
}

describe("LeafRuns", () => {
  it.prop(
    "SPW-9: folded piece by piece as leaf by leaf",
    [Arbitrary.array(Arbitrary.schema(Piece), { maxLength: 12 })],
    ([pieces]) => {
      const runs = LeafRuns.empty()
      const leaves: Array<LeafRuns.LeafRun> = []
      let virt = 0
      for (const { count, gap, kind, phys } of pieces) {
        if (gap) virt++
        if (kind === "groups") {
          const from = virt
          LeafRuns.addGroups(runs, count * 3, (i) => {
            const at = from + i * group
            const own = phys + i * kept
            LeafRuns.add(runs, { ...leafAt(at, own), count: kept, stride: 1 })
            LeafRuns.add(runs, { ...leafAt(at + kept, own + kept - 1), count: group - kept })
          }, { virt: group, phys: kept })
          for (let i = 0; i < count * 3 * group; i++) {
            const own = phys + Math.floor(i / group) * kept
            leaves.push(leafAt(from + i, own + Math.min(i % group, kept - 1)))
          }
          virt += count * 3 * group
          continue
        }
        const stride = kind === "linear" ? 1 : 0
        LeafRuns.add(runs, { ...leafAt(virt, kind === "hole" ? null : phys), count, stride })
        for (let i = 0; i < count; i++) leaves.push(leafAt(virt + i, kind === "hole" ? null : phys + i * stride))
        virt += count
      }
      const shown = LeafRuns.shown(runs).map(({ count, phys, stride, virt }) => ({ virt, phys, count, stride }))
      assert.deepStrictEqual({ total: runs.total, runs: shown }, slowly(leaves))
    },
    { arbitrary: { runs: 500, seed: "leaves" } }
  )
})
