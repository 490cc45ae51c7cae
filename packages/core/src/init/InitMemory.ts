/**
 * Memory that is to become usable, and what surrounds those who make it so.
 *
 * @since 0.1.0
 */
import type * as Effect from "effect/Effect"
import type * as Semaphore from "effect/Semaphore"
import type * as PfnRange from "../geometry/PfnRange.ts"
import type { KernelError } from "../kernel/KernelError.ts"
import * as CostModel from "../time/CostModel.ts"
import type * as FairShare from "../time/FairShare.ts"
import type * as Timeline from "../time/Timeline.ts"
import type * as Disturbance from "./Disturbance.ts"
import type { InitStrategy } from "./InitStrategy.ts"
import type * as InitWork from "./InitWork.ts"
import type { Under } from "./MemmapInit.ts"
import { NotInitialised, type Reason } from "./NotInitialised.ts"
import type { Stores } from "./Stores.ts"

/**
 * Memory that is to become usable. Positions are pfns, sizes pages.
 *
 * - `first` belongs to the user; what lies before it is the driver's
 * - `order` of its pages; `section` and `subsection` are the machine's, `structPage` bytes
 * - `isBoot`: RAM, whose memmap is there and which has its zone; nobody takes a lock for it
 * - `mapping`: how its memmap is mapped, in blocks or page by page as shared compounds are
 * - `populate` maps the memmap of a part; it answers how far it got and why no further
 * - `join` gives the range to its zone and writes parts of the work, under the lock, which the caller holds
 * - `write` writes parts of the work and sets the types of their pageblocks
 *
 * @category models
 * @since 0.1.0
 */
export interface InitMemory {
  readonly name: string
  readonly node: number
  readonly range: PfnRange.PfnRange
  readonly first: number
  readonly isBoot: boolean
  readonly work: InitWork.InitWork
  readonly medium: CostModel.Medium
  readonly structPage: number
  readonly order: number
  readonly subsection: number
  readonly section: number
  readonly mapping: "blocks" | "shared"
  readonly linear: boolean
  readonly populate: (part: PfnRange.PfnRange) => Effect.Effect<Populated>
  readonly join: (parts: ReadonlyArray<InitWork.Part>) => Effect.Effect<void>
  readonly write: (parts: ReadonlyArray<InitWork.Part>, under: Under) => Effect.Effect<void>
}

/**
 * The memmap is mapped up to `reached`; `error` says why not further.
 *
 * @category models
 * @since 0.1.0
 */
export interface Populated {
  readonly reached: number
  readonly error: KernelError | null
}

/**
 * What the ranges of a machine share.
 *
 * - `stores`: who writes struct pages
 * - `permits`: how many workers run at once
 * - `tables`: the mutexes of the page tables, here one for all of them (ASY-11)
 * - `place`: the node on whose processors somebody is put
 * - `isCold`: nobody has touched the memmap of these pages since boot
 *
 * @category models
 * @since 0.1.0
 */
export interface Surroundings {
  readonly strategy: InitStrategy
  readonly costs: CostModel.CostModel
  readonly stores: Stores
  readonly timeline: Timeline.Timeline | null
  readonly permits: Semaphore.Semaphore | null
  readonly tables: Semaphore.Semaphore
  readonly place: (node: number) => Effect.Effect<number>
  readonly isCold: boolean
  readonly disturbance: Disturbance.Disturbance
  readonly onLost: (error: NotInitialised) => void
}

/**
 * Nanoseconds of somebody who works at `speed` times the usual: 0 is not at all.
 *
 * @category queries
 * @since 0.1.0
 */
export const paced = (nanos: number, speed: number): number => speed === 0 ? Infinity : nanos / speed

/**
 * Nanoseconds to map the memmap of one page.
 *
 * @category queries
 * @since 0.1.0
 */
export const mapNanos = (
  costs: CostModel.Costs,
  { mapping, section }: Pick<InitMemory, "mapping" | "section">
): number => costs[mapping === "shared" ? "sharedSection" : "section"] / section

/**
 * What a span says of struct pages that were written: the figures are read from it.
 *
 * @category queries
 * @since 0.1.0
 */
export const spanDetails = (
  structPages: number,
  { structPage }: Pick<InitMemory, "structPage">
): { readonly structPages: number; readonly bytes: number } => ({ structPages, bytes: structPages * structPage })

/**
 * What one struct page costs somebody.
 *
 * @category queries
 * @since 0.1.0
 */
export const demand = (
  { costs: { costs }, isCold, strategy }: Pick<Surroundings, "costs" | "isCold" | "strategy">,
  memory: Pick<InitMemory, "isBoot" | "medium" | "node" | "structPage">,
  node: number,
  speed = 1
): FairShare.Demand => {
  const written = strategy.writing === "template" ? costs.template : costs.store
  const device = written + (isCold ? costs.firstTouch : 0)
  return {
    pool: CostModel.pool(node),
    memory: CostModel.memory(memory.medium, memory.node),
    unitNanos: paced((memory.isBoot ? costs.bootPage : device) * (node === memory.node ? 1 : costs.remote), speed),
    unitBytes: memory.structPage
  }
}

/**
 * {@link refuse} where there is a reason.
 *
 * @category constructors
 * @since 0.1.0
 */
export const refused = (
  memory: Pick<InitMemory, "name" | "range">,
  reason: Reason | null,
  range?: PfnRange.PfnRange
): NotInitialised | null => reason === null ? null : refuse(memory, reason, range)

/**
 * Why pages of the memory will not be initialised; all of it unless said otherwise.
 *
 * @category constructors
 * @since 0.1.0
 */
export const refuse = (
  { name, range }: Pick<InitMemory, "name" | "range">,
  reason: Reason,
  { end, start }: PfnRange.PfnRange = range,
  cause?: KernelError
): NotInitialised => new NotInitialised({ device: name, start, end, reason, ...(cause === undefined ? {} : { cause }) })
