/**
 * The `device_dax` driver: device memory with struct pages, mapped by applications through `/dev/daxR.I` (24.2, 24.4, 24.6).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { FrameAllocator } from "../frames/FrameAllocator.ts"
import * as Alignment from "../geometry/Alignment.ts"
import * as ExtentMap from "../geometry/ExtentMap.ts"
import { hex } from "../geometry/Pfn.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import type * as Pagemap from "../hotplug/Pagemap.ts"
import { Pagemaps } from "../hotplug/Pagemaps.ts"
import type { Errno } from "../kernel/Errno.ts"
import { KernelError } from "../kernel/KernelError.ts"
import { KernelLog } from "../kernel/KernelLog.ts"
import * as Steps from "../kernel/Steps.ts"
import { Kernel } from "../release/Kernel.ts"
import { has } from "../release/KernelRelease.ts"
import { Iomem } from "../resources/Iomem.ts"
import { AwaitPages } from "./AwaitPages.ts"
import type { Device, Driver } from "./DaxDriver.ts"
import * as DaxFault from "./DaxFault.ts"
import * as DaxMapping from "./DaxMapping.ts"

/**
 * What `mmap()` is asked for. `offset` is in bytes; without an `address` the kernel chooses one that suits the alignment.
 *
 * @category models
 * @since 0.1.0
 */
export interface MapRequest {
  readonly length: number
  readonly offset?: number | undefined
  readonly address?: number | undefined
  readonly isPrivate?: boolean | undefined
}

/**
 * An open `/dev/daxR.I`. It outlives the driver: once the device is unbound `mmap` fails with ENXIO and every fault is
 * SIGBUS. It has `size` bytes now. Mappings begin and end on multiples of `align` bytes. The scope of `mmap` is the mapping.
 *
 * @category models
 * @since 0.1.0
 */
export interface File {
  readonly name: string
  readonly pagemap: Pagemap.Pagemap
  readonly align: number
  readonly size: () => number
  readonly isAlive: () => boolean
  readonly mmap: (request: MapRequest) => Effect.Effect<DaxMapping.DaxMapping, KernelError, Scope.Scope>
}

/**
 * - `probe` binds a device for as long as its scope is open (`dev_dax_probe()`): EINVAL for a static device of several ranges
 *   or a dynamic one with a page map, EBUSY for bytes in use, and what `memremap_pages()` answers
 * - `open` opens the character device of a bound one; ENOENT when there is none
 *
 * @category services
 * @since 0.1.0
 */
export class DeviceDax extends Context.Service<DeviceDax, {
  readonly probe: Driver["probe"]
  readonly open: (name: string) => Effect.Effect<File, KernelError>
}>()("@vmemmap/core/devices/DeviceDax") {}

/** More faults than run at a time; killing a device takes all permits. */
const faults = 2 ** 20

/** Where the first mapping without a hint goes. */
const mmapBase = 0x7f0000000000

