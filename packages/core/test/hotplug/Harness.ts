/** A booted machine with everything memory hotplug needs, from a machine description. */
import { Result } from "effect"
import * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import * as BootMemory from "../../src/machine/BootMemory.ts"
import * as Machine from "../../src/machine/Machine.ts"
import type * as MachineSpec from "../../src/machine/MachineSpec.ts"
import * as RecordedMachine from "../../src/records/RecordedMachine.ts"

export const MiB = 2 ** 20
export const GiB = 2 ** 30

/** A machine of 2 GiB without anything else. */
export const small: MachineSpec.MachineSpec = {
  kernel: "6.1.176",
  hypervisor: true,
  ranges: [{ start: 0, size: 2 * GiB, kind: "ram" }]
}

export const booted = (memory: BootMemory.BootMemory, replace: Partial<Machine.Parts> = {}) =>
  Machine.boot(memory, {}, replace)

export const memoryOf = (spec: MachineSpec.MachineSpec): BootMemory.BootMemory =>
  Result.getOrThrow(BootMemory.make(spec))

export const layer = (spec: MachineSpec.MachineSpec = small, replace: Partial<Machine.Parts> = {}) =>
  booted(memoryOf(spec), replace)

/** A recording, and the machine it was made on. */
export const recorded = (name: string) => {
  const facts = Result.getOrThrow(KernelFacts.load(name))
  const spec = Result.getOrThrow(RecordedMachine.fromInput(facts.input))
  return { facts, spec, layer: layer(spec) }
}
