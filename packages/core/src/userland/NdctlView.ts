/**
 * Buses, DIMMs, regions, namespaces and what claims them, as libndctl reads them from sysfs (OBS-13, OBS-14, OBS-20).
 *
 * Everything is read anew each time: commands change it under way.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Namespaces from "../devices/Namespace.ts"
import * as Uuid from "../devices/Uuid.ts"
import * as SysfsTree from "../sysfs/SysfsTree.ts"
import * as DaxTree from "./DaxTree.ts"
import * as NameHash from "./NameHash.ts"

type Tree = SysfsTree.SysfsTree["Service"]

/** @since 0.1.0 */
export interface Bus {
  readonly name: string
  readonly id: number
  readonly provider: string
}

/**
 * `flags` as sysfs has them, such as `not_armed`; `active`: a region on it is enabled;
 * `labelArea`: it takes commands that write labels.
 *
 * @category models
 * @since 0.1.0
 */
export interface Dimm {
  readonly name: string
  readonly id: number
  readonly bus: string
  readonly uniqueId: string | undefined
  readonly handle: number | undefined
  readonly physId: number | undefined
  readonly flags: ReadonlyArray<string>
  readonly security: string | undefined
  readonly labelArea: boolean
  readonly enabled: boolean
  readonly active: boolean
}

/**
 * A btt, pfn or dax device. Bytes; `size` is absent while it cannot be read, `sectorSize` is 0 when none is selected.
 *
 * @category models
 * @since 0.1.0
 */
export interface Instance {
  readonly kind: "btt" | "pfn" | "dax"
  readonly name: string
  readonly map: "mem" | "dev" | undefined
  readonly align: number | undefined
  readonly aligns: ReadonlyArray<number>
  readonly size: number | undefined
  readonly uuid: string
  readonly sectorSize: number
  readonly sectorSizes: ReadonlyArray<number>
  readonly enabled: boolean
  readonly disk: string | undefined
}

/**
 * A namespace. `type` `io` is label-less. Bytes; `start` is absent while it has no capacity. `active`: it, or what claims
 * it, has a driver. `claim` is the device that holds it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Namespace {
  readonly name: string
  readonly id: number
  readonly type: "io" | "pmem"
  readonly size: number
  readonly start: number | undefined
  readonly mode: Namespaces.Mode
  readonly uuid: string
  readonly altName: string
  readonly sectorSize: number
  readonly sectorSizes: ReadonlyArray<number>
  readonly node: number | undefined
  readonly targetNode: number | undefined
  readonly enabled: boolean
  readonly active: boolean
  readonly disk: string | undefined
  readonly claim: Instance | null
}

/** @since 0.1.0 */
export interface Mapping {
  readonly dimm: string
  readonly offset: number
  readonly length: number
  readonly position: number
}

/**
 * A region. `labelled`: its namespaces are label-backed. Seeds are names, absent while the region is disabled. `mappings` are
 * in the order the library lists them, the last first.
 *
 * @category models
 * @since 0.1.0
 */
export interface Region {
  readonly name: string
  readonly id: number
  readonly bus: string
  readonly size: number
  readonly align: number | undefined
  readonly start: number | undefined
  readonly labelled: boolean
  readonly availableSize: number
  readonly maxExtent: number
  readonly readOnly: boolean
  readonly enabled: boolean
  readonly node: number | undefined
  readonly targetNode: number | undefined
  readonly cookie: bigint
  readonly persistence: string | undefined
  readonly mappings: ReadonlyArray<Mapping>
  readonly seeds: Readonly<Record<"namespace" | "btt" | "pfn" | "dax", string | undefined>>
  readonly namespaces: ReadonlyArray<Namespace>
}

/**
 * Where the devices are.
 *
 * @category constants
 * @since 0.1.0
 */
export const folder = "/sys/bus/nd/devices"

/** `nmem0,0,4294967296,0`: a DIMM, the offset and length of its part, its place in the set. */
const mappingForm = /^(nmem[0-9]{1,9}),([0-9]{1,16}),([0-9]{1,16}),([0-9]{1,9})$/

/** Most DIMMs of one interleave set that are looked at. */
const mostMappings = 64

const text = (tree: Tree, path: string): Effect.Effect<string | undefined> =>
  SysfsTree.read(tree, path).pipe(Effect.map((all) => all.trimEnd()), Effect.orElseSucceed(() => undefined))

