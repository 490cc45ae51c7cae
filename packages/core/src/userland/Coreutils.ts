/**
 * The small programs scripts are made of, as BusyBox has them: what they print, what they say when the kernel refuses.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as SysfsTree from "../sysfs/SysfsTree.ts"
import * as CopyBlocks from "./CopyBlocks.ts"
import * as ListFiles from "./ListFiles.ts"
import * as OpenFile from "./OpenFile.ts"
import * as PrintText from "./PrintText.ts"
import * as Redirects from "./Redirects.ts"
import * as ShellCommand from "./ShellCommand.ts"
import * as Tool from "./Tool.ts"

const { printed } = ShellCommand

/** The first word that is an option; `-` alone is standard input. */
const optionAmong = (words: ReadonlyArray<string>): string | undefined => words.find((word) => /^-./.test(word))

/** One file whole; the complaint of `name` where it cannot be had. */
const contents = Effect.fnUntraced(function*(name: string, path: string) {
  const file = yield* Effect.result(OpenFile.forReading(path))
  if (Result.isSuccess(file)) {
    const { read, size } = file.success
    if (size > OpenFile.dataLimit) return yield* OpenFile.tooMuch
    const bytes = yield* Effect.result(read(0, size))
    if (Result.isSuccess(bytes)) return { bytes: bytes.success, complaint: "" }
    return { bytes: new Uint8Array(0), complaint: `${name}: read error: ${bytes.failure.text}\n` }
  }
  const { failure } = file
  if (failure._tag === "NotModelled") return yield* failure
  return {
    bytes: new Uint8Array(0),
    complaint: failure.call === "open"
      ? `${name}: can't open '${path}': ${failure.text}\n`
      : `${name}: read error: ${failure.text}\n`
  }
})

const cat: ShellCommand.Program = Effect.fnUntraced(function*(words, { stdin }) {
  const option = optionAmong(words)
  if (option !== undefined) return yield* Tool.notModelled(`cat ${option}`, "cat FILE … is")
  const parts: Array<Uint8Array> = []
  let stderr = ""
  let length = 0
  for (const path of words.length === 0 ? ["-"] : words) {
    const { bytes, complaint } = path === "-" ? { bytes: stdin, complaint: "" } : yield* contents("cat", path)
    length += bytes.length
    if (length > OpenFile.dataLimit) return yield* OpenFile.tooMuch
    parts.push(bytes)
    stderr += complaint
  }
  return printed(stderr === "" ? 0 : 1, Redirects.concat(parts), stderr)
})

const tee: ShellCommand.Program = Effect.fnUntraced(function*(words, { stdin }) {
  const option = words.find((word) => /^-./.test(word) && word !== "-a")
  if (option !== undefined) return yield* Tool.notModelled(`tee ${option}`, "tee [-a] FILE … is")
  let stderr = ""
  for (const path of words) {
    if (path === "-a") continue
    const file = yield* Effect.result(OpenFile.forWriting(path))
    if (Result.isSuccess(file)) {
      const { refused } = yield* OpenFile.writeAll(file.success, stdin)
      if (refused !== undefined) stderr += `tee: ${path}: I/O error\n`
    } else if (file.failure._tag === "NotModelled") return yield* file.failure
    else stderr += `tee: ${path}: ${file.failure.text}\n`
  }
  return { exit: stderr === "" ? 0 : 1, stdout: stdin, stderr, moved: stdin.length * words.length }
})

/** Longest sleep of one command, in seconds: a day. */
const longestSleep = 86_400

const secondsOf: ReadonlyMap<string, number> = new Map([["", 1], ["s", 1], ["m", 60], ["h", 3600], ["d", 86_400]])

const sleep: ShellCommand.Program = Effect.fnUntraced(function*(words) {
  if (words.length === 0) return yield* Tool.notModelled("sleep without a number", "sleep N[smhd] is")
  let seconds = 0
  for (const word of words) {
    const [whole, digits, unit = ""] = /^([0-9]{1,9}(?:\.[0-9]{0,9})?|\.[0-9]{1,9})([smhd]?)$/.exec(word) ?? []
    if (whole === undefined) return printed(1, "", `sleep: invalid number '${word}'\n`)
    seconds += Number(digits) * (secondsOf.get(unit) ?? 1)
  }
  if (seconds > longestSleep) return yield* Tool.notModelled("sleeping for more than a day", "give a shorter time")
  yield* Effect.sleep(seconds * 1000)
  return printed(0)
})

