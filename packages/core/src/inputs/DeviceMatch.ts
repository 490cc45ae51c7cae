/**
 * Which devices of several sources are the same, and what they say together.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import { hex } from "../geometry/Pfn.ts"
import type * as MachineSpec from "../machine/MachineSpec.ts"

type Device = MachineSpec.Device
type Configured = MachineSpec.Configured

/**
 * Two sources that cannot describe one machine.
 *
 * @category models
 * @since 0.1.0
 */
export interface Conflict {
  readonly at: string
  readonly problem: string
}

const conflict = (at: string, what: string, a: unknown, b: unknown): Result.Result<never, Conflict> =>
  Result.fail({ at, problem: `${what} is ${String(a)} in one and ${String(b)} in the other` })

/**
 * The name of a device of which only the address is known: `pmem@0x100000000`.
 *
 * @category printing
 * @since 0.1.0
 */
export const anonymousName = (what: string, start: number): string => `${what}@${hex(start)}`

/**
 * Whether the device has no name of its own, only the address it was seen at ({@link anonymousName}).
 *
 * @category queries
 * @since 0.1.0
 */
export const isAnonymous = ({ name }: Device): boolean => name.includes("@0x")

const isPersistent = ({ kind }: Device): boolean => kind !== "dax"

/**
 * The name to compare by: `dax_regionN` is the dax side of the CXL `regionN`.
 *
 * @category queries
 * @since 0.1.0
 */
export const nameKey = ({ kind, name }: Device): string =>
  kind === "dax" ? name.replace(/^dax_(?=region[0-9]+$)/, "") : name

/**
 * Whether two devices of one start are not the same: one is a range seen by address only, of another size.
 *
 * @category queries
 * @since 0.1.0
 */
export const isAnotherExtent = (a: Device, b: Device | undefined): boolean =>
  b !== undefined && (isAnonymous(a) || isAnonymous(b)) && a.size !== b.size && a.approximate !== true &&
  b.approximate !== true

const normalId = (text: string): string => {
  const value = /^(?:0x[0-9a-fA-F]{1,16}|[0-9]{1,20})$/.test(text) ? BigInt(text) : text
  return String(value)
}

const exact = ["start", "node", "targetNode", "align", "ways", "labels", "labelArea", "unarmed"] as const
const amounts = ["available", "maxExtent"] as const

/** The mode under kmem is named by those who look at the instance only. */
const modeOf = (a: Configured, b: Configured): Result.Result<Configured["mode"], Conflict> => {
  if (a.mode === b.mode) return Result.succeed(a.mode)
  return (a.mode === "system-ram" && b.mode === "devdax") || (a.mode === "devdax" && b.mode === "system-ram")
    ? Result.succeed("system-ram")
    : conflict(a.name, "mode", a.mode, b.mode)
}

const joinConfigured = (a: Configured, b: Configured): Result.Result<Configured, Conflict> =>
  Result.gen(function*() {
    const mode = yield* modeOf(a, b)
    const certain = a.approximate === true && b.approximate !== true && b.usable !== undefined ? b : a
    const other = certain === a ? b : a
    for (const key of ["start", "align", "map"] as const) {
      if (a[key] !== undefined && b[key] !== undefined && a[key] !== b[key]) {
        return yield* conflict(a.name, key, a[key], b[key])
      }
    }
    if (
      a.usable !== undefined && b.usable !== undefined && a.usable !== b.usable && a.approximate !== true &&
      b.approximate !== true
    ) {
      return yield* conflict(a.name, "usable size", a.usable, b.usable)
    }
    const { approximate, ...facts } = { ...other, ...certain, name: a.name, mode }
    return certain.approximate === true && approximate === true ? { ...facts, approximate } : facts
  })

/** Instances are known by their own name, or as the char device of a namespace. */
const isSameConfigured = (a: Configured, b: Configured): boolean =>
  a.name === b.name || (a.chardev !== undefined && a.chardev === b.chardev)

/**
 * The configuration of both sides; what only one of them lists is kept.
 *
 * @category combinators
 * @since 0.1.0
 */
export const joinLists = (
  a: ReadonlyArray<Configured>,
  b: ReadonlyArray<Configured>
): Result.Result<ReadonlyArray<Configured>, Conflict> =>
  Result.gen(function*() {
    const joined = [...a]
    const places = new Map(
      a.flatMap((entry, index) => [[entry.name, index] as const, [entry.chardev ?? entry.name, index] as const])
    )
    for (const entry of b) {
      const place = places.get(entry.name) ?? places.get(entry.chardev ?? entry.name)
      const known = place === undefined ? undefined : joined[place]
      if (place === undefined || known === undefined || !isSameConfigured(known, entry)) joined.push(entry)
      else joined[place] = yield* joinConfigured(known, entry)
    }
    return joined
  })

const sizeOf = (a: Device, b: Device): Result.Result<Pick<Device, "size" | "approximate">, Conflict> =>
  a.approximate !== true && b.approximate !== true && a.size !== b.size
    ? conflict(`device ${a.name}`, "size", a.size, b.size)
    : Result.succeed(
      a.approximate === true && b.approximate === true
        ? { size: a.size, approximate: true }
        : { size: a.approximate === true ? b.size : a.size }
    )

const amountsOf = (a: Device, b: Device): Result.Result<Pick<Device, typeof amounts[number]>, Conflict> =>
  Result.gen(function*() {
    const found: { -readonly [K in typeof amounts[number]]?: number } = {}
    for (const key of amounts) {
      const [first, second] = a.approximate === true && b[key] !== undefined ? [b[key], a[key]] : [a[key], b[key]]
      if (
        first !== undefined && second !== undefined && first !== second && a.approximate !== true &&
        b.approximate !== true
      ) {
        return yield* conflict(`device ${a.name}`, key, first, second)
      }
      const value = first ?? second
      if (value !== undefined) found[key] = value
    }
    return found
  })

/**
 * One device from two descriptions of it; the kind is `a`'s. An exact figure replaces an approximate one, two exact ones
 * must agree.
 *
 * @category combinators
 * @since 0.1.0
 */
export const join = (a: Device, b: Device): Result.Result<Device, Conflict> =>
  Result.gen(function*() {
    const at = `device ${a.name}`
    if (isPersistent(a) !== isPersistent(b)) return yield* conflict(at, "kind", a.kind, b.kind)
    for (const key of exact) {
      if (a[key] !== undefined && b[key] !== undefined && a[key] !== b[key]) {
        return yield* conflict(at, key, a[key], b[key])
      }
    }
    if (a.isetId !== undefined && b.isetId !== undefined && normalId(a.isetId) !== normalId(b.isetId)) {
      return yield* conflict(at, "isetId", a.isetId, b.isetId)
    }
    const { approximate: _, ...facts } = { ...b, ...a }
    const lists = a.configured === undefined && b.configured === undefined
      ? {}
      : { configured: yield* joinLists(a.configured ?? [], b.configured ?? []) }
    return {
      ...facts,
      ...(yield* sizeOf(a, b)),
      ...(yield* amountsOf(a, b)),
      name: isAnonymous(a) ? b.name : a.name,
      ...lists
    }
  })
