/**
 * The kernel's `memmap=` and `mem=` parameters (spec 20.3).
 *
 * The order is size first: `memmap=nn!ss` marks `[ss, ss + nn)`. Several clauses may be joined by commas; each is parsed
 * alone, and a bad one does not spoil the others.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as MemParse from "../geometry/MemParse.ts"
import { MiB } from "../geometry/Units.ts"

/**
 * One effect on the firmware map. Bytes; types are e820 numbers.
 *
 * - `Add`: `nn@ss` (1), `nn#ss` (3), `nn$ss` (2), `nn!ss` (12), or `nn%ss+new`
 * - `Convert`: `nn%ss-old+new`
 * - `Remove`: `nn%ss-old`, or any type with `nn%ss` (`type` null)
 * - `Limit`: `nn` alone, and `mem=nn`: no RAM at `size` and above
 * - `ExactMap`: forget the firmware map
 *
 * @category models
 * @since 0.1.0
 */
export const Action = Schema.TaggedUnion({
  Add: { start: Schema.Natural, size: Schema.Natural, type: Schema.Natural },
  Convert: { start: Schema.Natural, size: Schema.Natural, from: Schema.Natural, to: Schema.Natural },
  Remove: { start: Schema.Natural, size: Schema.Natural, type: Schema.NullOr(Schema.Natural) },
  Limit: { size: Schema.Natural },
  ExactMap: {}
})
/** @since 0.1.0 */
export type Action = typeof Action.Type

/**
 * A clause the kernel answers with EINVAL.
 *
 * @category errors
 * @since 0.1.0
 */
export class MemmapOptionError
  extends Schema.TaggedError<MemmapOptionError>("@vmemmap/core/MemmapOption/MemmapOptionError")("MemmapOptionError", {
    clause: Schema.String,
    problem: Schema.String,
    remedy: Schema.String
  })
{
  override get message() {
    return `memmap=${this.clause}: ${this.problem} (EINVAL, 20.3); ${this.remedy}`
  }
}

/**
 * One clause. `action` is null when the kernel does nothing; with trailing garbage both `action` and `error` are present,
 * because the simple forms act before they look at what follows. `warning` is set when only the swapped reading of the two
 * numbers makes sense.
 *
 * @category models
 * @since 0.1.0
 */
export interface Clause {
  readonly text: string
  readonly action: Action | null
  readonly error: MemmapOptionError | null
  readonly warning: string | null
}

const grammar = "write nn@ss, nn#ss, nn$ss, nn!ss, nn%ss-old+new, nn or exactmap, size first"

const simpleTypes: Readonly<Record<string, number>> = { "@": 1, "#": 3, "$": 2, "!": 12 }

/** A leading `memparse()` number and the text after it; fails when there is none or when it is 2^52 or above. */
const leading = (
  clause: string,
  text: string,
  what: string
): Result.Result<{ readonly value: number; readonly rest: string }, MemmapOptionError> => {
  const split = MemParse.splitLeading(text)
  const fail = (problem: string) =>
    Result.fail(new MemmapOptionError({ clause: clause.slice(0, 80), problem, remedy: grammar }))
  if (split === null) return fail(`no ${what} in front of '${text.slice(0, 20)}'`)
  return Result.match(MemParse.parse(split.token), {
    onSuccess: (value) => Result.succeed({ value, rest: split.rest }),
    onFailure: (error) => fail(`${what}: ${error.message}`)
  })
}

const isSane = (start: number, size: number, limit: number): boolean =>
  start >= MiB && size > 0 && start + size <= limit

const swapped = (start: number, size: number, limit: number, operator: string): string | null =>
  isSane(start, size, limit) || !isSane(size, start, limit)
    ? null
    : `the kernel reads size first: this is ${MemParse.format(size)} from ${MemParse.format(start)} on; ` +
      `memmap=${MemParse.format(start)}${operator}${MemParse.format(size)} was probably meant`

const garbage = (clause: string, rest: string): MemmapOptionError | null =>
  rest === ""
    ? null
    : new MemmapOptionError({
      clause: clause.slice(0, 80),
      problem: `'${rest.slice(0, 20)}' follows`,
      remedy: `the effect is applied all the same; ${grammar}`
    })

