/**
 * Writes to the attributes of btt, pfn and dax devices, with the kernel's checks in its order (21.4, 22.3).
 *
 * A refused write changes nothing.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as KernelError from "../kernel/KernelError.ts"
import type { Config } from "../release/Kernel.ts"
import { has } from "../release/KernelRelease.ts"
import * as Port from "../release/Port.ts"
import * as Btt from "./Btt.ts"
import * as NamespaceClaim from "./NamespaceClaim.ts"
import { capacity, type Instance, type PfnInstance } from "./NvdimmState.ts"
import * as Seeds from "./Seeds.ts"
import * as SysfsText from "./SysfsText.ts"

type Kernel = Pick<Config, "arch" | "release">

type Answer = Result.Result<void, KernelError.KernelError>

const ok: Answer = Result.succeed(undefined)

const busy = (instance: Instance): Answer =>
  instance.bound === null ? ok : KernelError.fail({
    errno: "EBUSY",
    rule: "22.3",
    problem: `${instance.name} is bound`,
    remedy: "disable it first"
  })

const invalid = (problem: string, remedy: string) =>
  KernelError.fail({ errno: "EINVAL", rule: "22.3", problem, remedy })

const modes = ["pmem", "ram", "none"] as const

/**
 * All bytes written but the last are compared, with `pmem`, `ram` and `none` in this order (22.3). Kernels without a device
 * memmap know the word, and answer ENOTTY.
 */
const writeMode = (instance: PfnInstance, text: string, { arch, release }: Kernel): Answer =>
  Result.flatMap(busy(instance), () => {
    const written = text.slice(0, Math.max(0, text.length - 1))
    const mode = modes.find((word) => `${word}\n`.startsWith(written) || word.startsWith(written))
    if (mode === undefined) return invalid(`no mode '${text.slice(0, 20)}'`, "write pmem, ram or none")
    if (mode === "pmem" && Port.hasZoneDevice(arch, release) && !has(release, "altmap")) {
      return KernelError.fail({
        errno: "ENOTTY",
        rule: "ALT-15",
        problem: "this kernel has no device memmap",
        remedy: "write ram, or use a kernel from 4.5 on"
      })
    }
    instance.mode = mode
    return ok
  })

/** `nd_size_select_store()` */
const select = (
  instance: Instance,
  text: string,
  supported: ReadonlyArray<number>,
  take: (value: number) => void
): Answer =>
  Result.flatMap(busy(instance), () =>
    Result.flatMap(SysfsText.number(text), (value) => {
      if (!supported.includes(value)) return invalid(`${value} is not supported`, `use one of ${supported.join(", ")}`)
      take(value)
      return ok
    }))

const writeUuid = (instance: Instance, text: string): Answer =>
  Result.flatMap(busy(instance), () =>
    Result.map(SysfsText.uuid(text), (uuid) => {
      instance.uuid = uuid
    }))

/** `nd_detach_and_reset()`: an idle device goes, a seed is as good as new but for its align (21.4, OBS-14). */
const detachAndReset = (instance: Instance): void => {
  Seeds.detach(instance)
  if (instance.region.seeds[instance.kind] !== instance) {
    Seeds.unregister(instance)
    return
  }
  instance.uuid = null
  if (instance.kind === "btt") instance.lbasize = 0
  else instance.mode = "none"
}

const writeNamespace = (instance: Instance, text: string): Answer => {
  const siblings = new Map([...instance.region.namespaces.values()].map((namespace) => [namespace.name, {
    size: capacity(namespace),
    claimClass: namespace.claimClass,
    claimedBy: namespace.claim?.name
  }]))
  const claimed = NamespaceClaim.claim({
    claimer: instance.kind,
    text,
    bound: instance.bound !== null,
    holds: instance.namespace !== null,
    siblings
  })
  return Result.map(claimed, (name) => {
    if (name === null) return detachAndReset(instance)
    const namespace = [...instance.region.namespaces.values()].find((sibling) => sibling.name === name)
    if (namespace !== undefined) Seeds.attach(instance, namespace)
  })
}

const absent = (instance: Instance, attribute: string) =>
  KernelError.fail({
    errno: "ENOENT",
    rule: "21.1",
    problem: `${instance.name} has no attribute ${attribute.slice(0, 40)} that can be written`,
    remedy: instance.kind === "btt"
      ? "write sector_size, uuid or namespace"
      : "write mode, align, uuid or namespace"
  })

/**
 * Writes `text` to an attribute: `namespace` and `uuid` of all, `sector_size` of btt devices, `mode` and `align` of pfn and dax
 * devices. EBUSY while bound, EINVAL for a value that is none, ENOTTY for a mode the kernel does not have yet; `namespace`
 * answers as `NamespaceClaim.claim` says (21.4).
 *
 * @category operations
 * @since 0.1.0
 */
export const write = (
  instance: Instance,
  attribute: string,
  text: string,
  kernel: Kernel
): Answer => {
  if (attribute === "namespace") return writeNamespace(instance, text)
  if (attribute === "uuid") return writeUuid(instance, text)
  if (instance.kind === "btt") {
    return attribute !== "sector_size" ?
      absent(instance, attribute) :
      select(instance, text, Btt.sectorSizes, (size) => {
        instance.lbasize = size
      })
  }
  if (attribute === "mode") return writeMode(instance, text, kernel)
  return attribute !== "align" ?
    absent(instance, attribute) :
    select(instance, text, kernel.arch.daxAligns, (align) => {
      instance.align = align
    })
}
