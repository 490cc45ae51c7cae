/**
 * Memory that several threads share, handed out in runs and taken back: pages that were touched once are used again first, for
 * touching fresh ones costs many times what is then written to them.
 *
 * @since 0.1.0
 */
import * as ExtentMap from "../geometry/ExtentMap.ts"
import * as PageKernel from "./PageKernel.ts"
import * as TypedArrayKernel from "./TypedArrayKernel.ts"
import * as WasmKernel from "./WasmKernel.ts"

/**
 * What threads are given to write to the same memory.
 *
 * @category models
 * @since 0.1.0
 */
export type Shared =
  | { readonly _tag: "Wasm"; readonly memory: WasmKernel.SharedMemory }
  | { readonly _tag: "Plain"; readonly buffer: SharedArrayBuffer }

/**
 * Bytes of a pool: all it can hand out, what is in use, and what was ever in use at once.
 *
 * @category models
 * @since 0.1.0
 */
export interface Usage {
  readonly size: number
  readonly used: number
  readonly touched: number
}

/**
 * Bytes from a position on.
 *
 * @category models
 * @since 0.1.0
 */
export interface Run {
  readonly at: number
  readonly bytes: number
}

/**
 * - `allocate` a run of bytes, a multiple of `granule`; its position, or `null` where there is none
 * - `gather` as many bytes in several runs, where there is no single one; `null` where there are not so many
 * - `release` one that was allocated, or a part of one
 * - `kernelOf` a thread by its number, below the number of threads the pool was made for
 *
 * @category models
 * @since 0.1.0
 */
export interface BytePool {
  readonly shared: Shared
  readonly buffer: SharedArrayBuffer
  readonly allocate: (bytes: number) => number | null
  readonly gather: (bytes: number) => ReadonlyArray<Run> | null
  readonly release: (at: number, bytes: number) => void
  readonly kernelOf: (thread: number) => PageKernel.PageKernel
  readonly usage: () => Usage
}

/**
 * What runs are multiples of.
 *
 * @category constants
 * @since 0.1.0
 */
export const granule = 4096

/**
 * The most a pool can have.
 *
 * @category constants
 * @since 0.1.0
 */
export const largest = WasmKernel.largest

/** The most that arrays address without WebAssembly, in every runtime. */
const largestPlain = 2 ** 32

const round = (bytes: number): number => Math.ceil(bytes / granule) * granule

/**
 * What a pool for so many threads takes of its memory beyond what it hands out.
 *
 * @category queries
 * @since 0.1.0
 */
export const ownBytes = (threads: number): number => threads * round(PageKernel.ownBytes)

/**
 * The kernel of a thread on shared memory: its own scratch memory comes before what is handed out.
 *
 * @category constructors
 * @since 0.1.0
 */
export const kernelOn = (shared: Shared, thread: number): PageKernel.PageKernel => {
  const scratch = ownBytes(thread)
  return shared._tag === "Wasm"
    ? WasmKernel.make(shared.memory, scratch)
    : TypedArrayKernel.make(shared.buffer, scratch)
}

const reserve = (bytes: number, wasm: boolean): Shared | null => {
  if (wasm && WasmKernel.isSupported(bytes)) {
    const memory = WasmKernel.memory(bytes)
    if (memory !== null) return { _tag: "Wasm", memory }
  }
  if (bytes > largestPlain) return null
  try {
    return { _tag: "Plain", buffer: new SharedArrayBuffer(bytes) }
  } catch {
    return null
  }
}

/**
 * A pool of so many bytes for so many threads, `null` where the runtime does not have them. Nothing is touched before it is
 * handed out. `wasm: false` does without WebAssembly.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  { bytes, threads = 1, wasm = true }: {
    readonly bytes: number
    readonly threads?: number | undefined
    readonly wasm?: boolean | undefined
  }
): BytePool | null => {
  const begin = ownBytes(threads)
  const size = round(bytes)
  const shared = reserve(begin + size, wasm)
  if (shared === null) return null
  const free = ExtentMap.empty<true>()
  ExtentMap.set(free, begin, begin + size, true)
  const buffer = shared._tag === "Wasm" ? shared.memory.buffer : shared.buffer
  let used = 0
  let reached = begin

  const take = (at: number, length: number): number => {
    ExtentMap.remove(free, at, at + length)
    used += length
    reached = Math.max(reached, at + length)
    return at
  }

  const allocate = (bytes: number): number | null => {
    const length = round(bytes)
    // The lowest that is large enough: higher ones may never have been touched.
    const found = free.extents.find(({ end, start }) => end - start >= length)
    return found === undefined || length === 0 ? null : take(found.start, length)
  }

  const gather = (bytes: number): ReadonlyArray<Run> | null => {
    const one = allocate(bytes)
    if (one !== null) return [{ at: one, bytes }]
    if (bytes === 0 || round(bytes) > size - used) return null
    const runs: Array<Run> = []
    for (let left = bytes; left > 0;) {
      const next = free.extents[0]
      if (next === undefined) break
      const length = Math.min(round(left), next.end - next.start)
      runs.push({ at: take(next.start, length), bytes: Math.min(left, length) })
      left -= length
    }
    return runs
  }

  return {
    shared,
    buffer,
    allocate,
    gather,
    release: (at, bytes) => {
      const length = round(bytes)
      ExtentMap.set(free, at, at + length, true)
      used -= length
    },
    kernelOf: (thread) => kernelOn(shared, thread),
    usage: () => ({ size, used, touched: reached - begin })
  }
}
