/**
 * The struct pages: what each holds, and which of them share memory.
 *
 * Contents are kept as extents of images. Where tail vmemmap pages are shared (CMP-2) many struct pages are one piece of
 * memory: contents belong to the pfn whose vmemmap page was allocated, and the others are looked up there. So writing a
 * compound over a page that another compound shares changes both, as it does in the kernel (SPW-6).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ExtentMap from "../geometry/ExtentMap.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import { Kernel } from "../release/Kernel.ts"
import { type Image, pageOf } from "./Image.ts"
import * as Run from "./Run.ts"
import type { StructPage } from "./StructPage.ts"

/**
 * Which struct pages of a run are other pages' memory:
 *
 * - `Groups`: from pfn `first` on, in groups of `size` pages the first `kept` are their own; the rest repeat the last
 *   vmemmap page of those, or with `tails` one page of tails that belongs to no pfn (CMP-12)
 * - `Page`: all repeat the vmemmap page that holds the struct pages from pfn `home` on
 *
 * @category models
 * @since 0.1.0
 */
export type Sharing =
  | {
    readonly _tag: "Groups"
    readonly first: number
    readonly size: number
    readonly kept: number
    readonly tails: boolean
  }
  | { readonly _tag: "Page"; readonly home: number }

/**
 * A run of pages with one image, as found in memory: page `pfn` holds what the image says of `pfn + delta`. `times` counts
 * how often the pages were initialised since their memmap was populated (LCK-11.5).
 *
 * @category models
 * @since 0.1.0
 */
export interface Content {
  readonly image: Image
  readonly delta: number
  readonly times: number
}

/**
 * What users add to the counts of a struct page: references of a page or head, long-term pins of a compound (24.5).
 *
 * @category models
 * @since 0.1.0
 */
export interface Counts {
  readonly references: number
  readonly pins: number
}

/** Adds to every number of a range; what is 0 has no extent. */
const add = (map: ExtentMap.ExtentMap<number>, start: number, end: number, change: number): void => {
  if (change === 0) return
  const old = ExtentMap.slice(map, start, end)
  ExtentMap.set(map, start, end, change)
  for (const extent of old) {
    const value = extent.value + change
    if (value === 0) ExtentMap.remove(map, extent.start, extent.end)
    else ExtentMap.set(map, extent.start, extent.end, value)
  }
}

/** A run of pages of one content, each its own memory. */
const ownRun = (range: PfnRange.PfnRange, content: Content | undefined): Run.Run => {
  const image = content?.image
  if (content === undefined || (image?._tag !== "Compound" && image?._tag !== "Free")) return Run.uniform(range)
  const period = 2 ** image.order
  return {
    ...range,
    anchor: (image._tag === "Compound" ? image.head : 0) - content.delta,
    period,
    // The head, the first tail and all others; the first of a block and all others.
    parts: Run.partsAt((image._tag === "Compound" ? [1, 2] : [1]).filter((cut) => cut < period), period)
  }
}

/** Where the parts of a run begin in `[start, end)`, counted from `start`. */
const cutsOf = ({ anchor, parts, period }: Run.Run, start: number, end: number): ReadonlyArray<number> => {
  if (period === 1) return []
  const cuts: Array<number> = []
  for (let base = anchor + Math.floor((start - anchor) / period) * period; base < end; base += period) {
    for (const part of parts) {
      const at = base + part.start
      if (at > start && at < end) cuts.push(at - start)
    }
  }
  return cuts
}

/**
 * Ranges are pfns, half-open.
 *
 * - `write` initialises the struct pages of a range: of a `Compound` image only the first `written` pages of each
 * - `share` and `unmap` follow the vmemmap: sharing begins when it is populated, contents and sharing end when it goes
 * - `count` adds to what the struct pages of a range count: `references` to single pages and heads, `pins` to compounds (both
 *   may be negative). A compound takes part with all its pages or not at all
 * - `read` is what a reader of the struct page of `pfn` finds, shared or not
 * - `contents` lists the images behind a range, sharing resolved for nobody: each pfn's own memory
 * - `runs` cuts a range where contents or sharing change
 * - `home` is the pfn whose own memory the struct page of `pfn` is
 * - `save` and `load`: memory of a device keeps its contents while nothing maps it (INI-10). A slot is the place of a struct
 *   page in physical memory: the frame of its vmemmap page times the struct pages of one, plus its index
 *
 * @category services
 * @since 0.1.0
 */
