/**
 * A dax region and the devices cut from it: who owns which bytes, in which order (24.1, 24.3).
 *
 * A region is an immutable value; every operation answers with the region afterwards, or with what the kernel refuses and
 * nothing changed. Ranges are bytes, half-open.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Alignment from "../geometry/Alignment.ts"
import type { Architecture } from "../geometry/Architecture.ts"
import { hex } from "../geometry/Pfn.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import * as KernelError from "../kernel/KernelError.ts"

/**
 * `mapping<N>` of a device: its N-th range. `pageOffset` counts pages of the device before it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Mapping extends PfnRange.PfnRange {
  readonly pageOffset: number
}

/**
 * A device `daxR.I`: its ranges in the order of its offsets, which need not be the order of their addresses.
 *
 * @category models
 * @since 0.1.0
 */
export interface Instance {
  readonly id: number
  readonly name: string
  readonly align: number
  readonly ranges: ReadonlyArray<Mapping>
}

/**
 * `isStatic`: described by an info block, with one device that keeps its size and alignment. `node` pays for a memmap in
 * RAM, `targetNode` is the node the memory would join; −1 when unknown.
 *
 * @category models
 * @since 0.1.0
 */
export interface Region extends PfnRange.PfnRange {
  readonly id: number
  readonly align: number
  readonly node: number
  readonly targetNode: number
  readonly isStatic: boolean
  readonly instances: ReadonlyArray<Instance>
}

type Answer<A> = Result.Result<A, KernelError.KernelError>

const refuse = (
  errno: KernelError.KernelError["errno"],
  rule: string,
  step: string,
  problem: string,
  remedy: string
): Answer<never> => KernelError.fail({ errno, rule, step, problem, remedy })

/**
 * `alloc_dax_region()`: a region without devices. ENOMEM, as drivers report it, where start and length are no multiples of
 * the alignment (24.1).
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (region: Omit<Region, "instances">): Answer<Region> =>
  Alignment.isAligned(region.start, region.align) && Alignment.isAligned(PfnRange.length(region), region.align)
    ? Result.succeed({ ...region, instances: [] })
    : refuse(
      "ENOMEM",
      "24.1",
      "alloc_dax_region",
      `${hex(region.start)} to ${hex(region.end - 1)} is no whole number of ${hex(region.align)}`,
      "start and length must be multiples of the region's alignment"
    )

/**
 * Bytes of a device: the sum of its ranges.
 *
 * @category queries
 * @since 0.1.0
 */
export const size = (instance: Instance): number =>
  instance.ranges.reduce((sum, range) => sum + PfnRange.length(range), 0)

/**
 * `available_size`: bytes of the region that belong to no device.
 *
 * @category queries
 * @since 0.1.0
 */
export const available = (region: Region): number =>
  PfnRange.length(region) - region.instances.reduce((sum, instance) => sum + size(instance), 0)

/**
 * The device of that name.
 *
 * @category queries
 * @since 0.1.0
 */
export const find = (region: Region, name: string): Instance | undefined =>
  region.instances.find((instance) => instance.name === name)

/**
 * What lengths of a device's ranges must be multiples of (24.3).
 *
 * @category queries
 * @since 0.1.0
 */
export const granule = (arch: Pick<Architecture, "compatAlign">, align: number): number =>
  Math.max(align, arch.compatAlign)

const withInstance = (region: Region, instance: Instance): Region => ({
  ...region,
  instances: [...region.instances.filter(({ id }) => id !== instance.id), instance].toSorted((a, b) => a.id - b.id)
})

/** The range after all others of the device. */
const append = (instance: Instance, range: PfnRange.PfnRange, pageSize: number): Instance => ({
  ...instance,
  ranges: [...instance.ranges, { start: range.start, end: range.end, pageOffset: size(instance) / pageSize }]
})

/**
 * `devm_create_dev_dax()` with the id it is told: how a static device comes. Of a region without bytes it has none, and no
 * driver takes it (24.2).
 *
 * @category operations
 * @since 0.1.0
 */
export const addStatic = (region: Region, id: number): Region =>
  withInstance(region, {
    id,
    name: `dax${region.id}.${id}`,
    align: region.align,
    ranges: region.end > region.start ? [{ start: region.start, end: region.end, pageOffset: 0 }] : []
  })

/**
 * Writing 1 to `create`: a device of size 0 with the lowest free id (24.3). ENOSPC when no byte is free.
 *
 * @category operations
 * @since 0.1.0
 */
