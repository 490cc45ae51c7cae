/**
 * `echo` and `printf` as the shell of BusyBox has them.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as ShellCommand from "./ShellCommand.ts"
import * as Tool from "./Tool.ts"

/** Text in which every character is one byte. */
type ByteText = string

const byteText = (text: string): ByteText =>
  /[^\0-\x7f]/.test(text)
    ? Array.from(ShellCommand.bytesOf(text), (byte) => String.fromCharCode(byte)).join("")
    : text

const toBytes = (text: ByteText): Uint8Array => {
  const out = new Uint8Array(text.length)
  for (let index = 0; index < text.length; index++) out[index] = text.charCodeAt(index)
  return out
}

const letters: ReadonlyMap<string, string> = new Map([
  ["a", "\u0007"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["v", "\v"],
  ["\\", "\\"]
])

const formEscape = /\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|(c)|([abfnrtv\\]))/g

/** `echo -e` and `%b` allow a zero in front of three octal digits. */
const echoEscape = /\\(?:x([0-9a-fA-F]{1,2})|0?([0-7]{1,3})|(c)|([abfnrtv\\]))/g

interface Unescaped {
  readonly text: ByteText
  /** `\c`: nothing is printed after it. */
  readonly ended: boolean
}

const unescape = (text: string, escape: RegExp): Unescaped => {
  let out = ""
  let from = 0
  for (const match of text.matchAll(escape)) {
    const [whole, hex, octal, end, letter] = match
    out += byteText(text.slice(from, match.index))
    if (end !== undefined) return { text: out, ended: true }
    from = match.index + whole.length
    if (letter !== undefined) out += letters.get(letter) ?? ""
    else out += String.fromCharCode(Number.parseInt(hex ?? octal ?? "0", hex === undefined ? 8 : 16) & 0xff)
  }
  return { text: out + byteText(text.slice(from)), ended: false }
}

/**
 * `echo`: `-n`, `-e` and `-E` in any combination; anything else is text.
 *
 * @category tools
 * @since 0.1.0
 */
export const echo: ShellCommand.Program = (words) => {
  const after = words.findIndex((word) => !/^-[neE]+$/.test(word))
  const text = after < 0 ? [] : words.slice(after)
  const options = (after < 0 ? words : words.slice(0, after)).join("")
  const escapes = options.lastIndexOf("e") > options.lastIndexOf("E")
  const line = text.join(" ")
  const end = options.includes("n") ? "" : "\n"
  if (!escapes) return Effect.succeed(ShellCommand.printed(0, line + end))
  const { ended, text: bytes } = unescape(line, echoEscape)
  return Effect.succeed(ShellCommand.printed(0, toBytes(ended ? bytes : bytes + end)))
}

interface Conversion {
  readonly flags: string
  readonly width: number
  readonly precision: number | undefined
  readonly kind: string
}

type Part = Conversion | Unescaped

