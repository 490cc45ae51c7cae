/**
 * The closed forms against what a 6.1 kernel really mapped: `docs/kernel-facts.md`.
 *
 * A namespace is planned from its raw range and the boot RAM of `input`, and from mode, map and align as the tools listed
 * them at the end. It is compared when the recording has a snapshot of its final memmap. Left out, by rule: namespaces
 * without a snapshot, and the machine without enough RAM, which no formula describes (category `refuse`).
 */
import { assert, describe, it } from "@effect/vitest"
import * as Alignment from "@vmemmap/core/geometry/Alignment"
import * as MemoryBlock from "@vmemmap/core/geometry/MemoryBlock"
import * as PfnRange from "@vmemmap/core/geometry/PfnRange"
import type { DeviceKind } from "@vmemmap/core/machine/MachineSpec"
import * as Alternatives from "@vmemmap/core/planning/Alternatives"
import * as Capacity from "@vmemmap/core/planning/Capacity"
import * as PlanOption from "@vmemmap/core/planning/PlanOption"
import * as Target from "@vmemmap/core/planning/Target"
import * as ToolSize from "@vmemmap/core/userland/ToolSize"
import * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import * as Replay from "../devices/Replay.ts"

const page = 4096
const MiB = 2 ** 20
const GiB = 2 ** 30
const { arch, release } = Replay

interface Input extends Replay.Input {
  readonly ram: { readonly below4G: number; readonly above4G: number }
}

interface Snapshot {
  readonly start: number
  readonly size: number
  readonly vmemmap: {
    readonly backing: Readonly<Record<string, { readonly distinctBytes: number; readonly references: number }>>
    readonly leafCounts: Readonly<Record<string, number>>
    readonly tablePages: { readonly pte: number; readonly pmd: number }
  }
  readonly structPages: {
    readonly partial: boolean
    readonly imagesTotal: number
    readonly images: ReadonlyArray<
      { readonly count: number; readonly firstPfn: number; readonly lastPfn: number; readonly words: Array<string> }
    >
    readonly compound?: { readonly heads: number }
  }
}

interface Listed {
  readonly dev: string
  readonly mode: "raw" | "sector" | "fsdax" | "devdax"
  readonly map?: "mem" | "dev"
  readonly size: number
  readonly align?: number
  readonly sector_size?: number
  readonly state?: "disabled"
  readonly numa_node: number
  readonly target_node: number
  readonly daxregion?: {
    readonly devices?: ReadonlyArray<
      { readonly mode: string; readonly state?: string; readonly total_memblocks?: number }
    >
  }
}

interface Blocks {
  readonly blockSizeBytes: number
  readonly runs: ReadonlyArray<
    { readonly first: number; readonly last: number; readonly state: string; readonly validZones: string }
  >
}

interface Zone {
  readonly node: number
  readonly zone: string
  readonly spanned: number
}

type Phase = Readonly<Record<string, unknown>> & { readonly sameAs?: Readonly<Record<string, string>> }

interface Observed {
  readonly commands: ReadonlyArray<{ readonly command: string; readonly exit: number; readonly stderr: string }>
  readonly phases: Readonly<Record<string, Phase>>
  readonly status: string
  readonly snapshots?: Readonly<Record<string, Snapshot>>
}

const leaf = <A>({ phases }: Observed, name: string): A | undefined => {
  const final = phases["final"]
  return (final?.[name] ?? phases[final?.sameAs?.[name] ?? ""]?.[name]) as A | undefined
}

/** `ndctl list` nests namespaces in regions in buses, when there are several. */
const namespacesOf = (listing: unknown): ReadonlyArray<Listed> => {
  if (Array.isArray(listing)) return listing.flatMap(namespacesOf)
  if (typeof listing !== "object" || listing === null) return []
  return "dev" in listing && String(listing.dev).startsWith("namespace")
    ? [listing as Listed]
    : Object.values(listing).flatMap(namespacesOf)
}

