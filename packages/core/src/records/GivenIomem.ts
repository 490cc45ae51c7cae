/**
 * `/proc/iomem` as a recording shows it: what the model knows of memory, and what firmware and buses have there, which is given.
 *
 * @since 0.1.0
 */
import * as JsonTree from "../inputs/JsonTree.ts"
import * as IomemText from "./IomemText.ts"

/**
 * A line of `/proc/iomem`; `end` is inclusive.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  readonly depth: number
  readonly start: number
  readonly end: number
  readonly name: string
}

const lines = /^( *)([0-9a-f]{8,16})-([0-9a-f]{8,16}) : (.*)$/gm

/**
 * The lines of a text.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (text: string): ReadonlyArray<Entry> =>
  [...text.matchAll(lines)].map(([, indent = "", start = "", end = "", name = ""]) => ({
    depth: indent.length / 2,
    start: Number.parseInt(start, 16),
    end: Number.parseInt(end, 16),
    name
  }))

const digits = (address: number): string => address.toString(16).padStart(8, "0")

/**
 * Entries as text, without a newline at the end.
 *
 * @category printing
 * @since 0.1.0
 */
export const toText = (entries: ReadonlyArray<Entry>): string =>
  entries.map(({ depth, end, name, start }) => `${"  ".repeat(depth)}${digits(start)}-${digits(end)} : ${name}`).join(
    "\n"
  )

/** A container comes before what is in it. */
const inOrder = (entries: ReadonlyArray<Entry>): ReadonlyArray<Entry> =>
  entries.toSorted((a, b) => a.start - b.start || a.depth - b.depth)

type Phase = Readonly<Record<string, unknown>>

/**
 * The phases with `iomemText` and `iomem` of the modelled memory and, between its entries, the given ones of everything
 * else.
 *
 * @category conversions
 * @since 0.1.0
 */
export const complete = (
  phases: Readonly<Record<string, Phase>>,
  given: Phase
): Readonly<Record<string, Phase>> => {
  const text = given["iomemText"]
  const others = typeof text === "string" ? parse(text).filter(({ name }) => !IomemText.isMemory(name)) : []
  return Object.fromEntries(
    Object.entries(phases).map(([name, phase]) => {
      const own = phase["iomemText"]
      if (typeof own !== "string" || !JsonTree.isRecord(phase)) return [name, phase]
      const iomem = inOrder([...parse(own).filter((entry) => IomemText.isMemory(entry.name)), ...others])
      return [name, { ...phase, iomemText: toText(iomem), iomem }]
    })
  )
}
