/**
 * A device on the dax bus and the driver that has it: probing, its failures, unbinding (24.1).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type * as Pagemap from "../hotplug/Pagemap.ts"
import * as Errno from "../kernel/Errno.ts"
import { KernelError } from "../kernel/KernelError.ts"
import type { KernelLog } from "../kernel/KernelLog.ts"
import * as Reasons from "../kernel/Reasons.ts"
import * as Uevents from "../kernel/Uevents.ts"
import type { Device, Driver } from "./DaxDriver.ts"
import * as DaxRegion from "./DaxRegion.ts"

/**
 * A registered region. `lock` is the device lock of whatever the region belongs to; `isGone` from the moment its devices are
 * being removed. New devices get its `memmapOnMemory`. `seed` is the first created device that was never bound, `youngest` the last created one.
 *
 * @category models
 * @since 0.1.0
 */
export interface Parent {
  region: DaxRegion.Region
  seed: Node | null
  youngest: Node | null
  isGone: boolean
  readonly pagemap: Pagemap.Request | null
  readonly memmapOnMemory: boolean
  readonly lock: Semaphore.Semaphore
  readonly nodes: Map<string, Node>
}

/**
 * A device on the bus. `lock` is its device lock: probing, unbinding and changing it exclude each other.
 *
 * @category models
 * @since 0.1.0
 */
export interface Node {
  readonly name: string
  readonly parent: Parent
  readonly lock: Semaphore.Semaphore
  memmapOnMemory: boolean
  binding: { readonly driver: Driver; readonly scope: Scope.Closeable } | null
}

/**
 * A region on the bus, with a node for each of its devices.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  region: DaxRegion.Region,
  pagemap: Pagemap.Request | null,
  memmapOnMemory: boolean
): Parent => {
  const parent: Parent = {
    region,
    seed: null,
    youngest: null,
    isGone: false,
    pagemap,
    memmapOnMemory,
    lock: Semaphore.makeUnsafe(1),
    nodes: new Map()
  }
  for (const { name } of region.instances) add(parent, name)
  return parent
}

/**
 * A node for a device the region already has.
 *
 * @category constructors
 * @since 0.1.0
 */
export const add = (parent: Parent, name: string): Node => {
  const { memmapOnMemory } = parent
  const node: Node = { name, parent, lock: Semaphore.makeUnsafe(1), memmapOnMemory, binding: null }
  parent.nodes.set(name, node)
  return node
}

/**
 * The device behind a node; `undefined` once it, or its region, was removed.
 *
 * @category queries
 * @since 0.1.0
 */
export const instance = (node: Node): DaxRegion.Instance | undefined =>
  node.parent.isGone || node.parent.nodes.get(node.name) !== node
    ? undefined
    : DaxRegion.find(node.parent.region, node.name)

const device = ({ memmapOnMemory, name, parent }: Node, { align }: DaxRegion.Instance): Device => ({
  name,
  align,
  node: parent.region.node,
  targetNode: parent.region.targetNode,
  ranges: () => DaxRegion.find(parent.region, name)?.ranges ?? [],
  isStatic: parent.region.isStatic,
  pagemap: parent.pagemap,
  memmapOnMemory
})

/** `dax_bus_probe()`: ENXIO without bytes, else what the driver answers. */
const busProbe = (driver: Driver, node: Node, found: DaxRegion.Instance) =>
  DaxRegion.size(found) > 0 ? driver.probe(device(node, found)) : Effect.fail(
    new KernelError({
      errno: "ENXIO",
      rule: "24.2",
      step: "dax_bus_probe",
      problem: `${node.name} has no bytes`,
      remedy: "give it a size"
    })
  )

/**
 * `__driver_probe_device()`, with the device lock held. When the driver refuses, the binding's scope is closed again and the
 * driver core says so in the log, but for ENODEV and ENXIO (OBS-29). ENODEV for a device that is gone, EBUSY for one that has
 * a driver.
 *
 * @category operations
 * @since 0.1.0
 */
export const probe = Effect.fnUntraced(function*(log: KernelLog["Service"], driver: Driver, node: Node) {
  const found = instance(node)
  if (found === undefined || node.binding !== null) {
    return yield* new KernelError({
      errno: found === undefined ? "ENODEV" : "EBUSY",
      rule: "24.1",
      step: "__driver_probe_device",
      problem: `${node.name} ${found === undefined ? "is gone" : "has a driver"}`,
      remedy: found === undefined ? "list the dax devices" : "unbind it first"
    })
  }
  const scope = yield* Scope.make()
  yield* busProbe(driver, node, found).pipe(
    Scope.provide(scope),
    Effect.tapError((error) => {
      const { errno } = error
      if (errno === "ENODEV" || errno === "ENXIO") return Effect.void
      const text = `${driver.name}: probe of ${node.name} failed with error -${Errno.number(errno)}`
      log.emit({ _tag: "Line", level: "warn", text })
      return Reasons.tell(error)
    }),
    Effect.onExit((exit) =>
      Exit.isSuccess(exit)
        ? Effect.suspend(() => {
          node.binding = { driver, scope }
          if (node.parent.seed === node) node.parent.seed = null
          return Uevents.tell(node.name)
        })
        : Scope.close(scope, exit)
    )
  )
}, Effect.uninterruptible)

/**
 * `device_release_driver()`, with the device lock held: ends the binding. The device is free again even if giving back what
 * the driver held went wrong.
 *
 * @category operations
 * @since 0.1.0
 */
export const release = (node: Node): Effect.Effect<void> =>
  Effect.uninterruptible(Effect.suspend(() => {
    const { binding } = node
    return binding === null ? Effect.void : Effect.ensuring(
      Scope.close(binding.scope, Exit.void),
      Effect.sync(() => {
        node.binding = null
      })
    )
  }))

/**
 * Removes all devices of a region from the bus: none can be bound any more, those that are get unbound.
 *
 * @category operations
 * @since 0.1.0
 */
export const removeAll = (parent: Parent): Effect.Effect<void> =>
  Effect.suspend(() => {
    parent.isGone = true
    return Effect.forEach(
      [...parent.nodes.values()].toReversed(),
      (node) => node.lock.withPermits(1)(release(node)),
      { discard: true }
    )
  }).pipe(parent.lock.withPermits(1))
