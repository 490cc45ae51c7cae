/**
 * `ndctl read-infoblock` (76): what it prints for the first 8192 bytes of an image or of a disabled namespace (OBS-26,
 * OBS-27).
 *
 * Blocks are printed whenever the signature matches; nothing is verified unless asked.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as BttInfoBlock from "../devices/BttInfoBlock.ts"
import * as InfoBlock from "../devices/InfoBlock.ts"
import * as Uuid from "../devices/Uuid.ts"
import { hex } from "../geometry/Pfn.ts"
import * as Errno from "../kernel/Errno.ts"
import * as JsonC from "./JsonC.ts"

/**
 * A field as printed: 64-bit words are bigints and must be printed digit for digit ({@link JsonC}).
 *
 * @category models
 * @since 0.1.0
 */
export type Value = string | number | bigint

/**
 * One block, fields in the order of the tool.
 *
 * @category models
 * @since 0.1.0
 */
export type Block = Readonly<Record<string, Value>>

/**
 * `-j`, `-u` (hexadecimal strings, implies `-j`) and `-V` (the checksum and, on a labelled namespace, the first byte
 * of the parent uuid must match).
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly json?: boolean | undefined
  readonly human?: boolean | undefined
  readonly verify?: boolean | undefined
}

/**
 * Where the bytes come from: an image by the name typed (`<stdin>` for standard input), or a namespace.
 *
 * @category models
 * @since 0.1.0
 */
export type Source =
  | { readonly _tag: "File"; readonly name: string }
  | {
    readonly _tag: "Namespace"
    readonly name: string
    readonly active: boolean
    readonly uuid?: string | undefined
  }

/**
 * `stderr` without its last newline. `blocks` is `null` when the tool fails or was not asked for JSON; `stdout` is then
 * empty, or `raw` holds the 8192 bytes it copies.
 *
 * @category models
 * @since 0.1.0
 */
export interface Answer {
  readonly exit: number
  readonly stderr: string
  readonly blocks: ReadonlyArray<Block> | null
  readonly stdout: string
  readonly raw: Uint8Array | null
}

/**
 * Bytes of an image the tools read and write: a free block, and the info block.
 *
 * @category constants
 * @since 0.1.0
 */
export const imageSize = 8192

/** Numbers the tool keeps in a signed 32-bit integer. */
const signed = (value: number): number => value < 2 ** 31 ? value : value - 2 ** 32

const word = (value: number | bigint, options: Options): Value =>
  options.human === true ? hex(value).replace(/^0x0$/, "0") : value

const envelope = (source: Source, signature: string, block: InfoBlock.Envelope, options: Options): Block => ({
  ...(source._tag === "Namespace" ? { dev: source.name } : { file: source.name }),
  signature,
  uuid: block.uuid,
  parent_uuid: block.parentUuid,
  flags: word(block.flags, options),
  version: `${block.versionMajor}.${block.versionMinor}`
})

const btt = (bytes: Uint8Array, source: Source, options: Options): ReadonlyArray<Block> =>
  Result.match(BttInfoBlock.decode(bytes), {
    onFailure: () => [],
    onSuccess: (block) =>
      isShown(bytes, block, source, options)
        ? [{
          ...envelope(source, BttInfoBlock.signatureText, block, options),
          external_lbasize: signed(block.externalLbasize),
          external_nlba: signed(block.externalNlba),
          internal_lbasize: signed(block.internalLbasize),
          internal_nlba: signed(block.internalNlba),
          nfree: signed(block.nfree),
          infosize: signed(block.infosize),
          nextoff: word(block.nextoff, options),
          dataoff: word(block.dataoff, options),
          mapoff: word(block.mapoff, options),
          logoff: word(block.logoff, options),
          info2off: word(block.info2off, options)
        }]
        : []
  })

const pfn = (bytes: Uint8Array, source: Source, options: Options): ReadonlyArray<Block> =>
  Result.match(InfoBlock.decode(bytes), {
    onFailure: () => [],
    onSuccess: (block) =>
      isShown(bytes, block, source, options)
        ? [{
          ...envelope(source, InfoBlock.signatureText(block.signature), block, options),
          dataoff: word(block.dataoff, options),
          npfns: word(block.npfns, options),
          mode: signed(block.mode),
          start_pad: word(block.startPad, options),
          end_trunc: word(block.endTrunc, options),
          align: word(block.align, options),
          page_size: word(block.pageSize, options),
          page_struct_size: word(block.pageStructSize, options)
        }]
        : []
  })

/** The version must fit in three characters, or the block is passed over. */
const isShown = (bytes: Uint8Array, block: InfoBlock.Envelope, source: Source, options: Options): boolean => {
  if (`${block.versionMajor}.${block.versionMinor}`.length > 3) return false
  if (options.verify !== true) return true
  if (InfoBlock.checksumOf(bytes) !== InfoBlock.storedChecksum(bytes)) return false
  const parent = source._tag === "Namespace" ? source.uuid ?? Uuid.zero : Uuid.zero
  // the tool compares the first byte only
  return parent === Uuid.zero || parent.slice(0, 2).toLowerCase() === block.parentUuid.slice(0, 2)
}

const failed = (errno: Errno.Errno): Answer => ({
  exit: Errno.exit(errno),
  stderr: `error reading infoblock data: ${Errno.text(errno)}\nread 0 infoblocks`,
  blocks: null,
  stdout: "",
  raw: null
})

/**
 * Runs the tool on the first bytes of its source; more than 8192 are ignored, fewer fail with EIO.
 *
 * @category commands
 * @since 0.1.0
 */
export const run = (bytes: Uint8Array, source: Source, options: Options): Answer => {
  if (source._tag === "Namespace" && source.active) return failed("EBUSY")
  if (bytes.byteLength < imageSize) return failed("EIO")
  const image = bytes.subarray(0, imageSize)
  if (options.json !== true && options.human !== true) {
    return { exit: 0, stderr: "read 1 infoblock", blocks: null, stdout: "", raw: image }
  }
  const second = image.subarray(imageSize - InfoBlock.blockSize)
  const blocks = [...btt(second, source, options), ...btt(image, source, options), ...pfn(second, source, options)]
  return {
    exit: 0,
    stderr: `${blocks.length === 0 ? "  Warning: no matching devices found\n\n" : ""}read 1 infoblock`,
    blocks,
    stdout: JsonC.print(blocks),
    raw: null
  }
}
