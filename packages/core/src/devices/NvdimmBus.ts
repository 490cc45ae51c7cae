/**
 * libnvdimm: drivers come and go, devices are bound, unbound and written to (spec 21).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import { Pagemaps } from "../hotplug/Pagemaps.ts"
import * as Errno from "../kernel/Errno.ts"
import * as KernelError from "../kernel/KernelError.ts"
import { KernelLog } from "../kernel/KernelLog.ts"
import * as Reasons from "../kernel/Reasons.ts"
import * as Uevents from "../kernel/Uevents.ts"
import { Kernel } from "../release/Kernel.ts"
import * as Port from "../release/Port.ts"
import { Iomem } from "../resources/Iomem.ts"
import * as CostModel from "../time/CostModel.ts"
import * as Waiting from "../time/Waiting.ts"
import { AwaitPages } from "./AwaitPages.ts"
import * as BttDriver from "./BttDriver.ts"
import { DaxBus } from "./DaxBus.ts"
import * as DaxPmemDriver from "./DaxPmemDriver.ts"
import * as InstanceAttributes from "./InstanceAttributes.ts"
import { Media } from "./Media.ts"
import { Memregion } from "./Memregion.ts"
import * as NamespaceAttributes from "./NamespaceAttributes.ts"
import type { Bound, Device, DriverName, Instance, Region } from "./NvdimmState.ts"
import * as NvdimmState from "./NvdimmState.ts"
import * as PmemDriver from "./PmemDriver.ts"
import * as Providers from "./Providers.ts"
import * as Regions from "./Region.ts"
import * as RegionDriver from "./RegionDriver.ts"
import * as Seeds from "./Seeds.ts"
import * as SysfsText from "./SysfsText.ts"

/**
 * - `load` loads a driver: one that finds regions enables them, one that binds devices probes every device there is. Loading
 *   it again does nothing
 * - `unload` unbinds every device of a driver; one that found regions disables them and takes them away
 * - `bind` and `unbind` take the name of a region (enable, disable), namespace, btt, pfn or dax device. `bind` answers what the
 *   probe answered, also ENXIO of a namespace whose child was bound instead (21.5); EBUSY when it is bound, ENODEV without a
 *   driver or device. What a failed probe acquired is given back before it answers. `unbind` waits until nobody uses the
 *   device's pages; a caller that stops waiting does not stop it
 * - `write` writes an attribute of a device: ENOENT where there is none, else see `NamespaceAttributes`,
 *   `InstanceAttributes`, and `align` of regions (21.1)
 * - `regions` are all regions in the order of their numbers, to be read only
 *
 * @category services
 * @since 0.1.0
 */
export class NvdimmBus extends Context.Service<NvdimmBus, {
  readonly load: (driver: Providers.ProviderName | DriverName) => Effect.Effect<void>
  readonly unload: (driver: Providers.ProviderName | DriverName) => Effect.Effect<void>
  readonly bind: (name: string) => Effect.Effect<void, KernelError.KernelError>
  readonly unbind: (name: string) => Effect.Effect<void, KernelError.KernelError>
  readonly write: (name: string, attribute: string, text: string) => Effect.Effect<void, KernelError.KernelError>
  readonly regions: () => ReadonlyArray<Region>
}>()("@vmemmap/core/devices/NvdimmBus") {}

const refusal = (errno: "EBUSY" | "ENODEV" | "ENOENT", problem: string, remedy: string) =>
  KernelError.fail({ errno, rule: "21.1", problem, remedy })

const refuse = (...[errno, problem, remedy]: Parameters<typeof refusal>) =>
  Effect.fromResult(refusal(errno, problem, remedy))

const driverOf = (device: Device): DriverName =>
  device._tag === "Instance" && device.kind === "dax" ? "dax_pmem" : "nd_pmem"

/** The kernel does not report these two: the device is just not for this driver (OBS-29). */
const silent: ReadonlySet<Errno.Errno> = new Set(["ENXIO", "ENODEV"])

