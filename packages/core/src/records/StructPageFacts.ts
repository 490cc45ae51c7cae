/**
 * What the struct pages of a range hold, as a recording shows it: their distinct images with how often and where they occur,
 * compounds, some of them byte by byte (SPW-1 … SPW-7).
 *
 * @since 0.1.0
 */
import * as ExtentMap from "../geometry/ExtentMap.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import * as Census from "../memmap/Census.ts"
import type { Memmap } from "../memmap/Memmap.ts"
import * as StructPage from "../memmap/StructPage.ts"
import type { Config } from "../release/Kernel.ts"
import * as PageAddress from "../sections/PageAddress.ts"
import type { PageTables } from "../vmemmap/PageTables.ts"
import * as CompoundFacts from "./CompoundFacts.ts"

/**
 * One content of struct pages: eight 64-bit words in hex, or `self+N` for a pointer to N bytes into the same struct page, `page`
 * for one to another, `kptr#K` for other kernel pointers (same K, same pointer), `tail` for a tail's pointer to its head, `?`
 * for what is not known.
 *
 * @category models
 * @since 0.1.0
 */
export interface Image {
  readonly count: number
  readonly firstPfn: number
  readonly lastPfn: number
  readonly words: ReadonlyArray<string>
}

/**
 * - `unmapped`: pages whose struct page is not mapped; `partial`: only both ends of a long range were looked at
 * - `images`: the commonest of `imagesTotal`
 * - `samples`: 64 bytes in hex by pfn, `?` for the digits of a word that is not known
 * - `online`: some of the memory was online since its memmap is there, hence in the hands of the page allocator
 * - `neverWritten`: mapped struct pages nobody initialised; `selfHosted`: those of pages that hold the memmap of their block
 *
 * The last three are no part of a recording: they say how far it can be predicted.
 *
 * @category models
 * @since 0.1.0
 */
export interface StructPageFacts {
  readonly pages: number
  readonly unmapped: number
  readonly partial: boolean
  readonly images: ReadonlyArray<Image>
  readonly imagesTotal: number
  readonly compound?: CompoundFacts.CompoundFacts
  readonly samples: Readonly<Record<string, string>>
  readonly online: boolean
  readonly neverWritten: number
  readonly selfHosted: number
}

/**
 * Where struct pages are read from.
 *
 * @category models
 * @since 0.1.0
 */
export interface Source {
  readonly kernel: Config
  readonly memmap: Pick<Memmap["Service"], "read" | "runs">
  readonly tables: PageTables
}

const wordCount = 8

/** A range longer than six of them is looked at only so far at either end. */
const endPages = 2 ** 20

const imagesShown = 20

/** Pointers from this one on share a name. */
const lastPointer = 8

const sampleOffsets = [0, 1, 2, 3, 63, 64, 511, 512, 513, -512, -1]

/** Words that are pointers nobody can predict: to a pagemap, to the neighbours in a list. */
const unknownWords = (page: StructPage.StructPage): ReadonlyArray<number> => {
  if (page._tag !== "Initialised") return []
  if (page.links._tag === "Pagemap") return [1]
  return page.links._tag === "Listed" ? [1, 2] : []
}

/** What memory that was never written holds is what it held before: nothing, as far as is known. */
const zeros: ReadonlyArray<bigint> = Array.from({ length: wordCount }, () => 0n)

const wordsOf = ({ kernel }: Source, page: StructPage.StructPage, pfn: number): ReadonlyArray<bigint> | undefined =>
  page._tag === "Unwritten" || page._tag === "Unmapped"
    ? zeros
    : StructPage.words(page, pfn, PageAddress.bases(kernel.arch)?.vmemmap ?? 0n)

/** The words of an image but for the number of its pagemap, which is `pagemap` among the words. */
const textOf = (source: Source, { first, page }: Census.Entry): ReadonlyArray<string> => {
  const words = wordsOf(source, page, first)?.map((word) => `0x${word.toString(16)}`)
  if (words === undefined || page._tag !== "Initialised") {
    return words ?? Array.from({ length: wordCount }, () => "?")
  }
  switch (page.links._tag) {
    case "Self":
      return words.with(1, "self+8").with(2, "self+8")
    case "Listed":
      return words.with(1, "page").with(2, "page")
    case "Tail":
      return words.with(1, "tail")
    case "Pagemap":
      return words.with(1, "kptr")
    case "ListPoison":
      return words
  }
}

const pagemapOf = (page: StructPage.StructPage): number | null =>
  page._tag === "Initialised" && page.links._tag === "Pagemap" ? page.links.pagemap : null

