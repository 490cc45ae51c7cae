/** Recordings as both sides of a comparison, and ways to alter a leaf. */
import { Result } from "effect"
import * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import type { KernelRecord } from "../../src/records/KernelRecord.ts"
import * as LeafPath from "../../src/records/LeafPath.ts"

export type Observed = Readonly<Record<string, unknown>>

export const load = (name: string): KernelRecord => Result.getOrThrow(KernelFacts.load(name))

export const all: ReadonlyArray<KernelRecord> = [...new Set(KernelFacts.index.map(({ category }) => category))]
  .flatMap(KernelFacts.byCategory)

const timeOf = (line: string): number => Number(/^\[ *([0-9.]+)\]/.exec(line)?.[1])

/** Every kernel line of a recording since boot, in order. */
const linesOf = (observed: Observed): ReadonlyArray<string> => {
  const lines = LeafPath.leaves(observed).flatMap(({ path, value }) =>
    path.some((key) => typeof key === "string" && key.startsWith("dmesg")) ? [String(value)] : []
  )
  return [...new Set(lines)].toSorted((a, b) => timeOf(a) - timeOf(b))
}

/** The recording as the engine would observe it. */
export const asEngine = ({ observed }: KernelRecord): Observed => ({
  ...structuredClone(observed),
  dmesg_all: linesOf(observed)
})

const otherTexts = (text: string): ReadonlyArray<string> => [
  `~${text.slice(1)}`,
  `${text.slice(0, -1)}~`,
  `${text}~`,
  ""
]

/** What a leaf may be altered to. */
export const alterations = (value: unknown): ReadonlyArray<unknown> => {
  switch (typeof value) {
    case "number":
      return [value + 1, value - 1, value * 2].filter((other) => other !== value)
    case "bigint":
      return [value + 1n, value - 1n, value * 2n]
    case "string":
      return value === "" ? ["~"] : otherTexts(value)
    case "boolean":
      return [!value, null]
    default:
      return [0, "null"]
  }
}

/** A sequence of numbers in [0, 1) that is the same every time. */
export const random = (seed: number) => {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}
