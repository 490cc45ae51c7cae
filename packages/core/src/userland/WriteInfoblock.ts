/**
 * `ndctl write-infoblock` (76): what it writes for an image, to standard output or on a disabled namespace, and what it
 * says (22.7, OBS-24, OBS-26).
 *
 * The tool's arithmetic is not the kernel's (`PfnLayout`): it reckons from `--offset`, fills in start_pad, and takes any
 * power of two. Everything is 64-bit unsigned and cut to the width of the field, as in the tool.
 *
 * @since 0.1.0
 */
import * as InfoBlock from "../devices/InfoBlock.ts"
import * as Uuid from "../devices/Uuid.ts"
import * as Errno from "../kernel/Errno.ts"
import * as NamespaceOptions from "./NamespaceOptions.ts"
import { imageSize } from "./ReadInfoblock.ts"
import * as ToolSize from "./ToolSize.ts"

/**
 * The options as typed; the comments give the short form.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  /** `-o` */
  readonly output?: string | undefined
  /** `-c` */
  readonly stdout?: boolean | undefined
  /** `-m` */
  readonly mode?: string | undefined
  /** `-M` */
  readonly map?: string | undefined
  /** `-a` */
  readonly align?: string | undefined
  /** `-s` */
  readonly size?: string | undefined
  /** `-u` */
  readonly uuid?: string | undefined
  /** `-p` */
  readonly parentUuid?: string | undefined
  /** `-O` */
  readonly offset?: string | undefined
  /** The argument. */
  readonly namespace?: string | undefined
}

/**
 * What is written to. `Image`: the file of `-o`; `size` is `null` when it does not exist yet. `Namespace`: bytes of the
 * raw block device. `None`: standard output, or a namespace that does not exist.
 *
 * @category models
 * @since 0.1.0
 */
export type Target =
  | { readonly _tag: "Image"; readonly size: number | null }
  | {
    readonly _tag: "Namespace"
    readonly size: number
    readonly active: boolean
    readonly uuid?: string | undefined
  }
  | { readonly _tag: "None" }

/**
 * What the tool does not take from its options: a fresh random uuid, and the page size of the machine.
 *
 * @category models
 * @since 0.1.0
 */
export interface Surroundings {
  readonly freshUuid: string
  readonly pageSize?: number | undefined
}

/**
 * `stderr` is the text without its last newline; with `usage` the tool's option list follows it. `bytes` are the 8192
 * bytes written, `null` when none are. `sizeAfter` is the size of the image afterwards, `null` when there is no image or it
 * was not touched.
 *
 * @category models
 * @since 0.1.0
 */
export interface Answer {
  readonly exit: number
  readonly stderr: string
  readonly usage: boolean
  readonly bytes: Uint8Array<ArrayBuffer> | null
  readonly sizeAfter: number | null
}

/** Complaints about the options, in the tool's order; it checks all of them before it gives up. */
const complaints = (options: Options, pageSize: number): ReadonlyArray<string> => {
  const out = [...NamespaceOptions.complaints({ ...options, mode: options.mode ?? "fsdax" }, pageSize, true)]
  const elsewhere = options.output !== undefined || options.stdout === true
  if (options.namespace === undefined && !elsewhere) out.push("specify a namespace to write-infoblock, or \"all\"")
  if (options.namespace !== undefined && elsewhere) {
    out.push("specify only one of a namespace filter, --output, or --stdout")
  }
  if (options.stdout === true && options.size === undefined) out.push("--size required with --stdout")
  return out
}

const error = (text: string): string => `  Error: ${text}\n\n`

const done = (written: number, before: string): string =>
  `${before}wrote ${written} infoblock${written === 1 ? "" : "s"}`

const failed = (errno: Errno.Errno, sizeAfter: number | null, before = ""): Answer => ({
  exit: Errno.exit(errno),
  stderr: done(0, `${before}error checking infoblocks: ${Errno.text(errno)}\n`),
  usage: false,
  bytes: null,
  sizeAfter
})

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value)

const down = (value: bigint, unit: bigint): bigint => value - (value % unit)

const up = (value: bigint, unit: bigint): bigint => u64(down(u64(value + unit - 1n), unit))

