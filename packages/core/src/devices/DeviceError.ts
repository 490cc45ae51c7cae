/**
 * A device request the kernel refuses, in its own terms.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * `errno` is the symbolic name (`"EINVAL"`), `rule` the rule of the specification, `remedy` what would make it legal.
 *
 * @category errors
 * @since 0.1.0
 */
export class DeviceError extends Schema.TaggedError<DeviceError>("@vmemmap/core/DeviceError")("DeviceError", {
  errno: Schema.String,
  rule: Schema.String,
  problem: Schema.String,
  remedy: Schema.String
}) {
  override get message() {
    return `${this.errno} (${this.rule}): ${this.problem}; ${this.remedy}`
  }
}
