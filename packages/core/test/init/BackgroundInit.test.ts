import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, type Layer, Option, Result, Scope, Stream } from "effect"
import { NvdimmBus } from "../../src/devices/NvdimmBus.ts"
import * as Faults from "../../src/frames/Faults.ts"
import { Pagemaps } from "../../src/hotplug/Pagemaps.ts"
import * as BackgroundInit from "../../src/init/BackgroundInit.ts"
import * as Disturbance from "../../src/init/Disturbance.ts"
import * as InitStrategy from "../../src/init/InitStrategy.ts"
import type * as NotInitialised from "../../src/init/NotInitialised.ts"
import { KernelLog } from "../../src/kernel/KernelLog.ts"
import { Ledger } from "../../src/machine/Ledger.ts"
import * as Machine from "../../src/machine/Machine.ts"
import type { MachineSpec } from "../../src/machine/MachineSpec.ts"
import { Memmap } from "../../src/memmap/Memmap.ts"
import { PagemapIndex } from "../../src/sections/PagemapIndex.ts"
import * as SectionTable from "../../src/sections/SectionTable.ts"
import * as MachineTree from "../../src/sysfs/MachineTree.ts"
import { Modules } from "../../src/sysfs/Modules.ts"
import * as CostModel from "../../src/time/CostModel.ts"
import * as Timeline from "../../src/time/Timeline.ts"
import * as VirtualTime from "../../src/time/VirtualTime.ts"
import * as Waiting from "../../src/time/Waiting.ts"
import * as Harness from "../devices/Harness.ts"
import { typed } from "../sysfs/Shell.ts"
import * as Fake from "./Fake.ts"
import * as Machines from "./Machines.ts"

const GiB = 2 ** 30

/** 10 ns a struct page, 1 µs to map a section. */
const costs: CostModel.Costs = { ...CostModel.nothing, processors: 64, store: 10, template: 10, section: 1000 }

const { preset } = Fake
const everywhere = { start: 0, end: 2 ** 40 }

interface Options {
  readonly costs?: CostModel.Costs
  readonly disturbance?: Disturbance.Disturbance
}

/** Runs to its end in virtual time on a machine whose operations cost something. */
const inTime = <A, E, R>(body: Effect.Effect<A, E, R>, options: Options = {}) =>
  Effect.scoped(Effect.gen(function*() {
    const model = yield* CostModel.make(options.costs ?? costs)
    return yield* body.pipe(
      Effect.provideService(CostModel.Current, model),
      Effect.provideService(Disturbance.Current, options.disturbance ?? Disturbance.none)
    )
  }))

const ended = <A, E>({ exit, left }: VirtualTime.Run<A, E>): A => {
  if (Exit.isFailure(exit)) return assert.fail(String(exit.cause))
  assert.deepStrictEqual(left, [])
  return exit.value
}

/** A machine with NVDIMMs at 8 GiB, its drivers and tools. */
const typing = <A, E>(
  strategy: InitStrategy.InitStrategy,
  body: Effect.Effect<A, E, Scope.Scope | Layer.Success<ReturnType<typeof MachineTree.boot>>>,
  spec: MachineSpec = { ...Harness.machine([{ start: 8 * GiB, size: GiB }]), kernel: InitStrategy.kernelText(strategy) }
) =>
  Effect.map(
    VirtualTime.run(
      inTime(Effect.gen(function*() {
        const modules = yield* Modules
        for (const name of MachineTree.bootModules) yield* modules.load(name)
        return yield* body
      })).pipe(
        Effect.provide(MachineTree.boot(spec, { background: BackgroundInit.layer(strategy, [0]) }), { local: true })
      )
    ),
    ended
  )

const fsdax = "ndctl create-namespace -f -e namespace0.0 -m fsdax -M mem --no-autolabel"
const state = "/sys/bus/nd/devices/pfn0.0/memmap_state"
const data = { start: 8 * GiB / 4096 + 512, end: 9 * GiB / 4096 }