/** Boot RAM: what the machine has, without what the command line turned into device memory. */
const ramOf = (input: Input, regions: ReadonlyArray<PfnRange.PfnRange>): ReadonlyArray<PfnRange.PfnRange> =>
  [{ start: 0, end: input.ram.below4G }, { start: 4 * GiB, end: 4 * GiB + input.ram.above4G }]
    .flatMap((range) => PfnRange.subtract(range, regions))

const choiceOf = (listed: Listed): PlanOption.Choice => ({
  mode: listed.daxregion?.devices?.some(({ mode }) => mode === "system-ram") === true ? "system-ram" : listed.mode,
  map: listed.map ?? "none",
  align: listed.align ?? null,
  sectorSize: listed.mode === "sector" ? listed.sector_size ?? null : null,
  native: listed.mode === "fsdax" && listed.align === undefined,
  memmapOnMemory: false
})

const isDisabled = (listed: Listed): boolean =>
  listed.state === "disabled" || listed.daxregion?.devices?.some(({ state }) => state === "disabled") === true

const kindOf = (input: Input, start: number): DeviceKind =>
  input.pmem?.some(({ addr, size }) => start >= addr && start < addr + size) === true
    ? "pmem"
    : input.virtioPmem?.some(({ addr }) => addr === start) === true
    ? "virtio-pmem"
    : "legacy"

/** A namespace with a snapshot at the end, and what planning says to it. */
interface Subject {
  readonly name: string
  readonly case: string
  readonly listed: Listed
  readonly choice: PlanOption.Choice
  readonly kind: DeviceKind
  readonly range: PfnRange.PfnRange
  readonly snapshot: Snapshot
  readonly option: PlanOption.PlanOption
  readonly kernel: Target.Kernel
  readonly observed: Observed
  readonly input: Input
}

const categories = [
  "ns-mode",
  "ns-size",
  "region-placement",
  "multi-ns",
  "legacy-memmap",
  "large-device",
  "virtio-pmem",
  "recreate",
  "kmem"
] as const

const recorded = categories.flatMap((category) => KernelFacts.byCategory(category)).map((found) => ({
  case: found.case,
  input: found.input as unknown as Input,
  observed: found.observed as unknown as Observed
}))

const kernelFor = (input: Input): Target.Kernel => {
  const regions = Replay.regions(input).map(({ size, start }) => PfnRange.fromLength(start, size))
  const ram = ramOf(input, regions)
  return {
    arch,
    release,
    structPage: 64,
    ram,
    blockSize: MemoryBlock.size(arch, { endOfBootRam: ram.at(-1)?.end ?? 0, hypervisor: true }),
    assumptions: []
  }
}

const targetFor = (kind: DeviceKind, { end, start }: PfnRange.PfnRange, listed?: Listed): Target.Target =>
  Target.fromDevice({
    name: "region0",
    kind,
    start,
    size: end - start,
    node: listed?.numa_node ?? 0,
    targetNode: listed?.target_node ?? 0
  }).target

const subjects: ReadonlyArray<Subject> = recorded.flatMap(({ case: name, input, observed }) => {
  const kernel = kernelFor(input)
  const created = namespacesOf(leaf(observed, "ndctl_list")).filter(({ size }) => size > 0)
  return created.flatMap((listed) => {
    const snapshot = observed.snapshots?.[`${listed.dev}@final`]
    if (snapshot === undefined) return []
    const range = PfnRange.fromLength(snapshot.start, snapshot.size)
    const kind = kindOf(input, range.start)
    const choice = choiceOf(listed)
    const option = Capacity.plan(choice, targetFor(kind, range, listed), kernel)
    return [{
      name: `${name} ${listed.dev}`,
      case: name,
      listed,
      choice,
      kind,
      range,
      snapshot,
      option,
      kernel,
      observed,
      input
    }]
  })
})

