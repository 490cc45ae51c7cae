/**
 * Device memory that is initialised in the background while somebody uses it, waits for it, or takes it away (spec 13, 26).
 *
 * @since 0.1.0
 */
import { MiB } from "@vmemmap/core/geometry/Units"
import { Pagemaps } from "@vmemmap/core/hotplug/Pagemaps"
import * as BackgroundInit from "@vmemmap/core/init/BackgroundInit"
import * as InitStrategies from "@vmemmap/core/init/InitStrategies"
import { toKernelError } from "@vmemmap/core/init/NotInitialised"
import type * as Machine from "@vmemmap/core/machine/Machine"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { apart, device, mapped, pfns, small, usePage } from "./Devices.ts"
import * as Findings from "./Findings.ts"
import type { Contexts, Scenario } from "./Scenario.ts"
import * as Walkers from "./Walkers.ts"

/**
 * The strategy of a machine, by its name in `simulate`.
 *
 * @category layers
 * @since 0.1.0
 */
export const strategy = (text: string) => (_parts: Machine.Parts): Partial<Machine.Parts> => ({
  background: BackgroundInit.layer(Result.getOrThrow(InitStrategies.parse(text)), [0])
})

/** The posting of 2018 as it should have been, of a size to be explored: two workers with two sub-ranges each. */
export const posted = "async-2018-v2:workers=2;subRanges=2"

const size = 128 * MiB

const request = device("pmem0", apart, size, { background: "posted" })

const { end, start } = pfns(request)

/** Whoever faults on pages holds their device (26.5), waits for them, and may then use each. */
const fault = Effect.fnUntraced(function*(from: number, to: number) {
  const { await: wait } = yield* BackgroundInit.BackgroundInit
  const { get } = yield* Pagemaps
  if (Option.isNone(yield* get(from))) return
  yield* Effect.mapError(wait({ start: from, end: to }), toKernelError)
  for (const pfn of [from, to - 1]) yield* usePage(pfn, "a fault")
}, Effect.scoped)

/** Whoever writes `sync` to memmap_state may then use every page. */
const sync = Effect.gen(function*() {
  const { finished } = yield* BackgroundInit.BackgroundInit
  yield* Effect.mapError(finished({ start, end }), toKernelError)
  for (const pfn of [start, end - 1]) yield* usePage(pfn, "sync")
})

/** In the end nobody works any more, and memmap_state says so. */
const isIdle = Effect.gen(function*() {
  const { isActive } = yield* BackgroundInit.BackgroundInit
  yield* sync
  if (isActive({ start, end })) yield* Findings.report("ASY-8", "memmap_state is active, but nobody works any more")
})

const quarter = (end - start) / 4

const background = { machine: small, replace: strategy(posted), preemptions: 1 } as const

/**
 * The device is mapped by a context, for its workers to be contexts of their own; the others begin when its driver goes on. `end` is what
 * happens to it then.
 */
const attached = (
  what: Parameters<typeof mapped>[0],
  others: Contexts,
  end: "stays" | "goes" = "stays"
): Effect.Effect<Contexts, never, Scope.Scope> =>
  Effect.gen(function*() {
    const scope = yield* Effect.scope
    const published = yield* Deferred.make<void>()
    const map = Effect.gen(function*() {
      const { unmap } = yield* Effect.ensuring(mapped(what), Deferred.succeed(published, undefined)).pipe(
        Scope.provide(scope)
      )
      if (end === "goes") yield* unmap
    })
    const waiting = Object.entries(others).map(([name, effect]) =>
      [name, Effect.andThen(Deferred.await(published), Effect.andThen(Effect.yieldNow, effect))] as const
    )
    return { map: Effect.ignore(map), ...Object.fromEntries(waiting) }
  })

/**
 * @category scenarios
 * @since 0.1.0
 */
