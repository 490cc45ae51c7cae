/**
 * A memmap of real bytes behind the interface of `Memmap`: struct pages of 64 bytes, word for word as a kernel would have them.
 *
 * What is written stays a description until somebody looks. Then the bytes are made, of one vmemmap page or of a range, in memory from
 * a pool, and follow what is written later; or they are there already, when whoever initialises wrote them itself (`ahead`).
 * The words are those of 6.1, with two exceptions that `StructPageWords` tells.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as ExtentMap from "../geometry/ExtentMap.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import { KernelError } from "../kernel/KernelError.ts"
import type { Image } from "../memmap/Image.ts"
import * as Memmap from "../memmap/Memmap.ts"
import type { StructPage } from "../memmap/StructPage.ts"
import * as StructPageWords from "../memmap/StructPageWords.ts"
import { Kernel } from "../release/Kernel.ts"
import * as PageAddress from "../sections/PageAddress.ts"
import * as Ahead from "./Ahead.ts"
import type * as BytePool from "./BytePool.ts"
import * as PageBytes from "./PageBytes.ts"
import type { Segment } from "./PageJob.ts"
import * as PagePattern from "./PagePattern.ts"
import * as Placements from "./Placements.ts"

/**
 * The pool has no memory for `bytes` more.
 *
 * @category errors
 * @since 0.1.0
 */
export class OutOfBytes extends Schema.TaggedError<OutOfBytes>("@vmemmap/core/bytes/OutOfBytes")("OutOfBytes", {
  bytes: Schema.Natural,
  free: Schema.Natural
}) {
  override get message() {
    return `${this.bytes} bytes of struct pages do not fit into the ${this.free} bytes that are left of the pool: look at less at ` +
      "once, or make the pool larger"
  }
}

/**
 * Struct pages that somebody writes ahead of their descriptions: where, and what. `end` is called once nobody writes any more, with how
 * many were written, in order.
 *
 * @category models
 * @since 0.1.0
 */
export interface Writing {
  readonly segments: ReadonlyArray<Segment>
  readonly end: (lines: number) => void
}

/**
 * Ranges are pfns, half-open.
 *
 * - `materialise` makes the bytes of a range; fails where the pool has no memory for them, and changes nothing then
 * - `locate` the struct page of a pfn in the pool's buffer; `null` where its bytes are not there
 * - `words` of the struct page of a pfn, whose vmemmap page is made for it; `page` says what they mean, `null` where they are none of the
 *   model's
 * - `ahead` prepares memory for parts that the caller writes before they are described; `null` where there is none
 * - `drop` the bytes of a range, `dropAll` all there are: they are made anew when somebody looks
 * - `sum` of the words of all struct pages of a range whose bytes are there, each times its place in its struct page; and how many bytes
 *   those are
 * - `usage` of the pool
 *
 * @category services
 * @since 0.1.0
 */
export class MemmapBytes extends Context.Service<MemmapBytes, {
  readonly materialise: (range: PfnRange.PfnRange) => Effect.Effect<void, OutOfBytes>
  readonly locate: (pfn: number) => number | null
  readonly words: (pfn: number) => StructPageWords.Words
  readonly page: (pfn: number) => StructPage | null
  readonly ahead: (parts: ReadonlyArray<Ahead.Part>) => Writing | null
  readonly drop: (range: PfnRange.PfnRange) => void
  readonly dropAll: () => void
  readonly sum: (range: PfnRange.PfnRange) => { readonly bytes: number; readonly sum: bigint }
  readonly usage: () => BytePool.Usage
}>()("@vmemmap/core/bytes/MemmapBytes") {}

/** What somebody writes, or has written. */
interface Written {
  readonly image: Image
  isActive: boolean
}

/** What is being prepared: what is to be written, and what there is to do once so many lines are, in all. */
interface Begun {
  readonly segments: Array<Segment>
  readonly ends: Array<(lines: number) => void>
  lines: number
}

