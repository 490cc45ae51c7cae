/**
 * What a running machine counts, next to what the model expects: zones, totals, memory blocks, nodes (ZON-11, ZON-14, OBS-10,
 * OBS-12, GEO-15, GEO-17).
 *
 * @since 0.1.0
 */
import * as Num from "effect/Number"
import * as MemoryBlock from "../geometry/MemoryBlock.ts"
import { hex } from "../geometry/Pfn.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import type { Zone as Said } from "../inputs/Zoneinfo.ts"
import * as MachineSpec from "../machine/MachineSpec.ts"
import * as KernelRelease from "../release/KernelRelease.ts"
import * as NodeMask from "../sysfs/NodeMask.ts"
import * as Check from "./Check.ts"
import type { Expectation, Zone } from "./Expectation.ts"
import type { MachineView } from "./MachineView.ts"

const sourceOf = ({ from, sources }: MachineView, key: Parameters<MachineView["from"]["get"]>[0]): string =>
  from.get(key) ?? sources[0] ?? ""

/** Memory came or went since boot, as far as can be seen. */
const hasChanged = ({ added, blocks }: MachineView): boolean =>
  added.length > 0 || (blocks?.runs ?? []).some(({ state }) => state !== "online")

/** Why a zone may be larger or smaller than what is known of the machine. */
const zoneReason = (view: MachineView, zone: Zone, said: Said): string | null =>
  zone.name === "Device"
    ? said.spanned < zone.spanned
      ? "of a namespace the ends that its alignment cuts off are not mapped, and one may be unmapped (22.3)"
      : "the zone spans all device memory ever mapped since boot and never shrinks (ZON-14)"
    : view.added.length > 0 && view.blocks === undefined && said.present >= zone.present
    ? "memory was added since boot, and without memory blocks nobody says to which zone (ZON-3)"
    : said.present > zone.present && view.blocks === undefined && zone.name === "Movable"
    ? "memory was brought online here since boot (ZON-9)"
    : hasChanged(view) && said.present === zone.present && said.spanned > zone.spanned
    ? "spans grow with memory that was here and went offline in the middle (ZON-6)"
    : null

const zoneChecks = (view: MachineView, expected: Expectation): ReadonlyArray<Check.Check> => {
  const source = sourceOf(view, "zones")
  const known = new Map(expected.zones.map((zone) => [`${zone.node} ${zone.name}`, zone]))
  return (view.zones ?? []).flatMap((said) => {
    const zone = known.get(`${said.node} ${said.zone}`)
    const at = `node ${said.node}, zone ${said.zone}`
    if (zone === undefined) {
      return [
        Check.make(
          source,
          "ZON-11",
          `${at}: pages present`,
          0,
          said.present,
          () =>
            view.added.length > 0 || view.blocks !== undefined
              ? "a node that has no RAM at boot came with memory added since (OBS-12)"
              : null
        )
      ]
    }
    const reason = () => zoneReason(view, zone, said)
    return [
      Check.make(source, "ZON-11", `${at}: pages spanned`, zone.spanned, said.spanned, reason),
      Check.make(source, "ZON-11", `${at}: pages present`, zone.present, said.present, reason),
      ...(said.start === undefined || zone.start === undefined
        ? []
        : [Check.make(source, "ZON-11", `${at}: first pfn`, zone.start, said.start, reason)])
    ]
  })
}

