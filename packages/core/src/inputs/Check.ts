/**
 * What a machine description must satisfy whatever it was read from: names are unique, ranges do not contradict one
 * another, nothing is empty, ends above 2^52 or is larger than what contains it.
 *
 * Cost is that of sorting the ranges and devices.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Architecture from "../geometry/Architecture.ts"
import * as Pfn from "../geometry/Pfn.ts"
import * as StructPageSize from "../geometry/StructPageSize.ts"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import * as KernelRelease from "../release/KernelRelease.ts"
import { InputError } from "./InputError.ts"

interface Fault {
  readonly at: string
  readonly problem: string
  readonly remedy: string
}

interface Extent {
  readonly what: string
  readonly kind: MachineSpec.RangeKind | "device"
  readonly start: number
  readonly size: number
}

/**
 * `[0x100000000-0x13fffffff]`, the way the kernel prints a range, for error texts.
 *
 * @category printing
 * @since 0.1.0
 */
export const showRange = (start: number, size: number): string => `[${Pfn.hex(start)}-${Pfn.hex(start + size - 1)}]`

const describe = ({ size, start, what }: Extent): string => `${what} ${showRange(start, size)}`

const measure = (at: string, start: number | undefined, size: number): Fault | undefined =>
  size === 0
    ? { at, problem: "has size 0", remedy: "leave it out, or give its size" }
    : (start ?? 0) + size > Pfn.addressLimit
    ? { at, problem: "ends above 2^52", remedy: "addresses and sizes must stay below 4 PiB (2^52 bytes)" }
    : undefined

/** Windows and bus ranges contain what is decoded through them; reserved memory contains devices, never RAM. */
const mayContain = (outer: Extent, inner: Extent): boolean =>
  outer.kind === "cxl-window" || outer.kind === "other" || (outer.kind === "reserved" && inner.kind !== "ram")

/** Ascending by start, the larger first: a container precedes its contents. */
const inOrder = (extents: ReadonlyArray<Extent>): ReadonlyArray<Extent> =>
  extents.toSorted((a, b) => a.start - b.start || b.size - a.size)

const overlap = (extents: ReadonlyArray<Extent>, remedy: string): Fault | undefined => {
  const open: Array<Extent> = []
  for (const extent of inOrder(extents)) {
    for (let top = open.at(-1); top !== undefined && top.start + top.size <= extent.start; top = open.at(-1)) open.pop()
    const outer = open.at(-1)
    if (outer !== undefined) {
      const nested = extent.start + extent.size <= outer.start + outer.size
      if (!nested || !mayContain(outer, extent)) {
        return { at: describe(extent), problem: `overlaps ${describe(outer)}`, remedy }
      }
    }
    open.push(extent)
  }
  return undefined
}

const deviceInRam = (
  devices: ReadonlyArray<Extent>,
  ranges: ReadonlyArray<Extent>
): Fault | undefined => {
  const ram = inOrder(ranges.filter(({ kind }) => kind === "ram"))
  let next = 0
  for (const device of inOrder(devices)) {
    for (let r = ram[next]; r !== undefined && r.start + r.size <= device.start; r = ram[next]) next++
    const range = ram[next]
    if (range !== undefined && range.start < device.start + device.size) {
      return {
        at: describe(device),
        problem: `lies in boot RAM ${showRange(range.start, range.size)}`,
        remedy: "device memory is never part of a ram range: correct one of the two"
      }
    }
  }
  return undefined
}

const duplicate = (names: ReadonlyArray<string>, what: string): Fault | undefined => {
  if (names.length < 2) return undefined
  const seen = new Set<string>()
  for (const name of names) {
    if (seen.has(name)) {
      return { at: `${what} ${name}`, problem: "is described twice", remedy: `give every ${what} once` }
    }
    seen.add(name)
  }
  return undefined
}

const header = (spec: MachineSpec.MachineSpec): Fault | undefined => {
  if (spec.kernel !== undefined) {
    const release = KernelRelease.parse(spec.kernel)
    if (Result.isFailure(release)) {
      return { at: "kernel", problem: release.failure.message, remedy: "or leave it out and give --kernel" }
    }
  }
  if (spec.arch !== undefined && Architecture.fromName(spec.arch) === undefined) {
    return {
      at: "arch",
      problem: `unknown architecture '${spec.arch.slice(0, 80)}'`,
      remedy: `known are ${Object.keys(Architecture.presets).join(", ")}`
    }
  }
  if (spec.structPage !== undefined && !StructPageSize.isLegal(spec.structPage)) {
    return {
      at: "structPage",
      problem: `${spec.structPage} bytes are no size of a struct page`,
      remedy: "it is a multiple of 8 from 56 to 96 bytes, nearly always 64"
    }
  }
  return spec.blockSize === 0
    ? { at: "blockSize", problem: "is 0", remedy: "leave it out, or give its size" }
    : undefined
}

