/**
 * Strategies as they are asked for.
 *
 * @since 0.1.0
 */
import * as InitStrategies from "@vmemmap/core/init/InitStrategies"
import type * as InitStrategy from "@vmemmap/core/init/InitStrategy"
import * as Effect from "effect/Effect"
import { orWrongUse, type WrongUse } from "../Failure.ts"

/**
 * Names of strategies, each with commas between several, once each and in their order; `all` stands for every preset. `flag` is where
 * they are from.
 *
 * Fails with `WrongUse` where a text is no strategy.
 *
 * @category constructors
 * @since 0.1.0
 */
export const parse = (
  texts: ReadonlyArray<string>,
  flag = "--strategy"
): Effect.Effect<ReadonlyArray<InitStrategy.InitStrategy>, WrongUse> => {
  const names = texts.flatMap((text) => text.split(",")).map((name) => name.trim())
  const all = names.flatMap((name) => name === "all" ? InitStrategies.presets.map(({ name }) => name) : [name])
  return Effect.forEach([...new Set(all)], (name) => orWrongUse(InitStrategies.parse(name), flag))
}