export class Memmap extends Context.Service<Memmap, {
  readonly write: (start: number, end: number, image: Image) => void
  readonly share: (start: number, end: number, sharing: Sharing) => void
  readonly unmap: (start: number, end: number) => void
  readonly count: (start: number, end: number, change: Counts) => void
  readonly read: (pfn: number) => StructPage
  readonly contents: (start: number, end: number) => ReadonlyArray<ExtentMap.Extent<Content>>
  readonly runs: (start: number, end: number) => ReadonlyArray<Run.Run>
  readonly home: (pfn: number) => number
  readonly save: (start: number, end: number, slot: number) => void
  readonly load: (start: number, end: number, slot: number) => void
}>()("@vmemmap/core/memmap/Memmap") {}

/**
 * What a memmap of extents consists of, by pfn: contents by the pfn whose own memory they are in, sharing and what users added by that
 * of the reader.
 *
 * @category models
 * @since 0.1.0
 */
export interface State {
  readonly contents: ExtentMap.ExtentMap<Content>
  readonly shared: ExtentMap.ExtentMap<Sharing>
  readonly references: ExtentMap.ExtentMap<number>
  readonly pins: ExtentMap.ExtentMap<number>
}

/**
 * Nothing is mapped.
 *
 * @category constructors
 * @since 0.1.0
 */
export const empty = (): State => ({
  contents: ExtentMap.empty(),
  shared: ExtentMap.empty(),
  references: ExtentMap.empty(),
  pins: ExtentMap.empty()
})