/** Images by their words, pagemaps named in the order in which they are first met. */
const imagesOf = (source: Source, entries: ReadonlyArray<Census.Entry>): ReadonlyArray<Image> => {
  const pointers = new Map<number, number>()
  const images = new Map<string, Image>()
  for (const entry of entries.toSorted((a, b) => a.first - b.first)) {
    const pagemap = pagemapOf(entry.page)
    if (pagemap !== null && !pointers.has(pagemap)) pointers.set(pagemap, pointers.size)
    const pointer = Math.min(pointers.get(pagemap ?? -1) ?? 0, lastPointer)
    const words = textOf(source, entry).map((word) => word === "kptr" ? `kptr#${pointer}` : word)
    const key = words.join(" ")
    const known = images.get(key)
    images.set(key, {
      count: entry.count + (known?.count ?? 0),
      firstPfn: Math.min(entry.first, known?.firstPfn ?? entry.first),
      lastPfn: Math.max(entry.last, known?.lastPfn ?? entry.last),
      words
    })
  }
  return [...images.values()].toSorted((a, b) => b.count - a.count || a.firstPfn - b.firstPfn)
}

/** A little-endian word, byte by byte. */
const bytesOf = (word: bigint): string => word.toString(16).padStart(16, "0").match(/../g)?.toReversed().join("") ?? ""

const sampleOf = (source: Source, pfn: number): string => {
  const page = source.memmap.read(pfn)
  const words = wordsOf(source, page, pfn)
  const unknown = unknownWords(page)
  const byte = (word: bigint, i: number) => unknown.includes(i) ? "?".repeat(16) : bytesOf(word)
  return words === undefined ? "?".repeat(16 * wordCount) : words.map(byte).join("")
}

/** Pages of a range whose struct pages are mapped. */
const mapped = ({ kernel: { structPage }, tables }: Source, { end, start }: PfnRange.PfnRange) =>
  PfnRange.normalise(
    ExtentMap.slice(tables.leaves, start * structPage, end * structPage).map((extent) => ({
      start: Math.ceil(extent.start / structPage),
      end: Math.floor(extent.end / structPage)
    }))
  )

/** Pages an entry counts whose memory was once online: free, in use, taken off a free list, or holding their own memmap. */
const wasOnline = ({ page }: Census.Entry): boolean => {
  if (page._tag === "InUse") return true
  if (page._tag !== "Initialised") return false
  return page.buddyOrder !== null || page.links._tag === "Listed" || page.links._tag === "ListPoison" ||
    isSelfHosted(page)
}

const isSelfHosted = (page: StructPage.StructPage): boolean =>
  page._tag === "Initialised" && (page.flags & StructPage.PageFlag.ownerPriv1) !== 0

const pagesOf = (entries: ReadonlyArray<Census.Entry>, isMeant: (entry: Census.Entry) => boolean): number =>
  entries.reduce((sum, entry) => isMeant(entry) ? sum + entry.count : sum, 0)

/**
 * The struct pages of a range of pfns.
 *
 * @category constructors
 * @since 0.1.0
 */
export const take = (source: Source, range: PfnRange.PfnRange): StructPageFacts => {
  const pages = PfnRange.length(range)
  const partial = pages > 6 * endPages
  const looked = partial
    ? [{ ...range, end: range.start + endPages }, { ...range, start: range.end - endPages }]
    : [range]
  const present = looked.flatMap((part) => mapped(source, part))
  const entries = present.flatMap(({ end, start }) => Census.take(source.memmap, start, end))
  const images = imagesOf(source, entries)
  const compound = CompoundFacts.take(source.memmap, present)
  const sampled = sampleOffsets.map((offset) => offset < 0 ? range.end + offset : range.start + offset)
    .filter((pfn) => present.some(({ end, start }) => pfn >= start && pfn < end))
    .toSorted((a, b) => a - b)
  return {
    pages,
    unmapped: PfnRange.total(looked) - PfnRange.total(present),
    partial,
    images: images.slice(0, imagesShown),
    imagesTotal: images.length,
    ...(compound === undefined ? {} : { compound }),
    samples: Object.fromEntries(sampled.map((pfn) => [pfn, sampleOf(source, pfn)])),
    online: entries.some(wasOnline),
    neverWritten: pagesOf(entries, ({ page }) => page._tag === "Unwritten"),
    selfHosted: pagesOf(entries, ({ page }) => isSelfHosted(page))
  }
}
