/**
 * `/sys/bus/dax`: devices, their mappings and regions, and the drivers `device_dax` and `kmem` (OBS-18, 24.1, 24.3).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as DaxAttributes from "../devices/DaxAttributes.ts"
import type * as DaxChange from "../devices/DaxChange.ts"
import type { DaxDevices } from "../devices/DaxDevices.ts"
import type { NvdimmBus } from "../devices/NvdimmBus.ts"
import * as SysfsText from "../devices/SysfsText.ts"
import { hex } from "../geometry/Pfn.ts"
import * as KernelError from "../kernel/KernelError.ts"
import * as NdFiles from "./NdFiles.ts"
import * as SysfsTree from "./SysfsTree.ts"

/**
 * What the files are read from.
 *
 * @category models
 * @since 0.1.0
 */
export interface Source {
  readonly dax: DaxDevices["Service"]
  readonly bus: NvdimmBus["Service"]
}

type Attributes = DaxAttributes.DaxAttributes

const invalid = (problem: string, remedy: string) =>
  Effect.fail(new KernelError.KernelError({ errno: "EINVAL", rule: "24.3", problem, remedy }))

const change = ({ dax }: Source, of: (value: number) => DaxChange.Change | undefined) => (text: string) =>
  Effect.flatMap(Effect.fromResult(SysfsText.number(text)), (value) => {
    const made = of(value)
    return made === undefined ? invalid(`${value} is not taken here`, "write 1") : Effect.asVoid(dax.change(made))
  })

/** `start-end` in hex, the end inclusive. */
const writeMapping = ({ dax }: Source, name: string) => (text: string) => {
  const [, start, end] = /^(?:0x)?([0-9a-f]{1,16})-(?:0x)?([0-9a-f]{1,16})\n?$/i.exec(text) ?? []
  return start === undefined || end === undefined
    ? invalid(`'${text.slice(0, 80).trim()}' is no range`, "write start-end in hex")
    : Effect.asVoid(dax.change({
      _tag: "Mapping",
      name,
      range: { start: Number.parseInt(start, 16), end: Number.parseInt(end, 16) + 1 }
    }))
}

const maybe = <A>(
  value: A | null,
  make: (value: A) => SysfsTree.Entry,
  name: string
): Record<string, SysfsTree.Entry> => value === null ? {} : { [name]: make(value) }

const text = (value: string | number) => SysfsTree.attribute(() => value)

const device = (source: Source, found: Attributes): SysfsTree.Directory => {
  const { name } = found
  const size = change(source, (value) => ({ _tag: "Size", name, size: value }))
  const align = change(source, (value) => ({ _tag: "Align", name, align: value }))
  return SysfsTree.directory({
    size: found.is_static ? text(found.size) : SysfsTree.writable(() => found.size, size),
    align: found.is_static ? text(found.align) : SysfsTree.writable(() => found.align, align),
    ...maybe(found.resource, (value) => text(hex(value)), "resource"),
    numa_node: text(found.numa_node),
    ...maybe(found.target_node, text, "target_node"),
    modalias: text(found.modalias),
    ...maybe(
      found.memmap_on_memory,
      (value) =>
        SysfsTree.writable(
          () => value ? 1 : 0,
          (written) =>
            Effect.flatMap(Effect.fromResult(SysfsText.boolean(written)), (on) =>
              Effect.asVoid(source.dax.change({ _tag: "MemmapOnMemory", name, value: on })))
        ),
      "memmap_on_memory"
    ),
    ...(found.is_static ? {} : { mapping: SysfsTree.trigger(writeMapping(source, name)) }),
    ...Object.fromEntries(found.mappings.map((mapping, i) => [
      `mapping${i}`,
      SysfsTree.directory({
        start: text(hex(mapping.start)),
        end: text(hex(mapping.end)),
        page_offset: text(hex(mapping.page_offset))
      })
    ])),
    ...maybe(found.driver, (driver) => ({ _tag: "Link", target: `/sys/bus/dax/drivers/${driver}` }), "driver")
  })
}

const region = (source: Source, { dax_region: found }: Attributes): SysfsTree.Directory => {
  const { id } = found
  const create = change(source, (value) => value === 1 ? { _tag: "Create", region: id } : undefined)
  const remove = (name: string) => Effect.asVoid(source.dax.change({ _tag: "Delete", region: id, name: name.trim() }))
  return SysfsTree.directory({
    id: text(id),
    size: text(found.size),
    align: text(found.align),
    ...maybe(found.available_size, text, "available_size"),
    ...(found.seed === null ? {} : {
      seed: text(found.seed),
      create: SysfsTree.writable(() => source.dax.list().findLast((d) => d.dax_region.id === id)?.name ?? "", create),
      delete: SysfsTree.trigger(remove)
    })
  })
}

