import { assert, describe, it } from "@effect/vitest"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as ExtentMap from "../../src/geometry/ExtentMap.ts"
import type { Image } from "../../src/memmap/Image.ts"
import * as Memmap from "../../src/memmap/Memmap.ts"
import * as PageFlagFacts from "../../src/records/PageFlagFacts.ts"
import type { Entry } from "../../src/sections/PagemapIndex.ts"
import * as SectionTable from "../../src/sections/SectionTable.ts"
import type * as PageFlags from "../../src/sysfs/PageFlags.ts"

const per = 32768

/** Section 0 is online and full, section 1 offline; RAM ends inside section 1. */
const source = (image: Image): PageFlags.Source => {
  const table = SectionTable.make(Architecture.presets.x86_64)
  const { hasMemMap, online, present } = SectionTable.Flag
  const record = { usage: SectionTable.Usage.slab, node: 0 }
  SectionTable.fill(table, 0, 1, { ...record, flags: present | hasMemMap | online }, true)
  SectionTable.fill(table, 1, 1, { ...record, flags: present | hasMemMap }, true)
  const memmap = Memmap.make(64)
  memmap.write(0, 2 * per, image)
  return { memmap, table, index: ExtentMap.empty<Entry>(), maxPfn: per + 1 }
}

const single = (flags: number): Image => ({
  _tag: "Single",
  node: 0,
  zone: "Normal",
  flags,
  refcount: 1,
  links: { _tag: "Self" }
})

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