const reasonOf = (answer: Result.Result<unknown, { readonly reason: string }>): string =>
  Result.isSuccess(answer) ? "" : answer.failure.reason

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const began = yield* Timeline.now
    const answer = yield* Effect.result(effect)
    return { nanos: (yield* Timeline.now) - began, answer }
  })

describe("memmap_state", () => {
  it.effect("26.4: active while struct pages are written, sync waits for them, then it is idle", () =>
    typing(
      preset("async-2018-v2"),
      Effect.gen(function*() {
        yield* typed(fsdax)
        assert.deepStrictEqual(yield* typed(`cat ${state}`), [[0, "active\n", ""]])
        // Anything else is refused, and at once.
        const refused = yield* timed(typed(`echo synced > ${state}`))
        assert.deepStrictEqual(refused.nanos, 0)
        assert.deepStrictEqual(refused.answer, Result.succeed([[1, "", "sh: write error: Invalid argument\n"]]))
        assert.deepStrictEqual(yield* typed(`cat ${state}`), [[0, "active\n", ""]])
        const synced = yield* timed(typed(`echo sync > ${state}`))
        // Eight sections, then the share of the last worker: 262144 pages of 1 GiB are written by eight.
        assert.strictEqual(synced.nanos, 8 * 1000 + 32768 * 10)
        assert.deepStrictEqual(synced.answer, Result.succeed([[0, "", ""]]))
        assert.deepStrictEqual(yield* typed(`cat ${state}\necho sync > ${state}`), [[0, "idle\n", ""], [0, "", ""]])
      })
    ))

  it.effect("BUG-28: with the bit of a fast worker stuck it is active for ever, also after sync", () =>
    typing(
      { ...preset("async-2018-v2"), flaws: ["stuck-active"] },
      Effect.gen(function*() {
        yield* typed(fsdax)
        yield* typed(`echo sync > ${state}`)
        yield* Effect.sleep("1 day")
        assert.deepStrictEqual(yield* typed(`cat ${state}`), [[0, "active\n", ""]])
      })
    ))

  it.effect("BUG-27: sync comes back while the highest worker writes", () =>
    Effect.gen(function*() {
      const after = (flaws: InitStrategy.InitStrategy["flaws"]) =>
        typing(
          { ...preset("async-2018-v2"), flaws },
          Effect.gen(function*() {
            yield* typed("ndctl create-namespace -f -e namespace0.0 -m fsdax -M dev --no-autolabel")
            return yield* typed(`echo sync > ${state}\ncat ${state}`)
          })
        )
      assert.deepStrictEqual(yield* after(["exclusive-sync"]), [[0, "", ""], [0, "active\n", ""]])
      assert.deepStrictEqual(yield* after([]), [[0, "", ""], [0, "idle\n", ""]])
    }))
})

describe("who is initialised in the background", () => {
  const count = Effect.map(Effect.service(BackgroundInit.BackgroundInit), ({ progress }) => progress().length)

  it.effect("ASY-3: where the architecture has no support all is done at once", () =>
    Effect.gen(function*() {
      const on = (arch: string) =>
        typing(
          preset("async-2018-v2"),
          Effect.gen(function*() {
            const { nanos } = yield* timed(typed(fsdax))
            const memmap = yield* Memmap
            return [yield* count, nanos > 0, memmap.read(data.end - 1)._tag]
          }),
          {
            ...Harness.machine([{ start: 8 * GiB, size: GiB }]),
            kernel: InitStrategy.kernelText(preset("async-2018-v2")),
            arch
          }
        )
      assert.deepStrictEqual(yield* on("x86_64"), [1, false, "Unwritten"])
      assert.deepStrictEqual(yield* on("arm64-4k"), [0, true, "Initialised"])
      // By as many threads as there are workers, with the lock (ASY-3).
      const held = typing(
        preset("async-2018-v2"),
        Effect.gen(function*() {
          const timeline = Timeline.make()
          yield* Effect.provideService(typed(fsdax), Timeline.Current, timeline)
          const lock = timeline.entries.find(({ group }) => group === "locks")
          const writers = timeline.entries.filter(({ name }) => name === "initialise")
          return [
            writers.filter(({ lane }) => lane.startsWith("worker")).length,
            writers.every(({ end, start }) => lock !== undefined && start >= lock.start && end <= lock.end)
          ]
        }),
        {
          ...Harness.machine([{ start: 8 * GiB, size: GiB }]),
          kernel: InitStrategy.kernelText(preset("async-2018-v2")),
          arch: "arm64-4k"
        }
      )
      assert.deepStrictEqual(yield* held, [8, true])
    }))

  it.effect("ASY-1: a range of memmap= without an info block stays synchronous", () =>
    typing(
      preset("async-2018-v2"),
      Effect.gen(function*() {
        const memmap = yield* Memmap
        assert.strictEqual(yield* count, 0)
        assert.strictEqual(memmap.read(5 * GiB / 4096 - 1)._tag, "Initialised")
        // By eight threads all the same, who are waited for (ASY-3).
        assert.strictEqual(yield* Timeline.now, 8 * 1000 + 262144 / 8 * 10)
      }),
      { ...Harness.machine([], "memmap=1G!4G"), kernel: InitStrategy.kernelText(preset("async-2018-v2")) }
    ))
})

