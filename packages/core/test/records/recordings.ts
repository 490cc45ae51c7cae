/** Every recording of a booted machine, with what was seen before the first driver was loaded. */
import { Result } from "effect"
import * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import * as BootMemory from "../../src/machine/BootMemory.ts"
import type { MachineSpec } from "../../src/machine/MachineSpec.ts"
import * as RecordedMachine from "../../src/records/RecordedMachine.ts"

export interface Zone {
  readonly node: number
  readonly zone: string
  readonly spanned: number
  readonly present: number
  readonly start_pfn?: number
}

export interface BeforeDrivers {
  readonly iomem: ReadonlyArray<
    { readonly depth: number; readonly start: number; readonly end: number; readonly name: string }
  >
  readonly zoneinfo: ReadonlyArray<Zone>
  readonly memory_blocks: {
    readonly blockSizeBytes: number
    readonly runs: ReadonlyArray<
      { readonly first: number; readonly last: number; readonly nodes: ReadonlyArray<string> }
    >
  }
  readonly nodes: string
  readonly dmesg_new: ReadonlyArray<string>
}

export interface Recorded {
  readonly name: string
  readonly category: KernelFacts.Category
  readonly input: unknown
  readonly spec: MachineSpec
  readonly memory: BootMemory.BootMemory
  readonly before: BeforeDrivers
  /** Kernel lines of boot without their time stamps. */
  readonly lines: ReadonlyArray<string>
}

const categories = [...new Set(KernelFacts.index.map(({ category }) => category))]
  .filter((category) => category !== "host" && category !== "infoblock-tool")

const toRecorded = (recorded: KernelFacts.KernelCase): Recorded => {
  const phases = recorded.observed["phases"] as { readonly "before-drivers": BeforeDrivers }
  const spec = Result.getOrThrow(RecordedMachine.fromInput(recorded.input))
  const before = phases["before-drivers"]
  return {
    name: recorded.case,
    category: recorded.category,
    input: recorded.input,
    spec,
    memory: Result.getOrThrow(BootMemory.make(spec)),
    before,
    lines: before.dmesg_new.map((line) => line.replace(/^\[ *[0-9.]+\] /, ""))
  }
}

export const all: ReadonlyArray<Recorded> = categories.flatMap((category) =>
  KernelFacts.byCategory(category).map(toRecorded)
)
