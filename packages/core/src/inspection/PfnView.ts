/**
 * One page frame explained: its section, who backs its struct page, who owns it, which zone it is in, and the rules that say so
 * (SEC-1 … SEC-8, GEO-1, GEO-2, OBS-8, ZON-11).
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as Architecture from "../geometry/Architecture.ts"
import { hex } from "../geometry/Pfn.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import * as PageAddress from "../sections/PageAddress.ts"
import * as DeviceMaps from "./DeviceMaps.ts"
import type { Expectation } from "./Expectation.ts"
import type { BlockRun, MachineView } from "./MachineView.ts"
import * as Owners from "./Owners.ts"

/**
 * A page frame explained; what a source must say first is `null` without it.
 *
 * @category models
 * @since 0.1.0
 */
export const PfnView = Schema.Struct({
  pfn: Schema.Natural.annotate({ description: "Page frame number." }),
  address: Schema.Natural.annotate({ description: "Physical address of its first byte." }),
  section: Schema.Natural.annotate({ description: "Number of its section." }),
  subsection: Schema.Natural.annotate({ description: "Number of its subsection, 2 MiB each, within the section." }),
  flags: Schema.Array(Schema.String).annotate({
    description:
      "Flags of the section: present, has-mem-map, online, early, taint-zone-device; empty without a section."
  }),
  valid: Schema.Boolean.annotate({ description: "pfn_valid(): it has a struct page." }),
  online: Schema.Boolean.annotate({ description: "pfn_to_online_page() finds it." }),
  structPage: Schema.NullOr(Schema.String).annotate({
    description:
      "Virtual address of its struct page in hexadecimal, as long as addresses are not randomised; null without one."
  }),
  randomised: Schema.Boolean.annotate({
    description: "The kernel chooses the base of struct pages at boot, unless the command line has nokaslr."
  }),
  backing: Schema.NullOr(Schema.String).annotate({
    description:
      "Whose memory the struct page lies in; null without one. Begins with 'not known' where no source tells whether there is one."
  }),
  owner: Schema.NullOr(Schema.String).annotate({
    description: "Resources that hold it, outer before inner; null where nothing is."
  }),
  zone: Schema.NullOr(Schema.String).annotate({ description: "Zone of its struct page; null without one." }),
  node: Schema.NullOr(Schema.Natural).annotate({ description: "NUMA node; null when not known." }),
  block: Schema.NullOr(Schema.Natural).annotate({ description: "Number of its memory block; null outside RAM." }),
  state: Schema.NullOr(Schema.String).annotate({ description: "State of the block; null when not known." }),
  rules: Schema.Array(Schema.String).annotate({ description: "Rules of docs/spec, each with what it says here." })
}).annotate({ identifier: "PfnView", description: "One page frame explained." })
/** @since 0.1.0 */
export interface PfnView extends Schema.Schema.Type<typeof PfnView> {}

/** All that can be known of a machine without looking at one page. */
interface Context {
  readonly view: MachineView
  readonly expected: Expectation
}

/** What a page is, and why. */
interface Kind {
  readonly backing: string
  readonly zone: string | null
  readonly node: number | null
  readonly valid: boolean
  readonly online: boolean
  readonly rules: ReadonlyArray<string>
}

const within = ({ end, start }: PfnRange.PfnRange, value: number): boolean => start <= value && value < end

const blockOf = ({ expected, view }: Context, address: number) => {
  const { blocks } = view
  const size = blocks?.size ?? expected.boot.blockSize
  const block = Math.floor(address / size)
  const run = blocks?.runs.find(({ first, last }) => first <= block && block <= last)
  const isBoot = expected.bootBlocks.some(({ first, last }) => first <= block && block <= last)
  return { block: run !== undefined || (blocks === undefined && isBoot) ? block : null, run }
}

const bootKind = (context: Context, pfn: number, run: BlockRun | undefined): Kind => {
  const { boot } = context.expected
  const { arch } = boot.kernel
  const per = Architecture.pagesPerSubsection(arch)
  const backing = "boot RAM: the whole section's memmap is populated"
  const early = "SEC-5: an early section has struct pages for all of it, holes included"
  const node = boot.nodes.find(({ ram }) => ram.some((range) => within(range, pfn)))
  const isOnline = run === undefined || run.state === "online"
  if (node !== undefined) {
    const zone = node.zones.find(({ spanned, start }) => start <= pfn && pfn < start + spanned)
    const moved = run !== undefined && run.state === "online" && run.zone !== "none" && run.zone !== ""
    return {
      backing,
      zone: moved ? run.zone : zone?.name ?? null,
      node: node.node,
      valid: true,
      online: isOnline,
      rules: [
        early,
        moved
          ? `HOT-17: its block is online in zone ${run.zone}`
          : `ZON-11: zone ${zone?.name} spans it on node ${node.node}`,
        isOnline ? "SEC-7: online section, and RAM touches the subsection" : "SEC-7: its block is offline"
      ]
    }
  }
  const subsection = { start: Math.floor(pfn / per) * per, end: (Math.floor(pfn / per) + 1) * per }
  const touched = boot.nodes.some(({ ram }) => ram.some((range) => PfnRange.overlaps(range, subsection)))
  const hole = boot.holes.find(({ inside }) => inside.some((range) => within(range, pfn)))
  return {
    backing,
    zone: hole?.zone ?? null,
    node: hole?.node ?? null,
    valid: true,
    online: isOnline && touched,
    rules: [
      early,
      hole === undefined
        ? "SEC-6: in an early section every pfn is valid"
        : `OBS-8: a hole of ${hole.pages} pages; reserved, booked on node ${hole.node}, zone ${hole.zone}`,
      touched
        ? "SEC-7: RAM touches its subsection, so walkers take it for online: they see a reserved page"
        : "SEC-7: valid, and not online: no RAM touches its subsection"
    ]
  }
}

