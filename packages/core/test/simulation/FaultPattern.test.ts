import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Random, Result, Schema } from "effect"
import * as FaultPattern from "../../src/simulation/FaultPattern.ts"

const parsed = (text: string) => Result.getOrThrow(FaultPattern.parse(text))

const refusal = (text: string) => {
  const result = FaultPattern.parse(text)
  return Result.isFailure(result) ? result.failure : assert.fail(`${text} was read`)
}

const touches = (text: string, pages: number, processors = 4, seed: string | number = 1) =>
  Effect.runSync(Random.withSeed(FaultPattern.touches(parsed(text), pages, processors), seed))

const isPattern = Schema.is(FaultPattern.FaultPattern)

describe("FaultPattern.parse", () => {
  it("reads every word", () => {
    for (const kind of FaultPattern.Kind.literals) {
      assert.deepStrictEqual(parsed(kind), { ...FaultPattern.usual, kind, count: kind === "first" ? 1 : 16 })
    }
    for (const access of FaultPattern.Access.literals) {
      assert.strictEqual(parsed(`uniform,access=${access}`).access, access)
    }
    assert.deepStrictEqual(parsed("first,at=10s"), { ...FaultPattern.usual, kind: "first", count: 1, at: 10e9 })
    assert.deepStrictEqual(parsed("hot,count=1000,every=100us,size=2M"), {
      kind: "hot",
      access: "fault",
      count: 1000,
      at: 0,
      every: 100_000,
      size: 2 ** 21
    })
    assert.deepStrictEqual(parsed(" sequential , size = 1G , at = 1.5ms , access = register , every = 0 "), {
      kind: "sequential",
      access: "register",
      count: 16,
      at: 1_500_000,
      every: 0,
      size: 2 ** 30
    })
    assert.strictEqual(parsed("uniform,size=0x1000").size, 4096)
    assert.strictEqual(parsed("first,count=100000").count, 100_000)
    assert.strictEqual(parsed("first,at=2000h,every=1000h").at, 2000 * 3600e9)
  })

  it("refuses what is none, and says what would be right", () => {
    for (
      const [text, problem] of [
        ["", /begins with one of first, uniform, sequential, hot, all/],
        ["First", /begins with one of/],
        ["uniform count=3", /begins with one of/],
        ["count=3", /begins with one of/],
        ["uniform,", /settings are count=, at=, every=, size=, access=/],
        ["uniform,constructor=1", /settings are/],
        ["uniform,count", /settings are/],
        ["uniform,count=2,at=1s,count = 3", /count is set twice/],
        ["all,count=5", /every processor accesses once: leave out count= and every=/],
        ["all,every=5ms", /leave out count= and every=/],
        ["uniform,count=20000,every=2400h", /later than the 104 days that are counted/],
        ["uniform,count=", /count is a number from 1 to 100000/],
        ["uniform,count=0", /count is a number/],
        ["uniform,count=-1", /count is a number/],
        ["uniform,count=1.5", /count is a number/],
        ["uniform,count=1e3", /count is a number/],
        ["uniform,count=0x10", /count is a number/],
        ["uniform,count=100001", /count is a number/],
        ["uniform,count=5=6", /count is a number/],
        ["uniform,count=Infinity", /count is a number/],
        ["uniform,at=", /a time is a number with/],
        ["uniform,at=5", /5 needs a unit/],
        ["uniform,at=-5ms", /a time is a number with/],
        ["uniform,every=1d", /a time is a number with/],
        ["uniform,every=99999h", /less than 104 days/],
        ["uniform,size=0", /size is 1 byte or more/],
        ["uniform,size=", /is not a size/],
        ["uniform,size=2MB", /decimal unit/],
        ["uniform,size=-4K", /is not a size/],
        ["uniform,size=8P", /2\^52/],
        ["uniform,access=write", /access is one of fault, io, register/],
        ["uniform,access=", /access is one of/]
      ] as const
    ) {
      const { _tag, message } = refusal(text)
      assert.strictEqual(_tag, "FaultPatternError")
      assert.match(message, problem, text)
      assert.match(message, /is no pattern of faults: /)
    }
    assert.isBelow(refusal("x".repeat(100_000)).message.length, 300)
    assert.isBelow(refusal(`uniform${",count=1".repeat(10_000)},size=x`).message.length, 300)
  })

  it.prop("whatever is typed is a pattern or refused", [Arbitrary.schema(Schema.String)], ([text]) => {
    for (
      const word of [text, `uniform,${text}`, `uniform,at=${text}`, `uniform,size=${text}`, `uniform,count=${text}`]
    ) {
      const result = FaultPattern.parse(word)
      if (Result.isSuccess(result)) assert.isTrue(isPattern(result.success))
    }
  }, { arbitrary: { runs: 300, seed: "patterns" } })
})

