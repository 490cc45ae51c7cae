/**
 * Two values leaf by leaf, where nothing special applies: objects by key, arrays by position.
 *
 * @since 0.1.0
 */
import * as JsonTree from "../inputs/JsonTree.ts"
import type { Given } from "./Given.ts"
import * as LeafPath from "./LeafPath.ts"
import * as Pairing from "./Pairing.ts"
import * as RecordText from "./RecordText.ts"
import * as TextComparison from "./TextComparison.ts"
import * as Verdict from "./Verdict.ts"

/**
 * How the parts of two values that are both there are compared.
 *
 * @category models
 * @since 0.1.0
 */
export type Compare = (path: LeafPath.LeafPath, kernel: unknown, engine: unknown) => Verdict.Verdicts

/**
 * How the parts two values have under a key are compared; `undefined` is what a side does not have.
 *
 * @category models
 * @since 0.1.0
 */
export type Each = (key: string, path: LeafPath.LeafPath, kernel: unknown, engine: unknown) => Verdict.Verdicts

type Fields = Readonly<Record<string, unknown>>

/**
 * The parts of two values by key, each compared by `each`; what only one side has is one difference.
 *
 * @category combinators
 * @since 0.1.0
 */
export const members = (
  path: LeafPath.LeafPath,
  kernel: Fields,
  engine: Fields,
  each: Each
): Verdict.Verdicts =>
  [...new Set([...Object.keys(kernel), ...Object.keys(engine)])].flatMap((key) =>
    each(key, LeafPath.inside(path, key), LeafPath.member(kernel, key), LeafPath.member(engine, key))
  )

/** By position where that is all an element is known by: in lists of one length that hold no parts. */
const pairsOf = (
  given: Given,
  kernel: ReadonlyArray<unknown>,
  engine: ReadonlyArray<unknown>
): ReadonlyArray<Pairing.Pair> => {
  if (kernel.length === engine.length && kernel.every((value) => typeof value !== "object" || value === null)) {
    return kernel.map((_, index) => ({ left: index, right: index }))
  }
  const texts = (values: ReadonlyArray<unknown>) =>
    values.map((value) => TextComparison.withoutUuids(given, RecordText.print(value)))
  return Pairing.align(texts(kernel), texts(engine))
}

/**
 * The elements of two arrays, paired so that one that is missing or added does not set off all that follow. The index of
 * what only the engine has is the engine's.
 *
 * @category combinators
 * @since 0.1.0
 */
export const elements = (
  given: Given,
  path: LeafPath.LeafPath,
  kernel: ReadonlyArray<unknown>,
  engine: ReadonlyArray<unknown>,
  each: Compare
): Verdict.Verdicts => {
  return pairsOf(given, kernel, engine).flatMap(({ left, right }) =>
    each(
      LeafPath.inside(path, left ?? right ?? 0),
      left === undefined ? undefined : kernel[left],
      right === undefined ? undefined : engine[right]
    )
  )
}

/**
 * Every leaf exactly, uuids by form.
 *
 * @category combinators
 * @since 0.1.0
 */
export const exact = (given: Given): Compare => {
  const compare: Compare = (path, kernel, engine) => {
    if (Array.isArray(kernel) && Array.isArray(engine)) return elements(given, path, kernel, engine, compare)
    if (JsonTree.isRecord(kernel) && JsonTree.isRecord(engine)) {
      return members(path, kernel, engine, (_key, inner, left, right) => compare(inner, left, right))
    }
    return kernel === undefined && engine === undefined
      ? []
      : [Verdict.make(path, TextComparison.isSame(given, kernel, engine), kernel, engine)]
  }
  return compare
}

/**
 * Two objects by key, each part compared as `each` says once it knows both; anything else exactly.
 *
 * @category combinators
 * @since 0.1.0
 */
export const byKey = (
  given: Given,
  each: (sides: { readonly kernel: Fields; readonly engine: Fields; readonly exact: Compare }) => Each
): Compare => {
  const whole = exact(given)
  return (path, kernel, engine) =>
    JsonTree.isRecord(kernel) && JsonTree.isRecord(engine)
      ? members(path, kernel, engine, each({ kernel, engine, exact: whole }))
      : whole(path, kernel, engine)
}
