/** Machines whose device memory is initialised by any strategy, whatever happens meanwhile. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Cause, Deferred, Effect, Exit, Fiber, FiberSet, Option, Result, Schema } from "effect"
import { Faults } from "../../src/frames/Faults.ts"
import type * as PfnRange from "../../src/geometry/PfnRange.ts"
import { Pagemaps } from "../../src/hotplug/Pagemaps.ts"
import { BackgroundInit } from "../../src/init/BackgroundInit.ts"
import * as InitStrategies from "../../src/init/InitStrategies.ts"
import * as InitStrategy from "../../src/init/InitStrategy.ts"
import type { NotInitialised } from "../../src/init/NotInitialised.ts"
import * as Steps from "../../src/kernel/Steps.ts"
import { Ledger } from "../../src/machine/Ledger.ts"
import { Memmap } from "../../src/memmap/Memmap.ts"
import * as MemmapCost from "../../src/planning/MemmapCost.ts"
import * as Port from "../../src/release/Port.ts"
import * as CostModel from "../../src/time/CostModel.ts"
import * as VirtualTime from "../../src/time/VirtualTime.ts"
import * as Waiting from "../../src/time/Waiting.ts"
import { random } from "../random.ts"
import * as Machines from "./Machines.ts"

const isLong = process.env["VMEMMAP_LONG"] === "1"
const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

/** Microseconds: most is over in a few hundred. */
const soon = Schema.Union([int(0, 60), int(0, 400), int(0, 5000)])

const Device = Schema.Struct({
  gap: Schema.Literals([0, 1, 3, 64]),
  length: int(1, 80),
  map: Schema.Literals(["mem", "dev"]),
  align: Schema.Literals([0, 0, 1, 2]),
  node: Schema.Literals([0, 1])
})

const Mix = Schema.Struct({
  kernel: Schema.Literals(["async-2018-v2", "4.20", "5.10", "6.1", "6.8", "proposed-2026"]),
  when: Schema.Literals(["synchronous", "background", "background", "background"]),
  populate: Schema.Literals(["under the lock", "one barrier", "section by section"]),
  probe: Schema.Literals(["any node", "own node"]),
  workers: Schema.Literals([1, 2, 5, 16]),
  limit: Schema.NullOr(Schema.Literals([1, 7])),
  division: Schema.Literals(["own share", "own share", "one cursor"]),
  subRanges: Schema.NullOr(Schema.Literals([1, 7, 128])),
  help: Schema.Literals(["none", "wait for the worker", "steal sub-ranges", "steal exactly"]),
  priority: Schema.Literals(["equal", "who waits"]),
  unload: Schema.Literals(["wait", "cancel"]),
  writing: Schema.Literals(["store", "template"]),
  vmemmap: Schema.Literals(["base", "compound", "head only"])
})

const Fault = Schema.Struct({
  device: Schema.Literals([0, 1, 2, 3]),
  at: soon,
  /** Thousandths of the device. */
  place: int(0, 999),
  length: Schema.Literals([1, 512, 262144, 4097]),
  patience: Schema.Literals([0, 0, 0, 50, 800])
})

const Case = Schema.Struct({
  strategy: Schema.Union([Schema.Literals(InitStrategies.presets.map(({ name }) => name)), Mix]),
  devices: Schema.Array(Device).check(Schema.isMinLength(1), Schema.isMaxLength(4)),
  arch: Schema.Literals(["x86_64", "x86_64", "x86_64", "x86_64", "x86_64", "arm64-4k", "arm64-64k"]),
  ramEnd: Schema.Literals([0, 0, 1, 33]),
  processors: Schema.Literals([1, 4, 1000]),
  /** Nanoseconds of a thousand struct pages, and of a section. */
  store: Schema.Literals([0, 7]),
  section: Schema.Literals([0, 40]),
  faults: Schema.Array(Fault).check(Schema.isMaxLength(8)),
  stepped: Schema.Literals([false, false, false, true]),
  seed: Schema.Natural
})
type Case = typeof Case.Type

const strategyOf = ({ strategy }: Case): InitStrategy.InitStrategy => {
  const preset = InitStrategies.presets.find(({ name }) => name === strategy)
  if (preset !== undefined) return preset
  const base = InitStrategies.presets.find(({ name }) => name === "vmemmap")
  return typeof strategy === "string" || base === undefined
    ? assert.fail("no preset")
    : { ...base, underLock: strategy.when === "background" ? "nothing" : "altmap pages", name: "mixed", ...strategy }
}

/** What befalls the machine; microseconds. */
interface Story {
  readonly cancel?: number
  readonly unload?: number
  readonly failsAt?: number
  readonly isStarved?: boolean
}

const micros = (n: number) => Effect.sleep(`${n} micros`)