const totalChecks = (view: MachineView, expected: Expectation): ReadonlyArray<Check.Check> => {
  const { pageSize } = expected.boot.kernel.arch
  const zones = view.zones ?? []
  const managed = (list: ReadonlyArray<Said>) => Num.sumAll(list.map((zone) => zone.managed)) * pageSize
  const lazy = (view.log?.lazy ?? 0) > 0 || /\bdeferred_init=lazy\b/.test(expected.boot.commandLine.text)
  const checks: Array<Check.Check> = []
  if (view.memTotal !== undefined && zones.length > 0) {
    const total = managed(zones)
    const said = view.memTotal
    checks.push(
      Check.make(
        sourceOf(view, "memTotal"),
        "OBS-10",
        "MemTotal: managed bytes of all zones",
        total,
        said,
        () =>
          lazy && said > total
            ? `${(said - total) / pageSize} pages are still to be initialised on demand: counted, not managed yet`
            : null
      )
    )
  }
  for (const [node, said] of zones.length > 0 ? view.nodeTotals ?? [] : []) {
    const total = managed(zones.filter((zone) => zone.node === node))
    checks.push(Check.make(
      sourceOf(view, "nodeTotals"),
      "OBS-10",
      `node ${node}: MemTotal, managed bytes of its zones`,
      total,
      said,
      () => lazy && said > total ? "pages still to be initialised on demand are counted, and not managed yet" : null
    ))
  }
  const memory = view.log?.memory
  if (view.memTotal !== undefined && memory !== undefined) {
    checks.push(Check.bound(
      sourceOf(view, "memTotal"),
      "OBS-10",
      "MemTotal: bytes not reserved at boot, and what boot gave back",
      { least: memory.total - memory.absent - memory.reserved },
      view.memTotal,
      () => "memory went offline since boot, or was reserved later"
    ))
  }
  return checks
}

const freeChecks = (view: MachineView): ReadonlyArray<Check.Check> => {
  const zones = new Map((view.zones ?? []).map((zone) => [`${zone.node} ${zone.zone}`, zone]))
  return (view.free ?? []).flatMap(({ node, pages, zone }) => {
    const free = zones.get(`${node} ${zone}`)?.free
    return free === undefined
      ? []
      : [Check.make(
        sourceOf(view, "free"),
        "GEO-3",
        `node ${node}, zone ${zone}: free pages by order`,
        free,
        pages,
        () => "the two were read one after the other, and free memory changes all the time"
      )]
  })
}

const blockSizeChecks = (view: MachineView, { boot }: Expectation): ReadonlyArray<Check.Check> => {
  const { blocks } = view
  if (blocks === undefined) return []
  const { arch, release } = boot.kernel
  const sizeOn = (hypervisor: boolean) =>
    MemoryBlock.size(arch, {
      endOfBootRam: boot.maxPfn * arch.pageSize,
      hypervisor,
      advised: KernelRelease.has(release, "block-size-advice") ? MachineSpec.smallestAdvice(view.spec) : undefined
    })
  const { hypervisor } = view.spec
  const expected = hypervisor === undefined
    ? [sizeOn(false), sizeOn(true)].find((size) => size === blocks.size) ?? sizeOn(false)
    : sizeOn(hypervisor)
  return [
    Check.make(
      sourceOf(view, "blocks"),
      "GEO-15",
      "bytes of a memory block",
      expected,
      blocks.size,
      () => arch.name.startsWith("x86_64") ? null : "firmware decides it (GEO-14)"
    )
  ]
}

const show = (runs: ReadonlyArray<PfnRange.PfnRange>): string =>
  runs.map(({ end, start }) => end - start === 1 ? String(start) : `${start}-${end - 1}`).join(", ") || "none"

const blockChecks = (view: MachineView, expected: Expectation): ReadonlyArray<Check.Check> => {
  const { blocks } = view
  if (blocks === undefined) return []
  const source = sourceOf(view, "blocks")
  const boot = expected.bootBlocks.map(({ first, last }) => ({ start: first, end: last + 1 }))
  const said = PfnRange.normalise(blocks.runs.map(({ first, last }) => ({ start: first, end: last + 1 })))
  const missing = boot.flatMap((run) => PfnRange.subtract(run, said))
  const more = said.flatMap((run) => PfnRange.subtract(run, boot))
  const added = PfnRange.normalise(view.added.map(({ end, start }) => ({
    start: Math.floor(start / blocks.size),
    end: Math.ceil(end / blocks.size)
  })))
  const unknown = more.flatMap((run) => PfnRange.subtract(run, added))
  return [
    Check.make(
      source,
      "GEO-17",
      "memory blocks of boot RAM that are missing",
      "none",
      show(missing),
      () => "blocks can be removed while the machine runs (HOT-22)"
    ),
    Check.make(
      source,
      "OBS-5",
      "memory blocks of RAM that no map shows",
      "none",
      show(unknown),
      () => view.iomem === undefined ? "without /proc/iomem nobody says what was added since boot" : null
    )
  ]
}