/**
 * Both services of one memmap. `perPage` struct pages share a vmemmap page; `vmemmap` is where the kernel has the first.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  pool: BytePool.BytePool,
  { perPage, vmemmap }: { readonly perPage: number; readonly vmemmap: bigint }
): { readonly memmap: Memmap.Memmap["Service"]; readonly bytes: MemmapBytes["Service"] } => {
  const state = Memmap.empty()
  const extents = Memmap.make(perPage, state)
  const placements = Placements.make(pool)
  const bytes = PageBytes.make(pool, state, vmemmap)
  /** Pfns whose bytes are not as described. */
  const stale = ExtentMap.empty<true>()
  /** Pfns that somebody else writes at this moment, or has written, and that are not described yet. */
  const ahead = ExtentMap.empty<Written>()

  const own = (range: PfnRange.PfnRange) => Placements.own(state.shared, perPage, range)

  /** Bytes that are there are not as described any more. */
  const changed = (range: PfnRange.PfnRange): void => {
    for (const part of own(range)) {
      for (const { end, start } of placements.within(part)) ExtentMap.set(stale, start, end, true)
    }
  }

  const forget = (range: PfnRange.PfnRange): void => {
    placements.drop(range)
    ExtentMap.remove(stale, range.start, range.end)
    ExtentMap.remove(ahead, range.start, range.end)
  }

  /** Makes stale bytes of a range good, but for those that somebody else writes. */
  const refresh = (range: PfnRange.PfnRange): void => {
    for (const { end, start } of ExtentMap.slice(stale, range.start, range.end)) {
      const active = ExtentMap.slice(ahead, start, end).filter(({ value }) => value.isActive)
      for (const quiet of PfnRange.subtract({ start, end }, active)) {
        for (const placed of placements.within(quiet)) bytes.describe(placed, placed.value)
        ExtentMap.remove(stale, quiet.start, quiet.end)
        ExtentMap.remove(ahead, quiet.start, quiet.end)
      }
    }
  }

  /** Memory for all of a range, or for nothing of it; how many bytes were missing. */
  const place = (parts: ReadonlyArray<Placements.Own>): number => {
    const { missing, placed } = placements.place(parts)
    for (const { end, start } of placed) ExtentMap.set(stale, start, end, true)
    return missing
  }

  /** The vmemmap page of a pfn's struct page, by itself. */
  const pageOf = (home: number): PfnRange.PfnRange => PfnRange.fromLength(home - home % perPage, perPage)

  const locate = (pfn: number): number | null => {
    const home = extents.home(pfn)
    return isLoose(pfn) || ExtentMap.find(stale, home) !== undefined ? null : placements.locate(home)
  }

  /** A page of tails that belongs to no pfn: it has no place, and is made whenever somebody looks (CMP-12). */
  const isLoose = (pfn: number): boolean => {
    const sharing = ExtentMap.find(state.shared, pfn)?.value
    return sharing?._tag === "Groups" && sharing.tails && (pfn - sharing.first) % sharing.size >= sharing.kept
  }

  /** What the bytes would be. */
  const described = (pfn: number): StructPageWords.Words => {
    const page = extents.read(pfn)
    const sharing = ExtentMap.find(state.shared, pfn)?.value
    if (isLoose(pfn) && sharing?._tag === "Groups") {
      const words = StructPageWords.encode(page, pfn, vmemmap)
      return page._tag === "Initialised" && page.links._tag === "Tail"
        ? words.with(1, StructPageWords.headMask(Math.log2(sharing.size)))
        : words
    }
    // A page that points to itself does so where it was when it was written.
    const home = extents.home(pfn)
    return StructPageWords.encode(page, home + (ExtentMap.find(state.contents, home)?.value.delta ?? 0), vmemmap)
  }

  const words = (pfn: number): StructPageWords.Words => {
    if (!isLoose(pfn)) {
      const page = pageOf(extents.home(pfn))
      if (placements.within(page).length > 0 || place([{ ...page, group: null }]) === 0) refresh(page)
    }
    const at = locate(pfn)
    return at === null ? described(pfn) : bytes.read(at)
  }

  const page = (pfn: number): StructPage | null => StructPageWords.decode(words(pfn), pfn, vmemmap)

  /** Words that say nothing the model knows are those of what was described, or the memory is not what it should be. */
  const read = (pfn: number): StructPage => {
    const known = page(pfn)
    if (known !== null) return known
    const [there, expected] = [words(pfn), described(pfn)]
    if (there.every((word, i) => word === expected[i])) return extents.read(pfn)
    throw new Error(`the struct page of pfn ${pfn.toString(16)} was overwritten: its words are [${there.join(", ")}]`)
  }

  const memmap = Memmap.Memmap.of({
    ...extents,
    write: (start, end, image) => {
      extents.write(start, end, image)
      const kept = ExtentMap.slice(ahead, start, end).filter(({ value }) => value.image === image)
      for (const one of kept) {
        ExtentMap.remove(ahead, one.start, one.end)
        ExtentMap.remove(stale, one.start, one.end)
      }
      for (const rest of PfnRange.subtract({ start, end }, kept)) changed(rest)
    },
    share: (start, end, sharing) => {
      forget({ start, end })
      extents.share(start, end, sharing)
    },
    count: (start, end, change) => {
      extents.count(start, end, change)
      changed({ start, end })
    },
    unmap: (start, end) => {
      // With them goes a page elsewhere that they are the last to repeat.
      for (const part of own({ start, end })) forget(part)
      extents.unmap(start, end)
    },
    read,
    load: (start, end, slot) => {
      extents.load(start, end, slot)
      changed({ start, end })
    }
  })

  /** What somebody has not written; others may write it already. */
  const giveUp = (range: PfnRange.PfnRange, written: Written): void => {
    for (const { end, start, value } of ExtentMap.slice(ahead, range.start, range.end)) {
      if (value === written) ExtentMap.remove(ahead, start, end)
    }
  }

  /** Memory for pieces of a part, to be written to directly. */
  const direct = (image: Image, pieces: ReadonlyArray<Ahead.Piece>, begun: Begun): boolean => {
    if (place(pieces.flatMap(own)) > 0) return false
    const written: Written = { image, isActive: true }
    for (const piece of pieces) {
      for (const placed of placements.within(piece)) {
        const segment = bytes.segment(placed, placed.value, image)
        const before = begun.lines
        const release = placements.hold(placed.value)
        begun.segments.push(segment)
        begun.lines += segment.lines
        begun.ends.push((lines) => {
          const done = Math.min(segment.lines, Math.max(0, lines - before))
          const reached = Math.min(placed.end, Placements.reach(placed.value, placed.start, done))
          if (done < segment.lines) giveUp({ start: reached, end: placed.end }, written)
          written.isActive = false
          release()
        })
      }
      ExtentMap.set(ahead, piece.start, piece.end, written)
      ExtentMap.set(stale, piece.start, piece.end, true)
    }
    return true
  }

  /** As many stores into nobody's memory, where what is written is written over again: its bytes follow the description. */
  const aside = ({ image, start, written }: Ahead.Part, begun: Begun): boolean => {
    const runs = pool.gather(written * PagePattern.line)
    if (runs === null) return false
    const stored = image._tag === "Compound" ? image.written : undefined
    const { from, pattern } = PagePattern.make(image, start, { vmemmap, stored })
    let done = 0
    for (const { at, bytes } of runs) {
      const lines = bytes / PagePattern.line
      begun.segments.push({ pattern, from: from + done, at, lines })
      begun.ends.push(() => pool.release(at, bytes))
      done += lines
    }
    begun.lines += written
    return true
  }

  const prepare = (parts: ReadonlyArray<Ahead.Part>): Writing | null => {
    const begun: Begun = { segments: [], ends: [], lines: 0 }
    const end = (lines: number) => {
      for (const one of begun.ends.splice(0)) one(lines)
    }
    for (const part of parts) {
      if (part.written === 0) continue
      const pieces = Ahead.pieces(state.shared, part)
      if (pieces === null ? aside(part, begun) : direct(part.image, pieces, begun)) continue
      end(0)
      return null
    }
    return { segments: begun.segments, end }
  }

  return {
    memmap,
    bytes: MemmapBytes.of({
      materialise: (range) =>
        Effect.suspend(() => {
          const parts = own(range)
          const missing = place(parts)
          if (missing > 0) {
            const { size, used } = pool.usage()
            return Effect.fail(new OutOfBytes({ bytes: missing, free: size - used }))
          }
          for (const part of parts) refresh(part)
          return Effect.void
        }),
      locate,
      words,
      page,
      ahead: prepare,
      drop: ({ end, start }) => {
        for (const part of own({ start, end })) forget(part)
      },
      dropAll: () => forget({ start: 0, end: Number.MAX_SAFE_INTEGER }),
      sum: (range) => {
        const parts = own(range)
        for (const part of parts) refresh(part)
        return bytes.sum(parts.flatMap((part) => placements.within(part)))
      },
      usage: pool.usage
    })
  }
}

