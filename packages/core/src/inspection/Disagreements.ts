/**
 * What the model expects next to what the machine says, source by source; what differs, and why.
 *
 * @since 0.1.0
 */
import * as Check from "./Check.ts"
import type { Expectation } from "./Expectation.ts"
import * as LogChecks from "./LogChecks.ts"
import type { MachineView } from "./MachineView.ts"
import * as StateChecks from "./StateChecks.ts"

/**
 * Every comparison the sources allow, equal ones included.
 *
 * @category constructors
 * @since 0.1.0
 */
export const checks = (view: MachineView, expected: Expectation): ReadonlyArray<Check.Check> => [
  ...(view.log === undefined ? [] : LogChecks.all(view.log, expected, view.from.get("log") ?? "")),
  ...StateChecks.all(view, expected)
]

/**
 * Those that differ.
 *
 * @category queries
 * @since 0.1.0
 */
export const differing = (all: ReadonlyArray<Check.Check>): ReadonlyArray<Check.Check> =>
  all.filter((check) => !Check.isEqual(check))

/**
 * Those that differ and nobody knows why.
 *
 * @category queries
 * @since 0.1.0
 */
export const unexplained = (all: ReadonlyArray<Check.Check>): ReadonlyArray<Check.Check> =>
  differing(all).filter(({ explanation }) => explanation === null)
