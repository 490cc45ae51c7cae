import { assert, describe, it } from "@effect/vitest"
import * as Totals from "../../src/records/Totals.ts"

const one = (category: string, different: number, notModelled: number): Totals.Counted => ({
  category,
  compared: 10 + different,
  equal: 10,
  outOfScope: 3,
  different: Array.from({ length: different }, () => "leaf"),
  notModelled: Array.from({ length: notModelled }, () => "leaf")
})

describe("Totals", () => {
  it("a case fails by a difference, and by what is not modelled", () => {
    assert.isFalse(Totals.isFailed(one("a", 0, 0)))
    assert.isTrue(Totals.isFailed(one("a", 1, 0)))
    assert.isTrue(Totals.isFailed(one("a", 0, 1)))
  })

  it("sums are by category in the order of their first cases", () => {
    const sums = Totals.byCategory([one("b", 0, 0), one("a", 2, 0), one("b", 0, 1)])
    const none = { compared: 20, equal: 20, outOfScope: 6 }
    assert.deepStrictEqual(sums, [
      { ...none, category: "b", cases: 2, failed: 1, different: 0, notModelled: 1 },
      { category: "a", cases: 1, failed: 1, compared: 12, equal: 10, different: 2, notModelled: 0, outOfScope: 3 }
    ])
    assert.deepStrictEqual(Totals.sum("all", sums), {
      category: "all",
      cases: 3,
      failed: 2,
      compared: 32,
      equal: 30,
      different: 2,
      notModelled: 1,
      outOfScope: 9
    })
    assert.deepStrictEqual(Totals.sum("none", []).cases, 0)
  })
})
