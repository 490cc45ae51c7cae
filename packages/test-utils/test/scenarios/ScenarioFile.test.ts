import { assert, describe, it } from "@effect/vitest"
import type { InputError } from "@vmemmap/core/inputs/InputError"
import { Result } from "effect"
import * as Checks from "../../src/scenarios/Checks.ts"
import type { Scenario } from "../../src/scenarios/Scenario.ts"
import * as ScenarioFile from "../../src/scenarios/ScenarioFile.ts"

const machine = [
  "machine:",
  "  kernel: \"6.1\"",
  "  hypervisor: true",
  "  ranges: [{start: 0, size: 1G, kind: ram, node: 0}]",
  "  devices: [{name: region0, kind: pmem, start: 8G, size: 256M, node: 0, labels: true}]",
  ""
].join("\n")

const read = (text: string): Scenario => Result.getOrThrow(ScenarioFile.read("race.yaml", text))

const refusal = (text: string): InputError => {
  const result = ScenarioFile.read("race.yaml", text)
  if (Result.isSuccess(result)) return assert.fail(`read: ${text.slice(0, 200)}`)
  assert.strictEqual(result.failure._tag, "InputError")
  assert.strictEqual(result.failure.source, "race.yaml")
  assert.notStrictEqual(result.failure.remedy, "")
  return result.failure
}

/** Where it is refused, and why. */
const refused = (text: string): readonly [string, string] => {
  const { at, problem } = refusal(text)
  return [at, problem]
}

const explored = (text: string) =>
  Checks.explore(read(text), null, { preemptions: 0, schedules: 4, nanos: 1, clock: () => 0 })

const problems = (text: string) => explored(text).violations.map(({ problem, rule }) => [rule, problem])

const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth)

/** Nine times as many values on each line. */
const bomb = Array.from(
  { length: 20 },
  (_, i) => `a${i}: &a${i} [${Array.from({ length: 9 }, () => i === 0 ? "x" : `*a${i - 1}`).join(", ")}]`
).join("\n")