export const create = (region: Region): Answer<{ readonly region: Region; readonly instance: Instance }> => {
  if (available(region) === 0) {
    return refuse("ENOSPC", "24.1", "create", "the region has no free byte", "shrink or delete a device of it first")
  }
  let id = 0
  while (region.instances.some((instance) => instance.id === id)) id++
  const instance: Instance = { id, name: `dax${region.id}.${id}`, align: region.align, ranges: [] }
  return Result.succeed({ region: withInstance(region, instance), instance })
}

/**
 * Writing a name to `delete`: EBUSY while the device is bound or has bytes, and always for id 0; ENXIO for no device of
 * this region (24.3).
 *
 * @category operations
 * @since 0.1.0
 */
export const destroy = (region: Region, name: string, isBound: boolean): Answer<Region> => {
  const victim = find(region, name)
  if (victim === undefined) {
    return refuse("ENXIO", "24.3", "delete", `the region has no ${name}`, "name a device of this region")
  }
  const busy = isBound
    ? "is bound to a driver"
    : size(victim) > 0
    ? "still has bytes"
    : victim.id === 0
    ? "is the region's first device and stays"
    : null
  return busy === null
    ? Result.succeed({ ...region, instances: region.instances.filter((instance) => instance !== victim) })
    : refuse("EBUSY", "24.3", "delete", `${name} ${busy}`, "unbind it and set its size to 0; id 0 cannot be deleted")
}

/** The first free bytes as `dev_dax_resize()` finds them: after `after`, or at the start of the region. */
const firstFree = (
  region: Region
): { readonly after: PfnRange.PfnRange | null; readonly gap: PfnRange.PfnRange } | undefined => {
  const allocated = region.instances.flatMap((instance) => instance.ranges).toSorted((a, b) => a.start - b.start)
  const first = allocated[0]
  if (first === undefined) return { after: null, gap: region }
  if (first.start > region.start) return { after: null, gap: { start: region.start, end: first.start } }
  for (const [i, after] of allocated.entries()) {
    const end = allocated[i + 1]?.start ?? region.end
    if (end > after.end) return { after, gap: { start: after.end, end } }
  }
  return undefined
}

const grow = (region: Region, name: string, bytes: number, pageSize: number): Region => {
  let now = region
  for (let missing = bytes; missing > 0;) {
    const instance = find(now, name)
    const free = firstFree(now)
    if (instance === undefined || free === undefined) return now
    const length = Math.min(missing, PfnRange.length(free.gap))
    const last = instance.ranges.at(-1)
    now = withInstance(
      now,
      last !== undefined && free.after === last
        ? { ...instance, ranges: [...instance.ranges.slice(0, -1), { ...last, end: last.end + length }] }
        : append(instance, PfnRange.fromLength(free.gap.start, length), pageSize)
    )
    missing -= length
  }
  return now
}

const shrink = (instance: Instance, bytes: number): Instance => {
  const ranges = [...instance.ranges]
  for (let left = bytes; left > 0;) {
    const last = ranges.pop()
    if (last === undefined) break
    const length = PfnRange.length(last)
    if (length > left) ranges.push({ ...last, end: last.end - left })
    left -= Math.min(left, length)
  }
  return { ...instance, ranges }
}

/** What must hold before a dynamic device is changed. */
const changeable = (region: Region, name: string, attribute: "size" | "align" | "mapping"): Answer<Instance> => {
  const instance = find(region, name)
  if (instance === undefined) {
    return refuse("ENOENT", "24.3", attribute, `there is no ${name}`, "name a device of this region")
  }
  if (!region.isStatic) return Result.succeed(instance)
  return attribute === "mapping"
    ? refuse("ENOENT", "24.1", attribute, `${name} is static and has no such attribute`, "recreate the namespace")
    : refuse("EACCES", "24.1", attribute, `${name} is static: ${attribute} is read-only`, "recreate the namespace")
}

const bound = (attribute: string, name: string): Answer<never> =>
  refuse("EBUSY", "24.3", attribute, `${name} is bound to a driver`, "unbind it first")

/**
 * Writing `size`: EINVAL where it is no multiple of the granule, EBUSY while bound, ENOSPC for more than is free. Growing
 * fills the region's gaps from its start, extending the device's last range where it borders on one; shrinking takes from
 * the last range backwards (24.3).
 *
 * @category operations
 * @since 0.1.0
 */
