/**
 * The linear map of physical memory: how many pieces of each size it takes (GEO-13, OBS-11).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { PfnRange } from "../geometry/PfnRange.ts"
import { GiB } from "../geometry/Units.ts"
import { Kernel } from "../release/Kernel.ts"

/**
 * Bytes mapped with pieces of a gigabyte, of a PMD, and of a page.
 *
 * @category models
 * @since 0.1.0
 */
export interface Pieces {
  readonly huge: number
  readonly large: number
  readonly base: number
}

/**
 * `map` and `unmap` take byte ranges; what a failed add leaves mapped stays until it is unmapped (SEC-12).
 *
 * @category services
 * @since 0.1.0
 */
export class DirectMap extends Context.Service<DirectMap, {
  readonly map: (range: PfnRange) => void
  readonly unmap: (range: PfnRange) => void
  readonly pieces: () => Pieces
}>()("@vmemmap/core/hotplug/DirectMap") {}

/** The largest aligned run of `unit`s inside a range; empty at its end when there is none. */
const inner = ({ end, start }: PfnRange, unit: number): PfnRange => {
  const from = Math.ceil(start / unit) * unit
  const to = Math.floor(end / unit) * unit
  return to > from ? { start: from, end: to } : { start: end, end }
}

/**
 * A byte range cut into maximal aligned pieces (OBS-11).
 *
 * @category queries
 * @since 0.1.0
 */
export const cut = (range: PfnRange, pmdSize: number): Pieces => {
  const bytes = ({ end, start }: PfnRange) => end - start
  const huge = bytes(inner(range, GiB))
  const large = bytes(inner(range, pmdSize))
  return { huge, large: large - huge, base: bytes(range) - large }
}

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<DirectMap, never, Kernel> = Layer.effect(
  DirectMap,
  Effect.map(Effect.service(Kernel), ({ arch }) => {
    let pieces: Pieces = { huge: 0, large: 0, base: 0 }
    const add = (range: PfnRange, sign: 1 | -1) => {
      const { base, huge, large } = cut(range, arch.pmdSize)
      pieces = {
        huge: pieces.huge + sign * huge,
        large: pieces.large + sign * large,
        base: pieces.base + sign * base
      }
    }
    return DirectMap.of({
      map: (range) => add(range, 1),
      unmap: (range) => add(range, -1),
      pieces: () => pieces
    })
  })
)
