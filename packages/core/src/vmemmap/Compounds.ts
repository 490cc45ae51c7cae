/**
 * The memmap of compound device memory: of each compound a few vmemmap pages are kept, the rest repeat the last of them
 * (CMP-1 … CMP-5, CMP-12).
 *
 * @since 0.1.0
 */
import { takeAll, type Taken } from "../frames/FrameAllocator.ts"
import * as Alignment from "../geometry/Alignment.ts"
import * as Architecture from "../geometry/Architecture.ts"
import * as ExtentMap from "../geometry/ExtentMap.ts"
import type { PfnRange } from "../geometry/PfnRange.ts"
import type { Memmap } from "../memmap/Memmap.ts"
import { has } from "../release/KernelRelease.ts"
import * as Blocks from "./Blocks.ts"
import * as CompoundVmemmap from "./CompoundVmemmap.ts"
import * as PageTables from "./PageTables.ts"
import type { Piece } from "./Piece.ts"

/** Lengths in pages, for one compound. */
interface Shape {
  readonly size: number
  readonly offset: number
  /** The piece goes on with a compound begun below it (CMP-2). */
  readonly isContinuation: boolean
  readonly perPage: number
  readonly kept: number
}

const shapeOf = ({ kernel }: Blocks.State, { compound, start }: Piece): Shape => {
  const size = 2 ** (compound?.order ?? 0)
  const offset = start - (compound?.base ?? 0)
  return {
    size,
    offset,
    isContinuation: size > Architecture.pagesPerSubsection(kernel.arch) && offset % size !== 0,
    perPage: kernel.arch.pageSize / kernel.structPage,
    kept: CompoundVmemmap.pagesKept(kernel.release)
  }
}

/** ppc64 has a routine of its own since it opted in (CMP-9). */
const isAbsolute = ({ kernel }: Blocks.State): boolean =>
  kernel.arch.name === "ppc64-radix" && has(kernel.release, "dedup-ppc64-radix")

/** The page of tails that all compounds of an order and a zone repeat (CMP-12); allocated once and kept. */
const sharedTail = (state: Blocks.State, tails: Map<string, number>, piece: Piece): number | undefined => {
  // The zone is the Device zone of the node.
  const name = `${piece.node} ${piece.compound?.order ?? 0}`
  const known = tails.get(name)
  if (known !== undefined) return known
  const frame = state.frames.take({ node: piece.node, order: 0, count: 1, purpose: "shared-tail" })[0]?.start
  if (frame !== undefined) {
    tails.set(name, frame)
    state.tables.tails.add(frame)
    // One reference of its own: it stays when the last compound goes.
    state.tables.references.set(frame, 1)
  }
  return frame
}

/** Maps `count` groups of leaves from `at` on over the pages that were taken for them. */
const mapGroups = (
  { tables }: Blocks.State,
  at: number,
  taken: ReadonlyArray<Taken>,
  { kept, tails, leaves }: { readonly kept: number; readonly leaves: number; readonly tails: number | null }
): void => {
  const page = tables.pageSize
  const base = { leaf: page, device: null }
  let from = at
  let odd: number | null = null
  for (const block of taken) {
    let { count, start } = block
    if (odd !== null && count > 0) {
      // The head's page and the tails' page are no neighbours.
      PageTables.map(tables, from, from + page, { _tag: "Linear", anchor: from, frame: odd, ...base })
      PageTables.map(tables, from + page, from + leaves * page, { _tag: "Same", anchor: from, frame: start, ...base })
      from += leaves * page
      start += 1
      count -= 1
      odd = null
    }
    const groups = Math.floor(count / kept)
    if (groups > 0) {
      const end = from + groups * leaves * page
      PageTables.map(tables, from, end, {
        _tag: "Groups",
        anchor: from,
        frame: start,
        group: leaves,
        kept,
        tails,
        ...base
      })
      from = end
    }
    if (count % kept !== 0) odd = start + groups * kept
  }
}

/** One or more compounds of `size` pages each, beginning with `[start, end)`. */
const begin = (
  state: Blocks.State,
  memmap: Memmap["Service"],
  piece: Piece,
  { end, start }: PfnRange,
  size: number,
  shape: Shape,
  tails: number | null
): boolean => {
  const { kept, perPage } = shape
  const count = (end - start) / size
  const virtual = { start: start * state.kernel.structPage, end: end * state.kernel.structPage }
  if (!Blocks.takeTables(state, piece.node, virtual, state.tables.pageSize)) return false
  const wanted = count * kept
  const taken = takeAll(state.frames, { node: piece.node, order: 0, count: wanted, purpose: "memmap" })
  if (taken === null) {
    const missing = PageTables.missing(state.tables, virtual.start, virtual.end, true)
    state.pte.give(piece.node, missing.pte)
    state.pmd.give(piece.node, missing.pmd)
    return false
  }
  let leaf = 0
  for (const block of taken) {
    const at = Math.floor(leaf / kept) * (size / perPage) + leaf % kept
    state.verify(piece.node, block.node, virtual.start + at * state.tables.pageSize)
    leaf += block.count
  }
  mapGroups(state, virtual.start, taken, { kept, leaves: size / perPage, tails })
  memmap.share(start, end, { _tag: "Groups", first: start, size, kept: kept * perPage, tails: tails !== null })
  return true
}