const maskChecks = (view: MachineView, expected: Expectation): ReadonlyArray<Check.Check> => {
  const { masks } = view
  if (masks === undefined) return []
  const source = sourceOf(view, "masks")
  const now = new Set(expected.zones.filter(({ present }) => present > 0).map(({ node }) => node))
  const normal = new Set(
    expected.zones.filter(({ name, present }) => present > 0 && name !== "Movable").map(({ node }) => node)
  )
  const late = "nodes that came with memory added since boot have no RAM in its map (OBS-12)"
  const check = (name: string, nodes: ReadonlySet<number>, explain: () => string | null) => {
    const said = masks.get(name)
    const text = NodeMask.toText([...nodes].toSorted((a, b) => a - b))
    return said === undefined ? [] : [Check.make(source, "OBS-12", `nodes: ${name}`, text, said, explain)]
  }
  const online = new Set([
    ...now,
    ...expected.boot.nodes.map(({ node }) => node),
    ...expected.boot.cpuNodes,
    ...(view.blocks?.runs ?? []).flatMap(({ node }) => node ?? [])
  ])
  const isLarger = view.added.length > 0 && view.blocks === undefined
  return [
    ...check("has_memory", now, () => isLarger ? late : null),
    ...check("has_normal_memory", normal, () => isLarger ? late : null),
    ...check("online", online, () => "nodes with CPUs are online without RAM (OBS-12)")
  ]
}

const memmapChecks = (view: MachineView, { boot, sections }: Expectation): ReadonlyArray<Check.Check> => {
  if (view.bootMemmapPages === undefined) return []
  const { arch, structPage } = boot.kernel
  const early = sections.filter(({ kind }) => kind === "boot")
  const bytes = Num.sumAll(early.map(({ first, last }) => last - first + 1)) * arch.sectionSize / arch.pageSize *
    structPage
  return [Check.make(
    sourceOf(view, "bootMemmapPages"),
    "OBS-12",
    "nr_memmap_boot_pages: memmap of boot sections",
    bytes / arch.pageSize,
    view.bootMemmapPages
  )]
}

const ramText = (ranges: ReadonlyArray<PfnRange.PfnRange>): string =>
  ranges.map(({ end, start }) => `[${hex(start)}-${hex(end - 1)}]`).join(", ")

/** `/proc/iomem` against the map of the boot, in whole pages: neighbours of one kind are joined in both. */
const treeChecks = (view: MachineView, { boot }: Expectation): ReadonlyArray<Check.Check> => {
  if (view.iomem === undefined || view.log === undefined) return []
  const { pageSize } = boot.kernel.arch
  const known = PfnRange.normalise(
    boot.nodes.flatMap(({ ram }) => ram.map(({ end, start }) => ({ start: start * pageSize, end: end * pageSize })))
  )
  const tree = PfnRange.normalise(
    view.iomem.filter(({ name }) => name === "System RAM")
      .map(({ size, start }) => PfnRange.shrinkTo(PfnRange.fromLength(start, size), pageSize))
      .filter(({ end, start }) => end > start)
      .flatMap((range) => PfnRange.subtract(range, view.added))
  )
  return [Check.make(sourceOf(view, "iomem"), "OBS-3", "System RAM in /proc/iomem", ramText(known), ramText(tree))]
}

/**
 * The comparisons the state of a machine allows.
 *
 * @category constructors
 * @since 0.1.0
 */
export const all = (view: MachineView, expected: Expectation): ReadonlyArray<Check.Check> => [
  ...treeChecks(view, expected),
  ...zoneChecks(view, expected),
  ...totalChecks(view, expected),
  ...freeChecks(view),
  ...blockSizeChecks(view, expected),
  ...blockChecks(view, expected),
  ...maskChecks(view, expected),
  ...memmapChecks(view, expected)
]
