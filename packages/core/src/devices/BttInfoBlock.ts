/**
 * The info block of a BTT arena: the envelope and checksum of the pfn block around other fields (21.8).
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Btt from "./Btt.ts"
import * as InfoBlock from "./InfoBlock.ts"
import * as Uuid from "./Uuid.ts"

/**
 * The text a block begins with, without the NULs.
 *
 * @category constants
 * @since 0.1.0
 */
export const signatureText = "BTT_ARENA_INFO"

const paddingAt = 120

/**
 * A block, field by field. The offsets are 64-bit words, hence bigints; they count from the start of the arena.
 *
 * @category models
 * @since 0.1.0
 */
export interface BttInfoBlock extends InfoBlock.Envelope {
  readonly externalLbasize: number
  readonly externalNlba: number
  readonly internalLbasize: number
  readonly internalNlba: number
  readonly nfree: number
  readonly infosize: number
  readonly nextoff: bigint
  readonly dataoff: bigint
  readonly mapoff: bigint
  readonly logoff: bigint
  readonly info2off: bigint
  /** The bytes up to the checksum, absent when they are all zero. */
  readonly padding?: Uint8Array | undefined
}

/**
 * Reads the fields; the checksum is not looked at.
 *
 * @category encoding
 * @since 0.1.0
 */
export const decode = (bytes: Uint8Array): Result.Result<BttInfoBlock, InfoBlock.NotAnInfoBlock> => {
  if (bytes.byteLength < InfoBlock.blockSize || !InfoBlock.hasSignature(bytes, signatureText)) {
    return Result.fail(new InfoBlock.NotAnInfoBlock({ problem: "no block of a BTT arena", expected: signatureText }))
  }
  const { envelope, view } = InfoBlock.open(bytes, paddingAt)
  return Result.succeed({
    ...envelope,
    externalLbasize: view.getUint32(56, true),
    externalNlba: view.getUint32(60, true),
    internalLbasize: view.getUint32(64, true),
    internalNlba: view.getUint32(68, true),
    nfree: view.getUint32(72, true),
    infosize: view.getUint32(76, true),
    nextoff: view.getBigUint64(80, true),
    dataoff: view.getBigUint64(88, true),
    mapoff: view.getBigUint64(96, true),
    logoff: view.getBigUint64(104, true),
    info2off: view.getBigUint64(112, true)
  })
}

/**
 * The 4096 bytes of a block, checksum included.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encode = (block: BttInfoBlock): Uint8Array<ArrayBuffer> => {
  const { bytes, view } = InfoBlock.begin(signatureText, block)
  view.setUint32(56, block.externalLbasize, true)
  view.setUint32(60, block.externalNlba, true)
  view.setUint32(64, block.internalLbasize, true)
  view.setUint32(68, block.internalNlba, true)
  view.setUint32(72, block.nfree, true)
  view.setUint32(76, block.infosize, true)
  view.setBigUint64(80, block.nextoff, true)
  view.setBigUint64(88, block.dataoff, true)
  view.setBigUint64(96, block.mapoff, true)
  view.setBigUint64(104, block.logoff, true)
  view.setBigUint64(112, block.info2off, true)
  return InfoBlock.end(bytes, paddingAt, block.padding)
}

/**
 * The block the kernel writes at the start (and as a copy at the end) of the arena at `index`; `undefined` past the last.
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromLayout = (
  layout: Btt.Layout,
  index: number,
  options: { readonly uuid: string; readonly parentUuid?: string | undefined }
): BttInfoBlock | undefined => {
  const found = Btt.arenaAt(layout, index)
  if (found === undefined) return undefined
  const { arena } = found
  return {
    uuid: options.uuid,
    parentUuid: options.parentUuid ?? Uuid.zero,
    flags: 0,
    versionMajor: layout.version === "1.1" ? 1 : 2,
    versionMinor: layout.version === "1.1" ? 1 : 0,
    externalLbasize: layout.lbasize,
    externalNlba: arena.externalNlba,
    internalLbasize: arena.internalLbasize,
    internalNlba: arena.internalNlba,
    nfree: arena.internalNlba - arena.externalNlba,
    infosize: InfoBlock.blockSize,
    nextoff: BigInt(found.nextoff),
    dataoff: BigInt(arena.dataoff),
    mapoff: BigInt(arena.mapoff),
    logoff: BigInt(arena.logoff),
    info2off: BigInt(arena.info2off)
  }
}
