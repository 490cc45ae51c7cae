/**
 * What `-b`, `-r`, `-d`, `-n` and the arguments of ndctl mean: words separated by blanks, each a name, a number, or `all`.
 *
 * @since 0.1.0
 */
import type * as NdctlView from "./NdctlView.ts"

const words = (text: string): ReadonlyArray<string> => text.split(" ").filter((word) => word !== "")

/** `strtoul()` with base detection over the whole text. */
const isNumber = (text: string): boolean => /^[ \t]*[+-]?(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)$/i.test(text)

const number = (text: string): number => /^\s*0[0-7]+$/.test(text) ? Number.parseInt(text, 8) : Number(text)

/** The tool looks at the whole text for a number, not at each word. */
const isMeant = (wanted: string | undefined, id: number, names: ReadonlyArray<string>): boolean => {
  if (wanted === undefined) return true
  const parts = words(wanted)
  if (parts.includes("all")) return true
  return isNumber(wanted) ? number(wanted) === id : parts.some((part) => names.includes(part))
}

/**
 * A bus by number, name or provider.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isBus = ({ id, name, provider }: NdctlView.Bus, wanted: string | undefined): boolean =>
  isMeant(wanted, id, [name, provider])

/**
 * A region by number or name.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isRegion = ({ id, name }: NdctlView.Region, wanted: string | undefined): boolean =>
  isMeant(wanted, id, [name])

/**
 * A DIMM by number or name.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isDimm = ({ id, name }: Pick<NdctlView.Dimm, "id" | "name">, wanted: string | undefined): boolean =>
  isMeant(wanted, id, [name])

/**
 * A namespace by name, or by the numbers in it: `0.1`.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isNamespace = ({ name }: NdctlView.Namespace, wanted: string | undefined): boolean => {
  if (wanted === undefined) return true
  return words(wanted).some((word) => {
    const [, region, id] = /^([0-9]+)\.([0-9]+)/.exec(word) ?? []
    return word === "all" || word === name ||
      (region !== undefined && name === `namespace${Number(region)}.${Number(id)}`)
  })
}
