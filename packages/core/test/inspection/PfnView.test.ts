import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import * as HostRecord from "../../src/inspection/HostRecord.ts"
import * as Inspection from "../../src/inspection/Inspection.ts"
import * as MachineView from "../../src/inspection/MachineView.ts"
import type { PfnView } from "../../src/inspection/PfnView.ts"
import { failureOf } from "./failure.ts"

interface Run {
  readonly first: number
  readonly last: number
  readonly flagNames: ReadonlyArray<string>
  readonly subsections: string
}

const viewOf = (name: string) => {
  const record = Result.getOrThrow(KernelFacts.load(name))
  return Result.getOrThrow(MachineView.join(Result.getOrThrow(HostRecord.toParts(name, record))))
}

const explain = (view: MachineView.MachineView, ...places: ReadonlyArray<string>): ReadonlyArray<PfnView> =>
  Result.getOrThrow(Inspection.make(view, places)).pfns

const cases = KernelFacts.index.map((entry) => entry.case).filter((name) => {
  const { sections } = Result.getOrThrow(KernelFacts.load(name)).observed
  return typeof sections === "object" && sections !== null && Object.hasOwn(sections, "final")
})

const pagesPerSection = 32768

/** The kernel left sections behind that belong to nobody: nothing but its own memory says so (BUG-27, VMM-3). */
const leaked = new Set(["infoblock-write-smaller-than-namespace", "refuse-no-ram-fsdax"])

describe("PfnView", () => {
  it("SEC-1, SEC-6: flags and validity of the sections of every recorded machine", () => {
    assert.isAbove(cases.length, 100)
    const wrong: Array<string> = []
    for (const name of cases.filter((each) => !leaked.has(each))) {
      const runs =
        (Result.getOrThrow(KernelFacts.load(name)).observed["sections"] as { readonly final: ReadonlyArray<Run> }).final
      const view = viewOf(name)
      const asked = runs.flatMap((run) =>
        [run.first, run.last].flatMap((section) => [0, 31, 63].map((bit) => ({ run, section, bit })))
      )
      const pages = explain(view, ...asked.map(({ bit, section }) => `pfn:${section * pagesPerSection + bit * 512}`))
      asked.forEach(({ bit, run: { flagNames, subsections }, section }, at) => {
        const isValid = flagNames.includes("early") || (BigInt(`0x${subsections}`) >> BigInt(bit)) % 2n === 1n
        const names = flagNames.map((flag) => flag === "zone_device" ? "taint-zone-device" : flag.replaceAll("_", "-"))
        const seen = `${names.join(" ")} ${isValid}`
        const said = `${pages[at]?.flags.join(" ")} ${pages[at]?.valid}`
        if (said !== seen) wrong.push(`${name} section ${section} bit ${bit}: ${said}, not ${seen}`)
      })
    }
    assert.deepStrictEqual(wrong, [])
  })

  it("SEC-2: a struct page lies 64 bytes further for each pfn, and leads back to it", () => {
    const view = viewOf("boot-2g")
    const [page] = explain(view, "pfn:256")
    assert.strictEqual(page?.structPage, "0xffffea0000004000")
    assert.isFalse(page?.randomised)
    assert.isTrue(explain(viewOf("host-6.18"), "pfn:256")[0]?.randomised)
    const same = explain(
      view,
      "256",
      "0x100000",
      "0x100fff",
      "0xffffea0000004000",
      "0xffffea000000403f",
      "0xffff888000100fff"
    )
    assert.deepStrictEqual(same.map(({ pfn }) => pfn), [256, 256, 256, 256, 256, 256])
  })

  it("OBS-8, SEC-7: a hole in an early section has a struct page with zone and node; walkers see it where RAM is near", () => {
    const [hole, ram] = explain(viewOf("boot-2g"), "pfn:0xa0", "pfn:0x100")
    assert.deepInclude(hole, { valid: true, online: true, zone: "DMA", node: 0, section: 0, subsection: 0, block: 0 })
    assert.deepInclude(ram, { valid: true, online: true, zone: "DMA", node: 0, state: "online" })
    assert.strictEqual(ram?.owner, "System RAM")
    assert.isTrue(hole?.rules.some((rule) => rule.startsWith("OBS-8")))
  })

  it("ALT-9, ZON-9: device memory lies in zone Device, is never online and keeps its struct pages itself", () => {
    const view = viewOf("mode-fsdax-dev-2m")
    const [page, beyond] = explain(view, "0x200000000", "0x400000000")
    assert.deepInclude(page, { valid: true, online: false, zone: "Device", block: null, state: null })
    assert.include(page?.backing, "namespace0.0 itself")
    assert.include(page?.owner, "Persistent Memory / namespace0.0")
    assert.deepInclude(beyond, { valid: false, structPage: null, zone: null, owner: null })
    assert.deepStrictEqual(beyond?.flags, [])
  })

  it("ZON-9: memory given to kmem is System RAM of the zone its block is online in", () => {
    const [page] = explain(viewOf("kmem-mem-default"), "0x208000000")
    assert.deepInclude(page, { valid: true, online: true, zone: "Movable", state: "online" })
    assert.include(page?.owner, "System RAM (kmem)")
  })

  it("what is no page frame of the machine is refused with what would be right", () => {
    const view = viewOf("boot-2g")
    const refused = (place: string) => failureOf(Inspection.make(view, [place]))
    assert.include(refused("0x400000000000"), "above MAX_PHYSMEM (2^46)")
    assert.include(refused("99999999999999999999"), "above MAX_PHYSMEM")
    assert.include(refused("0xffffffff81000000"), "virtual address outside struct pages and direct map")
    assert.include(refused("12ab"), "give a decimal pfn, pfn:0x200402, or an address such as 0x100000000")
  })
})
