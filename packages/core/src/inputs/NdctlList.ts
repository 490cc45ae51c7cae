/**
 * Reads `ndctl list` JSON in all its shapes (27.1, OBS-21 … OBS-23): a bare region or namespace, arrays of them, objects
 * with `regions`, `namespaces` and `dimms`, arrays of buses, several outputs one after the other, plain or with `-u`.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import * as Check from "./Check.ts"
import * as Decoding from "./Decoding.ts"
import * as HumanAmount from "./HumanAmount.ts"
import type { InputError } from "./InputError.ts"
import * as JsonText from "./JsonText.ts"
import * as JsonTree from "./JsonTree.ts"
import * as NdctlNamespace from "./NdctlNamespace.ts"
import * as RawSize from "./RawSize.ts"

/**
 * A region. `iset_id` is 64 bits wide: exact decimal or hexadecimal text when a number could not hold it.
 *
 * @category models
 * @since 0.1.0
 */
export const Region = Schema.Struct({
  dev: Schema.String.check(Schema.isPattern(/^region[0-9]{1,9}$/, { expected: "regionX" })),
  size: HumanAmount.Amount,
  align: Schema.optionalKey(HumanAmount.Amount),
  available_size: Schema.optionalKey(HumanAmount.Amount),
  max_available_extent: Schema.optionalKey(HumanAmount.Amount),
  type: Schema.optionalKey(Schema.String),
  resource: Schema.optionalKey(HumanAmount.Amount),
  numa_node: Schema.optionalKey(Schema.Int),
  target_node: Schema.optionalKey(Schema.Int),
  iset_id: Schema.optionalKey(Schema.Union([Schema.Natural, Schema.String])),
  mappings: Schema.optionalKey(Schema.Array(Schema.Struct({ length: Schema.optionalKey(HumanAmount.Amount) }))),
  capabilities: Schema.optionalKey(Schema.Unknown),
  state: Schema.optionalKey(Schema.String)
})
/** @since 0.1.0 */
export interface Region extends Schema.Schema.Type<typeof Region> {}

const remedy = "expected JSON as 'ndctl list' prints it"
const decodeRegion = Decoding.make(Region, { remedy })
const decodeNamespace = Decoding.make(NdctlNamespace.NdctlNamespace, { remedy })

type Namespaces = ReadonlyArray<NdctlNamespace.NdctlNamespace>

/**
 * What kind of device a region is.
 *
 * The bus provider decides where it is printed (`-vvv`): `e820` is legacy, `virtio-pmem` is virtio-pmem, everything else
 * (`ACPI.NFIT`, CXL) is pmem. Without it: mappings or an interleave set exist only for pmem; a namespace in mode raw only
 * where regions do not map themselves, hence pmem as well (21.9). What remains is native memory: virtio-pmem when a verbose
 * list prints `target_node` without `numa_node` (OBS-13), else legacy.
 *
 * @category queries
 * @since 0.1.0
 */
export const kindOf = (
  region: Region,
  namespaces: Namespaces,
  provider: string | undefined
): MachineSpec.DeviceKind => {
  if (provider !== undefined) {
    return provider === "e820" ? "legacy" : provider.startsWith("virtio") ? "virtio-pmem" : "pmem"
  }
  if (region.mappings !== undefined || region.iset_id !== undefined) return "pmem"
  if (namespaces.some((namespace) => namespace.mode === "raw" && namespace.state !== "disabled")) return "pmem"
  return region.target_node !== undefined && region.numa_node === undefined ? "virtio-pmem" : "legacy"
}

/** An interleave set id is printed only for regions with labels (OBS-17). */
const labelsOf = (region: Region, namespaces: Namespaces, kind: MachineSpec.DeviceKind): boolean | undefined =>
  kind !== "pmem"
    ? false
    : region.iset_id !== undefined || namespaces.some(NdctlNamespace.hasLabel)
    ? true
    : region.mappings === undefined
    ? undefined
    : false

/** The mappings of a human list are hexadecimal, hence exact, where its sizes are rounded (OBS-23). */
const sizeOf = (region: Region): HumanAmount.Size => {
  const lengths = (region.mappings ?? []).flatMap(({ length }) => length === undefined ? [] : [length])
  const sum = lengths.reduce((total, length) => total + length.least, 0)
  return lengths.length > 0 && lengths.length === region.mappings?.length &&
      lengths.every(({ least, most }) => least === most) && sum >= region.size.least && sum <= region.size.most
    ? { bytes: sum, exact: true }
    : HumanAmount.resolve(region.size, 4096)
}

