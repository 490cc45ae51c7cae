/**
 * Activating and deactivating sections: `sparse_add_section()` and `sparse_remove_section()` (SEC-10 … SEC-17).
 *
 * A range is cut at section boundaries. Runs of like sections are done at once; a section that differs, or whose memory may
 * not suffice, is done alone, step by step in the kernel's order.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { Faults } from "../frames/Faults.ts"
import { FrameAllocator } from "../frames/FrameAllocator.ts"
import type { PfnRange } from "../geometry/PfnRange.ts"
import * as KernelError from "../kernel/KernelError.ts"
import { KernelLog } from "../kernel/KernelLog.ts"
import { type Op, write } from "../kernel/Steps.ts"
import { Memmap } from "../memmap/Memmap.ts"
import { Pageblocks } from "../memmap/Pageblocks.ts"
import { Kernel } from "../release/Kernel.ts"
import * as SectionTable from "../sections/SectionTable.ts"
import type { Piece } from "../vmemmap/Piece.ts"
import { Vmemmap } from "../vmemmap/Vmemmap.ts"
import * as EarlySections from "./EarlySections.ts"
import * as Roots from "./Roots.ts"

/**
 * `limit` is the number of sections that may be done at once.
 *
 * - `add`: stops at the first section that fails; what was added before stays (SEC-12)
 * - `remove`: never fails; a section that is not valid is a WARN and passed over (HOT-10), what is not there of a valid one
 *   another (SEC-13)
 * - `early`: the sections of a node's boot RAM, before anything else; `false` when their memmap does not fit
 *
 * @category services
 * @since 0.1.0
 */
export class Sparse extends Context.Service<Sparse, {
  readonly add: (range: Piece, limit: number) => Op<Result.Result<void, KernelError.KernelError>>
  readonly remove: (range: Piece, limit: number) => Op<void>
  readonly early: (node: number, ram: ReadonlyArray<PfnRange>) => Op<boolean>
}>()("@vmemmap/core/sparse/Sparse") {}

const { Flag, Usage } = SectionTable

const ok: Result.Result<void, KernelError.KernelError> = Result.succeed(undefined)

