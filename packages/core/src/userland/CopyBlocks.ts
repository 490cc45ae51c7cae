/**
 * `dd`, as BusyBox has it: operands, the records it counts, and what it says when the kernel refuses.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Errno from "../kernel/Errno.ts"
import * as OpenFile from "./OpenFile.ts"
import * as ShellCommand from "./ShellCommand.ts"
import * as Tool from "./Tool.ts"

interface Operands {
  readonly from: string | undefined
  readonly to: string | undefined
  readonly readBlock: number
  readonly writeBlock: number
  readonly count: number
  readonly skip: number
  readonly seek: number
  readonly pad: boolean
  readonly quiet: boolean
}

const units: ReadonlyMap<string, number> = new Map([
  ["", 1],
  ["c", 1],
  ["w", 2],
  ["b", 512],
  ["k", 1024],
  ["K", 1024],
  ["kB", 1000],
  ["KB", 1000],
  ["M", 1024 ** 2],
  ["MB", 1000 ** 2],
  ["G", 1024 ** 3],
  ["GB", 1000 ** 3]
])

const says = (text: string): Result.Result<never, ShellCommand.Printed> =>
  Result.fail(ShellCommand.printed(1, "", `dd: ${text}\n`))

const foreign = (what: string): Result.Result<never, Tool.NotModelled> =>
  Result.fail(
    new Tool.NotModelled({
      what: `dd with ${what.slice(0, 80)}`,
      modelled:
        "modelled are if= of= bs= ibs= obs= count= skip= seek= conv=notrunc,noerror,sync,fsync iflag= oflag= status="
    })
  )

const number = (text: string, least: number): Result.Result<number, ShellCommand.Printed> => {
  const [whole, digits = "", unit = ""] = /^([0-9]{1,19})([A-Za-z]{0,2})$/.exec(text) ?? []
  const factor = units.get(unit)
  if (whole === undefined || factor === undefined) return says(`invalid number '${text}'`)
  const value = BigInt(digits) * BigInt(factor)
  if (value < BigInt(least) || value >= 2n ** 63n) {
    return says(`number ${text} is not in ${least}..9223372036854775807 range`)
  }
  return Result.succeed(Number(value))
}

/** Words of a list that the program knows; `known` says which of them are modelled. */
const choices = (
  operand: string,
  text: string,
  known: Readonly<Record<string, boolean>>
): Result.Result<ReadonlyArray<string>, ShellCommand.Printed | Tool.NotModelled> =>
  Result.gen(function*() {
    const words = text.split(",")
    for (const word of words) {
      if (!Object.hasOwn(known, word)) return yield* says(`invalid argument '${word}' to '${operand}'`)
      if (known[word] === false) return yield* foreign(`${operand}=${word}`)
    }
    return words
  })

const conversions = { notrunc: true, noerror: true, sync: true, fsync: true, swab: false }

const inputFlags = { direct: true, fullblock: true, skip_bytes: true, count_bytes: true }

const outputFlags = { direct: true, append: false, seek_bytes: true }

const statuses = { none: true, noxfer: true }

const names = new Set(["if", "of", "bs", "ibs", "obs", "count", "skip", "seek", "conv", "iflag", "oflag", "status"])

const parse = (words: ReadonlyArray<string>): Result.Result<Operands, ShellCommand.Printed | Tool.NotModelled> =>
  Result.gen(function*() {
    const given = new Map<string, string>()
    for (const word of words) {
      const name = word.slice(0, Math.max(word.indexOf("="), 0))
      if (!names.has(name)) return yield* foreign(`'${word}'`)
      given.set(name, word.slice(name.length + 1))
    }
    const value = (name: string, otherwise: number, least: number) => {
      const text = given.get(name)
      return text === undefined ? Result.succeed(otherwise) : number(text, least)
    }
    const list = (name: string, known: Readonly<Record<string, boolean>>) => {
      const text = given.get(name)
      return text === undefined ? Result.succeed<ReadonlyArray<string>>([]) : choices(name, text, known)
    }
    const block = yield* value("bs", 0, 1)
    const readBlock = yield* value("ibs", 512, 1)
    const writeBlock = yield* value("obs", 512, 1)
    const count = yield* value("count", Infinity, 0)
    const skip = yield* value("skip", 0, 0)
    const seek = yield* value("seek", 0, 0)
    const conv = yield* list("conv", conversions)
    const input = yield* list("iflag", inputFlags)
    const output = yield* list("oflag", outputFlags)
    const status = yield* list("status", statuses)
    const reads = block || readBlock
    const writes = block || writeBlock
    return {
      from: given.get("if"),
      to: given.get("of"),
      readBlock: reads,
      writeBlock: writes,
      count: input.includes("count_bytes") ? count : count * reads,
      skip: input.includes("skip_bytes") ? skip : skip * reads,
      seek: output.includes("seek_bytes") ? seek : seek * writes,
      pad: conv.includes("sync"),
      quiet: status.includes("none")
    }
  })

