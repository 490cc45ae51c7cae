/**
 * What the kernel counts and lists of memory: `/proc/meminfo`, `/proc/zoneinfo`, `/proc/iomem` (OBS-3 … OBS-6, OBS-10, OBS-11).
 *
 * @since 0.1.0
 */
import type * as PfnRange from "../geometry/PfnRange.ts"
import { MiB } from "../geometry/Units.ts"
import * as JsonTree from "../inputs/JsonTree.ts"
import type { Given } from "./Given.ts"
import * as IomemText from "./IomemText.ts"
import * as LeafPath from "./LeafPath.ts"
import * as Scope from "./Scope.ts"
import * as TreeComparison from "./TreeComparison.ts"
import * as Verdict from "./Verdict.ts"

/**
 * `meminfo` of a phase: only MemTotal.
 *
 * @category combinators
 * @since 0.1.0
 */
export const meminfo = (given: Given): TreeComparison.Compare => (path, kernel, engine) => {
  const [left, right] = [JsonTree.isRecord(kernel) ? kernel : {}, JsonTree.isRecord(engine) ? engine : {}]
  return TreeComparison.members(path, left, right, (key, inner, one, other) =>
    key === "MemTotal"
      ? TreeComparison.exact(given)(inner, one, other)
      : Verdict.outOfScope(Scope.entries.meminfo, inner, one))
}

const isHidden = ({ name }: Readonly<Record<string, unknown>>): boolean =>
  typeof name !== "string" || !IomemText.isMemory(name)

/**
 * `iomem`: entries that are about memory, by either side's word.
 *
 * @category combinators
 * @since 0.1.0
 */
export const iomem = (given: Given): TreeComparison.Compare => (path, kernel, engine) => {
  const exact = TreeComparison.exact(given)
  if (!Array.isArray(kernel) || !Array.isArray(engine)) return exact(path, kernel, engine)
  return TreeComparison.elements(given, path, kernel, engine, (inner, left, right) => {
    const hidden = [left, right].filter((side) => side !== undefined)
    return hidden.every((side) => JsonTree.isRecord(side) && isHidden(side))
      ? Verdict.outOfScope(Scope.entries.iomem, inner, left)
      : exact(inner, left, right)
  })
}

/**
 * Physical ranges of RAM that was there at boot, in pfns: the given `iomem` without memory devices.
 *
 * @category queries
 * @since 0.1.0
 */
export const bootRam = ({ plugged }: Given, iomemBefore: unknown): ReadonlyArray<PfnRange.PfnRange> =>
  (Array.isArray(iomemBefore) ? iomemBefore : []).flatMap((entry) => {
    const { depth, end, name, start } = JsonTree.isRecord(entry) ? entry : {}
    if (depth !== 0 || name !== "System RAM" || typeof start !== "number" || typeof end !== "number") return []
    if (plugged.some((range) => start >= range.start && start < range.end)) return []
    return [{ start: Math.floor(start / 4096), end: Math.ceil((end + 1) / 4096) }]
  })

const holdsSome = (zone: unknown, ram: ReadonlyArray<PfnRange.PfnRange>): boolean => {
  const [start, spanned] = [LeafPath.member(zone, "start_pfn"), LeafPath.member(zone, "spanned")]
  if (typeof start !== "number" || typeof spanned !== "number") return false
  return ram.some((range) => range.start < start + spanned && range.end > start)
}

/**
 * `zoneinfo`: everything but `managed` of zones that contain RAM of boot, by the engine's word.
 *
 * @category combinators
 * @since 0.1.0
 */
export const zoneinfo =
  (given: Given, ram: ReadonlyArray<PfnRange.PfnRange>): TreeComparison.Compare => (path, kernel, engine) => {
    const exact = TreeComparison.exact(given)
    if (!Array.isArray(kernel) || !Array.isArray(engine)) return exact(path, kernel, engine)
    const zone = TreeComparison.byKey(
      given,
      ({ engine: own }) => (key, at, left, right) =>
        key === "managed" && holdsSome(own, ram)
          ? Verdict.outOfScope(Scope.entries.managed, at, left)
          : exact(at, left, right)
    )
    return TreeComparison.elements(given, path, kernel, engine, zone)
  }

/** As many entries of 2 MiB as a few modules split. */
const splitLimit = 32 * (2 * MiB)

const pieces = (bytes: number): boolean => Number.isInteger(bytes) && bytes % (2 * MiB) === 0

/**
 * Which of DirectMap2M and DirectMap4k is wrong. What went from the one must have come to the other; where that fails both
 * phases of the kernel's own record tell which was altered.
 */
const wrongMaps = (
  kernel: Readonly<Record<string, unknown>>,
  engine: Readonly<Record<string, unknown>>,
  ownDelta: (key: string) => number | undefined
): ReadonlySet<string> => {
  const more = (key: string): number => {
    const [left, right] = [kernel[key], engine[key]]
    return typeof left === "number" && typeof right === "number" ? left - right : Number.NaN
  }
  const [in2M, in4k] = [more("DirectMap2M"), more("DirectMap4k")]
  const fits2M = pieces(in2M) && in2M <= 0 && in2M >= -splitLimit
  const fits4k = pieces(in4k) && in4k >= 0 && in4k <= splitLimit
  if (fits2M && fits4k && in2M + in4k === 0) return new Set()
  if (!fits2M || !fits4k) {
    return new Set([...(fits2M ? [] : ["DirectMap2M"]), ...(fits4k ? [] : ["DirectMap4k"])])
  }
  const altered = ["DirectMap2M", "DirectMap4k"].filter((key) => kernel[key] !== ownDelta(key))
  return new Set(altered.length === 1 ? altered : ["DirectMap4k"])
}

/**
 * `delta`: MemTotal and DirectMap1G exactly, DirectMap2M and DirectMap4k up to whole entries split. `ownDelta` is what the
 * kernel's phases make of a figure.
 *
 * @category combinators
 * @since 0.1.0
 */
export const delta = (given: Given, ownDelta: (key: string) => number | undefined): TreeComparison.Compare =>
  TreeComparison.byKey(given, ({ engine, exact, kernel }) => {
    const wrong = wrongMaps(kernel, engine, ownDelta)
    return (key, inner, left, right) => {
      switch (key) {
        case "freeIncludingPcp":
        case "MemFree":
        case "PageTables":
          return Verdict.outOfScope(Scope.entries.freeMemory, inner, left)
        case "DirectMap2M":
        case "DirectMap4k":
          return left === undefined || right === undefined
            ? exact(inner, left, right)
            : [Verdict.make(inner, !wrong.has(key), left, right)]
        default:
          return exact(inner, left, right)
      }
    }
  })