const fail = (errno: Errno, rule: string, step: string, problem: string, remedy: string) =>
  Effect.fail(new KernelError({ errno, rule, step, problem, remedy }))

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.gen(function*() {
  const { arch, release } = yield* Kernel
  const pagemaps = yield* Pagemaps
  const iomem = yield* Iomem
  const frames = yield* FrameAllocator
  const log = yield* KernelLog
  const awaitPages = yield* AwaitPages
  const nodes = new Map<string, File>()
  let nextAddress = mmapBase

  const warn = (device: Device, text: string): void =>
    log.emit({ _tag: "Line", level: "warn", text: `device_dax ${device.name}: ${text}` })

  /** The page map to ask for: the one a static device brings, else one made from the ranges of now. */
  const request = Effect.fnUntraced(function*(device: Device) {
    const ranges = device.ranges()
    if (device.isStatic && ranges.length > 1) {
      warn(device, "static pgmap / multi-range device conflict")
      return yield* fail("EINVAL", "24.2", "dev_dax_probe", "a static device has one range", "recreate the namespace")
    }
    if (!device.isStatic && device.pagemap !== null) {
      warn(device, "dynamic-dax with pre-populated page map")
      return yield* fail("EINVAL", "24.2", "dev_dax_probe", "a dynamic device brings no page map", "leave it out")
    }
    if (device.pagemap === null && !frames.small("pagemap")) {
      return yield* fail("ENOMEM", "24.2", "dev_dax_probe", "no memory for the page map", "free memory")
    }
    const isCompound = device.align > arch.pageSize && has(release, "compound-devmaps")
    return {
      ...(device.pagemap ?? { name: device.name, node: device.node, ranges, background: "possible" as const }),
      type: "generic",
      order: isCompound ? Math.log2(device.align / arch.pageSize) : 0
    } satisfies Pagemap.Request
  })

  /** `devm_request_mem_region()` for one range. */
  const reserve = (device: Device, range: PfnRange.PfnRange, i: number) =>
    Effect.acquireRelease(
      Effect.fromResult(
        iomem.request({ start: range.start, size: PfnRange.length(range), name: device.name })
      ).pipe(Effect.tapError(() =>
        Effect.sync(() =>
          warn(device, `mapping${i}: ${hex(range.start)}-${hex(range.end - 1)} could not reserve range`)
        )
      )),
      () =>
        Effect.sync(() => iomem.release(range.start, PfnRange.length(range)))
    )

  const open = (bound: DaxMapping.Bound, mappings: Set<DaxMapping.DaxMapping>): File => {
    const { device } = bound
    const check = Effect.fnUntraced(function*(area: DaxFault.Area) {
      if (!bound.isAlive()) {
        return yield* fail("ENXIO", "24.4", "check_vma", `${device.name} is dead`, "bind it to device_dax")
      }
      const wrong = DaxFault.checkArea(area, device.align)
      const isWhole = area.end > area.start && Alignment.isAligned(area.start, arch.pageSize) &&
        Number.isSafeInteger(area.end) && Number.isSafeInteger(area.pageOffset) && area.pageOffset >= 0
      if (wrong !== null || !isWhole) {
        return yield* fail(
          "EINVAL",
          "24.4",
          "check_vma",
          wrong === "not shared"
            ? "the mapping would be private"
            : "the mapping does not begin and end on the alignment",
          `map it shared, at and with a multiple of ${device.align} bytes`
        )
      }
      if (!Alignment.isAligned(area.pageOffset * arch.pageSize, device.align)) {
        log.emit({
          _tag: "Hazard",
          rule: "24.4",
          text:
            `${device.name}: file offset ${hex(area.pageOffset * arch.pageSize)} is no multiple of the alignment; ` +
            "huge faults compute misaligned physical addresses"
        })
      }
      return DaxMapping.make(bound, area)
    })
    const areaOf = ({ address, isPrivate, length, offset = 0 }: MapRequest): DaxFault.Area => {
      const start = address ?? DaxFault.place(nextAddress, offset, device.align)
      return { start, end: start + length, pageOffset: offset / arch.pageSize, isShared: isPrivate !== true }
    }
    return {
      name: device.name,
      pagemap: bound.pagemap,
      align: device.align,
      size: () => PfnRange.total(device.ranges()),
      isAlive: bound.isAlive,
      mmap: (asked) =>
        Effect.acquireRelease(
          Effect.suspend(() => check(areaOf(asked))).pipe(
            Effect.tap((mapping) =>
              Effect.sync(() => {
                if (asked.address === undefined) nextAddress = mapping.area.end
                mappings.add(mapping)
              })
            )
          ),
          (mapping) =>
            Effect.sync(() => {
              mapping.zap()
              mappings.delete(mapping)
            })
        )
    }
  }

  /** `run_dax()`, and at the end `kill_dev_dax()`: no new fault, the running ones end, all entries go. */
  const run = Effect.fnUntraced(function*(device: Device, pagemap: Pagemap.Pagemap) {
    const mappings = new Set<DaxMapping.DaxMapping>()
    const srcu = Semaphore.makeUnsafe(faults)
    let isAlive = true
    const bound: DaxMapping.Bound = {
      device,
      pagemap,
      arch,
      srcu,
      marked: ExtentMap.empty(),
      awaitPages,
      isAlive: () => isAlive
    }
    const object = `dax:${device.name}`
    yield* Effect.acquireRelease(
      Effect.sync(() => nodes.set(device.name, open(bound, mappings))),
      () => Effect.sync(() => nodes.delete(device.name))
    )
    yield* Effect.addFinalizer(() =>
      Steps.run(function*() {
        yield Steps.write("dax.kill", object)
        isAlive = false
      }).pipe(
        Effect.andThen(srcu.withPermits(faults)(Effect.void)),
        Effect.andThen(Steps.run(function*() {
          // Whoever pins looks at the entries too.
          yield Steps.write("dax.zap", `pagemap:${pagemap.id}`)
          for (const mapping of mappings) mapping.zap()
        }))
      )
    )
  })

  const probe = Effect.fnUntraced(function*(device: Device) {
    const asked = yield* request(device)
    yield* Effect.forEach(device.ranges(), (range, i) => reserve(device, range, i), { discard: true })
    yield* run(device, yield* pagemaps.memremap(asked))
  })

  return DeviceDax.of({
    probe,
    open: (name) =>
      Effect.suspend(() => {
        const file = nodes.get(name)
        return file === undefined
          ? fail("ENOENT", "24.1", "open", `there is no /dev/${name}`, "bind the device to device_dax")
          : Effect.succeed(file)
      })
  })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<DeviceDax, never, Kernel | Pagemaps | Iomem | FrameAllocator | KernelLog> = Layer
  .effect(DeviceDax, make)
