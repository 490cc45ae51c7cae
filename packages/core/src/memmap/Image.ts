/**
 * What a run of struct pages holds: one value for all of them, from which each page follows by its pfn.
 *
 * @since 0.1.0
 */
import { type Initialised, type Links, PageFlag, type StructPage, type Zone } from "./StructPage.ts"

/**
 * - `Single`: every page alike (INI-1, INI-2); `isOffline`: PageOffline, as added pages are before they are online (INI-4)
 * - `Compound`: heads every `2^order` pages from pfn `head` on, each followed by its tails; only the first `written` pages
 *   of each compound were written (INI-3, INI-9)
 * - `Free`: pages of free blocks of `2^order`, aligned to it (SPW-4)
 * - `InUse`: boot RAM in the hands of the allocator
 * - `Poisoned`: filled with 0xff (SEC-10 step 3)
 *
 * @category models
 * @since 0.1.0
 */
export type Image =
  | {
    readonly _tag: "Single"
    readonly node: number
    readonly zone: Zone
    readonly flags: number
    readonly refcount: number
    readonly links: Exclude<Links, { readonly _tag: "Tail" }>
    readonly isOffline?: boolean
  }
  | {
    readonly _tag: "Compound"
    readonly node: number
    readonly zone: Zone
    readonly head: number
    readonly order: number
    readonly written: number
    readonly refcount: number
    readonly pagemap: number
    /** The first tail holds the order: in 6.1 compounds of two pages never get it (INI-3). */
    readonly metadata: boolean
  }
  | {
    readonly _tag: "Free"
    readonly node: number
    readonly zone: Zone
    readonly order: number
    readonly listed: boolean
  }
  | { readonly _tag: "InUse"; readonly node: number; readonly zone: Zone }
  | { readonly _tag: "Poisoned" }

const initialised = (
  { flags, links, node, refcount, zone }: Omit<Initialised, "_tag" | "mapcount" | "buddyOrder">
): Initialised => ({
  _tag: "Initialised",
  node,
  zone,
  flags,
  refcount,
  mapcount: -1,
  links,
  buddyOrder: null
})

const self: Links = { _tag: "Self" }

/**
 * The struct page of `pfn` in a run that holds `image`.
 *
 * @category conversions
 * @since 0.1.0
 */
export const pageOf = (image: Image, pfn: number): StructPage => {
  switch (image._tag) {
    case "Poisoned":
    case "InUse":
      return image
    case "Single":
      return image.isOffline === true ? { ...initialised(image), isOffline: true } : initialised(image)
    case "Free": {
      const { listed, node, order, zone } = image
      const isFirst = pfn % 2 ** order === 0
      const page = initialised({
        node,
        zone,
        flags: 0,
        refcount: 0,
        links: !isFirst ? self : listed ? { _tag: "Listed" } : { _tag: "ListPoison" }
      })
      return isFirst && listed ? { ...page, buddyOrder: order } : page
    }
    case "Compound": {
      const { head, metadata, node, order, pagemap, refcount, zone } = image
      const index = (pfn - head) % 2 ** order
      return index === 0
        ? initialised({
          node,
          zone,
          flags: PageFlag.reserved | PageFlag.head,
          refcount,
          links: { _tag: "Pagemap", pagemap, data: 0n }
        })
        : initialised({
          node,
          zone,
          flags: PageFlag.reserved,
          refcount: 0,
          links: { _tag: "Tail", head: pfn - index, order: index === 1 && metadata ? order : null }
        })
    }
  }
}
