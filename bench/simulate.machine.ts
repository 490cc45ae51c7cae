/** The program that `simulate` measures: one machine under one strategy, again and again; prints CPU milliseconds of each run. */
import * as InitStrategies from "@vmemmap/core/init/InitStrategies"
import type * as MachineSpec from "@vmemmap/core/machine/MachineSpec"
import * as FaultPattern from "@vmemmap/core/simulation/FaultPattern"
import * as Simulation from "@vmemmap/core/simulation/Simulation"
import * as Testbed from "@vmemmap/core/simulation/Testbed"
import * as Testbeds from "@vmemmap/test-utils/Testbeds"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"

const TiB = 2 ** 40

const testbed = Result.getOrThrow(Testbeds.load("pmem-8-sockets"))

/** The eight sockets with as much persistent memory each as is asked for. */
const machine = (each: number): MachineSpec.MachineSpec => ({
  ...testbed.machine,
  arch: "x86_64-5level",
  devices: (testbed.machine.devices ?? []).map((device, i) => ({
    ...device,
    start: 256 * TiB + i * each,
    size: each,
    configured: (device.configured ?? []).map((one) => ({ ...one, size: each }))
  }))
})

const [name = "", each = "3"] = process.argv.slice(2)
const request: Simulation.Request = {
  machine: machine(Number(each) * TiB),
  costs: Testbed.costs(testbed),
  strategy: Result.getOrThrow(InitStrategies.parse(name)),
  faults: FaultPattern.usual,
  seed: 0
}

const times: Array<number> = []
for (let i = 0; i < 200; i++) {
  const before = process.cpuUsage()
  await Effect.runPromise(Simulation.run(request))
  const { system, user } = process.cpuUsage(before)
  times.push((system + user) / 1000)
}
process.stdout.write(JSON.stringify(times))
