/**
 * Where users lose memory today without being told: warnings about a device and the options on it (28.7).
 *
 * @since 0.1.0
 */
import * as HumanSize from "../geometry/HumanSize.ts"
import * as MemParse from "../geometry/MemParse.ts"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import { has } from "../release/KernelRelease.ts"
import * as Capacity from "./Capacity.ts"
import type { Note, PlanOption } from "./PlanOption.ts"
import * as Sizing from "./Sizing.ts"
import type { Kernel, Target } from "./Target.ts"

const size = HumanSize.formatBinary

/**
 * A smaller size with the same usable bytes: in the steps the region takes, or in those of its layout, which it takes once its
 * align attribute is lowered (21.1).
 */
const smallerRequest = (target: Target, kernel: Kernel, option: PlanOption): ReadonlyArray<Note> => {
  if (option.map === "none" || target.kind === "dax" || option.mode === "system-ram") return []
  const asIs = Sizing.smallerEqual(option, target, kernel)
  const unaligned = { ...target, regionAlign: 1 }
  const smaller = asIs ?? Sizing.smallerEqual(option, unaligned, kernel)
  if (smaller === null) return []
  const { ram } = Capacity.plan(option, { ...target, size: smaller }, kernel)
  return [{
    kind: "note",
    rule: "28.7",
    message: `${option.mode}/${option.map}: a request of ${MemParse.format(smaller)} gives the same ${option.usable} ` +
      `usable bytes as ${MemParse.format(target.size)} (${size(target.size - smaller)} less` +
      (ram > option.ram ? `, but ${size(ram - option.ram)} more RAM for struct pages)` : ")") +
      (asIs === null
        ? `; the region takes it once its align attribute is ${
          MemParse.format(Sizing.granule(option, unaligned, kernel))
        }`
        : "")
  }]
}

const rounding = (target: Target, option: PlanOption): ReadonlyArray<Note> =>
  HumanSize.hides(target.size, option.usable)
    ? [{
      kind: "note",
      rule: "27.1",
      message: `ndctl -u prints ${HumanSize.format(option.usable)} for the raw and for the usable size; ` +
        `${target.size - option.usable} bytes are hidden by rounding`
    }]
    : []

const reserve128 = (kernel: Kernel, options: ReadonlyArray<PlanOption>): ReadonlyArray<Note> =>
  has(kernel.release, "reserve-128") && options.some((o) => o.map === "dev" && o.error === null)
    ? [{
      kind: "note",
      rule: "22.3",
      message:
        `kernel ${kernel.release.name} sets 128 bytes aside per page for new map=dev blocks, twice what the memmap ` +
        `needs; create them under a kernel that reserves 64 (6.3 or later), older layouts stay valid`
    }]
    : []

const partlyUsed = (device: MachineSpec.Device): ReadonlyArray<Note> =>
  device.available !== undefined && device.available > 0 && (device.configured ?? []).length > 0
    ? [{
      kind: "note",
      rule: "21.2",
      message: `${device.name} holds namespaces; ${size(device.available)} are free, ` +
        `${
          size(device.maxExtent ?? device.available)
        } in one piece. The figures are for the whole of it once it is empty`
    }]
    : []

/**
 * Warnings for a device, given the option to be taken on it (if any) and all options considered.
 *
 * @category constructors
 * @since 0.1.0
 */
export const forDevice = (
  device: MachineSpec.Device,
  target: Target,
  kernel: Kernel,
  chosen: PlanOption | null,
  options: ReadonlyArray<PlanOption>
): ReadonlyArray<Note> => [
  ...partlyUsed(device),
  ...reserve128(kernel, options),
  ...(chosen === null ? [] : [...smallerRequest(target, kernel, chosen), ...rounding(target, chosen)]),
  ...(has(kernel.release, "sub-sections")
    ? []
    : [{
      kind: "note" as const,
      rule: "22.1",
      message:
        "layout of kernels before 5.3 (whole sections) follows the rules only; it was not held against a recording"
    }])
]
