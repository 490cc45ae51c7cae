/**
 * What `vmemmap bench --json` prints: struct pages initialised for real, on this machine.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import { Count, Lines, Text } from "./Described.ts"

const Rate = (description: string) => Schema.Finite.annotate({ description })

/**
 * What somebody else measured for the same work.
 *
 * @category models
 * @since 0.1.0
 */
export const Published = Schema.Struct({
  what: Text("What was measured."),
  source: Text("Who published it."),
  lowNs: Count("Nanoseconds: the least that was measured."),
  highNs: Count("Nanoseconds: the most that was measured.")
}).annotate({ identifier: "PublishedBench", description: "What somebody else measured for the same work." })
/** @since 0.1.0 */
export interface Published extends Schema.Schema.Type<typeof Published> {}

/**
 * One kind of memory under one strategy.
 *
 * @category models
 * @since 0.1.0
 */
export const BenchRun = Schema.Struct({
  geometry: Text("Pages, and where their memmap is: 4K, map=mem."),
  kind: Schema.Literals(["device", "ram"]).annotate({ description: "Device memory, or RAM at boot." }),
  size: Count("Bytes of memory whose struct pages these are."),
  align: Count("Bytes of its pages."),
  map: Schema.Literals(["mem", "dev"]).annotate({ description: "Where its memmap is." }),
  strategy: Text("How it was initialised, as simulate names it."),
  threads: Count("Threads that wrote."),
  fresh: Schema.Boolean.annotate({ description: "The memory had never been touched before." }),
  rounds: Count(
    "How often it was measured; the times are the median's, of an even number the mean of the two in the middle."
  ),
  pages: Count("Struct pages written, each as often as the strategy does."),
  bytes: Count("Bytes of these struct pages."),
  ns: Count("Nanoseconds in which somebody wrote."),
  fastestNs: Count("The least of all rounds."),
  slowestNs: Count("The most of all rounds."),
  nsPerPage: Rate("Nanoseconds for each struct page."),
  bytesPerSecond: Rate("Bytes of struct pages a second."),
  checksum: Text("Sum of all words of the memmap, each times its place in its struct page, in hexadecimal."),
  published: Schema.Array(Published).annotate({ description: "What is published of the same work." })
}).annotate({ identifier: "BenchRun", description: "One kind of memory under one strategy." })
/** @since 0.1.0 */
export interface BenchRun extends Schema.Schema.Type<typeof BenchRun> {}

/**
 * @category models
 * @since 0.1.0
 */
export const BenchAnswer = Schema.Struct({
  runs: Schema.Array(BenchRun).annotate({ description: "In the order in which they were measured." }),
  fillBytesPerSecond: Rate("How fast one thread fills the same memory with a byte that is not zero."),
  kernel: Schema.Literals(["wasm", "typed arrays"]).annotate({ description: "By what means memory is written." }),
  pastCache: Schema.Boolean.annotate({ description: "Struct pages are copied to memory past the processor's cache." }),
  notes: Lines("What to know of the figures.")
}).annotate({
  title: "vmemmap bench --json",
  description: "How long struct pages take on this machine, written for real."
})
/** @since 0.1.0 */
export interface BenchAnswer extends Schema.Schema.Type<typeof BenchAnswer> {}
