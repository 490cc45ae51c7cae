/**
 * A character device of device memory that is unbound while a process faults on its mapping, or pins what it maps.
 *
 * @since 0.1.0
 */
import { DaxDevices } from "@vmemmap/core/devices/DaxDevices"
import { DeviceDax } from "@vmemmap/core/devices/DeviceDax"
import { Pin } from "@vmemmap/core/devices/Pin"
import { MiB } from "@vmemmap/core/geometry/Units"
import * as Effect from "effect/Effect"
import { apart, pageSize, small, usePage } from "./Devices.ts"
import type { Scenario } from "./Scenario.ts"

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
  }
]
