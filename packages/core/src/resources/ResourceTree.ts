/**
 * Who owns which physical range: the tree behind `/proc/iomem` (spec 20.1).
 *
 * A tree is an immutable value, its root. `end` is inclusive, as the kernel and `/proc/iomem` write it. Children are sorted,
 * disjoint, and lie inside their parent.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import { addressLimit } from "../geometry/Pfn.ts"
import type { Errno } from "../kernel/Errno.ts"
import { KernelError } from "../kernel/KernelError.ts"

/**
 * Bits of `flags`. System RAM is `memory | systemRam`.
 *
 * @category constants
 * @since 0.1.0
 */
export const Flag = { memory: 1, systemRam: 2, busy: 4, driverManaged: 8, mergeable: 16 } as const

/**
 * `IORES_DESC_*`.
 *
 * @category constants
 * @since 0.1.0
 */
export const Desc = {
  none: 0,
  acpiTables: 2,
  acpiNvStorage: 3,
  persistentMemory: 4,
  persistentMemoryLegacy: 5,
  devicePrivateMemory: 6,
  reserved: 7,
  softReserved: 8,
  cxl: 9
} as const

/**
 * A resource and everything inside it. Bytes; `end` inclusive.
 *
 * @category models
 * @since 0.1.0
 */
export interface Resource {
  readonly start: number
  readonly end: number
  readonly name: string
  readonly flags: number
  readonly desc: number
  readonly children: ReadonlyArray<Resource>
}

/**
 * A new resource as it is asked for. Without `busy` it is busy; `flags` are added to what it inherits.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly start: number
  readonly size: number
  readonly name: string
  readonly flags?: number | undefined
  readonly desc?: number | undefined
  readonly busy?: boolean | undefined
}

/**
 * A tree with one resource more, and that resource.
 *
 * @category models
 * @since 0.1.0
 */
export interface Placed {
  readonly tree: Resource
  readonly resource: Resource
}

const hex = (n: number): string => n.toString(16).padStart(8, "0")

const show = ({ end, name, start }: Pick<Resource, "start" | "end" | "name">): string =>
  `${hex(start)}-${hex(end)} ${name.slice(0, 80)}`

/**
 * A refusal of 20.1, with the range and the name it is about.
 *
 * @category errors
 * @since 0.1.0
 */
export const refuse = (
  candidate: Pick<Resource, "start" | "end" | "name">,
  errno: Errno,
  problem: string,
  remedy: string
): Result.Result<never, KernelError> =>
  Result.fail(new KernelError({ errno, rule: "20.1", problem: `${show(candidate)}: ${problem}`, remedy }))

/**
 * `iomem_resource`: an empty address space.
 *
 * @category constructors
 * @since 0.1.0
 */
export const empty: Resource = {
  start: 0,
  end: addressLimit - 1,
  name: "PCI mem",
  flags: Flag.memory,
  desc: Desc.none,
  children: []
}

/**
 * Whether two ranges share an address.
 *
 * @category predicates
 * @since 0.1.0
 */
export const overlaps = (a: Pick<Resource, "start" | "end">, b: Pick<Resource, "start" | "end">): boolean =>
  a.start <= b.end && b.start <= a.end

const contains = (outer: Pick<Resource, "start" | "end">, inner: Pick<Resource, "start" | "end">): boolean =>
  outer.start <= inner.start && inner.end <= outer.end

const has = (flags: number, wanted: number): boolean => (flags & wanted) === wanted

const rangeOf = (request: Request): Result.Result<{ start: number; end: number; name: string }, KernelError> => {
  const range = { start: request.start, end: request.start + request.size - 1, name: request.name }
  return Number.isSafeInteger(range.start) && Number.isSafeInteger(range.end) && range.start >= 0 && request.size > 0
    ? Result.succeed(range)
    : refuse(range, "EINVAL", "the range is empty or not a range of bytes", "give a start from 0 on and a size above 0")
}

/** `parent` with `child` among its children, `replaced` ones taken away. */
const withChild = (parent: Resource, child: Resource, replaced: ReadonlyArray<Resource> = []): Resource => ({
  ...parent,
  children: [...parent.children.filter((c) => !replaced.includes(c)), child].toSorted((a, b) => a.start - b.start)
})

