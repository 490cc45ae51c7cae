import { assert, describe, it } from "@effect/vitest"
import * as PageFlagFacts from "../../src/records/PageFlagFacts.ts"
import { per, single, source } from "../sysfs/pageSource.ts"

describe("PageFlagFacts", () => {
  it("SPW-11: what the page allocator did with a page is not known", () => {
    const used = source({ _tag: "InUse", node: 0, zone: "Normal" })
    assert.strictEqual(PageFlagFacts.sampled(used, 0, 8), `0: ${`${"?".repeat(16)} `.repeat(8)}`)
  })

  it("SPW-11: samples stop where the file ends", () => {
    const some = source(single(0x1000))
    const lines = PageFlagFacts.sampled(some, 2 * per - 2, 2000).split("\n")
    assert.deepStrictEqual(lines, [
      `${2 * per - 2}: 0000000000100000 0000000000100000 `,
      `${2 * per + 506}: `,
      `${2 * per + 1990}: `
    ])
  })
})
