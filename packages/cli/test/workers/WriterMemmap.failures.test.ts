import { assert, describe, it } from "@effect/vitest"
import * as PfnRange from "@vmemmap/core/geometry/PfnRange"
import { GiB, MiB } from "@vmemmap/core/geometry/Units"
import type * as Geometry from "@vmemmap/core/simulation/Geometry"
import * as Measurement from "@vmemmap/core/simulation/Measurement"
import { Effect, Fiber, Result } from "effect"
import * as WriterMemmap from "../../src/workers/WriterMemmap.ts"
import * as Gates from "./gates.ts"
import {
  asDescribed,
  device,
  deviceBytes,
  inBackground,
  initialised,
  on,
  preset,
  type Threads,
  told,
  withThreads
} from "./machines.ts"

const refusedBy = Effect.fnUntraced(function*<A, E extends { readonly message: string }>(effect: Effect.Effect<A, E>) {
  const result = yield* Effect.result(effect)
  return Result.isFailure(result) ? result.failure : assert.fail("nobody refused")
})

const half = PfnRange.fromLength(device.start, PfnRange.length(device) / 2)

describe("WriterMemmap, a pool that is too small", { timeout: 60_000 }, () => {
  it.live("at once: ENOMEM, nothing is written, and the pool is as before; what fits is initialised", () =>
    on(preset("linux-6.1"), { beside: deviceBytes / 2 }, (seen) =>
      Effect.gen(function*() {
        const { bind, booted, gate, pool } = seen
        const before = Gates.reached(gate)
        const { errno, message } = yield* refusedBy(bind())
        assert.deepStrictEqual([errno, pool.usage().used, Gates.reached(gate)], ["ENOMEM", booted, before])
        assert.match(
          message,
          /^ENOMEM .* of dev will not be initialised, out of memory; give the pool of bytes more memory/
        )
        Gates.open(gate)
        const { unbind } = yield* bind(half)
        assert.strictEqual(initialised(seen, half), PfnRange.length(half))
        yield* asDescribed(seen, half)
        yield* unbind
        assert.strictEqual(pool.usage().used, booted)
      })))

  it.live("in the background: whoever awaits pages is told, then and later, and the pool is whole without the device", () =>
    Effect.gen(function*() {
      for (const name of inBackground) {
        yield* on(preset(name), { beside: deviceBytes / 8 }, (seen) =>
          Effect.gen(function*() {
            const { background, bind, booted, gate, pool } = seen
            Gates.open(gate)
            const { unbind } = yield* bind()
            const both = [background.await(device), background.finished(device)]
            const answers = yield* Effect.forEach(both, told, { concurrency: "unbounded" })
            assert.deepStrictEqual(answers, ["out of memory", "out of memory"], name)
            assert.deepStrictEqual(yield* Effect.forEach(both, told), ["out of memory", "out of memory"], name)
            const [progress = assert.fail("nothing goes on")] = background.progress()
            assert.strictEqual(progress.state, "failed")
            assert.strictEqual(initialised(seen), progress.done)
            assert.isBelow(progress.done, PfnRange.length(device))
            yield* unbind
            assert.strictEqual(pool.usage().used, booted)
          }))
      }
    }))
})

/** RAM of which some is deferred, and the chunks of what boots before that. */
const ram: Geometry.Geometry = { kind: "ram", size: 5 * GiB, align: 4096, map: "mem" }
const upFront = 4 * GiB / 4096 / 4096
const ramBytes = 5 * GiB / 64

const measured = (geometry: Geometry.Geometry, name: string, { pool, writers }: Threads) =>
  Measurement.run(geometry, preset(name), { memmap: WriterMemmap.layer(pool, writers), processors: 2 })

