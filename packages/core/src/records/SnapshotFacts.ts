/**
 * A snapshot of a range of memory, as a recording shows it: how its memmap is mapped and what its struct pages hold.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { Memmap } from "../memmap/Memmap.ts"
import { Kernel } from "../release/Kernel.ts"
import { SectionTable } from "../sections/SectionTable.ts"
import { Vmemmap } from "../vmemmap/Vmemmap.ts"
import { Zones } from "../zones/Zones.ts"
import type { MemoryNames } from "./MemoryNames.ts"
import * as StructPageFacts from "./StructPageFacts.ts"
import * as VmemmapFacts from "./VmemmapFacts.ts"

/**
 * `start` and `size` in bytes.
 *
 * @category models
 * @since 0.1.0
 */
export interface SnapshotFacts {
  readonly start: number
  readonly size: number
  readonly vmemmap: VmemmapFacts.VmemmapFacts
  readonly structPages: StructPageFacts.StructPageFacts
}

/**
 * The whole pages of a range of bytes, on the running machine. Cost grows with what differs in it, not with its size.
 *
 * @category constructors
 * @since 0.1.0
 */
export const take = Effect.fnUntraced(function*(
  names: MemoryNames,
  { size, start }: { readonly start: number; readonly size: number }
) {
  const kernel = yield* Kernel
  const memmap = yield* Memmap
  const table = yield* SectionTable
  const { tables } = yield* Vmemmap
  const zones = (yield* Zones).all()
  const page = kernel.arch.pageSize
  const first = Math.floor(start / page)
  const pages = { start: first, end: first + Math.floor(size / page) }
  const facts: SnapshotFacts = {
    start,
    size,
    vmemmap: VmemmapFacts.take({ kernel, tables, table, zones, names }, pages),
    structPages: StructPageFacts.take({ kernel, memmap, tables }, pages)
  }
  return facts
})
