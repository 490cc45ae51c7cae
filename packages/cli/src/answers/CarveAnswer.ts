/**
 * What `vmemmap carve --json` prints.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * A way to use the region that the line makes.
 *
 * @category models
 * @since 0.1.0
 */
export const Reachable = Schema.Struct({
  what: Schema.String.annotate({ description: "Mode, map and alignment, such as devdax mem 1G." }),
  usable: Schema.Natural.annotate({ description: "Usable bytes." }),
  ram: Schema.Natural.annotate({ description: "Bytes of struct pages in RAM." }),
  device: Schema.Natural.annotate({ description: "Bytes of struct pages on the device." }),
  pageTables: Schema.Natural.annotate({ description: "Bytes of page tables, always RAM." })
}).annotate({ identifier: "Reachable", description: "A way to use the region." })
/** @since 0.1.0 */
export interface Reachable extends Schema.Schema.Type<typeof Reachable> {}

/**
 * A way that is closed, or unsafe.
 *
 * @category models
 * @since 0.1.0
 */
export const Unreachable = Schema.Struct({
  what: Schema.String.annotate({ description: "Mode, map and alignment, such as fsdax dev 1G." }),
  why: Schema.String.annotate({ description: "What stands against it." })
}).annotate({ identifier: "Unreachable", description: "A way the region cannot be used." })
/** @since 0.1.0 */
export interface Unreachable extends Schema.Schema.Type<typeof Unreachable> {}

/**
 * What the region can become, and what it cannot.
 *
 * @category models
 * @since 0.1.0
 */
export const Becomes = Schema.Struct({
  can: Schema.Array(Reachable).annotate({ description: "Every way that is open and safe." }),
  cannot: Schema.Array(Unreachable).annotate({ description: "The other ways, each with the reason." })
}).annotate({ identifier: "Becomes", description: "What the region the line makes can become." })
/** @since 0.1.0 */
export interface Becomes extends Schema.Schema.Type<typeof Becomes> {}

/**
 * A safe line.
 *
 * @category models
 * @since 0.1.0
 */
export const Candidate = Schema.Struct({
  line: Schema.String.annotate({ description: "Option for the kernel command line; quote it in a shell." }),
  start: Schema.Natural.annotate({ description: "Physical address of the first byte." }),
  size: Schema.Natural.annotate({ description: "Bytes carved out." }),
  node: Schema.Int.annotate({ description: "NUMA node the bytes are taken from." }),
  why: Schema.Array(Schema.String).annotate({ description: "What makes it safe, and what to mind." }),
  becomes: Becomes
}).annotate({ identifier: "Candidate", description: "A memmap= line that is safe on this machine." })
/** @since 0.1.0 */
export interface Candidate extends Schema.Schema.Type<typeof Candidate> {}

/**
 * A range that was considered and will not do.
 *
 * @category models
 * @since 0.1.0
 */
export const Refused = Schema.Struct({
  start: Schema.Natural.annotate({ description: "Physical address of the first byte." }),
  size: Schema.Natural.annotate({ description: "Bytes of the range." }),
  why: Schema.String.annotate({ description: "Why it will not do, with the rule of docs/spec." })
}).annotate({ identifier: "Refused", description: "A range of RAM that cannot be carved." })
/** @since 0.1.0 */
export interface Refused extends Schema.Schema.Type<typeof Refused> {}

/**
 * Candidates best first; none means that the answer is no.
 *
 * @category models
 * @since 0.1.0
 */
export const CarveAnswer = Schema.Struct({
  candidates: Schema.Array(Candidate).annotate({ description: "Safe lines, best first." }),
  refused: Schema.Array(Refused).annotate({ description: "Ranges that will not do." }),
  assumptions: Schema.Array(Schema.String).annotate({ description: "What was assumed because no source says it." })
}).annotate({
  title: "vmemmap carve --json",
  description: "Which memmap=nn!ss is safe on a machine, and what the region it makes can become."
})
/** @since 0.1.0 */
export interface CarveAnswer extends Schema.Schema.Type<typeof CarveAnswer> {}
