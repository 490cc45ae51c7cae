/**
 * Generated machines and programs. Values shrink towards small round numbers and short programs.
 *
 * @since 0.1.0
 */
import * as Alignment from "@vmemmap/core/geometry/Alignment"
import * as Architecture from "@vmemmap/core/geometry/Architecture"
import { MiB } from "@vmemmap/core/geometry/Units"
import type { MachineSpec } from "@vmemmap/core/machine/MachineSpec"
import * as Arbitrary from "effect/Arbitrary"
import * as Schema from "effect/Schema"
import type * as Program from "./Program.ts"

const upTo = (maximum: number) => Schema.Int.check(Schema.isBetween({ minimum: 0, maximum }))

/** RAM behind what came before: whole sections and subsections of distance and size, and some odd pages. */
const RamPiece = Schema.Struct({
  gapSections: upTo(1),
  gapMiB: Schema.Literals([0, 2, 6, 30, 126]),
  sizeMiB: Schema.Literals([128, 64, 130, 2, 254]),
  oddPages: Schema.Literals([0, 0, 1, 300])
})

const MachineShape = Schema.Struct({
  kernel: Schema.Literals(["6.1.176", "6.1.0", "5.10", "6.8", "6.18"]),
  poison: Schema.Boolean,
  structPage: Schema.Literals([64, 64, 64, 64, 56, 80]),
  first: Schema.Literals([128, 192, 250]),
  oddPages: Schema.Literals([0, 0, 5]),
  rest: Schema.Array(RamPiece).check(Schema.isMaxLength(3)),
  nodes: Schema.Literals([1, 2, 3])
})

/**
 * Machines with 128 MiB to about 1 GiB of RAM in up to four pieces with holes between them, on one to three nodes.
 *
 * @category machines
 * @since 0.1.0
 */
export const machine = (arch: Architecture.Name = "x86_64"): Arbitrary.Arbitrary<MachineSpec> => {
  const { pageSize, sectionSize } = Architecture.presets[arch]
  return Arbitrary.schema(MachineShape).pipe(
    Arbitrary.map(({ first, kernel, nodes, oddPages, poison, rest, structPage }) => {
      const ranges = [{ kind: "ram" as const, start: 0, size: first * MiB - oddPages * pageSize, node: 0 }]
      for (const [i, { gapMiB, gapSections, oddPages, sizeMiB }] of rest.entries()) {
        const previous = ranges.at(-1)
        const start = (previous === undefined ? 0 : Alignment.up(previous.start + previous.size, 2 * MiB)) +
          gapSections * sectionSize + gapMiB * MiB
        ranges.push({
          kind: "ram",
          start,
          size: sizeMiB * MiB - (oddPages * pageSize < MiB * 2 ? oddPages * pageSize : 0),
          node: Math.min(nodes - 1, i + 1)
        })
      }
      return {
        kernel,
        arch,
        structPage,
        ranges,
        cmdline: "memory_hotplug.memmap_on_memory=1",
        ...(poison ? { debugPoison: true } : {})
      }
    })
  )
}

/** Mostly the first, and shrinking towards it. */
const rarely = <const A extends number | boolean>(usual: A, rare: A) =>
  Schema.Literals([...Array.from({ length: 15 }, () => usual), rare])

const names = Schema.Literals(["a", "a", "b", "c"])

/** Two windows: around RAM, and around the boundary of section roots and PMD tables at section 512. */
const Window = Schema.Literals([0, 0, 0, 0, 0, 504])

const RangeShape = Schema.Struct({
  window: Window,
  section: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 12 })),
  subsection: Schema.Literals([0, 0, 1, 2, 31, 63]),
  sections: Schema.Literals([0, 1, 2]),
  subsections: Schema.Literals([1, 0, 2, 33]),
  oddPages: rarely(0, 1)
})

/** Orders of compounds; the last two are wider than a section. */
const orders = [0, 0, 0, 0, 0, 0, 0, 9, 9, 9, 1, 8, 10, 16] as const

const MapShape = Schema.TaggedStruct("Map", {
  name: names,
  type: Schema.Literals(["generic", "fsdax", "private", "coherent", "p2pdma", "unset"]),
  range: RangeShape,
  second: Schema.Struct({ is: Schema.Literals([false, false, false, true]), ...RangeShape.fields }),
  node: Schema.Literals([0, 1, -1]),
  order: Schema.Literals(orders),
  altmap: Schema.Literals([
    "none",
    "none",
    "none",
    "none",
    "fits",
    "fits",
    "fits",
    "fits",
    "short",
    "short",
    "misplaced"
  ]),
  complete: rarely(true, false),
  empty: rarely(false, true)
})

