/**
 * The dax bus: regions, the devices in them, and the drivers that have them (24.1, 24.3, OBS-18).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { FrameAllocator } from "../frames/FrameAllocator.ts"
import { MemoryBlocks } from "../hotplug/MemoryBlocks.ts"
import { OnlinePolicy } from "../hotplug/OnlinePolicy.ts"
import type * as Pagemap from "../hotplug/Pagemap.ts"
import type { Errno } from "../kernel/Errno.ts"
import { KernelError } from "../kernel/KernelError.ts"
import { KernelLog } from "../kernel/KernelLog.ts"
import { Kernel } from "../release/Kernel.ts"
import { has } from "../release/KernelRelease.ts"
import * as MemmapOnMemory from "../vmemmap/MemmapOnMemory.ts"
import * as DaxAttributes from "./DaxAttributes.ts"
import * as DaxBinding from "./DaxBinding.ts"
import type { Node, Parent } from "./DaxBinding.ts"
import { DaxBus } from "./DaxBus.ts"
import * as DaxChange from "./DaxChange.ts"
import type { Driver } from "./DaxDriver.ts"
import * as DaxRegion from "./DaxRegion.ts"
import { DeviceDax } from "./DeviceDax.ts"
import { Kmem } from "./Kmem.ts"

/**
 * Device memory that comes without an info block: soft reserved memory, CXL ram. `isIdle`: its first device has no bytes
 * instead of all of them (`dax_hmem.region_idle`). `memmapOnMemory`: its devices ask for it unless told otherwise, as those of
 * CXL memory do from 6.8 on (25.6).
 *
 * @category models
 * @since 0.1.0
 */
export interface DynamicDax {
  readonly region: number
  readonly start: number
  readonly end: number
  readonly node: number
  readonly targetNode: number
  readonly isIdle?: boolean | undefined
  readonly memmapOnMemory?: boolean | undefined
}

/**
 * The bus as drivers of regions and administrators use it.
 *
 * - `attach`: a dynamic region with its first device, until the scope ends. ENOMEM where start and length are no multiples of
 *   2 MiB
 * - `change`: one write to an attribute; answers the name of the device it was about
 * - `bind`: ENODEV where the driver does not match the device or there is none, EBUSY where it has a driver, else what
 *   probing answers
 * - `unbind`: ends the binding, and returns when everything it held is given back (24.6); ENODEV where the driver does not
 *   have the device
 * - `newId`: makes a driver match a name, and lets it try every device without driver that it matches; what those probes
 *   answer is only logged. ENODEV for no such driver. `removeId` makes it forget a name again, if it knew it
 * - `load`: a driver that was unloaded comes back and tries every device without driver that it matches; `unload`: it lets go of
 *   its devices, forgets its names and is gone. Nothing for a driver there never was
 * - `drivers`: names of those that are there
 * - `list`: the devices in the order they came; `names`: only their names; `get`: the one of a name
 *
 * @category services
 * @since 0.1.0
 */
export class DaxDevices extends Context.Service<DaxDevices, {
  readonly attach: (dax: DynamicDax) => Effect.Effect<void, KernelError, Scope.Scope>
  readonly change: (change: DaxChange.Change) => Effect.Effect<string, KernelError>
  readonly bind: (driver: string, name: string) => Effect.Effect<void, KernelError>
  readonly unbind: (driver: string, name: string) => Effect.Effect<void, KernelError>
  readonly newId: (driver: string, name: string) => Effect.Effect<void, KernelError>
  readonly removeId: (driver: string, name: string) => Effect.Effect<void, KernelError>
  readonly load: (driver: string) => Effect.Effect<void>
  readonly unload: (driver: string) => Effect.Effect<void>
  readonly drivers: () => ReadonlyArray<string>
  readonly list: () => ReadonlyArray<DaxAttributes.DaxAttributes>
  readonly names: () => ReadonlyArray<string>
  readonly get: (name: string) => DaxAttributes.DaxAttributes | undefined
}>()("@vmemmap/core/devices/DaxDevices") {}

