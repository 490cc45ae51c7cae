import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import type * as ScriptError from "../../src/userland/ScriptError.ts"
import * as ScriptTokens from "../../src/userland/ScriptTokens.ts"
import * as ScriptWords from "../../src/userland/ScriptWords.ts"
import * as ShellArithmetic from "../../src/userland/ShellArithmetic.ts"

const variables = new Map([["x", "3"], ["list", " a  b\tc\nd "], ["sum", "1+2"], ["hex", "-0x10"], ["empty", ""], [
  "star",
  "a*"
]])

const words = (text: string): ReadonlyArray<ScriptTokens.Word> => {
  const { stopped, tokens } = ScriptTokens.read(text)
  assert.isUndefined(stopped)
  return tokens.filter((token) => token._tag === "Word")
}

const none = () => []

const expand = (text: string) => ScriptWords.expand({ variables, status: 7 }, words(text), none)

const expanded = (text: string): ReadonlyArray<string> => {
  const result = expand(text)
  return Result.isSuccess(result) ? result.success : assert.fail(result.failure.message)
}

const refused = (text: string): ScriptError.ScriptError => {
  const result = expand(text)
  return Result.isFailure(result) ? result.failure : assert.fail(`accepted: ${text}`)
}

const value = (text: string): string => {
  const result = ShellArithmetic.evaluate(text, (name) => variables.get(name))
  return Result.isSuccess(result) ? String(result.success) : `${result.failure.reason}: ${result.failure.problem}`
}

describe("ScriptWords", () => {
  it("variables stand for their value, unset ones for nothing, $? for the last exit status", () => {
    assert.deepStrictEqual(expanded("memory$x/state ${x}y $nothing \"$nothing\" a$nothing $?"), [
      "memory3/state",
      "3y",
      "",
      "a",
      "7"
    ])
  })

  it("an unquoted variable is split at blanks and lines, a quoted one is not", () => {
    assert.deepStrictEqual(expanded("$list"), ["a", "b", "c", "d"])
    assert.deepStrictEqual(expanded("1$list\"2\""), ["1", "a", "b", "c", "d", "2"])
    assert.deepStrictEqual(expanded("$x$list$x"), ["3", "a", "b", "c", "d", "3"])
    assert.deepStrictEqual(expanded("\"$list\" '$list' \\$list"), [" a  b\tc\nd ", "$list", "$list"])
  })

  it("arithmetic is a number, quoted or not", () => {
    assert.deepStrictEqual(expanded("seek=$((4096+0)) \"$((15*0x8000000))\" $(($x*2)) $((x*2))"), [
      "seek=4096",
      "2013265920",
      "6",
      "6"
    ])
    assert.deepStrictEqual(expanded("$(($sum*2)) $((1+\n 1))"), ["5", "2"])
  })

  it("a pattern, typed or in an unquoted variable, becomes the files of that name; quoted it is text", () => {
    const asked: Array<string> = []
    const files = (pattern: string) => {
      asked.push(pattern)
      return ["/a1", "/a2"]
    }
    const all = (text: string) => Result.getOrThrow(ScriptWords.expand({ variables, status: 7 }, words(text), files))
    assert.deepStrictEqual(all("\"$star\" '/a?' plain"), ["a*", "/a?", "plain"])
    assert.deepStrictEqual(asked, [])
    assert.deepStrictEqual(all("$star x/a?\"*\""), ["/a1", "/a2", "/a1", "/a2"])
    assert.deepStrictEqual(asked, ["a*", "x/a?\\*"])
    assert.deepStrictEqual(expanded("$star"), ["a*"])
    const many = () => Array.from({ length: 40_000 }, (_, i) => `/sys/devices/memory${i}`)
    const result = ScriptWords.expand({ variables, status: 7 }, words("a* b* c*"), many)
    assert.isTrue(Result.isFailure(result) && result.failure.reason === "limit")
  })

  it("errors are told where $(( stands", () => {
    const { column, line, problem, reason } = refused("a\n b $((1/0))")
    assert.deepStrictEqual([line, column, reason], [2, 4, "syntax"])
    assert.include(problem, "divides by zero")
  })

  it("what one command is given is bounded", () => {
    const long = new Map([["l", "a".repeat(20_000)]])
    const scope = { variables: long, status: 0 }
    assert.isTrue(Result.isSuccess(ScriptWords.expand(scope, words("$l"), none)))
    for (const text of ["$l $l", "$l$l", "\"$l$l\"", "$(($l$l))"]) {
      const result = ScriptWords.expand(scope, words(text), none)
      assert.isTrue(Result.isFailure(result) && result.failure.reason === "limit", text)
    }
    const whole = ScriptWords.expandWhole(scope, words("\"$l$l\"")[0] ?? assert.fail())
    assert.isTrue(Result.isFailure(whole) && whole.failure.reason === "limit")
  })
})