/** `nn%ss[-old][+new]`: types as plain numbers; nothing is done when anything else follows. */
const convert = (
  clause: string,
  start: number,
  size: number,
  rest: string
): Result.Result<Action, MemmapOptionError> => {
  const match = /^(?:-(0x[0-9a-f]+|[0-9]+))?(?:\+(0x[0-9a-f]+|[0-9]+))?$/i.exec(rest)
  const types = [match?.[1], match?.[2]].map((text) =>
    text === undefined ? 0 : Number.parseInt(text, /^0[0-7]+$/.test(text) ? 8 : /^0x/i.test(text) ? 16 : 10)
  )
  const [from = 0, to = 0] = types
  if (match === null || types.some((type) => type >= 2 ** 32)) {
    return Result.fail(
      new MemmapOptionError({
        clause: clause.slice(0, 80),
        problem: `'${rest.slice(0, 20)}' is not -old+new`,
        remedy: grammar
      })
    )
  }
  return Result.succeed(
    from !== 0 && to !== 0
      ? Action.cases.Convert.make({ start, size, from, to })
      : to !== 0
      ? Action.cases.Add.make({ start, size, type: to })
      : Action.cases.Remove.make({ start, size, type: from === 0 ? null : from })
  )
}

const parseClause = (clause: string, limit: number): Clause => {
  const text = clause.slice(0, 120)
  const result = Result.gen(function*() {
    if (clause.startsWith("exactmap")) return { action: Action.cases.ExactMap.make({}), error: null, warning: null }
    const size = yield* leading(clause, clause, "size")
    const operator = size.rest[0] ?? ""
    const type = Object.hasOwn(simpleTypes, operator) ? simpleTypes[operator] : undefined
    if (type === undefined && operator !== "%") {
      return {
        action: Action.cases.Limit.make({ size: size.value }),
        error: garbage(clause, size.rest),
        warning: null
      }
    }
    const start = yield* leading(clause, size.rest.slice(1), "start")
    const warning = swapped(start.value, size.value, limit, operator)
    if (type === undefined) {
      const action = yield* convert(clause, start.value, size.value, start.rest)
      return { action, error: null, warning }
    }
    const action = Action.cases.Add.make({ start: start.value, size: size.value, type })
    return { action, error: garbage(clause, start.rest), warning }
  })
  return Result.match(result, {
    onSuccess: (parsed) => ({ text, ...parsed }),
    onFailure: (error) => ({ text, action: null, error, warning: null })
  })
}

/**
 * The clauses of one `memmap=` value, in order. `limit` is the end of the address space, for the warning about swapped
 * numbers.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (value: string, limit: number = 2 ** 46): ReadonlyArray<Clause> =>
  value.slice(0, 4096).split(",").map((clause) => parseClause(clause, limit))

/**
 * `mem=nn`: the limit in bytes, or `null` for words that are no size (`nopentium`) and for size 0, which would leave no RAM
 * and is refused by the kernel. What follows the number does not matter.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parseLimit = (value: string): number | null =>
  Result.match(MemParse.parse(MemParse.splitLeading(value)?.token ?? ""), {
    onSuccess: (size) => size === 0 ? null : size,
    onFailure: () => null
  })

/**
 * Every `memmap=` clause and `mem=` limit of a kernel command line, in order. `mem=nopentium` and other words that are no
 * size are passed over.
 *
 * @category parsing
 * @since 0.1.0
 */
export const fromCommandLine = (commandLine: string, limit?: number): ReadonlyArray<Clause> =>
  commandLine.slice(0, 65536).split(/\s+/).flatMap((word): ReadonlyArray<Clause> => {
    const parameter = word.replaceAll("\"", "")
    if (parameter.startsWith("memmap=")) return parse(parameter.slice(7), limit)
    const size = parameter.startsWith("mem=") ? parseLimit(parameter.slice(4)) : null
    return size === null
      ? []
      : [{ text: parameter.slice(4, 124), action: Action.cases.Limit.make({ size }), error: null, warning: null }]
  })

/**
 * What the clauses do, those that do nothing left out.
 *
 * @category queries
 * @since 0.1.0
 */
export const actions = (clauses: ReadonlyArray<Clause>): ReadonlyArray<Action> =>
  clauses.flatMap((clause) => clause.action === null ? [] : [clause.action])

/**
 * `memmap=nn!ss`: the clause that makes `[start, start + size)` a pmem range.
 *
 * @category printing
 * @since 0.1.0
 */
export const formatPmem = (start: number, size: number): string =>
  `memmap=${MemParse.format(size)}!${MemParse.format(start)}`