describe("unbinding", () => {
  it.effect("ASY-10, 26.5: v2 waits for its workers; ours cancels them; both can be bound again", () =>
    Effect.gen(function*() {
      const unbound = (strategy: InitStrategy.InitStrategy) =>
        typing(
          strategy,
          Effect.gen(function*() {
            const bus = yield* NvdimmBus
            const background = yield* BackgroundInit.BackgroundInit
            const ledger = yield* Ledger
            yield* typed(fsdax)
            const waiting = yield* Effect.forkChild(Effect.result(background.finished(everywhere)))
            yield* Effect.sleep("20 micros")
            const { nanos } = yield* timed(bus.unbind("pfn0.0"))
            assert.deepStrictEqual(background.progress(), [])
            const told = yield* Fiber.join(waiting)
            yield* ledger.balance
            yield* bus.bind("pfn0.0")
            yield* background.finished(everywhere)
            const memmap = yield* Memmap
            assert.strictEqual(memmap.read(data.end - 1)._tag, "Initialised")
            return [nanos, reasonOf(told)]
          })
        )
      assert.deepStrictEqual(yield* unbound(preset("async-2018-v2")), [8000 + 327680 - 20000, ""])
      const [nanos, told] = yield* unbound({ ...preset("vmemmap"), workers: 8, kernel: "async-2018-v2" })
      // A sub-range of ours are 512 pages.
      assert.isBelow(Number(nanos), 5120)
      assert.strictEqual(told, "")
    }))

  it.effect("26.5: whoever waits is told that it was unloaded, or cancelled", () =>
    typing(
      { ...preset("vmemmap"), help: "none", kernel: "async-2018-v2" },
      Effect.gen(function*() {
        const bus = yield* NvdimmBus
        const background = yield* BackgroundInit.BackgroundInit
        yield* typed(fsdax)
        const waits = Effect.forkChild(Effect.result(background.await({ start: data.end - 1, end: data.end })))
        const first = yield* waits
        yield* Effect.sleep("20 micros")
        yield* background.cancel(everywhere)
        assert.strictEqual(reasonOf(yield* Fiber.join(first)), "cancelled")
        assert.deepStrictEqual(background.progress().map(({ state }) => state), ["cancelled"])
        assert.isFalse(background.isActive(data))
        assert.strictEqual(reasonOf(yield* Effect.result(background.finished(data))), "cancelled")
        yield* bus.unbind("pfn0.0")
        yield* bus.bind("pfn0.0")
        const second = yield* waits
        yield* Effect.sleep("20 micros")
        yield* bus.unbind("pfn0.0")
        assert.strictEqual(reasonOf(yield* Fiber.join(second)), "unloaded")
      })
    ))

  it.effect("26.5: cancelling what is done changes nothing", () =>
    typing(
      { ...preset("vmemmap"), kernel: "async-2018-v2" },
      Effect.gen(function*() {
        const background = yield* BackgroundInit.BackgroundInit
        yield* typed(fsdax)
        yield* background.finished(data)
        yield* background.cancel(everywhere)
        assert.deepStrictEqual(background.progress().map(({ state }) => state), ["idle"])
        yield* background.finished(data)
        yield* background.await(data)
      })
    ))

  it.effect("unloading the driver, or the end of the machine, at any instant leaves nobody", () =>
    Effect.gen(function*() {
      for (const name of ["async-2018-v1", "async-2018-v2", "vmemmap"]) {
        for (const micros of [0, 3, 9, 100, 300]) {
          yield* typing(
            { ...preset(name), kernel: "async-2018-v2" },
            Effect.gen(function*() {
              const bus = yield* NvdimmBus
              yield* typed(fsdax)
              yield* Effect.sleep(`${micros} micros`)
              if (micros % 2 === 0) yield* bus.unload("nd_pmem")
            })
          )
        }
      }
    }))
})

