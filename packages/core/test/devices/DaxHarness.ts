/** A booted machine with a dax bus, and what tests of it ask again and again. */
import { Effect, Layer } from "effect"
import * as DaxDevices from "../../src/devices/DaxDevices.ts"
import * as DeviceDax from "../../src/devices/DeviceDax.ts"
import * as Kmem from "../../src/devices/Kmem.ts"
import * as Pin from "../../src/devices/Pin.ts"
import type * as StaticDax from "../../src/devices/StaticDax.ts"
import * as Pagemaps from "../../src/hotplug/Pagemaps.ts"
import * as KernelLog from "../../src/kernel/KernelLog.ts"
import type * as Machine from "../../src/machine/Machine.ts"
import type * as MachineSpec from "../../src/machine/MachineSpec.ts"
import * as Iomem from "../../src/resources/Iomem.ts"
import * as ResourceTree from "../../src/resources/ResourceTree.ts"
import * as Hotplug from "../hotplug/Harness.ts"

export const KiB = 2 ** 10
export const MiB = 2 ** 20
export const GiB = 2 ** 30

export const layer = (spec: MachineSpec.MachineSpec = Hotplug.small, replace: Partial<Machine.Parts> = {}) =>
  DaxDevices.layer.pipe(
    Layer.provideMerge(Layer.mergeAll(DeviceDax.layer, Kmem.layer, Pin.layer)),
    Layer.provideMerge(Pagemaps.layer),
    Layer.provideMerge(Hotplug.layer(spec, replace))
  )

/** What dax_pmem attaches for a namespace at `start`: data from `start + dataoff` on, memmap in RAM. */
export const static_ = (
  { align = 2 * MiB, dataoff = 2 * MiB, end, id = 0, region = 0, start, targetNode = 0 }: {
    readonly start: number
    readonly end: number
    readonly align?: number
    readonly dataoff?: number
    readonly region?: number
    readonly id?: number
    readonly targetNode?: number
  }
): StaticDax.StaticDax => ({
  region,
  id,
  name: `dax${region}.${id}`,
  start: start + dataoff,
  end,
  align,
  node: 0,
  targetNode,
  pagemap: { name: `dax${region}.${id}`, type: "unset", node: 0, ranges: [{ start, end }] }
})

export const iomem = Effect.map(
  Iomem.Iomem,
  ({ tree }) => ResourceTree.toText(tree()).split("\n").filter((line) => /dax|namespace|kmem|hmm|Persistent/.test(line))
)

export const lines = Effect.map(
  Effect.flatMap(KernelLog.KernelLog, ({ recent }) => recent),
  (events) => events.flatMap((event) => event._tag === "Line" ? [event.text] : [])
)

export const warns = Effect.map(
  Effect.flatMap(KernelLog.KernelLog, ({ recent }) => recent),
  (events) => events.flatMap((event) => event._tag === "Warn" ? [`${event.where}: ${event.text}`] : [])
)

export const hazards = Effect.map(
  Effect.flatMap(KernelLog.KernelLog, ({ recent }) => recent),
  (events) => events.flatMap((event) => event._tag === "Hazard" ? [event.rule] : [])
)

/** `ok`, or the error number. */
export const errno = <A, R>(effect: Effect.Effect<A, { readonly errno: string }, R>): Effect.Effect<string, never, R> =>
  Effect.match(effect, { onSuccess: () => "ok", onFailure: (error) => error.errno })
