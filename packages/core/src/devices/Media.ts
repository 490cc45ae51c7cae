/**
 * The bytes of persistent memory that anybody looks at: info blocks, arenas, what is written through a block device.
 *
 * Only pages that were written are kept; everything else reads as zero, as fresh media do. Addresses are physical.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Alignment from "../geometry/Alignment.ts"
import * as ExtentMap from "../geometry/ExtentMap.ts"
import { addressLimit, hex } from "../geometry/Pfn.ts"
import type { PfnRange } from "../geometry/PfnRange.ts"
import { MiB } from "../geometry/Units.ts"
import * as KernelError from "../kernel/KernelError.ts"

/**
 * Bytes of a sector: the unit in which media go bad and are cleared.
 *
 * @category constants
 * @since 0.1.0
 */
export const sectorSize = 512

/**
 * The most bytes one call reads or writes.
 *
 * @category constants
 * @since 0.1.0
 */
export const largest = 16 * MiB

/**
 * Ranges are half-open, in bytes.
 *
 * - `read` answers EIO where a sector is bad, EINVAL for more than {@link largest} bytes
 * - `write` clears the bad sectors it covers completely; EIO where one is left
 * - `poison` makes the sectors of a range bad; `permanent` ones cannot be cleared
 * - `clear` writes zeros over the bad sectors of a range, which clears them: `false` where one is left (23.6)
 * - `bad` lists the bad parts of a range, ascending
 *
 * @category services
 * @since 0.1.0
 */
export class Media extends Context.Service<Media, {
  readonly read: (address: number, length: number) => Result.Result<Uint8Array, KernelError.KernelError>
  readonly write: (address: number, bytes: Uint8Array) => Result.Result<void, KernelError.KernelError>
  readonly poison: (range: PfnRange, permanent?: boolean) => void
  readonly clear: (range: PfnRange) => boolean
  readonly bad: (range: PfnRange) => ReadonlyArray<PfnRange>
}>()("@vmemmap/core/devices/Media") {}

const page = 4096

const badSector = (where: PfnRange) =>
  KernelError.fail({
    errno: "EIO",
    rule: "23.3",
    problem: `a sector between ${hex(where.start)} and ${hex(where.end - 1)} is bad`,
    remedy: "write it completely: that clears it"
  })

const bounded = (address: number, length: number): Result.Result<void, KernelError.KernelError> =>
  Number.isSafeInteger(address) && address >= 0 && length >= 0 && length <= largest && address + length <= addressLimit
    ? Result.succeed(undefined)
    : KernelError.fail({
      errno: "EINVAL",
      rule: "23.1",
      problem: `${length} bytes at ${hex(Math.max(0, Math.trunc(address)))} are no part of a device`,
      remedy: `read and write at most ${largest} bytes of an existing range`
    })

/**
 * Fresh media: all zero, nothing bad.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Media["Service"] => {
  const pages = new Map<number, Uint8Array>()
  const bad = ExtentMap.empty<{ readonly permanent: boolean }>()

  /** The pieces of a range, page by page. */
  const each = (
    address: number,
    length: number,
    visit: (number: number, at: number, from: number, to: number) => void
  ) => {
    for (let done = 0; done < length;) {
      const number = Math.floor((address + done) / page)
      const at = (address + done) % page
      const size = Math.min(page - at, length - done)
      visit(number, at, done, done + size)
      done += size
    }
  }

  const put = (address: number, bytes: Uint8Array): void =>
    each(address, bytes.byteLength, (number, at, from, to) => {
      const part = bytes.subarray(from, to)
      const stored = pages.get(number)
      if (stored !== undefined) stored.set(part, at)
      else if (part.some((byte) => byte !== 0)) {
        const fresh = new Uint8Array(page)
        fresh.set(part, at)
        pages.set(number, fresh)
      }
    })

  const badIn = ({ end, start }: PfnRange): ReadonlyArray<PfnRange> =>
    ExtentMap.slice(bad, start, end).map((extent) => ({ start: extent.start, end: extent.end }))

  /** Clears the bad sectors that lie wholly inside a range, except permanent ones. */
  const heal = ({ end, start }: PfnRange): void => {
    const from = Alignment.up(start, sectorSize)
    const to = Alignment.down(end, sectorSize)
    if (to <= from) return
    for (const extent of ExtentMap.slice(bad, from, to)) {
      if (!extent.value.permanent) ExtentMap.remove(bad, extent.start, extent.end)
    }
  }

  return Media.of({
    read: (address, length) =>
      Result.flatMap(bounded(address, length), () => {
        const range = { start: address, end: address + length }
        if (ExtentMap.overlaps(bad, range.start, range.end)) return badSector(range)
        const bytes = new Uint8Array(length)
        each(address, length, (number, at, from, to) => {
          const stored = pages.get(number)
          if (stored !== undefined) bytes.set(stored.subarray(at, at + to - from), from)
        })
        return Result.succeed(bytes)
      }),
    write: (address, bytes) =>
      Result.flatMap(bounded(address, bytes.byteLength), () => {
        const range = { start: address, end: address + bytes.byteLength }
        heal(range)
        put(address, bytes)
        return ExtentMap.overlaps(bad, range.start, range.end) ? badSector(range) : Result.succeed(undefined)
      }),
    poison: ({ end, start }, permanent = false) =>
      ExtentMap.set(bad, Alignment.down(start, sectorSize), Alignment.up(end, sectorSize), { permanent }),
    clear: (range) => {
      for (const part of badIn(range)) {
        heal(part)
        for (const [number, stored] of pages) {
          const from = Math.max(part.start, number * page)
          const to = Math.min(part.end, (number + 1) * page)
          if (to > from) stored.fill(0, from - number * page, to - number * page)
        }
      }
      return !ExtentMap.overlaps(bad, range.start, range.end)
    },
    bad: badIn
  })
}

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Media> = Layer.sync(Media, make)
