/** Jobs for threads, and the bytes that one writer leaves who does them by itself. */
import { assert } from "@effect/vitest"
import * as BytePool from "@vmemmap/core/bytes/BytePool"
import type { Segment } from "@vmemmap/core/bytes/PageJob"
import * as PageJob from "@vmemmap/core/bytes/PageJob"
import * as PagePattern from "@vmemmap/core/bytes/PagePattern"
import * as PageWriter from "@vmemmap/core/bytes/PageWriter"
import type * as Stores from "@vmemmap/core/init/Stores"
import type { Image } from "@vmemmap/core/memmap/Image"
import { Effect, Exit } from "effect"
import type * as Writers from "../../src/workers/Writers.ts"

export const chunk = PageWriter.chunkLines

const vmemmap = 0xffffea0000000000n

/** A pool, and where it begins to hand out. */
export interface Place {
  readonly pool: BytePool.BytePool
  readonly from: number
}

/** A pool for `threads` and whoever looks on, all of it flooded with a byte that nobody writes. */
export const placeOf = (threads: number, lines: number, wasm = true): Place => {
  const pool = BytePool.make({ bytes: lines * PagePattern.line, threads: threads + 1, wasm })
  const from = pool?.allocate(PagePattern.line) ?? null
  if (pool === null || from === null) return assert.fail("no memory")
  pool.release(from, PagePattern.line)
  pool.kernelOf(0).flood(from, pool.usage().size)
  return { pool, from }
}

export const single: Image = {
  _tag: "Single",
  node: 0,
  zone: "Device",
  flags: 0,
  refcount: 1,
  links: { _tag: "Self" }
}

/** `lines` of an image that begin at pfn `start`, in memory of their own. */
export const segment = ({ pool }: Place, lines: number, image: Image = single, start = 2 ** 20): Segment => ({
  ...PagePattern.make(image, start, { vmemmap, stored: image._tag === "Compound" ? image.written : undefined }),
  at: pool.allocate(lines * PagePattern.line) ?? assert.fail("the pool is too small"),
  lines
})

/** A job somebody began, how often it was told to be over, and with how many lines. */
export interface Begun {
  readonly segments: ReadonlyArray<Segment>
  readonly job: Stores.Job
  readonly ends: ReadonlyArray<number>
}

export const begin = (writers: Writers.Writers, segments: ReadonlyArray<Segment>): Begun => {
  const ends: Array<number> = []
  const job = writers.begin(segments, (lines) => ends.push(lines))
  return { segments, job, ends }
}

/** Whoever waits for a job returned, or was interrupted. */
export const outcome = ({ job }: Begun): Effect.Effect<"returned" | "interrupted"> =>
  Effect.map(Effect.exit(job.finished), (exit) => Exit.isSuccess(exit) ? "returned" : "interrupted")

/** A job has left `lines`, was told so once, and nobody works on it. */
export const left = ({ ends, job }: Begun, lines: number, failure: string | null = null): void =>
  assert.deepStrictEqual([[...ends], job.done(), job.failure?.() ?? null], [[lines], lines, failure])

/** The bytes of a pool are those of one writer that did the first lines of each job, as many as it left, and nothing else. */
export const sameBytes = ({ from, pool }: Place, jobs: ReadonlyArray<Begun>): void => {
  const { size } = pool.usage()
  const twin = placeOf(0, size / PagePattern.line, false)
  const kernel = twin.pool.kernelOf(0)
  for (const { job, segments } of jobs) {
    let left = job.done()
    for (const one of segments) {
      const lines = Math.min(left, one.lines)
      PageWriter.write(kernel, one.at - from + twin.from, one, lines)
      left -= lines
    }
  }
  const found = Buffer.from(pool.buffer, from, size)
  const wanted = Buffer.from(twin.pool.buffer, twin.from, size)
  if (found.equals(wanted)) return
  const at = found.findIndex((byte, i) => byte !== wanted[i])
  assert.fail(`line ${Math.floor(at / PagePattern.line)} is not as one writer leaves it`)
}

export const linesOf = ({ segments }: Begun): number => PageJob.linesOf(segments)
