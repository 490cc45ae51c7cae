/**
 * Buses, DIMMs, regions and namespaces as JSON: the fields `ndctl list` and `create-namespace` print, in their order (OBS-21,
 * OBS-23).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Uuid from "../devices/Uuid.ts"
import * as HumanSize from "../geometry/HumanSize.ts"
import type * as SysfsTree from "../sysfs/SysfsTree.ts"
import * as DaxDeviceJson from "./DaxDeviceJson.ts"
import * as DaxTree from "./DaxTree.ts"
import type { Json, JsonObject } from "./JsonC.ts"
import * as NdctlSession from "./NdctlSession.ts"
import * as NdctlView from "./NdctlView.ts"

/**
 * What is shown: `human` units (`-u`), `verbose` fields (`-v`), the `dax` region of devdax namespaces (`-X`), `capabilities` (`-C`),
 * and `idle` dax devices (`-i`).
 *
 * @category models
 * @since 0.1.0
 */
export interface Flags {
  readonly human: boolean
  readonly verbose: boolean
  readonly dax: boolean
  readonly capabilities: boolean
  readonly idle: boolean
}

const size = (bytes: number, { human }: Flags): Json => {
  const text = HumanSize.format(bytes)
  return human && text !== String(bytes) ? text : bytes
}

/** `%#llx` for people, so 0 stays `0`. */
const word = (value: number | bigint, { human }: Flags): Json =>
  !human ? value : value === 0 || value === 0n ? "0" : `0x${value.toString(16)}`

const maybe = (text: string | undefined): string | undefined => text === "" ? undefined : text

/**
 * @category conversions
 * @since 0.1.0
 */
export const bus = ({ name, provider }: NdctlView.Bus): JsonObject => ({ provider, dev: name })

/** How sysfs calls the flags of a DIMM, in the tool's order. */
const dimmFlags = [
  ["map_fail", "flag_failed_map"],
  ["save_fail", "flag_failed_save"],
  ["not_armed", "flag_failed_arm"],
  ["restore_fail", "flag_failed_restore"],
  ["flush_fail", "flag_failed_flush"],
  ["smart_notify", "flag_smart_event"]
] as const

/**
 * @category conversions
 * @since 0.1.0
 */
export const dimm = (found: NdctlView.Dimm, flags: Flags): JsonObject => ({
  dev: found.name,
  id: found.uniqueId,
  handle: found.handle === undefined ? undefined : word(found.handle, flags),
  phys_id: found.physId === undefined ? undefined : word(found.physId, flags),
  state: found.enabled ? undefined : "disabled",
  ...Object.fromEntries(dimmFlags.flatMap(([flag, key]) => found.flags.includes(flag) ? [[key, true]] : [])),
  security: found.security
})

const domains: Readonly<Record<string, string>> = {
  cpu_cache: "cpu_cache",
  memory_controller: "memory_controller",
  none: "none"
}

/** What each mode can be configured with, as the seeds say; nothing while the region is disabled. */
const capabilities = Effect.fnUntraced(function*(
  tree: SysfsTree.SysfsTree["Service"],
  { seeds }: NdctlView.Region
) {
  const btt = yield* NdctlView.instance(tree, seeds.btt ?? "")
  const pfn = yield* NdctlView.instance(tree, seeds.pfn ?? "")
  const dax = yield* NdctlView.instance(tree, seeds.dax ?? "")
  return btt === undefined || pfn === undefined || dax === undefined ? undefined : [
    { mode: "sector", sector_sizes: btt.sectorSizes },
    { mode: "fsdax", alignments: pfn.aligns },
    { mode: "devdax", alignments: dax.aligns }
  ]
})

/**
 * A region without its namespaces. `mappings` are those to show: none unless DIMMs are listed too.
 *
 * @category conversions
 * @since 0.1.0
 */
