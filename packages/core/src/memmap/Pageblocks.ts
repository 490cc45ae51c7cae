/**
 * Migratetypes of pageblocks, kept in the sections' usages (INI-8, INI-14).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as ExtentMap from "../geometry/ExtentMap.ts"

/**
 * What a pageblock is for. A fresh usage is zero: `Unmovable`.
 *
 * @category models
 * @since 0.1.0
 */
export type MigrateType = "Unmovable" | "Movable" | "Isolate"

/**
 * Ranges in pfns. `forget` is the end of the usages that held the types (SEC-14: a boot usage keeps them).
 *
 * @category services
 * @since 0.1.0
 */
export class Pageblocks extends Context.Service<Pageblocks, {
  readonly set: (start: number, end: number, type: MigrateType) => void
  readonly get: (pfn: number) => MigrateType
  readonly forget: (start: number, end: number) => void
}>()("@vmemmap/core/memmap/Pageblocks") {}

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Pageblocks> = Layer.sync(Pageblocks, () => {
  const types = ExtentMap.empty<MigrateType>()
  return Pageblocks.of({
    set: (start, end, type) => ExtentMap.set(types, start, end, type),
    get: (pfn) => ExtentMap.find(types, pfn)?.value ?? "Unmovable",
    forget: (start, end) => ExtentMap.remove(types, start, end)
  })
})
