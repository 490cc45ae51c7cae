/**
 * A memory-tiering daemon: as the demand for memory grows it plugs CXL memory, a gigabyte at a time, onlines it as Movable,
 * and gives back what it no longer needs. A step that fails is undone and tried again later; nothing is left half plugged.
 *
 *     npm run --silent example -- examples/tiering.ts
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { HumanSize, Ledger, Machine, MemoryBlocks, MemoryHotplug, MemoryNotifier, Zones } from "@vmemmap/core"
import { KernelError } from "@vmemmap/core/kernel/KernelError"
import { Console, Effect, Option, Ref, Schedule, Stream } from "effect"

const GiB = 2 ** 30
const tier = { node: 1, start: 64 * GiB, size: 16 * GiB, step: GiB }

/** 8 GiB of RAM on node 0; the CXL memory is not there until it is plugged. */
const machine = Machine.layer({
  kernel: "6.8",
  hypervisor: true,
  ranges: [{ start: 0, size: 3 * GiB, kind: "ram" }, { start: 4 * GiB, size: 5 * GiB, kind: "ram" }],
  nodes: [{ node: 0 }, { node: 1 }]
})

/** Bytes applications want, as a monitor would report them. */
const demand = Stream.make(6, 9, 10, 12, 9, 7).pipe(Stream.map((gib) => gib * GiB))

const program = Effect.gen(function*() {
  const hotplug = yield* MemoryHotplug.MemoryHotplug
  const blocks = yield* MemoryBlocks.MemoryBlocks
  const zones = yield* Zones.Zones
  const notifier = yield* MemoryNotifier.MemoryNotifier
  const ledger = yield* Ledger.Ledger
  const plugged = yield* Ref.make(0)

  const step = (index: number) => ({ start: tier.start + index * tier.step, size: tier.step })
  const blocksOf = (start: number) => ({ start: start / blocks.size, end: (start + tier.step) / blocks.size })
  const managed = () => zones.all().reduce((sum, zone) => sum + zone.managed, 0) * 4096

  /** Both or neither: memory that cannot go online is taken out again. */
  const plug = Effect.fn("plug")(function*(index: number) {
    const range = step(index)
    yield* hotplug.addMemory({ ...range, node: tier.node }).pipe(
      Effect.andThen(hotplug.online(blocksOf(range.start), "online_movable")),
      Effect.onError(() => Effect.ignore(hotplug.offlineAndRemove(range)))
    )
    yield* Ref.set(plugged, index + 1)
  })

  const unplug = Effect.fn("unplug")(function*(index: number) {
    yield* hotplug.offlineAndRemove(step(index))
    yield* Ref.set(plugged, index)
  })

  /** One step towards what is wanted; `None` when there is nothing to do. */
  const adjust = (wanted: number) =>
    Effect.flatMap(Ref.get(plugged), (count) =>
      managed() < wanted && count < tier.size / tier.step
        ? Effect.asSome(plug(count))
        : count > 0 && managed() - tier.step >= wanted
        ? Effect.asSome(unplug(count - 1))
        : Effect.succeedNone)

  const settle = (wanted: number): Effect.Effect<void> =>
    adjust(wanted).pipe(
      Effect.tapError((error) => Console.log(`  ${error.message}`)),
      Effect.retry(Schedule.recurs(3)),
      Effect.orElseSucceed(() => Option.none()),
      Effect.flatMap((done) => Option.isSome(done) ? settle(wanted) : Effect.void)
    )

  // A driver that is not ready yet forbids the first two blocks above 67 GiB to go online, once each.
  let refusals = 2
  yield* notifier.subscribe(({ action, start }) =>
    action === "GOING_ONLINE" && start >= 67 * GiB / 4096 && refusals-- > 0
      ? Effect.fail(new KernelError({ errno: "EBUSY", rule: "HOT-7", problem: "not ready", remedy: "try again" }))
      : Effect.void
  )

  yield* Stream.runForEach(demand, (wanted) =>
    Effect.gen(function*() {
      yield* settle(wanted)
      yield* ledger.balance
      const count = yield* Ref.get(plugged)
      const memmap = ledger.total({ book: "ram", purpose: "memmap" }) * 4096
      yield* Console.log(
        `wanted ${HumanSize.formatBinary(wanted)}: ${count} GiB plugged, ` +
          `${HumanSize.formatBinary(managed())} to use, memmap ${HumanSize.formatBinary(memmap)}`
      )
    }))
})

NodeRuntime.runMain(program.pipe(Effect.scoped, Effect.provide(machine)))
