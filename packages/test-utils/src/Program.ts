/**
 * Programs: sequences of operations on a machine, as data a person can read, run against the engine and predicted by the
 * reference model.
 *
 * @since 0.1.0
 */
import { Faults } from "@vmemmap/core/frames/Faults"
import * as Architecture from "@vmemmap/core/geometry/Architecture"
import * as PfnRange from "@vmemmap/core/geometry/PfnRange"
import { MiB } from "@vmemmap/core/geometry/Units"
import { MemoryBlocks } from "@vmemmap/core/hotplug/MemoryBlocks"
import { MemoryHotplug } from "@vmemmap/core/hotplug/MemoryHotplug"
import type * as Pagemap from "@vmemmap/core/hotplug/Pagemap"
import { Pagemaps } from "@vmemmap/core/hotplug/Pagemaps"
import type { KernelError } from "@vmemmap/core/kernel/KernelError"
import { type Config, Kernel } from "@vmemmap/core/release/Kernel"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberMap from "effect/FiberMap"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Scope from "effect/Scope"
import * as VirtualMemmap from "./reference/VirtualMemmap.ts"
import * as ReferenceModel from "./ReferenceModel.ts"

/**
 * A physical range. `pages` moves the start off its MiB by some pages; `size` stays.
 *
 * @category models
 * @since 0.1.0
 */
export const Range = Schema.Struct({
  startMiB: Schema.Natural,
  sizeMiB: Schema.Natural,
  pages: Schema.optionalKey(Schema.Natural)
})

/**
 * How a request's altmap is laid out: `fits` has room for the memmap of the range, `short` for about half of it,
 * `misplaced` does not begin where the range begins.
 *
 * @category models
 * @since 0.1.0
 */
export const AltmapShape = Schema.Literals(["none", "fits", "short", "misplaced"])

/**
 * One step of a program. Names stand for pagemaps or for added memory; an operation on a name that is not in use, or a second `Map` or `Add`
 * under one that is, does nothing.
 *
 * - `Map`, `Unmap`: `memremap_pages()`, `memunmap_pages()`
 * - `Get`, `Put`: `get_dev_pagemap()` of the last page of what was last asked for under a name, whether or not it is mapped;
 *   and giving one reference back. An unmap waits for all of them
 * - `Add`, `Online`, `Offline`, `Remove`: System RAM and its memory blocks; of all that came with the name, or of
 *   the block of that number, counted round
 * - `FailAllocation`: the allocation after the next `succeed` ones fails
 *
 * @category models
 * @since 0.1.0
 */
export const Operation = Schema.TaggedUnion({
  Map: {
    name: Schema.String,
    type: Schema.Literals(["fsdax", "generic", "private", "coherent", "p2pdma", "unset"]),
    ranges: Schema.Array(Range),
    node: Schema.Int,
    order: Schema.Natural,
    altmap: AltmapShape,
    complete: Schema.Boolean
  },
  Unmap: { name: Schema.String },
  Get: { name: Schema.String },
  Put: { name: Schema.String },
  Add: {
    name: Schema.String,
    startMiB: Schema.Natural,
    sizeMiB: Schema.Natural,
    node: Schema.Natural,
    selfHosted: Schema.Boolean
  },
  Online: {
    name: Schema.String,
    block: Schema.optionalKey(Schema.Natural),
    type: Schema.Literals(["online", "online_kernel", "online_movable"])
  },
  Offline: { name: Schema.String, block: Schema.optionalKey(Schema.Natural) },
  Remove: { name: Schema.String },
  FailAllocation: { succeed: Schema.Natural }
})
/** @since 0.1.0 */
export type Operation = typeof Operation.Type

/**
 * What an operation answered: an error number, the name of a pagemap, or `"ok"`. `"waits"` is an unmap that is not over.
 *
 * @category models
 * @since 0.1.0
 */
export type Answer = string

type AddOperation = Extract<Operation, { readonly _tag: "Add" }>

