/**
 * What a thread is asked to write: runs of patterns, one after the other, in a run that others can shorten.
 *
 * @since 0.1.0
 */
import * as JobSlot from "./JobSlot.ts"
import type { PageKernel } from "./PageKernel.ts"
import type { Placed } from "./PagePattern.ts"
import * as PageWriter from "./PageWriter.ts"

/**
 * `lines` of a pattern that begin at byte `at`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Segment extends Placed {
  readonly at: number
  readonly lines: number
}

/**
 * Plain data, but for the shared words: it can be sent to another thread. `past`: past the cache, as `PageWriter.make` says.
 *
 * @category models
 * @since 0.1.0
 */
export interface PageJob {
  readonly segments: ReadonlyArray<Segment>
  readonly slot: JobSlot.JobSlot
  readonly past: boolean
}

/**
 * Lines of some segments.
 *
 * @category queries
 * @since 0.1.0
 */
export const linesOf = (segments: ReadonlyArray<Segment>): number => segments.reduce((sum, { lines }) => sum + lines, 0)

/**
 * Works through a job to its end, wherever that comes to be meanwhile; answers how many lines were written.
 *
 * @category running
 * @since 0.1.0
 */
export const run = (kernel: PageKernel, { past, segments, slot }: PageJob): number => {
  let index = 0
  let before = 0
  let writer = segments[0] === undefined ? undefined : PageWriter.make(kernel, segments[0].at, segments[0], past)
  for (let next = JobSlot.claim(slot, PageWriter.chunkLines); next !== null;) {
    for (let at = next.start; at < next.end;) {
      const segment = segments[index]
      if (segment === undefined || writer === undefined) return JobSlot.done(slot)
      const until = Math.min(next.end, before + segment.lines)
      writer.write(at - before, until - before)
      at = until
      if (at < before + segment.lines) continue
      before += segment.lines
      index++
      const following = segments[index]
      writer = following === undefined ? undefined : PageWriter.make(kernel, following.at, following, past)
    }
    JobSlot.setDone(slot, next.end)
    next = JobSlot.claim(slot, PageWriter.chunkLines)
  }
  return JobSlot.done(slot)
}
