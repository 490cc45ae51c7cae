/**
 * Writing struct pages: `memmap_init_range()` and `memmap_init_zone_device()` over one description of work (INI-4, INI-7).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Alignment from "../geometry/Alignment.ts"
import * as Architecture from "../geometry/Architecture.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import { KernelLog } from "../kernel/KernelLog.ts"
import { type Op, write } from "../kernel/Steps.ts"
import { Memmap } from "../memmap/Memmap.ts"
import { type MigrateType, Pageblocks } from "../memmap/Pageblocks.ts"
import { Kernel } from "../release/Kernel.ts"
import type { Part } from "./InitWork.ts"

/**
 * Where the books put the stores: done under the hotplug lock, outside it, by whoever initialises in the background, or at boot.
 *
 * @category models
 * @since 0.1.0
 */
export type Under = "mem_hotplug_lock" | "no lock" | "background" | "boot"

/**
 * Ranges are pfns.
 *
 * - `parts` writes parts of an `InitWork` in order, and with a `type` sets the migratetype of every pageblock that begins in what
 *   was just written (INI-4); at most `limit` sections pass between two steps
 * - `pageblocks` sets the migratetype of every pageblock that begins in a range (INI-8)
 *
 * @category services
 * @since 0.1.0
 */
export class MemmapInit extends Context.Service<MemmapInit, {
  readonly parts: (parts: ReadonlyArray<Part>, under: Under, type: MigrateType | null, limit: number) => Op<void>
  readonly pageblocks: (range: PfnRange.PfnRange, type: MigrateType, limit: number) => Op<void>
}>()("@vmemmap/core/init/MemmapInit") {}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.gen(function*() {
  const { arch } = yield* Kernel
  const memmap = yield* Memmap
  const pageblocks = yield* Pageblocks
  const log = yield* KernelLog
  const section = Architecture.pagesPerSection(arch)
  const pageblock = 2 ** arch.pageblockOrder

  const setBlocks = (start: number, end: number, type: MigrateType) => {
    const first = Alignment.up(start, pageblock)
    if (first < end) pageblocks.set(first, Alignment.up(end, pageblock), type)
  }

  const parts = function*(
    list: ReadonlyArray<Part>,
    under: Under,
    type: MigrateType | null,
    limit: number
  ): Op<void> {
    for (const { end, image, start, written } of list) {
      for (let from = start; from < end;) {
        const to = PfnRange.runEnd({ start: from, end }, section, limit)
        yield write("page.init", `memmap:${Math.floor(from / section)}`)
        memmap.write(from, to, image)
        if (type !== null) setBlocks(from, to, type)
        from = to
      }
      log.emit({ _tag: "Account", book: "written", where: under, purpose: image._tag, amount: written })
    }
  }

  return MemmapInit.of({
    parts,
    pageblocks: function*({ end, start }, type, limit) {
      for (let from = start; from < end;) {
        const to = PfnRange.runEnd({ start: from, end }, section, limit)
        yield write("pageblock.set", `memmap:${Math.floor(from / section)}`)
        setBlocks(from, to, type)
        from = to
      }
    }
  })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<MemmapInit, never, Kernel | Memmap | Pageblocks | KernelLog> = Layer.effect(
  MemmapInit,
  make
)