type MapOperation = Extract<Operation, { readonly _tag: "Map" }>

/**
 * The call of `memremap_pages()` an operation stands for, in pfns.
 *
 * @category conversions
 * @since 0.1.0
 */
export const request = ({ arch, structPage }: Config, operation: MapOperation): ReferenceModel.Request => {
  const page = arch.pageSize
  const ranges = operation.ranges.map(({ pages, sizeMiB, startMiB }) => {
    const start = startMiB * MiB / page + (pages ?? 0)
    return { start, end: start + sizeMiB * MiB / page }
  })
  const first = ranges[0]
  const count = first === undefined ? 0 : first.end - first.start
  const reserve = Math.max(1, 8192 / page)
  const needed = Math.ceil(count * structPage / page) + (count * page < arch.sectionSize ? 0 : arch.pmdSize / page)
  // The first page of the user begins a compound, as every driver sees to.
  const width = 2 ** operation.order
  const offset = Math.ceil((reserve + (operation.altmap === "short" ? needed / 2 : needed)) / width) * width
  return {
    name: operation.name,
    type: operation.type,
    node: operation.node,
    order: operation.order,
    ranges,
    altmap: operation.altmap === "none" || first === undefined
      ? null
      : { base: first.start + (operation.altmap === "misplaced" ? 1 : 0), reserve, free: offset - reserve },
    complete: operation.complete
  }
}

const toEngine = ({ arch }: Config, asked: ReferenceModel.Request): Pagemap.Request => ({
  name: asked.name,
  type: asked.type,
  node: asked.node,
  order: asked.order,
  ranges: asked.ranges.map(({ end, start }) => ({ start: start * arch.pageSize, end: end * arch.pageSize })),
  ...(asked.altmap === null ? {} : {
    altmap: {
      basePfn: asked.altmap.base,
      reserve: asked.altmap.reserve,
      free: asked.altmap.free,
      alloc: 0,
      align: 0
    }
  }),
  ...(asked.complete
    ? { owner: asked.name, ops: { pageFree: () => Effect.void, migrateToRam: () => Effect.void } }
    : {})
})

/** What a program holds on a machine: scopes by name, references taken, teardowns under way. */
interface Held {
  readonly mapped: Map<string, Scope.Closeable>
  readonly references: Array<{ readonly name: string; readonly scope: Scope.Closeable }>
  readonly closing: FiberMap.FiberMap<string, void, never>
  /** The last pfn of what was last asked for, by name. */
  readonly asked: Map<string, number>
  /** Added memory in bytes, by name. */
  readonly added: Map<string, PfnRange.PfnRange>
}

/** Gives everything back: references first, because teardowns wait for them. */
const giveBack = ({ closing, mapped, references }: Held) =>
  Effect.gen(function*() {
    for (const { scope } of references.splice(0)) yield* Scope.close(scope, Exit.void)
    yield* FiberMap.awaitEmpty(closing)
    for (const scope of [...mapped.values()].toReversed()) yield* Scope.close(scope, Exit.void)
    mapped.clear()
  })

