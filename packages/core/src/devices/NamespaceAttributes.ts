/**
 * Writes to the attributes of a namespace, with the kernel's checks in its order (21.2, 21.6, 21.7).
 *
 * A refused write changes nothing.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as KernelError from "../kernel/KernelError.ts"
import * as Labels from "./Labels.ts"
import * as Namespaces from "./Namespace.ts"
import type * as NamespaceClaim from "./NamespaceClaim.ts"
import { devices, type Namespace, type Region } from "./NvdimmState.ts"
import * as Seeds from "./Seeds.ts"
import * as SysfsText from "./SysfsText.ts"

type Answer = Result.Result<void, KernelError.KernelError>

const ok: Answer = Result.succeed(undefined)

/**
 * Sector sizes a labelled namespace offers.
 *
 * @category constants
 * @since 0.1.0
 */
export const sectorSizes: ReadonlyArray<number> = [512, 4096]

/** NSLABEL_NAME_LEN */
const nameLength = 64

const busy = (namespace: Namespace): Answer =>
  namespace.bound === null && namespace.claim === null ? ok : KernelError.fail({
    errno: "EBUSY",
    rule: "21.2",
    problem: `${namespace.name} is ${namespace.claim === null ? "bound" : `claimed by ${namespace.claim.name}`}`,
    remedy: "disable it first"
  })

const invalid = (problem: string, remedy: string) =>
  KernelError.fail({ errno: "EINVAL", rule: "21.2", problem, remedy })

/** `nd_is_uuid_unique()`: over namespaces, btt and pfn devices of all regions; dax devices are not asked (21.2). */
const isTaken = (regions: Iterable<Region>, uuid: string): boolean =>
  [...regions].flatMap(devices).some((device) =>
    device.uuid === uuid && (device._tag === "Namespace" || device.kind !== "dax")
  )

const writeUuid = (regions: Iterable<Region>, namespace: Namespace, text: string): Answer =>
  Result.flatMap(busy(namespace), () =>
    Result.flatMap(SysfsText.uuid(text), (uuid) => {
      if (isTaken(regions, uuid)) return invalid(`${uuid} is in use on this bus`, "use another uuid")
      namespace.uuid = uuid
      return ok
    }))

const writeSize = (namespace: Namespace, text: string): Answer =>
  Result.flatMap(SysfsText.number(text), (size) => {
    const { bound, claim, range, region, uuid } = namespace
    const sizing = { range, uuid: uuid ?? undefined, bound: bound !== null, claimed: claim !== null }
    return Result.map(Namespaces.writeSize(region.space, sizing, size), (sized) => {
      region.space = sized.region
      namespace.range = sized.range
      if (size !== 0) {
        if (region.labels === null) Labels.format(region, "1.2")
        return
      }
      namespace.uuid = null
      if (namespace.id !== 0 && region.seeds.namespace !== namespace) Seeds.unregister(namespace)
    })
  })

const writeName = (namespace: Namespace, text: string): Answer =>
  Result.flatMap(busy(namespace), () => {
    const name = text.trim()
    if (new TextEncoder().encode(name).byteLength >= nameLength) {
      return invalid(`a name of ${name.length} characters`, `use fewer than ${nameLength} bytes`)
    }
    namespace.altName = name
    return ok
  })

const writeSectorSize = (namespace: Namespace, text: string): Answer =>
  Result.flatMap(busy(namespace), () =>
    Result.flatMap(SysfsText.number(text), (size) => {
      if (!sectorSizes.includes(size)) return invalid(`no sectors of ${size} bytes`, "use 512 or 4096")
      namespace.lbasize = size
      return ok
    }))

/** `btt_claim_class()`: version 2.0 where the DIMMs can hold labels and have no index yet, or one of version 1.2 (21.8). */
const bttClass = ({ description, version }: Region): NamespaceClaim.Class =>
  description.labelArea && version !== "1.1" ? "btt2" : "btt"

const writeHolderClass = (namespace: Namespace, text: string): Answer =>
  Result.flatMap(busy(namespace), () => {
    const classes: ReadonlyArray<readonly [string, NamespaceClaim.Class]> = [
      ["btt", bttClass(namespace.region)],
      ["pfn", "pfn"],
      ["dax", "dax"],
      ["", "none"]
    ]
    const found = classes.find(([word]) => SysfsText.equals(text, word))
    if (found === undefined) return invalid(`no class '${text.slice(0, 20)}'`, "write btt, pfn, dax or nothing")
    namespace.claimClass = found[1]
    return ok
  })

const absent = (namespace: Namespace, attribute: string) =>
  attribute === "size"
    ? KernelError.fail({
      errno: "EACCES",
      rule: "21.1",
      problem: `${namespace.name} has no label, its size is the region's`,
      remedy: "initialise labels to divide the region"
    })
    : KernelError.fail({
      errno: "ENOENT",
      rule: "21.1",
      problem: `${namespace.name} has no attribute ${attribute.slice(0, 40)}`,
      remedy: "labelled namespaces have uuid, size, sector_size and alt_name, all have holder_class and force_raw"
    })

/**
 * Writes `text` to an attribute: `uuid`, `size`, `alt_name`, `sector_size` of labelled namespaces, `holder_class` and
 * `force_raw` of all. EBUSY while it is bound or claimed (`force_raw` excepted), EINVAL for a value that is none, ENOENT and
 * EACCES for what cannot be written at all. Size 0 gives the space and the uuid back, and takes the namespace off the bus
 * unless its number is 0 or it is the seed (21.2).
 *
 * `regions` are those of the bus: uuids are unique on it.
 *
 * @category operations
 * @since 0.1.0
 */
export const write = (regions: Iterable<Region>, namespace: Namespace, attribute: string, text: string): Answer => {
  if (attribute === "force_raw") {
    return Result.map(SysfsText.boolean(text), (forceRaw) => {
      namespace.forceRaw = forceRaw
    })
  }
  if (attribute === "holder_class") return writeHolderClass(namespace, text)
  if (namespace.type === "io") return absent(namespace, attribute)
  switch (attribute) {
    case "uuid":
      return writeUuid(regions, namespace, text)
    case "size":
      return writeSize(namespace, text)
    case "alt_name":
      return writeName(namespace, text)
    case "sector_size":
      return writeSectorSize(namespace, text)
    default:
      return absent(namespace, attribute)
  }
}
