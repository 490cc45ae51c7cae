/**
 * Where a value sits in a record, as text: `phases.final.zoneinfo[3].spanned`, `nd_sysfs["namespace0.0"].size`.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { InputError } from "../inputs/InputError.ts"
import * as JsonTree from "../inputs/JsonTree.ts"

/**
 * Keys of objects and indices of arrays, outermost first; empty for the whole.
 *
 * @category models
 * @since 0.1.0
 */
export type LeafPath = ReadonlyArray<string | number>

/**
 * A value that has no parts, and where it is.
 *
 * @category models
 * @since 0.1.0
 */
export interface Leaf {
  readonly path: LeafPath
  readonly value: unknown
}

/**
 * The path of a part of what is at `path`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const inside = (path: LeafPath, ...keys: LeafPath): LeafPath => [...path, ...keys]

const printKey = (key: string | number, index: number): string =>
  typeof key === "number"
    ? `[${key}]`
    : /^[A-Za-z_][A-Za-z0-9_]*$/.test(key)
    ? `${index === 0 ? "" : "."}${key}`
    : `[${JSON.stringify(key)}]`

/**
 * The text of a path; {@link parse} reads it back.
 *
 * @category printing
 * @since 0.1.0
 */
export const print = (path: LeafPath): string => path.map(printKey).join("")

const segment =
  /(\.?)([A-Za-z_][A-Za-z0-9_]*)|\[([0-9]{1,15})\]|\[("(?:[^"\\\p{Cc}]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*")\]/uy

/**
 * Reads what {@link print} wrote.
 *
 * Fails with an `InputError` that says at which character the text stops being a path.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (text: string): Result.Result<LeafPath, InputError> => {
  const path: Array<string | number> = []
  let at = 0
  while (at < text.length) {
    segment.lastIndex = at
    const match = segment.exec(text)
    const [all = "", dot, name, index, quoted] = match ?? []
    if (match === null || (name !== undefined && (dot === "") !== (at === 0))) {
      return Result.fail(
        new InputError({
          source: "path",
          at: `character ${at + 1}`,
          problem: `'${text.slice(at, at + 40)}' is no part of a path`,
          remedy: "write keys as phases.final, [\"namespace0.0\"] and elements as [3]"
        })
      )
    }
    path.push(name ?? (index === undefined ? String(JSON.parse(quoted ?? "\"\"")) : Number(index)))
    at += all.length
  }
  return Result.succeed(path)
}

/**
 * The part of `value` under a key, or `undefined` where there is none.
 *
 * @category queries
 * @since 0.1.0
 */
export const member = (value: unknown, key: string | number): unknown =>
  Array.isArray(value)
    ? typeof key === "number" ? value[key] : undefined
    : JsonTree.isRecord(value) && Object.hasOwn(value, key)
    ? value[key]
    : undefined

const holds = (value: unknown, key: string | number): boolean =>
  Array.isArray(value)
    ? typeof key === "number" && key < value.length
    : JsonTree.isRecord(value) && Object.hasOwn(value, key)

/**
 * What is at a path.
 *
 * @category queries
 * @since 0.1.0
 */
export const get = (value: unknown, path: LeafPath): Option.Option<unknown> => {
  let inner = value
  for (const key of path) {
    if (!holds(inner, key)) return Option.none()
    inner = member(inner, key)
  }
  return Option.some(inner)
}

/**
 * A copy with something else at a path; without effect where the path leads nowhere.
 *
 * @category combinators
 * @since 0.1.0
 */
export const set = (value: unknown, path: LeafPath, leaf: unknown): unknown => {
  const [key, ...rest] = path
  if (key === undefined) return leaf
  if (!holds(value, key)) return value
  const changed = set(member(value, key), rest, leaf)
  return Array.isArray(value)
    ? value.with(Number(key), changed)
    : { ...(value as Readonly<Record<string, unknown>>), [key]: changed }
}

const collect = (found: Array<Leaf>, path: LeafPath, value: unknown): void => {
  if (Array.isArray(value)) {
    for (const [index, element] of value.entries()) collect(found, inside(path, index), element)
  } else if (JsonTree.isRecord(value)) {
    for (const [key, part] of Object.entries(value)) collect(found, inside(path, key), part)
  } else if (value !== undefined) {
    found.push({ path, value })
  }
}

/**
 * Every leaf of a value, in the order in which it is written; paths begin with `path`. Empty objects and arrays have none.
 *
 * @category queries
 * @since 0.1.0
 */
export const leaves = (value: unknown, path: LeafPath = []): ReadonlyArray<Leaf> => {
  const found: Array<Leaf> = []
  collect(found, path, value)
  return found
}

/**
 * Whether `path` is at or below `prefix`.
 *
 * @category predicates
 * @since 0.1.0
 */
export const startsWith = (path: LeafPath, prefix: LeafPath): boolean =>
  prefix.length <= path.length && prefix.every((key, index) => key === path[index])
