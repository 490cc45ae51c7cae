/**
 * Devices of several sources as one list.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as HumanSize from "../geometry/HumanSize.ts"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import * as DeviceMatch from "./DeviceMatch.ts"
import { InputError } from "./InputError.ts"

/**
 * A device and the source that says so.
 *
 * @category models
 * @since 0.1.0
 */
export interface Known {
  readonly source: string
  readonly device: MachineSpec.Device
}

const disagree = (a: Known, b: Known, { at, problem }: DeviceMatch.Conflict): InputError =>
  new InputError({
    source: a.source === b.source ? a.source : `${a.source} and ${b.source}`,
    at,
    problem,
    remedy: "give sources of one machine, captured at the same time"
  })

const unite = (a: Known, b: Known): Result.Result<Known, InputError> =>
  Result.mapBoth(DeviceMatch.join(a.device, b.device), {
    onSuccess: (device) => ({ source: a.source === b.source ? a.source : `${a.source}, ${b.source}`, device }),
    onFailure: (conflict) => disagree(a, b, conflict)
  })

/** An instance listed without its region may be what a namespace of another source configures. */
const isInstance = ({ device }: Known): boolean => device.kind === "dax" && /^dax[0-9]+\.[0-9]+$/.test(device.name)

const adopt = (owner: Known, instance: Known): Result.Result<Known, InputError> =>
  Result.mapBoth(DeviceMatch.joinLists(owner.device.configured ?? [], instance.device.configured ?? []), {
    onSuccess: (configured) => ({ ...owner, device: { ...owner.device, configured } }),
    onFailure: (conflict) => disagree(owner, instance, conflict)
  })

/** Joins devices of one name, of one start, and instances with the region that has them configured. */
const byIdentity = (all: ReadonlyArray<Known>): Result.Result<Array<Known>, InputError> =>
  Result.gen(function*() {
    const joined: Array<Known> = []
    const names = new Map<string, number>()
    const starts = new Map<number, number>()
    const chardevs = new Map<string, number>()
    const put = (index: number, known: Known) => {
      joined[index] = known
      const { device } = known
      names.set(DeviceMatch.nameKey(device), index)
      if (device.start !== undefined) starts.set(device.start, index)
      for (const { chardev } of device.configured ?? []) if (chardev !== undefined) chardevs.set(chardev, index)
    }
    for (const known of [...all.filter((one) => !isInstance(one)), ...all.filter(isInstance)]) {
      const { device } = known
      const there = device.start === undefined ? undefined : starts.get(device.start)
      const same = names.get(DeviceMatch.nameKey(device)) ??
        (DeviceMatch.isAnotherExtent(device, joined[there ?? -1]?.device) ? undefined : there)
      const owner = same === undefined && isInstance(known) ? chardevs.get(device.name) : undefined
      const found = joined[same ?? owner ?? -1]
      if (found === undefined) put(joined.length, known)
      else if (same === undefined) put(owner ?? 0, yield* adopt(found, known))
      else put(same, yield* unite(found, known))
    }
    return joined
  })

interface Group {
  readonly named: Array<Known>
  readonly addressed: Array<Known>
}

/** Candidates of one printed size: the regions without address, and the ranges without name. */
const groups = (known: ReadonlyArray<Known>): ReadonlyArray<Group> => {
  const found = new Map<string, Group>()
  const rounded = new Set(
    known.flatMap(({ device }) => device.approximate === true ? [HumanSize.format(device.size)] : [])
  )
  for (const one of known) {
    const { kind, size, start } = one.device
    const anonymous = DeviceMatch.isAnonymous(one.device)
    if ((start === undefined) === anonymous) continue
    const shown = HumanSize.format(size)
    const key = `${kind === "dax"} ${rounded.has(shown) ? shown : size}`
    const group = found.get(key) ?? { named: [], addressed: [] }
    if (anonymous) group.addressed.push(one)
    else if (start === undefined) group.named.push(one)
    found.set(key, group)
  }
  return [...found.values()].filter(({ addressed, named }) => addressed.length > 0 && named.length > 0)
}

const regionId = ({ device }: Known): number => Number(/([0-9]{1,9})$/.exec(device.name)?.[1] ?? 0)

/** e820 regions ascend by address (OBS-17); of other kinds only a lone candidate is certain. */
const pairs = ({ addressed, named }: Group): ReadonlyArray<readonly [Known, Known]> => {
  const certain = named.length === addressed.length &&
    (named.length === 1 || [...named, ...addressed].every(({ device }) => device.kind === "legacy"))
  if (!certain) return []
  const ranges = addressed.toSorted((a, b) => (a.device.start ?? 0) - (b.device.start ?? 0))
  return named.toSorted((a, b) => regionId(a) - regionId(b)).flatMap((region, index) => {
    const range = ranges[index]
    return range === undefined ? [] : [[region, range] as const]
  })
}

const bySize = (known: Array<Known>): Result.Result<ReadonlyArray<Known>, InputError> =>
  Result.gen(function*() {
    const united = new Map<Known, Known>()
    const gone = new Set<Known>()
    for (const group of groups(known)) {
      const [first] = group.named
      const [other] = group.addressed
      if (first !== undefined && other !== undefined && group.addressed.length > group.named.length) {
        return yield* Result.fail(disagree(first, other, {
          at: `devices of ${HumanSize.formatBinary(first.device.size)}`,
          problem: `${group.named.length} by name and ${group.addressed.length} by address`
        }))
      }
      for (const range of group.addressed) gone.add(range)
      for (const [region, range] of pairs(group)) {
        // the range's source is the better one for the kind: it names the resource
        united.set(region, yield* unite({ ...range, device: { ...range.device, name: region.device.name } }, region))
      }
    }
    return known.flatMap((one) => gone.has(one) ? [] : [united.get(one) ?? one])
  })

/** A range seen by address alone gives way to the devices another source sees inside it. */
const withoutContainers = (known: ReadonlyArray<Known>): ReadonlyArray<MachineSpec.Device> => {
  const inOrder = known.map(({ device }) => device).filter(({ start }) => start !== undefined)
    .toSorted((a, b) => (a.start ?? 0) - (b.start ?? 0) || b.size - a.size)
  const containers = new Set(inOrder.filter((device, index) => {
    const next = inOrder[index + 1]
    return next !== undefined && DeviceMatch.isAnonymous(device) &&
      (next.start ?? 0) + next.size <= (device.start ?? 0) + device.size
  }))
  return known.flatMap(({ device }) => containers.has(device) ? [] : [device])
}

/**
 * Joins what belongs together: devices of one name or one start; an instance with the namespace it is the char device of; a
 * region without address with the range without name of the same size, if there is no other candidate or (e820) their order
 * decides. Ranges that several regions could be are dropped: those regions stay without start.
 *
 * @category combinators
 * @since 0.1.0
 */
export const join = (all: ReadonlyArray<Known>): Result.Result<ReadonlyArray<MachineSpec.Device>, InputError> =>
  Result.map(Result.flatMap(byIdentity(all), bySize), withoutContainers)
