/**
 * What became of the leaves of two sides when they were held against each other.
 *
 * @since 0.1.0
 */
import * as LeafPath from "./LeafPath.ts"
import type * as Scope from "./Scope.ts"

/**
 * A leaf of the kernel's side that the engine's has as well.
 *
 * @category models
 * @since 0.1.0
 */
export interface Equal {
  readonly _tag: "Equal"
  readonly path: LeafPath.LeafPath
}

/**
 * A leaf that is not the same, or a whole part that one side lacks (then `undefined` there).
 *
 * @category models
 * @since 0.1.0
 */
export interface Different {
  readonly _tag: "Different"
  readonly path: LeafPath.LeafPath
  readonly kernel: unknown
  readonly engine: unknown
}

/**
 * A leaf of the kernel's side that is not compared.
 *
 * @category models
 * @since 0.1.0
 */
export interface OutOfScope {
  readonly _tag: "OutOfScope"
  readonly path: LeafPath.LeafPath
  readonly scope: Scope.Entry
}

/**
 * Each leaf of the kernel's side has one, unless it lies in a part that is missing as a whole; what only the engine's side
 * has, has one too.
 *
 * @category models
 * @since 0.1.0
 */
export type Verdict = Equal | Different | OutOfScope

/**
 * Verdicts in the order of the record.
 *
 * @category models
 * @since 0.1.0
 */
export type Verdicts = ReadonlyArray<Verdict>

/**
 * The verdict on a leaf both sides have, or on a part only one has.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (path: LeafPath.LeafPath, isEqual: boolean, kernel: unknown, engine: unknown): Verdict =>
  isEqual ? { _tag: "Equal", path } : { _tag: "Different", path, kernel, engine }

/**
 * Every leaf of the kernel's side at `path` left out; none when it has nothing there.
 *
 * @category constructors
 * @since 0.1.0
 */
export const outOfScope = (scope: Scope.Entry, path: LeafPath.LeafPath, kernel: unknown): Verdicts =>
  LeafPath.leaves(kernel, path).map((leaf) => ({ _tag: "OutOfScope", path: leaf.path, scope }))
