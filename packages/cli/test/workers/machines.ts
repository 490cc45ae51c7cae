/** A machine whose memmap is written by threads, chunk by chunk as they are let, and a device that comes and goes. */
import { assert } from "@effect/vitest"
import * as BytePool from "@vmemmap/core/bytes/BytePool"
import * as MemmapBytes from "@vmemmap/core/bytes/MemmapBytes"
import * as PfnRange from "@vmemmap/core/geometry/PfnRange"
import { GiB, KiB, MiB } from "@vmemmap/core/geometry/Units"
import * as Pagemaps from "@vmemmap/core/hotplug/Pagemaps"
import * as BackgroundInit from "@vmemmap/core/init/BackgroundInit"
import * as InitStrategies from "@vmemmap/core/init/InitStrategies"
import type * as InitStrategy from "@vmemmap/core/init/InitStrategy"
import type { NotInitialised } from "@vmemmap/core/init/NotInitialised"
import type { KernelError } from "@vmemmap/core/kernel/KernelError"
import * as Machine from "@vmemmap/core/machine/Machine"
import { type Context, Effect, Exit, Metric, Option, Result, Scope } from "effect"
import * as WriterMemmap from "../../src/workers/WriterMemmap.ts"
import * as Writers from "../../src/workers/Writers.ts"
import * as Gates from "./gates.ts"

const page = 4 * KiB

/** A gigabyte: its struct pages are 64 chunks. */
export const device = PfnRange.fromLength(8 * GiB / page, GiB / page)

export const deviceBytes = PfnRange.length(device) * 64

const ram = 512 * MiB

const bytesOf = ({ end, start }: PfnRange.PfnRange) => ({ start: start * page, end: end * page })

/** What a machine has beyond what its type says. */
export const service = <I, S>(key: Context.Key<I, S>) =>
  Effect.map(Effect.serviceOption(key), Option.getOrElse(() => assert.fail("the machine has none")))

/** Strategies that initialise in the background, as posted and ours. */
export const inBackground = ["async-2018-v1", "async-2018-v2", "vmemmap"] as const

export const preset = (name: string): InitStrategy.InitStrategy =>
  InitStrategies.presets.find((one) => one.name === name) ?? assert.fail(`no preset ${name}`)

/** Threads and what they write to; `endThreads`: none is started any more, and those there are end. */
export interface Threads {
  readonly gate: Gates.Gate
  readonly pool: BytePool.BytePool
  readonly writers: Writers.Writers
  readonly endThreads: Effect.Effect<void>
}

/**
 * What of a machine a test sees and does. `booted`: bytes in use before there was a device; `bind`: one gets struct pages, which `unbind`
 * takes away.
 */
export interface Seen extends Threads {
  readonly booted: number
  readonly bytes: MemmapBytes.MemmapBytes["Service"]
  readonly background: BackgroundInit.BackgroundInit["Service"]
  readonly bind: (range?: PfnRange.PfnRange) => Effect.Effect<{ readonly unbind: Effect.Effect<void> }, KernelError>
}

/** Runs an effect; once it is over none of the fibers that it began may be left. */
const leavingNobody = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    let alive = 0
    const counting: Metric.FiberRuntimeMetricsService = {
      recordFiberStart: () => void alive++,
      recordFiberEnd: () => void alive--
    }
    return Effect.tap(Effect.provideService(effect, Metric.FiberRuntimeMetrics, counting), () =>
      Effect.sync(() => assert.strictEqual(alive, 0, "fibers are left")))
  })

/**
 * Threads with a pool of `bytes`, and `body` with them; afterwards they end, and then nothing of the pool may be in use, nobody wait, and
 * no fiber be left.
 */
export const withThreads = <A, E>(
  { bytes, death, threads = 1 }: { readonly bytes: number; readonly death?: Gates.Death; readonly threads?: number },
  body: (all: Threads) => Effect.Effect<A, E>
) =>
  Effect.gen(function*() {
    const pool = BytePool.make({ bytes, threads: threads + 1 }) ?? assert.fail("no memory")
    const gate = Gates.make(death)
    const scope = yield* Scope.make()
    const writers = yield* Writers.make(pool, { threads, spawn: Gates.spawning(gate).spawn }).pipe(Scope.provide(scope))
    const endThreads = Scope.close(scope, Exit.void)
    Gates.open(gate)
    const done = yield* Effect.exit(body({ endThreads, gate, pool, writers }))
    Gates.open(gate)
    yield* endThreads
    assert.deepStrictEqual([pool.usage().used, writers.progress()], [0, { done: 0, lines: 0 }])
    return yield* done
  }).pipe(leavingNobody)

/** Boots a machine whose pool has memory for its RAM and `beside`; once it has booted the gate is closed. */
export const on = <A, E>(
  strategy: InitStrategy.InitStrategy,
  { beside = deviceBytes, ...threads }: {
    readonly beside?: number
    readonly death?: Gates.Death
    readonly threads?: number
  },
  body: (seen: Seen) => Effect.Effect<A, E>
) =>
  withThreads({ ...threads, bytes: ram / page * 64 + beside }, (all) =>
    Effect.gen(function*() {
      const { gate, pool } = all
      const pagemaps = yield* Pagemaps.Pagemaps
      Gates.close(gate)
      const bind: Seen["bind"] = Effect.fnUntraced(function*(range = device) {
        const scope = yield* Scope.make()
        yield* pagemaps.memremap({
          name: "dev",
          type: "fsdax",
          node: 0,
          ranges: [bytesOf(range)],
          background: "posted"
        }).pipe(
          Scope.provide(scope)
        )
        return { unbind: Scope.close(scope, Exit.void) }
      })
      return yield* body({
        ...all,
        booted: pool.usage().used,
        bytes: yield* service(MemmapBytes.MemmapBytes),
        background: yield* BackgroundInit.BackgroundInit,
        bind
      })
    }).pipe(
      Effect.provide(
        Machine.layer(
          { kernel: "6.1.176", ranges: [{ start: 0, size: ram, kind: "ram" }] },
          { memmap: WriterMemmap.layer(all.pool, all.writers), background: BackgroundInit.layer(strategy, [0]) }
        ),
        { local: true }
      )
    ))

/** What somebody who waits is told: nothing, where the pages are there. */
export const told = (effect: Effect.Effect<void, NotInitialised>): Effect.Effect<string> =>
  Effect.map(Effect.result(effect), (result) => Result.isSuccess(result) ? "" : result.failure.reason)

/** How many pages of the device are initialised, as their bytes say: of the smallest sub-ranges one is looked at. */
export const initialised = ({ bytes }: Seen, { end, start }: PfnRange.PfnRange = device): number => {
  let pages = 0
  for (let pfn = start; pfn < end; pfn += 256) if (bytes.page(pfn)?._tag === "Initialised") pages += 256
  return pages
}

/** The bytes of the device are those that its description makes. */
export const asDescribed = Effect.fnUntraced(function*({ bytes }: Seen, range: PfnRange.PfnRange = device) {
  yield* bytes.materialise(range)
  const found = bytes.sum(range)
  bytes.drop(range)
  yield* bytes.materialise(range)
  assert.deepStrictEqual(found, bytes.sum(range))
  assert.strictEqual(found.bytes, PfnRange.length(range) * 64)
})
