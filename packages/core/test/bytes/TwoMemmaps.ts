/** The same done to a memmap of extents and to one of bytes, as far as a kernel does it, and all pages compared. */
import { assert } from "@effect/vitest"
import { Schema } from "effect"
import * as BytePool from "../../src/bytes/BytePool.ts"
import * as MemmapBytes from "../../src/bytes/MemmapBytes.ts"
import * as PageWriter from "../../src/bytes/PageWriter.ts"
import * as ExtentMap from "../../src/geometry/ExtentMap.ts"
import * as PfnRange from "../../src/geometry/PfnRange.ts"
import type { Image } from "../../src/memmap/Image.ts"
import * as Memmap from "../../src/memmap/Memmap.ts"
import * as StructPageWords from "../../src/memmap/StructPageWords.ts"
import * as Images from "./Images.ts"

const { vmemmap } = Images

/** Struct pages of a vmemmap page, of a compound, and of all there are. */
const perPage = 8
const size = 64
export const pages = 512

/** What happens to a memmap, as often as named; to its bytes; and who writes them ahead. */
const changes = ["write", "write", "write", "compound", "compound", "groups", "groups", "page", "unmap"] as const
const others = ["count", "count", "count", "move", "move", "look", "materialise", "drop"] as const
const ahead = ["begin", "begin", "advance", "advance", "advance", "describe", "describe", "end", "end"] as const

export const Operation = Schema.Struct({
  kind: Schema.Literals([...changes, ...others, ...ahead]),
  image: Schema.Literals(["single", "pagemap", "in use", "poisoned", "free", "compound"]),
  at: Images.int(0, 63),
  length: Images.int(1, 24),
  odd: Schema.Literals([0, 0, 0, 1, 5]),
  number: Images.int(0, 40),
  flag: Schema.Boolean
})

export type Operation = typeof Operation.Type

/** Somebody who writes a part ahead, and how far it is. */
interface Active extends PfnRange.PfnRange {
  readonly image: Image
  readonly lines: number
  readonly writing: MemmapBytes.Writing
  done: number
  described: number
  isLost: boolean
}

const zero = Array.from({ length: 8 }, () => 0n)

