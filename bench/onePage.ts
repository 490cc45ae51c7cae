/** What it costs to look at single struct pages of a machine with 24 TiB of persistent memory: time, and memory of the pool. */
import * as BytePool from "@vmemmap/core/bytes/BytePool"
import * as MemmapBytes from "@vmemmap/core/bytes/MemmapBytes"
import * as InitStrategies from "@vmemmap/core/init/InitStrategies"
import * as Simulation from "@vmemmap/core/simulation/Simulation"
import * as Testbed from "@vmemmap/core/simulation/Testbed"
import * as CostModel from "@vmemmap/core/time/CostModel"
import * as Testbeds from "@vmemmap/test-utils/Testbeds"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { median, row } from "./Measure.ts"

const looks = 20_000

const pageSize = 4096

/** Struct pages all over the devices, no two in one vmemmap page. */
const look = (starts: ReadonlyArray<number>, pages: number) =>
  Effect.map(Effect.serviceOption(MemmapBytes.MemmapBytes), (service) => {
    const bytes = Option.getOrThrow(service)
    const times: Array<number> = []
    for (let i = 0; i < looks; i++) {
      const pfn = (starts[i % starts.length] ?? 0) + Math.floor(i / starts.length * pages / looks) * 8
      const began = performance.now()
      bytes.words(pfn)
      times.push((performance.now() - began) * 1e3)
    }
    return { micros: median(times), bytes: bytes.usage().used / looks }
  })

export const onePage = async (): Promise<void> => {
  const testbed = Result.getOrThrow(Testbeds.load("pmem-8-sockets"))
  const pool = BytePool.make({ bytes: 2 ** 30 })
  if (pool === null) throw new Error("no memory")
  const devices = testbed.machine.devices ?? []
  const [pages = 0] = devices.map(({ size }) => size / pageSize)
  const { last } = await Effect.runPromise(Simulation.boot(
    {
      machine: testbed.machine,
      costs: Testbed.costs(testbed),
      strategy: Result.getOrThrow(InitStrategies.parse("linux-6.1")),
      faults: null,
      seed: 0
    },
    {
      memmap: MemmapBytes.layer(pool),
      model: CostModel.free,
      last: look(devices.map(({ start = 0 }) => start / pageSize + 2 ** 26), pages)
    }
  ))
  if (last === null) throw new Error("the machine did not boot")
  row(
    "one struct page of 24 TiB",
    `${last.micros.toFixed(1)} us`,
    `and ${(last.bytes / 1024).toFixed(1)} KiB, where nobody had looked before`
  )
}
