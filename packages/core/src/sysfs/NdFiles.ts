/**
 * `/sys/bus/nd`: regions, namespaces, DIMMs, the devices that claim namespaces, and the drivers' `bind` and `unbind` (OBS-13,
 * OBS-14).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Dimm from "../devices/Dimm.ts"
import * as Labels from "../devices/Labels.ts"
import type { NvdimmBus } from "../devices/NvdimmBus.ts"
import * as NvdimmState from "../devices/NvdimmState.ts"
import * as NvdimmSysfs from "../devices/NvdimmSysfs.ts"
import * as SysfsText from "../devices/SysfsText.ts"
import type { Architecture } from "../geometry/Architecture.ts"
import * as Pfn from "../geometry/Pfn.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import { MemmapState } from "../init/MemmapState.ts"
import * as KernelError from "../kernel/KernelError.ts"
import { has, type KernelRelease } from "../release/KernelRelease.ts"
import type { Iomem } from "../resources/Iomem.ts"
import * as SysfsTree from "./SysfsTree.ts"

/**
 * What the files are read from.
 *
 * @category models
 * @since 0.1.0
 */
export interface Source {
  readonly bus: NvdimmBus["Service"]
  readonly iomem: Iomem["Service"]
  readonly arch: Architecture
  readonly release: KernelRelease
}

const driverLinks = "/sys/bus/nd/drivers"

/** `%#llx` of all devices, `%#lx` of regions; everything else is decimal. */
const inHex: ReadonlySet<string> = new Set(["resource", "region align"])

/** `nd_size_select_show()` puts a blank behind every choice, the last one too. */
const choices: ReadonlySet<string> = new Set(["sector_size", "supported_alignments"])

const textOf = (name: string, attribute: string, value: string | number): string =>
  (inHex.has(attribute) || inHex.has(`${name.replace(/[0-9].*$/, "")} ${attribute}`)) && typeof value === "number"
    ? Pfn.hex(value)
    : choices.has(attribute)
    ? `${value} `
    : String(value)

const unreadable = (name: string, attribute: string) =>
  Effect.suspend(() =>
    Effect.fail(
      new KernelError.KernelError({
        errno: "ENXIO",
        rule: "OBS-14",
        problem: `${attribute} of ${name} has no value now`,
        remedy: "bind or configure the device first"
      })
    )
  )

/** Attributes that only show something; those of `writes` can be written too. */
const attributes = (
  { bus }: Source,
  name: string,
  values: NvdimmSysfs.Attributes,
  writes: ReadonlySet<string>
): ReadonlyArray<readonly [string, SysfsTree.Entry]> =>
  Object.entries(values).filter(([attribute]) => attribute !== "driver").map(([attribute, value]) => {
    const file: SysfsTree.File = {
      _tag: "File",
      read: value === null
        ? unreadable(name, attribute)
        : Effect.sync(() => `${textOf(name, attribute, value)}\n`),
      write: writes.has(attribute) ? (text) => bus.write(name, attribute, text) : null
    }
    return [attribute, file]
  })

const link = (driver: string | number | null | undefined): ReadonlyArray<readonly [string, SysfsTree.Entry]> =>
  typeof driver === "string" ? [["driver", { _tag: "Link", target: `${driverLinks}/${driver}` }]] : []

const of = (entries: Iterable<readonly [string, SysfsTree.Entry]>): SysfsTree.Directory =>
  SysfsTree.directory(Object.fromEntries(entries))

const named = (devtype: string, modalias: string): ReadonlyArray<readonly [string, SysfsTree.Entry]> => [
  ["devtype", SysfsTree.attribute(() => devtype)],
  ["modalias", SysfsTree.attribute(() => modalias)]
]

const instanceWrites: ReadonlySet<string> = new Set(["mode", "align", "uuid", "namespace", "sector_size"])

const regionWrites: ReadonlySet<string> = new Set(["align", "read_only"])

/** A namespace without a label has the size of its region. */
const namespaceWrites = {
  io: new Set(["holder_class", "force_raw"]),
  pmem: new Set(["size", "uuid", "alt_name", "sector_size", "holder_class", "force_raw"])
} as const

/** The disk of a bound device. */
const block = ({ bound }: NvdimmState.Device): ReadonlyArray<readonly [string, SysfsTree.Entry]> => {
  const disk = bound?.disk
  return disk === null || disk === undefined
    ? []
    : [["block", SysfsTree.directory({ [disk.name]: { _tag: "Link", target: `/sys/block/${disk.name}` } })]]
}