export const make = ({ bytes, wasm }: { readonly bytes: number; readonly wasm: boolean }) => {
  const pool = BytePool.make({ bytes, wasm })
  assert.isNotNull(pool)
  const state = Memmap.empty()
  const extents = Memmap.make(perPage, state)
  const made = MemmapBytes.make(pool, { perPage, vmemmap })
  const both = [extents, made.memmap]
  const active: Array<Active> = []
  const users: Array<PfnRange.PfnRange & Memmap.Counts> = []
  let saved: (PfnRange.PfnRange & { readonly slot: number }) | null = null
  let slots = 10_000

  const contentAt = (home: number) => extents.contents(home, home + 1)[0]?.value

  const wordsOf = (pfn: number): StructPageWords.Words => {
    const sharing = ExtentMap.find(state.shared, pfn)?.value
    const home = extents.home(pfn)
    const content = contentAt(home)
    if (content === undefined) return zero
    const page = extents.read(pfn)
    const isLoose = sharing?._tag === "Groups" && sharing.tails && home !== pfn
    const words = StructPageWords.encode(page, isLoose ? pfn : home + content.delta, vmemmap)
    const isTail = page._tag === "Initialised" && page.links._tag === "Tail"
    return isLoose && isTail ? words.with(1, StructPageWords.headMask(6)) : words
  }

  const check = ({ end, start }: PfnRange.PfnRange): void => {
    for (let pfn = start; pfn < end; pfn++) {
      const [found, expected] = [made.bytes.words(pfn), wordsOf(pfn)]
      if (found.some((word, i) => word !== expected[i])) assert.deepStrictEqual(found, expected, `pfn ${pfn}`)
      assert.deepStrictEqual(made.memmap.read(pfn), extents.read(pfn), `pfn ${pfn}`)
    }
  }

  /** Whole vmemmap pages, and whole groups of them. */
  const rangeOf = ({ at, length }: Operation): PfnRange.PfnRange => {
    let range = { start: at * perPage, end: Math.min(at + length, pages / perPage) * perPage }
    for (const { end, start, value } of state.shared.extents) {
      if (value._tag !== "Groups" || !PfnRange.overlaps({ start, end }, range)) continue
      range = {
        start: Math.min(
          range.start,
          value.first + Math.floor((Math.max(range.start, start) - value.first) / size) * size
        ),
        end: Math.max(range.end, value.first + Math.ceil((Math.min(range.end, end) - value.first) / size) * size)
      }
    }
    return range
  }

  const sharingIn = ({ end, start }: PfnRange.PfnRange) => ExtentMap.slice(state.shared, start, end)

  const lose = (range: PfnRange.PfnRange): void => {
    for (const one of active) one.isLost ||= PfnRange.overlaps(one, range)
  }

  const change = ({ end, start }: PfnRange.PfnRange, counts: Memmap.Counts): void => {
    for (const memmap of both) memmap.count(start, end, counts)
  }

  /** Who has compounds gives them back before anybody writes their struct pages, or takes them away. */
  const giveBack = (range: PfnRange.PfnRange): void => {
    for (const one of users.splice(0, users.length)) {
      if (PfnRange.overlaps(one, range)) change(one, { references: -one.references, pins: -one.pins })
      else users.push(one)
    }
  }

  const unmap = (range: PfnRange.PfnRange): void => {
    giveBack(range)
    lose(range)
    for (const memmap of both) memmap.unmap(range.start, range.end)
  }

  const share = (range: PfnRange.PfnRange, sharing: Memmap.Sharing): void => {
    for (const memmap of both) memmap.share(range.start, range.end, sharing)
  }

  const write = (range: PfnRange.PfnRange, image: Image): void => {
    giveBack(range)
    for (const { value } of sharingIn(range)) {
      if (value._tag === "Page") giveBack(PfnRange.fromLength(value.home, perPage))
    }
    for (const memmap of both) memmap.write(range.start, range.end, image)
  }

  const compoundAt = (head: number, written: number, refcount: number): Image => ({
    _tag: "Compound",
    node: 0,
    zone: "Device",
    head,
    order: 6,
    written,
    refcount,
    pagemap: 7,
    metadata: refcount % 2 === 0
  })

  /** Compounds as they are written there: those of one page of tails lie at multiples of their size (CMP-12). */
  const compound = (operation: Operation): PfnRange.PfnRange & { readonly image: Image } => {
    const range = rangeOf(operation)
    const inGroups = sharingIn(range).flatMap(({ value }) => value._tag === "Groups" ? [value] : [])
    const hasTails = inGroups.some(({ tails }) => tails)
    const start = hasTails ? range.start - range.start % size : range.start
    const written = hasTails ? perPage : operation.flag ? 16 : inGroups.length > 0 ? inGroups[0]?.kept ?? size : size
    return { start, end: range.end, image: compoundAt(start, written, operation.number % 4) }
  }

  const imageOf = ({ flag, image, number }: Operation): Image => {
    const zone = "Device"
    switch (image) {
      case "in use":
        return { _tag: "InUse", node: number, zone }
      case "poisoned":
        return { _tag: "Poisoned" }
      case "free":
        return { _tag: "Free", node: 0, zone: "Movable", order: number % 5, listed: flag }
      default: {
        const links = image === "pagemap"
          ? { _tag: "Pagemap", pagemap: number, data: 0n } as const
          : { _tag: "Self" } as const
        return { _tag: "Single", node: 0, zone, flags: 0x1000, refcount: number % 3, links }
      }
    }
  }

  const part = (operation: Operation): PfnRange.PfnRange & { readonly image: Image } => {
    if (operation.image === "compound") return compound(operation)
    const { at, length, odd } = operation
    const start = at * perPage + odd
    return { start, end: Math.min(pages, start + length * perPage), image: imageOf(operation) }
  }

  /** Whether others read the memory of a page, who know nothing of its counts. */
  const isRepeated = (pfn: number): boolean =>
    state.shared.extents.some(({ end, start, value }) =>
      value._tag === "Page"
        ? pfn >= value.home && pfn < value.home + perPage
        : pfn >= start && pfn < end && !value.tails && (pfn - value.first) % size >= value.kept - perPage
    )

  /** References of one page, or references and pins of a compound. */
  const count = ({ at, flag, number, odd }: Operation): void => {
    const known = extents.contents(0, pages).filter(({ value: { image } }) =>
      image._tag === "Single" || image._tag === "Compound"
    )
    const chosen = known[at % Math.max(1, known.length)]
    if (chosen === undefined) return
    const pfn = Math.min(chosen.start + odd, chosen.end - 1)
    const content = chosen.value
    if (extents.home(pfn) !== pfn) return
    if (content.image._tag === "Single" && !isRepeated(pfn)) {
      return change({ start: pfn, end: pfn + 1 }, { references: flag ? number : -number, pins: 0 })
    }
    if (content.image._tag !== "Compound" || content.delta !== 0) return
    const head = pfn - (pfn - content.image.head) % size
    // One that is there with all its pages: no other page is counted with it.
    const isWhole = Array.from({ length: size }, (_, i) => contentAt(head + i)).every((one) =>
      one?.image === content.image && one.delta === 0
    )
    if (!isWhole || [head, head + 1].some((page) => extents.home(page) !== page || isRepeated(page))) return
    const user = { start: head, end: head + size, references: number, pins: flag ? number : 0 }
    users.push(user)
    change(user, user)
  }

  const groups = (operation: Operation): void => {
    const { flag, at, length } = operation
    const first = flag ? at * perPage - at * perPage % size : at * perPage
    const end = Math.min(first + Math.ceil(length / 8) * size, first + Math.floor((pages - first) / size) * size)
    const range = rangeOf({ ...operation, at: first / perPage, length: (end - first) / perPage })
    const isHome = state.shared.extents.some(({ value }) =>
      value._tag === "Page" && value.home < range.end && value.home + perPage > range.start
    )
    if (end <= first || isHome) return
    unmap(range)
    share({ start: first, end }, { _tag: "Groups", first, size, kept: flag ? perPage : 2 * perPage, tails: flag })
  }

  const repeat = (operation: Operation): void => {
    const home = operation.number * perPage
    const range = rangeOf(operation)
    const isCounted = [state.references, state.pins].some((map) => ExtentMap.overlaps(map, home, home + perPage))
    const hasTails = sharingIn(PfnRange.fromLength(home, perPage)).some(({ value }) =>
      value._tag === "Groups" && value.tails
    )
    if (extents.home(home) !== home || hasTails || isCounted || (home >= range.start && home < range.end)) return
    unmap(range)
    share(range, { _tag: "Page", home })
  }

  /** Device memory goes, and comes back somewhere else with what was in it (INI-10). */
  const move = (operation: Operation): void => {
    const range = rangeOf(operation)
    if (sharingIn(range).length > 0) return
    if (operation.flag || saved === null) {
      const slot = slots += pages
      for (const memmap of both) memmap.save(range.start, range.end, slot)
      unmap(range)
      saved = { ...range, slot }
      return
    }
    const length = Math.min(PfnRange.length(range), PfnRange.length(saved))
    unmap(range)
    for (const memmap of both) memmap.load(range.start, range.start + length, saved.slot)
  }

  const begin = (operation: Operation): void => {
    const { end, image, start } = part(operation)
    if (active.some((one) => PfnRange.overlaps(one, { start, end }))) return
    const inside = Array.from({ length: end - start }, (_, i) => i % size)
    const written = image._tag === "Compound" ? inside.filter((index) => index < image.written).length : end - start
    const writing = made.bytes.ahead([{ start, end, image, written }])
    if (writing === null) return
    active.push({ start, end, image, lines: written, writing, done: 0, described: start, isLost: false })
  }

  const advance = (one: Active, lines: number): void => {
    const to = Math.min(one.lines, one.done + lines)
    let before = 0
    for (const segment of one.writing.segments) {
      const [from, until] = [Math.max(one.done - before, 0), Math.min(to - before, segment.lines)]
      if (until > from) PageWriter.make(pool.kernelOf(0), segment.at, segment).write(from, until)
      before += segment.lines
    }
    one.done = to
  }

  const describe = (one: Active): void => {
    const { described, done, end, image, start } = one
    const reach = done === one.lines
      ? end
      : start + (image._tag === "Compound" ? Math.floor(done / image.written) * size : done)
    if (one.isLost || reach <= described) return
    write({ start: described, end: Math.min(end, reach) }, image)
    one.described = reach
  }

  const finish = (one: Active, isLate: boolean): void => {
    active.splice(active.indexOf(one), 1)
    if (!isLate) describe(one)
    one.writing.end(one.done)
    describe(one)
  }

  const run = (operation: Operation): void => {
    const { flag, kind, number } = operation
    const one = active[number % Math.max(1, active.length)]
    switch (kind) {
      case "write":
      case "compound": {
        const { image, ...range } = part(kind === "compound" ? { ...operation, image: "compound" } : operation)
        return write(range, image)
      }
      case "groups":
        return groups(operation)
      case "page":
        return repeat(operation)
      case "unmap":
        return unmap(rangeOf(operation))
      case "count":
        return count(operation)
      case "move":
        return move(operation)
      case "look":
        return check(rangeOf(operation))
      case "drop":
        return flag && number === 0 ? made.bytes.dropAll() : made.bytes.drop(rangeOf(operation))
      case "begin":
        return begin(operation)
      case "advance":
        return one === undefined ? undefined : advance(one, number * 8)
      case "describe":
        return one === undefined ? undefined : describe(one)
      case "end":
        return one === undefined ? undefined : finish(one, flag)
      case "materialise":
        return
    }
  }

  return {
    made,
    run,
    check,
    rangeOf,
    /** Everything ends, and the pool is whole. */
    end: (): void => {
      for (let one = active[0]; one !== undefined; one = active[0]) finish(one, true)
      check({ start: 0, end: pages })
      made.bytes.dropAll()
      assert.strictEqual(pool.usage().used, 0)
    }
  }
}
