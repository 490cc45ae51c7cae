/**
 * RAM that boot left for later, while its threads begin and the allocator runs short (spec 06).
 *
 * @since 0.1.0
 */
import { MiB } from "@vmemmap/core/geometry/Units"
import * as DeferredBootInit from "@vmemmap/core/init/DeferredBootInit"
import type * as Machine from "@vmemmap/core/machine/Machine"
import { Memmap } from "@vmemmap/core/memmap/Memmap"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { pageSize } from "./Devices.ts"
import * as Findings from "./Findings.ts"
import type { Scenario } from "./Scenario.ts"

const ram = 512 * MiB

const pages = ram / pageSize

/** The most that the allocator gives at once. */
const order = 10

/** The machine has booted up to where its threads begin; `late` begins them. */
const paused = (_parts: Machine.Parts): Partial<Machine.Parts> => ({
  deferredBoot: Layer.effect(
    DeferredBootInit.DeferredBootInit,
    Effect.map(DeferredBootInit.make("one thread per node", () => 1, 0), (own) => {
      let isBooting = true
      return {
        ...own,
        late: Effect.suspend(() => {
          const isNow = !isBooting
          isBooting = false
          return isNow ? own.late : Effect.void
        })
      }
    })
  )
})

/**
 * The threads of the nodes: behind them nobody else finds anything to do any more. No page was initialised twice (DEF-9); that none was
 * left out is looked at in every machine (INI-5). They are boot's own: whoever would interrupt one waits for its end.
 */
const late = Effect.uninterruptible(Effect.gen(function*() {
  const { contents } = yield* Memmap
  yield* (yield* DeferredBootInit.DeferredBootInit).late
  for (const { end, start, value: { times } } of contents(0, pages)) {
    if (times > 1) yield* Findings.report("DEF-9", `pages ${start} to ${end - 1} were initialised ${times} times`)
  }
}))

/** Pages of RAM that are initialised. */
const initialised = Effect.map(
  Effect.service(Memmap),
  ({ contents }) =>
    contents(0, pages).reduce(
      (sum, { end, start, value: { image } }) => sum + (image._tag === "InUse" ? end - start : 0),
      0
    )
)

/**
 * All that boot initialised up front is taken but for less than one of them asks for. Whoever gets pages then gets what is initialised,
 * and not what somebody else got.
 */
const allocators = Effect.fnUntraced(function*(names: ReadonlyArray<string>) {
  const { allocate } = yield* DeferredBootInit.DeferredBootInit
  let taken = 0
  const take = Effect.gen(function*() {
    if (!(yield* allocate(0, order))) return
    taken += 2 ** order
    const there = yield* initialised
    if (taken > there) yield* Findings.report("DEF-7", `${taken} pages are allocated, of ${there} that are initialised`)
  })
  for (let left = yield* initialised; left >= 2 ** order; left -= 2 ** order) yield* take
  return Object.fromEntries(names.map((name) => [name, take]))
})

const booting = {
  machine: { kernel: "6.1", ranges: [{ kind: "ram" as const, start: 0, size: ram, node: 0 }] },
  replace: paused,
  isBooting: true
}

/**
 * @category scenarios
 * @since 0.1.0
 */
export const boots: ReadonlyArray<Scenario> = [
  {
    ...booting,
    name: "deferred-grow",
    about:
      "the allocator runs short and grows the zone while the thread of its node begins with what boot left for later",
    rules: ["DEF-6", "DEF-8", "DEF-9"],
    setup: Effect.map(allocators(["allocator"]), (contexts) => ({ pgdatinit: late, ...contexts }))
  },
  {
    ...booting,
    name: "deferred-grow-two",
    about: "two who need pages grow the zone, one after the other, while the thread of their node begins",
    rules: ["DEF-6", "DEF-7", "DEF-9"],
    setup: Effect.map(allocators(["first", "second"]), (contexts) => ({ pgdatinit: late, ...contexts })),
    preemptions: 2
  }
]
