/**
 * One way to use a range of device memory, and what it costs.
 *
 * Byte counts throughout; `usable` and the five losses add up to the raw size of the range, always: of a
 * refused choice the whole range is lost.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * The modes of ndctl, and `system-ram`: device-dax memory given to kmem.
 *
 * @category models
 * @since 0.1.0
 */
export const Mode = Schema.Literals(["raw", "sector", "fsdax", "devdax", "system-ram"]).annotate({
  description: "What the range is used as."
})
/** @since 0.1.0 */
export type Mode = typeof Mode.Type

/**
 * Where struct pages live; `none` without struct pages.
 *
 * @category models
 * @since 0.1.0
 */
export const MapLocation = Schema.Literals(["none", "mem", "dev"]).annotate({
  description: "Where struct pages live: mem is RAM, dev the device itself, none without struct pages."
})
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
  align: Schema.NullOr(Schema.Natural).annotate({ description: "Alignment in bytes; null where there is none." }),
  sectorSize: Schema.NullOr(Schema.Natural).annotate({
    description: "Sector size in bytes; null outside sector mode."
  }),
  native: Schema.Boolean.annotate({ description: "Pmem mapped without an info block." }),
  memmapOnMemory: Schema.Boolean.annotate({ description: "Each memory block holds its own memmap." })
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
  metadata: Schema.Natural.annotate({
    description: "Bytes of info block, of a memmap on the device, and of BTT structures."
  }),
  alignmentHead: Schema.Natural.annotate({ description: "Bytes of padding ahead of the data." }),
  alignmentTail: Schema.Natural.annotate({ description: "Bytes truncated at the end." }),
  trimmed: Schema.Natural.annotate({ description: "Bytes cut off because only whole memory blocks can be used." }),
  unusedReserve: Schema.Natural.annotate({ description: "Bytes set aside for a memmap that never uses them." })
}).annotate({
  identifier: "Losses",
  description: "Bytes that neither serve the user nor are free; with usable they add up to the raw size."
})
/** @since 0.1.0 */
export interface Losses extends Schema.Schema.Type<typeof Losses> {}

/**
 * Why a choice is refused: the error number by name, the rule, and what would be legal.
 *
 * @category models
 * @since 0.1.0
 */
export const Refusal = Schema.Struct({
  errno: Schema.String.annotate({ description: "Name of the error number, such as EINVAL." }),
  rule: Schema.String.annotate({ description: "Rule of docs/spec that says so." }),
  message: Schema.String.annotate({ description: "What is wrong." }),
  remedy: Schema.String.annotate({ description: "What would make it legal." })
}).annotate({ identifier: "Refusal", description: "Why a choice is refused." })
/** @since 0.1.0 */
export interface Refusal extends Schema.Schema.Type<typeof Refusal> {}

/**
 * Something to know about a choice. A `hazard` makes it legal but unsafe: the kernel maps it wrongly or will refuse it
 * later. `waste` marks what another choice does better in every respect.
 *
 * @category models
 * @since 0.1.0
 */
export const Note = Schema.Struct({
  kind: Schema.Literals(["note", "waste", "hazard"]).annotate({
    description: "hazard: legal, but mapped wrongly or refused later; note: worth knowing."
  }),
  rule: Schema.String.annotate({ description: "Rule of docs/spec behind it." }),
  message: Schema.String.annotate({ description: "The remark." })
}).annotate({ identifier: "Note", description: "Something to know about a choice." })
/** @since 0.1.0 */
export interface Note extends Schema.Schema.Type<typeof Note> {}

/**
 * Memory blocks made of the range: `head` and `tail` are stranded on either side of the whole blocks.
 *
 * @category models
 * @since 0.1.0
 */
export const Blocks = Schema.Struct({
  size: Schema.Natural.annotate({ description: "Bytes of one memory block." }),
  count: Schema.Natural.annotate({ description: "Whole memory blocks in the range." }),
  head: Schema.Natural.annotate({ description: "Bytes stranded before the first whole block." }),
  tail: Schema.Natural.annotate({ description: "Bytes stranded after the last whole block." }),
  /** Zone by the word written to `state`. */
  zones: Schema.Struct({
    online: Schema.String.annotate({ description: "Zone when 'online' is written to state." }),
    online_kernel: Schema.String.annotate({ description: "Zone when 'online_kernel' is written to state." }),
    online_movable: Schema.String.annotate({ description: "Zone when 'online_movable' is written to state." })
  }).annotate({ description: "Zone the blocks join, by the word written to their state file." }),
  memmap: Schema.Literals(["RAM of the target node", "the blocks themselves"]).annotate({
    description: "Where the struct pages of the blocks live."
  })
}).annotate({ identifier: "Blocks", description: "Memory blocks made of the range." })
/** @since 0.1.0 */
export interface Blocks extends Schema.Schema.Type<typeof Blocks> {}

/**
 * `ram` and `device` are bytes of struct pages; `pageTables` PTE and PMD tables, always RAM (CMP-7). `error`: the kernel
 * refuses, the numbers are 0 and the whole range is lost. `tool`: `ndctl` refuses although the kernel would not.
 *
 * @category models
 * @since 0.1.0
 */
export const PlanOption = Schema.Struct({
  ...Choice.fields,
  usable: Schema.Natural.annotate({ description: "Bytes the user gets; 0 when refused." }),
  dataoff: Schema.Natural.annotate({ description: "Bytes from the start of the range to the data." }),
  endTrunc: Schema.Natural.annotate({ description: "Bytes the info block truncates at the end." }),
  npfns: Schema.Natural.annotate({ description: "Pages of data." }),
  ram: Schema.Natural.annotate({ description: "Bytes of struct pages in RAM." }),
  device: Schema.Natural.annotate({ description: "Bytes of struct pages on the device." }),
  pageTables: Schema.Natural.annotate({
    description: "Bytes of page tables that map the struct pages, PTE and PMD tables (CMP-7); always RAM."
  }),
  structPages: Schema.Struct({
    mapped: Schema.Natural.annotate({ description: "Struct pages that can be reached." }),
    initialised: Schema.Natural.annotate({ description: "Struct pages that are written." })
  }).annotate({ description: "Number of struct pages." }),
  /** Tail vmemmap pages are shared (CMP-1). */
  shared: Schema.Boolean.annotate({ description: "Tail vmemmap pages are shared (CMP-1)." }),
  lost: Losses,
  blocks: Schema.NullOr(Blocks).annotate({ description: "Memory blocks of system-ram; null for other modes." }),
  error: Schema.NullOr(Refusal).annotate({
    description: "Why the kernel refuses: then the figures are 0 and the whole range is lost; null when it does not."
  }),
  tool: Schema.NullOr(Refusal).annotate({ description: "Why ndctl refuses what the kernel would take; else null." }),
  notes: Schema.Array(Note).annotate({ description: "What to know about the choice." })
}).annotate({
  identifier: "PlanOption",
  description: "One way to use the range; usable and the five losses add up to its size."
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
 * The same option; of a refused one the whole range of `size` bytes is lost, to trimming as System RAM and to alignment in
 * the other modes, so that usable and lost bytes add up whatever the answer.
 *
 * @category combinators
 * @since 0.1.0
 */
export const accounted = (option: PlanOption, size: number): PlanOption => {
  if (option.error === null) return option
  const lost: Losses = option.mode === "system-ram" ? { ...zero, trimmed: size } : { ...zero, alignmentHead: size }
  return { ...option, lost }
}

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
