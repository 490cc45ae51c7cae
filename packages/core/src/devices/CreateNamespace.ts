/**
 * What `ndctl create-namespace` (76) decides by itself, before the kernel is asked: defaults, and the checks of OBS-25 rows
 * 3 to 12 on one region.
 *
 * Row 1 (option text) comes before, row 13 (the kernel's own refusal, `PfnLayout` and `Btt`) after.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { subsectionSize } from "../geometry/Architecture.ts"
import * as HumanSize from "../geometry/HumanSize.ts"
import { hex } from "../geometry/Pfn.ts"
import { GiB, KiB, MiB, TiB } from "../geometry/Units.ts"
import * as Errno from "../kernel/Errno.ts"
import * as Btt from "./Btt.ts"
import * as Namespace from "./Namespace.ts"
import type { Map } from "./PfnLayout.ts"
import * as Region from "./Region.ts"

/**
 * The namespace of `-e`. `mode` is what sysfs says now (a native one is `fsdax`), `align` that of its pfn or dax instance,
 * `sectorSize` that of its btt.
 *
 * @category models
 * @since 0.1.0
 */
export interface Existing {
  readonly name: string
  readonly start: number
  readonly size: number
  readonly mode: Namespace.Mode
  readonly align?: number | undefined
  readonly sectorSize?: number | undefined
  readonly active: boolean
}

/**
 * The options, already parsed (`ToolSize`). `align.text` is the text as typed, `size.unit` the value of its suffix.
 *
 * @category models
 * @since 0.1.0
 */
export interface Request {
  readonly existing?: Existing | undefined
  readonly mode?: Namespace.Mode | undefined
  readonly map?: Map | undefined
  readonly align?: { readonly bytes: number; readonly text: string } | undefined
  readonly size?: { readonly bytes: number; readonly unit: number } | undefined
  readonly sectorSize?: number | undefined
  readonly force?: boolean | undefined
}

/**
 * The region as the tool sees it. `candidate` is the namespace a new one would become: id 0 if idle, else the seed; `null`
 * when neither is idle (a label-less region whose namespace is active).
 *
 * @category models
 * @since 0.1.0
 */
export interface Place {
  readonly region: Region.Region
  readonly pageSize: number
  readonly supportedAligns: ReadonlyArray<number>
  /** `align` of the pfn and dax seeds: 2 MiB with huge pages; a failed attempt leaves its own behind (OBS-14). */
  readonly seedAlign: number
  readonly candidate: string | null
  readonly disabled?: boolean | undefined
}

/**
 * What the tool then asks of the kernel. `start` is the physical address, `size` the raw bytes; `instance` is the device
 * that will claim the namespace, `null` for raw and native ones; `map` only with a pfn or dax instance or natively.
 *
 * @category models
 * @since 0.1.0
 */
export interface Settled {
  readonly name: string
  readonly start: number
  readonly size: number
  readonly mode: Namespace.Mode
  readonly map: Map | null
  readonly align: number
  readonly sectorSize: number | null
  readonly instance: "pfn" | "dax" | "btt" | null
}

/**
 * A refusal in the tool's words. `counted` messages stand alone; after a `plain` one a closing line follows; `skip` lets
 * the next region try and prints nothing but that line, once all regions said so. `exit` and `stderr` (without its last
 * newline) are those of a command that ends here.
 *
 * @category errors
 * @since 0.1.0
 */
export class ToolRefusal extends Schema.TaggedError<ToolRefusal>("@vmemmap/core/CreateNamespace/ToolRefusal")(
  "ToolRefusal",
  {
    row: Schema.Int,
    errno: Errno.Errno,
    kind: Schema.Literals(["counted", "plain", "skip"]),
    text: Schema.String,
    exit: Schema.Int,
    stderr: Schema.String,
    remedy: Schema.String
  }
) {
  /** The rule of the specification. */
  get rule() {
    return `OBS-25 row ${this.row}`
  }
  override get message() {
    return `${this.errno} (${this.rule}): ${this.text}; ${this.remedy}`
  }
}

/** What the tool wants a pfn or dax namespace to begin on, whatever the kernel asks for (row 12). */
const startAlign = 16 * MiB

const suffixes = new Map([[KiB, "K"], [MiB, "M"], [GiB, "G"], [TiB, "T"]])

const isDax = (mode: Namespace.Mode): mode is "fsdax" | "devdax" => mode === "fsdax" || mode === "devdax"

