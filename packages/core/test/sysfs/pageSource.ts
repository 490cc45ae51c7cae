/** A small memmap to read page flags of. */
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as ExtentMap from "../../src/geometry/ExtentMap.ts"
import type { Image } from "../../src/memmap/Image.ts"
import * as Memmap from "../../src/memmap/Memmap.ts"
import type { Entry } from "../../src/sections/PagemapIndex.ts"
import * as SectionTable from "../../src/sections/SectionTable.ts"
import type * as PageFlags from "../../src/sysfs/PageFlags.ts"

/** Pages of a section. */
export const per = 32768

/** Section 0 is online and full, section 1 offline; RAM ends inside section 1. */
export const source = (image: Image): PageFlags.Source => {
  const table = SectionTable.make(Architecture.presets.x86_64)
  const { hasMemMap, online, present } = SectionTable.Flag
  const record = { usage: SectionTable.Usage.slab, node: 0 }
  SectionTable.fill(table, 0, 1, { ...record, flags: present | hasMemMap | online }, true)
  SectionTable.fill(table, 1, 1, { ...record, flags: present | hasMemMap }, true)
  const memmap = Memmap.make(64)
  memmap.write(0, 2 * per, image)
  return { memmap, table, index: ExtentMap.empty<Entry>(), maxPfn: per + 1 }
}

/** The same page everywhere. */
export const single = (flags: number): Image => ({
  _tag: "Single",
  node: 0,
  zone: "Normal",
  flags,
  refcount: 1,
  links: { _tag: "Self" }
})