const deviceKind = (map: DeviceMaps.DeviceMap, { vmemmap }: Architecture.Architecture): Kind => ({
  backing: map.map === "dev"
    ? `${map.name} itself (altmap); base pages of a partial section come from RAM`
    : "RAM",
  zone: "Device",
  node: map.node !== null && map.node >= 0 ? map.node : null,
  valid: true,
  online: false,
  rules: [
    `MRP-1: ${map.name} (${map.mode}) is mapped with struct pages`,
    map.map === "dev"
      ? "ALT-9: whole sections take their memmap from the device"
      : `${vmemmap === "pmd" ? "VMM-3" : "VMM-2"}: without an altmap the memmap is allocated from RAM`,
    "ZON-9: ZONE_DEVICE has no present pages and is never online"
  ]
})

const addedKind = (run: BlockRun | undefined): Kind => {
  const isOnline = run?.state === "online"
  return {
    backing: "RAM, or the block itself with memmap_on_memory",
    zone: isOnline && run.zone !== "" ? run.zone : null,
    node: run?.node ?? null,
    valid: true,
    online: isOnline,
    rules: [
      "HOT-2: memory added since boot, whole blocks",
      isOnline ? `HOT-17: its block is online in zone ${run.zone}` : "ZON-10: no zone before its block is online"
    ]
  }
}

/**
 * Why nobody says whether a page of a namespace or instance has a struct page: `/proc/iomem` shows it, and no list says what it is
 * (OBS-6).
 */
const doubt = ({ expected: { devices } }: Context, owner: string | null): string | undefined => {
  const name = /(?:^| )((?:namespace|dax)[0-9]+\.[0-9]+)$/.exec(owner ?? "")?.[1]
  if (name === undefined) return undefined
  const known = devices.flatMap(({ current }) => current?.namespaces ?? [])
    .find((one) => one.name === name || one.name === name.replace("dax", "namespace"))
  if (known === undefined) return "/proc/iomem does not tell raw from fsdax or devdax; give 'ndctl list' as well"
  const isPlaced = known.start !== null && known.size !== null && known.map !== "none"
  return known.disabled || isPlaced || !DeviceMaps.isMapped(known)
    ? undefined
    : `no source says how large ${known.name} (${known.mode}) is and where its struct pages are; give 'ndctl list' as well`
}

/** Flags of a section (SEC-1); a device range that begins or ends inside taints it (ZON-4). */
const flagsOf = (
  { expected: { maps } }: Context,
  section: PfnRange.PfnRange,
  kind: "boot" | "added" | undefined,
  online: boolean
): ReadonlyArray<string> => {
  const touching = maps.filter((map) => PfnRange.overlaps(map, section))
  if (kind === undefined && touching.length === 0) return []
  const tainted = touching.some(({ end, start }) =>
    within(section, start) && start !== section.start ||
    end > section.start && end < section.end
  )
  return [
    "present",
    "has-mem-map",
    ...(online ? ["online"] : []),
    ...(kind === "boot" ? ["early"] : []),
    ...(tainted ? ["taint-zone-device"] : [])
  ]
}

/**
 * Explains a pfn below MAX_PHYSMEM.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (context: Context, pfn: number): PfnView => {
  const { expected, view } = context
  const { boot: { kernel }, maps } = expected
  const { arch } = kernel
  const perSection = Architecture.pagesPerSection(arch)
  const address = pfn * arch.pageSize
  const section = Math.floor(pfn / perSection)
  const subsection = Math.floor((pfn % perSection) / Architecture.pagesPerSubsection(arch))
  const bytes = PfnRange.fromLength(section * arch.sectionSize, arch.sectionSize)
  const sections = expected.sections.find(({ first, last }) => first <= section && section <= last)
  const { block, run } = blockOf(context, address)
  const map = maps.find((each) => within(each, address))
  const kind = map !== undefined
    ? deviceKind(map, arch)
    : sections?.kind === "boot"
    ? bootKind(context, pfn, run)
    : sections !== undefined && view.added.some((range) => within(range, address))
    ? addedKind(run)
    : undefined
  const isOnline = sections?.kind === "boot"
    ? run === undefined || run.state === "online"
    : sections !== undefined && run?.state === "online"
  const owner = Owners.of(view, address)
  const unknown = kind === undefined ? doubt(context, owner) : undefined
  const structPage = kind === undefined ? undefined : PageAddress.address(kernel, pfn)
  return {
    pfn,
    address,
    section,
    subsection,
    flags: flagsOf(context, bytes, sections?.kind, isOnline),
    valid: kind?.valid ?? false,
    online: kind?.online ?? false,
    structPage: structPage === undefined ? null : hex(structPage),
    randomised: !/(?:^| )nokaslr(?: |$)/.test(expected.boot.commandLine.text),
    backing: kind?.backing ?? (unknown === undefined ? null : `not known: ${unknown}`),
    owner,
    zone: kind?.zone ?? null,
    node: kind?.node ?? null,
    block,
    state: run?.state ?? null,
    rules: [
      `GEO-1: section ${section} holds pfns ${section * perSection} to ${(section + 1) * perSection - 1}`,
      `GEO-2: subsection ${subsection} of ${perSection / Architecture.pagesPerSubsection(arch)}`,
      ...(structPage === undefined ? [] : [`SEC-2: vmemmap base + ${kernel.structPage} × pfn`]),
      ...(kind?.rules ?? [
        unknown === undefined
          ? "SEC-6: no struct page: nothing was added here"
          : "SEC-6, OBS-6: not known whether it has a struct page: raw and sector have none, fsdax and devdax have"
      ])
    ]
  }
}
