/**
 * `/proc/kpageflags`: what the kernel tells of each page (SPW-11).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Alignment from "../geometry/Alignment.ts"
import { KernelError } from "../kernel/KernelError.ts"
import type { Memmap } from "../memmap/Memmap.ts"
import { PageFlag, type StructPage } from "../memmap/StructPage.ts"
import * as PageAddress from "../sections/PageAddress.ts"
import type { Index } from "../sections/PagemapIndex.ts"
import type { Table } from "../sections/SectionTable.ts"
import type * as SysfsTree from "./SysfsTree.ts"

/**
 * Bits of a word, as far as the model has pages that show them.
 *
 * @category constants
 * @since 0.1.0
 */
export const Bit = {
  buddy: 10n,
  compoundHead: 15n,
  compoundTail: 16n,
  noPage: 20n,
  offline: 23n,
  reserved: 32n,
  private: 35n,
  ownerPrivate: 37n
} as const

/**
 * What the words are read from; `maxPfn` is that of `ArchMemory`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Source {
  readonly memmap: Pick<Memmap["Service"], "read">
  readonly table: Table
  readonly index: Index
  readonly maxPfn: number
}

/**
 * The pfn from which on the file has no words: the highest of RAM that ever was, in whole sections.
 *
 * @category queries
 * @since 0.1.0
 */
export const end = ({ maxPfn, table }: Source): number => Alignment.up(maxPfn, table.pagesPerSection)

const flagBits = [
  [PageFlag.reserved, Bit.reserved],
  [PageFlag.ownerPriv1, Bit.ownerPrivate],
  [PageFlag.private, Bit.private],
  [PageFlag.head, Bit.compoundHead]
] as const

const bitsOf = (page: StructPage): ReadonlyArray<bigint> | null => {
  if (page._tag !== "Initialised") return null
  const { buddyOrder, flags, isOffline, links, refcount } = page
  // The kernel looks for the free block around a page nobody holds, so all pages of it are told, not only its first.
  const isFree = buddyOrder !== null || (refcount === 0 && flags === 0 && links._tag === "Self")
  return [
    ...flagBits.flatMap(([flag, bit]) => (flags & flag) === 0 ? [] : [bit]),
    ...(isFree ? [Bit.buddy] : []),
    ...(links._tag === "Tail" ? [Bit.compoundTail] : []),
    ...(isOffline === true ? [Bit.offline] : [])
  ]
}

/**
 * The word of a pfn; `undefined` where the file has ended, `null` for a page whose use does not follow from the machine's
 * description.
 *
 * @category queries
 * @since 0.1.0
 */
export const word = (source: Source, pfn: number): bigint | null | undefined => {
  if (pfn >= end(source)) return undefined
  if (!PageAddress.isOnline(source.table, source.index, pfn)) return 1n << Bit.noPage
  return bitsOf(source.memmap.read(pfn))?.reduce((word, bit) => word | 1n << bit, 0n) ?? null
}

/** Bytes of a word. */
const wordSize = 8

const misaligned = (problem: string) =>
  Effect.fail(new KernelError({ errno: "EINVAL", rule: "SPW-11", problem, remedy: "read whole words of 8 bytes" }))

/**
 * The file: little-endian words by pfn, the one of a page whose use is not known without any bit. EINVAL for parts of words.
 *
 * @category constructors
 * @since 0.1.0
 */
export const file = (source: () => Source): SysfsTree.Bytes => ({
  _tag: "Bytes",
  get size() {
    return end(source()) * wordSize
  },
  read: (offset, length) =>
    offset % wordSize !== 0 || length % wordSize !== 0
      ? misaligned(`${length} bytes at ${offset} are no words`)
      : Effect.sync(() => {
        const now = source()
        const first = offset / wordSize
        const count = Math.max(0, Math.min(length / wordSize, end(now) - first))
        const words = new DataView(new ArrayBuffer(count * wordSize))
        for (let i = 0; i < count; i++) words.setBigUint64(i * wordSize, word(now, first + i) ?? 0n, true)
        return new Uint8Array(words.buffer)
      }),
  write: null
})
