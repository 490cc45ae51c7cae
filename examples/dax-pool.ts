/**
 * A pool that hands out device-dax ranges as scoped resources: a lease is a bound `/dev/daxR.I` of the size that was asked
 * for, and the end of its scope gives the bytes back. Who finds no room waits until somebody leaves.
 *
 *     npm run --silent example -- examples/dax-pool.ts
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { DaxDevices, DeviceDax, Hmem, HumanSize, type KernelError, Ledger, Machine } from "@vmemmap/core"
import { Console, Context, Effect, Layer, type Scope, Semaphore } from "effect"

const GiB = 2 ** 30

/** 16 GiB of RAM and 8 GiB of volatile CXL memory that firmware set aside for device-dax. */
const machine = Machine.layer({
  kernel: "6.8",
  ranges: [{ start: 0, size: 3 * GiB, kind: "ram" }, { start: 4 * GiB, size: 13 * GiB, kind: "ram" }],
  devices: [{ name: "region0", kind: "dax", start: 64 * GiB, size: 8 * GiB, node: 0 }]
})

class DaxPool extends Context.Service<DaxPool, {
  readonly lease: (bytes: number) => Effect.Effect<DeviceDax.File, KernelError.KernelError, Scope.Scope>
  readonly available: () => number
}>()("examples/DaxPool") {}

const pool = Layer.effect(
  DaxPool,
  Effect.gen(function*() {
    const dax = yield* DaxDevices.DaxDevices
    const device = yield* DeviceDax.DeviceDax
    const hmem = yield* Hmem.Hmem
    yield* hmem.load
    const region = dax.list()[0]?.dax_region.id ?? 0

    // The driver gave everything to its first device: take it back.
    for (const { name } of dax.list()) {
      yield* Effect.ignore(dax.unbind("device_dax", name))
      yield* dax.change({ _tag: "Size", name, size: 0 })
    }

    const seed = Effect.acquireRelease(
      dax.change({ _tag: "Create", region }),
      (name) => Effect.ignore(dax.change({ _tag: "Delete", region, name }))
    )
    const sized = (name: string, size: number) =>
      Effect.acquireRelease(
        dax.change({ _tag: "Size", name, size }),
        () => Effect.ignore(dax.change({ _tag: "Size", name, size: 0 }))
      )
    const bound = (name: string) =>
      Effect.acquireRelease(
        dax.bind("device_dax", name),
        () => Effect.ignore(dax.unbind("device_dax", name))
      )
    const available = () => dax.list()[0]?.dax_region.available_size ?? 0

    // Bytes are counted here as well, so that who finds none left waits instead of failing with ENOSPC.
    const space = yield* Semaphore.make(available())

    const lease = Effect.fn("lease")(function*(bytes: number) {
      yield* Semaphore.takeScoped(space, bytes)
      const name = yield* seed
      yield* sized(name, bytes)
      yield* bound(name)
      return yield* device.open(name)
    })

    return DaxPool.of({ lease, available })
  })
)

const worker = (id: number, gib: number) =>
  Effect.scoped(Effect.gen(function*() {
    const { lease } = yield* DaxPool
    const file = yield* lease(gib * GiB)
    const mapping = yield* file.mmap({ length: 2 ** 30, offset: 0 })
    const outcome = yield* mapping.touch(mapping.area)
    yield* Console.log(`worker ${id}: ${file.name}, ${gib} GiB, ${outcome._tag}`)
    yield* Effect.sleep(30 * (id + 1))
  }))

const program = Effect.gen(function*() {
  const ledger = yield* Ledger.Ledger
  const { available } = yield* DaxPool
  const before = ledger.total({ book: "ram", purpose: "memmap" })
  yield* Effect.forEach([3, 4, 2, 5, 1], (gib, id) => worker(id, gib), { concurrency: "unbounded" })
  yield* ledger.balance
  const held = ledger.total({ book: "ram", purpose: "memmap" }) - before
  yield* Console.log(`${HumanSize.formatBinary(available())} free again, ${held} pages of memmap held`)
})

NodeRuntime.runMain(Effect.provide(program, Layer.provideMerge(pool, machine)))
