/**
 * `memremap_pages()` and `memunmap_pages()`: device memory gets struct pages for as long as a scope is open (spec 09).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { FrameAllocator } from "../frames/FrameAllocator.ts"
import * as ExtentMap from "../geometry/ExtentMap.ts"
import { hex } from "../geometry/Pfn.ts"
import type { PfnRange } from "../geometry/PfnRange.ts"
import { type Attached, BackgroundInit } from "../init/BackgroundInit.ts"
import type { InitMemory } from "../init/InitMemory.ts"
import { MemmapInit } from "../init/MemmapInit.ts"
import * as KernelError from "../kernel/KernelError.ts"
import * as KernelLog from "../kernel/KernelLog.ts"
import { Locks } from "../kernel/Locks.ts"
import * as Steps from "../kernel/Steps.ts"
import { Memmap } from "../memmap/Memmap.ts"
import { Kernel } from "../release/Kernel.ts"
import { has } from "../release/KernelRelease.ts"
import { Iomem } from "../resources/Iomem.ts"
import * as PageAddress from "../sections/PageAddress.ts"
import * as PagemapIndex from "../sections/PagemapIndex.ts"
import * as SectionTable from "../sections/SectionTable.ts"
import * as Timeline from "../time/Timeline.ts"
import * as CompoundVmemmap from "../vmemmap/CompoundVmemmap.ts"
import { Vmemmap } from "../vmemmap/Vmemmap.ts"
import { type Key, Zones } from "../zones/Zones.ts"
import { ArchMemory } from "./ArchMemory.ts"
import * as JoinZone from "./JoinZone.ts"
import * as LeaveZone from "./LeaveZone.ts"
import * as Pagemap from "./Pagemap.ts"
import * as PagemapChecks from "./PagemapChecks.ts"
import * as PagemapLookup from "./PagemapLookup.ts"
import * as PagemapMemory from "./PagemapMemory.ts"

/**
 * - `memremap` maps the ranges of a request in order; the scope's end is `memunmap_pages()`, in the kernel's order. A range
 *   that fails unwinds the ones before it, but not its own sections (SEC-12)
 * - `get` is `get_dev_pagemap()`: it finds a pagemap from the moment it is in the index, before its pages are initialised (MRP-7)
 * - `all` lists the mapped pagemaps, oldest first
 *
 * @category services
 * @since 0.1.0
 */
export class Pagemaps extends Context.Service<Pagemaps, {
  readonly memremap: (request: Pagemap.Request) => Effect.Effect<Pagemap.Pagemap, KernelError.KernelError, Scope.Scope>
  readonly get: PagemapLookup.Get
  readonly all: () => ReadonlyArray<Pagemap.Pagemap>
}>()("@vmemmap/core/hotplug/Pagemaps") {}

/** Whether the pagemap holds its pages' references for its lifetime: private and coherent pages take theirs one by one. */
const hasLifetimeReferences = ({ type }: Pagemap.Pagemap): boolean => type !== "private" && type !== "coherent"