const outOfMemory = (step: string, section: number, problem: string) =>
  KernelError.fail({
    errno: "ENOMEM",
    rule: "SEC-10",
    step,
    problem: `${problem} of section ${section}`,
    remedy: "free memory on the node, or keep the memmap on the device"
  })

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.gen(function*() {
  const { poison, ...kernel } = yield* Kernel
  const table = yield* SectionTable.SectionTable
  const vmemmap = yield* Vmemmap
  const memmap = yield* Memmap
  const pageblocks = yield* Pageblocks
  const frames = yield* FrameAllocator
  const faults = yield* Faults
  const log = yield* KernelLog
  const roots = Roots.make(frames, kernel.arch.pageSize / kernel.sectionEntry)
  const { pagesPerSection, pagesPerSubsection } = table

  const sectionOf = (pfn: number) => SectionTable.sectionOf(table, pfn)

  /** The subsections a piece covers, as indices into the map of its section (SEC-4). */
  const mask = ({ end, start }: PfnRange) => {
    const base = sectionOf(start) * pagesPerSection
    return { from: (start - base) / pagesPerSubsection, to: (end - base) / pagesPerSubsection }
  }

  const isWhole = ({ end, start }: PfnRange) => end - start === pagesPerSection

  const update = (section: number, change: Partial<SectionTable.Record>) =>
    SectionTable.set(table, section, { ...SectionTable.record(table, section), ...change })

  /** How many whole sections from `start` on may be done at once: alike, and no further than `limit`. */
  const run = (range: PfnRange, limit: number): number => {
    if (range.start % pagesPerSection !== 0 || faults.isArmed()) return 0
    const whole = Math.min(limit, Math.floor((range.end - range.start) / pagesPerSection))
    return whole < 2 ? 0 : SectionTable.alike(table, sectionOf(range.start), whole)
  }

  /** Sections that are done at once are seen by nobody until they are whole. */
  const addRun = function*(piece: Piece): Op<boolean> {
    const section = sectionOf(piece.start)
    const count = (piece.end - piece.start) / pagesPerSection
    if (!roots.ensure(piece.node, section, section + count)) return false
    if (!(yield* vmemmap.populate(piece))) {
      yield* vmemmap.depopulate(piece)
      return false
    }
    if (poison) memmap.write(piece.start, piece.end, { _tag: "Poisoned" })
    table.highest = Math.max(table.highest, section + count - 1)
    const flags = Flag.present | Flag.hasMemMap
    SectionTable.fill(table, section, count, { flags, usage: Usage.slab, node: piece.node }, true)
    return true
  }

  const addOne = function*(piece: Piece): Op<Result.Result<void, KernelError.KernelError>> {
    const section = sectionOf(piece.start)
    const object = `section:${section}`
    yield write("section.root", object)
    if (!roots.ensure(piece.node, section, section + 1)) {
      return outOfMemory("sparse_index_init", section, "no memory for the root page")
    }
    const isNew = SectionTable.usage(table, section) === Usage.none
    if (isNew) {
      yield write("section.publish-usage", object)
      if (!frames.small("usage")) return outOfMemory("section_activate", section, "no memory for the usage")
      update(section, { usage: Usage.slab })
    }
    const { from, to } = mask(piece)
    yield write("section.set-bits", object)
    if (SectionTable.bits(table, section, from, to) !== "none") {
      if (isNew) update(section, { usage: Usage.none })
      return KernelError.fail({
        errno: "EEXIST",
        rule: "SEC-10",
        step: "fill_subsection_map",
        problem: `section ${section} already has some of the subsections ${from} to ${to - 1}`,
        remedy: "remove what is mapped there first, or use other bytes"
      })
    }
    SectionTable.setBits(table, section, from, to, true)
    const isEarly = (SectionTable.flags(table, section) & Flag.early) !== 0
    if (isWhole(piece) || !isEarly) {
      if (!(yield* vmemmap.populate(piece))) {
        yield* deactivate(piece)
        return outOfMemory("section_activate", section, "no memory for the memmap")
      }
    }
    if (poison) {
      yield write("page.poison", `memmap:${section}`)
      memmap.write(piece.start, piece.end, { _tag: "Poisoned" })
    }
    yield write("section.set-present", object)
    table.highest = Math.max(table.highest, section)
    update(section, { node: piece.node, flags: SectionTable.flags(table, section) | Flag.present })
    yield write("section.set-has-mem-map", object)
    update(section, { flags: SectionTable.flags(table, section) | Flag.hasMemMap })
    return ok
  }

  const add = function*(range: Piece, limit: number): Op<Result.Result<void, KernelError.KernelError>> {
    for (let { start } = range; start < range.end;) {
      const rest = { ...range, start }
      const isEmpty = SectionTable.flags(table, sectionOf(start)) === 0 &&
        SectionTable.usage(table, sectionOf(start)) === Usage.none
      const alike = isEmpty ? run(rest, limit) : 0
      const count = alike < 2 ? 0 : vmemmap.room({ ...rest, end: start + alike * pagesPerSection })
      const end = count < 2
        ? Math.min(range.end, (sectionOf(start) + 1) * pagesPerSection)
        : start + count * pagesPerSection
      if (count < 2 || !(yield* addRun({ ...rest, end }))) {
        const done = yield* addOne({ ...rest, end: Math.min(end, (sectionOf(start) + 1) * pagesPerSection) })
        if (Result.isFailure(done)) return done
        start = Math.min(end, (sectionOf(start) + 1) * pagesPerSection)
      } else {
        start = end
      }
    }
    return ok
  }

  const warn = (section: number, text: string) =>
    log.emit({ _tag: "Warn", where: "section_deactivate", rule: "SEC-13", text: `section ${section}: ${text}` })

  const deactivate = function*(piece: Piece): Op<void> {
    const section = sectionOf(piece.start)
    const object = `section:${section}`
    const isEarly = (SectionTable.flags(table, section) & Flag.early) !== 0
    const { from, to } = mask(piece)
    yield write("section.clear-bits", object)
    if (SectionTable.usage(table, section) === Usage.none || SectionTable.bits(table, section, from, to) !== "all") {
      warn(section, "subsections to deactivate are not active")
      return
    }
    SectionTable.setBits(table, section, from, to, false)
    const isEmpty = SectionTable.bits(table, section, 0, table.subsections) === "none"
    if (isEmpty) {
      yield write("section.clear-has-mem-map", object)
      update(section, { flags: SectionTable.flags(table, section) & ~Flag.hasMemMap })
      if (SectionTable.usage(table, section) === Usage.slab) {
        yield write("section.free-usage", object)
        update(section, { usage: Usage.none })
        const base = section * pagesPerSection
        pageblocks.forget(base, base + pagesPerSection)
      }
    }
    if (!isEarly) {
      yield* vmemmap.depopulate(piece)
    } else if (isEmpty) {
      const start = section * pagesPerSection
      yield* vmemmap.depopulate({ ...piece, start, end: start + pagesPerSection, altmap: null })
    }
    if (isEmpty) {
      yield write("section.clear-word", object)
      update(section, { flags: 0, node: 0 })
    }
  }

  const isRemovable = (section: number): boolean =>
    (SectionTable.flags(table, section) & (Flag.early | Flag.hasMemMap)) === Flag.hasMemMap &&
    SectionTable.bits(table, section, 0, table.subsections) === "all"

  const removeRun = function*(piece: Piece): Op<void> {
    const section = sectionOf(piece.start)
    const count = (piece.end - piece.start) / pagesPerSection
    const isSlab = SectionTable.usage(table, section) === Usage.slab
    if (isSlab) pageblocks.forget(piece.start, piece.end)
    yield* vmemmap.depopulate(piece)
    const usage = isSlab ? Usage.none : Usage.boot
    SectionTable.fill(table, section, count, { flags: 0, usage, node: 0 }, false)
  }

  const remove = function*(range: Piece, limit: number): Op<void> {
    for (let { start } = range; start < range.end;) {
      const section = sectionOf(start)
      const count = isRemovable(section) ? run({ ...range, start }, limit) : 0
      const end = count < 2
        ? Math.min(range.end, (section + 1) * pagesPerSection)
        : start + count * pagesPerSection
      const piece = { ...range, start, end }
      if (count >= 2) yield* removeRun(piece)
      else if ((SectionTable.flags(table, section) & Flag.hasMemMap) !== 0) yield* deactivate(piece)
      else log.once({ where: "__remove_pages", rule: "HOT-10", text: `section ${section} is not valid` })
      start = end
    }
  }

  return Sparse.of({ add, remove, early: (node, ram) => EarlySections.add(table, vmemmap, roots, node, ram) })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<
  Sparse,
  never,
  | Kernel
  | SectionTable.SectionTable
  | Vmemmap
  | Memmap
  | Pageblocks
  | FrameAllocator
  | Faults
  | KernelLog
> = Layer.effect(Sparse, make)