interface Request {
  readonly start: bigint
  readonly size: bigint
  readonly align: bigint
  readonly page: bigint
  readonly dev: boolean
}

/** The fields that follow from geometry; `null` when the data would begin at or behind the end. */
const geometry = ({ align, dev, page, size, start }: Request) => {
  const unit = align > 2097152n ? align : 2097152n
  const startPad = Number(BigInt.asUintN(32, u64(up(start, unit) - start)))
  const end = u64(start + size)
  const endTrunc = Number(BigInt.asUintN(32, u64(end - down(end, unit))))
  const reserve = dev ? u64(64n * (u64(size - 8192n) / page)) : 0n
  const dataoff = u64(up(u64(start + 8192n + reserve), unit) - start)
  if (dataoff >= size) return null
  const npfns = u64(size - dataoff - BigInt(endTrunc) - BigInt(startPad)) / page
  return { startPad, endTrunc, dataoff, npfns }
}

const image = (
  options: Options,
  { freshUuid, pageSize = 4096 }: Surroundings,
  defaults: { readonly size: bigint; readonly align: string; readonly parentUuid: string }
): Uint8Array<ArrayBuffer> | null => {
  const asked = (text: string | undefined): bigint => text === undefined ? 0n : ToolSize.parse(text)?.value ?? 0n
  const align = asked(options.align ?? defaults.align)
  const dev = (options.map ?? "dev") === "dev"
  const fields = geometry({
    start: asked(options.offset),
    size: asked(options.size) || defaults.size,
    align,
    page: BigInt(pageSize),
    dev
  })
  if (fields === null) return null
  const bytes = new Uint8Array(imageSize)
  bytes.set(
    InfoBlock.encode({
      ...fields,
      signature: NamespaceOptions.modeOf(options.mode ?? "fsdax") === "devdax" ? "DAX" : "PFN",
      uuid: options.uuid ?? freshUuid,
      parentUuid: options.parentUuid ?? defaults.parentUuid,
      flags: 0,
      versionMajor: 1,
      versionMinor: 4,
      mode: dev ? 2 : 1,
      align: Number(BigInt.asUintN(32, align)),
      pageSize,
      pageStructSize: 64
    }),
    imageSize - InfoBlock.blockSize
  )
  return bytes
}

/**
 * Runs the tool. The answer to bad options comes first and looks at no target.
 *
 * @category commands
 * @since 0.1.0
 */
export const run = (options: Options, target: Target, surroundings: Surroundings): Answer => {
  const wrong = complaints(options, surroundings.pageSize ?? 4096)
  if (wrong.length > 0) {
    return { exit: 129, stderr: wrong.map(error).join(""), usage: true, bytes: null, sizeAfter: null }
  }
  if (options.namespace !== undefined) return onNamespace(options, target, surroundings)
  const before = options.stdout !== true && target._tag === "Image" ? target.size ?? 0 : null
  const bytes = image(options, surroundings, { size: BigInt(before ?? 0), align: "2M", parentUuid: Uuid.zero })
  return bytes === null
    ? failed("ENXIO", before, error("unable to satisfy requested alignment"))
    : written(bytes, before === null ? null : Math.max(before, imageSize))
}

const written = (bytes: Uint8Array<ArrayBuffer>, sizeAfter: number | null): Answer => ({
  exit: 0,
  stderr: done(1, ""),
  usage: false,
  bytes,
  sizeAfter
})

const onNamespace = (options: Options, target: Target, surroundings: Surroundings): Answer => {
  if (target._tag !== "Namespace") return failed("ENXIO", null)
  if (target.active) return failed("EBUSY", null)
  const align = options.align ?? String(surroundings.pageSize ?? 4096)
  const unit = ToolSize.parse(align)?.value ?? 1n
  if (options.size !== undefined && ((ToolSize.parse(options.size)?.value ?? 0n) & (unit - 1n)) !== 0n) {
    return failed("EINVAL", null, error(`--size=${options.size} not aligned to ${align}`))
  }
  const bytes = image(options, surroundings, {
    size: BigInt(target.size),
    align,
    parentUuid: target.uuid ?? Uuid.zero
  })
  return bytes === null
    ? failed("ENXIO", null, error("unable to satisfy requested alignment"))
    : written(bytes, null)
}
