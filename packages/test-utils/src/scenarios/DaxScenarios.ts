/**
 * A device of the dax bus that is unbound while a process faults on its mapping, or pins what it maps; or that is RAM by kmem, while
 * somebody else puts its memory online or looks at it.
 *
 * @since 0.1.0
 */
import { DaxDevices } from "@vmemmap/core/devices/DaxDevices"
import { DeviceDax } from "@vmemmap/core/devices/DeviceDax"
import { Pin } from "@vmemmap/core/devices/Pin"
import * as PfnRange from "@vmemmap/core/geometry/PfnRange"
import { MiB } from "@vmemmap/core/geometry/Units"
import { MemoryHotplug } from "@vmemmap/core/hotplug/MemoryHotplug"
import * as Effect from "effect/Effect"
import { apart, pageSize, small, usePage } from "./Devices.ts"
import type { Scenario } from "./Scenario.ts"
import * as Walkers from "./Walkers.ts"

const size = 128 * MiB

const name = "dax0.0"

/** A bound device of 2 MiB pages, all of it mapped by a process. */
const opened = Effect.gen(function*() {
  const bus = yield* DaxDevices
  yield* bus.attach({ region: 0, start: apart, end: apart + size, node: 0, targetNode: 0 })
  const { open } = yield* DeviceDax
  const mapping = yield* (yield* open(name)).mmap({ length: size })
  const { start } = mapping.area
  return { mapping, unbind: bus.unbind("device_dax", name), huge: { start, end: start + 2 * MiB } }
})

/** A device of one memory block without a driver; `bind` makes it RAM, which is not online yet, `back` a device of pages again. */
const free = Effect.gen(function*() {
  const bus = yield* DaxDevices
  const { offline, online } = yield* MemoryHotplug
  yield* bus.attach({ region: 0, start: apart, end: apart + size, node: 0, targetNode: 0 })
  yield* bus.unbind("device_dax", name)
  yield* bus.load("kmem")
  const block = PfnRange.fromLength(apart / size, 1)
  return {
    bind: bus.newId("kmem", name),
    online: online(block, "online_movable"),
    offline: offline(block),
    unbind: bus.unbind("kmem", name),
    back: bus.bind("device_dax", name)
  }
})

/**
 * @category scenarios
 * @since 0.1.0
 */
export const dax: ReadonlyArray<Scenario> = [
  {
    name: "dax-fault-unbind",
    about: "a process faults on a mapped device twice while the device is unbound",
    rules: ["24.4", "24.6"],
    machine: small,
    setup: Effect.map(opened, ({ huge, mapping, unbind }) => ({
      unbind,
      fault: Effect.andThen(mapping.touch(huge), mapping.touch(huge))
    })),
    preemptions: 3
  },
  {
    name: "dax-pin-unbind",
    about: "pages of a mapped device are pinned and used while the device is unbound, which waits for them",
    rules: ["24.5", "24.6", "MRP-12"],
    machine: small,
    setup: Effect.map(opened, ({ huge, mapping, unbind }) => ({
      unbind,
      pin: Effect.ignore(Effect.scoped(Effect.gen(function*() {
        const { longTerm } = yield* Pin
        yield* longTerm(mapping, huge)
        yield* usePage(apart / pageSize, "a device that has pinned it")
      })))
    })),
    preemptions: 3
  },
  {
    name: "kmem-online-walk",
    about: "a device becomes RAM and goes online while somebody walks online pages",
    rules: ["25.1", "HOT-7", "LCK-9", "SEC-7"],
    machine: small,
    setup: Effect.map(free, ({ bind, online }) => ({
      kmem: Effect.andThen(bind, online),
      walker: Effect.forEach([0, 1], () => Walkers.onlineWalker(apart / pageSize), { discard: true })
    })),
    preemptions: 2
  },
  {
    name: "kmem-online-unbind",
    about: "the memory of a device goes online while its driver lets go of it: what is online stays until reboot",
    rules: ["25.1", "25.5", "HOT-9"],
    machine: small,
    setup: Effect.flatMap(
      free,
      ({ bind, online, unbind }) => Effect.as(bind, { online: Effect.ignore(online), unbind: Effect.ignore(unbind) })
    ),
    preemptions: 3
  },
  {
    name: "kmem-back",
    about:
      "a device that is RAM becomes a device again, its pages in the same place, while somebody asks which they are",
    rules: ["25.1", "25.5", "SEC-7", "HOT-8"],
    machine: small,
    setup: Effect.flatMap(free, ({ back, bind, offline, online, unbind }) =>
      Effect.as(Effect.andThen(bind, online), {
        admin: Effect.andThen(offline, Effect.andThen(unbind, back)),
        walker: Effect.andThen(Walkers.onlineWalker(apart / pageSize), Walkers.ramWalker(apart / pageSize))
      })),
    preemptions: 2
  }
]
