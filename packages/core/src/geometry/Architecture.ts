/**
 * What an architecture fixes: page, section and subsection sizes, the largest buddy block, huge page sizes, and how its
 * memmap is mapped. Spec 01 (GEO-1 … GEO-16).
 *
 * The configuration-dependent widths (`physicalBits` of arm64, ppc64 and s390x) are the defaults of GEO-2's table and can
 * be replaced with a spread.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { GiB, KiB, MiB } from "./Units.ts"

/**
 * Names accepted by `--arch` and in machine descriptions.
 *
 * @category models
 * @since 0.1.0
 */
export const Name = Schema.Literals([
  "x86_64",
  "x86_64-5level",
  "arm64-4k",
  "arm64-16k",
  "arm64-64k",
  "ppc64-radix",
  "ppc64-hash",
  "riscv64",
  "s390x",
  "loongarch64"
])
/** @since 0.1.0 */
export type Name = typeof Name.Type

/**
 * How the memmap of one full section is mapped (GEO-9, GEO-10):
 *
 * - `pmd`: PMD blocks for full sections, base pages for less
 * - `base`: base pages always
 * - `blocks`: blocks of `vmemmapBlock` bytes, also for partial sections; shared by sections when larger than one
 *   section's memmap (ppc64 MMU pages, s390x segments)
 * - `none`: no virtual memmap (classic SPARSEMEM, whole sections only)
 *
 * @category models
 * @since 0.1.0
 */
export type VmemmapMapping = "pmd" | "base" | "blocks" | "none"

/**
 * What a device-provided memmap (`vmem_altmap`) is used for (ALT-9 … ALT-11):
 *
 * - `full-sections`: PMD blocks of full sections only, partial sections fall back to RAM (x86_64)
 * - `everything`: partial sections take base pages from the altmap as well (arm64)
 * - `inner-blocks`: only blocks whose described data lies inside the device (ppc64)
 * - `ignored`: the device sets space aside, the kernel takes RAM all the same (riscv64, loongarch64)
 * - `refused`: -EINVAL (s390x)
 *
 * @category models
 * @since 0.1.0
 */
export type AltmapUse = "full-sections" | "everything" | "inner-blocks" | "ignored" | "refused"

/**
 * Sizes in bytes; `physicalBits` and `largestOrder` are exponents.
 *
 * @category models
 * @since 0.1.0
 */
export interface Architecture {
  readonly name: Name
  readonly pageSize: number
  /** `2^SECTION_SIZE_BITS` (GEO-1). */
  readonly sectionSize: number
  /** MAX_PHYSMEM_BITS: addresses at `2^physicalBits` and above do not exist. */
  readonly physicalBits: number
  /** Order of the largest buddy block, inclusive (GEO-3). */
  readonly largestOrder: number
  /** Bytes mapped by one PMD entry. */
  readonly pmdSize: number
  /** Order of a pageblock with hugetlb (GEO-4). */
  readonly pageblockOrder: number
  readonly vmemmap: VmemmapMapping
  /** Bytes of memmap in one mapping block: a PMD, a base page, or what ppc64 and s390x map at a time. */
  readonly vmemmapBlock: number
  readonly altmap: AltmapUse
  /** `memremap_compat_align()`: namespaces must begin and end on it. */
  readonly compatAlign: number
  /** Alignments a pfn or dax device accepts: page, PMD and, where PUD huge pages exist, PUD (22.3). */
  readonly daxAligns: ReadonlyArray<number>
  /** struct page is rounded up to 16 bytes instead of 8 (GEO-5). */
  readonly alignedStructPage: boolean
  /** A page-table page with leaves, and one of the level above: entries and bytes (0 bytes: none is needed). */
  readonly pteTable: { readonly entries: number; readonly bytes: number }
  readonly pmdTable: { readonly entries: number; readonly bytes: number }
  /** Device memory can be hot-added in 6.1 (GEO-10). */
  readonly hotplug: boolean
}

/**
 * Bytes of a subsection: SUBSECTION_SHIFT is 21 on every architecture (GEO-2).
 *
 * @category constants
 * @since 0.1.0
 */
export const subsectionSize = 2 * MiB

const table = (entries: number) => ({ entries, bytes: entries * 8 })

/** The memmap is not mapped by kernel page tables (bolted hash entries, or no virtual memmap). */
const noTable = { entries: 1024, bytes: 0 }

const x86: Architecture = {
  name: "x86_64",
  pageSize: 4 * KiB,
  sectionSize: 128 * MiB,
  physicalBits: 46,
  largestOrder: 10,
  pmdSize: 2 * MiB,
  pageblockOrder: 9,
  vmemmap: "pmd",
  vmemmapBlock: 2 * MiB,
  altmap: "full-sections",
  compatAlign: 2 * MiB,
  daxAligns: [4 * KiB, 2 * MiB, GiB],
  alignedStructPage: true,
  pteTable: table(512),
  pmdTable: table(512),
  hotplug: true
}

const arm64: Architecture = {
  ...x86,
  name: "arm64-4k",
  physicalBits: 48,
  altmap: "everything",
  daxAligns: [4 * KiB, 2 * MiB]
}

const arm64Large = (
  name: Name,
  pageSize: number,
  sectionSize: number,
  largestOrder: number,
  pmdSize: number
): Architecture => ({
  ...arm64,
  name,
  pageSize,
  sectionSize,
  largestOrder,
  pmdSize,
  pageblockOrder: largestOrder,
  vmemmap: "base",
  vmemmapBlock: pageSize,
  daxAligns: [pageSize, pmdSize],
  pteTable: table(pageSize / 8),
  pmdTable: table(pageSize / 8)
})

