/**
 * One struct page, decoded, and as the words a running kernel holds (spec 14).
 *
 * @since 0.1.0
 */
import * as Zones from "../zones/Zones.ts"

/**
 * Page flags the engine sets, by bit (SPW-1).
 *
 * @category constants
 * @since 0.1.0
 */
export const PageFlag = { ownerPriv1: 0x400, reserved: 0x1000, private: 0x2000, head: 0x10000 } as const

/**
 * Zones in the order of their numbers.
 *
 * @category models
 * @since 0.1.0
 */
export const zones = Zones.names
/** @since 0.1.0 */
export type Zone = Zones.Name

/**
 * What the words that overlay `lru` hold:
 *
 * - `Self`: an empty list, pointing to itself
 * - `Listed`: a member of a free list; its neighbours are not modelled
 * - `ListPoison`: taken off a list
 * - `Pagemap`: a device page: its pagemap and the driver's word
 * - `Tail`: a tail page: its head, and in the first tail the compound's order and, where there are any, its long-term pins
 *
 * @category models
 * @since 0.1.0
 */
export type Links =
  | { readonly _tag: "Self" }
  | { readonly _tag: "Listed" }
  | { readonly _tag: "ListPoison" }
  | { readonly _tag: "Pagemap"; readonly pagemap: number; readonly data: bigint }
  | { readonly _tag: "Tail"; readonly head: number; readonly order: number | null; readonly pins?: number }

/**
 * An initialised struct page. `mapcount` is −1 for an unmapped page; `buddyOrder` is set in the first page of a free block,
 * `isOffline` in pages whose type says that nobody may touch their contents (INI-4).
 *
 * @category models
 * @since 0.1.0
 */
export interface Initialised {
  readonly _tag: "Initialised"
  readonly node: number
  readonly zone: Zone
  /** PG flags as in {@link PageFlag}. */
  readonly flags: number
  readonly refcount: number
  readonly mapcount: number
  readonly links: Links
  readonly buddyOrder: number | null
  readonly isOffline?: boolean
}

/**
 * A struct page as a reader finds it: `Unwritten` holds whatever its memory held before, `Poisoned` all ones, `InUse`
 * belongs to boot RAM the allocator handed out, whose contents do not follow from the machine's description.
 *
 * @category models
 * @since 0.1.0
 */
export type StructPage =
  | Initialised
  | { readonly _tag: "Unwritten" }
  | { readonly _tag: "Poisoned" }
  | { readonly _tag: "InUse"; readonly node: number; readonly zone: Zone }
  | { readonly _tag: "Unmapped" }

const lastCpupid = 0x7ffffc0000000n

const flagsWord = (node: number, zone: Zone, flags: number): bigint =>
  BigInt(node) << 54n | BigInt(zones.indexOf(zone)) << 51n | lastCpupid | BigInt(flags)

/** What the recordings put in place of the one pointer that cannot be predicted. */
const pagemapPointer = 0n

/**
 * The eight words of a 64-byte struct page (SPW-3). `vmemmap` is the vmemmap base. The pagemap pointer and the neighbours of
 * free-list members are 0: their values are addresses the model does not have.
 *
 * `undefined` for contents that are not known, and for a page type that 6.1 does not have.
 *
 * @category conversions
 * @since 0.1.0
 */
export const words = (page: StructPage, pfn: number, vmemmap: bigint): ReadonlyArray<bigint> | undefined => {
  if (page._tag === "Poisoned") return Array.from({ length: 8 }, () => 0xffffffffffffffffn)
  if (page._tag !== "Initialised" || page.isOffline === true) return undefined
  const self = vmemmap + BigInt(pfn) * 64n + 8n
  const low = page.buddyOrder === null ? BigInt.asUintN(32, BigInt(page.mapcount)) : 0xffffff7fn
  const [w1, w2, w3] = linkWords(page.links, self, vmemmap)
  return [
    flagsWord(page.node, page.zone, page.flags),
    w1,
    w2,
    w3,
    0n,
    page.buddyOrder === null ? 0n : BigInt(page.buddyOrder),
    BigInt(page.refcount) << 32n | low,
    0n
  ]
}

const linkWords = (links: Links, self: bigint, vmemmap: bigint): readonly [bigint, bigint, bigint] => {
  switch (links._tag) {
    case "Self":
      return [self, self, 0n]
    case "Listed":
      return [0n, 0n, 0n]
    case "ListPoison":
      return [0xdead000000000100n, 0xdead000000000122n, 0n]
    case "Pagemap":
      return [pagemapPointer, links.data, 0n]
    case "Tail": {
      const head = vmemmap + BigInt(links.head) * 64n + 1n
      return links.order === null
        ? [head, 0n, 0xdead000000000400n]
        : [
          head,
          0xffffffff00000001n | BigInt(links.order) << 8n,
          1n << BigInt(32 + links.order) | BigInt(links.pins ?? 0)
        ]
    }
  }
}
