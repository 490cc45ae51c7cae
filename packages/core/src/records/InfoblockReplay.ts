/**
 * Recordings of `ndctl write-infoblock` and `read-infoblock` on files, carried out on files that only have a size (22.7, OBS-27).
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as InfoBlock from "../devices/InfoBlock.ts"
import * as NdctlInfoblock from "../userland/NdctlInfoblock.ts"
import * as ReadInfoblock from "../userland/ReadInfoblock.ts"
import * as WriteInfoblock from "../userland/WriteInfoblock.ts"
import * as BlockText from "./BlockText.ts"
import type { InfoblockToolInput } from "./KernelRecord.ts"

/** What the recorder looks at: the reserve. */
const reserve = 2 * InfoBlock.blockSize

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0)

/** 64-bit fields that a number holds exactly are recorded as one. */
const exact = (value: ReadInfoblock.Value): ReadInfoblock.Value =>
  typeof value === "bigint" && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value

const readBack = (bytes: Uint8Array, file: string) => {
  const answer = ReadInfoblock.run(bytes, { _tag: "File", name: file }, { json: true })
  const json =
    answer.blocks?.map((block) =>
      Object.fromEntries(Object.entries(block).map(([key, value]) => [key, exact(value)]))
    ) ?? null
  return { exit: answer.exit, stderr: answer.stderr.trim(), json, stdout: json === null ? answer.stdout : null }
}

/** A block in the form of a record, and whether its checksum is right. */
const blockFacts = (image: Uint8Array) => {
  const block = image.subarray(InfoBlock.blockSize, reserve)
  if (block.byteLength < InfoBlock.blockSize) return { hex: null }
  const hex = BlockText.print(block)
  if (hex === BlockText.zeros) return { hex }
  return { hex, checksumRecomputed: InfoBlock.checksumOf(block) === InfoBlock.storedChecksum(block) }
}

const write = (words: ReadonlyArray<string>, fileSize: number | null, freshUuid: string) => {
  const options = NdctlInfoblock.writeOptions(words)
  const target = fileSize === null ? { _tag: "None" } as const : { _tag: "Image", size: fileSize } as const
  const answer = Result.isFailure(options)
    ? options.failure
    : WriteInfoblock.run(options.success, target, { freshUuid })
  const size = answer.sizeAfter ?? fileSize ?? 0
  const bytes = answer.bytes ?? new Uint8Array()
  const image = new Uint8Array(Math.min(reserve, fileSize === null ? bytes.byteLength : size))
  // standard output wins over a file
  const isElsewhere = fileSize !== null && Result.isSuccess(options) && options.success.stdout === true
  if (!isElsewhere) image.set(bytes.subarray(0, image.byteLength))
  return {
    exit: answer.exit,
    stderr: `${answer.stderr.trim()}${answer.usage ? `\n\n\n${NdctlInfoblock.writeUsage}` : ""}`,
    outputBytes: fileSize === null ? bytes.byteLength : null,
    fileSizeAfter: fileSize === null ? null : size,
    first4KiBIsZero: isZero(image.subarray(0, InfoBlock.blockSize)),
    infoblockOffset: InfoBlock.blockSize,
    ...blockFacts(image),
    read: readBack(image, "image")
  }
}

const imageOf = ({ fileSize, infoblockHex = "" }: InfoblockToolInput): Uint8Array => {
  const image = new Uint8Array(Math.min(reserve, fileSize ?? reserve))
  const block = BlockText.bytes(infoblockHex)
  if (image.byteLength >= InfoBlock.blockSize + block.byteLength) image.set(block, InfoBlock.blockSize)
  return image
}

/** The words of the command; those listed may have blanks in them. */
const wordsOf = ({ command, flags = [] }: InfoblockToolInput): ReadonlyArray<string> => {
  const listed = flags.join(" ")
  return listed !== "" && command.endsWith(` ${listed}`)
    ? [...command.slice(0, -listed.length - 1).split(" "), ...flags]
    : command.split(" ")
}

const fileOf = (words: ReadonlyArray<string>): string => words[words.indexOf("-i") + 1] ?? "image"

/**
 * What the tool answered, in the form of `observed`; `freshUuid` is used where none is given. What is no write-infoblock is a
 * read-infoblock.
 *
 * @category operations
 * @since 0.1.0
 */
export const run = (input: InfoblockToolInput, freshUuid: string): Readonly<Record<string, unknown>> => {
  const [tool, ...words] = wordsOf(input)
  return tool === "write-infoblock"
    ? write(words, input.fileSize, freshUuid)
    : { read: readBack(imageOf(input), fileOf(words)) }
}
