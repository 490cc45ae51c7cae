/**
 * Reads `/proc/iomem`: firmware ranges by kind, and the devices whose memory shows in it (20.2, OBS-3 … OBS-6).
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import * as Check from "./Check.ts"
import * as DeviceMatch from "./DeviceMatch.ts"
import type { InputError } from "./InputError.ts"
import * as JsonText from "./JsonText.ts"
import * as ResourceText from "./ResourceText.ts"

type Resource = ResourceText.Resource

/**
 * The kind of a resource by its name; `other` for what a planner need not know.
 *
 * @category queries
 * @since 0.1.0
 */
export const kindOf = (name: string): MachineSpec.RangeKind => {
  switch (name) {
    case "System RAM":
      return "ram"
    case "Reserved":
    case "reserved":
      return "reserved"
    case "Persistent Memory":
      return "pmem"
    case "Persistent Memory (legacy)":
      return "legacy-pmem"
    case "Soft Reserved":
      return "soft-reserved"
    default:
      return /^CXL Window [0-9]+$/.test(name) ? "cxl-window" : "other"
  }
}

const holder = /^(namespace|dax)([0-9]{1,9})\.([0-9]{1,9})$/

/** The resources of namespaces and dax instances inside, in address order. */
const holders = (resources: ReadonlyArray<Resource>): ReadonlyArray<Resource> =>
  resources.flatMap((resource) => holder.test(resource.name) ? [resource] : holders(resource.children))

const isKmem = (resource: Resource): boolean => resource.children.some(({ name }) => name.startsWith("System RAM ("))

const sumOf = (resources: ReadonlyArray<Resource>): number => resources.reduce((total, { size }) => total + size, 0)

/**
 * A dax instance. Under kmem the line is the block-trimmed part only, so its sizes are not known (OBS-6). With a
 * namespace, the instance is that namespace's, whose raw size is not shown (`end_trunc` is not covered).
 */
const instanceOf = (
  name: string,
  ranges: ReadonlyArray<Resource>,
  namespace: Resource | undefined
): MachineSpec.Configured => {
  const first = ranges[0]
  const kmem = ranges.some(isKmem)
  const usable = kmem ? {} : { usable: sumOf(ranges) }
  const mode = kmem ? "system-ram" : "devdax"
  if (namespace !== undefined) return { name: namespace.name, mode, start: namespace.start, ...usable, chardev: name }
  return {
    name,
    mode,
    ...(ranges.length === 1 && first !== undefined && !kmem ? { start: first.start } : {}),
    ...(ranges.length > 1 && !kmem ? { pieces: ranges.map(({ size, start }) => ({ start, size })) } : {}),
    ...(kmem ? {} : { size: sumOf(ranges) }),
    ...usable,
    chardev: name
  }
}

/**
 * What is certain about the configuration: a `namespaceX.Y` line alone may be raw, fsdax or sector, or a dax one without
 * driver (OBS-6), so only instances with a `daxX.Y` line are named.
 */
const configuredOf = (
  inside: ReadonlyArray<Resource>,
  ofNamespaces: boolean
): ReadonlyArray<MachineSpec.Configured> => {
  const namespaces = new Map(inside.map((resource) => [resource.name, resource]))
  const instances = Map.groupBy(inside.filter(({ name }) => name.startsWith("dax")), ({ name }) => name)
  return [...instances].flatMap(([name, ranges]) => {
    const namespace = namespaces.get(name.replace("dax", "namespace"))
    return ofNamespaces && namespace === undefined ? [] : [instanceOf(name, ranges, namespace)]
  })
}

const numberOf = (inside: ReadonlyArray<Resource>): string | undefined => holder.exec(inside[0]?.name ?? "")?.[2]

const deviceOf = (resource: Resource, kind: MachineSpec.DeviceKind, name: string): MachineSpec.Device => {
  const configured = configuredOf(holders(resource.children), kind !== "dax")
  return {
    name,
    kind,
    start: resource.start,
    size: resource.size,
    ...(configured.length === 0 ? {} : { configured })
  }
}

const at = (what: string, { start }: Resource): string => DeviceMatch.anonymousName(what, start)

