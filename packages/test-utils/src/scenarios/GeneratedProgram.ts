/**
 * Generated programs of two or three contexts on small machines, as data a person can read. They shrink towards few operations on a
 * plain machine.
 *
 * @since 0.1.0
 */
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"

const index = Schema.Literals([0, 1, 2])

/** Mostly the first, and shrinking towards it. */
const rarely = <const A extends number | string>(usual: A, ...rare: ReadonlyArray<A>) =>
  Schema.Literals([usual, usual, usual, usual, ...rare])

/**
 * Device memory behind what came before, `gapMiB` away: 2 MiB, a part of a section, a section or more. A `short` altmap has too little
 * room for the memmap; `order` 9: compounds of 2 MiB, which only plain device memory has, and not beside RAM. `background` unless `no`: whoever uses pages awaits them.
 *
 * @category models
 * @since 0.1.0
 */
export const Device = Schema.Struct({
  type: Schema.Literals(["fsdax", "generic", "private", "coherent", "p2pdma"]),
  gapMiB: Schema.Literals([0, 0, 2, 64, 126]),
  sizeMiB: Schema.Literals([128, 64, 2, 130, 256]),
  order: Schema.Literals([0, 9]),
  altmap: Schema.Literals(["none", "none", "fits", "fits", "short"]),
  background: Schema.Literals(["no", "possible", "posted"]),
  node: rarely<0 | 1>(0, 1)
})
/** @since 0.1.0 */
export type Device = typeof Device.Type

/**
 * A page: the first or last that users have of a device or of a block, or the last of boot's RAM.
 *
 * @category models
 * @since 0.1.0
 */
export const Place = Schema.Struct({
  what: Schema.Literals(["device", "device", "block", "ram"]),
  index,
  end: Schema.Literals(["first", "last"])
})
/** @since 0.1.0 */
export type Place = typeof Place.Type

/**
 * What a context does. Devices and blocks are given by number, counted round.
 *
 * - `Bind`, `Unbind`: a driver maps the device, or unmaps it, under the lock of the device; if it is so already, nothing
 * - `Use`: `get_dev_pagemap()` of a page of a bound device, wait for it, use it, give it back; of 2 MiB in its `middle`
 * - `Sync`: wait until nobody initialises pages of a bound device, and use some, with a reference
 * - `Find`: the same of a device that may be being mapped, whose pages nobody touches then
 * - `Read`: one of the lockless readers at a page
 * - `Add`, `Online`, `Offline`, `Remove`: a memory block; `own`: it holds its own memmap
 * - `Fail`: the allocation after the next `succeed` ones fails, whoever's it is
 *
 * @category models
 * @since 0.1.0
 */
export const Operation = Schema.Union([
  Schema.TaggedStruct("Use", { device: index, end: Schema.Literals(["first", "middle", "last"]) }),
  Schema.TaggedStruct("Bind", { device: index }),
  Schema.TaggedStruct("Unbind", { device: index }),
  Schema.TaggedStruct("Sync", { device: index }),
  Schema.TaggedStruct("Find", { device: index, end: Schema.Literals(["first", "last"]) }),
  Schema.TaggedStruct("Read", { reader: Schema.Literals(["pfn_valid", "online", "ram"]), place: Place }),
  Schema.TaggedStruct("Online", {
    block: index,
    type: Schema.Literals(["online", "online_kernel", "online_movable"])
  }),
  Schema.TaggedStruct("Offline", { block: index }),
  Schema.TaggedStruct("Add", { block: index, node: Schema.Literals([0, 1]), own: Schema.Boolean }),
  Schema.TaggedStruct("Remove", { block: index }),
  Schema.TaggedStruct("Fail", { succeed: Schema.Literals([0, 1, 2, 4, 7, 12]) })
])
/** @since 0.1.0 */
export type Operation = typeof Operation.Type

const someOperations = (minimum: number, maximum: number) =>
  Schema.Array(Operation).check(Schema.isMinLength(minimum), Schema.isMaxLength(maximum))

/**
 * A machine and what happens on it. `beside`: the devices begin in the last section of boot's RAM. Of `before`, devices and blocks are
 * made before the `contexts` begin. `second`: whether there is a second node; the last block is its RAM, where it has some.
 *
 * @category models
 * @since 0.1.0
 */
