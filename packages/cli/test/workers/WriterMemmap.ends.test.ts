import { assert, describe, it } from "@effect/vitest"
import type * as BytePool from "@vmemmap/core/bytes/BytePool"
import * as PfnRange from "@vmemmap/core/geometry/PfnRange"
import { GiB, MiB } from "@vmemmap/core/geometry/Units"
import * as Geometry from "@vmemmap/core/simulation/Geometry"
import * as Measurement from "@vmemmap/core/simulation/Measurement"
import { Effect, Exit, Fiber } from "effect"
import * as WriterMemmap from "../../src/workers/WriterMemmap.ts"
import * as Gates from "./gates.ts"
import { asDescribed, device, inBackground, initialised, on, preset, type Seen, told, withThreads } from "./machines.ts"

const pages = PfnRange.length(device)

const last: PfnRange.PfnRange = { start: device.end - 1, end: device.end }

/** A device that both threads write to, each in the middle of a chunk, and who waits for all of it and for its last page. */
const underWay = Effect.fnUntraced(function*({ background, bind, gate }: Seen) {
  const before = Gates.reached(gate)
  Gates.open(gate, before + 10)
  const { unbind } = yield* bind()
  yield* Gates.arrived(gate, before + 12)
  const asked = [background.await(device), background.await(last), background.finished(device)]
  const waiting = yield* Effect.forEach(asked, (one) => Effect.forkChild(told(one), { startImmediately: true }))
  const go = Effect.fnUntraced(function*<A, E>(effect: Effect.Effect<A, E>) {
    const fiber = yield* Effect.forkChild(effect, { startImmediately: true })
    Gates.open(gate)
    yield* Fiber.join(fiber)
    return yield* Fiber.joinAll(waiting)
  })
  return { go, unbind }
})

/** The device can be bound, and all of it is initialised; nothing is left of it afterwards. */
const boundAgain = Effect.fnUntraced(function*(seen: Seen) {
  const { background, bind, booted, pool } = seen
  assert.strictEqual(pool.usage().used, booted)
  const { unbind } = yield* bind()
  // Whoever awaits pages may have them before the threads say that they are done.
  yield* background.await(device)
  yield* background.finished(device)
  assert.strictEqual(initialised(seen), pages)
  yield* asDescribed(seen)
  yield* unbind
  assert.strictEqual(pool.usage().used, booted)
})

/** Returns once nothing of a pool is in use: what threads write to is theirs until they say that they are done. */
const unused = (pool: BytePool.BytePool): Effect.Effect<void> =>
  Effect.suspend(() => pool.usage().used === 0 ? Effect.void : Effect.andThen(Effect.yieldNow, unused(pool)))