/** Rebuilds the way from the root down: each of `path` takes the next one in place of its old self. */
const rebuild = (path: ReadonlyArray<Resource>, last: Resource): Resource => {
  let node = last
  for (let i = path.length - 2; i >= 0; i--) {
    const parent = path[i]
    const old = path[i + 1]
    if (parent !== undefined && old !== undefined) node = withChild(parent, node, [old])
  }
  return node
}

/**
 * `__request_region()`: places a resource in the deepest non-busy parent that holds it (20.1).
 *
 * Fails with EBUSY (`add_memory` turns it into EEXIST) when a busy resource is in the way, or when the candidate sticks out
 * of a parent it only partly overlaps.
 *
 * @category operations
 * @since 0.1.0
 */
export const request = (tree: Resource, asked: Request): Result.Result<Placed, KernelError> =>
  Result.flatMap(rangeOf(asked), (range) => {
    const path = [tree]
    let parent = tree
    while (contains(parent, range)) {
      const conflict = parent.children.find((child) => overlaps(child, range))
      if (conflict === undefined) {
        const inherited = parent.flags & (Flag.memory | Flag.systemRam)
        const resource: Resource = {
          ...range,
          flags: inherited | (asked.flags ?? 0) | (asked.busy === false ? 0 : Flag.busy),
          desc: asked.desc ?? parent.desc,
          children: []
        }
        return Result.succeed({ tree: rebuild(path, withChild(parent, resource)), resource })
      }
      if (has(conflict.flags, Flag.busy)) {
        return refuse(
          range,
          "EBUSY",
          `${show(conflict)} is in the way and busy`,
          "release it first, or use other bytes"
        )
      }
      path.push(conflict)
      parent = conflict
    }
    return refuse(range, "EBUSY", `sticks out of ${show(parent)}`, "stay inside one parent, or outside all of them")
  })

/** Where a range is to be inserted: below the last of `path`, around `inside`; `partial` is what it overlaps only in part. */
interface Site {
  readonly path: ReadonlyArray<Resource>
  readonly inside: ReadonlyArray<Resource>
  readonly partial: Resource | undefined
}

const siteOf = (tree: Resource, range: Pick<Resource, "start" | "end">): Site => {
  const path = [tree]
  for (let parent = tree;;) {
    const inside = parent.children.filter((child) => overlaps(child, range))
    const first = inside[0]
    if (first === undefined || !contains(first, range) || (first.start === range.start && first.end === range.end)) {
      return { path, inside, partial: inside.find((child) => !contains(range, child)) }
    }
    path.push(first)
    parent = first
  }
}

const insertAt = (
  { inside, path }: Site,
  range: Pick<Resource, "start" | "end" | "name">,
  asked: Pick<Request, "flags" | "busy" | "desc">
): Placed => {
  const resource: Resource = {
    ...range,
    flags: (asked.flags ?? Flag.memory) | (asked.busy === true ? Flag.busy : 0),
    desc: asked.desc ?? Desc.none,
    children: inside
  }
  return { tree: rebuild(path, withChild(path.at(-1) ?? empty, resource, inside)), resource }
}

const outside = (range: Pick<Resource, "start" | "end" | "name">, tree: Resource): Result.Result<never, KernelError> =>
  refuse(range, "EBUSY", `sticks out of ${show(tree)}`, "stay inside the address space")

/**
 * `insert_resource()`: as {@link request}, but may also become the parent of what it covers completely. This is how firmware
 * ranges enter, and how the NFIT driver adds `Persistent Memory`.
 *
 * Nothing is inherited: flags and desc are those asked for, and not busy unless `busy` is true.
 *
 * @category operations
 * @since 0.1.0
 */
export const insert = (tree: Resource, asked: Request): Result.Result<Placed, KernelError> =>
  Result.flatMap(rangeOf(asked), (range) => {
    if (!contains(tree, range)) return outside(range, tree)
    const site = siteOf(tree, range)
    return site.partial === undefined
      ? Result.succeed(insertAt(site, range, asked))
      : refuse(
        range,
        "EBUSY",
        `overlaps part of ${show(site.partial)}`,
        "cover it completely, or stay inside it"
      )
  })

/**
 * `insert_resource_expand_to_fit()`: as {@link insert}, but what it overlaps only in part makes it grow until it covers that
 * completely (20.7).
 *
 * @category operations
 * @since 0.1.0
 */