const mapped = subjects.filter(({ choice, listed }) => !isDisabled(listed) && choice.mode !== "raw")

const sum = (values: ReadonlyArray<number>) => values.reduce((a, b) => a + b, 0)

/** Sections of the range that boot RAM populated: one 2 MiB leaf each, in RAM, whatever the device needs of it (SPW-9). */
const earlySections = ({ kernel: { ram }, range }: Subject): ReadonlyArray<PfnRange.PfnRange> => {
  const first = Alignment.down(range.start, arch.sectionSize)
  return Array.from(
    { length: Alignment.slotsTouched(range.start, range.end, arch.sectionSize) },
    (_, i) => PfnRange.fromLength(first + i * arch.sectionSize, arch.sectionSize)
  ).filter((section) => ram.some((piece) => PfnRange.overlaps(piece, section)))
}

const overlap = (a: PfnRange.PfnRange, b: PfnRange.PfnRange) =>
  Math.max(0, Math.min(a.end, b.end) - Math.max(a.start, b.start))

const bytesIn = ({ vmemmap: { backing } }: Snapshot, memory: RegExp) =>
  sum(Object.entries(backing).filter(([name]) => memory.test(name)).map(([, { distinctBytes }]) => distinctBytes))

/** Bytes of the vmemmap that are mapped at all. */
const virtual = ({ vmemmap: { leafCounts } }: Snapshot) =>
  sum(Object.entries(leafCounts).filter(([size]) => size !== "unmapped").map(([size, count]) => Number(size) * count))

/** The part of the range that the kernel maps: the whole blocks of system-ram, else all but the truncated end. */
const mappedRange = ({ choice, option, range }: Subject): PfnRange.PfnRange => {
  if (choice.mode !== "system-ram") return { start: range.start, end: range.end - option.endTrunc }
  const head = option.lost.metadata + option.lost.alignmentHead + option.lost.unusedReserve + (option.blocks?.head ?? 0)
  return PfnRange.fromLength(range.start + head, option.usable)
}

const zoneOf = (words: ReadonlyArray<string>) => Number((BigInt(words[0] ?? "0") >> 51n) & 7n)
const deviceZone = 4

const written = mapped.filter(({ choice, option, snapshot: { structPages } }) =>
  choice.mode !== "system-ram" && choice.mode !== "sector" &&
  (option.shared
    ? !option.notes.some(({ rule }) => rule === "CMP-5")
    : !structPages.partial && structPages.imagesTotal === structPages.images.length)
)

