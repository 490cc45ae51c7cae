/**
 * Which pagemap a device pfn belongs to: the pagemap xarray behind `get_dev_pagemap()` (MRP-5 … MRP-7).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as ExtentMap from "../geometry/ExtentMap.ts"

/**
 * What the index has to know of a pagemap: its number, and whether its reference can still be taken.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  readonly id: number
  /** `percpu_ref_tryget_live()` would succeed. */
  readonly isLive: () => boolean
}

/**
 * The xarray, by pfn.
 *
 * @category models
 * @since 0.1.0
 */
export type Index = ExtentMap.ExtentMap<Entry>

/**
 * The index of the running kernel.
 *
 * @category services
 * @since 0.1.0
 */
export class PagemapIndex extends Context.Service<PagemapIndex, Index>()("@vmemmap/core/sections/PagemapIndex") {}

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<PagemapIndex> = Layer.sync(PagemapIndex, () => ExtentMap.empty<Entry>())

/**
 * Stores a pagemap for every pfn of `[start, end)`, over whatever was there: `xa_store_range()` checks nothing (MRP-6).
 *
 * @category operations
 * @since 0.1.0
 */
export const store = (index: Index, start: number, end: number, entry: Entry): void =>
  ExtentMap.set(index, start, end, entry)

/**
 * Erases every pfn of `[start, end)`, whoever stored it (MRP-5, MRP-6).
 *
 * @category operations
 * @since 0.1.0
 */
export const erase = (index: Index, start: number, end: number): void => ExtentMap.remove(index, start, end)

/**
 * The live pagemap of a pfn: one that is being torn down is found by nobody (MRP-10).
 *
 * @category queries
 * @since 0.1.0
 */
export const findLive = (index: Index, pfn: number): Entry | undefined => {
  const entry = ExtentMap.find(index, pfn)?.value
  return entry?.isLive() === true ? entry : undefined
}