export const insertExpanding = (tree: Resource, asked: Request): Result.Result<Placed, KernelError> =>
  Result.flatMap(rangeOf(asked), (wanted) => {
    if (!contains(tree, wanted)) return outside(wanted, tree)
    let { end, start } = wanted
    let site = siteOf(tree, wanted)
    for (; site.partial !== undefined; site = siteOf(tree, { start, end })) {
      start = Math.min(start, site.partial.start)
      end = Math.max(end, site.partial.end)
    }
    return Result.succeed(insertAt(site, { start, end, name: wanted.name }, asked))
  })

/**
 * `__release_region()`: takes away the busy resource of exactly this range, with everything inside it.
 *
 * @category operations
 * @since 0.1.0
 */
export const release = (
  tree: Resource,
  start: number,
  size: number
): Result.Result<Resource, KernelError> =>
  Result.flatMap(rangeOf({ start, size, name: "" }), (range) => {
    const path = [tree]
    let parent = tree
    for (;;) {
      const child = parent.children.find((c) => contains(c, range))
      if (child === undefined) {
        return refuse(
          range,
          "EINVAL",
          "trying to free a resource that does not exist",
          "give start and size as requested"
        )
      }
      if (has(child.flags, Flag.busy) && child.start === range.start && child.end === range.end) {
        return Result.succeed(rebuild(path, { ...parent, children: parent.children.filter((c) => c !== child) }))
      }
      path.push(child)
      parent = child
    }
  })

/**
 * `remove_resource()`: takes away the resource of exactly this range and name, busy or not; what is inside it moves up to its
 * parent. How a driver gives back a range it had made a parent for others (25.1).
 *
 * @category operations
 * @since 0.1.0
 */
export const remove = (
  tree: Resource,
  asked: Pick<Request, "start" | "size" | "name">
): Result.Result<Resource, KernelError> =>
  Result.flatMap(rangeOf(asked), (range) => {
    const path = [tree]
    let parent = tree
    for (;;) {
      const child = parent.children.find((c) => contains(c, range))
      if (child === undefined) {
        return refuse(range, "EINVAL", "there is no such resource", "give start, size and name as requested")
      }
      if (child.start === range.start && child.end === range.end && child.name === range.name) {
        const children = parent.children.flatMap((c) => c === child ? c.children : [c])
        return Result.succeed(rebuild(path, { ...parent, children }))
      }
      path.push(child)
      parent = child
    }
  })

/** The descendants of a resource, depth first, parents before children. */
const descendants = function*(resource: Resource): Generator<Resource> {
  const stack = [...resource.children].toReversed()
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    yield next
    stack.push(...next.children.toReversed())
  }
}

/**
 * `region_intersects()`: DISJOINT when nothing that matches overlaps the range, INTERSECTS when only matching resources
 * and holes do, MIXED when something else does as well (20.1).
 *
 * A resource matches when it has all of `flags` and, unless `desc` is `Desc.none`, that desc. Matching descendants of a
 * resource that does not match stand for the part they cover.
 *
 * @category queries
 * @since 0.1.0
 */
export const intersects = (
  tree: Resource,
  start: number,
  size: number,
  flags: number,
  desc: number = Desc.none
): "DISJOINT" | "INTERSECTS" | "MIXED" => {
  const range = { start, end: start + size - 1 }
  const matches = (resource: Resource) => has(resource.flags, flags) && (desc === Desc.none || resource.desc === desc)
  let matching = false
  let other = false
  for (const child of tree.children) {
    if (!overlaps(child, range)) continue
    if (matches(child)) {
      matching = true
      continue
    }
    const end = Math.min(child.end, range.end)
    let uncovered = Math.max(child.start, range.start)
    for (const inner of descendants(child)) {
      if (!overlaps(inner, range) || !matches(inner)) continue
      matching = true
      if (inner.start <= uncovered) uncovered = Math.max(uncovered, inner.end + 1)
    }
    other ||= uncovered <= end
  }
  return !matching ? "DISJOINT" : other ? "MIXED" : "INTERSECTS"
}

/**
 * `/proc/iomem`: two blanks per level, levels below the eighth shown like it.
 *
 * @category printing
 * @since 0.1.0
 */
export const toText = (tree: Resource): string => {
  const lines: Array<string> = []
  const stack = tree.children.map((resource) => ({ resource, depth: 0 })).toReversed()
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { depth, resource } = next
    lines.push(`${"  ".repeat(depth)}${hex(resource.start)}-${hex(resource.end)} : ${resource.name}`)
    stack.push(...resource.children.map((child) => ({ resource: child, depth: Math.min(depth + 1, 7) })).toReversed())
  }
  return lines.join("\n")
}