describe("recorded namespaces", () => {
  for (const subject of mapped) {
    const { choice, kind, listed, name, option, snapshot } = subject
    const early = earlySections(subject)
    const boot = early.length * 2 * MiB

    it(`28.2: ${name} has the predicted size`, () => {
      assert.isNull(option.error)
      const [device] = listed.daxregion?.devices ?? []
      if (choice.mode === "system-ram") {
        assert.strictEqual((device?.total_memblocks ?? 0) * (option.blocks?.size ?? 0), option.usable)
        const { alignmentHead, metadata, unusedReserve } = option.lost
        const devdax = subject.range.end - subject.range.start - metadata - alignmentHead - unusedReserve
        assert.strictEqual(devdax - option.lost.alignmentTail, listed.size)
      } else {
        assert.strictEqual(option.usable, listed.size)
      }
    })

    it(`SPW-9, SEC-10c, ALT-9: the struct pages of ${name} lie where predicted`, () => {
      const inDevice = bytesIn(snapshot, /^v?pmem/)
      const inRam = bytesIn(snapshot, /^ram/)
      // an e820 device is made of RAM: its altmap is counted there
      assert.deepStrictEqual(
        [inRam - boot, inDevice],
        kind === "legacy" ? [option.ram + option.device, 0] : [option.ram, option.device]
      )
    })

    it(`SPW-9, CMP-7: the page tables of ${name} are the predicted ones`, () => {
      const described = (virtual(snapshot) - boot) / 64 * page
      const pmd = Math.ceil(described / (64 * GiB))
      assert.strictEqual(option.pageTables, (snapshot.vmemmap.tablePages.pte + pmd) * page)
      assert.isAtLeast(snapshot.vmemmap.tablePages.pmd, pmd)
    })

    it(`MRP-1: as many struct pages of ${name} are mapped as predicted`, () => {
      const range = mappedRange(subject)
      const lent = sum(early.map((section) => overlap(section, range))) / page
      assert.strictEqual((virtual(snapshot) - boot) / 64 + lent, option.structPages.mapped)
    })
  }

  for (const subject of written) {
    const { choice, name, option, range, snapshot } = subject
    it(`INI-9, INI-11: as many struct pages of ${name} are written as predicted`, () => {
      const unwritten = range.start / page + (choice.map === "dev" ? 2 : 0)
      const counted = option.shared
        ? (bytesIn(snapshot, /^ram/) - earlySections(subject).length * 2 * MiB) / 64
        : sum(
          snapshot.structPages.images.filter(({ lastPfn, words }) =>
            lastPfn >= unwritten && zoneOf(words) === deviceZone
          ).map(({ count }) => count)
        )
      assert.strictEqual(option.structPages.initialised, counted)
    })
  }

  for (const subject of subjects.filter(({ listed }) => isDisabled(listed) || listed.mode === "raw")) {
    it(`21.4, 23.1: nothing is mapped for ${subject.name}, raw or disabled`, () => {
      assert.strictEqual(virtual(subject.snapshot), earlySections(subject).length * 2 * MiB)
      const { choice, listed, option, range } = subject
      const { observed } = subject
      // never enabled at all: the native mapping itself is refused
      if (choice.native && observed.commands.every(({ exit }) => exit !== 250)) {
        assert.strictEqual(option.error?.rule, "21.4")
      } else if (choice.mode === "raw" && !isDisabled(listed)) {
        assert.deepStrictEqual([option.usable, option.ram, option.pageTables], [range.end - range.start, 0, 0])
      }
    })
  }
})

describe("recorded system-ram", () => {
  const online = mapped.filter(({ choice }) => choice.mode === "system-ram")
  for (const { case: name, input, kernel, observed } of new Map(online.map((o) => [o.case, o])).values()) {
    const own = online.filter((o) => o.case === name)
    it(`25.1, 25.3, OBS-6: ${name} makes the predicted blocks, and nothing of the rest`, () => {
      const blocks = leaf<Blocks>(observed, "memory_blocks")
      assert.strictEqual(blocks?.blockSizeBytes, kernel.blockSize)
      const end = Math.max(...kernel.ram.map((range) => range.end)) / kernel.blockSize
      const added = blocks?.runs.filter(({ first }) => first >= end) ?? []
      const expected = own.map(mappedRange).toSorted((a, b) => a.start - b.start)
      assert.deepStrictEqual(
        PfnRange.normalise(added.map(({ first, last }) => ({ start: first, end: last + 1 }))),
        PfnRange.normalise(expected.map(({ end, start }) => ({
          start: start / kernel.blockSize,
          end: end / kernel.blockSize
        })))
      )
      const word = input.script.some((line) => line.includes("--no-movable")) ? "online_kernel" : "online_movable"
      for (const { state, validZones } of added) {
        assert.strictEqual(state, "online")
        assert.strictEqual(validZones, own[0]?.option.blocks?.zones[word])
      }
    })
  }
})

