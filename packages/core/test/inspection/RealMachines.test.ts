import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import * as Capture from "../../src/inspection/Capture.ts"
import type * as Check from "../../src/inspection/Check.ts"
import * as Disagreements from "../../src/inspection/Disagreements.ts"
import * as Expectation from "../../src/inspection/Expectation.ts"
import * as MachineView from "../../src/inspection/MachineView.ts"

const folder = fileURLToPath(new URL("../../../../../shared/real-dumps", import.meta.url))
const why = existsSync(folder) ? "" : " (skipped: no files of real machines here)"

const checksOf = (...files: ReadonlyArray<string>) => {
  const parts = files.flatMap((file) =>
    Result.getOrThrow(Capture.read(file, readFileSync(`${folder}/${file}`, "utf8")))
  )
  const view = Result.getOrThrow(MachineView.join(parts))
  return Disagreements.checks(view, Result.getOrThrow(Expectation.make(view)))
}

/** What differs, and the beginning of the explanation. */
const differences = (checks: ReadonlyArray<Check.Check>) =>
  Disagreements.differing(checks).map(({ expected, explanation, said, what }) => [what, expected, said, explanation])

const sos = ["iomem", "zoneinfo", "meminfo", "cmdline", "buddyinfo"].map((name) => `sosreport-hyperv-8g/${name}`)

const live = [
  "node 0, zone DMA32: free pages by order",
  122008,
  123190,
  "the two were read one after the other, and free memory changes all the time"
]

describe.skipIf(why !== "")(`Machines of other people${why}`, () => {
  it("OBS-7 … OBS-9: three boot logs (3.10, 4.4, 4.18) say what follows from their maps, every number", () => {
    for (
      const [name, count] of [["vmware-guest", 22], ["supermicro-x8sie-8g", 20], ["hyperv-coreos-8g", 22]] as const
    ) {
      const checks = checksOf(`boot-logs/${name}.txt`)
      assert.deepStrictEqual(differences(checks), [], name)
      assert.strictEqual(checks.length, count, name)
    }
  })

  it("OBS-7: a log of 3.13 says node and zone by their limits, which is explained", () => {
    const checks = checksOf("boot-logs/bochs-512m.txt")
    assert.strictEqual(checks.length, 17)
    assert.deepStrictEqual(differences(checks), [
      [
        "memory of node 0",
        "[0x1000-0x1fffdfff]",
        "[0x0-0x1fffdfff]",
        "this kernel prints the node as the firmware describes it, from address 0"
      ],
      [
        "reach of zone DMA32",
        "[0x1000000-0x1fffdfff]",
        "[0x1000000-0xffffffff]",
        "this kernel prints the zone's limit, also where RAM ends below it"
      ]
    ])
  })

  it("OBS-9: a log of 6.1 does not print what was taken before it counted, which is explained", () => {
    const checks = checksOf("boot-logs/hp-8000-4g.txt")
    assert.strictEqual(checks.length, 14)
    assert.deepStrictEqual(differences(checks), [
      [
        "zonelists: total pages",
        1005792,
        1005634,
        "158 pages of the lowest zone were in use already; this kernel does not print how many"
      ],
      [
        "Memory: bytes available",
        4006567936,
        4006301696,
        "65 pages were handed out already, or are on the lists of CPUs: only free ones are counted"
      ]
    ])
  })

  it("ZON-11, OBS-10: zones and MemTotal of a machine follow from its /proc/iomem, alone and with the log of that boot", () => {
    assert.deepStrictEqual(differences(checksOf(...sos)), [live])
    const both = checksOf("boot-logs/hyperv-coreos-8g.txt", ...sos)
    assert.deepStrictEqual(differences(both), [live])
    assert.strictEqual(both.length, 41)
  })

  it("a number that is not what it was is found, at its place and without an explanation", () => {
    const file = "boot-logs/hyperv-coreos-8g.txt"
    const text = readFileSync(`${folder}/${file}`, "utf8")
    const changes: ReadonlyArray<readonly [string, string, string]> = [
      ["totalpages: 2096863", "totalpages: 2096864", "node 0: pages present"],
      ["16320 pages used", "16321 pages used", "node 0, zone DMA32: pages used for memmap"],
      ["ranges: 289 pages", "ranges: 290 pages", "pages in unavailable ranges"],
      ["Total pages: 2062239", "Total pages: 2062238", "zonelists: total pages"],
      ["/8387452K available", "/8387456K available", "Memory: bytes of RAM"],
      ["last_pfn = 0x208000", "last_pfn = 0x208001", "last pfn of RAM"]
    ]
    for (const [from, to, what] of changes) {
      const view = Result.getOrThrow(MachineView.join(Result.getOrThrow(Capture.read(file, text.replace(from, to)))))
      const checks = Disagreements.checks(view, Result.getOrThrow(Expectation.make(view)))
      const found = Disagreements.differing(checks)
      assert.isTrue(found.some((check) => check.what === what), what)
      if (what !== "last pfn of RAM") {
        assert.isTrue(Disagreements.unexplained(checks).some((one) => one.what === what), what)
      }
    }
  })
})