describe("ShellArithmetic", () => {
  it("the operators bind as in C and divide towards zero", () => {
    assert.strictEqual(value("1 + 2 * 3 - 4 / 2 % 3"), "5")
    assert.strictEqual(value("(1 + 2) * -(3)"), "-9")
    assert.strictEqual(value("-7 / 2"), "-3")
    assert.strictEqual(value("-7 % 2"), "-1")
    assert.strictEqual(value("10-3-2"), "5")
    assert.strictEqual(value("- - 1"), "1")
    assert.strictEqual(value(""), "0")
  })

  it("numbers are decimal, hexadecimal or octal; names hold numbers, unset ones 0", () => {
    assert.strictEqual(value("0x10+010+10+0XfF"), "289")
    assert.strictEqual(value("x * hex + nothing + empty"), "-48")
    assert.strictEqual(value("09"), "syntax: '09' is not a number")
    assert.strictEqual(value("0x"), "syntax: '0x' is not a number")
    assert.strictEqual(value("sum"), "syntax: sum holds '1+2', which is not a number")
  })

  it("numbers are 64 bits and wrap; a literal of 2^63 is refused", () => {
    assert.strictEqual(value("9223372036854775807 + 1"), "-9223372036854775808")
    assert.strictEqual(value("9223372036854775808"), "limit: 9223372036854775808 is 2^63 or more")
    assert.strictEqual(value("1".repeat(100)), "limit: a number has more than 60 characters")
  })

  it("the rest of the operators are named, what is no expression is refused", () => {
    assert.strictEqual(value("1 << 4"), "not-modelled: the operator '<<' is not modelled")
    assert.strictEqual(value("2 ** 4"), "not-modelled: the operator '**' is not modelled")
    assert.strictEqual(value("a = 1"), "not-modelled: the operator '=' is not modelled")
    assert.strictEqual(value("1 \f 2"), "not-modelled: the operator '\f' is not modelled")
    assert.strictEqual(value("1 2"), "syntax: '2' cannot stand there")
    assert.strictEqual(value("(1"), "syntax: a parenthesis is not closed")
    assert.strictEqual(value("1 +"), "syntax: the expression ends where a number is expected")
    assert.strictEqual(value("1 % 0"), "syntax: the expression divides by zero")
  })

  it("nesting is bounded", () => {
    assert.include(value("(".repeat(10_000)), "limit")
    assert.include(value("-".repeat(10_000)), "limit")
    assert.strictEqual(value("+".repeat(ShellArithmetic.depthLimit) + "1"), "1")
  })

  const number = Arbitrary.schema(Schema.Int.check(Schema.isBetween({ minimum: -(2 ** 40), maximum: 2 ** 40 })))

  it.prop("sums, products and quotients of any numbers", { a: number, b: number, c: number }, ({ a, b, c }) => {
    const [x, y, z] = [BigInt(a), BigInt(b), BigInt(c)]
    assert.strictEqual(value(`${a} + (${b}) * ${c}`), String(BigInt.asIntN(64, x + BigInt.asIntN(64, y * z))))
    assert.strictEqual(value(`(${a} - ${b}) / ${c === 0 ? 1 : c}`), String((x - y) / (z === 0n ? 1n : z)))
  })
})
