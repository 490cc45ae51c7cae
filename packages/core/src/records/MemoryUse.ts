/**
 * Who holds which memory for memmaps, and what is mapped: the state of a machine in a few numbers.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as PfnRange from "../geometry/PfnRange.ts"
import { Pagemaps } from "../hotplug/Pagemaps.ts"
import * as Ledger from "../machine/Ledger.ts"
import { Kernel } from "../release/Kernel.ts"

/**
 * A mapping of device memory: `start` and `size` in bytes, `compound` the bytes of a compound page, 0 for base pages.
 *
 * @category models
 * @since 0.1.0
 */
export interface Mapping {
  readonly name: string
  readonly type: string
  readonly start: number
  readonly size: number
  readonly compound: number
  readonly memmapOnDevice: boolean
}

/**
 * Bytes: `ram` and `device` of struct pages, `pageTables` of the tables that map them; `structPages` are counted, not bytes.
 *
 * @category models
 * @since 0.1.0
 */
export interface MemoryUse {
  readonly ram: ReadonlyArray<{ readonly node: string; readonly bytes: number }>
  readonly device: number
  readonly pageTables: number
  readonly structPages: { readonly mapped: number; readonly initialised: number }
  readonly mappings: ReadonlyArray<Mapping>
}

/**
 * The use of memory of the running machine, now.
 *
 * @category operations
 * @since 0.1.0
 */
export const take = Effect.gen(function*() {
  const { arch } = yield* Kernel
  const ledger = yield* Ledger.Ledger
  const pagemaps = yield* Pagemaps
  const page = arch.pageSize
  const byNode = new Map<string, number>()
  for (const line of ledger.lines()) {
    if (line.book !== "ram" || line.purpose !== "memmap") continue
    byNode.set(line.where, (byNode.get(line.where) ?? 0) + Ledger.held(line) * page)
  }
  const written = ledger.lines().filter(({ book }) => book === "written")
  const use: MemoryUse = {
    ram: [...byNode].toSorted(([a], [b]) => Number(a) - Number(b)).map(([node, bytes]) => ({ node, bytes })),
    device: ledger.total({ book: "device" }) * page,
    pageTables: ledger.total({ book: "tables" }),
    structPages: {
      mapped: ledger.total({ book: "mapped" }),
      initialised: written.reduce((sum, { allocated }) => sum + allocated, 0)
    },
    mappings: pagemaps.all().flatMap(({ altmap, name, order, ranges, type }) =>
      ranges.map((range) => ({
        name,
        type,
        start: range.start * page,
        size: PfnRange.length(range) * page,
        compound: order === 0 ? 0 : 2 ** order * page,
        memmapOnDevice: altmap !== null
      }))
    )
  }
  return use
})