/**
 * The memmap of a machine in the bytes of a pool, which gets its memory back when the scope ends. Struct pages of other than 64 bytes
 * are refused.
 *
 * @category constructors
 * @since 0.1.0
 */
export const scoped = Effect.fnUntraced(function*(pool: BytePool.BytePool) {
  const { arch, structPage } = yield* Kernel
  if (structPage !== PagePattern.line) {
    return yield* new KernelError({
      errno: "EINVAL",
      rule: "SPW-3",
      step: "memmap_of_bytes",
      problem: `a struct page of ${structPage} bytes has no known layout`,
      remedy: "describe a kernel with struct pages of 64 bytes, or keep the memmap as extents"
    })
  }
  const perPage = arch.pageSize / structPage
  const vmemmap = PageAddress.bases(arch)?.vmemmap ?? 0n
  return yield* Effect.acquireRelease(
    Effect.sync(() => make(pool, { perPage, vmemmap })),
    ({ bytes }) => Effect.sync(bytes.dropAll)
  )
})

/**
 * {@link scoped} as both services.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  pool: BytePool.BytePool
): Layer.Layer<Memmap.Memmap | MemmapBytes, KernelError, Kernel> =>
  Layer.effectContext(
    Effect.map(scoped(pool), ({ bytes, memmap }) =>
      Context.make(Memmap.Memmap, memmap).pipe(Context.add(MemmapBytes, bytes)))
  )
