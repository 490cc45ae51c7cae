/**
 * Reads `daxctl list` JSON: instances alone, or regions with `devices` (`-R`, `-DR`), mappings with `-M`, plain or with `-u`
 * (27.1, 24.3).
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import { subsectionSize } from "../geometry/Architecture.ts"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import * as Check from "./Check.ts"
import * as DaxRegion from "./DaxRegion.ts"
import * as Decoding from "./Decoding.ts"
import * as HumanAmount from "./HumanAmount.ts"
import type { InputError } from "./InputError.ts"
import * as JsonText from "./JsonText.ts"
import * as JsonTree from "./JsonTree.ts"

const remedy = "expected JSON as 'daxctl list' prints it"
const decodeRegion = Decoding.make(DaxRegion.DaxRegion, { remedy })
const decodeInstance = Decoding.make(DaxRegion.Instance, { remedy })

/** The start of a region is printed nowhere, but follows when its instances cover it without a gap. */
const startOf = (region: DaxRegion.DaxRegion, size: number): number | undefined => {
  const parts = (region.devices ?? []).flatMap(DaxRegion.pieces).toSorted((a, b) => a.start - b.start)
  const first = parts[0]
  const last = parts.at(-1)
  const covered = parts.reduce((total, part) => total + part.size, 0)
  return first !== undefined && last !== undefined && covered === size && last.start + last.size - first.start === size
    ? first.start
    : undefined
}

const targetOf = (instances: ReadonlyArray<DaxRegion.Instance>): Pick<MachineSpec.Device, "targetNode"> => {
  const targetNode = instances.find(({ target_node }) => target_node !== undefined)?.target_node
  return targetNode === undefined ? {} : { targetNode }
}

/**
 * A dynamic dax region as a device named like the last component of its path, or `dax_regionN`. Without a size: what its
 * instances add up to, marked approximate.
 *
 * @category conversions
 * @since 0.1.0
 */
export const fromRegion = (region: DaxRegion.DaxRegion): MachineSpec.Device => {
  const configured = (region.devices ?? []).flatMap((instance) => DaxRegion.configured(instance) ?? [])
  const size = region.size === undefined
    ? { bytes: configured.reduce((total, { size }) => total + (size ?? 0), 0), exact: false }
    : HumanAmount.resolve(region.size, subsectionSize)
  const available = region.available_size && HumanAmount.resolve(region.available_size, subsectionSize)
  const start = size.exact ? startOf(region, size.bytes) : undefined
  return {
    name: region.path?.split("/").findLast((part) => part !== "") ?? `dax_region${region.id}`,
    kind: "dax",
    ...(start === undefined ? {} : { start }),
    size: size.bytes,
    ...targetOf(region.devices ?? []),
    ...(region.align === undefined ? {} : { align: HumanAmount.powerOfTwo(region.align, 1) }),
    ...(available === undefined ? {} : { available: available.bytes }),
    ...(size.exact && available?.exact !== false ? {} : { approximate: true }),
    ...(region.devices === undefined ? {} : { configured })
  }
}

const fromInstance = (instance: DaxRegion.Instance): ReadonlyArray<MachineSpec.Device> => {
  const configured = DaxRegion.configured(instance)
  if (configured?.size === undefined) return []
  return [{
    name: instance.chardev,
    kind: "dax",
    ...(configured.start === undefined ? {} : { start: configured.start }),
    size: configured.size,
    ...targetOf([instance]),
    ...(configured.approximate === true ? { approximate: true } : {}),
    configured: [configured]
  }]
}

const collect = (
  devices: Array<MachineSpec.Device>,
  place: Decoding.Place,
  value: unknown
): Result.Result<void, InputError> =>
  Result.gen(function*() {
    for (const [at, entry] of JsonTree.elements(place, value)) {
      if (JsonTree.isRecord(entry) && "chardev" in entry) {
        devices.push(...fromInstance(yield* decodeInstance(at, entry)))
        continue
      }
      const region = yield* decodeRegion(at, entry)
      if (DaxRegion.isOfNamespace(region)) {
        devices.push(...(region.devices ?? []).flatMap(fromInstance))
        continue
      }
      devices.push(fromRegion(region))
    }
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
    const devices: Array<MachineSpec.Device> = []
    for (const [place, document] of JsonTree.documents(source, documents)) {
      yield* collect(devices, place, document)
    }
    return yield* Check.machine(source, { devices: devices.filter(({ size }) => size > 0) })
  })

/**
 * Reads the text of one or several `daxctl list` calls.
 *
 * Listed with `-R`, a dax region is one device and its instances are configured in it; without, each instance is a device
 * of its own, for the region's size is unknown. So is the instance of a libnvdimm namespace: what it shows is what the info
 * block left over, and joined with `ndctl list -RN` it becomes part of its region.
 *
 * @category parsing
 * @since 0.1.0
 */
export const read = (source: string, text: string): Result.Result<MachineSpec.MachineSpec, InputError> =>
  Result.flatMap(JsonText.parseDocuments(source, text), (documents) => fromDocuments(source, documents))
