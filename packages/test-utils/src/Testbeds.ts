/**
 * Machines that somebody measured, with what operations cost on them and what is published: for `simulate`, and for whoever wants
 * to simulate their own.
 *
 * One YAML file each, in `data/testbeds`; every number says where it is from.
 *
 * @since 0.1.0
 */
import type { InputError } from "@vmemmap/core/inputs/InputError"
import type * as Testbed from "@vmemmap/core/simulation/Testbed"
import * as TestbedText from "@vmemmap/core/simulation/TestbedText"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as TestbedFiles from "./TestbedFiles.ts"

/**
 * A name that is none of {@link names}.
 *
 * @category errors
 * @since 0.1.0
 */
export class UnknownTestbed extends Schema.TaggedError<UnknownTestbed>("@vmemmap/test-utils/Testbeds/UnknownTestbed")(
  "UnknownTestbed",
  { name: Schema.String }
) {
  override get message() {
    return `there is no machine '${this.name.slice(0, 80)}'; bundled are ${names().join(", ")}`
  }
}

/**
 * What there is, in alphabetical order.
 *
 * @category queries
 * @since 0.1.0
 */
export const names = TestbedFiles.names

/**
 * One of them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const load = (name: string): Result.Result<Testbed.Testbed, UnknownTestbed | InputError> => {
  const text = TestbedFiles.text(name)
  return text === undefined ? Result.fail(new UnknownTestbed({ name })) : TestbedText.read(name, text)
}
