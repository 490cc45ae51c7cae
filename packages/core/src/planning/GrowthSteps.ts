/**
 * Adding memory step by step: what each step needs, who pays, and whether there is enough.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as HumanSize from "../geometry/HumanSize.ts"
import { has } from "../release/KernelRelease.ts"
import * as ZoneChoice from "../zones/ZoneChoice.ts"
import * as Footprint from "./Footprint.ts"
import * as GrowthCost from "./GrowthCost.ts"
import type { Setup } from "./GrowthRequest.ts"

const size = HumanSize.formatBinary

/**
 * One addition. `needed` is paid from RAM: `memmap` (0 when it lies on the added memory), `pageTables` and `bookkeeping`.
 * `freeBefore` is what existing memory has free to pay with, `reserved` the part of it that watermarks keep.
 * `movableToKernel` compares online memory by kind of zone after the step; null while nothing is online but boot RAM.
 *
 * @category models
 * @since 0.1.0
 */
export const Step = Schema.Struct({
  total: Schema.Natural.annotate({ description: "Bytes of memory after the step, boot RAM included." }),
  added: Schema.Natural.annotate({ description: "Bytes this step adds." }),
  memmap: Schema.Natural.annotate({
    description: "Bytes of struct pages paid from RAM; 0 when they lie on the added memory."
  }),
  pageTables: Schema.Natural.annotate({ description: "Bytes of page tables paid from RAM." }),
  bookkeeping: Schema.Natural.annotate({ description: "Bytes of sections and memory block devices paid from RAM." }),
  paidBy: Schema.String.annotate({ description: "Who pays: a node, memory added before, or the added memory." }),
  freeBefore: Schema.Natural.annotate({ description: "Bytes existing memory has free to pay with." }),
  reserved: Schema.Natural.annotate({ description: "Bytes of freeBefore that watermarks keep." }),
  needed: Schema.Natural.annotate({ description: "Bytes paid from RAM: memmap, pageTables and bookkeeping." }),
  ok: Schema.Boolean.annotate({ description: "Whether the step works." }),
  reason: Schema.NullOr(Schema.String).annotate({ description: "Why it does not; null when it does." }),
  movableToKernel: Schema.NullOr(Schema.Finite).annotate({
    description: "Online memory in movable zones over that in kernel zones; null while only boot RAM is online."
  })
}).annotate({ identifier: "Step", description: "One addition of memory." })
/** @since 0.1.0 */
export interface Step extends Schema.Schema.Type<typeof Step> {}

/**
 * What a run carries from step to step: what can be allocated, managed memory by kind of zone, bytes added to each kind.
 *
 * @category models
 * @since 0.1.0
 */
export interface State {
  readonly free: number
  readonly zones: Footprint.Zones
  readonly kernel: number
  readonly movable: number
  readonly total: number
}

/**
 * The booted guest before anything is added.
 *
 * @category constructors
 * @since 0.1.0
 */
export const initial = (s: Setup): State => ({
  free: Footprint.free(s.footprint, s.arch, s.structPage, s.base),
  zones: {
    kernel: Footprint.managed(s.footprint, s.arch, s.structPage, s.base),
    movable: 0,
    kernelZones: s.bootSpans.length
  },
  kernel: 0,
  movable: 0,
  total: s.base
})

/** Where a step is onlined before the next is added; null while it stays offline. */
const zoneOf = (s: Setup, state: State, from: number, added: number): "kernel" | "movable" | null => {
  const policy = s.online === "auto" ? s.how === "dimm" ? "auto" : "movable" : s.online
  if (policy === "auto") return null
  if (policy === "movable") return "movable"
  const page = s.arch.pageSize
  const pages = (bytes: number) => Math.floor(bytes / page)
  const group: ZoneChoice.Group = s.how === "virtio-mem"
    ? { kind: "dynamic", unitPages: pages(s.blockSize), kernel: pages(state.kernel), movable: pages(state.movable) }
    : { kind: "static", maxPages: pages(added), kernel: 0, movable: 0 }
  const zone = ZoneChoice.make({
    type: policy === "kernel" ? "online_kernel" : "online",
    range: { start: pages(from), end: pages(from + added) },
    spans: s.bootSpans,
    ...(policy === "auto-movable" && has(s.release, "auto-movable")
      ? {
        autoMovable: {
          balance: { kernel: pages(s.base), movable: pages(state.movable), ratio: ZoneChoice.defaultRatio },
          group
        }
      }
      : {})
  })
  return zone === "Movable" ? "movable" : "kernel"
}