describe("ScenarioFile", () => {
  it("has what the file says, and what it does not say from its contexts", () => {
    const said = read(
      `name: two\nabout: both at once\npreemptions: 7\n${machine}contexts: {one: lsmem, other: [lsmem, "true"]}`
    )
    assert.deepStrictEqual(
      [said.name, said.about, said.preemptions, said.source],
      ["two", "both at once", 7, "race.yaml"]
    )
    const silent = read(`${machine}contexts: {one: lsmem, other: lsmem}`)
    assert.deepStrictEqual(
      [silent.name, silent.about, silent.preemptions],
      ["race.yaml", "contexts one, other of race.yaml", 2]
    )
  })

  it("JSON is read as YAML is", () => {
    const text = JSON.stringify({
      machine: { kernel: "6.1", ranges: [{ start: 0, size: "1G", kind: "ram", node: 0 }] },
      contexts: { one: "lsmem", other: ["lsmem"] }
    })
    assert.strictEqual(explored(text).violations.length, 0)
  })

  it("what is typed in setup is there before the contexts begin, and changes the end", () => {
    const contexts = "contexts: {one: ndctl destroy-namespace -f namespace0.0, other: lsmem}"
    const made = explored(`${machine}setup: ndctl create-namespace -m fsdax -M mem\n${contexts}`)
    assert.deepStrictEqual(made.violations, [])
    assert.isAbove(made.depth, explored(`${machine}${contexts}`).depth)
  })

  it("what is not modelled is told with the context and the line it stands in", () => {
    const unknown = "the command 'frobnicate' is not modelled; there are "
    for (
      const [lines, at] of [
        ["contexts: {one: lsmem, other: [\"true\", \"\", frobnicate]}", "contexts.other: line 3"],
        ["contexts: {one: lsmem, other: \"sh -c frobnicate\"}", "contexts.other: line 1"],
        ["setup: frobnicate\ncontexts: {one: lsmem, other: lsmem}", "setup: line 1"]
      ] as const
    ) {
      const [[rule, problem] = []] = problems(`${machine}${lines}`)
      assert.strictEqual(rule, ScenarioFile.notModelled)
      assert.isTrue(problem?.startsWith(`${at}: ${unknown}`), problem)
    }
  })

  it("a command of setup that fails is told; one of a context may fail", () => {
    const contexts = "contexts: {one: \"false\", other: ndctl destroy-namespace namespace7.7}"
    assert.deepStrictEqual(problems(`${machine}${contexts}`), [])
    assert.deepStrictEqual(problems(`${machine}setup: ["true", "false"]\n${contexts}`), [
      [ScenarioFile.failedSetup, "setup: 'false' exits with 1: "]
    ])
  })

  it("SEC-11: whoever maps a device by a tool beside a neighbour breaks nothing meanwhile, whatever else is done then", () => {
    const scenario = read(`${machine}contexts:
  first: ndctl create-namespace -m fsdax -M mem -s 64M
  second: ndctl create-namespace -m fsdax -M mem -s 64M
`)
    const { states, violations, ...outcome } = Checks.explore(scenario, null, { nanos: Infinity, clock: () => 0 })
    assert.deepStrictEqual([violations, outcome.complete, outcome.notes], [[], true, []])
    // Who begins while the other is at it finds no namespace that is free: no order may be left out.
    assert.strictEqual(states, 2)
  })

  it("a command that fails in every schedule is told, one that fails in some is not", () => {
    const { notes } = explored(`${machine}contexts:
  one: [ndctl destroy-namespace -f namespace9.9, "true"]
  two: "ndctl frobnicate"
`)
    assert.deepStrictEqual(notes.map((note) => note.replace(/exits with.*,/, "…,")), [
      "contexts.one: 'ndctl destroy-namespace -f namespace9.9' …, in every schedule",
      "contexts.two: 'ndctl frobnicate' …, in every schedule"
    ])
  })

  it("what is assumed of a kernel is told", () => {
    const { notes } = explored(`${machine.replace("6.1", "9.99")}contexts: {one: lsmem, other: lsmem}`)
    assert.deepStrictEqual(notes, ["rules are known up to 6.18; 9.99 is taken to behave like it"])
  })

  it("two to four contexts, each of a name of its own, that type something", () => {
    const wrong = (contexts: string) => refused(`${machine}contexts: ${contexts}`)
    assert.deepStrictEqual(refused(machine), ["contexts", "is missing"])
    assert.deepStrictEqual(wrong("{}"), ["contexts", "there are 0"])
    assert.deepStrictEqual(wrong("{one: lsmem}"), ["contexts", "there are 1"])
    assert.deepStrictEqual(wrong("{a: lsmem, b: lsmem, c: lsmem, d: lsmem, e: lsmem}"), ["contexts", "there are 5"])
    assert.strictEqual(read(`${machine}contexts: {a: lsmem, b: lsmem, c: lsmem, d: lsmem}`).name, "race.yaml")
    assert.deepStrictEqual(wrong("{\"\": lsmem, b: lsmem}"), ["contexts", "one has no name"])
    assert.deepStrictEqual(wrong("{a: lsmem, b: \"# later\"}"), ["contexts.b", "types nothing"])
    assert.deepStrictEqual(wrong("{a: [], \"b c\": lsmem}"), ["contexts.a", "types nothing"])
    assert.match(wrong("\n  a: lsmem\n  a: lsmem\n  b: lsmem")[1], /^is not YAML: Duplicate key 'a' at line /)
    assert.match(refused("{\"contexts\": {\"a\": \"lsmem\", \"a\": \"true\"}}")[0], /^line 1, column /)
  })

  it("lines that are no script are refused where they are wrong", () => {
    const [at, problem] = refused(`${machine}contexts: {a: lsmem, "b c": [lsmem, "echo ("]}`)
    assert.deepStrictEqual([at, problem], [
      "contexts[\"b c\"]: line 2, column 6",
      "a subshell (…) is not modelled"
    ])
    assert.strictEqual(
      refused(`${machine}setup: if true; then\ncontexts: {a: lsmem, b: lsmem}`)[0],
      "setup: line 1, column 1"
    )
    assert.strictEqual(
      refused(`${machine}contexts: {a: "for i in 1 2; do", b: lsmem}`)[0],
      "contexts.a: line 1, column 15"
    )
    assert.deepStrictEqual(refused(`${machine}contexts: {a: [lsmem, 3], b: lsmem}`), [
      "contexts.a[1]",
      "expected string, got 3"
    ])
  })

  it("unknown keys are refused with those there are, at any depth", () => {
    const contexts = "contexts: {a: lsmem, b: lsmem}"
    assert.deepStrictEqual(refused(`${machine}${contexts}\nbounds: 3`), [
      "bounds",
      "is not a known key; known are name, about, machine, setup, contexts, preemptions"
    ])
    assert.strictEqual(refused(`machine: {rangs: []}\n${contexts}`)[0], "machine.rangs")
    assert.strictEqual(refused(contexts)[0], "machine")
    assert.strictEqual(refused(`machine: 3\n${contexts}`)[0], "machine")
    for (const bound of ["-1", "1.5", "101", "many"]) {
      assert.strictEqual(refused(`${machine}${contexts}\npreemptions: ${bound}`)[0], "preemptions")
    }
  })

  it("a machine that does not boot, or is too large to look at again and again, is refused", () => {
    const contexts = "contexts: {a: lsmem, b: lsmem}"
    assert.match(refused(`machine: {kernel: "6.1"}\n${contexts}`).join(": "), /^machine: .*no RAM/)
    assert.deepStrictEqual(refused(`${machine.replace("256M", "8T")}${contexts}`), [
      "machine",
      "its devices and dimms have 8192 GiB"
    ])
  })

  it("hostile texts are refused, and quickly", () => {
    for (const text of ["", " \n", "null", "3", "- a", "\u0000\u0001\u0002", "\uFFFD\uFFFD: [", "\"unfinished"]) {
      assert.notStrictEqual(refusal(text).problem, "")
    }
    assert.notInclude(refusal("").problem, "aliases")
    assert.strictEqual(refusal(bomb).problem, "multiplies itself with YAML aliases")
    assert.strictEqual(refusal(`machine: ${nested(20_000)}`).problem, "nests too deep for YAML")
    assert.match(refusal(`{"machine": ${nested(5000)}}`).problem, /^nests deeper than /)
    assert.match(refusal("{\"machine\": {\"kernel\": \"6.1\"").problem, /^ends in the middle of an object/)
    assert.strictEqual(refusal(`${machine}# ${"x".repeat(2 ** 20)}`).problem, "is YAML larger than 1 MiB")
    assert.strictEqual(refusal(`{"machine": ${" ".repeat(2 ** 26)}}`).problem, "is larger than 64 MiB")
    const whole = `${machine}contexts:\n  one: lsmem\n  other:\n    - lsmem\n`
    assert.strictEqual(read(whole).name, "race.yaml")
    for (let length = 0; length < whole.indexOf("other"); length++) {
      assert.notStrictEqual(refusal(whole.slice(0, length)).problem, "", `${length}`)
    }
  })
})