const refuser = (reconfigure: boolean) => {
  const closing = (errno: Errno.Errno) =>
    `failed to ${reconfigure ? "reconfigure" : "create"} namespace: ${Errno.text(errno)}`
  const plainExit = (errno: Errno.Errno) => Errno.exit(reconfigure ? errno : "ENODEV")
  const make = (
    row: number,
    errno: Errno.Errno,
    kind: ToolRefusal["kind"],
    text: string,
    remedy: string,
    exit: number,
    stderr: string
  ) => Result.fail(new ToolRefusal({ row, errno, kind, text, remedy, exit, stderr }))
  return {
    counted: (row: number, errno: Errno.Errno, text: string, remedy: string) =>
      make(row, errno, "counted", text, remedy, Errno.exit(errno), `  Error: create namespace: ${text}`),
    plain: (row: number, errno: Errno.Errno, text: string, remedy: string) =>
      make(row, errno, "plain", text, remedy, plainExit(errno), `  Error: ${text}\n\n${closing(errno)}`),
    skip: (row: number, text: string, remedy: string) => {
      const errno = reconfigure ? "EAGAIN" : "ENOSPC"
      return make(row, errno, "skip", text, remedy, plainExit(errno), closing(errno))
    }
  }
}

/** The alignment in force: -a, else that of the namespace while its mode stays, else the seed's, else a page (row 8). */
const alignOf = (request: Request, mode: Namespace.Mode, { pageSize, region, seedAlign }: Place): number => {
  if (request.align !== undefined) return request.align.bytes
  const { existing } = request
  const align = existing?.mode === mode
    ? (isDax(mode) ? existing.align : undefined) ?? pageSize
    : isDax(mode)
    ? seedAlign
    : pageSize
  return region.start % align === 0 ? align : pageSize
}

/** What -s may ask for: the region without labels, else the largest extent. */
const available = (region: Region.Region): number =>
  region.labels === "initialised" ? Region.maxExtent(region) : region.size

const sectorSizes = (mode: Namespace.Mode, region: Region.Region): ReadonlyArray<number> =>
  mode === "sector" ? Btt.sectorSizes : region.labels === "initialised" ? [512, 4096] : []

/**
 * Settles a request on one region, or says which row of OBS-25 refuses it first.
 *
 * @category constructors
 * @since 0.1.0
 */
export const settle = (request: Request, place: Place): Result.Result<Settled, ToolRefusal> => {
  const { existing } = request
  const { region } = place
  const refuse = refuser(existing !== undefined)
  if (place.disabled === true) return refuse.skip(3, `${region.name} is disabled`, "enable the region")
  const limit = available(region)
  if (existing === undefined && (limit === 0 || (request.size?.bytes ?? 0) > limit)) {
    return refuse.skip(
      3,
      limit === 0
        ? `nothing of ${region.name} is free`
        : `the largest free piece of ${region.name} is ${HumanSize.formatBinary(limit)} (${limit} bytes)`,
      limit === 0
        ? "destroy a namespace, or configure one anew with -f -e"
        : "ask for no more than that: a namespace is one piece of one region"
    )
  }
  const size = (request.size?.bytes ?? existing?.size) || limit
  if (region.labels !== "initialised" && size !== region.size) {
    return refuse.plain(
      4,
      "EINVAL",
      "Legacy / label-less namespaces do not support sub-dividing a region\n\n  Error: Retry without -s/--size=",
      `only the whole region of ${region.size} bytes can be a namespace; initialise labels to divide it`
    )
  }
  const mode = request.mode ?? existing?.mode ?? "fsdax"
  if (request.align !== undefined && !isDax(mode)) {
    return refuse.plain(5, "ENXIO", `${mode} mode does not support setting an alignment`, "leave out -a")
  }
  if (request.align !== undefined && !place.supportedAligns.includes(request.align.bytes)) {
    return refuse.plain(
      6,
      "ENXIO",
      `unsupported align: ${request.align.text}`,
      `use one of ${place.supportedAligns.join(", ")}`
    )
  }
  const align = alignOf(request, mode, place)
  return sized(request, place, { mode, size, align })
}

/** What a request comes down to before its size is checked. */
interface Geometry {
  readonly mode: Namespace.Mode
  readonly size: number
  readonly align: number
}