/** Every vmemmap page of the piece repeats the one just below it (CMP-2, CMP-4). */
const goOn = (
  state: Blocks.State,
  memmap: Memmap["Service"],
  piece: Piece,
  shape: Shape,
  tails: number | null
): boolean => {
  const page = state.tables.pageSize
  const virtual = { start: piece.start * state.kernel.structPage, end: piece.end * state.kernel.structPage }
  const below = ExtentMap.find(state.tables.leaves, virtual.start - page)
  if (below === undefined) {
    state.log.emit({ _tag: "Hazard", rule: "CMP-4", text: "the vmemmap page below a continued compound is not mapped" })
    return false
  }
  if (!Blocks.takeTables(state, piece.node, virtual, page)) return false
  const frame = tails ?? PageTables.frameOf(below.value, virtual.start - page, page)
  PageTables.map(state.tables, virtual.start, virtual.end, {
    _tag: "Same",
    leaf: page,
    anchor: virtual.start,
    frame,
    device: null
  })
  if (tails === null) {
    memmap.share(piece.start, piece.end, { _tag: "Page", home: memmap.home(piece.start - shape.perPage) })
  } else {
    const first = piece.start - shape.offset % shape.size
    memmap.share(piece.start, piece.end, {
      _tag: "Groups",
      first,
      size: shape.size,
      kept: shape.kept * shape.perPage,
      tails: true
    })
  }
  return true
}

/**
 * The routine of ppc64: what is mapped already is left, and each page of the vmemmap is the head's, the tails', or repeats
 * the tails', by its place in a compound counted from pfn 0 (CMP-9).
 */
const populateAbsolute = (state: Blocks.State, memmap: Memmap["Service"], piece: Piece, size: number): boolean => {
  const { kernel, tables } = state
  const page = tables.pageSize
  const bytes = size * kernel.structPage
  const start = Alignment.down(piece.start * kernel.structPage, page)
  const end = Alignment.up(piece.end * kernel.structPage, page)
  const own = (at: number) =>
    ExtentMap.find(tables.leaves, at) !== undefined ||
    Blocks.fromRam(state, piece.node, { start: at, end: at + page }, page)
  for (const gap of ExtentMap.gaps(tables.leaves, start, end)) {
    for (let head = Alignment.down(gap.start, bytes); head < gap.end; head += bytes) {
      if (head >= gap.start && !own(head)) return false
      const last = Math.min(gap.end, head + bytes)
      if (last <= head + page) continue
      if (!own(head + page)) return false
      const rest = { start: Math.max(gap.start, head + 2 * page), end: last }
      if (rest.end <= rest.start) continue
      const tail = ExtentMap.find(tables.leaves, head + page)
      if (tail === undefined || !Blocks.takeTables(state, piece.node, rest, page)) return false
      const frame = PageTables.frameOf(tail.value, head + page, page)
      PageTables.map(tables, rest.start, rest.end, {
        _tag: "Same",
        leaf: page,
        anchor: rest.start,
        frame,
        device: null
      })
      memmap.share(rest.start / kernel.structPage, rest.end / kernel.structPage, {
        _tag: "Page",
        home: (head + page) / kernel.structPage
      })
    }
  }
  return true
}

/**
 * Populates a piece of a compound devmap whose tails are shared.
 *
 * @category operations
 * @since 0.1.0
 */
export const populate = (
  state: Blocks.State,
  memmap: Memmap["Service"],
  tails: Map<string, number>,
  piece: Piece
): boolean => {
  const shape = shapeOf(state, piece)
  const pages = piece.end - piece.start
  if (isAbsolute(state) && shape.size / shape.perPage > shape.kept) {
    return populateAbsolute(state, memmap, piece, shape.size)
  }
  const size = Math.min(pages, shape.size)
  // A compound of no more vmemmap pages than are kept has nothing to share.
  if (!shape.isContinuation && size / shape.perPage <= shape.kept) return Blocks.basePagesOf(state, piece)
  if (
    ExtentMap.overlaps(state.tables.leaves, piece.start * state.kernel.structPage, piece.end * state.kernel.structPage)
  ) {
    state.log.emit({
      _tag: "Hazard",
      rule: "BUG-13",
      text: "compounds share their memmap with blocks that are mapped already; nothing is shared"
    })
    return Blocks.basePagesOf(state, piece)
  }
  const tail = shape.kept === 1 ? sharedTail(state, tails, piece) : null
  if (tail === undefined) return false
  if (shape.isContinuation) return goOn(state, memmap, piece, shape, tail)
  const end = piece.start + Math.floor(pages / size) * size
  if (!begin(state, memmap, piece, { start: piece.start, end }, size, shape, tail)) return false
  return end === piece.end ||
    begin(state, memmap, piece, { start: end, end: piece.end }, piece.end - end, shape, tail)
}

/**
 * How many whole sections of a run can be populated at once: as many whole compounds as the run holds, or what is left of
 * the one it continues.
 *
 * @category queries
 * @since 0.1.0
 */
export const room = (state: Blocks.State, piece: Piece): number => {
  const { isContinuation, kept, offset, perPage, size } = shapeOf(state, piece)
  const perSection = Architecture.pagesPerSection(state.kernel.arch)
  const sections = (piece.end - piece.start) / perSection
  const pages = sections * perSection / perPage
  const needed = Math.ceil(pages / state.kernel.arch.pteTable.entries) + 2 +
    Math.ceil(sections * perSection / size) * kept
  if (state.frames.room(0) < needed || size / perPage <= kept) return 0
  if (isContinuation) {
    return offset % perSection === 0
      ? Math.min(sections, (size - offset % size) / perSection)
      : sections
  }
  return size <= perSection
    ? perSection % size === 0 ? sections : 0
    : Math.floor(sections * perSection / size) * size / perSection
}