describe("jobs that were queued before", () => {
  /** When each of three devices is ready. */
  const times = (change: Partial<InitStrategy.InitStrategy>, name: string) => {
    const strategy = { ...preset(name), ...change }
    const machines = Machines.make(strategy, [drawn(), drawn(), drawn()])
    return attached(machines, () =>
      Effect.gen(function*() {
        const background = yield* BackgroundInit.BackgroundInit
        const pagemaps = yield* Pagemaps
        for (const { request } of machines.devices) yield* pagemaps.memremap(request)
        const began = yield* Timeline.now
        const ready = yield* Effect.forEach(machines.devices, ({ range }) =>
          Effect.andThen(background.finished(range), Effect.map(Timeline.now, (now) => now - began)), {
          concurrency: "unbounded"
        })
        return ready
      }))
  }

  it.effect("13: v1 has one domain: workers come after everything that was queued before, in v2 after its memmaps, else after their own", () =>
    Effect.gen(function*() {
      const one = yield* times({}, "async-2018-v1")
      const [alone = 0] = yield* times({ domains: "one per range" }, "async-2018-v1")
      const [first = 0, second = 0, third = 0] = one
      assert.isAtLeast(second, first + alone / 2)
      assert.isAtLeast(third, second + alone / 2)
      const apart = yield* times({}, "async-2018-v2")
      assert.isBelow(Math.max(...apart) - Math.min(...apart), Math.min(...apart) / 2)
      const free = yield* times({ domains: "one per range" }, "async-2018-v2")
      assert.isTrue(free.every((at, i) => at <= (apart[i] ?? 0)))
    }))
})

describe("jobs that were queued before, and turns", () => {
  it.effect("who observes from outside is in no domain: a small device is done when it is, beside a large one", () => {
    const strategy = preset("async-2018-v2")
    const machines = Machines.make(strategy, [drawn({ length: 2000 }), drawn()])
    return attached(machines, () =>
      Effect.gen(function*() {
        const background = yield* BackgroundInit.BackgroundInit
        const pagemaps = yield* Pagemaps
        for (const { request } of machines.devices) yield* pagemaps.memremap(request)
        const [large, small] = machines.devices
        if (large === undefined || small === undefined) return assert.fail("no device")
        yield* background.done(small.range)
        assert.isTrue(background.isActive(large.range))
        assert.isFalse(background.isActive(small.range))
        // The kernel waits by the cookie of its domain (13).
        yield* background.finished(large.range)
      }))
  })

  it.effect("whoever comes later in a domain keeps no worker of before from its turn among those of the machine", () => {
    const strategy: InitStrategy.InitStrategy = {
      ...preset("async-2018-v1"),
      division: "one cursor",
      limit: 4,
      workers: 4
    }
    const machines = Machines.make(strategy, [drawn(), drawn(), drawn()])
    return attached(machines, () =>
      Effect.gen(function*() {
        const background = yield* BackgroundInit.BackgroundInit
        const pagemaps = yield* Pagemaps
        for (const { request } of machines.devices) yield* pagemaps.memremap(request)
        yield* background.done(everywhere)
        assert.isTrue(background.progress().every(({ state }) => state === "idle"))
      }).pipe(Effect.provideService(Disturbance.Current, (device, worker) => ({
        speed: device === "dev0" && worker === "worker 3" ? 0.1 : 1,
        dies: device === "dev0" && worker === "worker 3" ? Effect.sleep("300 micros") : Effect.never
      }))))
  })

  it.effect("a thread that is gone while everybody waits for it in place is named", () =>
    Effect.gen(function*() {
      const machines = Machines.make({ ...preset("async-2018-v2"), when: "synchronous" }, [drawn()])
      const stores = Machines.stores(machines)
      const program = Effect.gen(function*() {
        const pagemaps = yield* Pagemaps
        for (const { request } of machines.devices) yield* pagemaps.memremap(request)
      }).pipe(Effect.provideService(Disturbance.Current, (_, worker) => ({
        speed: 1,
        dies: worker === "worker 3" ? Effect.sleep("1 micros") : Effect.never
      })))
      const { exit } = yield* VirtualTime.run(
        Effect.provide(inTime(program, {}), Machines.layer(machines, stores), { local: true })
      )
      assert.include(String(exit), "waits for worker 3 of dev0, which is gone")
    }))
})

