/**
 * `/sys/bus/acpi/devices`: memory devices, which can be ejected (HOT-22).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { AcpiMemory } from "../hotplug/AcpiMemory.ts"
import { KernelError } from "../kernel/KernelError.ts"
import * as SysfsTree from "./SysfsTree.ts"

const isPlugged = (acpi: AcpiMemory["Service"], at: number | undefined): at is number =>
  acpi.devices().some(({ start }) => start === at)

const refuse = (errno: "EINVAL" | "ENODEV", problem: string, remedy: string) =>
  Effect.fail(new KernelError({ errno, rule: "HOT-22", problem, remedy }))

/**
 * One device for each slot: the address of what was in it at boot, or nothing. Names are those of the slots.
 *
 * `eject` takes what begins with 1, else EINVAL; ENODEV where the kernel uses nothing. It answers success although the device may
 * refuse afterwards: the kernel only starts the removal.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (acpi: AcpiMemory["Service"], slots: ReadonlyArray<number | undefined>): SysfsTree.Directory =>
  SysfsTree.directory(Object.fromEntries(slots.map((start, i) => [
    `PNP0C80:${i.toString(16).padStart(2, "0")}`,
    SysfsTree.directory({
      eject: SysfsTree.trigger((text) => {
        if (!text.startsWith("1")) return refuse("EINVAL", `'${text.slice(0, 40).trim()}' is not taken here`, "write 1")
        return isPlugged(acpi, start)
          ? Effect.ignore(acpi.eject(start))
          : refuse("ENODEV", `slot ${i} holds nothing that is in use`, "name the slot of a plugged device")
      }),
      status: SysfsTree.attribute(() => isPlugged(acpi, start) ? 15 : 0)
    })
  ])))
