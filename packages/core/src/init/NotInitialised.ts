/**
 * Struct pages that somebody waited for will not be initialised.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { KernelError } from "../kernel/KernelError.ts"

/**
 * - `population failed`: there was no memory for the memmap; `cause` says where
 * - `unloaded`: the device went away meanwhile
 * - `cancelled`: somebody stopped the initialisation, or ended the worker that had these pages
 * - `never`: the pages belong to the driver (INI-10)
 * - `out of memory`: there is none for the bytes of the memmap, where it is kept as such; `worker lost`: whoever wrote them ended
 *
 * @category models
 * @since 0.1.0
 */
export const Reason = Schema.Literals([
  "population failed",
  "unloaded",
  "cancelled",
  "never",
  "out of memory",
  "worker lost"
])
/** @since 0.1.0 */
export type Reason = typeof Reason.Type

const errno = {
  "population failed": "ENOMEM",
  unloaded: "ENXIO",
  cancelled: "EINTR",
  never: "EINVAL",
  "out of memory": "ENOMEM",
  "worker lost": "EIO"
} as const satisfies Record<Reason, KernelError["errno"]>

const remedy: Readonly<Record<Reason, string>> = {
  "population failed": "free memory on its node, or keep the memmap on the device (map=dev)",
  unloaded: "bind the device again",
  cancelled: "bind the device again",
  never: "use pages after those of the info block and the memmap",
  "out of memory": "give the pool of bytes more memory, or initialise less",
  "worker lost": "bind the device again, or boot again where it is RAM"
}

/**
 * Pfns `[start, end)` of `device`.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotInitialised extends Schema.TaggedError<NotInitialised>("@vmemmap/core/init/NotInitialised")(
  "NotInitialised",
  {
    device: Schema.String,
    start: Schema.Natural,
    end: Schema.Natural,
    reason: Reason,
    cause: Schema.optionalKey(KernelError)
  }
) {
  override get message() {
    const why = this.cause === undefined ? "" : `: ${this.cause.message}`
    return `struct pages of pfns 0x${this.start.toString(16)} to 0x${(this.end - 1).toString(16)} of ${this.device} ` +
      `will not be initialised, ${this.reason}${why}`
  }
}

/**
 * As a kernel would answer it.
 *
 * @category conversions
 * @since 0.1.0
 */
export const toKernelError = (error: NotInitialised): KernelError =>
  new KernelError({
    errno: error.cause?.errno ?? errno[error.reason],
    rule: error.cause?.rule ?? "26.2",
    step: "memmap_sync",
    problem: error.message,
    remedy: error.cause?.remedy ?? remedy[error.reason]
  })
