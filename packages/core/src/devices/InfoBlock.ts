/**
 * The pfn / dax info block: 4096 bytes at byte 4096 of a namespace, little-endian (22.1).
 *
 * {@link decode} keeps every field as it stands on media, whatever the version; {@link normalise} applies what the kernel
 * makes of older versions. Whether a kernel would accept a block is another question: see `InfoBlockValidation`.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Fletcher64 from "./Fletcher64.ts"
import type { PfnLayout } from "./PfnLayout.ts"
import * as Uuid from "./Uuid.ts"

/**
 * Bytes of a block, and its offset in the namespace.
 *
 * @category constants
 * @since 0.1.0
 */
export const blockSize = 4096

const checksumAt = 4088
const paddingAt = 94

/**
 * `PFN`: the instance is a pfn device (fsdax). `DAX`: a dax device (devdax).
 *
 * @category models
 * @since 0.1.0
 */
export type Signature = "PFN" | "DAX"

const signatures: Readonly<Record<Signature, string>> = { PFN: "NVDIMM_PFN_INFO", DAX: "NVDIMM_DAX_INFO" }

/**
 * The text of a signature as it stands on media, without the NUL.
 *
 * @category queries
 * @since 0.1.0
 */
export const signatureText = (signature: Signature): string => signatures[signature]

/**
 * What pfn, dax and BTT blocks have in common ahead of their own fields (21.8, 22.1).
 *
 * @category models
 * @since 0.1.0
 */
export interface Envelope {
  readonly uuid: string
  readonly parentUuid: string
  readonly flags: number
  readonly versionMajor: number
  readonly versionMinor: number
}

/**
 * A block, field by field. `dataoff` and `npfns` are 64-bit words, hence bigints. `mode` is the raw number: 1 `mem`, 2
 * `dev`; a block on media may hold any. `padding` are the bytes between the last field and the checksum, absent when they
 * are all zero, so that encoding what was decoded gives the same bytes.
 *
 * @category models
 * @since 0.1.0
 */
export interface InfoBlock extends Envelope {
  readonly signature: Signature
  readonly dataoff: bigint
  readonly npfns: bigint
  readonly mode: number
  readonly startPad: number
  readonly endTrunc: number
  readonly align: number
  readonly pageSize: number
  readonly pageStructSize: number
  readonly padding?: Uint8Array | undefined
}

/**
 * Bytes that hold no pfn or dax info block.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotAnInfoBlock
  extends Schema.TaggedError<NotAnInfoBlock>("@vmemmap/core/InfoBlock/NotAnInfoBlock")("NotAnInfoBlock", {
    problem: Schema.String,
    expected: Schema.String
  })
{
  override get message() {
    return `${this.problem}; an info block is 4096 bytes and begins with ${this.expected}`
  }
}

/**
 * Whether the bytes begin with the text, all sixteen bytes of the field compared.
 *
 * @category predicates
 * @since 0.1.0
 */
export const hasSignature = (bytes: Uint8Array, text: string): boolean =>
  Array.from({ length: 16 }, (_, i) => bytes[i] === (i < text.length ? text.charCodeAt(i) : 0)).every(Boolean)

/**
 * Which of the two signatures a block begins with.
 *
 * @category queries
 * @since 0.1.0
 */
export const signatureOf = (bytes: Uint8Array): Signature | undefined =>
  hasSignature(bytes, signatures.PFN) ? "PFN" : hasSignature(bytes, signatures.DAX) ? "DAX" : undefined

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)

/**
 * The checksum a block of 4096 bytes should carry: over all of it, the checksum's own bytes taken as zero (22.2). BTT
 * blocks share it.
 *
 * @category checksums
 * @since 0.1.0
 */
export const checksumOf = (bytes: Uint8Array): bigint =>
  Fletcher64.make(bytes.subarray(0, checksumAt), new Uint8Array(blockSize - checksumAt))

/**
 * The checksum a block of 4096 bytes does carry.
 *
 * @category checksums
 * @since 0.1.0
 */
export const storedChecksum = (bytes: Uint8Array): bigint => viewOf(bytes).getBigUint64(checksumAt, true)

/**
 * A copy of a block with the checksum that belongs to it.
 *
 * @category checksums
 * @since 0.1.0
 */
export const seal = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => {
  const out = new Uint8Array(blockSize)
  out.set(bytes.subarray(0, checksumAt))
  viewOf(out).setBigUint64(checksumAt, checksumOf(out), true)
  return out
}

/**
 * An empty block that begins with the text of a signature and the envelope, and a view on it for the other fields.
 *
 * @category encoding
 * @since 0.1.0
 */
export const begin = (
  signature: string,
  block: Envelope
): { readonly bytes: Uint8Array; readonly view: DataView } => {
  const bytes = new Uint8Array(blockSize)
  const view = viewOf(bytes)
  for (let i = 0; i < signature.length; i++) bytes[i] = signature.charCodeAt(i)
  bytes.set(Uuid.toBytes(block.uuid), 16)
  bytes.set(Uuid.toBytes(block.parentUuid), 32)
  view.setUint32(48, block.flags, true)
  view.setUint16(52, block.versionMajor, true)
  view.setUint16(54, block.versionMinor, true)
  return { bytes, view }
}

/**
 * The block with the padding between its last field and the checksum, and the checksum.
 *
 * @category encoding
 * @since 0.1.0
 */
export const end = (
  bytes: Uint8Array,
  paddingAt: number,
  padding: Uint8Array | undefined
): Uint8Array<ArrayBuffer> => {
  bytes.set(padding?.subarray(0, checksumAt - paddingAt) ?? [], paddingAt)
  return seal(bytes)
}

