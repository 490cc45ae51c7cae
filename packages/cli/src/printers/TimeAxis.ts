/**
 * Times as people read them, and an axis of them: a unit for all of it and ticks at round numbers.
 *
 * @since 0.1.0
 */
import type { Extent } from "@vmemmap/core/time/Tracks"

interface Unit {
  readonly name: string
  readonly nanos: number
  /** From how many nanoseconds on it is used. */
  readonly from: number
}

const second: Unit = { name: "s", nanos: 1e9, from: 1e9 }

const nanosecond: Unit = { name: "ns", nanos: 1, from: 0 }

const units: ReadonlyArray<Unit> = [
  { name: "min", nanos: 60e9, from: 600e9 },
  second,
  { name: "ms", nanos: 1e6, from: 1e6 },
  { name: "us", nanos: 1e3, from: 1e3 },
  nanosecond
]

const unitOf = (nanos: number): Unit => units.find(({ from }) => Math.abs(nanos) >= from) ?? nanosecond

const trimmed = (decimal: string): string => decimal.includes(".") ? decimal.replace(/\.?0+$/, "") : decimal

/**
 * A duration with three digits or more: `12.4 s`.
 *
 * @category printing
 * @since 0.1.0
 */
export const duration = (nanos: number): string => {
  // what would be rounded to a thousand of one unit is one of the next
  const unit = nanos === 0 ? second : unitOf(nanos * 1.0005)
  const value = nanos / unit.nanos
  const decimals = unit.nanos === 1 || Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return `${trimmed(value.toFixed(decimals))} ${unit.name}`
}

/**
 * A point in time to the nanosecond: `1.000000001 s`.
 *
 * @category printing
 * @since 0.1.0
 */
export const exact = (nanos: number): string => {
  const unit = unitOf(nanos)
  const size = unit.nanos === 60e9 ? 1e9 : unit.nanos
  const whole = Math.trunc(nanos / size)
  const rest = Math.abs(nanos - whole * size)
  const digits = Math.round(Math.log10(size))
  const sign = whole === 0 && nanos < 0 ? "-" : ""
  return `${sign}${trimmed(`${whole}.${String(rest).padStart(digits, "0")}`)} ${size === unit.nanos ? unit.name : "s"}`
}

/**
 * A share of time; what is not nothing is not `0 %`, what is not all of it not `100 %`.
 *
 * @category printing
 * @since 0.1.0
 */
export const percent = (share: number): string => {
  const value = share * 100
  return value <= 0 ? "0 %" : value < 1 ? "<1 %" : `${value > 99 ? Math.floor(value) : Math.round(value)} %`
}

/**
 * A mark on the axis, at a time in nanoseconds.
 *
 * @category models
 * @since 0.1.0
 */
export interface Tick {
  readonly at: number
  readonly label: string
}

/**
 * An axis; its labels count from `origin`, which is 0 unless they would be all alike but for their last digits.
 *
 * @category models
 * @since 0.1.0
 */
export interface TimeAxis extends Extent {
  readonly origin: number
  readonly ticks: ReadonlyArray<Tick>
}

const stepOf = (range: number, most: number, unit: number): number => {
  const least = range / most / unit
  const power = 10 ** Math.floor(Math.log10(least))
  const factor = [1, 2, 5, 10].find((each) => each * power >= least * (1 - 1e-9)) ?? 10
  return Math.max(1, Math.round(factor * power * unit))
}

const decimalsOf = (step: number, unit: number): number => {
  let decimals = 0
  while (decimals < 12 && Math.abs(Math.round(step / unit * 10 ** decimals) / 10 ** decimals - step / unit) > 1e-13) {
    decimals++
  }
  return decimals
}

/**
 * An axis with at most about `most` ticks.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = ({ end, start }: Extent, most: number): TimeAxis => {
  const range = Math.max(1, end - start)
  const origin = Math.abs(start) > 1000 * range ? start : 0
  const unit = unitOf(Math.max(range, Math.abs(start - origin) / 100))
  const step = stepOf(range, Math.max(1, most), unit.nanos)
  const decimals = decimalsOf(step, unit.nanos)
  const first = Math.ceil((start - origin) / step)
  const count = Math.floor((end - origin) / step) - first + 1
  const ticks = Array.from({ length: Math.max(1, count) }, (_, i): Tick => {
    const nanos = (first + i) * step
    return {
      at: origin + nanos,
      label: `${origin === 0 ? "" : "+"}${(nanos / unit.nanos).toFixed(decimals)} ${unit.name}`
    }
  })
  return { start, end: start + range, origin, ticks: ticks.filter(({ at }) => at <= start + range) }
}