/** A range of a persistent kind is one region, named if a namespace inside says its id. */
const regionOf = (resource: Resource, kind: "pmem" | "legacy"): MachineSpec.Device => {
  const id = numberOf(holders(resource.children))
  return deviceOf(resource, kind, id === undefined ? at(kind, resource) : `region${id}`)
}

/** Soft reserved memory is one device per `hmem.N` or CXL `regionN` inside, or one as a whole. */
const softReserved = (resource: Resource): ReadonlyArray<MachineSpec.Device> => {
  const parts = resource.children.filter(({ name }) => /^(?:hmem\.|region)[0-9]+$/.test(name))
  if (parts.length > 0) return parts.map((part) => deviceOf(part, "dax", part.name))
  const id = numberOf(holders(resource.children))
  return [deviceOf(resource, "dax", id === undefined ? at("soft-reserved", resource) : `hmem.${id}`)]
}

interface Found {
  readonly ranges: Array<MachineSpec.Range>
  readonly devices: Array<MachineSpec.Device>
}

/** A region of a CXL window whose contents do not tell what it is, is left out. */
const cxlRegion = (found: Found, resource: Resource): void => {
  const inside = holders(resource.children)
  const known = resource.children.some(({ name }) => kindOf(name) !== "other")
  if (known) { for (const child of resource.children) walk(found, child, 1) }
  else if (inside.length > 0) {
    const kind = inside.some(({ name }) => name.startsWith("namespace")) ? "pmem" : "dax"
    found.devices.push(deviceOf(resource, kind, resource.name))
  }
}

const walk = (found: Found, resource: Resource, depth: number): void => {
  const kind = kindOf(resource.name)
  if (depth === 0 || kind !== "other") {
    found.ranges.push({ start: resource.start, size: resource.size, kind, name: resource.name })
  }
  switch (kind) {
    case "ram":
      return
    case "pmem":
      found.devices.push(regionOf(resource, "pmem"))
      return
    case "legacy-pmem":
      found.devices.push(regionOf(resource, "legacy"))
      return
    case "soft-reserved":
      for (const device of softReserved(resource)) found.devices.push(device)
      return
    default:
      for (const child of resource.children) {
        if (kind === "cxl-window" && /^region[0-9]+$/.test(child.name)) cxlRegion(found, child)
        else walk(found, child, depth + 1)
      }
  }
}

/**
 * virtio-pmem has no range of its own: its namespaces and instances stand at top level (OBS-5). From the first line to the
 * end of the last is what can be seen of the region; behind an instance something may be cut off.
 */
const virtio = (lines: ReadonlyArray<Resource>): ReadonlyArray<MachineSpec.Device> =>
  [...Map.groupBy(lines, (line) => numberOf([line]))].flatMap(([id, parts]) => {
    const first = parts[0]
    const last = parts.at(-1)
    if (first === undefined || last === undefined) return []
    const configured = configuredOf(parts, true)
    return [{
      name: `region${id}`,
      kind: "virtio-pmem" as const,
      start: first.start,
      size: last.start + last.size - first.start,
      ...(parts.some(({ name }) => name.startsWith("dax")) ? { approximate: true } : {}),
      ...(configured.length === 0 ? {} : { configured })
    }]
  })

/**
 * Reads the text of `/proc/iomem`.
 *
 * Ranges are the top level, and RAM, device memory and CXL windows wherever they are nested. Devices are the ranges of
 * persistent memory (named after the namespaces inside, else `pmem@0x…`, `legacy@0x…`), soft reserved memory and CXL
 * regions in use (kind `dax`), and what stands alone at top level (virtio-pmem). A virtio-pmem region is exact while a
 * single namespace covers it, approximate once an instance is configured.
 *
 * @category parsing
 * @since 0.1.0
 */
export const read = (source: string, text: string): Result.Result<MachineSpec.MachineSpec, InputError> =>
  Result.gen(function*() {
    const tree = yield* ResourceText.parse(source, yield* JsonText.checkSize(source, text))
    const found: Found = { ranges: [], devices: [] }
    const alone = tree.filter(({ name }) => holder.test(name))
    for (const resource of tree) if (!holder.test(resource.name)) walk(found, resource, 0)
    const devices = [...found.devices, ...virtio(alone)]
    return yield* Check.machine(source, {
      ranges: found.ranges,
      ...(devices.length === 0 ? {} : { devices })
    })
  })