export const inits: ReadonlyArray<Scenario> = [
  {
    ...background,
    name: "init-fault",
    about: "pages are initialised by two workers while somebody faults on some that straddle two sub-ranges",
    rules: ["ASY-6", "ASY-8", "ASY-12", "BUG-26"],
    setup: attached(request, { fault: fault(start + quarter - 256, start + quarter + 256) })
  },
  {
    ...background,
    name: "init-sync",
    about: "somebody waits until all is initialised, as writing sync to memmap_state does",
    rules: ["ASY-9", "26.4", "BUG-27", "BUG-28"],
    setup: attached(request, { sync: isIdle })
  },
  {
    ...background,
    name: "init-unload",
    about: "the device goes away while it is initialised and somebody faults",
    rules: ["ASY-10", "26.5"],
    setup: attached(request, { fault: Effect.ignore(fault(start, start + 512)) }, "goes")
  },
  {
    ...background,
    name: "init-no-memory",
    about: "the memmap cannot be populated, while two somebodies wait for pages",
    rules: ["ASY-5", "26.6", "BUG-29"],
    machine: { ...small, ranges: [{ kind: "ram", start: 0, size: 8 * MiB, node: 0 }] },
    setup: attached(device("pmem0", apart, 4 * size, { background: "posted" }), {
      first: Effect.ignore(fault(start, start + 512)),
      last: Effect.ignore(fault(start + 4 * (end - start) - 512, start + 4 * (end - start)))
    })
  },
  {
    machine: { ...small, ranges: [{ kind: "ram", start: 0, size: 8 * MiB, node: 0 }] },
    replace: strategy("async-2018-v2:workers=1;subRanges=1"),
    preemptions: 1,
    name: "init-no-memory-ragged",
    about:
      "the memmap cannot be populated, and the device goes away, whose last section was marked before it was there",
    rules: ["SEC-12", "ZON-4", "26.6"],
    setup: attached(device("pmem0", apart, 4.5 * size, { background: "posted" }), {
      walker: Walkers.ramWalker(start + 4 * (end - start))
    }, "goes")
  },
  {
    ...background,
    name: "init-after-failure",
    about: "the memmap of one device cannot be populated, and another one is mapped after it",
    rules: ["ASY-11", "BUG-29"],
    machine: { ...small, ranges: [{ kind: "ram", start: 0, size: 8 * MiB, node: 0 }] },
    setup: attached(device("pmem0", apart, 4 * size, { background: "posted" }), {
      other: Effect.scoped(Effect.gen(function*() {
        const { memremap } = yield* Pagemaps
        const { finished } = yield* BackgroundInit.BackgroundInit
        const again = device("pmem1", 2 * apart, size / 2, { background: "posted" })
        yield* memremap(again)
        yield* Effect.ignore(finished(pfns(again)))
      }))
    })
  },
  {
    machine: small,
    replace: strategy("vmemmap:kernel=6.1;vmemmap=base;workers=2"),
    preemptions: 1,
    name: "init-exact",
    about: "pages are initialised from where somebody faults on, section by section, while the device goes away",
    rules: ["ASY-14", "26.5"],
    setup: attached({ ...request, background: "possible" }, { fault: Effect.ignore(fault(end - 512, end)) }, "goes")
  },
  {
    machine: small,
    replace: strategy("vmemmap:kernel=6.1;vmemmap=base;workers=2"),
    preemptions: 1,
    name: "init-exact-two",
    about: "pages are initialised from where two somebodies fault on, each the part it needs",
    rules: ["ASY-14", "26.5"],
    setup: attached({ ...request, background: "possible" }, {
      fault: fault(end - 512, end),
      other: fault(start + quarter, start + quarter + 1)
    })
  },
  {
    machine: { ...small, ranges: [{ kind: "ram", start: 0, size: 8 * MiB, node: 0 }] },
    replace: strategy("vmemmap:kernel=6.1;vmemmap=base;workers=2"),
    preemptions: 1,
    name: "init-exact-no-memory",
    about:
      "the memmap of a section cannot be populated while somebody faults on another, which belongs to a neighbour as well",
    rules: ["ASY-11", "ASY-14", "SEC-11"],
    setup: Effect.andThen(
      mapped(device("neighbour", apart + 4.5 * size, size / 2)),
      attached(device("pmem0", apart, 4.5 * size, { background: "possible" }), {
        fault: Effect.ignore(fault(start + 4 * (end - start), start + 4 * (end - start) + 512))
      })
    )
  }
]
