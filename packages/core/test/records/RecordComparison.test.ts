import { assert, describe, it } from "@effect/vitest"
import type { KernelRecord } from "../../src/records/KernelRecord.ts"
import * as LeafPath from "../../src/records/LeafPath.ts"
import * as RecordComparison from "../../src/records/RecordComparison.ts"
import * as Scope from "../../src/records/Scope.ts"
import type { Verdict } from "../../src/records/Verdict.ts"
import * as Observed from "./observed.ts"

const isLong = process.env.VMEMMAP_LONG === "1"

const altered = (record: KernelRecord, path: LeafPath.LeafPath, value: unknown): KernelRecord => ({
  ...record,
  observed: LeafPath.set(record.observed, path, value) as Observed.Observed
})

interface Case {
  readonly record: KernelRecord
  readonly engine: Observed.Observed
  readonly verdict: Verdict
}

const casesOf = (record: KernelRecord): ReadonlyArray<Case> => {
  const engine = Observed.asEngine(record)
  return RecordComparison.verdicts(record, engine).map((verdict) => ({ record, engine, verdict }))
}

const valueAt = ({ record, verdict }: Case): unknown =>
  verdict.path.reduce<unknown>((value, key) => LeafPath.member(value, key), record.observed)

/** All of them, or of each category a share of `count`, drawn with a fixed seed. */
const sampled = (tag: Verdict["_tag"], count: number): ReadonlyArray<Case> => {
  const random = Observed.random(7)
  const groups = [...Map.groupBy(Observed.all, ({ category }) => category).values()]
  return groups.flatMap((records) => {
    if (isLong) return records.flatMap(casesOf).filter(({ verdict }) => verdict._tag === tag)
    return Array.from({ length: Math.ceil(count / groups.length) }, () => {
      const record = records[Math.floor(random() * records.length)] ?? assert.fail("no record")
      const cases = casesOf(record).filter(({ verdict }) => verdict._tag === tag)
      return cases[Math.floor(random() * cases.length)]
    }).filter((some) => some !== undefined)
  })
}

const escaped = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")

const matches = (pattern: string, path: LeafPath.LeafPath): boolean =>
  new RegExp(
    `^${
      escaped(pattern).replaceAll("\\.\\*\\*", "(?:\n.*)*").replaceAll("\\*\\*", ".*")
        .replaceAll("\\.", "\n").replaceAll("\\*", "[^\n]*")
    }$`,
    "s"
  ).test(path.join("\n"))

describe("Comparison", () => {
  it("a recording is equal to itself, and every leaf has one verdict", () => {
    for (const record of Observed.all) {
      const engine = Observed.asEngine(record)
      const { compared, different, equal, outOfScope } = RecordComparison.compare(record, engine)
      assert.deepStrictEqual(different, [], record.case)
      assert.strictEqual(equal, compared)
      assert.strictEqual(equal + outOfScope, LeafPath.leaves(record.observed).length, record.case)
      const places = RecordComparison.verdicts(record, engine).map(({ path }) => LeafPath.print(path))
      assert.strictEqual(new Set(places).size, places.length, record.case)
    }
  })

  it("what is left out is where Scope says, and most is compared", () => {
    let [left, compared] = [0, 0]
    for (const record of Observed.all) {
      for (const verdict of RecordComparison.verdicts(record, Observed.asEngine(record))) {
        if (verdict._tag !== "OutOfScope") {
          compared++
          continue
        }
        left++
        const { leaves } = verdict.scope
        assert.isTrue(leaves.some((pattern) => matches(pattern, verdict.path)), LeafPath.print(verdict.path))
      }
    }
    assert.isAbove(compared, 60_000)
    assert.isAbove(left, 10_000)
  })

  it("an altered leaf that is in scope is the one difference", () => {
    const random = Observed.random(11)
    const cases = sampled("Equal", 300)
    assert.isAtLeast(cases.length, 300)
    for (const some of cases) {
      const values = Observed.alterations(valueAt(some))
      const value = values[Math.floor(random() * values.length)]
      const path = LeafPath.print(some.verdict.path)
      const { different } = RecordComparison.compare(altered(some.record, some.verdict.path, value), some.engine)
      assert.deepStrictEqual(
        different.map((difference) => difference.path),
        [path],
        `${some.record.case}: ${path}: ${String(valueAt(some))} is altered to ${JSON.stringify(String(value))}`
      )
    }
  }, 3_600_000)

  it("an altered leaf that is out of scope makes no difference", () => {
    const random = Observed.random(13)
    const cases = sampled("OutOfScope", 300)
    assert.isAtLeast(cases.length, 250)
    for (const some of cases) {
      const was = valueAt(some)
      const isLine = some.verdict._tag === "OutOfScope" && some.verdict.scope === Scope.entries.lines
      const values = isLine ? [`${String(was)}~`] : Observed.alterations(was)
      const value = values[Math.floor(random() * values.length)]
      const path = LeafPath.print(some.verdict.path)
      const { different } = RecordComparison.compare(altered(some.record, some.verdict.path, value), some.engine)
      assert.deepStrictEqual(
        different,
        [],
        `${some.record.case}: ${path}: ${String(was)} is altered to ${String(value)}`
      )
    }
  }, 3_600_000)

  it("a block the recorder could not read is out of scope, any other that is missing is not", () => {
    const record = Observed.all.find(({ observed }) => LeafPath.member(observed, "infoblocks") !== undefined) ??
      assert.fail("no block")
    const [label] = Object.keys(LeafPath.member(record.observed, "infoblocks") ?? {})
    if (label === undefined) assert.fail("no block")
    const engine = Observed.asEngine(record)
    const without = altered(record, ["infoblocks", label], undefined)
    const told = (error: string) => ({ ...without, observed: { ...without.observed, snapshotErrors: [error] } })
    assert.deepStrictEqual(RecordComparison.compare(told(`infoblock ${label} 4096: KeyError`), engine).different, [])
    for (const record of [without, told(`infoblock ${label}2 4096: KeyError`)]) {
      const { different } = RecordComparison.compare(record, engine)
      assert.isAbove(different.filter(({ path }) => path.startsWith("infoblocks")).length, 0)
    }
  })
})