const toDevice = (
  region: Region,
  namespaces: Namespaces,
  provider: string | undefined
): MachineSpec.Device => {
  const kind = kindOf(region, namespaces, provider)
  const labels = labelsOf(region, namespaces, kind)
  const ways = region.mappings?.length ?? 0
  const align = region.align === undefined ? undefined : HumanAmount.powerOfTwo(region.align, Math.max(ways, 1))
  const size = sizeOf(region)
  const granule = Math.max(align ?? 4096, 4096)
  const available = region.available_size && HumanAmount.resolve(region.available_size, granule)
  const maxExtent = region.max_available_extent && HumanAmount.resolve(region.max_available_extent, granule)
  const exact = [size, available, maxExtent].every((amount) => amount?.exact !== false)
  // without labels the only namespace is the region itself, byte for byte
  const settle = (configured: MachineSpec.Configured): MachineSpec.Configured => {
    const { approximate, ...rest } = configured
    return approximate === true && labels === false && size.exact && rest.size !== undefined
      ? { ...rest, size: size.bytes, usable: size.bytes }
      : configured
  }
  return {
    name: region.dev,
    kind,
    ...(region.resource === undefined ? {} : { start: region.resource.least }),
    size: size.bytes,
    ...(region.numa_node === undefined ? {} : { node: region.numa_node }),
    ...(region.target_node === undefined ? {} : { targetNode: region.target_node }),
    ...(align === undefined ? {} : { align }),
    ...(ways === 0 ? {} : { ways }),
    ...(labels === undefined ? {} : { labels }),
    ...(available === undefined ? {} : { available: available.bytes }),
    ...(maxExtent === undefined ? {} : { maxExtent: maxExtent.bytes }),
    ...(region.iset_id === undefined ? {} : { isetId: String(region.iset_id) }),
    ...(exact ? {} : { approximate: true }),
    ...(region.state === "disabled" ? { disabled: true } : {}),
    ...(namespaces.length === 0 ? {} : {
      configured: namespaces.flatMap((namespace) => {
        const configured = NdctlNamespace.configured(namespace, labels === true ? granule : 4096)
        return configured === undefined ? [] : [settle(configured)]
      })
    })
  }
}

/** A namespace listed without its region: a device of its own, if its raw size is known. */
const toLoneDevice = (
  place: Decoding.Place,
  namespace: NdctlNamespace.NdctlNamespace
): Result.Result<ReadonlyArray<MachineSpec.Device>, InputError> => {
  const configured = NdctlNamespace.configured(namespace, 4096)
  if (configured === undefined) return Result.succeed([])
  const size = configured.size ?? RawSize.infer(configured)
  if (size === undefined) {
    return Decoding.failAt(
      place,
      `${namespace.dev} is listed without its region, and no raw size gives its ${
        String(configured.usable)
      } usable bytes`,
      "list regions and namespaces together: ndctl list -RN"
    )
  }
  const kind: MachineSpec.DeviceKind = NdctlNamespace.isNative(namespace) ? "legacy" : "pmem"
  return Result.succeed([{
    name: namespace.dev,
    kind,
    ...(configured.start === undefined ? {} : { start: configured.start }),
    size,
    ...(namespace.numa_node === undefined ? {} : { node: namespace.numa_node }),
    ...(namespace.target_node === undefined ? {} : { targetNode: namespace.target_node }),
    ...(configured.approximate === true || configured.size === undefined ? { approximate: true } : {}),
    configured: [{ ...configured, size }]
  }])
}

interface Listed {
  readonly region: Region
  readonly provider: string | undefined
  readonly namespaces: Array<NdctlNamespace.NdctlNamespace>
  /** Of the namespaces of earlier entries for the region. */
  readonly names: Set<string>
}

interface Loose {
  readonly place: Decoding.Place
  readonly namespace: NdctlNamespace.NdctlNamespace
}

interface Found {
  readonly regions: Map<string, Listed>
  readonly loose: Array<Loose>
}

