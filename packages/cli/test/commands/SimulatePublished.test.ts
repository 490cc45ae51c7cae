import { assert, describe, it } from "@effect/vitest"
import * as TestbedFiles from "@vmemmap/test-utils/TestbedFiles"
import { Effect } from "effect"
import * as SimulateAnswer from "../../src/answers/SimulateAnswer.ts"
import { answer, folderWith, run } from "../run.ts"
import { altered, crowded, small } from "./testbeds.ts"

const quick = ["--strategy", "linux-6.1", "--faults", "first"]

describe("vmemmap simulate --published", () => {
  for (const name of TestbedFiles.names()) {
    it.effect(`${name}: fitted within 3 %, predicted within 25 % or explained`, () =>
      Effect.gen(function*() {
        const args = ["simulate", name, ...quick, "--published"]
        const { json, status, stderr } = yield* answer(SimulateAnswer.SimulateAnswer, args)
        assert.deepStrictEqual([status, stderr], [0, ""])
        assert.strictEqual(json.published?.length, json.publishedPoints)
        for (const { off, parameter, use, what, why } of json.published ?? []) {
          if (use === "fit") {
            assert.isAtMost(Math.abs(off), 0.03, what)
            assert.isNotNull(parameter)
          } else if (Math.abs(off) > 0.25) assert.isNotNull(why, what)
        }
      }))
  }

  it.effect("text: what was published, what comes out, by how much it is off, which number it gave, why", () =>
    Effect.gen(function*() {
      const { status, stdout } = yield* run(["simulate", "nvdimm-128g", ...quick, "--published"])
      assert.strictEqual(status, 0)
      assert.match(stdout, /^1 {2}device-dax with base pages +268 - 358 ms +3\d\d ms +inside +fitted: store$/m)
      assert.match(stdout, /^3 {2}device-dax with 1 GiB compounds \[1G\] +0 - 1\.00 ms +.*predicted$/m)
      assert.include(stdout, "Joao Martins")
      assert.include(stdout, "3 of 3 predictions within 25 %")
    }))

  it.effect("a prediction that is off and has no reason is status 1; with one it is not", () =>
    Effect.gen(function*() {
      const off = altered("low: 80ms\n    high: 85ms", "low: 8s\n    high: 9s")
      const from = yield* folderWith({ "off.yaml": off, "why.yaml": `${off}    why: it was a Monday\n` })
      const args = (name: string) => ["simulate", name, ...quick, "--published"]
      const bad = yield* run(args("off.yaml"), { from })
      assert.deepStrictEqual([bad.status, bad.stderr], [
        1,
        "vmemmap: 1 of the predictions is further off than 25 % with no word why"
      ])
      assert.include(bad.stdout, "0 of 1 prediction within 25 %; 1 further off with no word why\n")
      const good = yield* run(args("why.yaml"), { from })
      assert.deepStrictEqual([good.status, good.stderr], [0, ""])
      assert.include(good.stdout, "   why: it was a Monday\n")
      const { json, status } = yield* answer(SimulateAnswer.SimulateAnswer, args("off.yaml"), { from })
      assert.strictEqual(status, 1)
      assert.isBelow(json.published?.[0]?.off ?? 0, -0.9)
    }))

  it.effect("points that name what there is not: status 2", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({
        "strategy.yaml": altered("strategy: linux-6.1", "strategy: linux-0.1"),
        "variant.yaml": altered("strategy: linux-6.1", "strategy: linux-6.1\n    variant: other")
      })
      for (const name of ["strategy", "variant"]) {
        const { status, stderr, stdout } = yield* run(["simulate", `${name}.yaml`, ...quick, "--published"], { from })
        assert.deepStrictEqual([status, stdout], [2, ""])
        assert.match(stderr, /^vmemmap: small: published: .*(no strategy|no variant)/)
      }
    }))

  it.effect("points that cannot be simulated: the strategies are printed, status 1", () =>
    Effect.gen(function*() {
      const odd = altered("align: 2MiB", "align: 3MiB")
      const from = yield* folderWith({ "odd.yaml": odd })
      const { json, status, stderr } = yield* answer(
        SimulateAnswer.SimulateAnswer,
        ["simulate", "odd.yaml", ...quick, "--published"],
        { from }
      )
      assert.strictEqual(status, 1)
      assert.include(stderr, "what is published cannot be simulated: EINVAL (22.3)")
      assert.deepStrictEqual([json.published, json.strategies.length], [undefined, 1])
    }))

  it.effect("a point whose device does not appear is none: the reason, status 1", () =>
    Effect.gen(function*() {
      const published = small.slice(small.indexOf("published:")).replace("linux-6.1", "linux-5.1")
      const from = yield* folderWith({ "crowded.yaml": crowded.replace("published: []\n", published) })
      const { status, stderr } = yield* run(["simulate", "crowded.yaml", "--published", ...quick], { from })
      assert.strictEqual(status, 1)
      assert.match(stderr, /what is published cannot be simulated: .*namespace0\.0 never appeared: ENOMEM/)
    }))

  it.effect("without MACHINE: of all bundled machines, in text and as JSON", () =>
    Effect.gen(function*() {
      const { json, status, stderr } = yield* answer(SimulateAnswer.MachinesAnswer, ["simulate", "--published"])
      assert.deepStrictEqual([status, stderr], [0, ""])
      assert.deepStrictEqual(json.machines.map(({ name }) => name), TestbedFiles.names())
      for (const { published, publishedPoints } of json.machines) {
        assert.strictEqual(published?.length, publishedPoints)
      }
      const { stdout } = yield* run(["simulate", "--published"], { columns: 80 })
      for (const { name, publishedPoints } of json.machines) {
        assert.strictEqual(stdout.includes(`${name}: `), publishedPoints > 0, name)
      }
      for (const line of stdout.split("\n")) assert.isAtMost(line.length, 80, line)
      assert.match(stdout, /\n\nall machines: \d+ of \d+ predictions within 25 %/)
    }))

  it.effect("where nothing is published it says so", () =>
    Effect.gen(function*() {
      const { status, stdout } = yield* run(["simulate", "cxl-expander", ...quick, "--published"])
      assert.strictEqual(status, 0)
      assert.include(stdout, "no figure is published of this machine\n")
    }))
})