/**
 * Where the devices of a dax region lie below `/sys/devices`: below the nd device that claims the namespace, else below a
 * platform device.
 */
const parentOf = ({ bus }: Source, { dax_region: { id }, is_static, name }: Attributes): string => {
  const owner = bus.regions().find((region) => region.id === id)
  if (!is_static || owner === undefined) return `/sys/devices/platform/hmem.${id}`
  const namespace = owner.namespaces.get(Number(name.split(".")[1]))
  return NdFiles.placeOf(owner, namespace?.claim?.name ?? name)
}

/** Devices side by side and their `dax_region`; only what is asked for is made. */
const siblings = (source: Source, found: ReadonlyArray<Attributes>): SysfsTree.Directory => ({
  _tag: "Directory",
  names: () => ["dax_region", ...found.map(({ name }) => name)],
  entry: (name) => {
    const [first] = found
    if (name === "dax_region") return first === undefined ? undefined : region(source, first)
    const own = found.find((other) => other.name === name)
    return own === undefined ? undefined : device(source, own)
  }
})

const hmemPath = /^\/sys\/devices\/platform\/hmem\.([0-9]{1,9})$/

/** The devices whose parent lies at a path: one of a namespace, or those of a platform device. */
const childrenOf = (source: Source, path: string): ReadonlyArray<Attributes> => {
  const { bus, dax } = source
  const id = hmemPath.exec(path)?.[1]
  if (id !== undefined) {
    return dax.list().filter((own) => own.dax_region.id === Number(id) && parentOf(source, own) === path)
  }
  const leaf = path.slice(path.lastIndexOf("/") + 1)
  const owner = bus.regions().find((region) => NdFiles.placeOf(region, leaf) === path)
  if (owner === undefined) return []
  const claimed = owner.daxes.get(Number(leaf.split(".")[1]))?.namespace
  const own = dax.get(claimed?.name.replace("namespace", "dax") ?? leaf)
  return own !== undefined && parentOf(source, own) === path ? [own] : []
}

/** Whether something of the dax bus lies further down. */
const isAbove = ({ bus, dax }: Source, path: string): boolean => {
  const below = `${path}/`
  const hasDevices = ({ id, namespaces }: ReturnType<typeof bus.regions>[number]): boolean =>
    [...namespaces.keys()].some((number) => dax.get(`dax${id}.${number}`) !== undefined)
  return bus.regions().some((region) => `${NdFiles.placeOf(region)}/`.startsWith(below) && hasDevices(region)) ||
    ("/sys/devices/platform/".startsWith(below) && dax.list().some(({ is_static }) => !is_static))
}

/**
 * What the dax bus has below `/sys/devices`. `paths`: the directories that have devices; `at`: the devices and `dax_region` of
 * such a directory; `isAbove`: whether one lies below a path.
 *
 * @category models
 * @since 0.1.0
 */
export interface Places {
  readonly paths: () => ReadonlyArray<string>
  readonly at: (path: string) => SysfsTree.Directory | undefined
  readonly isAbove: (path: string) => boolean
}

/**
 * Finding one place costs no more with many devices.
 *
 * @category constructors
 * @since 0.1.0
 */
export const places = (source: Source): Places => ({
  paths: () => [...new Set(source.dax.list().map((attributes) => parentOf(source, attributes)))],
  at: (path) => {
    const found = childrenOf(source, path)
    return found.length === 0 ? undefined : siblings(source, found)
  },
  isAbove: (path) => isAbove(source, path)
})

const driver = ({ dax }: Source, name: string): SysfsTree.Directory =>
  SysfsTree.directory({
    bind: SysfsTree.trigger((written) => dax.bind(name, written.trim())),
    unbind: SysfsTree.trigger((written) => dax.unbind(name, written.trim())),
    new_id: SysfsTree.trigger((written) => dax.newId(name, written.trim())),
    remove_id: SysfsTree.trigger((written) => dax.removeId(name, written.trim()))
  })

/**
 * `/sys/bus/dax`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (source: Source): SysfsTree.Directory =>
  SysfsTree.directory({
    devices: {
      _tag: "Directory",
      names: source.dax.names,
      entry: (name) => {
        const found = source.dax.get(name)
        return found === undefined
          ? undefined
          : { _tag: "Link", target: `${parentOf(source, found)}/${found.name}` }
      }
    },
    drivers: SysfsTree.dynamic(() => new Map(source.dax.drivers().map((name) => [name, driver(source, name)])))
  })