/** The 2018 series: `active` while struct pages of the data are being written; writing `sync` waits for them (26.4). */
const memmapState = (
  { arch: { pageSize }, release }: Source,
  found: NvdimmState.Device
): ReadonlyArray<readonly [string, SysfsTree.Entry]> => {
  if (found._tag === "Namespace" || found.kind === "btt" || !has(release, "memmap-state")) return []
  const pfns = found.data === null
    ? PfnRange.fromLength(0, 0)
    : { start: Pfn.fromAddress(found.data.start, pageSize), end: Pfn.fromAddress(found.data.end, pageSize) }
  return [["memmap_state", {
    _tag: "File",
    read: Effect.map(Effect.service(MemmapState), ({ isActive }) => isActive(pfns) ? "active\n" : "idle\n"),
    write: (text) =>
      SysfsText.equals(text, "sync")
        ? Effect.flatMap(Effect.service(MemmapState), ({ finished }) => finished(pfns))
        : Effect.fail(
          new KernelError.KernelError({
            errno: "EINVAL",
            rule: "26.4",
            problem: `'${text.slice(0, 40).trim()}' is not taken here`,
            remedy: "write sync"
          })
        )
  }]]
}

const device = (source: Source, found: NvdimmState.Device): SysfsTree.Directory => {
  const values = NvdimmSysfs.device(found, source.iomem, source.arch)
  const isNamespace = found._tag === "Namespace"
  return of([
    ...attributes(source, found.name, values, isNamespace ? namespaceWrites[found.type] : instanceWrites),
    ...named(
      isNamespace ? (found.type === "io" ? "nd_namespace_io" : "nd_namespace_pmem") : `nd_${found.kind}`,
      "nd:t4"
    ),
    ...memmapState(source, found),
    ...block(found),
    ...link(values["driver"])
  ])
}

const region = (source: Source, found: NvdimmState.Region): SysfsTree.Directory => {
  const cookie = () => (found.space.labels === "initialised" ? Dimm.setCookie(found) : null) ?? 0n
  return of([
    ...attributes(source, found.name, NvdimmSysfs.region(found), regionWrites),
    ["set_cookie", SysfsTree.attribute(() => `0x${cookie().toString(16)}`)],
    ["state", SysfsTree.attribute(() => found.enabled ? "active" : "idle")],
    ...named("nd_pmem", "nd:t2"),
    ...link(found.enabled ? "nd_region" : null)
  ])
}

const ok = Effect.void

const writeLabels = (
  regions: ReadonlyArray<NvdimmState.Region>,
  write: (region: NvdimmState.Region, text: string) => Result.Result<void, KernelError.KernelError>
) =>
(text: string) =>
  Effect.suspend(() => {
    const refused = regions.map((region) => write(region, text)).find(Result.isFailure)
    return refused === undefined ? ok : Effect.fail(refused.failure)
  })

/** Label areas are read and written through ioctls of the DIMM; these two files stand in for them. */
const labels = (regions: ReadonlyArray<NvdimmState.Region>): ReadonlyArray<readonly [string, SysfsTree.Entry]> => [
  [
    "init_labels",
    SysfsTree.writable(
      () => regions.some((region) => region.labels !== null) ? 1 : 0,
      writeLabels(regions, (region, text) => Labels.init(region, text.trim() === "1.2" ? "1.2" : "1.1"))
    )
  ],
  ["zero_labels", SysfsTree.trigger(writeLabels(regions, Labels.zero))]
]

const dimm = (number: number, regions: ReadonlyArray<NvdimmState.Region>): SysfsTree.Directory => {
  const isUnarmed = regions.some(({ description }) => description.readOnly === true)
  const isLocked = regions.some(({ description }) => description.locked === true)
  const hasLabelArea = regions.every(({ description }) => description.labelArea)
  return of([
    ["id", SysfsTree.attribute(() => Dimm.id(number))],
    ["handle", SysfsTree.attribute(() => Pfn.hex(Dimm.handle(number)))],
    ["phys_id", SysfsTree.attribute(() => "0x0")],
    ["serial", SysfsTree.attribute(() => Pfn.hex(Dimm.serial(number)))],
    ["flags", SysfsTree.attribute(() => isUnarmed ? "not_armed" : "")],
    // only regions that look at its labels keep a DIMM busy
    ["state", SysfsTree.attribute(() => hasLabelArea && regions.some(({ enabled }) => enabled) ? "active" : "idle")],
    // a DIMM without a passphrase has no such attribute
    ...(isLocked ? [["security", SysfsTree.attribute(() => "locked")] as const] : []),
    ["commands", SysfsTree.attribute(() => hasLabelArea ? "get_size get_data set_data cmd_call " : "cmd_call ")],
    ...labels(regions),
    ...named("nvdimm", "nd:t1"),
    ...link("nvdimm")
  ])
}