export const resize = (
  arch: Pick<Architecture, "compatAlign" | "pageSize">,
  region: Region,
  name: string,
  bytes: number,
  isBound: boolean
): Answer<Region> =>
  Result.flatMap(changeable(region, name, "size"), (instance) => {
    const unit = granule(arch, instance.align)
    if (!Number.isSafeInteger(bytes) || bytes < 0 || !Alignment.isAligned(bytes, unit)) {
      return refuse("EINVAL", "24.3", "size", `${bytes} is no multiple of ${unit}`, `give a multiple of ${unit} bytes`)
    }
    if (isBound) return bound("size", name)
    const more = bytes - size(instance)
    if (more > available(region)) {
      return refuse(
        "ENOSPC",
        "24.3",
        "size",
        `${name} would need ${more} bytes more, ${available(region)} are free`,
        "ask for less, or shrink another device"
      )
    }
    return Result.succeed(
      more > 0 ? grow(region, name, more, arch.pageSize) : withInstance(region, shrink(instance, -more))
    )
  })

/**
 * Writing `mapping`: adds exactly these bytes as the device's last range, bound or not. ENXIO where the length is no
 * multiple of the granule, ENOMEM where the bytes are outside the region or taken (24.3).
 *
 * @category operations
 * @since 0.1.0
 */
export const addMapping = (
  arch: Pick<Architecture, "compatAlign" | "pageSize">,
  region: Region,
  name: string,
  range: PfnRange.PfnRange
): Answer<Region> =>
  Result.flatMap(changeable(region, name, "mapping"), (instance) => {
    const unit = granule(arch, instance.align)
    if (!Alignment.isAligned(PfnRange.length(range), unit)) {
      return refuse(
        "ENXIO",
        "24.3",
        "mapping",
        `${PfnRange.length(range)} bytes are no multiple of ${unit}`,
        `give a multiple of ${unit} bytes`
      )
    }
    const isTaken = region.instances.some((other) => other.ranges.some((taken) => PfnRange.overlaps(taken, range)))
    return isTaken || !PfnRange.contains(region, range)
      ? refuse(
        "ENOMEM",
        "24.3",
        "mapping",
        `${hex(range.start)} to ${hex(range.end - 1)} is not free in the region`,
        "give bytes of the region that no device has"
      )
      : Result.succeed(withInstance(region, append(instance, range, arch.pageSize)))
  })

/**
 * Writing `align`: a page, or a huge page the architecture has. EBUSY while bound; EINVAL for other values, and where a
 * range's length is no multiple of it. Starts are not looked at (24.3).
 *
 * @category operations
 * @since 0.1.0
 */
export const setAlign = (
  arch: Pick<Architecture, "compatAlign" | "daxAligns">,
  region: Region,
  name: string,
  align: number,
  isBound: boolean
): Answer<Region> =>
  Result.flatMap(changeable(region, name, "align"), (instance) => {
    if (!arch.daxAligns.includes(align)) {
      return refuse("EINVAL", "24.3", "align", `${align} is no page size`, `use one of ${arch.daxAligns.join(", ")}`)
    }
    if (isBound) return bound("align", name)
    const unit = granule(arch, align)
    const odd = instance.ranges.find((range) => !Alignment.isAligned(PfnRange.length(range), unit))
    return odd === undefined
      ? Result.succeed(withInstance(region, { ...instance, align }))
      : refuse(
        "EINVAL",
        "24.3",
        "align",
        `the range at ${hex(odd.start)} has ${PfnRange.length(odd)} bytes, no multiple of ${unit}`,
        "resize the device first"
      )
  })

/**
 * The text written to `mapping`, `start-end` in hex with an inclusive end, as a range. EINVAL for anything else.
 *
 * @category conversions
 * @since 0.1.0
 */
export const parseMapping = (text: string): Answer<PfnRange.PfnRange> => {
  const [, from = "", to = ""] = /^(?:0x)?([0-9a-f]{1,13})-(?:0x)?([0-9a-f]{1,13})\n?$/i.exec(text) ?? []
  const start = Number.parseInt(from, 16)
  const end = Number.parseInt(to, 16) + 1
  return end > start
    ? Result.succeed({ start, end })
    : refuse("EINVAL", "24.3", "mapping", "this is no range", "write start-end in hex, the end inclusive")
}
