/**
 * What the threads that write struct pages are told, and what they answer.
 *
 * @since 0.1.0
 */
import type * as BytePool from "@vmemmap/core/bytes/BytePool"
import type * as PageJob from "@vmemmap/core/bytes/PageJob"

/**
 * First which memory it is, and which thread; then one job after the other, each when the one before is answered.
 *
 * @category models
 * @since 0.1.0
 */
export type Message =
  | { readonly _tag: "Begin"; readonly shared: BytePool.Shared; readonly thread: number }
  | { readonly _tag: "Write"; readonly job: PageJob.PageJob }

/**
 * A job has ended; `nanos` it took.
 *
 * @category models
 * @since 0.1.0
 */
export interface Reply {
  readonly nanos: number
}
