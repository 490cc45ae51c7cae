/**
 * The inside of `$((…))`: 64-bit signed numbers that wrap, `+ - * / %`, signs, parentheses and names of variables. Numbers are
 * decimal, `0x` hexadecimal, or octal with a leading 0.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"

/**
 * What is wrong with an expression: a text that names it, and whether a shell would take it.
 *
 * @category models
 * @since 0.1.0
 */
export interface Problem {
  readonly reason: "syntax" | "not-modelled" | "limit"
  readonly problem: string
}

/**
 * Deepest nesting of parentheses and signs.
 *
 * @category constants
 * @since 0.1.0
 */
export const depthLimit = 50

type Value = Result.Result<bigint, Problem>

interface Cursor {
  readonly tokens: ReadonlyArray<string>
  readonly variable: (name: string) => string | undefined
  index: number
}

const problem = (reason: Problem["reason"], text: string): Result.Result<never, Problem> =>
  Result.fail({ reason, problem: text })

const wrap = (value: bigint): bigint => BigInt.asIntN(64, value)

const largest = 2n ** 63n - 1n

/** A numeral as it is in the text or in a variable. */
const numeral = (text: string): Value => {
  if (text.length > 60) return problem("limit", "a number has more than 60 characters")
  const octal = /^0[0-9]+$/.test(text)
  if (!/^(0x[0-9a-f]+|[0-9]+)$/i.test(text) || (octal && /[89]/.test(text))) {
    return problem("syntax", `'${text}' is not a number`)
  }
  const value = BigInt(octal ? `0o${text.slice(1)}` : text)
  return value > largest ? problem("limit", `${text} is 2^63 or more`) : Result.succeed(value)
}

const named = (cursor: Cursor, name: string): Value => {
  const value = (cursor.variable(name) ?? "").trim()
  if (value === "") return Result.succeed(0n)
  const digits = value.replace(/^[+-]/, "")
  return Result.mapBoth(numeral(digits), {
    onSuccess: (number) => value.startsWith("-") ? wrap(-number) : number,
    onFailure: ({ reason }) => ({ reason, problem: `${name} holds '${value.slice(0, 40)}', which is not a number` })
  })
}

const atom = (cursor: Cursor, depth: number): Value =>
  Result.gen(function*() {
    if (depth > depthLimit) return yield* problem("limit", `the expression nests deeper than ${depthLimit}`)
    const token = cursor.tokens[cursor.index++]
    if (token === undefined) return yield* problem("syntax", "the expression ends where a number is expected")
    if (token === "-") return wrap(-(yield* atom(cursor, depth + 1)))
    if (token === "+") return yield* atom(cursor, depth + 1)
    if (token === "(") {
      const value = yield* sum(cursor, depth + 1)
      return cursor.tokens[cursor.index++] === ")" ? value : yield* problem("syntax", "a parenthesis is not closed")
    }
    if (/^[A-Za-z_]/.test(token)) return yield* named(cursor, token)
    return /^[0-9]/.test(token) ? yield* numeral(token) : yield* problem("syntax", `'${token}' is no number`)
  })

const divide = (left: bigint, operator: "/" | "%", right: bigint): Value =>
  right === 0n
    ? problem("syntax", "the expression divides by zero")
    : Result.succeed(wrap(operator === "/" ? left / right : left % right))

const product = (cursor: Cursor, depth: number): Value =>
  Result.gen(function*() {
    let value = yield* atom(cursor, depth)
    for (;;) {
      const operator = cursor.tokens[cursor.index]
      if (operator !== "*" && operator !== "/" && operator !== "%") return value
      cursor.index++
      const right = yield* atom(cursor, depth)
      value = operator === "*" ? wrap(value * right) : yield* divide(value, operator, right)
    }
  })

const sum = (cursor: Cursor, depth: number): Value =>
  Result.gen(function*() {
    let value = yield* product(cursor, depth)
    for (;;) {
      const operator = cursor.tokens[cursor.index]
      if (operator !== "+" && operator !== "-") return value
      cursor.index++
      const right = yield* product(cursor, depth)
      value = wrap(operator === "+" ? value + right : value - right)
    }
  })

const tokenForm = /[ \t\n]*(?:([A-Za-z0-9_]+|\*\*|<<|>>|[-+*/%()])|([^ \t\n]))/gy

const tokensOf = (text: string): Result.Result<ReadonlyArray<string>, Problem> => {
  const out: Array<string> = []
  for (const [, token, other] of text.matchAll(tokenForm)) {
    if (token === undefined || token === "**" || token === "<<" || token === ">>") {
      return problem("not-modelled", `the operator '${token ?? other}' is not modelled`)
    }
    out.push(token)
  }
  return Result.succeed(out)
}

/**
 * The value of an expression; nothing at all is 0. A variable that is not set is 0 as well, one that is must hold a number.
 *
 * @category operations
 * @since 0.1.0
 */
export const evaluate = (text: string, variable: Cursor["variable"]): Value =>
  Result.gen(function*() {
    const tokens = yield* tokensOf(text)
    if (tokens.length === 0) return 0n
    const cursor: Cursor = { tokens, variable, index: 0 }
    const value = yield* sum(cursor, 0)
    const rest = tokens[cursor.index]
    return rest === undefined ? value : yield* problem("syntax", `'${rest.slice(0, 40)}' cannot stand there`)
  })