const conversionAt = /%(?:(%)|([-+ 0#]*)([0-9]{0,4})(?:\.([0-9]{0,4}))?(?:hh|h|ll|l|j|z|t)?([sdiuxXocb]))/y

/** What a real printf takes and this one does not. */
const foreignAt = /%[-+ 0#]*(?:\*|[0-9]*)(?:\.(?:\*|[0-9]*))?[*0-9aAeEfFgG]/y

const invalid = ShellCommand.printed(1, "", "sh: %: invalid format\n")

const parseFormat = (format: string): Result.Result<ReadonlyArray<Part>, ShellCommand.Printed | Tool.NotModelled> => {
  const out: Array<Part> = []
  for (let from = 0; from < format.length;) {
    const at = format.indexOf("%", from)
    out.push(unescape(format.slice(from, at < 0 ? undefined : at), formEscape))
    if (at < 0) break
    conversionAt.lastIndex = at
    const match = conversionAt.exec(format)
    if (match === null) {
      foreignAt.lastIndex = at
      return Result.fail(
        foreignAt.test(format)
          ? new Tool.NotModelled({
            what: `printf with ${format.slice(at, foreignAt.lastIndex).slice(0, 40)}`,
            modelled: "%s %b %c %d %i %u %o %x %X and %% are"
          })
          : invalid
      )
    }
    const [whole, percent, flags = "", width = "", precision, kind = ""] = match
    from = at + whole.length
    out.push(
      percent === undefined
        ? { flags, width: Number(width), precision: precision === undefined ? undefined : Number(precision), kind }
        : { text: "%", ended: false }
    )
  }
  return Result.succeed(out)
}

/** A number as `strtoll()` with base 0 reads it, or the code of the character behind a quote. */
const numberOf = (text: string): bigint | undefined => {
  const quoted = /^["'](.)/su.exec(text)?.[1]
  if (quoted !== undefined) return BigInt(quoted.codePointAt(0) ?? 0)
  const [whole, sign, digits = ""] = /^\s*([+-]?)(0x[0-9a-f]{1,16}|0[0-7]{0,22}|[1-9][0-9]{0,19})$/i.exec(text) ?? []
  if (whole === undefined) return undefined
  const value = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits}` : digits)
  return sign === "-" ? -value : value
}

const digitsOf = (kind: string, value: bigint): string => {
  if (kind === "d" || kind === "i") return String(BigInt.asIntN(64, value))
  const bits = BigInt.asUintN(64, value)
  if (kind === "u") return String(bits)
  if (kind === "o") return bits.toString(8)
  return kind === "x" ? bits.toString(16) : bits.toString(16).toUpperCase()
}

const prefixOf = (kind: string, digits: string): string =>
  digits === "0" ? "" : kind === "o" ? "0" : kind === "x" || kind === "X" ? `0${kind}` : ""

const formatNumber = ({ flags, kind, precision, width }: Conversion, value: bigint): ByteText => {
  const text = digitsOf(kind, value)
  const negative = text.startsWith("-")
  const digits = (negative ? text.slice(1) : text).padStart(precision ?? 1, "0")
  const signed = kind === "d" || kind === "i"
  const sign = negative ? "-" : !signed ? "" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : ""
  const front = sign + (flags.includes("#") ? prefixOf(kind, digits) : "")
  if (flags.includes("-")) return (front + digits).padEnd(width)
  return flags.includes("0") && precision === undefined
    ? front + digits.padStart(width - front.length, "0")
    : (front + digits).padStart(width)
}

const formatText = ({ flags, kind, precision, width }: Conversion, text: ByteText): ByteText => {
  const cut = kind === "c" ? text.slice(0, 1) : precision === undefined ? text : text.slice(0, precision)
  return flags.includes("-") ? cut.padEnd(width) : cut.padStart(width)
}

/** Longest output: a format may be used once for every argument. */
const outputLimit = 1_048_576

const tooLong = new Tool.NotModelled({
  what: "printing more than 1 MiB with one printf",
  modelled: "print in several lines"
})

const print = (format: string, values: ReadonlyArray<string>) =>
  Result.gen(function*() {
    const parts = yield* parseFormat(format)
    const takes = parts.filter((part) => "kind" in part).length
    let out: ByteText = ""
    let complaints = ""
    let used = 0
    const rounds = takes === 0 ? 1 : Math.max(1, Math.ceil(values.length / takes))
    for (let round = 0; round < rounds; round++) {
      for (const part of parts) {
        if (out.length > outputLimit) return yield* Result.fail(tooLong)
        if (!("kind" in part)) {
          out += part.text
          if (part.ended) return { out, complaints }
          continue
        }
        const value = values[used++] ?? ""
        if (part.kind === "s" || part.kind === "c") out += formatText(part, byteText(value))
        else if (part.kind === "b") {
          const { ended, text } = unescape(value, echoEscape)
          out += formatText(part, text)
          if (ended) return { out, complaints }
        } else {
          const number = numberOf(value)
          if (number === undefined) complaints += `sh: invalid number '${value}'\n`
          out += formatNumber(part, number ?? 0n)
        }
      }
    }
    return { out, complaints }
  })

/**
 * `printf`, without floating point and `*`.
 *
 * @category tools
 * @since 0.1.0
 */
export const printf: ShellCommand.Program = (words) => {
  const [format, ...values] = words[0] === "--" ? words.slice(1) : words
  if (format === undefined) {
    return Effect.succeed(ShellCommand.printed(2, "", "sh: usage: printf FORMAT [ARGUMENT...]\n"))
  }
  return Effect.fromResult(print(format, values)).pipe(
    Effect.map(({ complaints, out }) => ShellCommand.printed(complaints === "" ? 0 : 1, toBytes(out), complaints)),
    Effect.catch((failed) => "exit" in failed ? Effect.succeed(failed) : Effect.fail(failed))
  )
}
