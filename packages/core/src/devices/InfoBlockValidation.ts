/**
 * Whether a kernel takes an info block it finds on media: the checks of `nd_pfn_validate()`, in order (22.4).
 *
 * `ENODEV` means "not mine, another may be created", `EOPNOTSUPP` "mine, but unusable here".
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { hex } from "../geometry/Pfn.ts"
import * as InfoBlock from "./InfoBlock.ts"
import type { Map } from "./PfnLayout.ts"
import * as Uuid from "./Uuid.ts"

/**
 * The namespace that carries the block. `start` and `size` in bytes; `uuid` absent without labels. `memory` is false when
 * the parent region is no memory region (row 2).
 *
 * @category models
 * @since 0.1.0
 */
export interface Namespace {
  readonly start: number
  readonly size: number
  readonly uuid?: string | undefined
  readonly memory?: boolean | undefined
}

/**
 * The pfn or dax device that wants the block: while it has no uuid it adopts what the block says (row 11), afterwards it
 * must agree with it (rows 12 and 13).
 *
 * @category models
 * @since 0.1.0
 */
export interface Instance {
  readonly signature: InfoBlock.Signature
  readonly uuid?: string | undefined
  readonly align?: number | undefined
  readonly map?: Map | undefined
}

/**
 * The running kernel: bytes throughout. `supportedAligns` and `compatAlign` as `Architecture.daxAligns` and `compatAlign`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Kernel {
  readonly pageSize: number
  readonly structPage: number
  readonly supportedAligns: ReadonlyArray<number>
  readonly compatAlign: number
}

/**
 * A block that is accepted, as the kernel then sees it. `adopted`: uuid, align and map were taken from it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Accepted {
  readonly block: InfoBlock.InfoBlock
  readonly normalised: InfoBlock.Normalised
  readonly map: Map
  readonly adopted: boolean
}

/**
 * A block that is refused: the row of 22.4's table and the error the probe ends with.
 *
 * @category errors
 * @since 0.1.0
 */
export class Refused extends Schema.TaggedError<Refused>("@vmemmap/core/InfoBlockValidation/Refused")("Refused", {
  row: Schema.Int,
  errno: Schema.Literals(["ENODEV", "ENXIO", "EOPNOTSUPP"]),
  problem: Schema.String,
  remedy: Schema.String
}) {
  /** The rule of the specification. */
  get rule() {
    return `22.4 row ${this.row}`
  }
  override get message() {
    return `${this.errno} (${this.rule}): ${this.problem}; ${this.remedy}`
  }
}

/** The kernel's IS_ALIGNED on 64-bit words: a mask, also where `unit` is no power of two. */
const isAligned = (value: bigint, unit: bigint): boolean => (BigInt.asUintN(64, value) & (unit - 1n)) === 0n

const refuse = (row: number, errno: Refused["errno"], problem: string, remedy: string) =>
  Result.fail(new Refused({ row, errno, problem, remedy }))

const elsewhere = "another block can be created here"

/**
 * Validates the 4096 bytes found 4096 bytes into a namespace. `bytes` is `null` when they cannot be read (a bad block, a
 * namespace too short), `namespace` is `null` when there is none.
 *
 * @category validation
 * @since 0.1.0
 */
export const validate = (
  bytes: Uint8Array | null,
  namespace: Namespace | null,
  instance: Instance,
  kernel: Kernel
): Result.Result<Accepted, Refused> => {
  if (namespace === null) return refuse(1, "ENODEV", "there is no namespace", "attach one first")
  if (namespace.memory === false) return refuse(2, "ENODEV", "the region is no memory region", elsewhere)
  if (bytes === null || bytes.byteLength < InfoBlock.blockSize) {
    return refuse(3, "ENXIO", "the block cannot be read", "clear the bad blocks, or use a larger namespace")
  }
  const block = Result.getOrUndefined(InfoBlock.decode(bytes))
  if (block === undefined || block.signature !== instance.signature) {
    return refuse(4, "ENODEV", `the signature is not ${InfoBlock.signatureText(instance.signature)}`, elsewhere)
  }
  const stored = InfoBlock.storedChecksum(bytes)
  const expected = InfoBlock.checksumOf(bytes)
  if (stored !== expected) {
    return refuse(5, "ENODEV", `the checksum is ${hex(stored)}, should be ${hex(expected)}`, elsewhere)
  }
  const parent = (namespace.uuid ?? Uuid.zero).toLowerCase()
  if (block.parentUuid !== parent) {
    return refuse(6, "ENODEV", `the parent uuid is ${block.parentUuid}, the namespace's ${parent}`, elsewhere)
  }
  if (block.mode !== 1 && block.mode !== 2) {
    return refuse(7, "ENXIO", `mode ${block.mode} is neither 1 (mem) nor 2 (dev)`, "re-create the namespace")
  }
  return compatible(block, namespace, instance, kernel, block.mode === 2 ? "dev" : "mem")
}

