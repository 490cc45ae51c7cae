/**
 * Dax regions and devices as JSON: what `daxctl list` prints, and ndctl below `daxregion` (27.1, OBS-21, OBS-23, OBS-28).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as HumanSize from "../geometry/HumanSize.ts"
import { hex } from "../geometry/Pfn.ts"
import * as Errno from "../kernel/Errno.ts"
import type * as SysfsTree from "../sysfs/SysfsTree.ts"
import * as DaxMemory from "./DaxMemory.ts"
import * as DaxTree from "./DaxTree.ts"
import type { Json, JsonObject } from "./JsonC.ts"
import type { Say, ToolFailure } from "./ToolFailure.ts"

type Tree = SysfsTree.SysfsTree["Service"]

/**
 * `human`: sizes for people (`-u`). `path`: regions say where they are. `devices`: regions list their devices, those called
 * `only` where it is given; those of no size only when `idle`. `mappings`: devices list their ranges.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly human?: boolean | undefined
  readonly path?: boolean | undefined
  readonly devices?: boolean | undefined
  readonly only?: string | undefined
  readonly idle?: boolean | undefined
  readonly mappings?: boolean | undefined
}

const size = (bytes: number, { human }: Options): Json =>
  human !== true || HumanSize.format(bytes) === String(bytes) ? bytes : HumanSize.format(bytes)

const word = (value: number, { human }: Options): Json => human === true ? value === 0 ? "0" : hex(value) : value

/** A count that failed is printed as the negated error number. */
const orErrno = (counted: Effect.Effect<number, ToolFailure>) =>
  Effect.match(counted, { onFailure: ({ errno }) => -Errno.number(errno), onSuccess: (count) => count })

const mappings = Effect.fnUntraced(function*(tree: Tree, { path }: DaxTree.Device, options: Options) {
  const found: Array<Json> = []
  for (;;) {
    const at = `${path}/mapping${found.length}`
    const start = yield* DaxTree.number(tree, `${at}/start`)
    const end = yield* DaxTree.number(tree, `${at}/end`)
    const offset = yield* DaxTree.number(tree, `${at}/page_offset`)
    // the library puts each mapping it reads first
    if (start === undefined || end === undefined || offset === undefined) return found.toReversed()
    found.push({
      page_offset: word(offset, options),
      start: word(start, options),
      end: word(end, options),
      size: size(end - start + 1, options)
    })
  }
})

/**
 * One device. Complaints of the library about its memory blocks go to `say`.
 *
 * @category conversions
 * @since 0.1.0
 */
export const device = Effect.fnUntraced(function*(
  tree: Tree,
  found: DaxTree.Device,
  options: Options,
  say: Say
): Effect.fn.Return<JsonObject> {
  const memory = DaxMemory.of(tree, found, say)
  const counted = memory === undefined || found.resource === 0 ? {} : {
    online_memblocks: yield* orErrno(DaxMemory.online(memory)),
    total_memblocks: yield* orErrno(DaxMemory.total(memory)),
    movable: yield* Effect.orElseSucceed(DaxMemory.isMovable(memory), () => undefined)
  }
  const ranges = options.mappings === true ? yield* mappings(tree, found, options) : []
  return {
    chardev: found.name,
    size: size(found.size, options),
    target_node: found.targetNode,
    align: found.align === 0 ? undefined : size(found.align, options),
    mode: memory === undefined ? "devdax" : "system-ram",
    ...counted,
    state: DaxTree.driverOf(tree, found) === undefined ? "disabled" : undefined,
    mappings: ranges.length === 0 ? undefined : ranges
  }
})

/**
 * Those of a region's devices that are asked for.
 *
 * @category conversions
 * @since 0.1.0
 */
export const devices = (
  tree: Tree,
  region: DaxTree.Region,
  options: Options,
  say: Say
): Effect.Effect<ReadonlyArray<JsonObject>> =>
  Effect.forEach(
    region.devices.filter((found) =>
      DaxTree.isDevice(found, options.only) && (options.idle === true || found.size !== 0)
    ),
    (found) => device(tree, found, options, say)
  )

/**
 * One region.
 *
 * @category conversions
 * @since 0.1.0
 */
export const region = Effect.fnUntraced(function*(
  tree: Tree,
  found: DaxTree.Region,
  options: Options,
  say: Say
): Effect.fn.Return<JsonObject> {
  const listed = options.devices === true ? yield* devices(tree, found, options, say) : []
  return {
    path: options.path === true ? found.path.slice("/sys/devices".length) : undefined,
    id: found.id,
    size: found.size === undefined ? undefined : size(found.size, options),
    available_size: found.availableSize === 0 ? undefined : size(found.availableSize, options),
    align: found.align,
    devices: listed.length === 0 ? undefined : listed
  }
})
