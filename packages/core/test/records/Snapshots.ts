/** Snapshots, sections and page flags of a replayed machine against recorded ones, as far as they can be predicted. */
import { assert } from "@effect/vitest"
import { Effect, Schema } from "effect"
import type * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import { ArchMemory } from "../../src/hotplug/ArchMemory.ts"
import { Memmap } from "../../src/memmap/Memmap.ts"
import * as MemoryNames from "../../src/records/MemoryNames.ts"
import * as PageFlagFacts from "../../src/records/PageFlagFacts.ts"
import * as RecordedMachine from "../../src/records/RecordedMachine.ts"
import * as SectionFacts from "../../src/records/SectionFacts.ts"
import * as SnapshotFacts from "../../src/records/SnapshotFacts.ts"
import type * as StructPageFacts from "../../src/records/StructPageFacts.ts"
import type * as VmemmapFacts from "../../src/records/VmemmapFacts.ts"
import { Kernel } from "../../src/release/Kernel.ts"
import { PagemapIndex } from "../../src/sections/PagemapIndex.ts"
import { SectionTable } from "../../src/sections/SectionTable.ts"

export interface Snapshot {
  readonly start: number
  readonly size: number
  readonly vmemmap: Omit<VmemmapFacts.VmemmapFacts, "leafRuns">
  readonly structPages: Omit<StructPageFacts.StructPageFacts, "online" | "neverWritten" | "selfHosted">
}

