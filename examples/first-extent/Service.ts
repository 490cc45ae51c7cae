/** What the service does, on whatever clock and screen it is given. */
import { Clock, Console, Context, type Duration, Effect, Fiber, Stream } from "effect"
import { DaxStore } from "./DaxStore.ts"

/** Shows text to whoever watches, as it is. */
export const Screen: Context.Reference<(text: string) => Effect.Effect<void>> = Context.Reference("examples/Screen", {
  defaultValue: () => (_text: string): Effect.Effect<void> => Effect.void
})

const width = 30

const bar = (done: number, total: number): string => {
  const full = Math.floor(width * done / total)
  return `[${"#".repeat(full)}${".".repeat(width - full)}] ${Math.floor(100 * done / total)} %`
}

const millisSince = (start: bigint) =>
  Effect.map(Clock.monotonicTimeNanos, (now) => (Number(now - start) / 1e6).toFixed(1))

/** Draws the bar until everything is initialised. */
const draw = Effect.gen(function*() {
  const show = yield* Screen
  const { progress } = yield* DaxStore
  yield* Stream.runForEach(progress, ({ done, total }) => show(`\r${bar(done, total)}`))
  yield* show("\n")
})

/** Begins to serve as soon as the first extent can be used; the rest comes meanwhile. */
export const serve = Effect.fn("serve")(function*(patience: Duration.Duration) {
  const start = yield* Clock.monotonicTimeNanos
  const { firstExtent } = yield* DaxStore
  const drawing = yield* Effect.forkChild(draw)
  const pfn = yield* firstExtent(patience)
  yield* Console.log(`serving from pfn 0x${pfn.toString(16)} after ${yield* millisSince(start)} ms`)
  yield* Fiber.join(drawing)
  yield* Console.log(`all struct pages are there after ${yield* millisSince(start)} ms`)
})