/**
 * Why the kernel does not take memory of this size at all, before anything is paid; null when it does.
 *
 * @category queries
 * @since 0.1.0
 */
export const refusal = (s: Setup, bytes: number): string | null => {
  if (s.how === "dimm" && bytes % s.blockSize !== 0) {
    return `${size(bytes)} is not a multiple of the memory block of ${
      size(s.blockSize)
    }: the device is refused as a whole (HOT-22)`
  }
  if (s.how === "kmem" && bytes < s.blockSize) {
    return `no whole memory block of ${size(s.blockSize)} in ${size(bytes)}: EINVAL (25.1 step 3)`
  }
  const unit = s.arch.pageSize * 2 ** s.arch.largestOrder
  return s.how === "virtio-mem" && bytes % unit !== 0
    ? `${size(bytes)} is not a multiple of ${size(unit)}, the unit virtio-mem plugs on this architecture`
    : null
}

interface Taken {
  readonly step: Step
  readonly state: State
}

/** One step: `before` and `after` are bytes of memory blocks added since boot. */
const take = (s: Setup, state: State, asked: number, before: number, after: number): Taken => {
  const refused = refusal(s, asked)
  const cost = GrowthCost.between(s, before, refused === null ? after : before)
  const added = s.how === "virtio-mem" || refused !== null ? asked : after - before
  const memmap = s.selfHosted ? 0 : cost.memmap
  const needed = memmap + cost.pageTables + cost.bookkeeping
  const reserved = Math.min(state.free, Footprint.reserved(s.footprint, s.arch, state.zones))
  const node = `node ${s.node ?? 0}`
  const payer = state.kernel === 0 ? node : "memory added before"
  const reason = refused ??
    (needed <= state.free - reserved ? null : `describing ${size(added)} needs ${size(needed)} of RAM ` +
      `(${size(memmap)} of struct pages), but of ${size(state.free)} free only ${
        size(state.free - reserved)
      } can be had: ` +
      `add_memory fails with ENOMEM half-way, what it took stays taken (SEC-12), and a kernel without memory panics`)
  const zone = reason === null ? zoneOf(s, state, s.start + before, after - before) : null
  const usable = added - (s.selfHosted ? cost.memmap : 0)
  const grown = { kernel: zone === "kernel" ? usable : 0, movable: zone === "movable" ? usable : 0 }
  const next: State = reason !== null ? state : {
    free: state.free - needed + grown.kernel,
    zones: {
      kernel: state.zones.kernel + grown.kernel,
      movable: state.zones.movable + grown.movable,
      kernelZones: grown.kernel > 0 ? s.kernelZonesAtMost : state.zones.kernelZones
    },
    kernel: state.kernel + (zone === "kernel" ? added : 0),
    movable: state.movable + (zone === "movable" ? added : 0),
    total: state.total + added
  }
  return {
    state: next,
    step: {
      total: state.total + added,
      added,
      memmap,
      pageTables: cost.pageTables,
      bookkeeping: cost.bookkeeping,
      paidBy: s.selfHosted ? "the added memory" : payer,
      freeBefore: state.free,
      reserved,
      needed,
      ok: reason === null,
      reason,
      movableToKernel: next.kernel + next.movable === 0 ? null : next.movable / (s.base + next.kernel)
    }
  }
}

/**
 * The steps up to the wished total, or up to and including the first that fails, and the largest total that works.
 *
 * @category constructors
 * @since 0.1.0
 */
export const run = (s: Setup): { readonly steps: ReadonlyArray<Step>; readonly maximum: number } => {
  const taken: Array<Step> = []
  let state = initial(s)
  let blocks = 0
  for (let asked = 0; asked < s.to - s.base;) {
    const next = Math.min(asked + s.step, s.to - s.base)
    const bytes = next - asked
    const after = GrowthCost.blocksAfter(s, blocks, next, bytes)
    const one = take(s, state, bytes, blocks, after)
    taken.push(one.step)
    if (!one.step.ok) break
    state = one.state
    blocks = after
    asked = next
  }
  return { steps: taken, maximum: state.total }
}
