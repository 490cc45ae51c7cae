/**
 * The `kmem` driver: device memory as System RAM (25.1, 25.5).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { FrameAllocator } from "../frames/FrameAllocator.ts"
import { hex } from "../geometry/Pfn.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import { MemoryBlocks } from "../hotplug/MemoryBlocks.ts"
import { MemoryGroups } from "../hotplug/MemoryGroups.ts"
import { MemoryHotplug } from "../hotplug/MemoryHotplug.ts"
import type { Errno } from "../kernel/Errno.ts"
import { KernelError } from "../kernel/KernelError.ts"
import { KernelLog } from "../kernel/KernelLog.ts"
import { Kernel } from "../release/Kernel.ts"
import { Iomem } from "../resources/Iomem.ts"
import * as ResourceTree from "../resources/ResourceTree.ts"
import type { Device, Driver } from "./DaxDriver.ts"

/**
 * - `probe` adds the whole memory blocks of a device to its target node, and succeeds when any range could be added. The
 *   scope's end removes them; what is online cannot be removed and stays, with its resource, its name and its group, until
 *   reboot
 * - `slowNodes` lists the nodes in the slow memory tier, ascending: those that kmem memory came to
 *
 * @category services
 * @since 0.1.0
 */
export class Kmem extends Context.Service<Kmem, {
  readonly probe: Driver["probe"]
  readonly slowNodes: () => ReadonlyArray<number>
}>()("@vmemmap/core/devices/Kmem") {}

/** The name under which a kmem range is RAM in `/proc/iomem`. */
const name = "System RAM (kmem)"

const fail = (errno: Errno, step: string, problem: string, remedy: string) =>
  Effect.fail(new KernelError({ errno, rule: "25.1", step, problem, remedy }))

/** What a bound device has: one entry per range of it, `null` for those that were not added. */
interface Data {
  readonly group: number
  readonly added: ReadonlyArray<PfnRange.PfnRange | null>
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.gen(function*() {
  const { arch } = yield* Kernel
  const iomem = yield* Iomem
  const frames = yield* FrameAllocator
  const log = yield* KernelLog
  const blocks = yield* MemoryBlocks
  const groups = yield* MemoryGroups
  const hotplug = yield* MemoryHotplug
  const tiers = new Map<number, number>()

  const line = (device: Device, level: "info" | "warn" | "err", text: string): void =>
    log.emit({ _tag: "Line", level, text: `kmem ${device.name}: ${text}` })

  const show = (i: number, { end, start }: PfnRange.PfnRange): string => `mapping${i}: ${hex(start)}-${hex(end - 1)}`

  const resource = (device: Device, { end, start }: PfnRange.PfnRange) => ({
    start,
    size: end - start,
    name: device.name
  })

  const enterTier = (node: number): void => void tiers.set(node, (tiers.get(node) ?? 0) + 1)

  const leaveTier = (node: number): void => {
    const left = (tiers.get(node) ?? 0) - 1
    if (left > 0) tiers.set(node, left)
    else tiers.delete(node)
  }

  /** Step 2: the whole blocks of each range, `null` where there is none. */
  const trim = (device: Device): ReadonlyArray<PfnRange.PfnRange | null> =>
    device.ranges().map((range, i) => {
      const whole = PfnRange.shrinkTo(range, blocks.size)
      if (whole.end > whole.start) return whole
      line(device, "info", `${show(i, range)} too small after alignment`)
      return null
    })

  /** Step 5 for one range. */
  const add = Effect.fnUntraced(function*(device: Device, group: number, i: number, range: PfnRange.PfnRange) {
    const asked = resource(device, range)
    const placed = iomem.request({ ...asked, flags: ResourceTree.Flag.systemRam, busy: false })
    if (Result.isFailure(placed)) {
      line(device, "warn", `${show(i, range)} could not reserve region`)
      return yield* Effect.fail(placed.failure)
    }
    yield* hotplug.addMemory({
      start: asked.start,
      size: asked.size,
      group,
      name,
      driverManaged: true,
      memmapOnMemory: device.memmapOnMemory
    }).pipe(
      Effect.tapError(() =>
        Effect.sync(() => {
          line(device, "warn", `${show(i, range)} memory add failed`)
          iomem.remove(asked)
        })
      )
    )
  })

  /** Step 5: once something was added, a range that fails is left out. */
  const addAll = Effect.fnUntraced(function*(
    device: Device,
    group: number,
    trimmed: ReadonlyArray<PfnRange.PfnRange | null>
  ) {
    const added: Array<PfnRange.PfnRange | null> = []
    let isAny = false
    for (const [i, range] of trimmed.entries()) {
      if (range === null) {
        added.push(null)
        continue
      }
      const done = yield* Effect.result(add(device, group, i, range))
      if (Result.isFailure(done) && !isAny) return yield* Effect.fail(done.failure)
      added.push(Result.isSuccess(done) ? range : null)
      isAny ||= Result.isSuccess(done)
    }
    return added
  })

  const bind = Effect.fnUntraced(function*(device: Device) {
    const node = device.targetNode
    if (node < 0) {
      line(device, "warn", `rejecting DAX region with invalid node: ${node}`)
      return yield* fail("EINVAL", "dev_dax_kmem_probe", "the memory belongs to no node", "firmware must name one")
    }
    const trimmed = trim(device)
    const total = trimmed.reduce((sum, range) => sum + (range === null ? 0 : PfnRange.length(range)), 0)
    if (total === 0) {
      line(device, "warn", "rejecting DAX region without any memory after alignment")
      return yield* fail(
        "EINVAL",
        "dev_dax_kmem_probe",
        "no range covers a whole memory block",
        `use a range that covers an aligned ${blocks.size} bytes`
      )
    }
    enterTier(node)
    return yield* Effect.gen(function*() {
      if (!frames.small("kmem data") || !frames.small("kmem name")) {
        return yield* fail("ENOMEM", "dev_dax_kmem_probe", "no memory for its own data", "free memory")
      }
      const group = yield* Effect.fromResult(
        groups.register({ node, kind: "static", maxPages: Math.ceil(total / arch.pageSize) })
      )
      const added = yield* addAll(device, group, trimmed).pipe(
        Effect.tapError(() => Effect.sync(() => groups.unregister(group)))
      )
      return { group, added } satisfies Data
    }).pipe(Effect.tapError(() => Effect.sync(() => leaveTier(node))))
  })

  /** `dev_dax_kmem_remove()`: only if every range of the device was removed are group and tier given back. */
  const unbind = Effect.fnUntraced(function*(device: Device, { added, group }: Data) {
    let removed = 0
    for (const [i, range] of added.entries()) {
      if (range === null) continue
      const asked = resource(device, range)
      const done = yield* Effect.result(hotplug.removeMemory({ start: asked.start, size: asked.size }))
      if (Result.isSuccess(done)) {
        iomem.remove(asked)
        removed++
      } else {
        line(device, "err", `${show(i, range)} cannot be hotremoved until the next reboot`)
      }
    }
    if (removed < added.length) return
    groups.unregister(group)
    leaveTier(device.targetNode)
  })

  return Kmem.of({
    probe: (device) => Effect.asVoid(Effect.acquireRelease(bind(device), (data) => unbind(device, data))),
    slowNodes: () => [...tiers.keys()].toSorted((a, b) => a - b)
  })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<
  Kmem,
  never,
  Kernel | Iomem | FrameAllocator | KernelLog | MemoryBlocks | MemoryGroups | MemoryHotplug
> = Layer.effect(Kmem, make)
