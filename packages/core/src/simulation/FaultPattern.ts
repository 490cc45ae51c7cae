/**
 * Who touches device memory first, when, and where: patterns of access as data, and the accesses they stand for.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as MemParse from "../geometry/MemParse.ts"
import * as Nanos from "../time/Nanos.ts"

/**
 * - `first`: one access to the first page
 * - `uniform`: anywhere, each place as likely as another
 * - `sequential`: from the first page on
 * - `hot`: nine of ten in one hundredth of the device
 * - `all`: as many as the node has processors, anywhere, at once
 *
 * @category models
 * @since 0.1.0
 */
export const Kind = Schema.Literals(["first", "uniform", "sequential", "hot", "all"])
/** @since 0.1.0 */
export type Kind = typeof Kind.Type

/**
 * - `fault`: a page fault on a file or a character device
 * - `io`: block I/O, which needs no struct page
 * - `register`: memory of a character device registered for RDMA: faulted in and pinned, 512 pages at a time
 *
 * @category models
 * @since 0.1.0
 */
export const Access = Schema.Literals(["fault", "io", "register"])
/** @since 0.1.0 */
export type Access = typeof Access.Type

/**
 * `count` accesses to each device, the first `at` nanoseconds after the device appeared, then one `every` so many. `size` bytes
 * each, rounded up to what the device maps at least; `null`: the largest page it can map.
 *
 * @category models
 * @since 0.1.0
 */
export const FaultPattern = Schema.Struct({
  kind: Kind,
  access: Access,
  count: Schema.Natural.check(Schema.isBetween({ minimum: 1, maximum: 100_000 })),
  at: Schema.Natural,
  every: Schema.Natural,
  size: Schema.NullOr(Schema.Natural.check(Schema.isGreaterThan(0)))
})
/** @since 0.1.0 */
export interface FaultPattern extends Schema.Schema.Type<typeof FaultPattern> {}

/**
 * 16 faults anywhere in the device, one every millisecond from when it appears.
 *
 * @category patterns
 * @since 0.1.0
 */
export const usual: FaultPattern = { kind: "uniform", access: "fault", count: 16, at: 0, every: 1_000_000, size: null }

/**
 * Why a text is no pattern.
 *
 * @category errors
 * @since 0.1.0
 */
export class FaultPatternError extends Schema.TaggedError<FaultPatternError>(
  "@vmemmap/core/simulation/FaultPatternError"
)("FaultPatternError", { text: Schema.String, problem: Schema.String }) {
  override get message() {
    return `'${this.text.slice(0, 80)}' is no pattern of faults: ${this.problem}`
  }
}

const isKind = (text: string): text is Kind => (Kind.literals as ReadonlyArray<string>).includes(text)
/**
 * @category guards
 * @since 0.1.0
 */
export const isAccess = (text: string): text is Access => (Access.literals as ReadonlyArray<string>).includes(text)

const setting = (pattern: FaultPattern, word: string): Result.Result<FaultPattern, string> => {
  const at = word.indexOf("=")
  const key = word.slice(0, Math.max(0, at)).trim()
  const value = word.slice(at + 1).trim()
  switch (key) {
    case "count": {
      const count = Number(value)
      return /^[0-9]{1,6}$/.test(value) && count >= 1 && count <= 100_000
        ? Result.succeed({ ...pattern, count })
        : Result.fail("count is a number from 1 to 100000")
    }
    case "at":
      return Result.map(Nanos.parse(value), (at) => ({ ...pattern, at }))
    case "every":
      return Result.map(Nanos.parse(value), (every) => ({ ...pattern, every }))
    case "size":
      return Result.match(MemParse.parse(value), {
        onSuccess: (size) => size > 0 ? Result.succeed({ ...pattern, size }) : Result.fail("size is 1 byte or more"),
        onFailure: ({ message }) => Result.fail(message)
      })
    case "access":
      return isAccess(value)
        ? Result.succeed({ ...pattern, access: value })
        : Result.fail(`access is one of ${Access.literals.join(", ")}`)
    default:
      return Result.fail("settings are count=, at=, every=, size=, access=")
  }
}

/**
 * Reads `uniform`, `first,at=10s`, `hot,count=1000,every=100us,size=2M`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const parse = (text: string): Result.Result<FaultPattern, FaultPatternError> => {
  const [kind = "", ...words] = text.split(",").map((word) => word.trim())
  const refuse = (problem: string) => Result.fail(new FaultPatternError({ text, problem }))
  if (!isKind(kind)) return refuse(`it begins with one of ${Kind.literals.join(", ")}`)
  const start: FaultPattern = { ...usual, kind, ...(kind === "first" ? { count: 1 } : {}) }
  let pattern: Result.Result<FaultPattern, string> = Result.succeed(start)
  const keys = words.map((word) => word.replace(/\s*=.*$/, ""))
  const twice = keys.find((key, i) => keys.indexOf(key) < i)
  if (twice !== undefined) return refuse(`${twice.slice(0, 20)} is set twice`)
  if (kind === "all" && (keys.includes("count") || keys.includes("every"))) {
    return refuse("every processor accesses once: leave out count= and every=")
  }
  for (const word of words) pattern = Result.flatMap(pattern, (so) => setting(so, word))
  const { at, count, every } = Result.getOrElse(pattern, () => start)
  if (kind !== "all" && at + (count - 1) * every > Nanos.most) {
    return refuse("the last access comes later than the 104 days that are counted")
  }
  return Result.mapError(pattern, (problem) => new FaultPatternError({ text, problem }))
}

/**
 * One access: `at` nanoseconds after the device appeared, to its page number `page` of those of the pattern's size.
 *
 * @category models
 * @since 0.1.0
 */
export interface Touch {
  readonly at: number
  readonly page: number
}

/**
 * The accesses to a device with so many pages on a node with so many processors, by the generator in force.
 *
 * @category constructors
 * @since 0.1.0
 */
export const touches = Effect.fnUntraced(
  function*({ at, count, every, kind }: FaultPattern, pages: number, processors: number) {
    const many = kind === "all" ? Math.max(1, processors) : count
    const found: Array<Touch> = []
    const anywhere = (from: number, to: number) => Random.nextIntBetween(from, to, { halfOpen: true })
    const spot = Math.max(1, Math.floor(pages / 100))
    const hot = yield* anywhere(0, pages - spot + 1)
    for (let i = 0; i < many; i++) {
      const when = kind === "all" ? at : at + i * every
      const isHot = kind === "hot" && (yield* Random.next) < 0.9
      const page = kind === "first"
        ? 0
        : kind === "sequential"
        ? i % pages
        : isHot
        ? yield* anywhere(hot, hot + spot)
        : yield* anywhere(0, pages)
      found.push({ at: when, page })
    }
    return found
  }
)
