/**
 * Memory whose struct pages are initialised to see how long that takes: how much, in what pages, of what kind, and the machine that
 * has it.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { GiB, KiB, MiB, TiB } from "../geometry/Units.ts"
import type * as InitStrategy from "../init/InitStrategy.ts"
import type * as MachineSpec from "../machine/MachineSpec.ts"

/**
 * - `size` in bytes: of persistent memory with one namespace, or of RAM at boot
 * - `align`: bytes of its pages: 4 KiB, or compounds of 2 MiB or 1 GiB as device-dax has them
 * - `map`: its memmap is in RAM or on the device; RAM has its own
 *
 * @category models
 * @since 0.1.0
 */
export const Geometry = Schema.Struct({
  kind: Schema.Literals(["device", "ram"]),
  size: Schema.Natural,
  align: Schema.Literals([4 * KiB, 2 * MiB, GiB]),
  map: Schema.Literals(["mem", "dev"])
})
/** @since 0.1.0 */
export interface Geometry extends Schema.Schema.Type<typeof Geometry> {}

/**
 * Why memory cannot be initialised like this.
 *
 * @category errors
 * @since 0.1.0
 */
export class GeometryError extends Schema.TaggedError<GeometryError>("@vmemmap/core/simulation/GeometryError")(
  "GeometryError",
  { problem: Schema.String }
) {
  override get message() {
    return this.problem
  }
}

/** Device memory begins here, far from RAM and at a multiple of everything. */
const deviceStart = 16 * TiB

/** What namespaces of one mapping are multiples of (21.2). */
const regionAlign = 16 * MiB

/** What the kernel itself has, so that a memmap in RAM fits beside it. */
const ramOf = ({ size }: Geometry): number => Math.ceil((4 * GiB + size / 32) / GiB) * GiB

/**
 * All of one size that differ, RAM last.
 *
 * @category constructors
 * @since 0.1.0
 */
export const all = (size: number): ReadonlyArray<Geometry> => [
  ...([4 * KiB, 2 * MiB, GiB] as const).flatMap((align) =>
    (["mem", "dev"] as const).map((map): Geometry => ({ kind: "device", size, align, map }))
  ),
  { kind: "ram", size, align: 4 * KiB, map: "mem" }
]

/**
 * `4K, map=mem`, as people name it.
 *
 * @category conversions
 * @since 0.1.0
 */
export const name = ({ align, kind, map }: Geometry): string =>
  kind === "ram" ? "RAM" : `${align === 4 * KiB ? "4K" : align === GiB ? "1G" : "2M"}, map=${map}`

/**
 * Refuses what no machine has.
 *
 * @category constructors
 * @since 0.1.0
 */
export const check = (geometry: Geometry): Result.Result<Geometry, GeometryError> => {
  const { align, kind, map, size } = geometry
  const refuse = (problem: string) => Result.fail(new GeometryError({ problem }))
  const least = Math.max(64 * MiB, kind === "device" ? 2 * align : 0)
  if (kind === "ram" && (align !== 4 * KiB || map !== "mem")) {
    return refuse("RAM has pages of 4 KiB, and its memmap itself")
  }
  const [what, unit] = kind === "device" ? ["the size of a device", regionAlign] : ["the size", 2 * MiB]
  if (size % unit !== 0) return refuse(`${what} must be a multiple of ${unit / MiB} MiB: ${size} bytes are not`)
  if (size < least) return refuse(`the size must be at least ${least / MiB} MiB`)
  if (size > 16 * TiB) return refuse("the size must be at most 16 TiB")
  return Result.succeed(geometry)
}

/**
 * Bytes of struct pages that a memmap of bytes has at most while this is initialised under each of some strategies; of none known, any.
 * Compounds with their memmap in RAM that share it have two pages of it each (CMP-1).
 *
 * @category queries
 * @since 0.1.0
 */
export const memmapBytes = (
  geometry: Geometry,
  strategies: ReadonlyArray<Pick<InitStrategy.InitStrategy, "backing" | "vmemmap">> = []
): number => {
  const { align, kind, map, size } = geometry
  const isShared = kind === "device" && align > 4 * KiB && map === "mem" && strategies.length > 0 &&
    strategies.every(({ backing, vmemmap }) => vmemmap !== "base" && backing !== "altmap")
  const ram = kind === "ram" ? size : ramOf(geometry)
  const device = kind === "ram" ? 0 : isShared ? size / align * 2 * 4 * KiB : size / (4 * KiB) * 64
  return ram / (4 * KiB) * 64 + device + 16 * MiB
}

/**
 * The machine: `processors` on one node, RAM, and the device if it is one.
 *
 * @category conversions
 * @since 0.1.0
 */
export const machine = (geometry: Geometry, processors: number): MachineSpec.MachineSpec => {
  const { align, kind, map, size } = geometry
  const ram = kind === "ram" ? size : ramOf(geometry)
  const base: MachineSpec.MachineSpec = {
    ranges: [{ start: 0, size: ram, kind: "ram", node: 0 }],
    nodes: [{ node: 0, total: ram, cpus: processors }]
  }
  if (kind === "ram") return base
  const mode = align === 4 * KiB ? "fsdax" : "devdax"
  return {
    ...base,
    devices: [{
      name: "region0",
      kind: "pmem",
      start: deviceStart,
      size,
      node: 0,
      labels: true,
      configured: [{ name: "namespace0.0", size, mode, map, align }]
    }]
  }
}
