/**
 * Numbers of memory regions, one allocator for the whole kernel: libnvdimm regions and dax regions of specific-purpose memory
 * share it (21.1).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"

/**
 * `memregion_alloc()` and `memregion_free()`: the lowest free number.
 *
 * @category services
 * @since 0.1.0
 */
export class Memregion extends Context.Service<Memregion, {
  readonly alloc: () => number
  readonly free: (id: number) => void
}>()("@vmemmap/core/devices/Memregion") {}

/**
 * The lowest number that `taken` does not hold: `ida_simple_get()` from 0 on.
 *
 * @category queries
 * @since 0.1.0
 */
export const lowestFree = (taken: { readonly has: (id: number) => boolean }): number => {
  let id = 0
  while (taken.has(id)) id++
  return id
}

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Memregion> = Layer.sync(Memregion, () => {
  const ids = new Set<number>()
  return Memregion.of({
    alloc: () => {
      const id = lowestFree(ids)
      ids.add(id)
      return id
    },
    free: (id) => {
      ids.delete(id)
    }
  })
})