describe("recorded zones", () => {
  const settled = [...new Map(mapped.filter(({ kind }) => kind === "pmem").map((s) => [s.case, s])).values()]
    .filter(({ input }) => Replay.run(input).complete)
  for (const { case: name, observed } of settled) {
    it(`ZON-14, SPW-2: the Device zones of ${name} span what was mapped, metadata included`, () => {
      const own = subjects.filter((s) => s.case === name && s.option.structPages.mapped > 0)
      const found = (leaf<ReadonlyArray<Zone>>(observed, "zoneinfo") ?? []).filter((z) => z.zone === "Device")
      for (const { node, spanned } of found) {
        const ranges = own.filter(({ listed }) => listed.numa_node === node)
          .map(({ option, range }) => ({ start: range.start, end: range.end - option.endTrunc }))
        const expected = ranges.length === 0
          ? 0
          : Math.max(...ranges.map(({ end }) => end)) - Math.min(...ranges.map(({ start }) => start))
        assert.strictEqual(spanned * page, expected)
      }
    })
  }
})

/** The first `create-namespace` on a whole, untouched region, as a plan's choice. */
const firstRequest = (input: Input) => {
  const { complete, steps } = Replay.run(input)
  const [step] = steps
  const [region, ...others] = Replay.regions(input)
  if (!complete || step === undefined || region === undefined) return null
  const words = step.line.split(/\s+/)
  const option = (name: string) => words.includes(name) ? words[words.indexOf(name) + 1] : undefined
  const misfit = others.length > 0 || ["-s", "-r"].some((flag) => words.includes(flag))
  if (misfit || input.pmem?.some(({ unarmed }) => unarmed === true) === true) return null
  const set = input.script.map((line) => /^w (\d+) \S*\/region0\/align$/.exec(line)?.[1]).find((v) => v !== undefined)
  const align = option("-a")
  const { target } = Target.fromDevice({
    name: "region0",
    kind: kindOf(input, region.start),
    start: region.start,
    size: region.size,
    align: set === undefined ? region.align : Number(set),
    labels: input.script.includes("labels") && region.labels !== "none"
  })
  const filter: Alternatives.Filter = {
    mode: (option("-m") ?? "fsdax") as PlanOption.Mode,
    map: option("-m") === "raw" || option("-m") === "sector" ? undefined : option("-M") === "mem" ? "mem" : "dev",
    align: align === undefined ? undefined : Number(ToolSize.parse(align)?.value)
  }
  return { filter, step, target }
}

describe("recorded requests for a whole region", () => {
  const asked = recorded.flatMap(({ case: name, input, observed }) => {
    const request = firstRequest(input)
    const answer = observed.commands.find(({ command }) => command === request?.step.line)
    return request === null || answer === undefined ? [] : [{ name, input, answer, ...request }]
  })

  for (const { answer, filter, input, name, target } of asked) {
    it(`OBS-25, 22.3: ${name} is possible in the plan exactly if it was`, () => {
      const options = Alternatives.all(target, kernelFor(input), filter)
        .filter(({ align }) => align === (filter.align ?? 2 * MiB) || align === null)
      if (answer.exit === 0) {
        assert.isTrue(options.some(PlanOption.isReachable))
        return
      }
      // what is natively mapped already needs no command, whatever the tool says to one
      for (const { error, tool } of options.filter(({ native }) => !native)) {
        if (error !== null) continue
        assert.include(answer.stderr.replaceAll("namespace0.0", "namespace"), tool?.message ?? "no refusal planned")
      }
    })
  }

  it("the recordings are there: how many of them the tests above hold the plans to", () => {
    const count = (mode: PlanOption.Mode) => mapped.filter(({ choice }) => choice.mode === mode).length
    assert.deepStrictEqual(
      [mapped.length, subjects.length - mapped.length, asked.length],
      [103, 19, 83]
    )
    assert.deepStrictEqual([count("fsdax"), count("devdax"), count("system-ram"), count("sector")], [47, 40, 12, 4])
    const early = mapped.filter((subject) => earlySections(subject).length > 0)
    assert.deepStrictEqual([early.length, mapped.filter(({ option }) => option.shared).length], [7, 28])
    assert.strictEqual(written.length, 82)
  })
})
