/**
 * A `dev_pagemap`: ranges of device memory with struct pages, and who refers to it (MRP-9 … MRP-14).
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { PfnRange } from "../geometry/PfnRange.ts"
import type * as InitWork from "../init/InitWork.ts"
import type * as PagemapIndex from "../sections/PagemapIndex.ts"
import type * as Altmap from "../vmemmap/Altmap.ts"

/**
 * What a driver asks `memremap_pages()` for. Ranges are bytes; `order` is vmemmap_shift, `node` the device's `numa_node`.
 * `type` `unset` is the value 0 that catches drivers that forgot it. `background`: whoever uses the pages awaits them, so they
 * may be initialised later; `posted` where that was so in 2018 (ASY-1). `pageFree` is called when the last reference of a private or coherent page goes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly name: string
  readonly type: InitWork.DeviceType | "unset"
  readonly ranges: ReadonlyArray<PfnRange>
  readonly node: number
  readonly altmap?: Altmap.Altmap | undefined
  readonly order?: number | undefined
  readonly owner?: string | undefined
  readonly background?: "posted" | "possible" | undefined
  readonly ops?: {
    readonly pageFree?: ((pfn: number) => Effect.Effect<void>) | undefined
    readonly migrateToRam?: ((pfn: number) => Effect.Effect<void>) | undefined
  } | undefined
}

/**
 * A mapped pagemap. Ranges are pfns; `altmap` changes while memory is added and removed.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pagemap extends PagemapIndex.Entry {
  readonly name: string
  readonly type: InitWork.DeviceType | "unset"
  readonly ranges: ReadonlyArray<PfnRange>
  readonly node: number
  readonly order: number
  readonly altmap: { current: Altmap.Altmap } | null
  readonly request: Request
  readonly references: References
}

/**
 * The reference count of a pagemap. Lifetime references are one per page (or compound) of types that hold them; users add
 * theirs while it lives (MRP-10, MRP-12).
 *
 * @category models
 * @since 0.1.0
 */
export interface References {
  /** `percpu_ref_tryget_live()`: `false` once it was killed. */
  readonly tryGet: () => boolean
  readonly get: (count: number) => void
  readonly put: (count: number) => void
  /** No new reference from now on. */
  readonly kill: () => void
  readonly count: () => number
  readonly isLive: () => boolean
  /** Done when it was killed and the last reference is gone. */
  readonly drained: Effect.Effect<void>
}

/**
 * A live count without references.
 *
 * @category constructors
 * @since 0.1.0
 */
export const references = (): References => {
  const drained = Deferred.makeUnsafe<void>()
  let count = 0
  let live = true
  const settle = () => {
    if (!live && count === 0) Deferred.doneUnsafe(drained, Effect.void)
  }
  return {
    tryGet: () => {
      if (live) count++
      return live
    },
    get: (n) => {
      count += n
    },
    put: (n) => {
      count -= n
      settle()
    },
    kill: () => {
      live = false
      settle()
    },
    count: () => count,
    isLive: () => live,
    drained: Deferred.await(drained)
  }
}

/**
 * `pfn_first()`: the first pfn of range `i` that belongs to the user (MRP-9).
 *
 * @category queries
 * @since 0.1.0
 */
export const first = ({ altmap, ranges }: Pick<Pagemap, "altmap" | "ranges">, i: number): number =>
  (ranges[i]?.start ?? 0) + (i === 0 && altmap !== null ? altmap.current.reserve + altmap.current.free : 0)

/**
 * `pfn_len()`: lifetime references of range `i`: one per compound (MRP-9).
 *
 * @category queries
 * @since 0.1.0
 */
export const length = (pagemap: Pick<Pagemap, "altmap" | "ranges" | "order">, i: number): number =>
  Math.floor(((pagemap.ranges[i]?.end ?? 0) - first(pagemap, i)) / 2 ** pagemap.order)

/**
 * `pgmap_pfn_valid()`: whether a pfn of the pagemap is a user's page, not metadata (MRP-9, INI-10).
 *
 * @category queries
 * @since 0.1.0
 */
export const isUserPfn = (pagemap: Pagemap, pfn: number): boolean =>
  pagemap.ranges.some((range, i) => pfn >= first(pagemap, i) && pfn < range.end)