/**
 * Attaches all devices at once, lets everybody ask, and takes them away again; then attaches each once more, undisturbed. What it
 * looked like in between, and how everybody fared.
 */
const tell = Effect.fnUntraced(
  function*(spec: Case, machines: Machines.Machines, stores: Machines.Stores, story: Story) {
    const { devices, strategy } = machines
    const pagemaps = yield* Pagemaps
    const background = yield* BackgroundInit
    const memmap = yield* Memmap
    const faults = yield* Faults
    const ledger = yield* Ledger
    const before = yield* Machines.traces(machines)
    // Boot initialised the holes of its last sections (INI-5).
    stores.reset()
    const books = () => ({
      stores: ledger.total({ book: "written" }),
      ram: ledger.total({ book: "ram", purpose: "memmap" }) + ledger.total({ book: "ram", purpose: "shared-tail" }),
      device: ledger.total({ book: "device" })
    })
    const atBoot = books()
    if (story.failsAt !== undefined) faults.arm(story.failsAt)
    const everywhere = { start: 0, end: 2 ** 40 }

    /** At the instant at which somebody may go on: its pages, and the ends of everything near them. */
    const checked = (device: Machines.Device, { end, start }: PfnRange.PfnRange) =>
      Effect.sync(() => {
        const wanted = Machines.wanted(machines, device)
        const pfns = new Set([start, start + 1, Math.floor((start + end) / 2), end - 1])
        for (let pfn = Math.ceil(start / 512) * 512; pfn < end && pfns.size < 64; pfn += 512) {
          for (const near of [pfn - 1, pfn, pfn + 1]) pfns.add(near)
        }
        for (const pfn of pfns) {
          if (pfn < start || pfn >= end) continue
          assert.strictEqual(memmap.read(pfn)._tag, "Initialised", `struct page of pfn ${pfn}`)
          assert.strictEqual(stores.of(pfn), wanted(pfn), `stores to the struct page of pfn ${pfn}`)
        }
      })

    const attached = devices.map(() => Deferred.makeUnsafe<boolean>())
    const leave = Deferred.makeUnsafe<void>()
    const owners = yield* Effect.forEach(devices, ({ request }, i) =>
      Effect.forkChild(Effect.scoped(
        Effect.gen(function*() {
          const mapped = yield* Effect.result(pagemaps.memremap(request))
          const done = attached[i] ?? assert.fail("no device")
          Deferred.doneUnsafe(done, Exit.succeed(Result.isSuccess(mapped)))
          if (Result.isFailure(mapped)) return mapped.failure.errno
          yield* Deferred.await(leave)
          return ""
        }).pipe(Waiting.named(request.name))
      )))

    const answers: Array<Exit.Exit<Option.Option<void>, NotInitialised> | "gone"> = []
    const fibers = yield* FiberSet.make<void>()
    for (const [i, { at, device: d, length, patience, place }] of spec.faults.entries()) {
      const device = devices[d]
      const ready = attached[d]
      if (device === undefined || ready === undefined) {
        continue
      }
      const { range, unreserved } = device
      const start = unreserved + Math.floor((range.end - unreserved) * place / 1000)
      const pfns = { start, end: Math.min(range.end, start + length) }
      const fault = Effect.scoped(Effect.gen(function*() {
        yield* micros(at)
        // Somebody who has no reference does not get near the pages.
        if (!(yield* Deferred.await(ready)) || Option.isNone(yield* pagemaps.get(start))) {
          answers[i] = "gone"
          return
        }
        const need = Effect.tap(background.await(pfns), () => checked(device, pfns))
        answers[i] = yield* Effect.exit(
          patience === 0 ? Effect.map(need, Option.some) : Effect.timeoutOption(need, `${patience} micros`)
        )
      }))
      yield* FiberSet.run(fibers, Waiting.named(fault, `fault ${i}`))
    }
    const at = <A>(when: number | undefined, effect: Effect.Effect<A>) =>
      Effect.forkChild(when === undefined ? Effect.void : Effect.andThen(micros(when), effect))
    const disturbers = [
      yield* at(story.cancel, background.cancel(everywhere)),
      yield* at(story.unload, Deferred.succeed(leave, undefined))
    ]
    const isAttached = yield* Effect.forEach(attached, (one) => Deferred.await(one))
    const finished = yield* Effect.result(background.finished(everywhere))
    yield* FiberSet.awaitEmpty(fibers)
    const isWhole = story.unload === undefined && isAttached.every((one) => one)
    const view = isWhole ? yield* Machines.view(machines) : null
    const now = books()
    const taken = { stores: now.stores - atBoot.stores, ram: now.ram - atBoot.ram, device: now.device - atBoot.device }
    const first = { ...taken, progress: background.progress(), view }
    if (isWhole && story.cancel === undefined && Result.isSuccess(finished)) checkStores(machines, stores)
    yield* Deferred.succeed(leave, undefined)
    const errnos = yield* Effect.forEach(owners, Fiber.join)
    for (const fiber of disturbers) yield* Fiber.interrupt(fiber)
    faults.disarm()
    const after = yield* Machines.traces(machines)
    yield* Machines.balanced(machines)
    assert.isFalse(background.isActive(everywhere))
    assert.deepStrictEqual(background.progress(), [])

    // Nothing of the past hinders a second time.
    stores.reset()
    const again = yield* Effect.scoped(Effect.gen(function*() {
      if (story.isStarved === true || errnos.some((errno) => errno !== "")) return null
      yield* Effect.forEach(devices, ({ request }) => pagemaps.memremap(request), { discard: true })
      yield* background.finished(everywhere)
      checkStores(machines, stores)
      return yield* Machines.view(machines)
    }))
    yield* Machines.balanced(machines)
    const traces = Machines.leaks(machines) ? { before, after: before } : { before, after }
    return { ...traces, first, again, answers, finished, errnos, strategy }
  }
)