describe("several devices", () => {
  const strategy: InitStrategy.InitStrategy = { ...preset("vmemmap"), workers: 1, subRanges: 256 }
  const begin = (name: string, start: number) =>
    Effect.flatMap(
      BackgroundInit.BackgroundInit,
      ({ attach }) => attach(Fake.make({ start, end: start + 16384 }, { name }).memory, strategy)
    )
  /** A sub-range. */
  const piece = 64

  it.effect("all are cancelled at once, each at its next sub-range, whatever keeps one of them", () =>
    Effect.forEach(
      [false, true],
      (isStalled) =>
        attached(Machines.make(strategy, [drawn()]), () =>
          Effect.gen(function*() {
            const background = yield* BackgroundInit.BackgroundInit
            yield* begin("one", 2 ** 22)
            yield* begin("two", 2 ** 23)
            yield* Effect.sleep("100 micros")
            const isOver = Option.isSome(yield* Effect.timeoutOption(background.cancel(everywhere), "1 second"))
            assert.strictEqual(isOver, !isStalled)
            const two = background.progress().find(({ device }) => device === "two")
            assert.strictEqual(two?.state, "cancelled")
            assert.strictEqual((two?.done ?? 1) % piece, 0)
            assert.isBelow(two?.done ?? Infinity, 16384)
          }).pipe(
            Effect.provideService(
              Disturbance.Current,
              (device) => ({ speed: isStalled && device === "one" ? 0 : 1, dies: Effect.never })
            )
          )),
      { discard: true }
    ))

  it.effect("memory whose scope ends is forgotten", () =>
    attached(Machines.make(strategy, [drawn()]), () =>
      Effect.gen(function*() {
        const background = yield* BackgroundInit.BackgroundInit
        yield* Effect.scoped(Effect.andThen(begin("one", 2 ** 22), Effect.sleep("1 micros")))
        assert.deepStrictEqual(background.progress(), [])
        yield* background.await(everywhere)
      })))
})

describe("progress", () => {
  it.effect("somebody who watches sees it go on, and the end", () =>
    typing(
      preset("async-2018-v2"),
      Effect.gen(function*() {
        const background = yield* BackgroundInit.BackgroundInit
        yield* typed(fsdax)
        const seen = yield* Stream.runCollect(BackgroundInit.watch(background, "pfn0.0", "50 micros"))
        const states = seen.map(({ state }) => state)
        assert.deepStrictEqual([states[0], states[1], states.at(-1)], ["mapping", "initialising", "idle"])
        assert.isTrue(seen.every(({ done }, i) => done >= (seen[i - 1]?.done ?? 0)))
        assert.strictEqual(seen.at(-1)?.done, 262144)
      })
    ))
})

/** One device of some subsections on a machine of its own. */
const attached = <A, E>(
  machines: Machines.Machines,
  body: (stores: Machines.Stores) => Effect.Effect<A, E, Scope.Scope | Machines.Services>,
  options: Options = {}
) => {
  const stores = Machines.stores(machines)
  return Effect.map(
    VirtualTime.run(Effect.provide(inTime(body(stores), options), Machines.layer(machines, stores), { local: true })),
    ended
  )
}

