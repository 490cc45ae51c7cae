import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as ExtentMap from "../../src/geometry/ExtentMap.ts"
import * as Kernel from "../../src/release/Kernel.ts"
import * as KernelRelease from "../../src/release/KernelRelease.ts"
import * as PageAddress from "../../src/sections/PageAddress.ts"
import * as PagemapIndex from "../../src/sections/PagemapIndex.ts"
import * as SectionTable from "../../src/sections/SectionTable.ts"

const kernel = Kernel.make({
  arch: Architecture.presets.x86_64,
  release: Result.getOrThrow(KernelRelease.parse("6.1"))
})
const { Flag, Usage } = SectionTable

describe("PageAddress", () => {
  it("SEC-2: pfn_to_page(1048576) is 0xffffea0004000000, and back", () => {
    assert.strictEqual(PageAddress.address(kernel, 1048576), 0xffffea0004000000n)
    assert.strictEqual(PageAddress.toPfn(kernel, PageAddress.fromPfn(kernel, 1048576)), 1048576)
    assert.strictEqual(PageAddress.toPfn(kernel, 65), undefined)
    assert.strictEqual(PageAddress.linear(kernel, 1048576), 0xffff888100000000n)
  })

  it("SEC-2: words of boot, hot-added, online and device sections", () => {
    const table = SectionTable.make(kernel.arch)
    const word = (flags: number) => {
      SectionTable.fill(table, 7, 1, { flags, usage: Usage.slab, node: 2 }, true)
      return PageAddress.sectionWord(kernel, table, 7)
    }
    assert.strictEqual(word(0), 0n)
    assert.strictEqual(word(Flag.present | Flag.online), 0x45n)
    assert.strictEqual(word(15), 0xffffea000000000fn)
    assert.strictEqual(word(3), 0xffffea0000000003n)
    assert.strictEqual(word(7), 0xffffea0000000007n)
    assert.strictEqual(word(19), 0xffffea0000000013n)
    assert.strictEqual(word(31), 0xffffea000000001fn)
  })

  it("SEC-7: a hole in an early section is valid but not online; a taint costs a lookup", () => {
    const table = SectionTable.make(kernel.arch)
    const index = ExtentMap.empty<PagemapIndex.Entry>()
    SectionTable.fill(table, 0, 1, { flags: 15, usage: Usage.boot, node: 0 }, false)
    SectionTable.setBits(table, 0, 0, 8, true)
    assert.deepStrictEqual([SectionTable.pfnValid(table, 5000), PageAddress.isOnline(table, index, 5000)], [
      true,
      false
    ])
    assert.isTrue(PageAddress.isOnline(table, index, 100))
    let live = true
    PagemapIndex.store(index, 0, 512, { id: 0, isLive: () => live })
    assert.isTrue(PageAddress.isOnline(table, index, 100))
    SectionTable.set(table, 0, { flags: 31, usage: Usage.boot, node: 0 })
    assert.isFalse(PageAddress.isOnline(table, index, 100))
    assert.isTrue(PageAddress.isOnline(table, index, 600))
    live = false
    assert.isTrue(PageAddress.isOnline(table, index, 100))
  })
})