/** Rows 7 to 9: the size against the alignments of region and namespace, and against the least there is. */
const sized = (request: Request, place: Place, geometry: Geometry): Result.Result<Settled, ToolRefusal> => {
  const { existing } = request
  const { region } = place
  const { align, mode, size } = geometry
  const refuse = refuser(existing !== undefined)
  const ways = Region.ways(region)
  const granule = Region.granule(region, align)
  const nearby = `use a multiple of ${granule} bytes, such as ${Math.max(1, Math.floor(size / granule)) * granule}`
  if (size % region.align !== 0) {
    return refuse.counted(
      7,
      "EINVAL",
      `${region.name}: align setting is ${hex(region.align)} size ${hex(size)} is misaligned`,
      region.labels === "initialised" ? nearby : `the region must be a multiple of ${granule} bytes long`
    )
  }
  if (size % (align * ways) !== 0) {
    const unit = request.size?.unit ?? 1
    const step = Math.max(unit, align) * ways
    const suggestion = (Math.floor(size / step) + 1) * step / unit
    return refuse.counted(
      8,
      "EINVAL",
      `'--size=' must align to interleave-width: ${ways} and alignment: ${align}\n` +
        `did you intend --size=${Math.floor(suggestion)}${suffixes.get(unit) ?? ""}?`,
      nearby
    )
  }
  if (size < Namespace.claimMin && mode !== "raw") {
    return existing === undefined && request.size === undefined
      ? refuse.skip(9, `${region.name} has only ${size} bytes left`, "mode raw has no minimum")
      : refuse.plain(9, "EINVAL", `'--size=' must be >= 16MiB for '${mode}' mode`, "use 16 MiB or more, or mode raw")
  }
  return settled(request, place, geometry)
}

/** Rows 10 to 12, and row 3 where no namespace is idle: what else stands against it, then what is asked of the kernel. */
const settled = (
  request: Request,
  place: Place,
  { align, mode, size }: Geometry
): Result.Result<Settled, ToolRefusal> => {
  const { existing, map, sectorSize } = request
  const { region } = place
  const refuse = refuser(existing !== undefined)
  const offered = sectorSizes(mode, region)
  if (sectorSize !== undefined && !offered.includes(sectorSize)) {
    return refuse.counted(
      10,
      "EINVAL",
      `${region.name}: does not support ${mode === "sector" ? "btt" : "namespace"} sector_size ${sectorSize}`,
      offered.length === 0 ? "leave out -l: namespaces without labels have none" : `use one of ${offered.join(", ")}`
    )
  }
  if (existing !== undefined && map !== undefined && !isDax(mode)) {
    return refuse.counted(10, "EINVAL", `${existing.name}: --map= only valid for fsdax mode namespace`, "leave out -M")
  }
  if (existing !== undefined && region.readOnly === true) {
    return refuse.plain(
      11,
      "ENXIO",
      `${existing.name}: read-only, re-configuration disabled`,
      "the DIMM is not armed: its contents would be lost"
    )
  }
  if (existing?.active === true && request.force !== true) {
    return refuse.plain(
      11,
      "EBUSY",
      `${existing.name} is active, specify --force for re-configuration`,
      "disable it first, or add -f"
    )
  }
  const divided = existing === undefined && region.labels === "initialised"
  const range = divided ? Region.firstFit(region, size) : undefined
  if (existing === undefined && (region.readOnly === true || place.candidate === null || (divided && !range))) {
    return refuse.skip(
      3,
      `${region.name} has no idle namespace to configure`,
      "re-configure an existing one with -f -e"
    )
  }
  const name = existing?.name ?? place.candidate ?? ""
  const start = range === undefined ? existing?.start ?? region.start : Region.physical(region, range.start)
  const native = Namespace.isNative(region)
  const instance = mode === "sector"
    ? "btt"
    : mode === "devdax"
    ? "dax"
    : mode === "fsdax" && !(native && map === "mem")
    ? "pfn"
    : null
  if ((instance === "pfn" || instance === "dax") && start % startAlign !== 0 && request.force !== true) {
    return refuse.plain(
      12,
      "EINVAL",
      `${name} misaligned to 16M, adjust region alignment and retry`,
      start % subsectionSize === 0
        ? "add -f: the kernel itself asks for 2 MiB only"
        : "only raw and sector mode are possible at this address: it is no multiple of 2 MiB"
    )
  }
  return Result.succeed({
    name,
    start,
    size,
    mode,
    map: isDax(mode) ? map ?? "dev" : null,
    align,
    sectorSize: mode === "sector"
      ? sectorSize ?? (request.mode === undefined ? existing?.sectorSize : undefined) ?? 4096
      : sectorSize ?? null,
    instance
  })
}

/**
 * Only the refusal of {@link settle}: `null` when the tool has no objection.
 *
 * @category queries
 * @since 0.1.0
 */
export const toolChecks = (request: Request, place: Place): ToolRefusal | null =>
  Result.match(settle(request, place), { onFailure: (refusal) => refusal, onSuccess: () => null })