const drawn = (rest: Partial<Machines.Drawn> = {}): Machines.Drawn => ({
  gap: 1,
  length: 200,
  map: "mem",
  align: 0,
  node: 0,
  ...rest
})

describe("flaws of 2018 on a machine", () => {
  const flawed = (...flaws: InitStrategy.InitStrategy["flaws"]) => ({ ...preset("async-2018-v2"), flaws })

  it.effect("26.6: where the lookup cannot be built all is done at once; with the flaw, when everybody's is, and no worker is known", () =>
    Effect.gen(function*() {
      const run = (strategy: InitStrategy.InitStrategy) => {
        const machines = Machines.make(strategy, [drawn({ length: 400 }), drawn()])
        return attached(machines, (stores) =>
          Effect.gen(function*() {
            const [other, device] = machines.devices
            if (other === undefined || device === undefined) return assert.fail("no device")
            const { range, request } = device
            const pagemaps = yield* Pagemaps
            const background = yield* BackgroundInit.BackgroundInit
            const faults = yield* Faults.Faults
            yield* pagemaps.memremap(other.request)
            // The reference, the index, then the lookup.
            faults.arm(2)
            yield* pagemaps.memremap(request)
            assert.isNull(faults.disarm())
            const isOtherDone = !background.isActive(other.range)
            const isActive = background.isActive(range)
            const { answer, nanos } = yield* timed(background.await({ start: range.end - 1, end: range.end }))
            const stored = stores.of(range.end - 1)
            yield* background.finished(everywhere)
            return [background.progress().length, isOtherDone, isActive, reasonOf(answer), nanos, stored]
          }))
      }
      assert.deepStrictEqual(yield* run(flawed()), [1, false, false, "", 0, 1])
      assert.deepStrictEqual(yield* run(flawed("cleared-on-insert-failure")), [2, true, false, "", 0, 1])
      // Ours finds workers by arithmetic: there is no such allocation.
      const machines = Machines.make(preset("vmemmap"), [drawn()])
      yield* attached(machines, () =>
        Effect.gen(function*() {
          const faults = yield* Faults.Faults
          const pagemaps = yield* Pagemaps
          faults.arm(2)
          yield* Effect.forEach(machines.devices, ({ request }) => pagemaps.memremap(request), { discard: true })
          const background = yield* BackgroundInit.BackgroundInit
          assert.strictEqual(reasonOf(yield* Effect.result(background.finished(everywhere))), "population failed")
        }))
    }))

  it.effect("BUG-29: too small an altmap is told to whoever waits; with the flaw pages that nothing backs are used", () =>
    Effect.gen(function*() {
      const run = (strategy: InitStrategy.InitStrategy) => {
        const machines = Machines.make(strategy, [drawn({ map: "dev", isStarved: true })])
        return attached(machines, () =>
          Effect.gen(function*() {
            const [device] = machines.devices
            if (device === undefined) return assert.fail("no device")
            const { range, request } = device
            const pagemaps = yield* Pagemaps
            const background = yield* BackgroundInit.BackgroundInit
            const memmap = yield* Memmap
            const log = yield* KernelLog
            const table = yield* SectionTable.SectionTable
            yield* pagemaps.memremap(request)
            const waited = yield* Effect.result(background.await({ start: range.end - 1, end: range.end }))
            const hazards = (yield* log.recent).flatMap((event) => event._tag === "Hazard" ? [event.rule] : [])
            const why = Result.isFailure(waited) ? waited.failure.cause?.errno : undefined
            return [
              reasonOf(waited),
              why,
              memmap.read(range.end - 1)._tag,
              SectionTable.pfnValid(table, range.end - 1),
              hazards.includes("BUG-29")
            ]
          }))
      }
      for (const name of ["async-2018-v1", "async-2018-v2"]) {
        const strategy = preset(name)
        assert.deepStrictEqual(yield* run(strategy), ["population failed", "ENOMEM", "Unwritten", false, false])
        assert.deepStrictEqual(
          yield* run({ ...strategy, flaws: ["lost-populate-error"] }),
          ["", undefined, "Unwritten", false, true]
        )
      }
    }))

  it.effect("BUG-29: after a population that failed the next one hangs, of whatever device, and says so", () =>
    Effect.gen(function*() {
      const run = (strategy: InitStrategy.InitStrategy) => {
        const machines = Machines.make(strategy, [drawn({ map: "dev", isStarved: true }), drawn({ gap: 64 })])
        const stores = Machines.stores(machines)
        const [starved, sound] = machines.devices
        if (starved === undefined || sound === undefined) return assert.fail("no devices")
        const program = inTime(Effect.gen(function*() {
          const pagemaps = yield* Pagemaps
          const background = yield* BackgroundInit.BackgroundInit
          yield* pagemaps.memremap(starved.request)
          assert.isTrue(Result.isFailure(yield* Effect.result(background.finished(everywhere))))
          yield* pagemaps.memremap(sound.request)
          yield* Waiting.named(background.await(sound.range), "reader")
        }))
        return VirtualTime.run(Effect.provide(program, Machines.layer(machines, stores), { local: true }))
      }
      const hanging = yield* run(flawed("leaked-mutex"))
      assert.match(String(hanging.exit), /dev1 map waits for the page table mutex/)
      assert.match(String(hanging.exit), /reader waits for the memmap of dev1/)
      const sound = yield* run(flawed())
      assert.isTrue(Exit.isSuccess(sound.exit), String(sound.exit))
      assert.deepStrictEqual(sound.left, [])
    }))
})

