/**
 * Regions of persistent memory and what is configured on them, from `/sys/bus/nd` and `/sys/bus/dax` of a captured tree (21.2,
 * OBS-13, OBS-14, OBS-18).
 *
 * @since 0.1.0
 */
import type * as MachineSpec from "../machine/MachineSpec.ts"

/**
 * Text by path without a slash at the beginning; links and directories have paths that end with one.
 *
 * @category models
 * @since 0.1.0
 */
export type Files = ReadonlyMap<string, string>

const nd = "sys/bus/nd/devices"

const dax = "sys/bus/dax/devices"

const integer = (text: string | undefined): number | undefined => {
  const value = text === undefined || text.trim() === "" ? Number.NaN : Number(text)
  return Number.isSafeInteger(value) ? value : undefined
}

const natural = (text: string | undefined): number | undefined => {
  const value = integer(text)
  return value !== undefined && value >= 0 ? value : undefined
}

const defined = <A extends Record<string, unknown>>(record: A): { [K in keyof A]: Exclude<A[K], undefined> } =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as never

/** Names below a directory, in one pass over all paths. */
const namesBelow = (files: Files, directory: string): ReadonlyArray<string> => {
  const names = new Set<string>()
  for (const path of files.keys()) {
    if (path.startsWith(`${directory}/`)) names.add(path.slice(directory.length + 1).split("/", 1)[0] ?? "")
  }
  return [...names]
}

const modes: Readonly<Record<string, MachineSpec.Configured["mode"]>> = {
  pfn: "fsdax",
  dax: "devdax",
  btt: "sector",
  namespace: "raw"
}

/** Whether a driver is bound: the directory has a link to it. */
const isBound = (files: Files, name: string): boolean => files.has(`${nd}/${name}/driver/`)

/** The instance that claims a namespace, or the namespace itself. */
const configured = (
  files: Files,
  namespace: string,
  isKmem: boolean
): ReadonlyArray<MachineSpec.Configured> => {
  const own = (name: string) => files.get(`${nd}/${namespace}/${name}`)?.trim()
  const size = natural(own("size"))
  if (size === undefined || size === 0) return []
  const holder = own("holder") ?? ""
  const kind = /^(pfn|dax|btt)[0-9]/.exec(holder)?.[1] ?? "namespace"
  const of = (name: string) => files.get(`${nd}/${holder}/${name}`)?.trim()
  const isMapped = kind === "pfn" || kind === "dax"
  const native = kind === "namespace" && own("mode") === "memory"
  return [{
    name: namespace,
    mode: native ? "fsdax" : kind === "dax" && isKmem ? "system-ram" : modes[kind] ?? "raw",
    size,
    ...(isMapped ? { map: of("mode") === "ram" ? "mem" : "dev" } : native ? { map: "mem" } : {}),
    ...(isBound(files, kind === "namespace" ? namespace : holder) ? {} : { disabled: true }),
    ...defined({
      start: natural(own("resource")),
      align: isMapped ? natural(of("align")) : undefined,
      usable: isMapped ? natural(of("size")) : undefined
    })
  }]
}

const region = (files: Files, name: string, namespaces: ReadonlyArray<string>, kmem: ReadonlySet<string>) => {
  const own = (attribute: string) => files.get(`${nd}/${name}/${attribute}`)?.trim()
  const size = natural(own("size"))
  if (size === undefined || size === 0) return []
  const mappings = natural(own("mappings"))
  const found = namespaces
    .flatMap((each) => configured(files, each, kmem.has(each.replace("namespace", "dax"))))
  const nstype = own("nstype")
  const device: MachineSpec.Device = {
    name,
    kind: mappings === undefined || mappings === 0 ? "legacy" : "pmem",
    size,
    ...(mappings === undefined || mappings === 0 ? {} : { ways: mappings }),
    ...(nstype === undefined ? {} : { labels: nstype === "5" }),
    ...(found.length === 0 ? {} : { configured: found }),
    ...defined({
      start: natural(own("resource")),
      node: integer(own("numa_node")),
      targetNode: integer(own("target_node")),
      align: natural(own("align")),
      available: natural(own("available_size"))
    })
  }
  return [device]
}

/** Attributes of devices by name, as records have them. */
type Attributes = Readonly<Record<string, Readonly<Record<string, string | number | bigint>>>>

/**
 * The attributes of a record as the files they were read from; what could not be read is left out.
 *
 * @category conversions
 * @since 0.1.0
 */
export const fromAttributes = (bus: "nd" | "dax", attributes: Attributes): Files => {
  const files = new Map<string, string>()
  for (const [device, values] of Object.entries(attributes)) {
    for (const [name, value] of Object.entries(values)) {
      const path = `sys/bus/${bus}/devices/${device}/${name}`
      if (name === "driver") files.set(`${path}/`, `../../../../bus/${bus}/drivers/${value}`)
      else if (value !== "!") files.set(path, String(value))
    }
  }
  return files
}

/**
 * The regions with their namespaces. An instance of device-dax whose driver is kmem is System RAM; what its memory blocks are is
 * said by the memory blocks.
 *
 * @category conversions
 * @since 0.1.0
 */
export const read = (files: Files): ReadonlyArray<MachineSpec.Device> => {
  const names = namesBelow(files, nd)
  const namespaces = Map.groupBy(
    names.filter((name) => /^namespace[0-9]+\.[0-9]+$/.test(name)),
    (name) => name.slice("namespace".length, name.indexOf("."))
  )
  const kmem = new Set(
    namesBelow(files, dax).filter((name) => files.get(`${dax}/${name}/driver/`)?.endsWith("/kmem") === true)
  )
  return names.filter((name) => /^region[0-9]+$/.test(name)).flatMap((name) =>
    region(files, name, namespaces.get(name.slice("region".length)) ?? [], kmem)
  )
}
