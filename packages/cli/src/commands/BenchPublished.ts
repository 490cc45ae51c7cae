/**
 * Published figures for the work of a benchmark: of the bundled machines, those with as much memory in the same pages.
 *
 * @since 0.1.0
 */
import { KiB } from "@vmemmap/core/geometry/Units"
import * as InitStrategies from "@vmemmap/core/init/InitStrategies"
import type * as Geometry from "@vmemmap/core/simulation/Geometry"
import * as Testbed from "@vmemmap/core/simulation/Testbed"
import * as Result from "effect/Result"
import type * as BenchAnswer from "../answers/BenchAnswer.ts"

/** Struct pages of compounds are all there where none share. */
const pagesOf = (strategy: string, align: number): number => {
  const parsed = InitStrategies.parse(strategy)
  return Result.isSuccess(parsed) && parsed.success.vmemmap === "base" ? 4 * KiB : align
}

/**
 * What is published for it.
 *
 * @category queries
 * @since 0.1.0
 */
export const find = (
  testbeds: ReadonlyArray<Testbed.Testbed>,
  { align, kind, map, size }: Geometry.Geometry
): ReadonlyArray<BenchAnswer.Published> =>
  kind === "ram" ?
    [] :
    testbeds.flatMap(({ machine, published, variants = {} }) =>
      published.flatMap(({ figure, high, low, minus, source, strategy, variant, what }) => {
        if (figure !== "initialise" || minus !== undefined) return []
        const own = variant === undefined ? machine : Testbed.vary(machine, variants[variant] ?? {})
        const [device, ...others] = own.devices ?? []
        const [namespace] = device?.configured ?? []
        const isSame = others.length === 0 && device?.size === size && namespace?.map === map &&
          pagesOf(strategy, namespace.align ?? 4 * KiB) === align
        return isSame ? [{ what, source, lowNs: low, highNs: high }] : []
      })
    )
