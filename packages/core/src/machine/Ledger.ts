/**
 * The machine's books: who took how much memory for what, and which struct pages were mapped and written, as a fold over
 * the events of the log.
 *
 * The books know nothing but events; after every operation they are held against the machine itself. So an operation that
 * loses a page, or counts one twice, is named.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as ExtentMap from "../geometry/ExtentMap.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import type { Account } from "../kernel/KernelLog.ts"
import { KernelLog } from "../kernel/KernelLog.ts"
import { Kernel } from "../release/Kernel.ts"
import * as Survey from "../vmemmap/Survey.ts"
import { Vmemmap } from "../vmemmap/Vmemmap.ts"

/**
 * One line of the books: what came, what went. `held` is the difference.
 *
 * @category models
 * @since 0.1.0
 */
export interface Line {
  readonly book: Account["book"]
  readonly where: string
  readonly purpose: string
  readonly allocated: number
  readonly freed: number
}

type Entry = { -readonly [K in keyof Line]: Line[K] }

/**
 * Units of a line that are held now.
 *
 * @category queries
 * @since 0.1.0
 */
export const held = (line: Line): number => line.allocated - line.freed

/**
 * The books and the machine disagree: `operation` is the first after which they did.
 *
 * @category errors
 * @since 0.1.0
 */
export class Imbalance extends Schema.TaggedError<Imbalance>("@vmemmap/core/machine/Ledger/Imbalance")("Imbalance", {
  operation: Schema.String,
  book: Schema.String,
  booked: Schema.Int,
  found: Schema.Int
}) {
  override get message() {
    return `after ${this.operation} the books hold ${this.booked} (${this.book}), the machine ${this.found}`
  }
}

/**
 * - `lines` are the books so far; `total` sums what is held in the lines that match
 * - `balance` holds the books against the machine now
 * - `firstImbalance` is the first operation since boot after which they disagreed
 *
 * @category services
 * @since 0.1.0
 */
export class Ledger extends Context.Service<Ledger, {
  readonly lines: () => ReadonlyArray<Line>
  readonly total: (match: Partial<Pick<Line, "book" | "where" | "purpose">>) => number
  readonly balance: Effect.Effect<void, Imbalance>
  readonly firstImbalance: () => Option.Option<Imbalance>
}>()("@vmemmap/core/machine/Ledger") {}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.gen(function*() {
  const log = yield* KernelLog
  const { arch } = yield* Kernel
  const vmemmap = yield* Vmemmap
  const lines: Array<Entry> = []
  /** By purpose and place; of a few books each. */
  const index = new Map<string, Map<string, Array<Entry>>>()
  let first: Imbalance | undefined
  let open = 0

  const lineOf = (book: Line["book"], where: string, purpose: string): Entry => {
    const places = index.get(purpose) ?? new Map<string, Array<Entry>>()
    const alike = places.get(where) ?? []
    const known = alike.find((line) => line.book === book)
    if (known !== undefined) return known
    const line: Entry = { book, where, purpose, allocated: 0, freed: 0 }
    index.set(purpose, places)
    places.set(where, alike)
    for (const list of [lines, alike]) list.push(line)
    return line
  }

  const enter = ({ amount, book, purpose, where }: Account) => {
    const line = lineOf(book, where, purpose)
    if (amount > 0) line.allocated += amount
    else line.freed -= amount
  }

  const total = (match: Partial<Pick<Line, "book" | "where" | "purpose">>): number =>
    lines.reduce(
      (sum, line) =>
        (match.book ?? line.book) === line.book && (match.where ?? line.where) === line.where &&
          (match.purpose ?? line.purpose) === line.purpose
          ? sum + held(line)
          : sum,
      0
    )

  /** What the machine holds, by walking its page tables. */
  const found = () => {
    const { tables } = vmemmap
    const memory = Survey.backing(tables, { start: 0, end: Infinity }, (_, device) => device !== null, false)
    const pages = (device: boolean) =>
      memory.reduce((sum, b) => b.memory === device ? sum + b.bytes / arch.pageSize : sum, 0)
    const count = (map: ExtentMap.ExtentMap<true>) => PfnRange.total(map.extents)
    return [
      ["pages of RAM behind the memmap", total({ book: "ram", purpose: "memmap" }), pages(false)],
      ["pages of devices behind the memmap", total({ book: "device" }), pages(true)],
      ["bytes of PTE tables", total({ book: "tables", purpose: "pte" }), count(tables.pte) * arch.pteTable.bytes],
      ["bytes of PMD tables", total({ book: "tables", purpose: "pmd" }), count(tables.pmd) * arch.pmdTable.bytes],
      ["struct pages mapped", total({ book: "mapped" }), vmemmap.populated()]
    ] as const
  }

  const compare = (operation: string): Imbalance | undefined => {
    for (const [book, booked, there] of found()) {
      if (booked !== there) return new Imbalance({ operation, book, booked, found: there })
    }
    const negative = lines.find((line) => held(line) < 0)
    return negative === undefined ? undefined : new Imbalance({
      operation,
      book: `${negative.book} ${negative.where} ${negative.purpose}`,
      booked: held(negative),
      found: 0
    })
  }

  /** Quick to look at, and different after what maps or unmaps without booking. */
  const glance = (): string => {
    const { leaves, pmd, pte } = vmemmap.tables
    return [leaves, pte, pmd].map(({ extents }) => extents.length).concat(vmemmap.populated()).join()
  }
  let glanced = glance()
  let isBooked = false

  log.listen((event) => {
    if (event._tag === "Account") {
      enter(event)
      isBooked ||= event.book !== "written"
    }
    if (event._tag !== "Operation") return
    open += event.phase === "begin" ? 1 : -1
    if (open !== 0 || event.phase !== "end") return
    // Thousands of blocks that go online one by one hold no more and no less than before.
    const before = glanced
    glanced = glance()
    if (isBooked || glanced !== before) first ??= compare(event.name)
    isBooked = false
  })

  return Ledger.of({
    lines: () => [...lines],
    total,
    balance: Effect.suspend(() => {
      const imbalance = compare("the last operation")
      return imbalance === undefined ? Effect.void : Effect.fail(imbalance)
    }),
    firstImbalance: () => Option.fromUndefinedOr(first)
  })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Ledger, never, KernelLog | Kernel | Vmemmap> = Layer.effect(Ledger, make)
