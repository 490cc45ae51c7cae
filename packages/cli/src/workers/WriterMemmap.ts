/**
 * A memmap of real bytes whose struct pages threads write: whoever initialises in a machine with this layer does so for real, in the
 * time it takes.
 *
 * @since 0.1.0
 */
import type * as BytePool from "@vmemmap/core/bytes/BytePool"
import * as MemmapBytes from "@vmemmap/core/bytes/MemmapBytes"
import * as Stores from "@vmemmap/core/init/Stores"
import type { KernelError } from "@vmemmap/core/kernel/KernelError"
import { Memmap } from "@vmemmap/core/memmap/Memmap"
import type { Kernel } from "@vmemmap/core/release/Kernel"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Writers from "./Writers.ts"

/** A job that could not begin. */
const refused: Stores.Job = {
  done: () => 0,
  processorNanos: () => 0,
  shorten: () => 0,
  failure: () => "out of memory",
  finished: Effect.interrupt,
  whenEnded: (callback) => callback()
}

/**
 * Stores of struct pages by threads, into the memory of a memmap of bytes.
 *
 * @category constructors
 * @since 0.1.0
 */
export const stores = (
  bytes: Pick<MemmapBytes.MemmapBytes["Service"], "ahead">,
  writers: Pick<Writers.Writers, "begin">
): Stores.Stores => ({
  begin: ({ weight = 1 }, _structPages, parts, whole) => {
    const ahead = bytes.ahead(parts())
    return ahead === null ? refused : writers.begin(ahead.segments, ahead.end, { whole, isUrgent: weight > 1 })
  }
})

/**
 * The memmap of a machine in the bytes of a pool that was made for one thread more than `writers` has; the initialisation of the machine
 * uses these.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  pool: BytePool.BytePool,
  writers: Writers.Writers
): Layer.Layer<Memmap | MemmapBytes.MemmapBytes, KernelError, Kernel> =>
  Layer.effectContext(
    Effect.map(MemmapBytes.scoped(pool), ({ bytes, memmap }) =>
      Context.make(Memmap, memmap).pipe(
        Context.add(MemmapBytes.MemmapBytes, bytes),
        Context.add(Stores.Current, stores(bytes, writers))
      ))
  )
