/**
 * Recordings of a live machine: what follows from the memory map it shows (GEO-15, ZON-11, OBS-12).
 *
 * Everything else in such a record depends on what ran there. The map is given: it is firmware's word.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { InputError } from "../inputs/InputError.ts"
import * as Iomem from "../inputs/Iomem.ts"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import * as MachineTree from "../sysfs/MachineTree.ts"
import * as SysfsTree from "../sysfs/SysfsTree.ts"
import * as MemoryFacts from "./MemoryFacts.ts"

const Input = Schema.Struct({
  arch: Schema.String,
  kernel: Schema.String,
  memoryOptions: Schema.String,
  hypervisor: Schema.optionalKey(Schema.Boolean)
})

const Observed = Schema.Struct({ iomemText: Schema.String })

const decode = Schema.decodeUnknownResult(Schema.Struct({ input: Input, observed: Observed }))

/**
 * The machine of such a record. Without a word on it, a virtual one: that decides the block size from 64 GiB on.
 *
 * @category conversions
 * @since 0.1.0
 */
export const machineOf = (
  input: unknown,
  observed: unknown
): Result.Result<MachineSpec.MachineSpec, InputError> =>
  Result.gen(function*() {
    const decoded = yield* Result.mapError(decode({ input, observed }), ({ message }) =>
      new InputError({
        source: "record",
        at: "",
        problem: message.slice(0, 400),
        remedy: "a host record names arch, kernel and memoryOptions, and observed iomemText"
      }))
    const { arch, hypervisor = true, kernel, memoryOptions } = decoded.input
    const { ranges = [] } = yield* Iomem.read("observed.iomemText", decoded.observed.iomemText)
    return { arch, kernel, hypervisor, cmdline: memoryOptions, ranges }
  })

const counters = (text: string) =>
  Object.fromEntries([...text.matchAll(/^(nr_memmap_\S+) ([0-9]+)$/gm)].map(([, name = "", n]) => [name, Number(n)]))

/**
 * Block size, memory blocks, zones and memmap counters of the machine as it boots, in the form of `observed`.
 *
 * @category operations
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function*(input: unknown, observed: unknown) {
  const spec = yield* Effect.fromResult(machineOf(input, observed))
  return yield* Effect.gen(function*() {
    const tree = yield* SysfsTree.SysfsTree
    return {
      ...(yield* MemoryFacts.take),
      memory_blocks_present: true,
      vmstat: counters(yield* SysfsTree.read(tree, "/proc/vmstat"))
    }
  }).pipe(Effect.provide(MachineTree.boot(spec), { local: true }))
})
