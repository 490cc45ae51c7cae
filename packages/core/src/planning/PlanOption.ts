/**
 * One way to use a range of device memory, and what it costs.
 *
 * Byte counts throughout; `usable` and the five losses add up to the raw size of the range, always, unless `error` says
 * that the kernel refuses.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * @category models
 * @since 0.1.0
 */
export const Mode = Schema.Literals(["raw", "sector", "fsdax", "devdax", "system-ram"])
/** @since 0.1.0 */
export type Mode = typeof Mode.Type

/**
 * Where struct pages live; `none` without struct pages.
 *
 * @category models
 * @since 0.1.0
 */
export const MapLocation = Schema.Literals(["none", "mem", "dev"])
/** @since 0.1.0 */
export type MapLocation = typeof MapLocation.Type

/**
 * What is asked for. `native` is pmem mapped without an info block; `memmapOnMemory` lets each memory block hold its own
 * memmap.
 *
 * @category models
 * @since 0.1.0
 */
export const Choice = Schema.Struct({
  mode: Mode,
  map: MapLocation,
  align: Schema.NullOr(Schema.Natural),
  sectorSize: Schema.NullOr(Schema.Natural),
  native: Schema.Boolean,
  memmapOnMemory: Schema.Boolean
})
/** @since 0.1.0 */
export interface Choice extends Schema.Schema.Type<typeof Choice> {}

/**
 * Bytes that neither serve the user nor are free: info block, memmap and BTT structures; padding ahead of the data; the
 * truncated end; what memory-block trimming cuts off; space set aside for a memmap that never uses it (28.7).
 *
 * @category models
 * @since 0.1.0
 */
export const Losses = Schema.Struct({
  metadata: Schema.Natural,
  alignmentHead: Schema.Natural,
  alignmentTail: Schema.Natural,
  trimmed: Schema.Natural,
  unusedReserve: Schema.Natural
})
/** @since 0.1.0 */
export interface Losses extends Schema.Schema.Type<typeof Losses> {}

/**
 * @category models
 * @since 0.1.0
 */
export const Refusal = Schema.Struct({
  errno: Schema.String,
  rule: Schema.String,
  message: Schema.String,
  remedy: Schema.String
})
/** @since 0.1.0 */
export interface Refusal extends Schema.Schema.Type<typeof Refusal> {}

/**
 * Something to know about a choice. A `hazard` makes it legal but unsafe: the kernel maps it wrongly or will refuse it
 * later.
 *
 * @category models
 * @since 0.1.0
 */
export const Note = Schema.Struct({
  kind: Schema.Literals(["note", "hazard"]),
  rule: Schema.String,
  message: Schema.String
})
/** @since 0.1.0 */
export interface Note extends Schema.Schema.Type<typeof Note> {}

/**
 * Memory blocks made of the range: `head` and `tail` are stranded on either side of the whole blocks.
 *
 * @category models
 * @since 0.1.0
 */
export const Blocks = Schema.Struct({
  size: Schema.Natural,
  count: Schema.Natural,
  head: Schema.Natural,
  tail: Schema.Natural,
  /** Zone by the word written to `state`. */
  zones: Schema.Struct({ online: Schema.String, online_kernel: Schema.String, online_movable: Schema.String }),
  memmap: Schema.Literals(["RAM of the target node", "the blocks themselves"])
})
/** @since 0.1.0 */
export interface Blocks extends Schema.Schema.Type<typeof Blocks> {}

/**
 * `ram` and `device` are bytes of struct pages; `pageTables` PTE and PMD tables, always RAM (CMP-7). `error`: the kernel
 * refuses, the numbers are 0. `tool`: `ndctl` refuses although the kernel would not.
 *
 * @category models
 * @since 0.1.0
 */
export const PlanOption = Schema.Struct({
  ...Choice.fields,
  usable: Schema.Natural,
  dataoff: Schema.Natural,
  endTrunc: Schema.Natural,
  npfns: Schema.Natural,
  ram: Schema.Natural,
  device: Schema.Natural,
  pageTables: Schema.Natural,
  structPages: Schema.Struct({ mapped: Schema.Natural, initialised: Schema.Natural }),
  /** Tail vmemmap pages are shared (CMP-1). */
  shared: Schema.Boolean,
  lost: Losses,
  blocks: Schema.NullOr(Blocks),
  error: Schema.NullOr(Refusal),
  tool: Schema.NullOr(Refusal),
  notes: Schema.Array(Note)
})
/** @since 0.1.0 */
export interface PlanOption extends Schema.Schema.Type<typeof PlanOption> {}

type Figures = Omit<PlanOption, keyof Choice>

const zero: Losses = { metadata: 0, alignmentHead: 0, alignmentTail: 0, trimmed: 0, unusedReserve: 0 }

const noPages = { mapped: 0, initialised: 0 }

/** One shape for every option, spelt out: planning a fleet makes millions of them. */
const make = (choice: Choice, part: Partial<Figures>): PlanOption => ({
  mode: choice.mode,
  map: choice.map,
  align: choice.align,
  sectorSize: choice.sectorSize,
  native: choice.native,
  memmapOnMemory: choice.memmapOnMemory,
  usable: part.usable ?? 0,
  dataoff: part.dataoff ?? 0,
  endTrunc: part.endTrunc ?? 0,
  npfns: part.npfns ?? 0,
  ram: part.ram ?? 0,
  device: part.device ?? 0,
  pageTables: part.pageTables ?? 0,
  structPages: part.structPages ?? noPages,
  shared: part.shared ?? false,
  lost: part.lost ?? zero,
  blocks: part.blocks ?? null,
  error: part.error ?? null,
  tool: part.tool ?? null,
  notes: part.notes ?? []
})

/**
 * A choice the kernel refuses.
 *
 * @category constructors
 * @since 0.1.0
 */
export const refused = (choice: Choice, error: Refusal): PlanOption => make(choice, { error })

/**
 * A legal choice; what is not given is 0 or absent.
 *
 * @category constructors
 * @since 0.1.0
 */
export const legal = (
  choice: Choice,
  part: Partial<Omit<Figures, "lost">> & { readonly usable: number },
  lost: Partial<Losses>
): PlanOption =>
  make(choice, {
    ...part,
    lost: {
      metadata: lost.metadata ?? 0,
      alignmentHead: lost.alignmentHead ?? 0,
      alignmentTail: lost.alignmentTail ?? 0,
      trimmed: lost.trimmed ?? 0,
      unusedReserve: lost.unusedReserve ?? 0
    }
  })

/**
 * Neither the kernel nor `ndctl` refuses it, and something is left to use.
 *
 * @category queries
 * @since 0.1.0
 */
export const isReachable = (option: PlanOption): boolean =>
  option.error === null && option.tool === null && option.usable > 0

/**
 * Reachable and without a hazard.
 *
 * @category queries
 * @since 0.1.0
 */
export const isSafe = (option: PlanOption): boolean =>
  isReachable(option) && !option.notes.some((note) => note.kind === "hazard")

/**
 * Sum of the five losses in bytes.
 *
 * @category queries
 * @since 0.1.0
 */
export const totalLost = ({ lost }: PlanOption): number =>
  lost.metadata + lost.alignmentHead + lost.alignmentTail + lost.trimmed + lost.unusedReserve
