/**
 * Memory of a device that the CPU reaches coherently, at an address of its own (25.7).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { FrameAllocator } from "../frames/FrameAllocator.ts"
import type { PfnRange } from "../geometry/PfnRange.ts"
import type * as Pagemap from "../hotplug/Pagemap.ts"
import { Pagemaps } from "../hotplug/Pagemaps.ts"
import { Memmap } from "../memmap/Memmap.ts"
import * as DevicePages from "./DevicePages.ts"

/**
 * `range` is the device's memory in bytes, a multiple of 2 MiB. Without an owner mapping it fails with EINVAL.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly name: string
  readonly range: PfnRange
  readonly node: number
  readonly owner?: string | undefined
}

/**
 * - `allocate` takes pages until its scope ends; the CPU uses them directly
 * - `pinLongTerm` answers the RAM page that gets pinned: a coherent page is migrated away first
 *
 * @category models
 * @since 0.1.0
 */
export interface DeviceCoherent {
  readonly pagemap: Pagemap.Pagemap
  readonly allocate: DevicePages.DevicePages["allocate"]
  readonly pinLongTerm: DevicePages.DevicePages["migrate"]
  readonly locate: DevicePages.DevicePages["locate"]
  readonly word: DevicePages.DevicePages["word"]
}

/**
 * Maps the memory until the scope ends; pages still allocated then move to RAM.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*({ name, node, owner, range }: Options) {
  const pagemaps = yield* Pagemaps
  const pages = DevicePages.make({ frames: yield* FrameAllocator, memmap: yield* Memmap, node })
  const pagemap = yield* pagemaps.memremap({
    name,
    type: "coherent",
    node,
    owner,
    ranges: [range],
    ops: { pageFree: (pfn) => Effect.sync(() => pages.pageFree(pfn)) }
  })
  yield* Effect.acquireRelease(
    Effect.sync(() => pages.add(pagemap)),
    () => Effect.sync(() => pages.drop(pagemap))
  )
  return {
    pagemap,
    allocate: pages.allocate,
    pinLongTerm: pages.migrate,
    locate: pages.locate,
    word: pages.word
  } satisfies DeviceCoherent
})
