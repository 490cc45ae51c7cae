/**
 * Fibers that sleep for random numbers of milliseconds, the same ones as in timer_heap.c, in `VirtualTime` or under
 * `TestClock`, moved at one go or in steps of a millisecond: `virtual|test|steps bare|generators FIBERS SLEEPS`. Bare fibers repeat
 * sleeps that were made beforehand and do nothing else, so that what is measured is the clock; generators are how programs are
 * written. Prints what a wake-up takes of CPU, how many there were, when the last one was, and in which order.
 */
import * as VirtualTime from "@vmemmap/core/time/VirtualTime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as TestClock from "effect/testing/TestClock"
import { createHash } from "node:crypto"
import * as Measure from "./Measure.ts"

const [clock, shape] = [process.argv[2], process.argv[3]]
const [fibers, sleeps] = [Number(process.argv[4]), Number(process.argv[5])]

/** The first runs are those of a compiler that is still at work; step by step each run is a hundred times as long. */
const [warm, rounds] = clock === "steps" ? [1, 3] : [Math.ceil(1_500_000 / (fibers * sleeps)), 9]

const makeDuration = (): () => number => {
  let seed = 12345
  return () => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0
    return 1 + seed % 1000
  }
}

const order = new Uint8Array(fibers * sleeps)

const naps = Array.from({ length: 1001 }, (_, millis) => Effect.sleep(millis))

/** What fiber `number` does, with what it does when it wakes. */
type Shape = (duration: () => number, number: number, woken: (number: number) => void) => Effect.Effect<void>

const bare: Shape = (duration, number, woken) => {
  let i = 0
  return Effect.whileLoop({
    while: () => i++ < sleeps,
    body: () => naps[duration()] ?? Effect.void,
    step: () => woken(number)
  })
}

const generators: Shape = Effect.fnUntraced(function*(duration, number, woken) {
  for (let i = 0; i < sleeps; i++) {
    yield* Effect.sleep(duration())
    woken(number)
  }
})

const sleeping = Effect.suspend(() => {
  const duration = makeDuration()
  let at = 0
  const woken = (number: number): void => {
    order[at++] = number
  }
  const fiber = shape === "bare" ? bare : generators
  return Effect.forEach(
    Array.from({ length: fibers }, (_, i) => i),
    (number) => fiber(duration, number, woken),
    { concurrency: "unbounded", discard: true }
  )
})

const now = TestClock.testClockWith((clock) => Effect.succeed(clock.currentTimeMillisUnsafe()))

/** Moved at one go is what `TestClock` does fastest; a test that looks at what happens moves it step by step. */
const moved = (clock === "steps")
  ? Effect.fnUntraced(function*(fiber: Fiber.Fiber<number>) {
    while (fiber.pollUnsafe() === undefined) yield* TestClock.adjust(1)
  })
  : () => TestClock.adjust(sleeps * 1000)

const tested = Effect.gen(function*() {
  const fiber = yield* Effect.forkChild(Effect.andThen(sleeping, now))
  yield* moved(fiber)
  return yield* Fiber.join(fiber)
}).pipe(Effect.provide(TestClock.layer()))

const virtual = Effect.map(VirtualTime.run(sleeping), ({ nanos }) => nanos / 1e6)

const times: Array<number> = []
let last = Number.NaN
for (let i = 0; i < warm + rounds; i++) {
  const before = process.cpuUsage()
  last = clock !== "virtual" ? await Effect.runPromise(tested) : Effect.runSync(virtual)
  const { system, user } = process.cpuUsage(before)
  times.push((user + system) * 1e3 / order.length)
}

process.stdout.write(JSON.stringify({
  ns: Measure.median(times.slice(warm)),
  events: order.length,
  last,
  order: createHash("sha256").update(order).digest("hex")
}))