/** Every struct page of every device. */
const checkStores = (machines: Machines.Machines, stores: Machines.Stores): void => {
  for (const device of machines.devices) {
    const wanted = Machines.wanted(machines, device)
    const wrong = stores.area(device).findIndex((times, i) => times !== wanted(device.range.start + i))
    if (wrong === -1) continue
    const pfn = device.range.start + wrong
    assert.fail(
      `${stores.of(pfn)} stores to the struct page of pfn ${pfn} of ${device.request.name}, not ${wanted(pfn)}`
    )
  }
}

const run = (spec: Case, story: Story = {}, strategy = strategyOf(spec)) => {
  const devices = spec.devices.map((device) => ({ ...device, isStarved: story.isStarved ?? false }))
  const machines = Machines.make(strategy, devices, { archName: spec.arch, ramEnd: spec.ramEnd })
  const stores = Machines.stores(machines)
  const next = random(spec.seed)
  let isBooted = false
  const granularity = spec.stepped ? Steps.stepped(() => Effect.yieldNow) : Steps.bulk
  const program = Effect.scoped(Effect.gen(function*() {
    isBooted = true
    const { processors, section, store } = spec
    const model = yield* CostModel.make({
      ...CostModel.nothing,
      processors,
      store,
      template: store,
      second: store,
      section: 1000 * section,
      sharedSection: 1000 * section
    })
    return yield* tell(spec, machines, stores, story).pipe(
      Effect.provideService(CostModel.Current, model),
      Effect.provideService(Steps.Steps, granularity)
    )
  }))
  // Boot in one order of events; after it others run wherever they could in two runs of three.
  const isPreempted = spec.seed % 3 !== 0
  const options: VirtualTime.Options = isPreempted
    ? {
      seed: spec.seed,
      preempt: () => isBooted && next(25) === 0,
      choose: (ready) => next(ready.length),
      limit: 1e7
    }
    : { seed: spec.seed, limit: 1e6 }
  return Effect.map(
    VirtualTime.run(Effect.provide(program, Machines.layer(machines, stores), { local: true }), options),
    ({ exit, left }) => {
      if (Exit.isFailure(exit)) return assert.fail(Cause.pretty(exit.cause))
      assert.deepStrictEqual(left, [])
      return { ...exit.value, machines }
    }
  )
}

/** What planning says of each device. */
const planned = ({ devices, kernel, ram }: Machines.Machines) =>
  devices.map(({ order, request }) =>
    MemmapCost.make({
      ...kernel,
      range: request.ranges[0] ?? { start: 0, end: 0 },
      altmap: request.altmap ?? null,
      order,
      ram
    })
  )

/** A kernel that can map device memory, and devices that set enough aside for their memmap. */
const isPossible = (spec: Case): boolean => {
  const machines = Machines.make(strategyOf(spec), spec.devices, { archName: spec.arch, ramEnd: spec.ramEnd })
  const { arch, release } = machines.kernel
  // As first posted an altmap had rules of its own for sizes (ALT-15).
  if (Machines.leaks(machines) && arch.name !== "x86_64") return false
  return arch.hotplug && Port.hasZoneDevice(arch, release) && !planned(machines).some(({ exhausted }) => exhausted)
}

const errorsOf = (answers: ReadonlyArray<Exit.Exit<unknown, NotInitialised> | "gone">) =>
  answers.flatMap((answer) =>
    answer === "gone" || Exit.isSuccess(answer)
      ? []
      : [Option.getOrElse(Cause.findErrorOption(answer.cause), () => assert.fail(Cause.pretty(answer.cause)))]
  )