const collect = (
  found: Found,
  place: Decoding.Place,
  value: unknown,
  provider: string | undefined
): Result.Result<void, InputError> =>
  Result.gen(function*() {
    const listed = new Set<string>()
    for (const [at, entry] of JsonTree.elements(place, value)) {
      if (!JsonTree.isRecord(entry)) {
        return yield* Decoding.failAt(
          at,
          `expected a region, a namespace or a bus, got ${JsonTree.kind(entry)}`,
          remedy
        )
      }
      const dev = typeof entry["dev"] === "string" ? entry["dev"] : ""
      if (dev !== "" && listed.has(dev)) {
        return yield* Decoding.failAt(at, `${dev} is listed twice`, "give one list per machine")
      }
      listed.add(dev)
      if (dev.startsWith("region")) {
        yield* collectRegion(found, at, entry, provider)
      } else if (dev.startsWith("namespace")) {
        found.loose.push({ place: at, namespace: yield* decodeNamespace(at, entry) })
      } else {
        const bus = typeof entry["provider"] === "string" ? entry["provider"] : provider
        for (const key of ["regions", "namespaces"]) {
          if (entry[key] !== undefined) yield* collect(found, Decoding.inside(at, key), entry[key], bus)
        }
        if (dev === "" && !["regions", "namespaces", "dimms", "buses"].some((key) => key in entry)) {
          return yield* Decoding.failAt(at, "is no region, namespace, DIMM or bus", remedy)
        }
      }
    }
  })

const collectRegion = (
  found: Found,
  place: Decoding.Place,
  entry: Record<string, unknown>,
  provider: string | undefined
): Result.Result<void, InputError> =>
  Result.gen(function*() {
    const region = yield* decodeRegion(place, entry)
    const known = found.regions.get(region.dev)
    if (known !== undefined && known.region.size.least !== region.size.least) {
      return yield* Decoding.failAt(
        place,
        `${region.dev} is listed twice with different sizes`,
        "give one list per machine"
      )
    }
    const names = known?.names ?? new Set<string>()
    const namespaces = known?.namespaces ?? []
    const before = namespaces.length
    for (const [at, inner] of JsonTree.elements(Decoding.inside(place, "namespaces"), entry["namespaces"] ?? [])) {
      const namespace = yield* decodeNamespace(at, inner)
      if (!names.has(namespace.dev)) namespaces.push(namespace)
    }
    for (let index = before; index < namespaces.length; index++) names.add(namespaces[index]?.dev ?? "")
    found.regions.set(region.dev, { region, provider: provider ?? known?.provider, namespaces, names })
  })

/** Namespaces listed beside their region join it; those listed in both places are counted once. */
const attach = (found: Found): ReadonlyArray<Loose> =>
  found.loose.filter(({ namespace }) => {
    const owner = found.regions.get(`region${NdctlNamespace.regionId(namespace)}`)
    if (owner !== undefined && !owner.names.has(namespace.dev)) {
      owner.namespaces.push(namespace)
      owner.names.add(namespace.dev)
    }
    return owner === undefined
  })

/**
 * The devices of parsed documents.
 *
 * @category parsing
 * @since 0.1.0
 */
export const fromDocuments = (
  source: string,
  documents: ReadonlyArray<unknown>
): Result.Result<MachineSpec.MachineSpec, InputError> =>
  Result.gen(function*() {
    const found: Found = { regions: new Map(), loose: [] }
    for (const [place, document] of JsonTree.documents(source, documents)) {
      yield* collect(found, place, document, undefined)
    }
    const lone = attach(found)
    const devices = [...found.regions.values()]
      .filter(({ region }) => region.type !== "blk")
      .map(({ namespaces, provider, region }) => toDevice(region, namespaces, provider))
    for (const { namespace, place } of lone) devices.push(...(yield* toLoneDevice(place, namespace)))
    return yield* Check.machine(source, { devices })
  })

/**
 * Reads the text of one or several `ndctl list` calls.
 *
 * Order of devices and namespaces is the tool's (OBS-20). Regions of the old `blk` type are left out: they hold no mappable
 * memory. Namespaces without their region become devices of their own, of the raw size that is printed (raw, native fsdax)
 * or that their usable bytes imply ({@link RawSize.infer}, marked approximate).
 *
 * @category parsing
 * @since 0.1.0
 */
export const read = (source: string, text: string): Result.Result<MachineSpec.MachineSpec, InputError> =>
  Result.flatMap(JsonText.parseDocuments(source, text), (documents) => fromDocuments(source, documents))
