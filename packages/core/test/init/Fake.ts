/** Memory without a machine: ranges initialised in the background that nothing but their struct pages is known of. */
import { assert } from "@effect/vitest"
import { Effect, Exit, Result, Semaphore } from "effect"
import type * as PfnRange from "../../src/geometry/PfnRange.ts"
import * as Disturbance from "../../src/init/Disturbance.ts"
import type * as InitMemory from "../../src/init/InitMemory.ts"
import * as InitStrategies from "../../src/init/InitStrategies.ts"
import type * as InitStrategy from "../../src/init/InitStrategy.ts"
import type * as NotInitialised from "../../src/init/NotInitialised.ts"
import * as RangeInit from "../../src/init/RangeInit.ts"
import * as Stores from "../../src/init/Stores.ts"
import { KernelError } from "../../src/kernel/KernelError.ts"
import type { Image } from "../../src/memmap/Image.ts"
import * as CostModel from "../../src/time/CostModel.ts"
import * as Timeline from "../../src/time/Timeline.ts"
import * as VirtualTime from "../../src/time/VirtualTime.ts"

export const preset = (name: string): InitStrategy.InitStrategy =>
  InitStrategies.presets.find((one) => one.name === name) ?? assert.fail(`no preset ${name}`)

/** Pages of a section and of a subsection. */
export const section = 512
export const subsection = 64

const single: Image = { _tag: "Single", node: 0, zone: "Device", flags: 0, refcount: 1, links: { _tag: "Self" } }

/** What populating fails with. */
export const noMemory = new KernelError({
  errno: "ENOMEM",
  rule: "SEC-10",
  step: "section_activate",
  problem: "no memory for the memmap",
  remedy: "free memory"
})

/**
 * Pages `[first, range.end)` to be written one by one, which takes `slow` nanoseconds while others run. `written` counts the
 * stores of each page; a store to what is not mapped, or was closed, is noted in `lost`.
 */
export const make = (
  range: PfnRange.PfnRange,
  rest: Partial<InitMemory.InitMemory> = {},
  image: Image = single,
  slow = 0
) => {
  const { first = range.start } = rest
  const written = new Uint8Array(range.end - range.start)
  const mapped = new Uint8Array(range.end - range.start)
  const lost: Array<PfnRange.PfnRange> = []
  let isClosed = false
  const pages = range.end - first
  const compounds = image._tag === "Compound" ? { heads: pages / 2 ** image.order, each: image.written } : null
  const memory: InitMemory.InitMemory = {
    name: "dev",
    node: 0,
    range,
    first,
    isBoot: false,
    work: {
      locked: [],
      never: [],
      unlocked: pages === 0 ? [] : [{
        start: first,
        end: range.end,
        written: compounds === null ? pages : compounds.heads * compounds.each,
        image
      }]
    },
    medium: "ram",
    structPage: 64,
    order: image._tag === "Compound" ? image.order : 0,
    section,
    subsection,
    mapping: "blocks",
    linear: false,
    populate: ({ end, start }) =>
      Effect.sync(() => {
        mapped.fill(1, start - range.start, end - range.start)
        return { reached: end, error: null }
      }),
    join: () => Effect.void,
    write: (parts) =>
      Effect.andThen(
        slow === 0 ? Effect.void : Effect.sleep(`${slow} nanos`),
        Effect.sync(() => {
          for (const { end, start } of parts) {
            for (let at = start - range.start; at < end - range.start; at++) {
              written[at] = (written[at] ?? 0) + 1
              if (mapped[at] !== 1 || isClosed) lost.push({ start: at + range.start, end: at + range.start + 1 })
            }
          }
        })
      ),
    ...rest
  }
  const count = (
    pfns: PfnRange.PfnRange
  ) => [...new Set(written.subarray(pfns.start - range.start, pfns.end - range.start))]
  const close = () => {
    isClosed = true
  }
  return { memory, written, mapped, lost, count, close }
}

export interface Around {
  readonly costs?: Partial<CostModel.Costs>
  readonly disturbance?: Disturbance.Disturbance
  readonly limit?: number
}

/** Processors and memories without end unless said otherwise. */
export const around = Effect.fnUntraced(function*(
  strategy: InitStrategy.InitStrategy,
  { costs = {}, disturbance = Disturbance.none, limit }: Around = {}
) {
  const lost: Array<NotInitialised.NotInitialised> = []
  const timeline = Timeline.make()
  const model = yield* CostModel.make({ ...CostModel.nothing, ...costs })
  const surroundings: InitMemory.Surroundings = {
    strategy,
    costs: model,
    stores: Stores.timed(model),
    timeline,
    permits: limit === undefined ? null : Semaphore.makeUnsafe(limit),
    tables: Semaphore.makeUnsafe(1),
    place: Effect.succeed,
    isCold: false,
    disturbance,
    onLost: (error) => void lost.push(error)
  }
  return { around: surroundings, timeline, lost }
})

export const actor = { node: 0, track: { group: "dev", lane: "fault" } }

/** Runs to its end in virtual time: it must succeed, and nobody may be left. */
export const inTime = <A, E>(effect: Effect.Effect<A, E>, options: VirtualTime.Options = {}) =>
  Effect.map(VirtualTime.run(effect, options), (run) => {
    if (Exit.isFailure(run.exit)) return assert.fail(String(run.exit.cause))
    assert.deepStrictEqual(run.left, [])
    return run.exit.value
  })

/** What a program that cannot go on says: who waits for what. */
export const deadlock = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.map(VirtualTime.run(effect), ({ exit }) => {
    if (Exit.isSuccess(exit)) return assert.fail("it ended")
    return String(exit.cause)
  })

/** Who asks. */
export const named = (lane: string) => ({ node: 0, track: { group: "dev", lane } })

/** How long it takes, and what comes of it. */
export const timed = <A, E>(effect: Effect.Effect<A, E>) =>
  Effect.gen(function*() {
    const began = yield* Timeline.now
    const answer = yield* Effect.result(effect)
    return { nanos: (yield* Timeline.now) - began, answer }
  })

export const reasonOf = (answer: Result.Result<unknown, { readonly reason: string }>): string =>
  Result.isSuccess(answer) ? "" : answer.failure.reason

/** A few thousand pages, 10 ns each, 1 ns a page to map. */
export const small = { start: 0, end: 4096 }
export const costs = { store: 10, template: 10, section }

export const begin = Effect.fnUntraced(function*(
  strategy: InitStrategy.InitStrategy,
  rest: Around = {},
  range: PfnRange.PfnRange = small,
  first = range.start
) {
  const fake = make(range, { first, section, subsection })
  const { around: surroundings, lost, timeline } = yield* around(strategy, { costs, ...rest })
  return { fake, around: surroundings, lost, timeline, init: yield* RangeInit.make(fake.memory, surroundings) }
})