/**
 * A memmap kept as extents; `perPage` struct pages share a vmemmap page.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  perPage: number,
  { contents, pins, references, shared }: State = empty()
): Memmap["Service"] => {
  /** What device memory holds that backs no memmap now, by slot; contents by the slot they are in. */
  const media = ExtentMap.empty<Content>()
  /** Pages that outlive their section because another one still maps them. */
  const orphans = new Set<number>()

  /** The pfn whose own memory the struct page of `pfn` is. */
  const home = (pfn: number, sharing: Sharing | undefined): number => {
    if (sharing === undefined) return pfn
    if (sharing._tag === "Page") return sharing.home + pfn % perPage
    const { first, kept, size, tails } = sharing
    const index = (pfn - first) % size
    if (index < kept) return pfn
    return tails ? pfn - index : pfn - index + kept - perPage + index % perPage
  }

  const uncount = (start: number, end: number): void => {
    ExtentMap.remove(references, start, end)
    ExtentMap.remove(pins, start, end)
  }

  /** A page as its image says, and what users have added. */
  const counted = (page: StructPage, pfn: number): StructPage => {
    if (page._tag !== "Initialised") return page
    if (page.links._tag !== "Tail") {
      return { ...page, refcount: page.refcount + (ExtentMap.find(references, pfn)?.value ?? 0) }
    }
    const pinned = page.links.order === null ? undefined : ExtentMap.find(pins, pfn)?.value
    return pinned === undefined ? page : { ...page, links: { ...page.links, pins: pinned } }
  }

  /** A run cut where counts change. */
  const cut = (run: Run.Run): ReadonlyArray<Run.Run> => {
    const edges = [references, pins].flatMap((map) => ExtentMap.slice(map, run.start, run.end))
      .flatMap((extent) => [extent.start, extent.end])
    if (edges.length === 0) return [run]
    const cuts = [...new Set([run.start, ...edges, run.end])].toSorted((a, b) => a - b)
    return cuts.slice(1).map((end, i) => ({ ...run, start: cuts[i] ?? end, end }))
  }

  const put = (start: number, end: number, image: Image, delta: number): void => {
    if (end <= start) return
    const old = ExtentMap.slice(contents, start, end)
    // Handing pages to the allocator changes them, but is no initialisation.
    const times = image._tag === "Poisoned" || image._tag === "Free" ? 0 : 1
    uncount(start, end)
    ExtentMap.set(contents, start, end, { image, delta, times })
    if (image._tag === "Poisoned") return
    for (const { end, start, value } of old) {
      if (value.times > 0) ExtentMap.set(contents, start, end, { image, delta, times: value.times + times })
    }
  }

  /** Writes pages one vmemmap page's worth at a time, each where its memory is. */
  const writeThrough = (start: number, end: number, image: Image): void => {
    for (let pfn = start; pfn < end;) {
      const sharing = ExtentMap.find(shared, pfn)?.value
      const next = sharing === undefined
        ? Math.min(end, ...ExtentMap.slice(shared, pfn, end).slice(0, 1).map((extent) => extent.start))
        : Math.min(end, pfn - pfn % perPage + perPage)
      const at = home(pfn, sharing)
      put(at, at + next - pfn, image, pfn - at)
      pfn = next
    }
  }

  const writeCompounds = (start: number, end: number, image: Extract<Image, { readonly _tag: "Compound" }>): void => {
    const size = 2 ** image.order
    for (const { range, sharing } of pieces(start, end)) {
      const isOwn = sharing === undefined ? image.written === size : sharing._tag === "Groups" &&
        sharing.size === size && (sharing.first - image.head) % size === 0 && image.written <= sharing.kept
      if (isOwn) {
        put(range.start, range.end, image, 0)
        continue
      }
      const first = image.head + Math.floor((range.start - image.head) / size) * size
      for (let head = first; head < range.end; head += size) {
        writeThrough(Math.max(head, range.start), Math.min(head + image.written, range.end), image)
      }
    }
  }

  /** `[start, end)` cut where sharing changes. */
  const pieces = (start: number, end: number) =>
    [
      ...ExtentMap.slice(shared, start, end).map((extent) => ({ range: extent, sharing: extent.value })),
      ...ExtentMap.gaps(shared, start, end).map((range) => ({ range, sharing: undefined }))
    ].toSorted((a, b) => a.range.start - b.range.start)

  /** Writes what all pages of the range hold alike: then it does not matter through which page shared memory is reached. */
  const writeAlike = (start: number, end: number, image: Image): void => {
    for (const { range, sharing } of pieces(start, end)) {
      const own = sharing === undefined ? range : sharing._tag === "Page"
        ? { start: range.start, end: range.start }
        : wholeGroups(range, sharing)
      put(own.start, own.end, image, 0)
      if (sharing?._tag === "Page" && PfnRange.length(range) >= perPage) {
        put(sharing.home, sharing.home + perPage, image, 0)
        continue
      }
      writeThrough(range.start, own.start, image)
      writeThrough(own.end, range.end, image)
    }
  }

  const ownRuns = (range: PfnRange.PfnRange): ReadonlyArray<Run.Run> =>
    [
      ...ExtentMap.slice(contents, range.start, range.end).map((extent) =>
        ownRun({ start: extent.start, end: extent.end }, extent.value)
      ),
      ...ExtentMap.gaps(contents, range.start, range.end).map(Run.uniform)
    ].toSorted((a, b) => a.start - b.start)

  /** Groups that hold the same are one run; of a group whose own pages differ those and the rest are runs by themselves. */
  const groupRuns = (
    range: PfnRange.PfnRange,
    { first, kept, size }: Extract<Sharing, { readonly _tag: "Groups" }>
  ): ReadonlyArray<Run.Run> => {
    const runs: Array<Run.Run> = []
    for (let at = first + Math.floor((range.start - first) / size) * size; at < range.end;) {
      const own = ExtentMap.find(contents, at)
      const next = own === undefined ? ExtentMap.gaps(contents, at, range.end)[0]?.end ?? at : own.end
      if (next < at + Math.min(kept, size)) {
        const end = at + size
        runs.push(...ownRuns({ start: at, end: at + kept }), Run.repeated({ start: at + kept, end }, perPage))
        at = end
        continue
      }
      const content = ownRun({ start: at, end: next }, own?.value)
      const groups = size % content.period === 0 ? Math.floor((next - at - kept) / size) + 1 : 1
      const end = at + Math.max(1, groups) * size
      const parts = [
        ...Run.partsAt(cutsOf(content, at, at + kept), kept),
        { start: kept, end: size, period: perPage }
      ]
      runs.push({ start: at, end, anchor: at, period: size, parts: parts.filter((part) => part.end > part.start) })
      at = end
    }
    return runs.map((run) => ({ ...run, ...PfnRange.intersection(run, range) })).filter(({ end, start }) => end > start)
  }

  return Memmap.of({
    write: (start, end, image) => {
      if (end <= start) return
      if (image._tag === "Compound") writeCompounds(start, end, image)
      else if (image._tag !== "Free") writeAlike(start, end, image)
      else if (ExtentMap.overlaps(shared, start, end)) writeThrough(start, end, image)
      else put(start, end, image, 0)
    },
    share: (start, end, sharing) => ExtentMap.set(shared, start, end, sharing),
    count: (start, end, change) => {
      add(references, start, end, change.references)
      add(pins, start, end, change.pins)
    },
    unmap: (start, end) => {
      uncount(start, end)
      ExtentMap.remove(shared, start, end)
      const repeated = new Set(shared.extents.flatMap(({ value }) => value._tag === "Page" ? [value.home] : []))
      for (const page of orphans) {
        if (repeated.has(page)) continue
        orphans.delete(page)
        ExtentMap.remove(contents, page, page + perPage)
      }
      const kept = [...repeated].filter((page) => page >= start && page < end)
      for (const page of kept) orphans.add(page)
      for (const range of PfnRange.subtract({ start, end }, kept.map((page) => PfnRange.fromLength(page, perPage)))) {
        ExtentMap.remove(contents, range.start, range.end)
      }
    },
    read: (pfn) => {
      const sharing = ExtentMap.find(shared, pfn)?.value
      const at = home(pfn, sharing)
      const found = ExtentMap.find(contents, at)?.value
      if (found === undefined) return { _tag: "Unwritten" }
      return counted(pageOf(found.image, (sharing?._tag === "Groups" && sharing.tails ? pfn : at) + found.delta), pfn)
    },
    contents: (start, end) => ExtentMap.slice(contents, start, end),
    runs: (start, end) =>
      pieces(start, end).flatMap(({ range, sharing }) => {
        if (sharing === undefined) return ownRuns(range)
        // What is read through a shared page depends on the contents of that page alone.
        return sharing._tag === "Page" ? [Run.repeated(range, perPage)] : groupRuns(range, sharing)
      }).flatMap(cut),
    home: (pfn) => home(pfn, ExtentMap.find(shared, pfn)?.value),
    save: (start, end, slot) => {
      const shift = slot - start
      for (const { end: to, start: from, value: { delta, image } } of ExtentMap.slice(contents, start, end)) {
        ExtentMap.set(media, from + shift, to + shift, { image, delta: delta - shift, times: 0 })
      }
    },
    load: (start, end, slot) => {
      const shift = start - slot
      for (
        const { end: to, start: from, value: { delta, image } } of ExtentMap.slice(media, slot, slot + end - start)
      ) {
        ExtentMap.set(contents, from + shift, to + shift, { image, delta: delta - shift, times: 0 })
      }
      ExtentMap.remove(media, slot, slot + end - start)
    }
  })
}

/** The groups that lie in a range with all their pages; empty at its start when there is none. */
const wholeGroups = (
  { end, start }: PfnRange.PfnRange,
  { first, size }: Extract<Sharing, { readonly _tag: "Groups" }>
): PfnRange.PfnRange => {
  const whole = PfnRange.shrinkTo({ start: start - first, end: end - first }, size)
  return whole.end > whole.start ? { start: whole.start + first, end: whole.end + first } : { start, end: start }
}

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Memmap, never, Kernel> = Layer.effect(
  Memmap,
  Effect.map(Effect.service(Kernel), ({ arch, structPage }) => make(Math.floor(arch.pageSize / structPage)))
)