describe("RAM that does not suffice", () => {
  const page = 4096
  const device = { start: 8 * GiB, end: 40 * GiB }
  const on = <A, E>(
    strategy: InitStrategy.InitStrategy,
    body: Effect.Effect<A, E, Scope.Scope | Machines.Services>
  ) =>
    Effect.map(
      VirtualTime.run(
        Effect.provide(
          inTime(body),
          Machine.layer(
            { kernel: "6.1.176", ranges: [{ start: 0, size: GiB / 2, kind: "ram" }] },
            { background: BackgroundInit.layer(strategy, [0]) }
          ),
          { local: true }
        )
      ),
      ended
    )

  it.effect("26.2: every waiter is told; what was mapped until then is given back when the device goes", () =>
    Effect.gen(function*() {
      for (const name of ["async-2018-v1", "async-2018-v2", "vmemmap"]) {
        yield* on(
          preset(name),
          Effect.gen(function*() {
            const pagemaps = yield* Pagemaps
            const background = yield* BackgroundInit.BackgroundInit
            const index = yield* PagemapIndex
            const ledger = yield* Ledger
            const before = ledger.total({ book: "ram", purpose: "memmap" })
            const scope = yield* Scope.make()
            yield* pagemaps.memremap({
              name: "dev",
              type: "fsdax",
              node: 0,
              ranges: [device],
              background: "posted"
            }).pipe(Scope.provide(scope))
            const asked = Array.from({ length: 32 }, (_, i) => device.start / page + i * 262144 + 7)
            const answers = yield* Effect.forEach(
              asked,
              (start) => Effect.result(background.await({ start, end: start + 1 })),
              { concurrency: "unbounded" }
            )
            const errors = answers.flatMap((answer): Array<NotInitialised.NotInitialised> =>
              Result.isFailure(answer) ? [answer.failure] : []
            )
            // Ours serves whoever waits as long as there is memory; the workers run out of it.
            assert.strictEqual(errors.length, name === "vmemmap" ? 0 : 32)
            const finished = yield* Effect.result(background.finished(everywhere))
            if (Result.isFailure(finished)) errors.push(finished.failure)
            assert.isTrue(Result.isFailure(finished))
            for (const { cause, message, reason } of errors) {
              assert.deepStrictEqual([reason, cause?.errno, cause?.rule], ["population failed", "ENOMEM", "SEC-10"])
              assert.match(message, /of dev will not be initialised, population failed: ENOMEM/)
            }
            assert.strictEqual(background.progress()[0]?.state, "failed")
            yield* Scope.close(scope, Exit.void)
            assert.deepStrictEqual(index.extents, [])
            assert.strictEqual(ledger.total({ book: "ram", purpose: "memmap" }), before)
            yield* ledger.balance
          })
        )
      }
    }))
})