const outOfMemory = (step: string, rule: string, name: string) =>
  KernelError.fail({ errno: "ENOMEM", rule, step, problem: `no memory to map ${name}`, remedy: "free memory first" })

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.gen(function*() {
  const kernel = yield* Kernel
  const locks = yield* Locks
  const log = yield* KernelLog.KernelLog
  const index = yield* PagemapIndex.PagemapIndex
  const table = yield* SectionTable.SectionTable
  const zones = yield* Zones
  const arch = yield* ArchMemory
  const init = yield* MemmapInit
  const background = yield* BackgroundInit
  const memmap = yield* Memmap
  const iomem = yield* Iomem
  const frames = yield* FrameAllocator
  const vmemmap = yield* Vmemmap
  const page = kernel.arch.pageSize
  const state: JoinZone.State & LeaveZone.State = { kernel, table, index, memmap, zones, init }
  const mapped = new Map<number, Pagemap.Pagemap>()
  /** Those whose reference exists: what the index may lead to. */
  const known = new Map<number, Pagemap.Pagemap>()
  /** What is attached of a pagemap, by its ranges. */
  const initialising = new Map<number, ReadonlyArray<Attached>>()
  /**
   * Sections of which several devices have parts are changed for one of them at a time: what is initialised in the background has
   * its sections added without the hotplug lock (ASY-11).
   */
  const sections = yield* Semaphore.make(1)
  const engine: PagemapMemory.Engine = { ...state, kernel, arch, sections }
  let nextId = 0

  const isEarly = (pfn: number) => PagemapMemory.isEarly(table, pfn)

  /** Step 4: from here on the pagemap is found by pfn, before there are sections (MRP-7). */
  const store = function*(
    pagemap: Pagemap.Pagemap,
    { end, start }: PfnRange
  ): Steps.Op<Result.Result<void, KernelError.KernelError>> {
    // Whoever looks up what nobody stored yet knows no number: the index is what both access.
    yield Steps.write("pagemap.store", "pagemaps")
    if (!frames.small("pagemap-index")) return outOfMemory("xa_store_range", "MRP-4", pagemap.name)
    PagemapIndex.store(index, start, end, pagemap)
    return Result.succeed(undefined)
  }

  const erase = function*(pagemap: Pagemap.Pagemap, { end, start }: PfnRange): Steps.Op<void> {
    yield Steps.write("pagemap.erase", `pagemap:${pagemap.id}`)
    PagemapIndex.erase(index, start, end)
  }

  /**
   * What was begun for the background and could not be attached leaves nothing, other than at once (SEC-12); nor does what is mapped and
   * cannot be written, which no kernel knows.
   */
  const giveBack = (pagemap: Pagemap.Pagemap, i: number, range: PfnRange) =>
    locks.memHotplug(
      sections.withPermits(1)(Steps.run((limit) =>
        arch.remove(PagemapMemory.piece(pagemap, i, range), { linear: pagemap.type !== "private", ram: false, limit }, [
          { start: range.start, end: PagemapMemory.mappedUpTo(table, range) }
        ])
      ))
    )

  const attach = Effect.fnUntraced(function*(pagemap: Pagemap.Pagemap, i: number, range: PfnRange) {
    const strategy = background.strategyFor(pagemap.request.background)
    const isLater = strategy.when === "background"
    if (isLater) {
      const begun = yield* Steps.run((limit) =>
        arch.begin(PagemapMemory.piece(pagemap, i, range), { linear: pagemap.type !== "private", ram: false, limit })
      )
      yield* Effect.fromResult(begun)
    }
    const began = yield* Timeline.now
    const memory = PagemapMemory.make(engine, pagemap, i, range, isLater)
    let isMapped = false
    const noted: InitMemory = {
      ...memory,
      populate: (part) =>
        Effect.tap(memory.populate(part), ({ error }) =>
          Effect.sync(() => {
            isMapped = error === null
          }))
    }
    const done = yield* background.attach(noted, strategy).pipe(
      Effect.tapError(() => isLater || isMapped ? giveBack(pagemap, i, range) : Effect.void)
    )
    const attached = initialising.get(pagemap.id) ?? []
    initialising.set(pagemap.id, [...attached, done])
    if (isLater || !has(kernel.release, "single-pass-init")) return
    const millis = Math.floor((yield* Timeline.now) / 1e6) - Math.floor(began / 1e6)
    log.emit({
      _tag: "Line",
      level: "info",
      text: `memmap_init_zone_device initialised ${range.end - Pagemap.first(pagemap, i)} pages in ${millis}ms`
    })
  })

  const addRange = Effect.fnUntraced(function*(pagemap: Pagemap.Pagemap, i: number, range: PfnRange) {
    const around = { index, iomem: iomem.tree(), arch: kernel.arch, log }
    yield* Effect.suspend(() => Effect.fromResult(PagemapChecks.range(around, pagemap, i, range)))
    const stored = yield* Steps.run(() => store(pagemap, range))
    yield* Effect.fromResult(stored)
    const bytes = { start: range.start * page, end: range.end * page }
    const isAllowed = Effect.fromResult(PagemapChecks.allowed(arch.allowed(bytes), bytes))
    yield* isAllowed.pipe(
      Effect.andThen(attach(pagemap, i, range)),
      Effect.onError(() => Steps.run(() => erase(pagemap, range)))
    )
    if (!hasLifetimeReferences(pagemap)) return
    yield* Steps.run(function*() {
      yield Steps.write("pagemap.get-lifetime", `pagemap:${pagemap.id}`)
      pagemap.references.get(Pagemap.length(pagemap, i))
    })
  })

  /**
   * The zone of a range, as the struct page of its first pfn says: with an altmap those of the range's own first pfns were never
   * written (INI-10, BUG-8).
   */
  const zoneOf = function*(pagemap: Pagemap.Pagemap, i: number): Steps.Op<Key> {
    const first = Pagemap.first(pagemap, i)
    yield Steps.read("page.zone", `page:${first}`)
    const page = memmap.read(first)
    if (page._tag === "Initialised") return { node: page.node, name: page.zone }
    const isMapped = ExtentMap.find(vmemmap.tables.leaves, PageAddress.fromPfn(kernel, first)) !== undefined
    const address = isMapped ? undefined : PageAddress.address(kernel, first)
    log.emit({
      _tag: "Hazard",
      rule: "INI-10",
      text: `the zone of pfn ${hex(first)} is read, which was never initialised`,
      ...(address === undefined ? {} : { fault: address.toString(16) })
    })
    return { node: pagemap.node, name: "Device" }
  }

  const removeRange = Effect.fnUntraced(function*(
    pagemap: Pagemap.Pagemap,
    i: number,
    range: PfnRange,
    attached: Attached | undefined
  ) {
    const parts = attached?.populated() ?? [range]
    const isWhole = attached?.isInitialised() ?? true
    // What was never initialised on purpose nobody reads.
    const zone = isWhole ? yield* Steps.run(() => zoneOf(pagemap, i)) : { node: pagemap.node, name: "Device" } as const
    yield* locks.memHotplug(
      sections.withPermits(1)(Steps.run(function*(limit: number) {
        for (const part of parts) yield* LeaveZone.remove(state, zone, part, limit)
        const options = { linear: pagemap.type !== "private", ram: false, limit }
        yield* arch.remove(PagemapMemory.piece(pagemap, i, range), options, parts)
        if (!isWhole) yield* JoinZone.untaint(state, range)
      }))
    )
    yield* Steps.run(() => erase(pagemap, range))
  })

  /** `memunmap_pages()` over the ranges that were added (MRP-12). */
  const unmap = Effect.fnUntraced(function*(pagemap: Pagemap.Pagemap, ranges: ReadonlyArray<PfnRange>) {
    yield* Steps.run(function*() {
      yield Steps.write("pagemap.kill", `pagemap:${pagemap.id}`)
      pagemap.references.kill()
      yield Steps.write("pagemap.put-lifetime", `pagemap:${pagemap.id}`)
      if (hasLifetimeReferences(pagemap)) {
        ranges.forEach((_, i) => pagemap.references.put(Pagemap.length(pagemap, i)))
      }
    })
    const attached = initialising.get(pagemap.id) ?? []
    yield* Effect.forEach(attached, ({ end }) => end, { concurrency: "unbounded", discard: true })
    yield* pagemap.references.drained
    yield* Effect.forEach(ranges, (range, i) => removeRange(pagemap, i, range, attached[i]), { discard: true })
    yield* Effect.forEach(attached, ({ stop }) => stop, { discard: true })
    yield* Steps.run(function*() {
      yield Steps.write("pagemap.exit-reference", `pagemap:${pagemap.id}`)
      mapped.delete(pagemap.id)
      known.delete(pagemap.id)
      initialising.delete(pagemap.id)
    })
    const alloc = pagemap.altmap?.current.alloc ?? 0
    // Nothing is credited back in the first version, and nobody looks (ALT-15).
    if (alloc !== 0 && !has(kernel.release, "altmap-rfc-2015")) {
      log.emit({
        _tag: "Warn",
        where: "memunmap_pages",
        rule: "ALT-6",
        text: `failed to free all reserved pages: ${alloc} are still in use`
      })
    }
  })

  const hazards = (pagemap: Pagemap.Pagemap) => {
    const isShared = CompoundVmemmap.isShared(kernel, pagemap.order, pagemap.altmap !== null)
    for (const [i, { end }] of pagemap.ranges.entries()) {
      if (isShared || (end - Pagemap.first(pagemap, i)) % 2 ** pagemap.order === 0) continue
      log.emit({
        _tag: "Hazard",
        rule: "CMP-5",
        text:
          `${pagemap.name}: the last compound sticks out of its range: struct pages are written that may not be mapped`
      })
    }
    // the pages of the info block are never initialised, and this memmap is not a new one
    if (pagemap.altmap !== null && pagemap.ranges.some(({ start }) => isEarly(start))) {
      log.emit({
        _tag: "Hazard",
        rule: "SPW-7",
        text:
          `${pagemap.name}: begins in a section of boot RAM: struct pages of its info block stay what they were before, ` +
          "a hole of boot or pages of an earlier mapping whose pagemap is gone"
      })
    }
    if (!isShared) return
    for (const { end, start } of pagemap.ranges) {
      // Only the ends of a device range can lie in sections that hold RAM of boot.
      if (!has(kernel.release, "dedup-early-section-fix") && (isEarly(start) || isEarly(end - 1))) {
        log.emit({
          _tag: "Hazard",
          rule: "BUG-14",
          text: `${pagemap.name}: compounds over a section of boot RAM: only the first ` +
            `${
              CompoundVmemmap.initialisedPerCompound(kernel, pagemap.order, true)
            } struct pages of each are written, the others are stale`
        })
      }
      if (!CompoundVmemmap.isMisplaced(kernel, { start: start * page, end: end * page }, pagemap.order)) continue
      log.emit({
        _tag: "Hazard",
        rule: "CMP-5",
        text: `${pagemap.name}: compounds of ${2 ** pagemap.order} pages do not begin on section boundaries; ` +
          "later heads are written over tails of the first"
      })
    }
  }

  const map = Effect.fnUntraced(function*(request: Pagemap.Request) {
    yield* Effect.fromResult(PagemapChecks.request(kernel, log, request))
    const references = Pagemap.references()
    const pagemap: Pagemap.Pagemap = {
      id: nextId++,
      name: request.name,
      type: request.type,
      ranges: request.ranges.map(({ end, start }) => ({ start: start / page, end: end / page })),
      node: request.node < 0 ? 0 : request.node,
      order: request.order ?? 0,
      altmap: request.altmap === undefined ? null : { current: request.altmap },
      request,
      references,
      isLive: references.isLive
    }
    if (!frames.small("pagemap-reference")) {
      return yield* Effect.fromResult(outOfMemory("percpu_ref_init", "MRP-1", request.name))
    }
    known.set(pagemap.id, pagemap)
    hazards(pagemap)
    for (const [i, range] of pagemap.ranges.entries()) {
      yield* addRange(pagemap, i, range).pipe(Effect.onError(() => unmap(pagemap, pagemap.ranges.slice(0, i))))
    }
    mapped.set(pagemap.id, pagemap)
    return pagemap
  })

  const operation = KernelLog.operation(log, "memremap_pages")

  return Pagemaps.of({
    memremap: (request) =>
      Effect.acquireRelease(
        operation(map(request)),
        (pagemap) => KernelLog.operation(log, "memunmap_pages")(unmap(pagemap, pagemap.ranges))
      ),
    get: PagemapLookup.make(index, known),
    all: () => [...mapped.values()]
  })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<
  Pagemaps,
  never,
  | Kernel
  | Locks
  | KernelLog.KernelLog
  | FrameAllocator
  | PagemapIndex.PagemapIndex
  | SectionTable.SectionTable
  | Zones
  | ArchMemory
  | Vmemmap
  | Memmap
  | MemmapInit
  | BackgroundInit
  | Iomem
> = Layer.effect(Pagemaps, make)
