/**
 * `try_remove_memory()`: block devices, sections and linear map, resource, node (HOT-9).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { hex } from "../geometry/Pfn.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import { KernelError } from "../kernel/KernelError.ts"
import { KernelLog } from "../kernel/KernelLog.ts"
import { Locks } from "../kernel/Locks.ts"
import * as Steps from "../kernel/Steps.ts"
import { Kernel } from "../release/Kernel.ts"
import { has } from "../release/KernelRelease.ts"
import { Iomem } from "../resources/Iomem.ts"
import * as MemmapOnMemory from "../vmemmap/MemmapOnMemory.ts"
import type { Piece } from "../vmemmap/Piece.ts"
import * as Adding from "./Adding.ts"
import { ArchMemory } from "./ArchMemory.ts"
import { type Block, MemoryBlocks, nodeOf } from "./MemoryBlocks.ts"
import { Nodes } from "./Nodes.ts"
import { OnlinePolicy } from "./OnlinePolicy.ts"
import * as RamResource from "./RamResource.ts"

/**
 * `BUG()`: the kernel stops here. A mistake in the program that asked, which dies of it.
 *
 * @category errors
 * @since 0.1.0
 */
export class KernelBug extends Error {
  override readonly name = "KernelBug"
}

/**
 * Removes added memory, in bytes. EBUSY while one of its blocks is not offline, EINVAL when blocks that hold their own memmap
 * would go in another granularity than they came; then nothing has changed. Dies of a {@link KernelBug} when the range is no
 * whole number of blocks.
 *
 * Takes the hotplug lock. Once it has begun it is not interrupted.
 *
 * @category models
 * @since 0.1.0
 */
export type Remove = (range: Pick<Adding.Request, "start" | "size">) => Effect.Effect<void, KernelError>

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.gen(function*() {
  const kernel = yield* Kernel
  const locks = yield* Locks
  const log = yield* KernelLog
  const iomem = yield* Iomem
  const arch = yield* ArchMemory
  const blocks = yield* MemoryBlocks
  const nodes = yield* Nodes
  const policy = yield* OnlinePolicy
  const hosting = { ...kernel, blockSize: blocks.size }

  const onlineRefuses = (first: number): KernelError => {
    const [from, to] = [first * blocks.size, (first + 1) * blocks.size - 1].map((at) =>
      at.toString(16).padStart(16, "0")
    )
    const text = `removing memory fails, because memory [0x${from}-0x${to}] is onlined`
    log.emit({ _tag: "Line", level: "warn", text })
    return new KernelError({
      errno: "EBUSY",
      rule: "HOT-9",
      step: "try_remove_memory",
      problem: text,
      remedy: "take its blocks offline first"
    })
  }

  const granularityRefuses = (from: number, to: number): KernelError => {
    const text = `Refuse to remove ${hex(from)} - ${hex(to)}, wrong granularity`
    log.emit({ _tag: "Line", level: "warn", text })
    return new KernelError({
      errno: "EINVAL",
      rule: "HOT-9",
      step: "try_remove_memory",
      problem: text,
      remedy: "remove blocks that hold their own memmap one by one, and apart from others"
    })
  }

  /** `null` when all of the blocks can go. */
  const refusal = (range: PfnRange.PfnRange): KernelError | null => {
    const runs = blocks.runs(range)
    const busy = runs.find(({ value }) => value.state !== "offline")
    if (busy !== undefined) return onlineRefuses(busy.start)
    const own = runs.filter(({ value }) => value.memmap !== null)
    const isWhole = has(kernel.release, "memmap-on-memory-split")
      ? own.length === runs.length
      : PfnRange.length(range) === 1
    return own.length === 0 || isWhole
      ? null
      : granularityRefuses(range.start * blocks.size, range.end * blocks.size)
  }

  /** HOT-13: the altmap of a block that holds its own memmap, as it was after the add. */
  const altmapOf = (block: number, memmap: Block["memmap"]): Piece["altmap"] => {
    if (memmap === null) return null
    const altmap = MemmapOnMemory.altmap(hosting, block * blocks.pages, policy.parameters().memmapOnMemory)
    return { current: { ...altmap, alloc: memmap.alloc } }
  }

  const removeRun = function*(range: PfnRange.PfnRange, block: Block, limit: number): Steps.Op<void> {
    const pfns = { start: range.start * blocks.pages, end: range.end * blocks.pages }
    const altmap = altmapOf(range.start, block.memmap)
    const device = altmap === null ? null : pfns
    yield* arch.remove(
      { ...pfns, node: nodeOf(block), altmap, compound: null, owner: -1, device },
      { linear: true, ram: true, limit }
    )
    if (altmap !== null && altmap.current.alloc !== 0) {
      const text = `failed to free all reserved pages: ${altmap.current.alloc} are still in use`
      log.emit({ _tag: "Warn", where: "try_remove_memory", rule: "ALT-6", text })
    }
  }

  const removeLocked = function*(
    range: PfnRange.PfnRange,
    runs: ReturnType<typeof blocks.runs>,
    limit: number
  ): Steps.Op<void> {
    for (const { value, ...run } of runs) {
      const single = value.memmap !== null
      for (let at = run.start; at < run.end; at = single ? at + 1 : run.end) {
        yield* removeRun({ start: at, end: single ? at + 1 : run.end }, value, limit)
      }
    }
    if (PfnRange.total(runs) < range.end - range.start) {
      log.once({ where: "__remove_pages", rule: "HOT-10", text: "some of the sections to remove are not valid" })
    }
    yield Steps.write("resource.release", `resource:${range.start}`)
    const bytes = { start: range.start * blocks.size, end: range.end * blocks.size }
    if (!RamResource.release(iomem, bytes)) {
      const text = `the resources of ${hex(bytes.start)} to ${hex(bytes.end - 1)} stay: no single one holds all of it`
      log.emit({ _tag: "Hazard", rule: "HOT-9", text })
    }
    for (const node of new Set(runs.map(({ value }) => nodeOf(value)))) {
      yield Steps.write("node.try-offline", `node:${node}`)
      nodes.tryOffline(node, blocks.runs().some(({ value }) => value.nodes.includes(node)))
    }
  }

  const remove: Remove = ({ size, start }) =>
    Effect.suspend(() => {
      if (!Adding.isAligned(log, { start, size }, blocks.size)) {
        return Effect.die(new KernelBug("try_remove_memory: the range is no whole number of memory blocks (HOT-9)"))
      }
      const range = { start: start / blocks.size, end: (start + size) / blocks.size }
      const refused = refusal(range)
      if (refused !== null) return Effect.fail(refused)
      const runs = blocks.runs(range)
      return Effect.uninterruptible(Effect.andThen(
        Steps.run(function*() {
          yield Steps.write("block.remove", `block:${range.start}`)
          blocks.remove(range)
        }),
        locks.memHotplug(Steps.run((limit) => removeLocked(range, runs, limit)))
      ))
    })
  return remove
})
