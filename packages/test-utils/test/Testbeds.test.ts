import { assert, describe, it } from "@effect/vitest"
import * as InitStrategies from "@vmemmap/core/init/InitStrategies"
import * as Published from "@vmemmap/core/simulation/Published"
import type * as Testbed from "@vmemmap/core/simulation/Testbed"
import * as CostModel from "@vmemmap/core/time/CostModel"
import { Effect, Result } from "effect"
import * as TestbedFiles from "../src/TestbedFiles.ts"
import * as Testbeds from "../src/Testbeds.ts"

const load = (name: string) => Result.getOrThrow(Testbeds.load(name))

const all = Testbeds.names().map(load)

const numbers = ({ costs }: Testbed.Testbed) =>
  (Object.keys(CostModel.parameters) as ReadonlyArray<CostModel.Parameter>).flatMap((name) => {
    const known = costs[name]
    return known === undefined ? [] : [{ name, ...known }]
  })

/** What a fit may be off. */
const exact = 0.03
/** What a prediction may be off without a word why. */
const tolerance = 0.25

describe("Testbeds", () => {
  it("every bundled file is read, under its own name", () => {
    assert.includeMembers([...Testbeds.names()], [
      "boot-1tb",
      "boot-64g",
      "cxl-expander",
      "nvdimm-128g",
      "pmem-12tb",
      "pmem-8-sockets"
    ])
    assert.deepStrictEqual(Testbeds.names(), Testbeds.names().toSorted())
    for (const name of Testbeds.names()) {
      assert.strictEqual(load(name).name, name)
      assert.isAbove(load(name).about.length, 20)
    }
  })

  it("others are unknown, whatever they are called", () => {
    for (
      const name of ["", "pmem", "../testbeds/boot-64g", "boot-64g.yaml", "/etc/passwd", "constructor", "x".repeat(1e6)]
    ) {
      assert.isUndefined(TestbedFiles.text(name))
      const failure = Result.match(Testbeds.load(name), { onFailure: (error) => error, onSuccess: () => undefined })
      assert.strictEqual(failure?._tag, "UnknownTestbed")
      assert.match(failure?.message ?? "", /^there is no machine '.*'; bundled are boot-1tb, /)
      assert.isBelow(failure?.message.length ?? 0, 400)
    }
  })

  it("every number says where it is from: a fit, another machine with that number, a source, or why it is assumed", () => {
    for (const testbed of all) {
      for (const { from, name, value } of numbers(testbed)) {
        const at = `${testbed.name} ${name}`
        assert.isAbove(from.length, 5, at)
        if (/^fit\b/.test(from)) {
          assert.isTrue(testbed.published.some(({ parameter, use }) => use === "fit" && parameter === name), at)
          assert.match(from, /^fit: .{5,}/)
        }
        const other = /^testbed ([a-z0-9-]+)/.exec(from)?.[1]
        if (other !== undefined) assert.strictEqual(load(other).costs[name]?.value, value, at)
        for (const [, mentioned = ""] of from.matchAll(/testbed ([a-z0-9-]+)/g)) {
          assert.include([...Testbeds.names()], mentioned, at)
        }
      }
    }
  })

  it("a point that was fitted names its number, which says so; others name none", () => {
    for (const testbed of all) {
      for (const { parameter, use, what } of testbed.published) {
        const at = `${testbed.name}: ${what}`
        if (use === "predict") {
          assert.isUndefined(parameter, at)
          continue
        }
        if (parameter === undefined) return assert.fail(at)
        assert.match(testbed.costs[parameter]?.from ?? "", /^fit/, at)
      }
    }
  })

  it("the same part of a store is taken for templates wherever that is assumed", () => {
    const { costs: { store, template } } = load("nvdimm-vm-100g")
    const part = (template?.value ?? 0) / (store?.value ?? 1)
    for (const { costs, name } of all) {
      if (costs.template?.from.startsWith("assumed: the same part of store") !== true) continue
      assert.isBelow(Math.abs((costs.template?.value ?? 0) / (costs.store?.value ?? 1) / part - 1), 0.005, name)
    }
  })

  it("strategies, variants and kernels of every point are known", () => {
    for (const testbed of all) {
      const points = testbed.published.flatMap(({ minus, strategy }) =>
        minus === undefined ? [strategy] : [strategy, minus]
      )
      for (const text of [...testbed.strategies ?? [], ...points]) {
        assert.isTrue(Result.isSuccess(InitStrategies.parse(text)), `${testbed.name}: ${text}`)
      }
      for (const { variant, what } of testbed.published) {
        if (variant !== undefined) assert.property(testbed.variants ?? {}, variant, `${testbed.name}: ${what}`)
      }
      assert.isAbove((testbed.strategies ?? []).length, 0)
    }
  })

  it.effect.each(all.map((testbed) => [testbed.name, testbed] as const))(
    "%s: fitted points come out as published, predictions that are far off say why",
    ([, testbed]) =>
      Effect.map(Published.compare(testbed), (points) => {
        assert.deepStrictEqual(points.map(({ point }) => point), testbed.published)
        for (const { off, point, simulated } of points) {
          const at = `${testbed.name}: ${point.what}: ${simulated}`
          assert.isTrue(Number.isFinite(simulated), at)
          assert.strictEqual(off, Published.off(simulated, point))
          if (point.use === "fit") assert.isAtMost(Math.abs(off), exact, at)
          else if (Math.abs(off) > tolerance) assert.isAbove(point.why?.length ?? 0, 40, at)
        }
      })
  )
})