const comparisons: ReadonlyMap<string, (left: bigint, right: bigint) => boolean> = new Map([
  ["-eq", (left, right) => left === right],
  ["-ne", (left, right) => left !== right],
  ["-lt", (left, right) => left < right],
  ["-le", (left, right) => left <= right],
  ["-gt", (left, right) => left > right],
  ["-ge", (left, right) => left >= right]
])

const testing = "one condition is: -e -f -d -b FILE, -n -z TEXT, = !=, -eq -ne -lt -le -gt -ge, with ! in front"

/** The answer of `test`, or the complaint that it makes with exit status 2. */
const condition = (
  tree: SysfsTree.SysfsTree["Service"],
  words: ReadonlyArray<string>
): Result.Result<boolean, string | Tool.NotModelled> => {
  const [first = "", second = "", third = ""] = words
  if (words.length === 0) return Result.succeed(false)
  if (words.length === 1) return Result.succeed(first !== "")
  if (words.length > 3 || words.some((word) => word === "-a" || word === "-o")) {
    return Result.fail(new Tool.NotModelled({ what: "test with several conditions", modelled: testing }))
  }
  if (words.length === 2) {
    const found = OpenFile.find(tree, second)
    switch (first) {
      case "-n":
        return Result.succeed(second !== "")
      case "-z":
        return Result.succeed(second === "")
      case "-e":
        return Result.succeed(found !== undefined)
      case "-f":
        return Result.succeed(found?._tag === "File")
      case "-d":
        return Result.succeed(found?._tag === "Directory")
      case "-b":
        return Result.succeed(found?._tag === "Bytes")
      default:
        return Result.fail(new Tool.NotModelled({ what: `test ${first}`.slice(0, 60), modelled: testing }))
    }
  }
  if (second === "=" || second === "==") return Result.succeed(first === third)
  if (second === "!=") return Result.succeed(first !== third)
  const compare = comparisons.get(second)
  if (compare === undefined) return Result.fail(`${second}: unknown operand`)
  const odd = [first, third].find((word) => !/^[+-]?[0-9]{1,19}$/.test(word))
  return odd === undefined
    ? Result.succeed(compare(BigInt(first.replace("+", "")), BigInt(third.replace("+", ""))))
    : Result.fail(`${odd}: bad number`)
}

const test: ShellCommand.Program = Effect.fnUntraced(function*(words) {
  const negated = words[0] === "!" && words.length > 1
  const answer = condition(yield* SysfsTree.SysfsTree, negated ? words.slice(1) : words)
  if (Result.isSuccess(answer)) return printed(answer.success === negated ? 1 : 0)
  return typeof answer.failure === "string"
    ? printed(2, "", `sh: ${answer.failure}\n`)
    : yield* answer.failure
})

const bracket: ShellCommand.Program = (words, input) =>
  words.at(-1) === "]" ? test(words.slice(0, -1), input) : Effect.succeed(printed(2, "", "sh: missing ]\n"))

const ending = (exit: number): ShellCommand.Program => () => Effect.succeed(printed(exit))

const sync: ShellCommand.Program = (words) =>
  words.length === 0 ? Effect.succeed(printed(0)) : Tool.notModelled("sync with arguments", "sync alone is")

/**
 * The programs by name.
 *
 * @category tools
 * @since 0.1.0
 */
export const commands: ReadonlyMap<string, ShellCommand.Program> = new Map([
  ["echo", PrintText.echo],
  ["printf", PrintText.printf],
  ["cat", cat],
  ["ls", ListFiles.ls],
  ["dd", CopyBlocks.dd],
  ["tee", tee],
  ["sleep", sleep],
  ["sync", sync],
  ["true", ending(0)],
  [":", ending(0)],
  ["false", ending(1)],
  ["test", test],
  ["[", bracket]
])