describe("who disturbs workers", () => {
  it.effect("a dead worker of one device is nothing to another", () => {
    const machines = Machines.make(preset("async-2018-v1"), [drawn(), drawn({ gap: 64 })])
    return attached(
      machines,
      () =>
        Effect.gen(function*() {
          const pagemaps = yield* Pagemaps
          const background = yield* BackgroundInit.BackgroundInit
          yield* Effect.forEach(machines.devices, ({ request }) => pagemaps.memremap(request), { discard: true })
          const answers = yield* Effect.forEach(
            machines.devices,
            ({ range }) => Effect.result(background.await({ start: range.start, end: range.start + 1 })),
            { concurrency: "unbounded" }
          )
          assert.deepStrictEqual(answers.map(reasonOf), ["cancelled", ""])
          // Of a dead worker's share, and of others.
          const [first] = machines.devices
          const last = first === undefined ? assert.fail("no device") : first.range.end - 1
          yield* background.await({ start: last, end: last + 1 })
        }),
      {
        disturbance: (device, worker) => ({
          speed: 1,
          dies: device === "dev0" && worker === "worker 0" ? Effect.sleep("5 micros") : Effect.never
        })
      }
    )
  })

  it.effect("26.5: who still has a reference while the device goes is told of pages that nobody will initialise", () =>
    Effect.gen(function*() {
      const late = (strategy: InitStrategy.InitStrategy, isStarved = false) => {
        const machines = Machines.make(strategy, [drawn({ map: isStarved ? "dev" : "mem", isStarved })])
        return attached(machines, () =>
          Effect.gen(function*() {
            const [device] = machines.devices
            if (device === undefined) return assert.fail("no device")
            const { range, request } = device
            const pagemaps = yield* Pagemaps
            const background = yield* BackgroundInit.BackgroundInit
            const owner = yield* Scope.make()
            const user = yield* Scope.make()
            yield* pagemaps.memremap(request).pipe(Scope.provide(owner))
            assert.isTrue(Option.isSome(yield* pagemaps.get(range.start).pipe(Scope.provide(user))))
            const closing = yield* Effect.forkChild(Scope.close(owner, Exit.void))
            yield* Effect.sleep("1 second")
            assert.isUndefined(closing.pollUnsafe())
            const answer = yield* Effect.result(background.await({ start: range.end - 1, end: range.end }))
            yield* Scope.close(user, Exit.void)
            yield* Fiber.join(closing)
            assert.deepStrictEqual(background.progress(), [])
            return reasonOf(answer)
          }))
      }
      assert.strictEqual(yield* late(preset("vmemmap")), "unloaded")
      // ASY-10: the workers of 2018 were waited for.
      assert.strictEqual(yield* late(preset("async-2018-v2")), "")
      assert.strictEqual(yield* late(preset("async-2018-v2"), true), "population failed")
    }))
})

describe("what a failed population leaves", () => {
  it.effect("nothing once the device is gone, on whatever architecture", () =>
    Effect.gen(function*() {
      for (const archName of ["x86_64", "arm64-4k"] as const) {
        const machines = Machines.make(preset("vmemmap"), [drawn({ map: "dev", isStarved: true })], { archName })
        yield* attached(machines, () =>
          Effect.gen(function*() {
            const pagemaps = yield* Pagemaps
            const background = yield* BackgroundInit.BackgroundInit
            const before = yield* Machines.traces(machines)
            yield* Effect.scoped(Effect.gen(function*() {
              yield* Effect.forEach(machines.devices, ({ request }) => pagemaps.memremap(request), { discard: true })
              assert.isTrue(Result.isFailure(yield* Effect.result(background.finished(everywhere))))
            }))
            assert.deepStrictEqual(yield* Machines.traces(machines), before)
            yield* Machines.balanced(machines)
          }))
      }
    }))
})