/**
 * An empty bus over what firmware describes; nothing is loaded.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(firmware: Providers.Firmware) {
  const kernel = yield* Kernel
  const log = yield* KernelLog
  const iomem = yield* Iomem
  const media = yield* Media
  const pagemaps = yield* Pagemaps
  const daxBus = yield* DaxBus
  const memregion = yield* Memregion
  const awaitPages = yield* AwaitPages
  const hardware = { kernel, log, iomem, media, pagemaps, awaitPages }
  const { arch } = kernel
  const teardowns = yield* FiberSet.make<void, KernelError.KernelError>()
  const scope = yield* Effect.scope
  const loaded = new Set<string>()
  const regions: Array<Region> = []
  const provided = new Map<Providers.ProviderName, ReadonlyArray<Region>>()

  /** Runs to its end whatever becomes of the caller. */
  const teardown = (effect: Effect.Effect<void, KernelError.KernelError>) =>
    Effect.flatMap(FiberSet.run(teardowns, Effect.uninterruptible(effect)), Fiber.join)

  const probe = (
    device: Device,
    register: (child: Instance) => void
  ): Effect.Effect<Bound["disk"], KernelError.KernelError, Scope.Scope> => {
    if (device._tag === "Namespace") return PmemDriver.probeNamespace(hardware, device, register)
    switch (device.kind) {
      case "btt":
        return BttDriver.probe(hardware, device)
      case "pfn":
        return PmemDriver.probePfn(hardware, device)
      case "dax":
        return Effect.as(DaxPmemDriver.probe(hardware, daxBus, device), null)
    }
  }

  /** `really_probe()` and `nvdimm_bus_probe()`: one probe, and what follows from how it ended. */
  const attempt = (device: Device, register: (child: Instance) => void) =>
    Effect.uninterruptibleMask((restore) => {
      const own = Scope.forkUnsafe(scope)
      const driver = driverOf(device)
      // Labels and info block are read before anything is mapped.
      const read = device._tag === "Namespace" ? CostModel.spend((costs) => costs.probe) : Effect.void
      return restore(Effect.andThen(read, probe(device, register))).pipe(
        Effect.provideService(Scope.Scope, own),
        Effect.onExit((exit) =>
          Exit.isSuccess(exit)
            ? Effect.suspend(() => {
              device.bound = { driver, scope: own, disk: exit.value }
              Seeds.advance(device, arch)
              return exit.value === null ? Effect.void : Uevents.tell(exit.value.name)
            })
            : Scope.close(own, exit)
        ),
        Effect.tapError((error) => {
          const { errno } = error
          if (errno === "EOPNOTSUPP") Seeds.advance(device, arch)
          if (silent.has(errno)) return Effect.void
          const text = `${driver}: probe of ${device.name} failed with error -${Errno.number(errno)}`
          log.emit({ _tag: "Line", level: "warn", text })
          return Reasons.tell(error)
        }),
        Effect.asVoid
      )
    })

  const bindDevice = (device: Device): Effect.Effect<void, KernelError.KernelError> =>
    Effect.suspend(() => {
      const children: Array<Instance> = []
      // A child first waits for a probe of the raw namespace that is still going on (21.4).
      const raw = device._tag === "Instance" ? device.namespace : null
      const settled = raw === null ? Effect.void : raw.lock.withPermits(1)(Effect.void)
      const locked = device.lock.withPermits(1)(Effect.suspend(() => {
        if (!device.registered) return refuse("ENODEV", `${device.name} is gone`, "use another device")
        if (device.bound !== null) return refuse("EBUSY", `${device.name} is bound`, "unbind it first")
        if (!loaded.has(driverOf(device))) {
          return refuse("ENODEV", `${driverOf(device)} is not loaded`, "load it")
        }
        return attempt(device, (child) => children.push(child))
      }))
      return Effect.exit(Effect.andThen(settled, locked)).pipe(
        Effect.tap(() => Effect.forEach(children, (child) => Effect.exit(bindDevice(child)), { discard: true })),
        Effect.flatten
      )
    })

  const unbindDevice = (device: Device): Effect.Effect<void, KernelError.KernelError> =>
    teardown(
      device.lock.withPermits(1)(Effect.suspend(() => {
        const { bound } = device
        if (bound === null) return refuse("ENODEV", `${device.name} has no driver`, "bind it first")
        return Effect.andThen(
          Scope.close(bound.scope, Exit.void),
          Effect.sync(() => {
            device.bound = null
          })
        )
      }))
    )

  /** Devices probe side by side (23.7). */
  const bindAll = (devices: ReadonlyArray<Device>): Effect.Effect<void> =>
    Effect.forEach(devices, (device) => Waiting.named(Effect.exit(bindDevice(device)), device.name), {
      concurrency: "unbounded",
      discard: true
    })

  const enable = (region: Region): Effect.Effect<void, KernelError.KernelError> =>
    region.lock.withPermits(1)(Effect.suspend(() => {
      if (region.enabled) return refuse("EBUSY", `${region.name} is enabled`, "disable it first")
      return bindAll(RegionDriver.registerNamespaces(region)).pipe(
        Effect.ensuring(Effect.sync(() => RegionDriver.registerSeeds(region, arch)))
      )
    }))

  const disable = (region: Region): Effect.Effect<void, KernelError.KernelError> =>
    teardown(
      region.lock.withPermits(1)(Effect.suspend(() => {
        if (!region.enabled) return refuse("ENODEV", `${region.name} is disabled`, "enable it first")
        return Effect.forEach(NvdimmState.devices(region), (device) => Effect.exit(unbindDevice(device)), {
          discard: true
        }).pipe(Effect.andThen(Effect.sync(() => RegionDriver.unregister(region))))
      }))
    )

  const find = (name: string): Region | Device | undefined => {
    const region = regions.find(({ id }) => id === Number(/^[a-z]+(\d+)/.exec(name)?.[1]))
    return region === undefined || region.name === name ? region : Seeds.find(region, name)
  }

  const provide = (provider: Providers.ProviderName): Effect.Effect<void> => {
    const pagemap = Providers.hasPagemap(provider) && Port.hasZoneDevice(arch, kernel.release)
    const found = Providers.regions(provider, firmware, { iomem, log, pageSize: arch.pageSize })
    const next = regions.reduce((most, { bus }) => Math.max(most, bus.number + 1), 0)
    const buses = Providers.buses(provider, found.length, next)
    const added = found.flatMap((description, i) => {
      const bus = buses[i]
      const options = { pagemap, pageSize: arch.pageSize }
      return bus === undefined ? [] : [NvdimmState.makeRegion(memregion.alloc(), description, { ...options, bus })]
    })
    regions.push(...added)
    provided.set(provider, added)
    return Effect.forEach(added, (region) => Effect.exit(enable(region)), { concurrency: "unbounded", discard: true })
  }

  const withdraw = (provider: Providers.ProviderName): Effect.Effect<void> => {
    const own = provided.get(provider) ?? []
    provided.delete(provider)
    return Effect.forEach(own, (region) => Effect.exit(disable(region)), { discard: true }).pipe(
      Effect.andThen(Effect.sync(() => {
        for (const region of own) {
          regions.splice(regions.indexOf(region), 1)
          memregion.free(region.id)
        }
        Providers.withdraw(provider, own, iomem)
      }))
    )
  }

  const allDevices = (driver: DriverName) =>
    regions.flatMap(NvdimmState.devices).filter((device) => driverOf(device) === driver)

  /** Disks of bound devices follow their region (21.1). */
  const setReadOnly = (region: Region, readOnly: boolean): void => {
    region.space = { ...region.space, readOnly }
    for (const device of NvdimmState.devices(region)) {
      const disk = device.bound?.disk ?? null
      if (disk === null || disk.readOnly === readOnly) continue
      disk.readOnly = readOnly
      const state = readOnly ? "read-only" : "read-write"
      const text = `nd_pmem ${device.name}: ${region.name} ${state}, marking ${disk.name} ${state}`
      log.emit({ _tag: "Line", level: "info", text })
    }
  }

  const writeRegion = (region: Region, attribute: string, text: string) => {
    switch (attribute) {
      case "align":
        return Result.map(
          Result.flatMap(SysfsText.number(text), (align) => Regions.writeAlign(region.space, align, arch.pageSize)),
          (space) => {
            region.space = space
          }
        )
      case "read_only":
        return Result.map(SysfsText.boolean(text), (readOnly) => setReadOnly(region, readOnly))
      default:
        return refusal(
          "ENOENT",
          `${region.name} has no attribute ${attribute.slice(0, 40)}`,
          "write align or read_only"
        )
    }
  }

  return NvdimmBus.of({
    load: (driver) =>
      Effect.suspend(() => {
        if (loaded.has(driver)) return Effect.void
        loaded.add(driver)
        return driver === "nd_pmem" || driver === "dax_pmem" ? bindAll(allDevices(driver)) : provide(driver)
      }),
    unload: (driver) =>
      Effect.suspend(() => {
        loaded.delete(driver)
        if (driver !== "nd_pmem" && driver !== "dax_pmem") return withdraw(driver)
        return Effect.forEach(allDevices(driver), (device) => Effect.exit(unbindDevice(device)), { discard: true })
      }),
    bind: (name) =>
      Effect.suspend(() => {
        const found = find(name)
        if (found === undefined) return refuse("ENODEV", `there is no ${name.slice(0, 40)}`, "list devices")
        return "space" in found ? enable(found) : bindDevice(found)
      }),
    unbind: (name) =>
      Effect.suspend(() => {
        const found = find(name)
        if (found === undefined) return refuse("ENODEV", `there is no ${name.slice(0, 40)}`, "list devices")
        return "space" in found ? disable(found) : unbindDevice(found)
      }),
    write: (name, attribute, text) =>
      Effect.suspend(() => {
        const found = find(name)
        if (found === undefined) return refuse("ENOENT", `there is no ${name.slice(0, 40)}`, "list devices")
        if ("space" in found) return Effect.fromResult(writeRegion(found, attribute, text))
        return found.lock.withPermits(1)(Effect.suspend(() =>
          Effect.fromResult(
            found._tag === "Namespace"
              ? NamespaceAttributes.write(regions, found, attribute, text)
              : InstanceAttributes.write(found, attribute, text, kernel)
          )
        ))
      }),
    regions: () => regions
  })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer = (
  firmware: Providers.Firmware
): Layer.Layer<NvdimmBus, never, Kernel | KernelLog | Iomem | Media | Pagemaps | DaxBus | Memregion> =>
  Layer.effect(NvdimmBus, make(firmware))