/** Whole and partial records in so many bytes. */
const records = (bytes: number, block: number): string => `${Math.floor(bytes / block)}+${bytes % block === 0 ? 0 : 1}`

const padded = (bytes: Uint8Array, block: number): Uint8Array => {
  const out = new Uint8Array(Math.ceil(bytes.length / block) * block)
  out.set(bytes)
  return out
}

type Failed = ShellCommand.Printed | Tool.NotModelled

/** A file that cannot be opened or read ends the program without counts. */
const fault = (path: string) => (error: OpenFile.Refused | Tool.NotModelled): Failed => {
  if (error._tag === "NotModelled") return error
  const where = error.call === "open" ? `can't open '${path}'` : path
  return ShellCommand.printed(1, "", `dd: ${where}: ${error.text}\n`)
}

const readData = Effect.fnUntraced(function*({ count, from, pad, readBlock, skip }: Operands, input: Tool.Input) {
  const source = from === undefined ? OpenFile.ofInput(input) : yield* OpenFile.forReading(from)
  const wanted = Math.max(0, Math.min(count, source.size - skip))
  if (wanted > OpenFile.dataLimit || (pad && readBlock > OpenFile.dataLimit)) return yield* OpenFile.tooMuch
  const read = wanted === 0 ? new Uint8Array(0) : yield* source.read(skip, wanted)
  return { read: read.length, data: pad ? padded(read, readBlock) : read }
})

const toOutput = (seek: number, data: Uint8Array): Effect.Effect<Uint8Array, Tool.NotModelled> => {
  if (seek + data.length > OpenFile.dataLimit) return Effect.fail(OpenFile.tooMuch)
  const out = new Uint8Array(seek + data.length)
  out.set(data, seek)
  return Effect.succeed(out)
}

const copy = Effect.fnUntraced(function*(operands: Operands, input: Tool.Input) {
  const { from, readBlock, seek, to, writeBlock } = operands
  const { data, read } = yield* Effect.mapError(readData(operands, input), fault(from ?? "standard input"))
  const counts = (readBytes: number, written: number) =>
    operands.quiet ? "" : `${records(readBytes, readBlock)} records in\n${records(written, writeBlock)} records out\n`
  if (to === undefined) {
    return ShellCommand.printed(0, yield* toOutput(seek, data), counts(read, data.length))
  }
  const file = yield* Effect.mapError(OpenFile.forWriting(to), fault(to))
  if (seek > file.size) return ShellCommand.printed(1, "", `dd: ${to}: ${Errno.text("EINVAL")}\n`)
  const { bytes, refused } = yield* OpenFile.writeAll(file, data, seek, writeBlock)
  // a record that went in by half is no error yet; the next one is
  const passed = Math.ceil(bytes / writeBlock) * writeBlock
  const stopped = refused !== undefined && passed < data.length
  return {
    exit: stopped ? 1 : 0,
    stdout: "",
    stderr: stopped
      ? `dd: error writing '${to}': ${refused.text}\n${counts(Math.min(read, passed + writeBlock), bytes)}`
      : counts(read, bytes),
    moved: data.length
  }
})

const answer = (failed: Failed): Effect.Effect<ShellCommand.Printed, Tool.NotModelled> =>
  "exit" in failed ? Effect.succeed(failed) : Effect.fail(failed)

/**
 * `dd`. The data it may move is bounded by `OpenFile.dataLimit`.
 *
 * @category tools
 * @since 0.1.0
 */
export const dd: ShellCommand.Program = (words, input) =>
  Effect.fromResult(parse(words)).pipe(
    Effect.flatMap((operands) => copy(operands, input)),
    Effect.catch(answer)
  )