/** The attributes of one device, whose directory is looked up once. */
const reader = (tree: Tree, name: string) => {
  const found = SysfsTree.lookup(tree, `${folder}/${name}`)
  const own: Tree = { root: found?._tag === "Directory" ? found : SysfsTree.directory({}) }
  const has = (attribute: string) => own.root.entry(attribute) !== undefined
  return {
    isThere: found !== undefined,
    text: (attribute: string) => has(attribute) ? text(own, attribute) : Effect.undefined,
    number: (attribute: string) => has(attribute) ? DaxTree.number(own, attribute) : Effect.undefined,
    list: (directory: string) => SysfsTree.list(own, directory)
  }
}

/**
 * Whether a driver has a device.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isEnabled = (tree: Tree, name: string): boolean =>
  SysfsTree.list(tree, `${folder}/${name}`).includes("driver")

/** `512 [4096]`: a list, and the one selected. */
const choices = (list: string | undefined) => {
  const words = (list ?? "").split(" ").filter((word) => /^\[?[0-9]{1,15}\]?$/.test(word))
  const value = (word: string) => Number(word.replaceAll(/[[\]]/g, ""))
  return { all: words.map(value), selected: value(words.find((word) => word.startsWith("[")) ?? "0") }
}

const uuid = (written: string | undefined): string =>
  written !== undefined && Uuid.isUuid(written) ? written.toLowerCase() : Uuid.zero

const idOf = (name: string): number => Number(/([0-9]{1,9})$/.exec(name)?.[1] ?? 0)

const names = (tree: Tree, form: RegExp, under = folder): ReadonlyArray<string> =>
  NameHash.order(SysfsTree.list(tree, under).filter((name) => form.test(name)))

/**
 * The btt, pfn or dax device of a name; `undefined` when it is gone.
 *
 * @category queries
 * @since 0.1.0
 */
export const instance = Effect.fnUntraced(function*(
  tree: Tree,
  name: string
): Effect.fn.Return<Instance | undefined> {
  const kind = (["btt", "pfn", "dax"] as const).find((candidate) => name.startsWith(candidate))
  const own = reader(tree, name)
  if (kind === undefined || !own.isThere) return undefined
  const mode = yield* own.text("mode")
  const sectors = choices(yield* own.text("sector_size"))
  return {
    kind,
    name,
    map: mode === "ram" ? "mem" : mode === "pmem" ? "dev" : undefined,
    align: yield* own.number("align"),
    aligns: choices(yield* own.text("supported_alignments")).all,
    size: yield* own.number("size"),
    uuid: uuid(yield* own.text("uuid")),
    sectorSize: sectors.selected,
    sectorSizes: sectors.all,
    enabled: own.list("").includes("driver"),
    disk: own.list("block")[0]
  }
})

const modes: Readonly<Record<string, Namespaces.Mode>> = {
  raw: "raw",
  safe: "sector",
  memory: "fsdax",
  dax: "devdax"
}

/**
 * The namespace of a name; `undefined` when it is gone.
 *
 * @category queries
 * @since 0.1.0
 */
export const namespace = Effect.fnUntraced(function*(
  tree: Tree,
  name: string
): Effect.fn.Return<Namespace | undefined> {
  const own = reader(tree, name)
  if (!/^namespace[0-9]+\.[0-9]+$/.test(name) || !own.isThere) return undefined
  const claim = (yield* instance(tree, (yield* own.text("holder")) ?? "")) ?? null
  const sectors = choices(yield* own.text("sector_size"))
  const enabled = own.list("").includes("driver")
  return {
    name,
    id: idOf(name),
    type: (yield* own.number("nstype")) === 5 ? "pmem" : "io",
    size: (yield* own.number("size")) ?? 0,
    start: yield* own.number("resource"),
    mode: modes[(yield* own.text("mode")) ?? ""] ?? "raw",
    uuid: uuid(yield* own.text("uuid")),
    altName: (yield* own.text("alt_name")) ?? "",
    sectorSize: sectors.selected,
    sectorSizes: sectors.all,
    node: yield* own.number("numa_node"),
    targetNode: yield* own.number("target_node"),
    enabled,
    active: claim === null ? enabled : claim.enabled,
    disk: own.list("block")[0],
    claim
  }
})

/**
 * The region of a name, on a bus.
 *
 * @category queries
 * @since 0.1.0
 */
