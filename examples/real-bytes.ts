/**
 * The struct pages of a machine as real bytes, written by two threads while somebody already uses the device: a page is looked at while
 * the rest is still being written, word for word as a kernel would have it.
 */
import * as Workers from "@vmemmap/cli/workers"
import {
  BackgroundInit,
  BytePool,
  InitStrategies,
  Machine,
  type MachineSpec,
  MemmapBytes,
  Pagemaps
} from "@vmemmap/core"
import { Console, Effect, Option, Result } from "effect"

const GiB = 2 ** 30

const machine: MachineSpec.MachineSpec = {
  kernel: "6.1",
  ranges: [{ kind: "ram", start: 0, size: 2 * GiB }]
}

/** 64 GiB of device memory in compounds of 2 MiB, initialised in the background. */
const strategy = Result.getOrThrow(InitStrategies.parse("vmemmap:kernel=6.1;vmemmap=compound;workers=2"))

const device = {
  name: "dax0.0",
  type: "generic",
  node: 0,
  order: 9,
  ranges: [{ start: 64 * GiB, end: 128 * GiB }]
} as const

const hex = (word: bigint): string => word.toString(16).padStart(16, "0")

const used = Effect.gen(function*() {
  const pagemaps = yield* Pagemaps.Pagemaps
  const background = yield* BackgroundInit.BackgroundInit
  const bytes = Option.getOrThrow(yield* Effect.serviceOption(MemmapBytes.MemmapBytes))
  yield* pagemaps.memremap({ ...device, background: "possible" })
  const range = { start: 64 * GiB / 4096, end: 128 * GiB / 4096 }
  const head = range.end - 512
  yield* background.await({ start: head, end: range.end })
  const [progress] = background.progress()
  yield* Console.log(`pfn ${head}: ${bytes.words(head).map(hex).join(" ")}`)
  yield* Console.log(`pfn ${head + 1}: ${JSON.stringify(bytes.page(head + 1), (_, value) => value)}`)
  yield* Console.log(`${progress?.state ?? "over"} meanwhile`)
  yield* background.finished(range)
  const { bytes: written, sum } = bytes.sum(range)
  yield* Console.log(`${written / 2 ** 20} MiB of struct pages are there, sum ${hex(sum)}`)
}).pipe(Effect.scoped)

const program = Effect.gen(function*() {
  const pool = yield* Effect.fromNullishOr(BytePool.make({ bytes: GiB, threads: 3 }))
  const writers = yield* Workers.Writers.make(pool, { threads: 2 })
  yield* Effect.provide(
    used,
    Machine.layer(machine, {
      memmap: Workers.WriterMemmap.layer(pool, writers),
      background: BackgroundInit.layer(strategy, [0])
    })
  )
  yield* Console.log(`${pool.usage().used} bytes of the pool are used in the end`)
}).pipe(Effect.scoped)

await Effect.runPromise(program)
