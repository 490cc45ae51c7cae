/**
 * What probes of libnvdimm drivers have in common: reservations, kernel lines, and the checks of
 * `nvdimm_namespace_common_probe()` (21.4, 23.1).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import * as Alignment from "../geometry/Alignment.ts"
import { hex } from "../geometry/Pfn.ts"
import { length, type PfnRange } from "../geometry/PfnRange.ts"
import type { Pagemaps } from "../hotplug/Pagemaps.ts"
import * as KernelError from "../kernel/KernelError.ts"
import type { KernelLog, Line } from "../kernel/KernelLog.ts"
import type { Config } from "../release/Kernel.ts"
import type { Iomem } from "../resources/Iomem.ts"
import { reserveBytes } from "../vmemmap/Altmap.ts"
import type * as AwaitPages from "./AwaitPages.ts"
import type { Media } from "./Media.ts"
import { capacity, type Device, type DriverName, type Namespace, resource, shouldMapPages } from "./NvdimmState.ts"

/**
 * The services a driver works with.
 *
 * @category models
 * @since 0.1.0
 */
export interface Hardware {
  readonly kernel: Config
  readonly log: KernelLog["Service"]
  readonly iomem: Iomem["Service"]
  readonly media: Media["Service"]
  readonly awaitPages: AwaitPages.Wait
  readonly pagemaps: Pagemaps["Service"]
}

/**
 * `dev_err()` and its kind: the driver, else the bus (`nd`), else nothing for a device that is not registered yet; the
 * device; the text.
 *
 * @category kernel lines
 * @since 0.1.0
 */
export const say = (
  { log }: Pick<Hardware, "log">,
  level: Line["level"],
  driver: DriverName | "nd" | "",
  device: string,
  text: string
): void => log.emit({ _tag: "Line", level, text: `${driver} ${device}: ${text}` })

/**
 * `%pr` of a memory resource: at least eight digits, end inclusive.
 *
 * @category kernel lines
 * @since 0.1.0
 */
export const memory = ({ end, start }: PfnRange, flags = ""): string => {
  const digits = (address: number) => `0x${address.toString(16).padStart(8, "0")}`
  return `[mem ${digits(start)}-${digits(end - 1)}${flags}]`
}

/** IORESOURCE_MEM as `%pr` shows it. */
const memoryFlags = " flags 0x200"

/**
 * Bytes at the start of a namespace in which its info blocks lie: 8 KiB, or a page where that is more.
 *
 * @category queries
 * @since 0.1.0
 */
export const infoBlockReserve = ({ kernel }: Pick<Hardware, "kernel">): number =>
  Math.max(reserveBytes, kernel.arch.pageSize)

/**
 * `devm_request_mem_region()`: the bytes belong to the namespace until the scope ends. EBUSY, with a line, when somebody else
 * holds some of them (20.1).
 *
 * @category resources
 * @since 0.1.0
 */
export const reserve = (
  hardware: Pick<Hardware, "iomem" | "log">,
  namespace: Namespace,
  range: PfnRange,
  refused: () => void
): Effect.Effect<void, KernelError.KernelError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.suspend(() =>
      Effect.fromResult(
        hardware.iomem.request({ start: range.start, size: length(range), name: namespace.name })
      )
    ).pipe(Effect.tapError(() => Effect.sync(refused))),
    () => Effect.sync(() => hardware.iomem.release(range.start, length(range)))
  ).pipe(Effect.asVoid)

/**
 * `devm_namespace_enable()`: the first `size` bytes are reserved and can be read and written as long as the scope is open.
 *
 * @category resources
 * @since 0.1.0
 */
export const rawAccess = (
  hardware: Pick<Hardware, "iomem" | "log">,
  driver: DriverName,
  device: Device,
  namespace: Namespace,
  size: number
): Effect.Effect<void, KernelError.KernelError, Scope.Scope> => {
  const whole = resource(namespace)
  const part = { start: whole.start, end: whole.start + size }
  return reserve(
    hardware,
    namespace,
    part,
    () => say(hardware, "warn", driver, device.name, `could not reserve region ${memory(whole)}`)
  )
}

const refuse = (errno: "EBUSY" | "ENXIO" | "EACCES" | "ENODEV" | "EOPNOTSUPP", problem: string, remedy: string) =>
  KernelError.fail({ errno, rule: "21.4", step: "nvdimm_namespace_common_probe", problem, remedy })

/**
 * The namespace a driver of `device` may use, or why not, in the kernel's order (21.4): a child needs a namespace (ENODEV) whose
 * raw form has no driver (EBUSY), a raw namespace must not be claimed (ENXIO), no DIMM locked (EACCES), not smaller than a page
 * (ENODEV), mappable ones aligned at both ends (EOPNOTSUPP, with a line), labelled ones with a uuid (ENODEV).
 *
 * @category checks
 * @since 0.1.0
 */
export const namespaceOf = (
  hardware: Pick<Hardware, "iomem" | "kernel" | "log">,
  device: Device
): Result.Result<Namespace, KernelError.KernelError> => {
  const namespace = device._tag === "Namespace" ? device : device.namespace
  if (namespace === null) return refuse("ENODEV", `${device.name} holds no namespace`, "write a name to its namespace")
  if (device !== namespace && namespace.bound !== null) {
    return refuse("EBUSY", `${namespace.name} is active, can't bind ${device.name}`, "disable the namespace first")
  }
  if (device === namespace && namespace.claim !== null) {
    return refuse("ENXIO", `${namespace.name} is claimed by ${namespace.claim.name}`, "bind that device instead")
  }
  if (namespace.region.description.locked === true) {
    return refuse("EACCES", `a DIMM of ${namespace.region.name} is locked`, "unlock it with its passphrase")
  }
  const size = capacity(namespace)
  const { arch } = hardware.kernel
  if (size < arch.pageSize) return refuse("ENODEV", `${namespace.name} has ${size} bytes`, "give it a size first")
  const range = resource(namespace)
  const unit = arch.compatAlign
  const aligned = Alignment.isAligned(range.start, unit) && Alignment.isAligned(range.end, unit)
  if (!aligned && shouldMapPages(device, namespace, hardware.iomem.tree())) {
    const driver = namespace === device ? "nd_pmem" : "nd"
    say(hardware, "err", driver, namespace.name, `${memory(range, memoryFlags)} misaligned, unable to map`)
    return refuse("EOPNOTSUPP", `${namespace.name} is misaligned`, `start and end must be multiples of ${hex(unit)}`)
  }
  if (namespace.type === "pmem" && namespace.uuid === null) {
    return refuse("ENODEV", `${namespace.name} has no uuid`, "write one first")
  }
  return Result.succeed(namespace)
}
