/**
 * `/sys/bus/acpi/devices`: memory devices, which can be ejected (HOT-22).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as SysfsText from "../devices/SysfsText.ts"
import type { AcpiMemory } from "../hotplug/AcpiMemory.ts"
import { KernelError } from "../kernel/KernelError.ts"
import * as SysfsTree from "./SysfsTree.ts"

/**
 * One device for each slot of `slots`, in the order of their addresses at boot: the name stays when others are ejected.
 *
 * `eject` takes 1, else EINVAL, and answers success although the device may refuse afterwards: the kernel only starts the removal.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (acpi: AcpiMemory["Service"], slots: ReadonlyArray<number>): SysfsTree.Directory =>
  SysfsTree.directory(Object.fromEntries(slots.map((start, i) => [
    `PNP0C80:${i.toString(16).padStart(2, "0")}`,
    SysfsTree.directory({
      eject: SysfsTree.trigger((text) =>
        SysfsText.equals(text, "1")
          ? Effect.ignore(acpi.eject(start))
          : Effect.fail(
            new KernelError({
              errno: "EINVAL",
              rule: "HOT-22",
              problem: `'${text.slice(0, 40).trim()}' is not taken here`,
              remedy: "write 1"
            })
          )
      ),
      status: SysfsTree.attribute(() => acpi.devices().some((device) => device.start === start) ? 15 : 0)
    })
  ])))