describe("WriterMemmap, machines that cannot boot", { timeout: 60_000 }, () => {
  it.live("RAM that the pool has no memory for: ENOMEM, up front and in the threads of nodes", () =>
    Effect.gen(function*() {
      const refused = Effect.fnUntraced(function*(name: string, all: Threads) {
        const error = yield* refusedBy(measured(ram, name, all))
        assert.strictEqual(error._tag, "KernelError")
        assert.match(error.message, /^ENOMEM .* of boot of node 0 will not be initialised, out of memory/)
      })
      yield* withThreads({ bytes: ramBytes - 32 * MiB }, (all) => refused("linux-6.1", all))
      yield* withThreads(
        { bytes: ramBytes - 8 * MiB, threads: 2 },
        (all) => Effect.forEach(["linux-4.20", "linux-6.1", "async-2018-v1"], (name) => refused(name, all))
      )
    }))

  it.live("threads that die while RAM is written: EIO, up front and in the threads of nodes", () =>
    withThreads({ bytes: ramBytes, threads: 2 }, (all) =>
      Effect.gen(function*() {
        for (
          const [name, chunk] of [["linux-6.1", 5], ["linux-4.20", upFront + 20], ["linux-6.1", upFront + 20]] as const
        ) {
          Gates.doom(all.gate, Gates.reached(all.gate) + chunk)
          const error = yield* refusedBy(measured(ram, name, all))
          assert.strictEqual(error._tag, "KernelError")
          assert.match(error.message, /^EIO .* of boot of node 0 will not be initialised, worker lost/)
        }
      })))
})

describe("WriterMemmap, threads that die", { timeout: 60_000 }, () => {
  it.live("at once: EIO, and the pool is as before; the device can be bound again", () =>
    on(preset("linux-6.1"), { death: "throw" }, (seen) =>
      Effect.gen(function*() {
        const { bind, booted, gate, pool } = seen
        Gates.doom(gate, Gates.reached(gate) + 5)
        Gates.open(gate)
        const { errno, message } = yield* refusedBy(bind())
        assert.deepStrictEqual([errno, pool.usage().used], ["EIO", booted])
        assert.match(
          message,
          /^EIO .* of dev will not be initialised, worker lost; bind the device again, or boot again where it is RAM$/
        )
        const { unbind } = yield* bind()
        assert.strictEqual(initialised(seen), PfnRange.length(device))
        yield* asDescribed(seen)
        yield* unbind
        assert.strictEqual(pool.usage().used, booted)
      })))

  it.live("in the background: whoever awaits pages is told, what was written stays, and the device can be bound again", () =>
    Effect.gen(function*() {
      for (
        const [name, threads] of [["async-2018-v1", 1], ["async-2018-v2", 2], ["vmemmap", 2]] as const
      ) {
        yield* on(preset(name), { threads }, (seen) =>
          Effect.gen(function*() {
            const { background, bind, booted, gate, pool, writers } = seen
            Gates.doom(gate, Gates.reached(gate) + 20)
            const first = yield* bind()
            const both = [background.await(device), background.finished(device)]
            const waiting = yield* Effect.forkChild(
              Effect.forEach(both, told, { concurrency: "unbounded" }),
              { startImmediately: true }
            )
            Gates.open(gate)
            assert.deepStrictEqual(yield* Fiber.join(waiting), ["worker lost", "worker lost"], name)
            assert.deepStrictEqual(yield* Effect.forEach(both, told), ["worker lost", "worker lost"], name)
            const [progress = assert.fail("nothing goes on")] = background.progress()
            assert.deepStrictEqual([progress.state, progress.busy, writers.progress().lines], ["failed", 0, 0])
            assert.strictEqual(initialised(seen), progress.done)
            assert.isAbove(progress.pending, 0)
            yield* first.unbind
            assert.strictEqual(pool.usage().used, booted)
            const second = yield* bind()
            yield* background.finished(device)
            assert.strictEqual(initialised(seen), PfnRange.length(device))
            yield* asDescribed(seen)
            yield* second.unbind
          }))
      }
    }))

  it.live("NotMeasured says of what and why, where the device is not there for lack of memory or of threads", () =>
    Effect.gen(function*() {
      const geometry: Geometry.Geometry = { kind: "device", size: 256 * MiB, align: 4096, map: "mem" }
      for (const name of ["linux-6.1", "vmemmap"]) {
        yield* withThreads({ bytes: ramBytes + 2 * MiB }, (all) =>
          Effect.gen(function*() {
            const error = yield* refusedBy(measured(geometry, name, all))
            assert.strictEqual(error._tag, "NotMeasured")
            assert.match(error.message, new RegExp(`^4K, map=mem, ${name}: not all struct pages .*, out of memory`))
          }))
      }
      yield* withThreads({ bytes: ramBytes + 4 * MiB }, (all) =>
        Effect.gen(function*() {
          Gates.doom(all.gate, 5 * upFront / 4 + 5)
          const error = yield* refusedBy(measured(geometry, "linux-6.1", all))
          assert.match(error.message, /^4K, map=mem, linux-6\.1: not all struct pages .*, worker lost/)
        }))
    }))
})
