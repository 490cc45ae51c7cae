/**
 * pfn ↔ struct page ↔ address, and which pages are online: plain functions (SEC-2, SEC-7).
 *
 * A struct page is named by its offset in bytes from the start of the vmemmap; addresses the kernel prints are bigints.
 *
 * @since 0.1.0
 */
import type { Architecture } from "../geometry/Architecture.ts"
import type { Config } from "../release/Kernel.ts"
import * as PagemapIndex from "./PagemapIndex.ts"
import * as SectionTable from "./SectionTable.ts"

/**
 * Where the vmemmap and the linear map begin when the kernel is not randomised; `undefined` for architectures that place
 * them at boot (SEC-2, MRP-4).
 *
 * @category constants
 * @since 0.1.0
 */
export const bases = (arch: Architecture): { readonly vmemmap: bigint; readonly linear: bigint } | undefined => {
  if (arch.name === "x86_64") return { vmemmap: 0xffffea0000000000n, linear: 0xffff888000000000n }
  if (arch.name === "x86_64-5level") return { vmemmap: 0xffd4000000000000n, linear: 0xff11000000000000n }
  return undefined
}

/**
 * `pfn_to_page()` as an offset into the vmemmap.
 *
 * @category conversions
 * @since 0.1.0
 */
export const fromPfn = ({ structPage }: Pick<Config, "structPage">, pfn: number): number => pfn * structPage

/**
 * `page_to_pfn()`; `undefined` for an offset at which no struct page begins.
 *
 * @category conversions
 * @since 0.1.0
 */
export const toPfn = ({ structPage }: Pick<Config, "structPage">, offset: number): number | undefined =>
  offset >= 0 && offset % structPage === 0 ? offset / structPage : undefined

/**
 * The virtual address of a struct page; `undefined` where the architecture has no fixed base.
 *
 * @category conversions
 * @since 0.1.0
 */
export const address = (config: Pick<Config, "arch" | "structPage">, pfn: number): bigint | undefined => {
  const base = bases(config.arch)
  return base === undefined ? undefined : base.vmemmap + BigInt(fromPfn(config, pfn))
}

/**
 * `__va()`: where the linear map shows a page; `undefined` where the architecture has no fixed base (MRP-4).
 *
 * @category conversions
 * @since 0.1.0
 */
export const linear = ({ arch }: Pick<Config, "arch">, pfn: number): bigint | undefined => {
  const base = bases(arch)
  return base === undefined ? undefined : base.linear + BigInt(pfn * arch.pageSize)
}

/**
 * The section's word as a debugger would read it: the encoded map and the flags; 0 for an empty section (SEC-1, SEC-2).
 *
 * Without SECTION_HAS_MEM_MAP it holds the node while the machine boots, nothing but flags while a section is being added
 * (SEC-10), and still the map while one is being removed, whose subsections are gone by then (SEC-13, SEC-15). `undefined` where
 * the architecture has no fixed base.
 *
 * @category queries
 * @since 0.1.0
 */
export const sectionWord = (
  { arch }: Pick<Config, "arch">,
  table: SectionTable.Table,
  section: number
): bigint | undefined => {
  const flags = SectionTable.flags(table, section)
  if (flags === 0) return 0n
  const { hasMemMap, online } = SectionTable.Flag
  if ((flags & hasMemMap) === 0) {
    if ((flags & online) !== 0) return BigInt(SectionTable.node(table, section)) << 5n | BigInt(flags)
    if (SectionTable.bits(table, section, 0, table.subsections) !== "none") return BigInt(flags)
  }
  const base = bases(arch)
  return base === undefined ? undefined : base.vmemmap | BigInt(flags)
}

/**
 * `pfn_to_online_page()`: the section is online, the subsection's bit is set (early or not), and in a tainted section no
 * live pagemap owns the pfn (SEC-7).
 *
 * @category queries
 * @since 0.1.0
 */
export const isOnline = (table: SectionTable.Table, index: PagemapIndex.Index, pfn: number): boolean => {
  const flags = SectionTable.flags(table, SectionTable.sectionOf(table, pfn))
  if ((flags & SectionTable.Flag.online) === 0 || !SectionTable.hasSubsection(table, pfn)) return false
  return (flags & SectionTable.Flag.taintZoneDevice) === 0 || PagemapIndex.findLive(index, pfn) === undefined
}