/**
 * Runs operations one after the other on the machine in context. Whatever the operations hold is given back when the scope
 * ends, however it ends, or with `giveBack`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const runner = Effect.gen(function*() {
  const kernel = yield* Kernel
  const pagemaps = yield* Pagemaps
  const faults = yield* Faults
  const hotplug = yield* MemoryHotplug
  const blocks = yield* MemoryBlocks
  const closing = yield* FiberMap.make<string, void, never>()
  const held = yield* Effect.acquireRelease(
    Effect.sync((): Held => ({ mapped: new Map(), references: [], closing, asked: new Map(), added: new Map() })),
    giveBack
  )

  const map = Effect.fnUntraced(function*(operation: MapOperation) {
    if (held.mapped.has(operation.name) || FiberMap.hasUnsafe(closing, operation.name)) return "ok"
    const scope = yield* Scope.make()
    const asked = request(kernel, operation)
    held.mapped.set(operation.name, scope)
    held.asked.set(operation.name, (asked.ranges[0]?.end ?? 1) - 1)
    const answer = yield* pagemaps.memremap(toEngine(kernel, asked)).pipe(
      Scope.provide(scope),
      Effect.result
    )
    if (Result.isSuccess(answer)) return "ok"
    held.mapped.delete(operation.name)
    return answer.failure.errno
  })

  const unmap = Effect.fnUntraced(function*(name: string) {
    const scope = held.mapped.get(name)
    if (scope === undefined) return "ok"
    held.mapped.delete(name)
    yield* FiberMap.run(closing, name, Scope.close(scope, Exit.void), { startImmediately: true })
    return yield* finished(name)
  })

  /** A teardown without users is over; one with users waits. */
  const finished = Effect.fnUntraced(function*(name: string) {
    const fiber = FiberMap.getUnsafe(closing, name)
    if (Option.isNone(fiber)) return "ok"
    if (held.references.some((reference) => reference.name === name)) return "waits"
    yield* Fiber.await(fiber.value)
    return "ok"
  })

  const get = Effect.fnUntraced(function*(name: string) {
    const scope = yield* Scope.make()
    const found = yield* Scope.provide(pagemaps.get(held.asked.get(name) ?? 0), scope)
    if (Option.isNone(found)) return "none"
    held.references.push({ name: found.value.name, scope })
    return found.value.name
  })

  const put = Effect.fnUntraced(function*(name: string) {
    const at = held.references.findIndex((reference) => reference.name === name)
    const [reference] = at < 0 ? [] : held.references.splice(at, 1)
    if (reference === undefined) return "ok"
    yield* Scope.close(reference.scope, Exit.void)
    return yield* finished(name)
  })

  const add = Effect.fnUntraced(function*({ name, node, selfHosted, sizeMiB, startMiB }: AddOperation) {
    if (held.added.has(name)) return "ok"
    const range = PfnRange.fromLength(startMiB * MiB, sizeMiB * MiB)
    const answer = yield* Effect.result(
      hotplug.addMemory({ start: range.start, size: sizeMiB * MiB, node, memmapOnMemory: selfHosted })
    )
    if (Result.isFailure(answer)) return answer.failure.errno
    held.added.set(name, range)
    return "ok"
  })

  /** What a change of added memory answers. */
  const changing = (name: string, change: (range: PfnRange.PfnRange) => Effect.Effect<unknown, KernelError>) => {
    const range = held.added.get(name)
    if (range === undefined) return Effect.succeed("ok")
    return Effect.match(change(range), { onSuccess: () => "ok", onFailure: ({ errno }) => errno })
  }

  const blocksOf = ({ end, start }: PfnRange.PfnRange, block: number | undefined): PfnRange.PfnRange =>
    block === undefined
      ? { start: start / blocks.size, end: end / blocks.size }
      : PfnRange.fromLength(start / blocks.size + block % ((end - start) / blocks.size), 1)

  const run = Operation.match({
    Map: (operation): Effect.Effect<Answer> => map(operation),
    Unmap: ({ name }) => unmap(name),
    Get: ({ name }) => get(name),
    Put: ({ name }) => put(name),
    Add: (operation) => add(operation),
    Online: ({ block, name, type }) => changing(name, (range) => hotplug.online(blocksOf(range, block), type)),
    Offline: ({ block, name }) => changing(name, (range) => hotplug.offline(blocksOf(range, block))),
    Remove: ({ name }) =>
      changing(
        name,
        (range) =>
          Effect.tap(hotplug.removeMemory({ start: range.start, size: PfnRange.length(range) }), () =>
            Effect.sync(() => held.added.delete(name)))
      ),
    FailAllocation: ({ succeed }) => Effect.as(Effect.sync(() => faults.arm(succeed)), "ok")
  })
  return { run, giveBack: giveBack(held) }
})