/** The part of `observed` that is compared. */
export interface Observed {
  readonly snapshots?: Readonly<Record<string, Snapshot>>
  readonly sections?: Readonly<Record<string, ReadonlyArray<SectionFacts.Run>>>
  readonly phases: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

type Run = VmemmapFacts.VmemmapFacts["runs"][number]

const isRam = (memory: string | null): boolean => memory?.startsWith("ram") === true

/** Where a run of RAM lies, and so how it is cut, is the page allocator's choice; what is mapped is not. */
const covered = (runs: ReadonlyArray<Run>) => {
  const out: Array<[number, number, number | null, string | null]> = []
  for (const [virt, leaf, phys, count, , memory] of runs) {
    const size = phys === null ? null : leaf
    const last = out.at(-1)
    if (last?.[1] === virt && last[2] === size && last[3] === memory) last[1] = virt + count * leaf
    else out.push([virt, virt + count * leaf, size, memory])
  }
  return out
}

/** Snapshots taken under a label. */
export const snapshotsAt = ({ snapshots = {} }: Observed, label: string): ReadonlyArray<readonly [string, Snapshot]> =>
  Object.entries(snapshots).filter(([name]) => name === label || name.endsWith(`@${label}`))

const compareVmemmap = ({ leafRuns, ...own }: VmemmapFacts.VmemmapFacts, recorded: Snapshot["vmemmap"]) => {
  const { runs, runsTotal, ...rest } = recorded
  const { runs: ownRuns, runsTotal: ownTotal, ...ownRest } = own
  assert.deepStrictEqual(ownRest, rest)
  if (Object.keys(recorded.backing).some(isRam)) {
    // All leaves that the recording shows lie in an extent of the engine.
    for (const [start, end, leaf, memory] of covered(runs)) {
      assert.isTrue(
        leafRuns.some((run) => run[0] <= start && end <= run[1] && run[2] === leaf && run[3] === memory),
        `${start} ${end} ${leaf} ${memory}`
      )
    }
    const device = (list: ReadonlyArray<Run>) => list.filter(([, , , , , memory]) => memory !== null && !isRam(memory))
    if (runsTotal === runs.length && ownTotal === ownRuns.length) assert.deepStrictEqual(device(ownRuns), device(runs))
    return
  }
  assert.deepStrictEqual([ownTotal, ownRuns], [runsTotal, runs])
}

/** Kernel pointers are numbered in another order: named by the image they are first met in. */
const renamed = (images: ReadonlyArray<StructPageFacts.Image>) => {
  const names = new Map<string, string>()
  return images.toSorted((a, b) => b.count - a.count || a.firstPfn - b.firstPfn).map((image) => ({
    ...image,
    words: image.words.map((word) => {
      if (!word.startsWith("kptr#")) return word
      const name = names.get(word) ?? `kptr ${names.size}`
      names.set(word, name)
      return name
    })
  }))
}

const compareBytes = (own: string, recorded: string, pfn: string) =>
  assert.strictEqual(own, [...recorded].map((digit, i) => own[i] === "?" ? "?" : digit).join(""), pfn)

export const compareStructPages = (
  { neverWritten, online, selfHosted, ...own }: StructPageFacts.StructPageFacts,
  { ...recorded }: Snapshot["structPages"]
) => {
  assert.deepStrictEqual([own.pages, own.unmapped, own.partial], [
    recorded.pages,
    recorded.unmapped,
    recorded.partial
  ])
  assert.deepStrictEqual(Object.keys(own.samples), Object.keys(recorded.samples))
  if (online) {
    const zeros = recorded.images.find(({ words }) => words.every((word) => word === "0x0"))
    assert.strictEqual(neverWritten, zeros?.count ?? 0)
    const hosted = recorded.images.filter(({ words }) => words[0]?.endsWith("1400"))
    assert.strictEqual(selfHosted, hosted.reduce((sum, { count }) => sum + count, 0))
    return
  }
  assert.deepStrictEqual(renamed(own.images), renamed(recorded.images))
  assert.strictEqual(own.imagesTotal, recorded.imagesTotal)
  assert.deepStrictEqual(own.compound, recorded.compound)
  for (const [pfn, bytes] of Object.entries(recorded.samples)) compareBytes(own.samples[pfn] ?? "", bytes, pfn)
}

const flagsOf = ({ phases }: Observed, label: string): ReadonlyArray<string> =>
  Object.values(phases).flatMap((phase) => phase[`kpageflags:${label}`] as string | undefined ?? [])

/** No page, and a page that holds the memmap of its block: no matter what the allocator does with others. */
const settled = new Set(["0000000000100000", "0000002100000000"])

const compareFlags = (own: string, recorded: string, online: boolean, label: string) => {
  if (!online) return assert.strictEqual(own, recorded, label)
  const fixed = (text: string) => text.split(" ").map((word) => word.endsWith(":") || settled.has(word) ? word : "")
  assert.deepStrictEqual(fixed(own), fixed(recorded), label)
}

/** Whatever a recording has under a label against the machine as it is now: what was compared. */
const compareAt = Effect.fnUntraced(function*(names: MemoryNames.MemoryNames, observed: Observed, at: string) {
  const compared: Array<string> = []
  const kernel = yield* Kernel
  const table = yield* SectionTable
  for (const [label, recorded] of snapshotsAt(observed, at)) {
    const own = yield* SnapshotFacts.take(names, recorded)
    compareVmemmap(own.vmemmap, recorded.vmemmap)
    compareStructPages(own.structPages, recorded.structPages)
    compared.push(`snapshots.${label}`)
    const maxPfn = (yield* ArchMemory).maxPfn()
    const flags = PageFlagFacts.sampled(
      { memmap: yield* Memmap, table, index: yield* PagemapIndex, maxPfn },
      recorded.start / 4096,
      recorded.size / 4096
    )
    for (const text of flagsOf(observed, label)) {
      compareFlags(flags, text, own.structPages.online, label)
      compared.push(`kpageflags:${label}`)
    }
  }
  const sections = observed.sections?.[at]
  if (sections === undefined) return compared
  assert.deepStrictEqual(SectionFacts.take(kernel, table), sections)
  return [...compared, `sections.${at}`]
})

/** The label under which a line of a script takes snapshots. */
export const labelOf = (line: string): string | undefined => /^(?:autosnap|snap|ask sections) (\S+)/.exec(line)?.[1]

const input = Schema.decodeUnknownSync(RecordedMachine.Input)

/** All that a recording has to compare. */
const all = ({ phases, sections = {}, snapshots = {} }: Observed): ReadonlyArray<string> => [
  ...Object.keys(snapshots).map((label) => `snapshots.${label}`),
  ...Object.keys(sections).map((label) => `sections.${label}`),
  ...Object.values(phases).flatMap(Object.keys).filter((key) => key.startsWith("kpageflags:"))
]

/** Compares at the lines of a script that say so, and at its end; then everything recorded must have been compared. */
export const make = (record: KernelFacts.KernelCase) => {
  const observed = record.observed as unknown as Observed
  const names = MemoryNames.ofRecording(input(record.input), 4096)
  const compared = new Set<string>()
  const at = (label: string) =>
    Effect.map(compareAt(names, observed, label), (some) => some.forEach((one) => compared.add(one)))
  return {
    line: (line: string) => {
      const label = labelOf(line)
      return label === undefined ? Effect.void : at(label)
    },
    end: Effect.map(at("final"), () => assert.deepStrictEqual([...compared].toSorted(), all(observed).toSorted()))
  }
}
