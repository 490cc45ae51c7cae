/**
 * The ACPI memory driver: DIMMs that are plugged and ejected (OBS-5, HOT-12, HOT-22).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { hex } from "../geometry/Pfn.ts"
import { KernelError } from "../kernel/KernelError.ts"
import * as Reasons from "../kernel/Reasons.ts"
import { Kernel } from "../release/Kernel.ts"
import { has } from "../release/KernelRelease.ts"
import * as MemmapOnMemory from "../vmemmap/MemmapOnMemory.ts"
import { MemoryBlocks } from "./MemoryBlocks.ts"
import { MemoryGroups } from "./MemoryGroups.ts"
import { MemoryHotplug } from "./MemoryHotplug.ts"
import { OnlinePolicy } from "./OnlinePolicy.ts"

/**
 * A memory device, in bytes. `bootLimit` is the address of `mem=` for devices found while the machine boots.
 *
 * @category models
 * @since 0.1.0
 */
export interface Dimm {
  readonly start: number
  readonly size: number
  readonly node: number
  readonly bootLimit?: number | undefined
}

/**
 * A device whose memory the kernel uses; `group` is its memory group.
 *
 * @category models
 * @since 0.1.0
 */
export interface Device extends Dimm {
  readonly group: number
}

/**
 * - `plug` adds the memory of a device as a static group of its own; memory the kernel has already is left as it is
 * - `eject` takes its blocks offline and removes it; after a failure the blocks it took are online again, as plain `online` has
 *   them (HOT-22). ENODEV for a start address at which nothing was plugged
 * - `devices` lists what is plugged, by address
 *
 * @category services
 * @since 0.1.0
 */
export class AcpiMemory extends Context.Service<AcpiMemory, {
  readonly plug: (dimm: Dimm) => Effect.Effect<void, KernelError>
  readonly eject: (start: number) => Effect.Effect<void, KernelError>
  readonly devices: () => ReadonlyArray<Device>
}>()("@vmemmap/core/hotplug/AcpiMemory") {}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.gen(function*() {
  const kernel = yield* Kernel
  const blocks = yield* MemoryBlocks
  const groups = yield* MemoryGroups
  const policy = yield* OnlinePolicy
  const hotplug = yield* MemoryHotplug
  const plugged = new Map<number, Device>()

  /** Before 6.6 the driver asks for it only where it will be granted, judging by the size of the device (HOT-12). */
  const asksForOwnMemmap = (size: number): boolean => {
    const mode = policy.parameters().memmapOnMemory
    if (mode === "off") return false
    return has(kernel.release, "memmap-on-memory-relaxed") ||
      MemmapOnMemory.refuses({ ...kernel, blockSize: blocks.size }, size, mode) === null
  }

  const register = ({ node, size }: Dimm) =>
    Effect.suspend(() =>
      Effect.fromResult(groups.register({ node, kind: "static", maxPages: Math.ceil(size / kernel.arch.pageSize) }))
    )

  const unregister = (group: number) => Effect.sync(() => groups.unregister(group))

  const plug = (dimm: Dimm) =>
    Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        const group = yield* register(dimm)
        const { bootLimit, size, start } = dimm
        const request = { start, size, group, bootLimit, memmapOnMemory: asksForOwnMemmap(size) }
        yield* restore(hotplug.addMemory(request)).pipe(
          Effect.catchIf(({ errno }) => errno === "EEXIST", () => Effect.void),
          Effect.onError(() => unregister(group))
        )
        plugged.set(start, { ...dimm, group })
      })
    ).pipe(Reasons.telling)

  const blocksOf = ({ size, start }: Dimm) => ({ start: start / blocks.size, end: (start + size) / blocks.size })

  const onlineBlocks = (dimm: Dimm): ReadonlyArray<number> =>
    blocks.runs(blocksOf(dimm)).filter(({ value }) => value.state === "online").flatMap(({ end, start }) =>
      Array.from({ length: end - start }, (_, i) => start + i)
    )

  const one = (block: number) => ({ start: block, end: block + 1 })

  /**
   * `acpi_scan_try_to_offline()`: every block once; those that refused once more, up to the first that still does. Then what went
   * offline here goes online again, to whatever zone it now gets.
   */
  const offline = Effect.fnUntraced(function*(
    dimm: Dimm,
    restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  ) {
    const taken: Array<number> = []
    const attempt = (block: number) =>
      Effect.map(restore(hotplug.offline(one(block))), () => {
        taken.push(block)
      })
    yield* Effect.forEach(onlineBlocks(dimm), (block) => Effect.ignore(attempt(block)), { discard: true }).pipe(
      Effect.andThen(Effect.suspend(() => Effect.forEach(onlineBlocks(dimm), attempt, { discard: true }))),
      Effect.onError(() =>
        Effect.forEach(taken, (block) => Effect.ignore(hotplug.online(one(block), "online")), { discard: true })
      )
    )
  })

  const eject = Effect.fnUntraced(function*(start: number) {
    const device = plugged.get(start)
    if (device === undefined) {
      return yield* new KernelError({
        errno: "ENODEV",
        rule: "HOT-22",
        step: "acpi_memory_device_remove",
        problem: `no memory device is plugged at ${hex(start)}`,
        remedy: "name the first address of one that is"
      })
    }
    yield* Effect.uninterruptibleMask((restore) =>
      Effect.gen(function*() {
        yield* offline(device, restore)
        yield* hotplug.removeMemory(device)
        plugged.delete(start)
        yield* unregister(device.group)
      })
    )
  })

  return AcpiMemory.of({
    plug,
    eject,
    devices: () => [...plugged.values()].toSorted((a, b) => a.start - b.start)
  })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<
  AcpiMemory,
  never,
  Kernel | MemoryBlocks | MemoryGroups | OnlinePolicy | MemoryHotplug
> = Layer.effect(AcpiMemory, make)