const dimms = (regions: ReadonlyArray<NvdimmState.Region>): ReadonlyArray<readonly [string, SysfsTree.Entry]> => {
  const members = new Map<number, Array<NvdimmState.Region>>()
  for (const region of regions) {
    for (const mapping of region.description.mappings) {
      const own = members.get(mapping.dimm) ?? []
      members.set(mapping.dimm, own)
      own.push(region)
    }
  }
  return [...members].toSorted(([a], [b]) => a - b).map(([number, own]) => [`nmem${number}`, dimm(number, own)])
}

/** What is on a bus, as links: everything is a directory of the bus type. */
const children = (names: ReadonlyArray<string>): ReadonlyArray<readonly [string, SysfsTree.Entry]> =>
  names.map((name) => [name, { _tag: "Link", target: `/sys/bus/nd/devices/${name}` }])

const bus = (
  { number, provider }: NvdimmState.Bus,
  regions: ReadonlyArray<NvdimmState.Region>
): SysfsTree.Directory =>
  of([
    ...children([...dimms(regions).map(([name]) => name), ...regions.map(({ name }) => name)]),
    ["provider", SysfsTree.attribute(() => provider)],
    ["wait_probe", SysfsTree.attribute(() => 1)],
    ...named("nd_bus", `nd:b${number}`)
  ])

const buses = (regions: ReadonlyArray<NvdimmState.Region>): ReadonlyMap<string, NvdimmState.Bus> =>
  new Map(regions.map((region) => [`ndbus${region.bus.number}`, region.bus]))

/**
 * Where a device lies below `/sys/devices`: its bus, its region, its name.
 *
 * @category queries
 * @since 0.1.0
 */
export const placeOf = ({ bus: { number, parent }, name }: NvdimmState.Region, device?: string): string =>
  `/sys/devices/${parent}/ndbus${number}/${name}${device === undefined ? "" : `/${device}`}`

/** A name decides its kind, so only what is asked for is made. */
const find = (source: Source, name: string): SysfsTree.Entry | undefined => {
  const regions = source.bus.regions()
  if (name.startsWith("nmem")) return new Map(dimms(regions)).get(name)
  const found = buses(regions).get(name)
  if (found !== undefined) return bus(found, regions.filter(({ bus }) => bus.number === found.number))
  const own = regions.find(({ id }) => id === Number(/^[a-z]+(\d+)/.exec(name)?.[1]))
  if (own === undefined) return undefined
  if (own.name === name) return region(source, own)
  const member = NvdimmState.device(own, name)
  return member === undefined ? undefined : device(source, member)
}

const devices = (source: Source): SysfsTree.Directory => ({
  _tag: "Directory",
  names: () => {
    const regions = source.bus.regions()
    return [
      ...buses(regions).keys(),
      ...dimms(regions).map(([name]) => name),
      ...regions.map(({ name }) => name),
      ...regions.flatMap(NvdimmState.devices).map(({ name }) => name)
    ].toSorted()
  },
  entry: (name) => find(source, name)
})

/** What each driver is for, by the beginning of the name. */
const matches = {
  nd_region: /^region/,
  nd_pmem: /^(?:namespace|btt|pfn)/,
  dax_pmem: /^dax/
} as const

const foreign = (driver: string, name: string) =>
  Effect.fail(
    new KernelError.KernelError({
      errno: "ENODEV",
      rule: "21.4",
      problem: `${driver} is not for ${name.slice(0, 40)}`,
      remedy: "regions go to nd_region, nd dax devices to dax_pmem, everything else to nd_pmem"
    })
  )

const driver = ({ bus }: Source, own: keyof typeof matches): SysfsTree.Directory => {
  const only = (change: (name: string) => Effect.Effect<void, KernelError.KernelError>) =>
    SysfsTree.trigger((text) => {
      const name = text.trim()
      return matches[own].test(name) ? change(name) : foreign(own, name)
    })
  return SysfsTree.directory({ bind: only(bus.bind), unbind: only(bus.unbind) })
}

/**
 * `/sys/bus/nd`.
 *
 * Two files are not the kernel's: `init_labels` and `zero_labels` of a DIMM stand in for the ioctls on label areas. Writing
 * anything answers EBUSY while a region of the DIMM is enabled, ENXIO without a label area; `init_labels` reads 1 where there is an
 * index.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (source: Source): SysfsTree.Directory =>
  SysfsTree.directory({
    devices: devices(source),
    drivers: SysfsTree.directory({
      nd_bus: SysfsTree.directory({}),
      nvdimm: SysfsTree.directory({}),
      nd_region: driver(source, "nd_region"),
      nd_pmem: driver(source, "nd_pmem"),
      dax_pmem: driver(source, "dax_pmem")
    })
  })