const fail = (errno: Errno, rule: string, step: string, problem: string, remedy: string) =>
  Effect.fail(new KernelError({ errno, rule, step, problem, remedy }))

const absent = (step: string, name: string) =>
  fail("ENODEV", "24.1", step, `there is no ${name}`, "list the dax devices")

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.gen(function*() {
  const kernel = yield* Kernel
  const { arch, release } = kernel
  const blocks = yield* MemoryBlocks
  const policy = yield* OnlinePolicy
  const frames = yield* FrameAllocator
  const log = yield* KernelLog
  const { probe } = yield* DeviceDax
  const kmem = yield* Kmem
  const drivers: ReadonlyArray<Driver> = [
    { name: "device_dax", matchesAlways: true, probe },
    ...(has(release, "kmem") && arch.hotplug ? [{ name: "kmem", matchesAlways: false, probe: kmem.probe }] : [])
  ]
  const present = new Set(drivers.map(({ name }) => name))
  const ids = new Map<string, Set<string>>(drivers.map(({ name }) => [name, new Set()]))
  const parents = new Set<Parent>()

  const nodes = (): ReadonlyArray<Node> => [...parents].flatMap((parent) => [...parent.nodes.values()])
  const find = (name: string): Node | undefined => {
    for (const { nodes } of parents) {
      const node = nodes.get(name)
      if (node !== undefined) return node
    }
    return undefined
  }
  const matches = (driver: Driver, node: Node): boolean =>
    present.has(driver.name) && (driver.matchesAlways || ids.get(driver.name)?.has(node.name) === true)

  /** A driver tries a device that has none; what comes of it is seen in the log only. */
  const attempt = (driver: Driver, node: Node) =>
    node.lock.withPermits(1)(
      Effect.suspend(() => node.binding === null ? Effect.ignore(DaxBinding.probe(log, driver, node)) : Effect.void)
    )

  const attemptAll = (driver: Driver) =>
    Effect.forEach(nodes().filter((node) => matches(driver, node)), (node) => attempt(driver, node), { discard: true })

  /** `device_attach()`: the first matching driver that takes it. */
  const attachDriver = (node: Node) =>
    Effect.forEach(drivers.filter((driver) => matches(driver, node)), (driver) => attempt(driver, node), {
      discard: true
    })

  /** Registers a region with its first device; the scope's end unbinds and removes all of its devices. */
  const register = Effect.fnUntraced(function*(
    made: Result.Result<DaxRegion.Region, KernelError>,
    pagemap: Pagemap.Request | null,
    memmapOnMemory: boolean
  ) {
    const region = yield* Effect.fromResult(made)
    const taken = region.instances.find(({ name }) => find(name) !== undefined)
    if (taken !== undefined) {
      return yield* fail("EEXIST", "24.1", "device_add", `${taken.name} exists`, "give the region a number of its own")
    }
    const parent = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const added = DaxBinding.make(region, pagemap, memmapOnMemory)
        parents.add(added)
        return added
      }),
      (added) => Effect.ensuring(DaxBinding.removeAll(added), Effect.sync(() => parents.delete(added)))
    )
    yield* Effect.forEach([...parent.nodes.values()], attachDriver, { discard: true })
  })

  const attach = (dax: DynamicDax) =>
    register(
      DaxRegion.make({
        id: dax.region,
        start: dax.start,
        end: dax.end,
        align: arch.pmdSize,
        node: dax.node,
        targetNode: dax.targetNode,
        isStatic: false
      }).pipe(
        Result.flatMap((region) => DaxRegion.create(region)),
        Result.flatMap(({ instance, region }) =>
          dax.isIdle === true
            ? Result.succeed(region)
            : DaxRegion.resize(arch, region, instance.name, DaxRegion.available(region), false)
        )
      ),
      null,
      dax.memmapOnMemory === true && has(release, "kmem-memmap-on-memory")
    )

  const driverOf = (name: string) =>
    Effect.suspend(() => {
      const driver = drivers.find((driver) => driver.name === name && present.has(name))
      return driver === undefined ? absent("bind", `driver ${name}`) : Effect.succeed(driver)
    })

  const bind = Effect.fnUntraced(function*(driverName: string, name: string) {
    const driver = yield* driverOf(driverName)
    const node = find(name)
    if (node === undefined || !matches(driver, node)) {
      return yield* node === undefined
        ? absent("bind", name)
        : fail("ENODEV", "24.1", "bind", `${driverName} does not match ${name}`, `write ${name} to its new_id`)
    }
    yield* node.lock.withPermits(1)(DaxBinding.probe(log, driver, node))
  })

  const unbind = Effect.fnUntraced(function*(driverName: string, name: string) {
    const driver = yield* driverOf(driverName)
    const node = find(name)
    if (node === undefined) return yield* absent("unbind", name)
    yield* node.lock.withPermits(1)(Effect.suspend(() =>
      node.binding?.driver === driver
        ? DaxBinding.release(node)
        : fail("ENODEV", "24.1", "unbind", `${driverName} does not have ${name}`, "name the driver that has it")
    ))
  })

  const named = (step: string, name: string) =>
    /^dax[0-9]+\.[0-9]+$/.test(name)
      ? Effect.void
      : fail("EINVAL", "24.1", step, `${name} is no name of a dax device`, "write daxR.I")

  const newId = Effect.fnUntraced(function*(driverName: string, name: string) {
    const driver = yield* driverOf(driverName)
    yield* named("new_id", name)
    ids.get(driverName)?.add(name)
    yield* attemptAll(driver)
  })

  const load = (name: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      const driver = drivers.find((driver) => driver.name === name)
      if (driver === undefined || present.has(name)) return Effect.void
      present.add(name)
      return attemptAll(driver)
    })

  const unload = (name: string): Effect.Effect<void> =>
    Effect.suspend(() => {
      if (!present.delete(name)) return Effect.void
      ids.get(name)?.clear()
      return Effect.forEach(
        nodes(),
        (node) =>
          node.lock.withPermits(1)(
            Effect.suspend(() => node.binding?.driver.name === name ? DaxBinding.release(node) : Effect.void)
          ),
        { discard: true }
      )
    })

  const removeId = Effect.fnUntraced(function*(driverName: string, name: string) {
    yield* driverOf(driverName)
    yield* named("remove_id", name)
    ids.get(driverName)?.delete(name)
  })

  const attributesOf = (node: Node): DaxAttributes.DaxAttributes | undefined => {
    const found = DaxBinding.instance(node)
    return found === undefined ? undefined : DaxAttributes.of(release, node, found)
  }

  const staticBus = DaxBus.of({
    attach: (dax) =>
      register(
        Result.map(
          DaxRegion.make({
            id: dax.region,
            start: dax.start,
            end: dax.end,
            align: dax.align,
            node: dax.node,
            targetNode: dax.targetNode,
            isStatic: true
          }),
          (region) => DaxRegion.addStatic(region, dax.id)
        ),
        dax.pagemap,
        false
      )
  })

  const hosting = { ...kernel, blockSize: blocks.size }
  const refusesOwnMemmap = () => MemmapOnMemory.blockRefuses(hosting, policy.parameters().memmapOnMemory)

  return Context.make(DaxBus, staticBus).pipe(
    Context.add(
      DaxDevices,
      DaxDevices.of({
        attach,
        change: DaxChange.make({ kernel: { arch, release, frames, log }, parents, attachDriver, refusesOwnMemmap }),
        bind,
        unbind,
        newId,
        removeId,
        load,
        unload,
        drivers: () => [...present],
        list: () => nodes().flatMap((node) => attributesOf(node) ?? []),
        names: () => nodes().filter((node) => DaxBinding.instance(node) !== undefined).map(({ name }) => name),
        get: (name) => {
          const node = find(name)
          return node === undefined ? undefined : attributesOf(node)
        }
      })
    )
  )
})

/**
 * Both ends of the bus: where `dax_pmem` attaches its instances, and where everything else is done.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<
  DaxBus | DaxDevices,
  never,
  Kernel | FrameAllocator | KernelLog | MemoryBlocks | OnlinePolicy | DeviceDax | Kmem
> = Layer.effectContext(make)