describe("WriterMemmap, initialisation that ends early", { timeout: 60_000 }, () => {
  it.live("cancelled: whoever waits is told; what was written before is there, and nothing else", () =>
    Effect.gen(function*() {
      for (const name of inBackground) {
        yield* on(preset(name), { threads: 2 }, (seen) =>
          Effect.gen(function*() {
            const { background, bytes, writers } = seen
            const { go, unbind } = yield* underWay(seen)
            const answers = yield* go(background.cancel(device))
            // Ours gives the last page to whoever waits for it alone.
            assert.deepStrictEqual(answers, ["cancelled", name === "vmemmap" ? "" : "cancelled", "cancelled"], name)
            const [progress = assert.fail("nothing goes on")] = background.progress()
            assert.deepStrictEqual([progress.state, progress.busy, writers.progress().lines], ["cancelled", 0, 0])
            assert.isFalse(background.isActive(device))
            assert.isAtLeast(progress.done, 8 * 4096)
            // As first posted each worker has one sub-range: its share.
            assert.strictEqual(progress.pending > 0, name !== "async-2018-v1")
            assert.strictEqual(initialised(seen) + (name === "vmemmap" ? 1 : 0), progress.done)
            assert.strictEqual(bytes.page(last.start)?._tag, name === "async-2018-v2" ? "Unwritten" : "Initialised")
            yield* asDescribed(seen)
            assert.strictEqual(yield* told(background.finished(device)), "cancelled")
            yield* unbind
            yield* boundAgain(seen)
          }))
      }
    }))

  it.live("unloaded: those who wait for workers get their pages, the others are told; nothing stays", () =>
    Effect.gen(function*() {
      for (const name of inBackground) {
        yield* on(preset(name), { threads: 2 }, (seen) =>
          Effect.gen(function*() {
            const { background, writers } = seen
            const { go, unbind } = yield* underWay(seen)
            assert.deepStrictEqual(yield* go(unbind), [name === "vmemmap" ? "unloaded" : "", "", ""], name)
            assert.deepStrictEqual([background.progress(), writers.progress().lines], [[], 0])
            yield* boundAgain(seen)
          }))
      }
    }))

  it.live("without threads: whoever waits is told that they are lost, and whoever begins later", () =>
    Effect.gen(function*() {
      for (const name of inBackground) {
        yield* on(preset(name), { threads: 2 }, (seen) =>
          Effect.gen(function*() {
            const { background, bind, booted, endThreads, pool } = seen
            const { go, unbind } = yield* underWay(seen)
            assert.deepStrictEqual(yield* go(endThreads), ["worker lost", "worker lost", "worker lost"], name)
            yield* unbind
            assert.strictEqual(pool.usage().used, booted)
            const again = yield* bind()
            assert.strictEqual(yield* told(background.await(device)), "worker lost")
            assert.strictEqual(yield* told(background.finished(device)), "worker lost")
            yield* again.unbind
          }))
      }
      yield* on(preset("linux-6.1"), {}, ({ bind, booted, endThreads, gate, pool }) =>
        Effect.gen(function*() {
          const before = Gates.reached(gate)
          const binding = yield* Effect.forkChild(Effect.flip(bind()), { startImmediately: true })
          yield* Gates.arrived(gate, before + 1)
          const ending = yield* Effect.forkChild(endThreads, { startImmediately: true })
          Gates.open(gate)
          yield* Fiber.join(ending)
          assert.strictEqual((yield* Fiber.join(binding)).errno, "EIO")
          assert.strictEqual((yield* Effect.flip(bind())).errno, "EIO")
          assert.strictEqual(pool.usage().used, booted)
        }))
    }))

  it.live("a machine that is interrupted at any point gives its memory back and leaves nobody", () =>
    Effect.gen(function*() {
      const ram: Geometry.Geometry = { kind: "ram", size: 5 * GiB, align: 4096, map: "mem" }
      const disk: Geometry.Geometry = { kind: "device", size: 256 * MiB, align: 4096, map: "mem" }
      const cases = [
        [ram, "linux-6.1", 3],
        [ram, "linux-4.20", 270],
        [ram, "linux-6.1", 270],
        [disk, "linux-6.1", 325],
        [disk, "async-2018-v2", 325],
        [disk, "vmemmap", 325]
      ] as const
      yield* withThreads(
        { bytes: Geometry.memmapBytes(disk), threads: 2 },
        ({ gate, pool, writers }) =>
          Effect.gen(function*() {
            for (const [geometry, name, chunk] of cases) {
              Gates.close(gate)
              const until = Gates.reached(gate) + chunk
              Gates.open(gate, until - 1)
              const booting = yield* Effect.forkChild(
                Measurement.run(geometry, preset(name), { memmap: WriterMemmap.layer(pool, writers), processors: 2 })
              )
              yield* Effect.raceFirst(
                Gates.arrived(gate, until),
                Effect.andThen(Fiber.join(booting), Effect.sync(() => assert.fail("it booted")))
              )
              const ending = yield* Effect.forkChild(Fiber.interrupt(booting), { startImmediately: true })
              Gates.open(gate)
              yield* Fiber.join(ending)
              assert.isTrue(Exit.hasInterrupts(yield* Fiber.await(booting)), `${geometry.kind} ${name}`)
              yield* unused(pool)
            }
          })
      )
    }))
})
