/**
 * A scenario of one's own: a device that shares a section with RAM goes away while somebody asks `pfn_to_online_page()` of its pages. It
 * finds a window that the kernel really has: its pages pass for online RAM from when the pagemap dies until their subsections are cleared.
 */
import { Memmap, PageAddress, PagemapIndex, Pagemaps, SectionTable, Steps } from "@vmemmap/core"
import { Explore, Findings, Scenario } from "@vmemmap/test-utils"
import { Effect } from "effect"

const MiB = 2 ** 20

/** Seven and a half sections of RAM; the device has the other half of the last. */
const boundary = 960 * MiB
const pfn = boundary / 4096

const unmap = Effect.gen(function*() {
  const { memremap } = yield* Pagemaps.Pagemaps
  const ranges = [{ start: boundary, end: boundary + 64 * MiB }]
  yield* Effect.scoped(memremap({ name: "pmem0", type: "fsdax", node: 0, ranges }))
})

/** `pfn_to_online_page()`, and what its caller then finds: one step, as reading the section word decides it. */
const walker = Effect.gen(function*() {
  const table = yield* SectionTable.SectionTable
  const index = yield* PagemapIndex.PagemapIndex
  const memmap = yield* Memmap.Memmap
  const zone = yield* Steps.run(function*() {
    yield Steps.read("section.read-word", `section:${SectionTable.sectionOf(table, pfn)}`)
    if (!PageAddress.isOnline(table, index, pfn)) return null
    const page = memmap.read(pfn)
    return page._tag === "Initialised" ? page.zone : null
  })
  if (zone === "Device") yield* Findings.report("SEC-7", `pfn_to_online_page(${pfn}) gives a page of zone ${zone}`)
})

const scenario: Scenario.Scenario = {
  name: "dying-device",
  about: "a device beside RAM goes away while somebody walks online pages",
  rules: ["SEC-7"],
  machine: { kernel: "6.1", ranges: [{ kind: "ram", start: 0, size: boundary, node: 0 }] },
  setup: Effect.succeed({ unmap, walker })
}

const { findings } = Explore.exhaustive(Scenario.program(scenario), { preemptions: 2 })
for (const { execution, schedule, violations } of findings) {
  console.log(`${violations[0]?.rule}: ${violations[0]?.problem}, after '${schedule}':`)
  for (const { name, step } of execution.events.slice(-6)) {
    console.log(`  ${name.padEnd(8)}${step === null ? "begins" : `${step.name} ${step.object}`}`)
  }
}
