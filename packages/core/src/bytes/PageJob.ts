/**
 * What a thread is asked to write: runs of patterns, one after the other, in a run that others can shorten.
 *
 * @since 0.1.0
 */
import * as JobSlot from "./JobSlot.ts"
import { blockLines, type PageKernel } from "./PageKernel.ts"
import * as PagePattern from "./PagePattern.ts"
import * as PageWriter from "./PageWriter.ts"

/**
 * `lines` of a pattern that begin at byte `at`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Segment extends PagePattern.Placed {
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

/** So often a runtime has done something before it thinks it worth compiling. */
const rehearsals = 300

/**
 * Small jobs on a kernel's own memory, until the runtime has compiled what jobs take: else the first ones, if they are small, take several
 * times as long as those that follow.
 *
 * @category running
 * @since 0.1.0
 */
export const rehearse = (kernel: PageKernel): void => {
  const { rest } = PagePattern.unwritten
  const lines = 2 * blockLines
  const shapes: ReadonlyArray<Pick<PagePattern.PagePattern, "points" | "stored" | "first" | "second">> = [
    { points: "nowhere", stored: 1, first: null, second: null },
    { points: "self", stored: 1, first: null, second: null },
    { points: "head", stored: 128, first: rest, second: rest }
  ]
  const segments = shapes.map((shape): Segment => ({
    pattern: { base: 0n, step: 64n, rest, ...shape },
    from: 0,
    at: kernel.scratch,
    lines
  }))
  for (let i = 0; i < rehearsals; i++) {
    run(kernel, { segments, slot: JobSlot.make(linesOf(segments)), past: false })
  }
}
