/**
 * Reads `cxl list` JSON: regions and root decoders wherever they are nested (`buses`, `ports`, `decoders:root0`, `regions:…`),
 * plain or with `-u` (27.1).
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { MiB } from "../geometry/Units.ts"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import * as Check from "./Check.ts"
import * as DaxctlList from "./DaxctlList.ts"
import * as DaxRegion from "./DaxRegion.ts"
import * as Decoding from "./Decoding.ts"
import * as HumanAmount from "./HumanAmount.ts"
import type { InputError } from "./InputError.ts"
import * as JsonText from "./JsonText.ts"
import * as JsonTree from "./JsonTree.ts"

/**
 * A CXL region. `resource` is absent until the region is committed.
 *
 * @category models
 * @since 0.1.0
 */
export const Region = Schema.Struct({
  region: Schema.NonEmptyString,
  size: HumanAmount.Amount,
  type: Schema.Literals(["ram", "pmem"]),
  resource: Schema.optionalKey(HumanAmount.Amount),
  interleave_ways: Schema.optionalKey(Schema.Natural),
  numa_node: Schema.optionalKey(Schema.Int),
  state: Schema.optionalKey(Schema.String),
  daxregion: Schema.optionalKey(DaxRegion.DaxRegion)
})
/** @since 0.1.0 */
export interface Region extends Schema.Schema.Type<typeof Region> {}

/**
 * A root decoder: a fixed window of the host's address map.
 *
 * @category models
 * @since 0.1.0
 */
export const RootDecoder = Schema.Struct({
  decoder: Schema.NonEmptyString,
  resource: Schema.optionalKey(HumanAmount.Amount),
  size: Schema.optionalKey(HumanAmount.Amount)
})
/** @since 0.1.0 */
export interface RootDecoder extends Schema.Schema.Type<typeof RootDecoder> {}

const remedy = "expected JSON as 'cxl list' prints it"
const decodeRegion = Decoding.make(Region, { remedy })
const decodeDecoder = Decoding.make(RootDecoder, { remedy })

/** Only root decoders state what they are capable of and how much of them is free; others decode inside a root's window. */
const isRoot = (decoder: Record<string, unknown>): boolean =>
  ["pmem_capable", "volatile_capable", "accelmem_capable", "max_available_extent"].some((key) => key in decoder)

/** Regions are multiples of 256 MiB times the ways, windows of 256 MiB; sizes that are not stay exact as numbers. */
const granule = 256 * MiB

const toDevice = (region: Region): ReadonlyArray<MachineSpec.Device> => {
  const size = HumanAmount.resolve(region.size, granule)
  if (size.bytes === 0) return []
  const dax = region.daxregion === undefined ? undefined : DaxctlList.fromRegion(region.daxregion)
  return [{
    name: region.region,
    kind: region.type === "ram" ? "dax" : "pmem",
    ...(region.resource === undefined ? {} : { start: region.resource.least }),
    size: size.bytes,
    ...(region.numa_node === undefined ? {} : { node: region.numa_node }),
    ...(dax?.targetNode === undefined ? {} : { targetNode: dax.targetNode }),
    ...(dax?.align === undefined ? {} : { align: dax.align }),
    ...(region.interleave_ways === undefined ? {} : { ways: region.interleave_ways }),
    ...(dax?.available === undefined ? {} : { available: dax.available }),
    ...(size.exact ? {} : { approximate: true }),
    ...(region.state === "disabled" ? { disabled: true } : {}),
    ...(dax?.configured === undefined ? {} : { configured: dax.configured })
  }]
}

const toRange = (decoder: RootDecoder): ReadonlyArray<MachineSpec.Range> => {
  const size = decoder.size === undefined ? 0 : HumanAmount.resolve(decoder.size, granule).bytes
  return decoder.resource === undefined || size === 0
    ? []
    : [{ start: decoder.resource.least, size, kind: "cxl-window", name: decoder.decoder }]
}

interface Found {
  readonly devices: Map<string, MachineSpec.Device>
  readonly ranges: Map<string, MachineSpec.Range>
}

/** The same region or decoder is printed under every object that leads to it. */
const collect = (found: Found, place: Decoding.Place, value: unknown): Result.Result<void, InputError> =>
  Result.gen(function*() {
    for (const [at, entry] of JsonTree.elements(place, value)) {
      if (!JsonTree.isRecord(entry)) continue
      if ("region" in entry && "size" in entry) {
        for (const device of toDevice(yield* decodeRegion(at, entry))) {
          if (!found.devices.has(device.name)) found.devices.set(device.name, device)
        }
      }
      if ("decoder" in entry && isRoot(entry)) {
        for (const range of toRange(yield* decodeDecoder(at, entry))) found.ranges.set(range.name ?? "", range)
      }
      for (const [key, inner] of Object.entries(entry)) {
        if (typeof inner === "object" && inner !== null && key !== "daxregion") {
          yield* collect(found, Decoding.inside(at, key), inner)
        }
      }
    }
  })

/**
 * The devices and windows of parsed documents.
 *
 * @category parsing
 * @since 0.1.0
 */
export const fromDocuments = (
  source: string,
  documents: ReadonlyArray<unknown>
): Result.Result<MachineSpec.MachineSpec, InputError> =>
  Result.gen(function*() {
    const found: Found = { devices: new Map(), ranges: new Map() }
    for (const [place, document] of JsonTree.documents(source, documents)) {
      if (typeof document !== "object" || document === null) {
        return yield* Decoding.failAt(place, `expected objects or arrays, got ${JsonTree.kind(document)}`, remedy)
      }
      yield* collect(found, place, document)
    }
    return yield* Check.machine(source, {
      ...(found.ranges.size === 0 ? {} : { ranges: [...found.ranges.values()] }),
      devices: [...found.devices.values()]
    })
  })

/**
 * Reads the text of one or several `cxl list` calls: volatile regions become devices of kind `dax`, persistent ones of kind
 * `pmem` with their interleave ways, root decoders become ranges of kind `cxl-window`.
 *
 * @category parsing
 * @since 0.1.0
 */
export const read = (source: string, text: string): Result.Result<MachineSpec.MachineSpec, InputError> =>
  Result.flatMap(JsonText.parseDocuments(source, text), (documents) => fromDocuments(source, documents))
