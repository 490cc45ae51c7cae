import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { KernelFacts } from "../src/index.ts"

describe("KernelFacts", () => {
  it("lists every recording once, with all of its categories", () => {
    assert.strictEqual(KernelFacts.index.length, 256)
    assert.strictEqual(new Set(KernelFacts.index.map((entry) => entry.case)).size, 256)
    assert.deepStrictEqual(
      [...new Set(KernelFacts.index.map((entry) => entry.category))].toSorted(),
      [...KernelFacts.Category.literals]
    )
  })

  it("loads the case it was asked for", () => {
    for (const entry of KernelFacts.index) {
      const { case: name, category } = Result.getOrThrow(KernelFacts.load(entry.case))
      assert.deepStrictEqual([name, category], [entry.case, entry.category])
    }
  })

  it("gives a category in the order of the index", () => {
    assert.deepStrictEqual(
      KernelFacts.byCategory("refuse").map((recorded) => recorded.case),
      KernelFacts.index.filter((entry) => entry.category === "refuse").map((entry) => entry.case)
    )
  })

  it("keeps 64-bit identifiers exact (OBS-17)", () => {
    const { observed } = Result.getOrThrow(KernelFacts.load("size-fsdax-dev-1g"))
    const buses = (observed["phases"] as Record<string, Record<string, unknown>>)["final"]?.["ndctl_list"]
    assert.deepInclude((buses as ReadonlyArray<{ readonly regions: ReadonlyArray<unknown> }>)[0]?.regions[0], {
      iset_id: 0x2468ac00123456n
    })
  })

  it("answers a wrong name with names like it", () => {
    const failure = KernelFacts.load("refuse-nothing")
    assert.isTrue(Result.isFailure(failure))
    if (Result.isFailure(failure)) assert.include(failure.failure.message, "refuse-align")
  })
})