const configuredFault = (device: MachineSpec.Device, configured: MachineSpec.Configured): Fault | undefined => {
  const at = `${device.name}: ${configured.name}`
  const size = configured.size ?? configured.usable
  if (size === undefined) return undefined
  const empty = measure(at, configured.start, size)
  if (empty !== undefined) return empty
  if (
    Math.max(size, configured.usable ?? 0) > device.size && device.approximate !== true &&
    configured.approximate !== true
  ) {
    return {
      at,
      problem: `is larger (${size} bytes) than its device (${device.size} bytes)`,
      remedy: "correct one of the two sizes"
    }
  }
  const outside = configured.start !== undefined && device.start !== undefined &&
    (configured.start < device.start || configured.start >= device.start + device.size)
  return outside
    ? {
      at,
      problem: `begins outside its device ${showRange(device.start, device.size)}`,
      remedy: "correct one of the two starts"
    }
    : undefined
}

const deviceFault = (device: MachineSpec.Device): Fault | undefined => {
  const fault = measure(`device ${device.name}`, device.start, device.size)
  if (fault !== undefined) return fault
  if (device.approximate !== true && Math.max(device.available ?? 0, device.maxExtent ?? 0) > device.size) {
    return {
      at: `device ${device.name}`,
      problem: "has more available than its size",
      remedy: "correct one of the two sizes"
    }
  }
  for (const configured of device.configured ?? []) {
    const inner = configuredFault(device, configured)
    if (inner !== undefined) return inner
  }
  return undefined
}

const rangeExtents = (spec: MachineSpec.MachineSpec): ReadonlyArray<Extent> =>
  (spec.ranges ?? []).map((range) => ({
    what: range.name === undefined ? range.kind : range.name.slice(0, 60),
    kind: range.kind,
    start: range.start,
    size: range.size
  }))

const deviceExtents = (spec: MachineSpec.MachineSpec): ReadonlyArray<Extent> => [
  ...(spec.devices ?? []).flatMap(({ name, size, start }) =>
    start === undefined ? [] : [{ what: `device ${name}`, kind: "device", start, size } satisfies Extent]
  ),
  ...(spec.dimms ?? []).map(({ size, start }): Extent => ({ what: "dimm", kind: "device", start, size }))
]

const firstFault = (spec: MachineSpec.MachineSpec): Fault | undefined => {
  const head = header(spec)
  if (head !== undefined) return head
  const nodes = duplicate((spec.nodes ?? []).map(({ node }) => String(node)), "node")
  if (nodes !== undefined) return nodes
  const ranges = rangeExtents(spec)
  for (const range of ranges) {
    const fault = measure(`${range.what} at ${Pfn.hex(range.start)}`, range.start, range.size)
    if (fault !== undefined) return fault
  }
  for (const device of spec.devices ?? []) {
    const fault = deviceFault(device)
    if (fault !== undefined) return fault
  }
  for (const { size, start } of spec.dimms ?? []) {
    const fault = measure(`dimm at ${Pfn.hex(start)}`, start, size)
    if (fault !== undefined) return fault
  }
  const devices = deviceExtents(spec)
  return duplicate((spec.devices ?? []).map(({ name }) => name), "device") ??
    duplicate(
      (spec.devices ?? []).flatMap(({ configured }) => (configured ?? []).map(({ name }) => name)),
      "namespace or instance"
    ) ??
    overlap(ranges, "ranges of the firmware map are disjoint: correct one of the two") ??
    overlap(devices, "devices do not share memory: correct one of the two") ??
    deviceInRam(devices, ranges)
}

/**
 * The description unchanged, or the first fault found.
 *
 * Devices may lie inside any range that is not RAM. Ranges are disjoint, except that CXL windows and `other` ranges contain
 * what is decoded through them, and reserved ranges contain device memory. Sizes marked approximate are not compared.
 *
 * @category validation
 * @since 0.1.0
 */
export const machine = (
  source: string,
  spec: MachineSpec.MachineSpec
): Result.Result<MachineSpec.MachineSpec, InputError> => {
  const fault = firstFault(spec)
  return fault === undefined ? Result.succeed(spec) : Result.fail(new InputError({ source, ...fault }))
}