export const region = Effect.fnUntraced(function*(
  tree: SysfsTree.SysfsTree["Service"],
  found: NdctlView.Region,
  mappings: ReadonlyArray<NdctlView.Mapping>,
  flags: Flags
): Effect.fn.Return<JsonObject> {
  return {
    dev: found.name,
    size: size(found.size, flags),
    align: found.align === undefined ? undefined : size(found.align, flags),
    available_size: size(found.availableSize, flags),
    max_available_extent: size(found.maxExtent, flags),
    type: "pmem",
    numa_node: flags.verbose ? found.node : undefined,
    target_node: flags.verbose ? found.targetNode : undefined,
    iset_id: found.labelled ? word(found.cookie, flags) : undefined,
    mappings: mappings.length === 0 ? undefined : mappings.map((mapping) => ({
      dimm: mapping.dimm,
      offset: word(mapping.offset, flags),
      length: word(mapping.length, flags),
      position: mapping.position
    })),
    state: found.enabled ? undefined : "disabled",
    capabilities: flags.capabilities ? yield* capabilities(tree, found) : undefined,
    persistence_domain: domains[found.persistence ?? ""] ?? "unknown"
  }
})

/** The dax region of a dax device: below it lie the char devices. Of one that is not enabled only its number is known. */
const daxRegion = Effect.fnUntraced(function*(
  session: NdctlSession.Session,
  dax: NdctlView.Instance,
  flags: Flags
): Effect.fn.Return<JsonObject> {
  const { tree } = session
  const found = yield* regionOf(tree, dax)
  if (found === undefined) return flags.dax ? { daxregion: { id: Number(/[0-9]+/.exec(dax.name)?.[0]) } } : {}
  if (!flags.dax) return { chardev: found.devices[0]?.name }
  const options = { human: flags.human, devices: true, idle: flags.idle }
  return {
    daxregion: yield* DaxDeviceJson.region(tree, found, options, (line) => NdctlSession.say(session, line))
  }
})

/**
 * The dax region whose devices lie below a dax device of the nd bus; `undefined` while that is not enabled.
 *
 * @category queries
 * @since 0.1.0
 */
export const regionOf = Effect.fnUntraced(function*(
  tree: SysfsTree.SysfsTree["Service"],
  dax: NdctlView.Instance
) {
  if (!dax.enabled) return undefined
  const [path, id] = DaxTree.places(tree).find(([path]) => path.endsWith(`/${dax.name}`)) ?? []
  return path === undefined || id === undefined ? undefined : yield* DaxTree.region(tree, path, id)
})

const sectorSize = ({ claim, sectorSize, sectorSizes }: NdctlView.Namespace): number =>
  claim?.kind === "btt" ? claim.sectorSize : sectorSize || (sectorSizes[0] ?? 512)

/** What depends on who holds the namespace. */
const held = Effect.fnUntraced(function*(
  session: NdctlSession.Session,
  found: NdctlView.Namespace,
  flags: Flags
): Effect.fn.Return<JsonObject> {
  const { claim } = found
  const labelled = found.type === "pmem"
  if (claim === null) {
    return {
      map: found.mode === "fsdax" ? "mem" : undefined,
      size: size(found.size, flags),
      uuid: labelled ? found.uuid : undefined,
      sector_size: sectorSize(found),
      blockdev: maybe(found.disk)
    }
  }
  const isDax = claim.kind === "dax"
  return {
    map: claim.kind === "btt" ? undefined : claim.map ?? "none",
    size: claim.size === undefined ? undefined : size(claim.size, flags),
    uuid: claim.uuid,
    raw_uuid: flags.verbose && labelled && found.uuid !== Uuid.zero ? found.uuid : undefined,
    ...(isDax ? yield* daxRegion(session, claim, flags) : { sector_size: sectorSize(found) }),
    align: claim.align || undefined,
    blockdev: isDax ? undefined : maybe(claim.disk)
  }
})

/**
 * A namespace.
 *
 * @category conversions
 * @since 0.1.0
 */
export const namespace = Effect.fnUntraced(function*(
  session: NdctlSession.Session,
  found: NdctlView.Namespace,
  flags: Flags
): Effect.fn.Return<JsonObject> {
  return {
    dev: found.name,
    mode: found.mode,
    ...(yield* held(session, found, flags)),
    state: found.active ? undefined : "disabled",
    name: maybe(found.altName),
    numa_node: flags.verbose ? found.node : undefined,
    target_node: flags.verbose ? found.targetNode : undefined
  }
})
