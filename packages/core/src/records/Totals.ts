/**
 * How many leaves of records were compared, equal, different and out of scope, per category.
 *
 * @since 0.1.0
 */

/**
 * Sums over the cases of a category.
 *
 * @category models
 * @since 0.1.0
 */
export interface Totals {
  readonly category: string
  readonly cases: number
  readonly failed: number
  readonly compared: number
  readonly equal: number
  readonly different: number
  readonly notModelled: number
  readonly outOfScope: number
}

/**
 * One case, as far as it is counted.
 *
 * @category models
 * @since 0.1.0
 */
export interface Counted {
  readonly category: string
  readonly compared: number
  readonly equal: number
  readonly outOfScope: number
  readonly different: ReadonlyArray<unknown>
  readonly notModelled: ReadonlyArray<unknown>
}

/**
 * Whether a case is not as recorded: something is different, or not modelled.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isFailed = ({ different, notModelled }: Pick<Counted, "different" | "notModelled">): boolean =>
  different.length + notModelled.length > 0

const none = (category: string): Totals => ({
  category,
  cases: 0,
  failed: 0,
  compared: 0,
  equal: 0,
  different: 0,
  notModelled: 0,
  outOfScope: 0
})

/** The sum of two; its category is that of the first. */
const add = (a: Totals, b: Omit<Totals, "category">): Totals => ({
  category: a.category,
  cases: a.cases + b.cases,
  failed: a.failed + b.failed,
  compared: a.compared + b.compared,
  equal: a.equal + b.equal,
  different: a.different + b.different,
  notModelled: a.notModelled + b.notModelled,
  outOfScope: a.outOfScope + b.outOfScope
})

/**
 * Sums by category, in the order in which the categories first came.
 *
 * @category constructors
 * @since 0.1.0
 */
export const byCategory = (cases: Iterable<Counted>): ReadonlyArray<Totals> => {
  const sums = new Map<string, Totals>()
  for (const one of cases) {
    const { category, compared, different, equal, notModelled, outOfScope } = one
    sums.set(
      category,
      add(sums.get(category) ?? none(category), {
        cases: 1,
        failed: isFailed(one) ? 1 : 0,
        compared,
        equal,
        different: different.length,
        notModelled: notModelled.length,
        outOfScope
      })
    )
  }
  return [...sums.values()]
}

/**
 * The sum of all, under the name given.
 *
 * @category combinators
 * @since 0.1.0
 */
export const sum = (name: string, all: ReadonlyArray<Totals>): Totals => all.reduce(add, none(name))