export const region = Effect.fnUntraced(function*(
  tree: Tree,
  name: string,
  bus: string
): Effect.fn.Return<Region> {
  const own = reader(tree, name)
  const id = idOf(name)
  const labelled = (yield* own.number("nstype")) === 5
  const mappings: Array<Mapping> = []
  const count = Math.min((yield* own.number("mappings")) ?? 0, mostMappings)
  for (let i = 0; i < count; i++) {
    const [, dimm, ...numbers] = mappingForm.exec((yield* own.text(`mapping${i}`)) ?? "") ?? []
    const [offset = 0, length = 0, position = 0] = numbers.map(Number)
    if (dimm !== undefined) mappings.unshift({ dimm, offset, length, position })
  }
  const seed = (kind: string) => Effect.map(own.text(`${kind}_seed`), (found) => found === "" ? undefined : found)
  const found = yield* Effect.forEach(
    names(tree, /^namespace[0-9]{1,9}\.[0-9]{1,9}$/).filter((other) => other.startsWith(`namespace${id}.`)),
    (other) => namespace(tree, other)
  )
  return {
    name,
    id,
    bus,
    size: (yield* own.number("size")) ?? 0,
    align: yield* own.number("align"),
    start: yield* own.number("resource"),
    labelled,
    availableSize: labelled ? (yield* own.number("available_size")) ?? 0 : 0,
    maxExtent: labelled ? (yield* own.number("max_available_extent")) ?? 0 : 0,
    readOnly: (yield* own.number("read_only")) === 1,
    enabled: isEnabled(tree, name),
    node: yield* own.number("numa_node"),
    targetNode: yield* own.number("target_node"),
    cookie: bigint(yield* own.text("set_cookie")),
    persistence: yield* own.text("persistence_domain"),
    mappings,
    seeds: {
      namespace: yield* seed("namespace"),
      btt: yield* seed("btt"),
      pfn: yield* seed("pfn"),
      dax: yield* seed("dax")
    },
    namespaces: found.flatMap((other) => other ?? [])
  }
})

const bigint = (written: string | undefined): bigint =>
  written !== undefined && /^0x[0-9a-f]{1,16}$/i.test(written) ? BigInt(written) : 0n

/**
 * All buses, in listing order: that of their control devices, `ndctl0`, `ndctl1`, in `/sys/class/nd`.
 *
 * @category queries
 * @since 0.1.0
 */
export const buses = (tree: Tree): Effect.Effect<ReadonlyArray<Bus>> =>
  Effect.forEach(
    NameHash.orderBy(
      SysfsTree.list(tree, folder).filter((name) => /^ndbus[0-9]{1,9}$/.test(name)),
      (name) => `ndctl${idOf(name)}`
    ),
    (name) =>
      Effect.map(text(tree, `${folder}/${name}/provider`), (provider) => ({
        name,
        id: idOf(name),
        provider: provider ?? ""
      }))
  )

/**
 * The DIMMs of a bus, in listing order.
 *
 * @category queries
 * @since 0.1.0
 */
export const dimms = (tree: Tree, bus: string): Effect.Effect<ReadonlyArray<Dimm>> =>
  Effect.forEach(
    names(tree, /^nmem[0-9]{1,9}$/, `${folder}/${bus}`),
    Effect.fnUntraced(function*(name: string) {
      const own = reader(tree, name)
      // what only firmware knows is in a directory of its own
      const firmware = SysfsTree.list(tree, `${folder}/${name}`).includes("nfit") ? reader(tree, `${name}/nfit`) : own
      return {
        name,
        id: idOf(name),
        bus,
        uniqueId: yield* firmware.text("id"),
        handle: yield* firmware.number("handle"),
        physId: yield* firmware.number("phys_id"),
        flags: ((yield* firmware.text("flags")) ?? "").split(" ").filter((flag) => flag !== ""),
        security: yield* own.text("security"),
        labelArea: (yield* own.text("commands"))?.includes("set_data") === true,
        enabled: isEnabled(tree, name),
        active: (yield* own.text("state")) === "active"
      }
    })
  )

/**
 * The regions of a bus, in listing order.
 *
 * @category queries
 * @since 0.1.0
 */
export const regions = (tree: Tree, bus: string): Effect.Effect<ReadonlyArray<Region>> =>
  Effect.forEach(
    names(tree, /^region[0-9]{1,9}$/, `${folder}/${bus}`),
    (name) => region(tree, name, bus)
  )

/**
 * The page size of the machine: the least alignment of any pfn seed, 4 KiB where there is none.
 *
 * @category queries
 * @since 0.1.0
 */
export const pageSize = Effect.fnUntraced(function*(tree: Tree): Effect.fn.Return<number> {
  const [seed] = names(tree, /^pfn[0-9]{1,9}\.[0-9]{1,9}$/)
  const found = seed === undefined ? undefined : yield* instance(tree, seed)
  return Math.min(...(found === undefined || found.aligns.length === 0 ? [4096] : found.aligns))
})
