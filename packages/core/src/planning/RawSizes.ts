/**
 * Raw sizes of namespaces that are listed with their usable bytes only, as ndctl lists them: what the region has left, or the least
 * that gives as many usable bytes (28.6 read backwards).
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as HumanSize from "../geometry/HumanSize.ts"
import * as MachineSpec from "../machine/MachineSpec.ts"
import * as KernelRelease from "../release/KernelRelease.ts"
import * as Current from "./Current.ts"
import * as Sizing from "./Sizing.ts"
import * as Target from "./Target.ts"

/**
 * The description with the sizes that could be told; `assumptions` name those that are not certain.
 *
 * @category models
 * @since 0.1.0
 */
export interface RawSizes {
  readonly spec: MachineSpec.MachineSpec
  readonly assumptions: ReadonlyArray<string>
}

type Device = MachineSpec.Device
type Configured = MachineSpec.Configured

/** System RAM is a dax device whose driver is another one. */
const choiceOf = (configured: Configured) =>
  Current.choiceOf(configured.mode === "system-ram" ? { ...configured, mode: "devdax" } : configured)

/** What is neither free nor in the other namespaces, where only one is not known. */
const remainder = ({ approximate, available, configured = [], size }: Device): number | undefined => {
  if (approximate === true || available === undefined) return undefined
  if (configured.filter((one) => one.size === undefined).length !== 1) return undefined
  const left = configured.reduce((left, one) => left - (one.size ?? 0), size - available)
  return left > 0 ? left : undefined
}

const least = (configured: Configured, target: Target.Target, kernel: Target.Kernel): number | undefined => {
  const { approximate, usable } = configured
  return usable === undefined || usable === 0 || approximate === true
    ? undefined
    : Sizing.exactly(usable, choiceOf(configured), target, kernel)?.request
}

/** Namespaces are taken to follow one another in the order of their numbers. */
const ofDevice = (device: Device, kernel: Target.Kernel, assumptions: Array<string>): Device => {
  const { configured = [] } = device
  if (device.kind !== "pmem" || configured.every(({ size }) => size !== undefined)) return device
  const { target } = Target.fromDevice(device, kernel.arch.pageSize)
  const rest = remainder(device)
  let next = target.start
  const sized = MachineSpec.byNumber(configured).map((one) => {
    const start = one.start ?? next
    const size = one.size ?? rest ?? least(one, { ...target, start }, kernel)
    if (size === undefined) return one
    next = start + size
    if (one.size === undefined && rest === undefined) {
      assumptions.push(`${one.name} has ${HumanSize.formatBinary(size)}: the least that gives its usable bytes`)
    }
    return { ...one, size }
  })
  return { ...device, configured: sized }
}

/**
 * Tells the sizes that are missing. What does not follow stays unknown.
 *
 * @category conversions
 * @since 0.1.0
 */
export const complete = (spec: MachineSpec.MachineSpec): RawSizes => {
  const release = KernelRelease.parse(spec.kernel ?? KernelRelease.baseline)
  if (spec.devices === undefined || Result.isFailure(release)) return { spec, assumptions: [] }
  const kernel = Target.kernelOf(spec, release.success)
  const assumptions: Array<string> = []
  const devices = spec.devices.map((device) => ofDevice(device, kernel, assumptions))
  return { spec: { ...spec, devices }, assumptions }
}