const isBlank = (bytes: Uint8Array): boolean => {
  for (let i = 0; i < bytes.length; i++) if (bytes[i] !== 0) return false
  return true
}

/**
 * The envelope of a block, with its padding if that is not all zero, and a view on the other fields.
 *
 * @category encoding
 * @since 0.1.0
 */
export const open = (
  bytes: Uint8Array,
  paddingAt: number
): { readonly envelope: Envelope & { readonly padding?: Uint8Array }; readonly view: DataView } => {
  const view = viewOf(bytes)
  const padding = bytes.slice(paddingAt, checksumAt)
  const envelope = {
    uuid: Uuid.fromBytes(bytes, 16),
    parentUuid: Uuid.fromBytes(bytes, 32),
    flags: view.getUint32(48, true),
    versionMajor: view.getUint16(52, true),
    versionMinor: view.getUint16(54, true),
    ...(isBlank(padding) ? {} : { padding })
  }
  return { envelope, view }
}

/**
 * The 4096 bytes of a block, checksum included. Numbers wider than their field are cut to it, as the kernel's stores do.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode = (block: InfoBlock): Uint8Array<ArrayBuffer> => {
  const { bytes, view } = begin(signatures[block.signature], block)
  view.setBigUint64(56, block.dataoff, true)
  view.setBigUint64(64, block.npfns, true)
  view.setUint32(72, block.mode, true)
  view.setUint32(76, block.startPad, true)
  view.setUint32(80, block.endTrunc, true)
  view.setUint32(84, block.align, true)
  view.setUint32(88, block.pageSize, true)
  view.setUint16(92, block.pageStructSize, true)
  return end(bytes, paddingAt, block.padding)
}

/**
 * Reads the fields of a block. Fails when there are fewer than 4096 bytes or the signature is another; the checksum is not
 * looked at ({@link checksumOf}, {@link storedChecksum}).
 *
 * @category encoding
 * @since 0.1.0
 */
export const decode = (bytes: Uint8Array): Result.Result<InfoBlock, NotAnInfoBlock> => {
  const expected = `${signatures.PFN} or ${signatures.DAX}`
  if (bytes.byteLength < blockSize) {
    return Result.fail(new NotAnInfoBlock({ problem: `only ${bytes.byteLength} bytes`, expected }))
  }
  const signature = signatureOf(bytes)
  if (signature === undefined) return Result.fail(new NotAnInfoBlock({ problem: "the signature is another", expected }))
  const { envelope, view } = open(bytes, paddingAt)
  return Result.succeed({
    ...envelope,
    signature,
    dataoff: view.getBigUint64(56, true),
    npfns: view.getBigUint64(64, true),
    mode: view.getUint32(72, true),
    startPad: view.getUint32(76, true),
    endTrunc: view.getUint32(80, true),
    align: view.getUint32(84, true),
    pageSize: view.getUint32(88, true),
    pageStructSize: view.getUint16(92, true)
  })
}

/**
 * The fields whose meaning depends on the minor version. `align` may be a power of two up to 2^63.
 *
 * @category models
 * @since 0.1.0
 */
export interface Normalised {
  readonly startPad: number
  readonly endTrunc: number
  readonly align: bigint
  readonly pageSize: number
  readonly pageStructSize: number
}

/**
 * What the kernel reads from a block of any version (22.1 'On read'): minor < 1 has no padding fields, minor < 2 no align,
 * minor < 4 no sizes. An align of 0, of any version, becomes the largest power of two not above dataoff.
 *
 * @category versions
 * @since 0.1.0
 */
export const normalise = (block: InfoBlock, pageSize: number): Normalised => {
  const align = block.versionMinor < 2 ? 0 : block.align
  const padded = block.versionMinor >= 1
  const sized = block.versionMinor >= 4
  return {
    startPad: padded ? block.startPad : 0,
    endTrunc: padded ? block.endTrunc : 0,
    align: align === 0 ? powerBelow(block.dataoff) : BigInt(align),
    pageSize: sized ? block.pageSize : pageSize,
    pageStructSize: sized ? block.pageStructSize : 64
  }
}

/** `1 << ilog2(x)`; for 0 the shift count wraps to 63 on x86, which no capacity reaches. */
const powerBelow = (value: bigint): bigint => 1n << (value === 0n ? 63n : BigInt(value.toString(2).length - 1))

/**
 * The block a kernel writes for a layout (22.3 step 7). Fields that came with a later minor version than the one written
 * are zero.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromLayout = (
  layout: PfnLayout,
  options: {
    readonly signature: Signature
    readonly uuid: string
    /** Of a labelled namespace; zero without labels. */
    readonly parentUuid?: string | undefined
    readonly pageSize: number
    /** 4 unless said otherwise. */
    readonly versionMinor?: number | undefined
    /** What the writer set aside per page; 64 unless said otherwise. */
    readonly pageStructSize?: number | undefined
  }
): InfoBlock => {
  const versionMinor = options.versionMinor ?? 4
  return {
    signature: options.signature,
    uuid: options.uuid,
    parentUuid: options.parentUuid ?? Uuid.zero,
    flags: 0,
    versionMajor: 1,
    versionMinor,
    dataoff: BigInt(layout.dataoff),
    npfns: BigInt(layout.npfns),
    mode: layout.map === "dev" ? 2 : 1,
    startPad: versionMinor < 1 ? 0 : layout.startPad,
    endTrunc: versionMinor < 1 ? 0 : layout.endTrunc,
    align: versionMinor < 2 ? 0 : layout.align,
    pageSize: versionMinor < 4 ? 0 : options.pageSize,
    pageStructSize: versionMinor < 4 ? 0 : options.pageStructSize ?? 64
  }
}