const changed = (
  model: ReferenceModel.ReferenceModel,
  { block, name }: { readonly name: string; readonly block?: number },
  change: (range: PfnRange.PfnRange) => ReferenceModel.Errno | null
): Answer => {
  const range = model.names.get(name)
  if (range === undefined) return "ok"
  const pages = model.boot.blockSize / model.kernel.arch.pageSize
  return change(
    block === undefined ? range : PfnRange.fromLength(range.start + block * pages % PfnRange.length(range), pages)
  ) ?? "ok"
}

/**
 * What the reference model answers to an operation.
 *
 * @category constructors
 * @since 0.1.0
 */
export const predict = (model: ReferenceModel.ReferenceModel, operation: Operation): Answer => {
  switch (operation._tag) {
    case "Map": {
      if (model.pagemaps.has(operation.name)) return "ok"
      const asked = request(model.kernel, operation)
      model.asked.set(operation.name, (asked.ranges[0]?.end ?? 1) - 1)
      return ReferenceModel.memremap(model, asked) ?? "ok"
    }
    case "Unmap":
      return model.pagemaps.get(operation.name)?.live === false
        ? "ok"
        : ReferenceModel.memunmap(model, operation.name)
        ? "ok"
        : "waits"
    case "Get":
      return ReferenceModel.get(model, model.asked.get(operation.name) ?? 0) ?? "none"
    case "Put":
      return ReferenceModel.put(model, operation.name) ? "ok" : "waits"
    case "Add": {
      if (model.names.has(operation.name)) return "ok"
      const page = model.kernel.arch.pageSize
      const range = PfnRange.fromLength(operation.startMiB * MiB / page, operation.sizeMiB * MiB / page)
      const error = ReferenceModel.addMemory(model, { ...range, ...operation })
      if (error === null) model.names.set(operation.name, range)
      return error ?? "ok"
    }
    case "Online":
      return changed(model, operation, (range) => ReferenceModel.online(model, range, operation.type))
    case "Offline":
      return changed(model, operation, (range) => ReferenceModel.offline(model, range))
    case "Remove":
      return changed(model, operation, (range) => {
        const error = ReferenceModel.removeMemory(model, range)
        if (error === null) model.names.delete(operation.name)
        return error
      })
    case "FailAllocation":
      ReferenceModel.failAfter(model, operation.succeed)
      return "ok"
  }
}

/**
 * Whether the kernel itself would touch page tables or struct pages that do not exist: a compound that continues from a
 * section whose memmap is not mapped page by page (CMP-4, CMP-6), one whose struct pages fill less than the two vmemmap pages
 * it is given (CMP-2), one that begins or ends inside a vmemmap page (BUG-13), or one that sticks out of its range further
 * than what is mapped. No prediction is made for such a request.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isUndefined = (model: ReferenceModel.ReferenceModel, operation: Operation): boolean => {
  if (operation._tag !== "Map" || operation.order === 0) return false
  const { arch, structPage } = model.kernel
  const { altmap, order, ranges } = request(model.kernel, operation)
  const [per, size] = [Architecture.pagesPerSection(arch), 2 ** order]
  const sectionOf = (pfn: number) => Math.floor(pfn / per)
  const isShared = VirtualMemmap.sharesTails(model.kernel, order, altmap !== null)
  const written = isShared ? Math.min(size, 2 * arch.pageSize / structPage) : size
  return ranges.some(({ end, start }) => {
    const rest = (end - start) % size
    const continuesEarly = isShared && size > Architecture.pagesPerSubsection(arch) &&
      sectionOf(start) !== sectionOf(end - 1) && model.sections.table.get(sectionOf(start))?.flags.has("early") === true
    const isBelowTwoPages = isShared && size * structPage < 2 * arch.pageSize
    const isOffPages = isShared && (start * structPage % arch.pageSize !== 0 || end * structPage % arch.pageSize !== 0)
    return rest !== 0 && written > rest || continuesEarly || isBelowTwoPages || isOffPages
  })
}
