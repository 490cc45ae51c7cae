/**
 * Finding the pagemap of a pfn and holding on to it: `get_dev_pagemap()` and `put_dev_pagemap()` (MRP-7, MRP-10).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as ExtentMap from "../geometry/ExtentMap.ts"
import * as Steps from "../kernel/Steps.ts"
import * as PagemapIndex from "../sections/PagemapIndex.ts"
import type { Pagemap } from "./Pagemap.ts"

/**
 * A reference held until the scope ends, of the pagemap of a pfn that is not being torn down. A `hint`, which the caller has a
 * reference of, is returned as it is if its first range covers the pfn; otherwise that reference is dropped at once, and no
 * more when the scope it was taken in ends.
 *
 * @category models
 * @since 0.1.0
 */
export type Get = (pfn: number, hint?: Pagemap) => Effect.Effect<Option.Option<Pagemap>, never, Scope.Scope>

/**
 * `known` are the pagemaps whose reference exists, by number: what the index may lead to.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (index: PagemapIndex.Index, known: ReadonlyMap<number, Pagemap>): Get => {
  /** How many references of a pagemap were dropped as a hint while the scope of their holder goes on. */
  const dropped = new Map<Pagemap, number>()

  /** The lookup and `percpu_ref_tryget_live()` are one read section of RCU: nothing is torn down in between. */
  const take = function*(pfn: number): Steps.Op<Pagemap | undefined> {
    const id = ExtentMap.find(index, pfn)?.value.id
    yield Steps.write("pagemap.get", id === undefined ? "pagemaps" : `pagemap:${id}`)
    const found = known.get(PagemapIndex.findLive(index, pfn)?.id ?? -1)
    return found?.references.tryGet() === true ? found : undefined
  }

  const drop = function*(hint: Pagemap): Steps.Op<void> {
    yield Steps.write("pagemap.put", `pagemap:${hint.id}`)
    dropped.set(hint, (dropped.get(hint) ?? 0) + 1)
    hint.references.put(1)
  }

  const put = function*(pagemap: Pagemap): Steps.Op<void> {
    const already = dropped.get(pagemap) ?? 0
    if (already > 1) dropped.set(pagemap, already - 1)
    else dropped.delete(pagemap)
    if (already > 0) return
    yield Steps.write("pagemap.put", `pagemap:${pagemap.id}`)
    pagemap.references.put(1)
  }

  return (pfn, hint) =>
    Effect.suspend(() => {
      const first = hint?.ranges[0]
      if (hint !== undefined && first !== undefined && pfn >= first.start && pfn < first.end) {
        return Effect.succeedSome(hint)
      }
      const found = Effect.acquireRelease(
        Steps.run(() => take(pfn)),
        (found) => found === undefined ? Effect.void : Steps.run(() => put(found))
      )
      return Effect.andThen(
        hint === undefined ? Effect.void : Steps.run(() => drop(hint)),
        Effect.map(found, Option.fromUndefinedOr)
      )
    })
}
