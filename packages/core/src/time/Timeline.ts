/**
 * What happened when, and on what: spans and instants of any program, in the order in which they ended.
 *
 * Times are nanoseconds of the clock in force. A program records nothing unless somebody gives it a timeline.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"

/**
 * Where something happens: `group` is a node, a device or a lock, `lane` what runs there one after the other.
 *
 * @category models
 * @since 0.1.0
 */
export interface Track {
  readonly group: string
  readonly lane: string
}

/**
 * Figures and words that belong to a span or an instant.
 *
 * @category models
 * @since 0.1.0
 */
export type Details = Readonly<Record<string, number | string>>

/**
 * Something that took from `start` to `end`; an instant where both are the same and `kind` says so.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry extends Track {
  readonly kind: "span" | "instant"
  readonly name: string
  readonly start: number
  readonly end: number
  readonly details: Details
}

/**
 * A timeline being written.
 *
 * @category models
 * @since 0.1.0
 */
export interface Timeline {
  readonly entries: Array<Entry>
}

/**
 * The timeline of the current program; `null`: nobody wants one.
 *
 * @category references
 * @since 0.1.0
 */
export const Current: Context.Reference<Timeline | null> = Context.Reference("@vmemmap/core/time/Timeline", {
  defaultValue: (): Timeline | null => null
})

/**
 * A timeline without entries.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (): Timeline => ({ entries: [] })

const read = (clock: Clock.Clock): number => Number(clock.monotonicTimeNanosUnsafe())

/**
 * Nanoseconds since the clock began, as a number: exact up to 104 days.
 *
 * @category queries
 * @since 0.1.0
 */
export const now: Effect.Effect<number> = Clock.clockWith((clock) => Effect.succeed(read(clock)))

/**
 * Notes an instant.
 *
 * @category operations
 * @since 0.1.0
 */
export const mark = (track: Track, name: string, details: Details = {}): Effect.Effect<void> =>
  Effect.flatMap(Effect.service(Current), (timeline) =>
    timeline === null
      ? Effect.void
      : Effect.map(now, (at) => {
        timeline.entries.push({ ...track, kind: "instant", name, start: at, end: at, details })
      }))

/**
 * Notes how long `effect` took, however it ended; `details` are asked for at the end.
 *
 * @category operations
 * @since 0.1.0
 */
export const span = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  track: Track,
  name: string,
  details: () => Details = () => ({})
): Effect.Effect<A, E, R> =>
  Effect.withFiber((fiber) => {
    const timeline = fiber.getRef(Current)
    if (timeline === null) return effect
    const clock = fiber.getRef(Clock.Clock)
    const start = read(clock)
    return Effect.onExit(effect, () => {
      timeline.entries.push({ ...track, kind: "span", name, start, end: read(clock), details: details() })
      return Effect.void
    })
  })