const ppc64: Architecture = {
  ...x86,
  name: "ppc64-radix",
  pageSize: 64 * KiB,
  sectionSize: 16 * MiB,
  physicalBits: 51,
  largestOrder: 8,
  pmdSize: 2 * MiB,
  pageblockOrder: 5,
  vmemmap: "blocks",
  vmemmapBlock: 2 * MiB,
  altmap: "inner-blocks",
  daxAligns: [64 * KiB, 2 * MiB, GiB],
  alignedStructPage: false,
  pteTable: { entries: 32, bytes: 256 },
  pmdTable: { entries: 512, bytes: 4096 }
}

/**
 * Every architecture of spec 01, by name.
 *
 * @category presets
 * @since 0.1.0
 */
export const presets: Readonly<Record<Name, Architecture>> = {
  "x86_64": x86,
  "x86_64-5level": { ...x86, name: "x86_64-5level", physicalBits: 52 },
  "arm64-4k": arm64,
  "arm64-16k": arm64Large("arm64-16k", 16 * KiB, 128 * MiB, 11, 32 * MiB),
  "arm64-64k": arm64Large("arm64-64k", 64 * KiB, 512 * MiB, 13, 512 * MiB),
  "ppc64-radix": ppc64,
  "ppc64-hash": {
    ...ppc64,
    name: "ppc64-hash",
    pmdSize: 16 * MiB,
    pageblockOrder: 8,
    vmemmapBlock: 16 * MiB,
    pteTable: noTable,
    pmdTable: noTable,
    compatAlign: 16 * MiB,
    daxAligns: [64 * KiB, 16 * MiB]
  },
  "riscv64": {
    ...x86,
    name: "riscv64",
    physicalBits: 56,
    vmemmap: "base",
    vmemmapBlock: 4 * KiB,
    altmap: "ignored",
    daxAligns: [4 * KiB, 2 * MiB],
    alignedStructPage: false,
    hotplug: false
  },
  "s390x": {
    ...x86,
    name: "s390x",
    sectionSize: 256 * MiB,
    pmdSize: MiB,
    pageblockOrder: 8,
    vmemmap: "blocks",
    vmemmapBlock: MiB,
    altmap: "refused",
    daxAligns: [4 * KiB, MiB],
    pteTable: { entries: 256, bytes: 2 * KiB },
    pmdTable: { entries: 2048, bytes: 16 * KiB }
  },
  "loongarch64": {
    ...x86,
    name: "loongarch64",
    pageSize: 16 * KiB,
    sectionSize: 512 * MiB,
    physicalBits: 48,
    largestOrder: 11,
    pmdSize: 32 * MiB,
    pageblockOrder: 11,
    vmemmap: "none",
    vmemmapBlock: 16 * KiB,
    altmap: "ignored",
    daxAligns: [16 * KiB, 32 * MiB],
    alignedStructPage: false,
    pteTable: noTable,
    pmdTable: noTable
  }
}

/** What `uname -m` prints, and other common spellings. */
const aliases: ReadonlyMap<string, Name> = new Map([
  ["x86", "x86_64"],
  ["amd64", "x86_64"],
  ["arm64", "arm64-4k"],
  ["aarch64", "arm64-4k"],
  ["ppc64", "ppc64-radix"],
  ["ppc64le", "ppc64-radix"],
  ["riscv", "riscv64"],
  ["s390", "s390x"],
  ["loongarch", "loongarch64"]
])

const isName = (text: string): text is Name => Object.hasOwn(presets, text)

/**
 * The preset of a name or of a common alias (`aarch64`, `ppc64le`, `amd64` …); `undefined` when unknown.
 *
 * @category presets
 * @since 0.1.0
 */
export const fromName = (text: string): Architecture | undefined => {
  const name = isName(text) ? text : aliases.get(text.toLowerCase())
  return name === undefined ? undefined : presets[name]
}

/**
 * Whether the machine is a PC: a firmware map in e820 form, page 0 and the BIOS area set apart (OBS-1).
 *
 * @category predicates
 * @since 0.1.0
 */
export const isX86 = (arch: Architecture): boolean => arch.name.startsWith("x86_64")

/**
 * `PAGES_PER_SECTION` (GEO-1).
 *
 * @category geometry
 * @since 0.1.0
 */
export const pagesPerSection = (arch: Architecture): number => arch.sectionSize / arch.pageSize

/**
 * `PAGES_PER_SUBSECTION` (GEO-2).
 *
 * @category geometry
 * @since 0.1.0
 */
export const pagesPerSubsection = (arch: Architecture): number => subsectionSize / arch.pageSize

/**
 * `NR_MEM_SECTIONS` (GEO-1).
 *
 * @category geometry
 * @since 0.1.0
 */
export const sectionCount = (arch: Architecture): number => 2 ** arch.physicalBits / arch.sectionSize

/**
 * Bytes of memmap that describe one full section.
 *
 * @category geometry
 * @since 0.1.0
 */
export const memmapPerSection = (arch: Architecture, structPage: number): number => pagesPerSection(arch) * structPage

/**
 * Bytes of one pageblock (GEO-4).
 *
 * @category geometry
 * @since 0.1.0
 */
export const pageblockSize = (arch: Architecture): number => 2 ** arch.pageblockOrder * arch.pageSize

/**
 * The granularity in bytes in which memory can be added: a subsection, or a section without a virtual memmap (SEC-8).
 *
 * @category geometry
 * @since 0.1.0
 */
export const addGranule = (arch: Architecture): number => arch.vmemmap === "none" ? arch.sectionSize : subsectionSize