const Case = Schema.Struct({
  pattern: FaultPattern.FaultPattern,
  pages: Schema.Union([
    Schema.Literals([1, 2, 3, 99, 100, 101, 2 ** 40]),
    Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5000 }))
  ]),
  processors: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 300 })),
  seed: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 1000 }))
})

describe("FaultPattern.touches", () => {
  it.prop(
    "as many as asked for, in the order of their times, inside of the device, the same for the same seed",
    [Arbitrary.schema(Case)],
    ([{ pages, pattern: { count, ...rest }, processors, seed }]) => {
      const pattern = { ...rest, count: Math.min(count, 200), at: rest.at % 1e12, every: rest.every % 1e9 }
      const draw = () => Effect.runSync(Random.withSeed(FaultPattern.touches(pattern, pages, processors), seed))
      const found = draw()
      assert.strictEqual(found.length, pattern.kind === "all" ? Math.max(1, processors) : pattern.count)
      found.forEach(({ at, page }, i) => {
        assert.strictEqual(at, pattern.kind === "all" ? pattern.at : pattern.at + i * pattern.every)
        assert.isTrue(Number.isInteger(page) && page >= 0 && page < pages, `${page} of ${pages}`)
      })
      assert.deepStrictEqual(draw(), found)
    },
    { arbitrary: { runs: 200, seed: "touches" } }
  )

  it("first is the first page, sequential one after the other and then from the beginning", () => {
    assert.deepStrictEqual(touches("first", 1000), [{ at: 0, page: 0 }])
    assert.deepStrictEqual(touches("first,count=3,every=1us,at=5us", 1000), [
      { at: 5000, page: 0 },
      { at: 6000, page: 0 },
      { at: 7000, page: 0 }
    ])
    assert.deepStrictEqual(touches("sequential,count=7", 3).map(({ page }) => page), [0, 1, 2, 0, 1, 2, 0])
  })

  it("all come at once, one from each processor", () => {
    const all = touches("all,at=3ms", 10_000, 48)
    assert.strictEqual(all.length, 48)
    assert.isTrue(all.every(({ at }) => at === 3_000_000))
    assert.isAbove(new Set(all.map(({ page }) => page)).size, 40)
    assert.strictEqual(touches("all", 10, 0).length, 1)
  })

  it("another seed touches other pages", () => {
    for (const kind of ["uniform", "hot", "all"]) {
      assert.notDeepEqual(touches(kind, 10_000, 8, 1), touches(kind, 10_000, 8, 2))
    }
  })

  it("uniform: each page as likely as another, the last one too", () => {
    for (const pages of [2, 3, 10]) {
      const counts = Array.from({ length: pages }, () => 0)
      for (const { page } of touches("uniform,count=30000", pages)) counts[page] = (counts[page] ?? 0) + 1
      const expected = 30_000 / pages
      // Five standard deviations.
      for (const n of counts) assert.isBelow(Math.abs(n - expected), 5 * Math.sqrt(expected))
    }
  })

  it("hot: nine of ten in one hundredth of the device, wherever that is", () => {
    const spots = new Set<number>()
    for (let seed = 0; seed < 8; seed++) {
      const found = touches("hot,count=10000", 10_000, 4, seed).map(({ page }) => page)
      const tally = new Map<number, number>()
      for (const page of found) tally.set(page, (tally.get(page) ?? 0) + 1)
      // A page of the spot is met ninety times, another one once in ten.
      const hot = [...tally].filter(([, n]) => n > 30).map(([page]) => page).toSorted((a, b) => a - b)
      const [start = 0] = hot
      assert.strictEqual(hot.length, 100)
      assert.strictEqual(hot.at(-1), start + 99)
      const inside = found.filter((page) => page >= start && page < start + 100).length
      assert.isBelow(Math.abs(inside - 9010), 150)
      spots.add(start)
    }
    assert.isAbove(spots.size, 6)
    assert.isTrue(touches("hot,count=100", 1).every(({ page }) => page === 0))
  })
})
