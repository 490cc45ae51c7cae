/**
 * A struct page as eight 64-bit words, both ways: what a memmap of bytes holds (spec 14).
 *
 * Unlike what a recording tells ({@link StructPage.words}) nothing is left open: a page whose memory was never written is zeros, one
 * that boot gave to the allocator is as boot wrote it (INI-1), a pagemap is a number in the shape of a kernel pointer, the
 * neighbours in a free list are null. The layout is that of 6.1 whatever the release; what no 6.1 has, the page type of offline memory and
 * the mask by which shared tails find their head, is as in the release that has it.
 *
 * @since 0.1.0
 */
import { type Initialised, type Links, PageFlag, type StructPage, words, zones } from "./StructPage.ts"

/**
 * Eight words, lowest address first.
 *
 * @category models
 * @since 0.1.0
 */
export type Words = ReadonlyArray<bigint>

const zero: Words = Array.from({ length: 8 }, () => 0n)

const ones = 0xffffffffffffffffn

/** Where pagemaps are, one each KiB of the linear map. */
const pagemaps = 0xffff888000000000n
const pagemapShift = 10n

/** `PGTY_offline` in the top byte of the page type, as since 6.12. */
const offlineType = 0xf1000000n

const buddyType = 0xffffff7fn

const low32 = 0xffffffffn

/** As boot leaves a page of RAM for the allocator; its later users are not modelled. */
const asInitialised = (page: StructPage): StructPage => {
  if (page._tag === "Unmapped") return { _tag: "Unwritten" }
  if (page._tag !== "InUse") return page
  const { node, zone } = page
  return {
    _tag: "Initialised",
    node,
    zone,
    flags: 0,
    refcount: 1,
    mapcount: -1,
    links: { _tag: "Self" },
    buddyOrder: null
  }
}

/**
 * The words of the struct page of `pfn`; `vmemmap` is the vmemmap base.
 *
 * @category conversions
 * @since 0.1.0
 */
export const encode = (page: StructPage, pfn: number, vmemmap: bigint): Words => {
  const plain = asInitialised(page)
  if (plain._tag !== "Initialised") return words(plain, pfn, vmemmap) ?? zero
  const { isOffline, ...known } = plain
  const result = [...(words(known, pfn, vmemmap) ?? zero)]
  // References that were given back too often are a large number.
  result[6] = BigInt.asUintN(64, result[6] ?? 0n)
  if (isOffline === true) result[6] = result[6] & ~low32 | offlineType
  if (known.links._tag === "Pagemap") result[1] = pagemaps + (BigInt(known.links.pagemap) << pagemapShift)
  return result
}

/**
 * The second word of tails of `2^order` pages that read the same through every compound: the head is found by masking the
 * struct page's own address, which compounds that lie at multiples of their size allow (CMP-12).
 *
 * @category conversions
 * @since 0.1.0
 */
export const headMask = (order: number): bigint => (ones << BigInt(order + 6)) & ones | 1n

const orderOfMask = (word: bigint): number | null => {
  const clear = ~(word & ~1n) & ones
  const order = clear.toString(2).length - 6
  return order >= 1 && order <= 32 && clear === (1n << BigInt(order + 6)) - 1n ? order : null
}

const headOf = (word: bigint, vmemmap: bigint): number | null => {
  const offset = word - 1n - vmemmap
  return offset >= 0n && (offset & 63n) === 0n ? Number(offset >> 6n) : null
}

const linksOf = (words: Words, pfn: number, vmemmap: bigint): Links | null => {
  const [, w1 = 0n, w2 = 0n, w3 = 0n] = words
  const self = vmemmap + BigInt(pfn) * 64n + 8n
  if (w1 === self && w2 === self) return { _tag: "Self" }
  if (w1 === 0xdead000000000100n && w2 === 0xdead000000000122n) return { _tag: "ListPoison" }
  if ((w1 & 1n) === 1n) {
    const order = w3 === 0xdead000000000400n ? null : Number(w2 >> 8n & 0xffn)
    const mask = orderOfMask(w1)
    const head = mask === null ? headOf(w1, vmemmap) : pfn - pfn % 2 ** mask
    if (head === null) return null
    const pins = Number(w3 & low32)
    return { _tag: "Tail", head, order, ...(order === null || pins === 0 ? {} : { pins }) }
  }
  if (w1 === 0n && w2 === 0n) return { _tag: "Listed" }
  const pagemap = w1 - pagemaps
  return pagemap >= 0n && pagemap < 1n << 47n && (pagemap & 0x3ffn) === 0n
    ? { _tag: "Pagemap", pagemap: Number(pagemap >> pagemapShift), data: w2 }
    : null
}

/** Whether the words of a page are these, all of them; of a tail that is shared the head is none's. */
const isRead = (page: StructPage, found: Words, pfn: number, vmemmap: bigint): boolean =>
  encode(page, pfn, vmemmap).every((word, i) => {
    const own = found[i] ?? 0n
    return word === own || (i === 1 && (own & 1n) === 1n && orderOfMask(own) !== null)
  })

const known = PageFlag.ownerPriv1 | PageFlag.reserved | PageFlag.private | PageFlag.head

/**
 * What the words say; `null` where no struct page of the model reads so.
 *
 * @category conversions
 * @since 0.1.0
 */
export const decode = (words: Words, pfn: number, vmemmap: bigint): StructPage | null => {
  if (words.every((word) => word === 0n)) return { _tag: "Unwritten" }
  if (words.every((word) => word === ones)) return { _tag: "Poisoned" }
  const [w0 = 0n, , , , , w5 = 0n, w6 = 0n] = words
  const links = linksOf(words, pfn, vmemmap)
  const zone = zones[Number(w0 >> 51n & 7n)]
  const flags = Number(w0 & 0x3ffffn)
  if (links === null || zone === undefined || (flags & ~known) !== 0) return null
  const type = w6 & low32
  const page: Initialised = {
    _tag: "Initialised",
    node: Number(w0 >> 54n),
    zone,
    flags,
    refcount: Number(BigInt.asIntN(32, w6 >> 32n)),
    mapcount: type === buddyType || type === offlineType ? -1 : Number(BigInt.asIntN(32, type)),
    links,
    buddyOrder: type === buddyType ? Number(w5) : null
  }
  // A page without flags that points to itself and is used once is what boot gave to the allocator.
  const isInUse = flags === 0 && links._tag === "Self" && type === low32 && page.refcount === 1
  const result: StructPage = type === offlineType
    ? { ...page, isOffline: true }
    : isInUse
    ? { _tag: "InUse", node: page.node, zone }
    : page
  return isRead(result, words, pfn, vmemmap) ? result : null
}
