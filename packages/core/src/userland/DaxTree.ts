/**
 * Dax regions and devices as libdaxctl finds them in sysfs, in its order (24.1, OBS-18, OBS-20).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as SysfsText from "../devices/SysfsText.ts"
import * as SysfsTree from "../sysfs/SysfsTree.ts"
import * as NameHash from "./NameHash.ts"

/**
 * The directory of a dax device (`path`, below `/sys/devices`) and what it said when the tool looked. `resource` is 0 where it
 * cannot be read, `align` on kernels without the attribute; `targetNode` is absent where the node is unknown.
 *
 * @category models
 * @since 0.1.0
 */
export interface Device {
  readonly name: string
  readonly region: number
  readonly id: number
  readonly path: string
  readonly size: number
  readonly align: number
  readonly resource: number
  readonly targetNode: number | undefined
}

/**
 * The parent of its devices: `path` is below `/sys/devices`, the attributes are in its `dax_region`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Region {
  readonly path: string
  readonly id: number
  readonly size: number | undefined
  readonly align: number | undefined
  readonly availableSize: number
  readonly devices: ReadonlyArray<Device>
}

type Tree = SysfsTree.SysfsTree["Service"]

const folder = "/sys/bus/dax/devices"

const deviceName = /^dax([0-9]{1,9})\.([0-9]{1,9})$/

/**
 * The number an attribute holds, `undefined` where it cannot be read or is none.
 *
 * @category queries
 * @since 0.1.0
 */
export const number = (tree: Tree, path: string): Effect.Effect<number | undefined> =>
  SysfsTree.read(tree, path).pipe(
    Effect.flatMap((text) => Effect.fromResult(SysfsText.number(text))),
    Effect.orElseSucceed(() => undefined)
  )

/**
 * The driver that has a device, `undefined` for none.
 *
 * @category queries
 * @since 0.1.0
 */
export const driverOf = (tree: Tree, { path }: Device): string | undefined =>
  SysfsTree.target(tree, `${path}/driver`)?.split("/").at(-1)

/** A device in the directory `folder`, which lies at `parent`. */
const device = Effect.fnUntraced(function*(folder: Tree, parent: string, name: string) {
  const [, region, id] = deviceName.exec(name) ?? []
  const size = yield* number(folder, `${name}/size`)
  if (region === undefined || id === undefined || size === undefined) return []
  return [{
    name,
    region: Number(region),
    id: Number(id),
    path: `${parent}/${name}`,
    size,
    align: (yield* number(folder, `${name}/align`)) ?? 0,
    resource: (yield* number(folder, `${name}/resource`)) ?? 0,
    targetNode: yield* number(folder, `${name}/target_node`)
  }]
})

/**
 * The region whose devices lie in a directory, such as that of an nd dax device.
 *
 * @category queries
 * @since 0.1.0
 */
export const region = Effect.fnUntraced(function*(tree: Tree, path: string, id: number): Effect.fn.Return<Region> {
  const folder = SysfsTree.below(tree, path)
  const attribute = (name: string) => number(folder, `dax_region/${name}`)
  const names = folder.root.names().filter((name) => Number(deviceName.exec(name)?.[1]) === id)
  return {
    path,
    id,
    size: yield* attribute("size"),
    align: yield* attribute("align"),
    availableSize: (yield* attribute("available_size")) ?? 0,
    devices: (yield* Effect.forEach(NameHash.order(names), (name) => device(folder, path, name))).flat()
  }
})

/**
 * Where the devices of each region lie, and its number. A region stands where the device of it that the bus lists first would.
 *
 * @category queries
 * @since 0.1.0
 */
export const places = (tree: Tree): ReadonlyArray<readonly [path: string, id: number]> => {
  const found = new Map<string, number>()
  const names = SysfsTree.list(tree, folder).filter((name) => deviceName.test(name))
  for (const name of NameHash.order(names).toReversed()) {
    const place = SysfsTree.target(tree, `${folder}/${name}`) ?? ""
    const parent = place.slice(0, place.lastIndexOf("/"))
    if (!found.has(parent)) found.set(parent, Number(deviceName.exec(name)?.[1]))
  }
  return [...found].toReversed()
}

/**
 * All regions, in the order of their places.
 *
 * @category queries
 * @since 0.1.0
 */
export const regions = (tree: Tree): Effect.Effect<ReadonlyArray<Region>> =>
  Effect.forEach(places(tree), ([path, id]) => region(tree, path, id))

/**
 * Whether `-r` means a region: its number, or `region` and its number.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isRegion = ({ id }: Pick<Region, "id">, wanted: string | undefined): boolean =>
  wanted === undefined || wanted === "all" || Number(/^(?:region)?\s*([+-]?[0-9]+)/.exec(wanted)?.[1]) === id

/**
 * Whether a word means a device: its name, or the numbers in it.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isDevice = (found: Device, wanted: string | undefined): boolean => {
  if (wanted === undefined || wanted === "all" || wanted === found.name) return true
  const [, region, id] = /^\s*([0-9]+)\.([0-9]+)/.exec(wanted) ?? []
  return Number(region) === found.region && Number(id) === found.id
}