/** Field by field, so that what differs is seen. */
const same = (a: unknown, b: unknown, where = "it"): void => {
  if (typeof a !== "object" || a === null || typeof b !== "object" || b === null) {
    if (a !== b) assert.fail(`${where}: ${JSON.stringify(a)} is not ${JSON.stringify(b)}`)
    return
  }
  const other = new Map(Object.entries(b))
  for (const [name, value] of Object.entries(a)) same(value, other.get(name), `${where}.${name}`)
  assert.strictEqual(Object.keys(a).length, other.size, where)
}

const arbitrary = { spec: Arbitrary.schema(Case) }
const runs = (many: number) => ({ arbitrary: { runs: isLong ? 40 * many : many, seed: "machines" } })

describe("device memory under any strategy", () => {
  it.effect.prop(
    "every struct page is written as often as the strategy says, nobody goes on early, and all is as if done at once",
    arbitrary,
    ({ spec }) =>
      Effect.gen(function*() {
        if (!isPossible(spec)) return
        const { after, again, answers, before, errnos, finished, first, machines } = yield* run(spec)
        assert.deepStrictEqual(errnos.join(""), "")
        assert.deepStrictEqual(errorsOf(answers), [])
        assert.isTrue(Result.isSuccess(finished))
        same(after, before)
        for (const { done, pending, state, total } of first.progress) {
          assert.deepStrictEqual([done, pending, state], [total, 0, "idle"])
        }
        const { strategy } = machines
        const costs = planned(machines)
        const sum = (of: (cost: MemmapCost.MemmapCost) => number) => costs.reduce((total, cost) => total + of(cost), 0)
        const isTwice = strategy.when === "synchronous" && strategy.underLock === "every page"
        if (!isTwice) assert.strictEqual(first.stores, sum(({ structPages }) => structPages.initialised))
        if (Machines.isApart(machines)) {
          const { pageSize } = machines.kernel.arch
          assert.strictEqual(first.device * pageSize, sum(({ device }) => device))
          // One page of tails serves all compounds of an order on a node (CMP-12).
          const tails = sum(({ ram }) => ram) - first.ram * pageSize
          assert.isAtLeast(tails, 0)
          assert.isAtMost(tails, costs.filter(({ shared }) => shared).length * pageSize)
        }
        same(again?.pages ?? [], first.view?.pages ?? [])
        // The same devices attached by a kernel that knows no workers.
        const atOnce = yield* run({ ...spec, faults: [], stepped: false, seed: 0 }, {}, {
          ...strategy,
          when: "synchronous"
        })
        same(first.view, atOnce.first.view)
      }),
    runs(30)
  )

  it.effect.prop(
    "26.5: cancelled or unloaded at any instant nothing is left, nobody waits, and another time all goes well",
    { ...arbitrary, at: soon, isCancelled: Schema.Boolean, later: Schema.Literals([0, 1, 500]) },
    ({ at, isCancelled, later, spec }) =>
      Effect.gen(function*() {
        if (!isPossible(spec)) return
        const story = isCancelled ? { cancel: at, unload: at + later } : { unload: at }
        const { after, answers, before, errnos, finished } = yield* run(spec, story)
        assert.deepStrictEqual(errnos.join(""), "")
        for (const { reason } of errorsOf(answers)) assert.include(["cancelled", "unloaded"], reason)
        if (Result.isFailure(finished)) assert.strictEqual(finished.failure.reason, "cancelled")
        same(after, before)
      }),
    runs(30)
  )

  it.effect.prop(
    "26.2: an allocation that fails is told to whoever waits, with what it was; unloaded nothing is left",
    { ...arbitrary, failsAt: Schema.Union([int(0, 12), int(0, 120)]), isStarved: Schema.Boolean },
    ({ failsAt, isStarved, spec }) =>
      Effect.gen(function*() {
        if (!isPossible(spec)) return
        const story = isStarved ? { isStarved } : { failsAt }
        const { after, answers, before, errnos, finished, machines, strategy } = yield* run(spec, story)
        for (const error of errorsOf(answers)) {
          assert.deepStrictEqual([error.reason, error.cause?.errno], ["population failed", "ENOMEM"])
        }
        if (Result.isFailure(finished)) {
          const { cause, reason } = finished.failure
          assert.deepStrictEqual([reason, cause?.errno], ["population failed", "ENOMEM"])
        }
        for (const errno of errnos) assert.include(["", "ENOMEM"], errno)
        // Sections added before the one that failed stay where the kernel adds them at once (SEC-12).
        const isLater = strategy.when === "background" && InitStrategy.isSupported(strategy, machines.kernel.arch)
        if (isLater) same(after, before)
      }),
    runs(30)
  )
})