const compatible = (
  block: InfoBlock.InfoBlock,
  namespace: Namespace,
  instance: Instance,
  kernel: Kernel,
  map: Map
): Result.Result<Accepted, Refused> => {
  const normalised = InfoBlock.normalise(block, kernel.pageSize)
  const { align } = normalised
  if (normalised.pageSize > kernel.pageSize && map === "dev") {
    return refuse(
      8,
      "EOPNOTSUPP",
      `made for pages of ${normalised.pageSize} bytes, this kernel has ${kernel.pageSize}`,
      "use a kernel with that page size, or re-create the namespace"
    )
  }
  if (normalised.pageStructSize < kernel.structPage && map === "dev") {
    return refuse(
      9,
      "EOPNOTSUPP",
      `${normalised.pageStructSize} bytes are set aside per page, this kernel needs ${kernel.structPage}`,
      "use a kernel without the debug options that enlarge struct page, or re-create the namespace with map=mem"
    )
  }
  if (block.signature === "DAX" && !kernel.supportedAligns.some((supported) => BigInt(supported) === align)) {
    return refuse(
      10,
      "EOPNOTSUPP",
      `alignment ${hex(align)} is not supported by this kernel`,
      `re-create the namespace with one of ${kernel.supportedAligns.join(", ")}`
    )
  }
  if (instance.uuid !== undefined) {
    if (instance.uuid.toLowerCase() !== block.uuid) {
      return refuse(12, "ENODEV", `the uuid is ${block.uuid}, the instance's ${instance.uuid}`, elsewhere)
    }
    if ((instance.align !== undefined && BigInt(instance.align) !== align) || (instance.map ?? map) !== map) {
      return refuse(
        13,
        "EOPNOTSUPP",
        `the block has align ${hex(align)} and map ${map}, the instance ${
          hex(instance.align ?? 0)
        } and ${instance.map}`,
        "give the instance the align and map of the block"
      )
    }
  }
  return placed(block, normalised, namespace, kernel, map, instance.uuid === undefined)
}

const placed = (
  block: InfoBlock.InfoBlock,
  normalised: InfoBlock.Normalised,
  namespace: Namespace,
  kernel: Kernel,
  map: Map,
  adopted: boolean
): Result.Result<Accepted, Refused> => {
  const { align } = normalised
  const size = BigInt(namespace.size)
  const compat = BigInt(kernel.compatAlign)
  const start = BigInt(namespace.start) + BigInt(normalised.startPad)
  const end = BigInt(namespace.start) + size - BigInt(normalised.endTrunc)
  if (align > size) {
    return refuse(14, "EOPNOTSUPP", `alignment ${hex(align)} exceeds the size ${hex(size)}`, "use a smaller alignment")
  }
  if (block.dataoff >= size) {
    return refuse(
      15,
      "EOPNOTSUPP",
      `data would begin at ${hex(block.dataoff)} of ${hex(size)}`,
      "the block was made for a larger namespace: re-create it"
    )
  }
  if (!isAligned(start + block.dataoff, align) || !isAligned(block.dataoff, BigInt(kernel.pageSize))) {
    return refuse(
      16,
      "EOPNOTSUPP",
      `data at ${hex(start + block.dataoff)} is not aligned to ${hex(align)}`,
      "the block was made for another address: re-create the namespace"
    )
  }
  if (!isAligned(start, compat)) {
    return refuse(
      17,
      "EOPNOTSUPP",
      `resource start misaligned: ${hex(start)} is no multiple of ${hex(compat)}`,
      "re-create the namespace on an aligned start"
    )
  }
  if (!isAligned(end, compat)) {
    return refuse(
      18,
      "EOPNOTSUPP",
      `resource end misaligned: ${hex(end)} is no multiple of ${hex(compat)}`,
      "re-create the namespace with an aligned end"
    )
  }
  return Result.succeed({ block, normalised, map, adopted })
}