const ramNames = Schema.Literals(["m", "m", "n"])

const block = Schema.Literals([-1, -1, 0, 1, 2])

const AddShape = Schema.TaggedStruct("Add", {
  name: ramNames,
  window: Window,
  section: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 12 })),
  blocks: Schema.Literals([1, 1, 2, 3]),
  node: Schema.Literals([0, 0, 1]),
  selfHosted: Schema.Boolean,
  oddMiB: rarely(0, 2)
})

const RamShape = Schema.Union([
  AddShape,
  AddShape,
  Schema.TaggedStruct("Online", {
    name: ramNames,
    block,
    type: Schema.Literals(["online", "online_kernel", "online_movable"])
  }),
  Schema.TaggedStruct("Online", { name: ramNames, block, type: Schema.Literals(["online", "online_movable"]) }),
  Schema.TaggedStruct("Offline", { name: ramNames, block }),
  Schema.TaggedStruct("Remove", { name: ramNames })
])

const UnmapShape = Schema.TaggedStruct("Unmap", { name: names })

const FailShape = Schema.TaggedStruct("FailAllocation", { succeed: Schema.Literals([0, 1, 2, 3, 5, 8, 20, 600]) })

const PagemapShapes = Schema.Union([
  MapShape,
  MapShape,
  MapShape,
  MapShape,
  UnmapShape,
  UnmapShape,
  Schema.TaggedStruct("Get", { name: names }),
  Schema.TaggedStruct("Get", { name: names }),
  Schema.TaggedStruct("Put", { name: names }),
  FailShape
])

const RamShapes = Schema.Union([
  RamShape,
  RamShape,
  RamShape,
  RamShape,
  RamShape,
  RamShape,
  MapShape,
  UnmapShape,
  FailShape
])

type Shape = typeof PagemapShapes.Type | typeof RamShapes.Type

const toOperation = (arch: Architecture.Architecture) => (shape: Shape): Program.Operation => {
  const sectionMiB = arch.sectionSize / MiB
  switch (shape._tag) {
    case "Map": {
      const { empty, order, range, second, ...rest } = shape
      const ranges = empty ? [] : second.is ? [range, second] : [range]
      // Compounds begin where the kernel lets drivers begin them, or at any subsection when wider than a section (SPW-6).
      const width = 2 ** order * arch.pageSize
      const grain = width > arch.sectionSize ? 2 : Math.max(2, width / MiB)
      return {
        ...rest,
        order,
        ranges: ranges.map(({ oddPages, section, sections, subsection, subsections, window }) => ({
          startMiB: Alignment.down((window + section) * sectionMiB + subsection * 2, grain),
          sizeMiB: Alignment.up(Math.max(2, sections * sectionMiB + subsections * 2), grain),
          ...(oddPages === 0 ? {} : { pages: oddPages })
        }))
      }
    }
    case "Add": {
      const { blocks, name, node, oddMiB, section, selfHosted, window } = shape
      const startMiB = (window + section) * sectionMiB + oddMiB
      return { _tag: "Add", name, startMiB, sizeMiB: blocks * sectionMiB, node, selfHosted }
    }
    case "Online": {
      const { block, ...rest } = shape
      return block < 0 ? rest : { ...rest, block }
    }
    case "Offline": {
      const { block, ...rest } = shape
      return block < 0 ? rest : { ...rest, block }
    }
    default:
      return shape
  }
}

const programOf = (shapes: Arbitrary.Arbitrary<Shape>, arch: Architecture.Name, length: number) =>
  Arbitrary.array(Arbitrary.map(shapes, toOperation(Architecture.presets[arch])), { minLength: 1, maxLength: length })

/**
 * Programs of at most `length` operations on pagemaps, in two windows of twelve sections, so that they meet RAM and each
 * other often.
 *
 * @category programs
 * @since 0.1.0
 */
export const pagemaps = (
  arch: Architecture.Name = "x86_64",
  length = 8
): Arbitrary.Arbitrary<ReadonlyArray<Program.Operation>> => programOf(Arbitrary.schema(PagemapShapes), arch, length)

/**
 * Programs that add, online, offline and remove System RAM in the same windows, with a pagemap among them now and then.
 *
 * @category programs
 * @since 0.1.0
 */
export const systemRam = (
  arch: Architecture.Name = "x86_64",
  length = 12
): Arbitrary.Arbitrary<ReadonlyArray<Program.Operation>> => programOf(Arbitrary.schema(RamShapes), arch, length)
