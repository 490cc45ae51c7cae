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
import * as Decoding from "../inputs/Decoding.ts"
import type { InputError } from "../inputs/InputError.ts"
import * as Iomem from "../inputs/Iomem.ts"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import * as MachineTree from "../sysfs/MachineTree.ts"
import * as SysfsTree from "../sysfs/SysfsTree.ts"
import type { HostInput } from "./KernelRecord.ts"
import * as MemoryFacts from "./MemoryFacts.ts"

const decode = Decoding.make(Schema.Struct({ iomemText: Schema.String }), {
  remedy: "a host record has observed.iomemText, the text of /proc/iomem as root reads it"
})

/** A virtual machine unless the input says otherwise: that decides the block size from 64 GiB on. */
const machineOf = (
  { arch, hypervisor = true, kernel, memoryOptions }: HostInput,
  observed: unknown
): Result.Result<MachineSpec.MachineSpec, InputError> =>
  Result.gen(function*() {
    const { iomemText } = yield* decode({ source: "record", at: "observed" }, observed)
    const { ranges = [] } = yield* Iomem.read("observed.iomemText", iomemText)
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
export const run = Effect.fnUntraced(function*(input: HostInput, observed: unknown) {
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
