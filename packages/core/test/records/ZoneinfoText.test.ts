import { assert, describe, it } from "@effect/vitest"
import * as ZoneinfoText from "../../src/records/ZoneinfoText.ts"

const printed = `Node 0, zone      DMA
  per-node stats
      nr_inactive_anon 2051
  pages free     3840
        spanned  4095
        present  3998
        managed  3840
  start_pfn:           1
Node 0, zone  Movable
  pages free     0
        spanned  0
        present  0`

describe("ZoneinfoText", () => {
  it("zones, spanned and present pages and start are kept, the allocator's state is not", () => {
    assert.strictEqual(
      ZoneinfoText.inScope(printed),
      "Node 0, zone      DMA\n        spanned  4095\n        present  3998\n  start_pfn:           1\n" +
        "Node 0, zone  Movable\n        spanned  0\n        present  0"
    )
  })

  it("another text stays as it is", () => {
    for (const text of ["", "Node 0 MemTotal: 4 kB", "Node 0, zone DMA", "spanned  4095"]) {
      assert.strictEqual(ZoneinfoText.inScope(text), text)
    }
  })
})
