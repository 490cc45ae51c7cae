import { assert, describe, it } from "@effect/vitest"
import * as InitStrategies from "@vmemmap/core/init/InitStrategies"
import * as FaultPattern from "@vmemmap/core/simulation/FaultPattern"
import * as Testbed from "@vmemmap/core/simulation/Testbed"
import * as CostModel from "@vmemmap/core/time/CostModel"
import * as Mutants from "@vmemmap/test-utils/scenarios/Mutants"
import { Effect } from "effect"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { root, run } from "./run.ts"

const document = (name: string): string => Fs.readFileSync(Path.join(root, "docs", name), "utf8")

/** How long something took is not the same twice, nor how wide that is. */
const untimed = (text: string): string => text.replace(/[0-9.]+ (?:us|ms|s)\b/g, "TIME").replace(/ {2,}/g, "  ")

/** Each console block: the words after `npm start --silent --`, and what follows. */
const blocks = (text: string) =>
  [...text.matchAll(/```console\n\$ npm start --silent -- (.*)\n([^`]*)```/g)].map(([, line = "", printed = ""]) => ({
    line,
    printed
  }))

/** Words as a shell has them, those in quotes too. */
const words = (line: string): ReadonlyArray<string> =>
  (line.match(/'[^']*'|[^ ]+/g) ?? []).map((word) => word.replaceAll("'", ""))

/** What a terminal shows, without colour. */
const shown = (line: string) =>
  Effect.map(
    run(words(line)),
    ({ status, stderr, stdout }) =>
      stdout + (stderr === "" ? "" : `${stderr}\n`) + (status === 0 ? "" : `$ echo $?\n${status}\n`)
  )

const node = (...args: ReadonlyArray<string>) =>
  Effect.sync(() => ChildProcess.spawnSync(process.execPath, [...args], { cwd: root, encoding: "utf8" }))

/** A line as somebody types it. */
const shell = (line: string) =>
  Effect.sync(() => ChildProcess.spawnSync(line, { cwd: root, encoding: "utf8", shell: true }))

describe("documentation", () => {
  it.effect("27.4: the sessions of docs/try.md are what try prints", () =>
    Effect.gen(function*() {
      const found = blocks(document("try.md"))
      assert.isAtLeast(found.length, 16)
      for (const { line, printed } of found) assert.strictEqual(yield* shown(line), printed, line)
    }), 60_000)

  it.effect("the sessions of docs/simulate.md are what simulate prints", () =>
    Effect.gen(function*() {
      const found = blocks(document("simulate.md"))
      assert.isAtLeast(found.length, 5)
      for (const { line, printed } of found) assert.strictEqual(yield* shown(line), printed, line)
    }))

  it.effect(
    "the sessions of docs/check.md are what check prints, and what the example prints",
    () =>
      Effect.gen(function*() {
        const text = document("check.md")
        const found = blocks(text)
        assert.isAtLeast(found.length, 5)
        for (const { line, printed } of found) assert.strictEqual(untimed(yield* shown(line)), untimed(printed), line)
        const { stdout } = yield* node(Path.join("examples", "dying-device.ts"))
        assert.include(text, `$ npm run --silent example -- examples/dying-device.ts\n${stdout}\`\`\``)
      }),
    60_000
  )

  it("docs/check.md has the mistakes that are out of reach, and the scenario file it shows is the example", () => {
    const text = document("check.md")
    for (const { id } of Mutants.outOfReach) assert.include(text, `| ${id} |`)
    const [, shown = ""] = /```yaml\n([^`]*)```/.exec(text) ?? []
    const file = Fs.readFileSync(Path.join(root, "examples", "check", "reconfigure-offline.yaml"), "utf8")
    assert.strictEqual(file.replace(/^#.*\n/, ""), shown)
  })

  it("docs/simulate.md names every number of the cost model, every preset, every kind of pattern and every key of a testbed", () => {
    const text = document("simulate.md")
    for (
      const word of [
        ...Object.keys(CostModel.parameters),
        ...InitStrategies.presets.map(({ name }) => name),
        ...FaultPattern.Kind.literals,
        ...FaultPattern.Access.literals,
        ...Object.keys(Testbed.Testbed.fields)
      ]
    ) {
      assert.include(text, `\`${word}\``)
    }
  })

  it.effect("docs/json/README.md says which commands print their answer with status 1, and which say why on standard error", () =>
    Effect.gen(function*() {
      const text = document("json/README.md")
      const [, answering = "", silent = ""] =
        /With status 1, ([^;]*) print their whole answer; (.*) print nothing/.exec(text) ?? []
      const names = (list: string) => [...list.matchAll(/`([a-z]+)`/g)].map(([, name = ""]) => name)
      const twoRegions = ["examples/try/two-regions.yaml", "examples/try/no-space.sh"]
      const asked: ReadonlyArray<readonly [line: ReadonlyArray<string>, answers: boolean, why: boolean]> = [
        [["plan", "--range", "4G+128G", "--map", "mem", "--fail-if", "ram>1GiB"], true, true],
        [["grow", "--base", "1GiB", "--to", "61GiB", "--step", "10GiB"], true, true],
        [["check", "--mutant", "BUG-3"], true, false],
        [["size", "--want", "100G", "--start", "0x7fffffff000"], false, true],
        [["bench", "--size", "64M", "--rounds", "1", "--strategy", "linux-4.19"], false, true]
      ]
      for (const [line, answers, why] of asked) {
        const { status, stderr, stdout } = yield* run([...line, "--json"])
        assert.deepStrictEqual([status, stdout !== "", stderr !== ""], [1, answers, why], line.join(" "))
        assert.include(names(answers ? answering : silent), line[0])
      }
      assert.lengthOf(names(silent), 2)
      const { status, stderr, stdout } = yield* run(["try", ...twoRegions, "--json"])
      assert.deepStrictEqual([status, stderr], [0, ""])
      assert.include(stdout, "No space left on device")
      assert.include(text, "`try` never ends with 1")
    }))

  it("27.4: every machine and script of examples/try is used in docs/try.md", () => {
    const text = document("try.md")
    const unused = Fs.readdirSync(Path.join(root, "examples", "try")).filter((name) =>
      !text.includes(`examples/try/${name}`)
    )
    assert.deepStrictEqual(unused, [])
  })

  it("examples are started by npm, which has the Node they need, and every one that is named is there", () => {
    const files = ["README.md", "docs/check.md", "docs/testing.md", "docs/bench.md", "docs/simulate.md"]
    const programs = Fs.readdirSync(Path.join(root, "examples"), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts")).map((name) => `examples/${name}`)
    const texts = [...files, ...programs].map((name) => Fs.readFileSync(Path.join(root, name), "utf8")).join("\n")
    assert.deepStrictEqual(texts.match(/\bnode examples\/.*/g), null)
    const named = [...texts.matchAll(/npm run --silent example -- (\S+)/g)].map(([, name = ""]) => name)
    assert.isAtLeast(named.length, 10)
    for (const name of named) assert.include(programs, name)
  })

  it.effect("the example program decides on the eight-socket machine", () =>
    Effect.gen(function*() {
      const { status, stdout } = yield* node(Path.join("examples", "admission.ts"), "examples/eight-socket.yaml")
      const answers = stdout.trim().split("\n").map((line) => line.split("\t"))
      assert.strictEqual(status, 0)
      assert.deepStrictEqual(
        answers.map(([kernel, mode, answer = ""]) => [kernel, mode, answer.includes("admitted")]),
        [
          ["5.10", "fsdax", false],
          ["5.10", "devdax", false],
          ["6.1", "fsdax", false],
          ["6.1", "devdax", true],
          ["proposed-2026", "fsdax", false],
          ["proposed-2026", "devdax", true]
        ]
      )
    }))

  it.effect("the example with a planted race finds it one schedule after the other and by chance, replays it, and finds nothing where it is fixed", () =>
    Effect.gen(function*() {
      const line = "npm run --silent example -- examples/planted-race.ts"
      const { status, stderr, stdout } = yield* shell(line)
      assert.deepStrictEqual([status, stderr], [0, ""])
      assert.include(document("testing.md"), `$ ${line}\n${stdout}\`\`\``)
      assert.include(stdout, "on the shortest schedule that was found, '2A 3B A'")
      assert.match(stdout, /^one after the other: schedule [0-9]+ breaks 'one holder'$/m)
      assert.match(stdout, /^by chance, seed 7: +schedule [0-9]+ breaks 'one holder'$/m)
      assert.match(stdout, /^the same from its text: bob and ann hold the lease$/m)
      assert.match(stdout, /^fixed, one after the other: [0-9]{2,} schedules, every one there is: nothing/m)
      assert.match(stdout, /^fixed, by chance: +1000 schedules, not all: nothing/m)
    }))
})