export const Program = Schema.Struct({
  kernel: rarely("6.1", "6.8", "6.18", "5.10"),
  poison: Schema.Boolean,
  ownMemmap: Schema.Boolean,
  second: Schema.Literals(["no", "with RAM", "empty"]),
  strategy: Schema.Literals([
    "at once",
    "at once",
    "async-2018-v2:workers=2;subRanges=2",
    "async-2018-v1:workers=2",
    "vmemmap:kernel=6.1;vmemmap=base;workers=2"
  ]),
  beside: Schema.Boolean,
  devices: Schema.Array(Device).check(Schema.isMinLength(1), Schema.isMaxLength(3)),
  before: someOperations(0, 3),
  contexts: Schema.Array(someOperations(1, 3)).check(Schema.isMinLength(2), Schema.isMaxLength(3))
})
/** @since 0.1.0 */
export type Program = typeof Program.Type

/**
 * @category arbitraries
 * @since 0.1.0
 */
export const arbitrary: Arbitrary.Arbitrary<Program> = Arbitrary.schema(Program)

/**
 * Of programs that are generated; a search begins with smaller ones.
 *
 * @category constants
 * @since 0.1.0
 */
export const size = 12

/**
 * The programs of a seed, always the same.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromSeed = (seed: number | string, count: number): ReadonlyArray<Program> =>
  Effect.runSync(Effect.orDie(Arbitrary.sampleEffect(arbitrary, { seed, count, size })))

/**
 * The name of a device or a block.
 *
 * @category conversions
 * @since 0.1.0
 */
export const nameOf = (devices: ReadonlyArray<unknown>, device: number): string => `dev${device % devices.length}`

const placeText = (devices: ReadonlyArray<unknown>, { end, index, what }: Place): string =>
  what === "ram" ? "ram" : `${end} page of ${what === "block" ? `block${index}` : nameOf(devices, index)}`

const operationText = (devices: ReadonlyArray<unknown>, operation: Operation): string => {
  switch (operation._tag) {
    case "Bind":
    case "Unbind":
    case "Sync":
      return `${operation._tag.toLowerCase()} ${nameOf(devices, operation.device)}`
    case "Use":
    case "Find":
      return `${operation._tag.toLowerCase()} ${operation.end} pages of ${nameOf(devices, operation.device)}`
    case "Read":
      return `${operation.reader} reads ${placeText(devices, operation.place)}`
    case "Online":
      return `${operation.type} block${operation.block}`
    case "Offline":
    case "Remove":
      return `${operation._tag.toLowerCase()} block${operation.block}`
    case "Add":
      return `add block${operation.block} to node ${operation.node}${operation.own ? ", own memmap" : ""}`
    case "Fail":
      return `allocation ${operation.succeed + 1} fails`
  }
}

const deviceText = ({ altmap, background, gapMiB, node, order, sizeMiB, type }: Device, i: number): string =>
  [
    `dev${i}: ${type}, ${sizeMiB} MiB`,
    gapMiB === 0 ? "" : `after ${gapMiB} MiB`,
    order === 0 ? "" : `order ${order}`,
    altmap === "none" ? "" : `altmap ${altmap}`,
    background === "no" ? "" : `background ${background}`,
    node === 0 ? "" : `node ${node}`
  ].filter((part) => part !== "").join(", ")

/**
 * The program in a few lines: the machine, its devices, and what each context does, by its letter.
 *
 * @category conversions
 * @since 0.1.0
 */
export const text = (program: Program): string => {
  const { before, beside, contexts, devices, kernel, ownMemmap, poison, second, strategy } = program
  const operations = (list: ReadonlyArray<Operation>) => list.map((one) => operationText(devices, one)).join("; ")
  const machine = [
    `kernel ${kernel}, ${strategy}`,
    second === "no" ? "" : `a second node${second === "empty" ? "" : ` ${second}`}`,
    poison ? "poison" : "",
    ownMemmap ? "memmap_on_memory" : "",
    beside ? "devices beside RAM" : ""
  ].filter((part) => part !== "").join(", ")
  return [
    machine,
    ...devices.map(deviceText),
    ...(before.length === 0 ? [] : [`before: ${operations(before)}`]),
    ...contexts.map((list, i) => `${String.fromCharCode("A".charCodeAt(0) + i)}: ${operations(list)}`)
  ].join("\n")
}
