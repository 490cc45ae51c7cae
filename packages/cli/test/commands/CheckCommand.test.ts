import { assert, describe, it } from "@effect/vitest"
import * as Mutants from "@vmemmap/test-utils/scenarios/Mutants"
import * as Scenarios from "@vmemmap/test-utils/scenarios/Scenarios"
import { Effect, Schema } from "effect"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as CheckAnswer from "../../src/answers/CheckAnswer.ts"
import { answer, folderWith, root, run } from "../run.ts"

const race = [
  "about: a namespace goes while somebody lists memory",
  "machine:",
  "  kernel: \"6.1\"",
  "  hypervisor: true",
  "  ranges: [{start: 0, size: 1G, kind: ram, node: 0}]",
  "  devices: [{name: region0, kind: pmem, start: 8G, size: 128M, node: 0, labels: true}]",
  "setup: ndctl create-namespace -m fsdax -M mem",
  "contexts:",
  "  admin: ndctl destroy-namespace -f namespace0.0",
  "  reader: lsmem",
  ""
].join("\n")

const check = Effect.fnUntraced(function*(args: ReadonlyArray<string>, from: string = root) {
  return yield* answer(CheckAnswer.CheckAnswer, ["check", ...args], { from })
})

/** The only scenario, and its first violation. */
const found = Effect.fnUntraced(function*(args: ReadonlyArray<string>, from: string = root) {
  const { json, status, stderr } = yield* check(args, from)
  assert.deepStrictEqual([status, stderr, json.scenarios.length], [1, "", 1])
  const [explored = assert.fail()] = json.scenarios
  return { json, explored, violation: explored.violations[0] ?? assert.fail() }
})

/** Refused with status 2, nothing on standard output, and no trace of where in the program. */
const refused = Effect.fnUntraced(function*(args: ReadonlyArray<string>, why: RegExp, from: string = root) {
  const { status, stderr, stdout } = yield* run(["check", ...args], { from })
  assert.deepStrictEqual([status, stdout], [2, ""], args.join(" "))
  assert.match(stderr, why)
  assert.notMatch(stderr, /^ +at /m)
  assert.notMatch(stderr, /[^\P{Cc}\n]/u)
})

/** The command in a process of its own. */
const fresh = (args: ReadonlyArray<string>) =>
  Effect.callback<readonly [number | null, string, string]>((resume) => {
    const bin = Path.join(root, "packages", "cli", "src", "bin.ts")
    const child = ChildProcess.execFile(
      process.execPath,
      [bin, "check", ...args],
      { cwd: root },
      (_, stdout, stderr) => resume(Effect.succeed([child.exitCode, stdout, stderr]))
    )
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const columns = (line = ""): ReadonlyArray<string> => line.trim().split(/ {2,}/)

/** The examples of the help, as words. */
const examples = (help: string): ReadonlyArray<ReadonlyArray<string>> =>
  (help.split("EXAMPLES")[1] ?? "").split("\n").flatMap((line) => {
    const [, words] = /^ *vmemmap (check.*)$/.exec(line) ?? []
    return words === undefined ? [] : [words.split(" ").map((word) => word.replaceAll("'", ""))]
  })

describe("vmemmap check", () => {
  it.effect("--list: every scenario and every mistake with what exposes it; explores nothing", () =>
    Effect.gen(function*() {
      const { json, status } = yield* answer(CheckAnswer.ListAnswer, ["check", "--list"])
      assert.strictEqual(status, 0)
      assert.deepStrictEqual(json.scenarios.map(({ name }) => name), Scenarios.all.map(({ name }) => name))
      assert.deepStrictEqual(json.mutants.map(({ id }) => id), Mutants.all.map(({ id }) => id))
      assert.deepStrictEqual(json.outOfReach, Mutants.outOfReach)
      const { stderr, stdout } = yield* run(["check", "--list"])
      assert.strictEqual(stderr, "")
      const lines = stdout.split("\n").map((line) => columns(line)[0])
      for (const { name } of Scenarios.all) assert.include(lines, name)
      for (const { id } of [...Mutants.all, ...Mutants.outOfReach]) assert.include(lines, id)
    }))

  it.effect("nothing is found in a scenario of the machine as it is: status 0, and what was explored", () =>
    Effect.gen(function*() {
      const { json, status, stderr } = yield* check(["online-remove", "two-nodes", "--bound", "0"])
      assert.deepStrictEqual([status, stderr, json.mutants, json.outOfReach], [0, "", [], []])
      assert.deepStrictEqual(
        json.scenarios.map((
          one
        ) => [one.name, one.source, one.mutant, one.preemptions, one.exhaustive, one.violations]),
        ["online-remove", "two-nodes"].map((name) => [name, name, null, 0, true, []])
      )
      const { stdout } = yield* run(["check", "online-remove", "--bound", "0"])
      const [titles, row] = stdout.split("\n")
      assert.deepStrictEqual(columns(titles), [
        "scenario",
        "schedules",
        "cut",
        "states",
        "depth",
        "explored",
        "time",
        "violations"
      ])
      const cells = columns(row)
      const scenario = json.scenarios[0] ?? assert.fail()
      assert.deepStrictEqual(
        [cells[0], cells[1], cells[5], cells[7]],
        ["online-remove", `${scenario.schedules}`, "every schedule of 0 preemptions", "none"]
      )
    }))

  it.effect("LCK-11.1: a mistake is found: status 1, who did what in columns, the rule, and how to see it again", () =>
    Effect.gen(function*() {
      const { explored, json, violation } = yield* found(["--mutant", "BUG-3"])
      assert.deepStrictEqual([explored.name, explored.mutant, violation.rule], [
        "remove-pfn-valid",
        "BUG-3",
        "LCK-11.1"
      ])
      assert.deepStrictEqual(
        json.mutants.map(({ found, id, replay, rule }) => [id, found, rule, replay]),
        [["BUG-3", true, "LCK-11.1", violation.replay]]
      )
      const { status, stderr, stdout } = yield* run(["check", "--mutant", "BUG-3"])
      assert.deepStrictEqual([status, stderr], [1, ""])
      const lines = stdout.split("\n")
      assert.strictEqual(lines[1], `LCK-11.1: ${violation.invariant}`)
      assert.deepStrictEqual(columns(lines[3]), ["A unmap", "B walker"])
      for (const [i, { object, step }] of violation.steps.entries()) {
        assert.include(lines[4 + i], step === null ? "begins" : `${step} ${object}`)
      }
      assert.include(
        lines,
        `again: vmemmap check remove-pfn-valid --mutant 'BUG-3' --replay '${violation.replay}'`
      )
    }))

  it.effect("the fields of an answer are those that docs/json/check.schema.json requires", () =>
    Effect.gen(function*() {
      const Fields = Schema.Struct({ required: Schema.Array(Schema.String) })
      const Document = Schema.Struct({ ...Fields.fields, $defs: Schema.Record(Schema.String, Fields) })
      const file = Fs.readFileSync(Path.join(root, "docs", "json", "check.schema.json"), "utf8")
      const { $defs, required } = Schema.decodeUnknownSync(Schema.fromJsonString(Document))(file)
      const { explored, json, violation } = yield* found(["--mutant", "BUG-3"])
      assert.sameMembers(Object.keys(json), [...required])
      for (
        const [name, value] of [
          ["ExploredScenario", explored],
          ["CheckViolation", violation],
          ["ScheduleStep", violation.steps[0] ?? assert.fail()],
          ["MutantKill", json.mutants[0] ?? assert.fail()]
        ] as const
      ) {
        assert.sameMembers(Object.keys(value), [...$defs[name]?.required ?? []], name)
      }
    }))

  it.live("--replay: the same violation in every process, from the schedule alone", () =>
    Effect.gen(function*() {
      const { violation } = yield* found(["--mutant", "BUG-7"])
      const args = ["get-unmap", "--mutant", "BUG-7", "--replay", violation.replay, "--json"]
      const ended = yield* Effect.all([fresh(args), fresh(args)], { concurrency: 2 })
      for (const [status, stdout, stderr] of ended) {
        assert.deepStrictEqual([status, stderr], [1, ""])
        const json = Schema.decodeUnknownSync(Schema.fromJsonString(CheckAnswer.CheckAnswer))(stdout)
        assert.deepStrictEqual([json.scenarios[0]?.followed, json.scenarios[0]?.violations[0]], [true, violation])
      }
      const without = yield* check(["get-unmap", "--replay", violation.replay])
      assert.deepStrictEqual([without.status, without.json.scenarios[0]?.schedules], [0, 1])
      const other = yield* run(["check", "get-unmap", "--replay", "A ~9 B"])
      assert.strictEqual(columns(other.stdout.split("\n")[1])[5], "not as asked")
    }), 20_000)

  it.effect("--seed: schedules by chance, and the same ones again", () =>
    Effect.gen(function*() {
      const by = Effect.fnUntraced(function*(seed: string) {
        const { explored: { ns: _, ...rest } } = yield* found(["--mutant", "BUG-3", "--seed", seed])
        return rest
      })
      const seven = yield* by("7")
      assert.deepStrictEqual(yield* by("7"), seven)
      assert.deepStrictEqual([seven.exhaustive, seven.violations[0]?.rule], [false, "LCK-11.1"])
    }))

  it.effect("--budget and --bound: less time, fewer schedules; the answer says that it is not all", () =>
    Effect.gen(function*() {
      const { json, status } = yield* check(["two-users", "--bound", "5", "--budget", "30ms"])
      const [{ exhaustive, preemptions, schedules } = assert.fail()] = json.scenarios
      assert.deepStrictEqual([status, exhaustive, preemptions], [0, false, 5])
      assert.isBelow(schedules, 1000)
      const { stdout } = yield* run(["check", "two-users", "--budget", "30ms"])
      assert.match(stdout, / (not all|one schedule) /)
    }))

  it.effect("--mutant all: a table with every mistake and what is out of reach; status 1 names those not found", () =>
    Effect.gen(function*() {
      const { status, stderr, stdout } = yield* run(["check", "--mutant", "all", "--budget", "1ns"])
      assert.strictEqual(status, 1)
      assert.match(stderr, /^vmemmap: not found: BUG-1, BUG-2, /)
      const rows = stdout.split("\n").map(columns)
      assert.deepStrictEqual(rows[0], ["mistake", "scenario", "broke", "schedules", "time", "replay", "what it is"])
      for (const [i, { id, scenario }] of Mutants.all.entries()) {
        assert.deepStrictEqual(rows[i + 1]?.slice(0, 3), [id, scenario, "not found"])
      }
      for (const { id } of Mutants.outOfReach) assert.include(stdout, `\n${id} is out of reach (`)
    }))

  it.effect(
    "BUG-29: a mistake of two parts is a table of both, each with its rule and schedule",
    () =>
      Effect.gen(function*() {
        const { status, stdout } = yield* run(["check", "--mutant", "BUG-29"])
        assert.strictEqual(status, 1)
        const [, ...rows] = stdout.split("\n").map(columns)
        assert.deepStrictEqual(rows.slice(0, 2).map((row) => row.slice(0, 3)), [
          ["BUG-29 (lost error)", "init-no-memory", "BUG-29"],
          ["BUG-29 (leaked mutex)", "init-after-failure", "deadlock"]
        ])
        for (const row of rows.slice(0, 2)) assert.match(row[5] ?? "", /^[0-9]*A( |$)/)
      }),
    20_000
  )

  it.effect("names that there are not, and schedules that are none, are refused with what would be right", () =>
    Effect.gen(function*() {
      yield* refused(["two-user"], /no scenario 'two-user' and no such file \(did you mean 'two-users'\?\); 'vmemmap/)
      yield* refused(["race.yaml"], /no scenario 'race.yaml' and no such file; 'vmemmap check --list' has/)
      yield* refused(["--mutant", "BUG-99"], /no mistake 'BUG-99'.*; 'vmemmap check --list' has/)
      yield* refused(["--mutant", "bug-3"], /no mistake 'bug-3' \(did you mean 'BUG-3'\?\)/)
      yield* refused(["--mutant", ""], /no mistake ''/)
      yield* refused(["--mutant", "BUG-4"], /BUG-4 is out of reach: there is no KMSAN/)
      yield* refused(["two-users", "--replay", "3A x"], /--replay: '3A x' is no schedule: 'x' is no context such as 2A/)
      yield* refused(["two-users", "--replay", "3A Z"], /no context Z, but A \(first\), B \(second\), C \(unmap\)/)
      yield* refused(["two-users", "--replay", "9999999A"], /it is longer than 1000000/)
      yield* refused(["--budget", "much"], /--budget: a time is a number with ns, us, ms, s, min or h/)
      yield* refused(["--budget", "0s"], /--budget: give more than 0/)
      yield* refused(["--bound=-1"], /--bound: give 0 or more/)
      yield* refused(["--bound", "x"], /Invalid value for flag --bound: "x"/)
      yield* refused(["--seed", "1.5"], /Invalid value for flag --seed: "1\.5"/)
    }))

  it.effect("what cannot be asked for together is refused, and says what to leave out", () =>
    Effect.gen(function*() {
      yield* refused(["two-users", "--replay", "A", "--seed", "1"], /leave out --seed/)
      yield* refused(["two-users", "--replay", "A", "--bound", "1"], /leave out --bound/)
      yield* refused(["--replay", "A"], /a schedule of one scenario: name it/)
      yield* refused(["two-users", "no-memory", "--replay", "A"], /a schedule of one scenario: name it/)
      yield* refused(["--mutant", "BUG-29", "--replay", "A"], /init-no-memory --mutant 'BUG-29 \(lost error\)' or /)
      yield* refused(["--mutant", "all", "--replay", "A"], /leave out SCENARIO and --replay/)
      yield* refused(["--mutant", "all", "two-users"], /leave out SCENARIO and --replay/)
      yield* refused(["--all", "two-users"], /leave out SCENARIO, or --all/)
      yield* refused(["--list", "two-users"], /--list explores nothing: leave out/)
      yield* refused(["--list", "--mutant", "BUG-3"], /--list explores nothing: leave out/)
    }))

  it.live("a signal ends it, however long it explores, with what there is so far", () =>
    Effect.gen(function*() {
      const bin = Path.join(root, "packages", "cli", "src", "bin.ts")
      const words = ["check", "compounds-of-1g", "init-no-memory", "--bound", "9", "--budget", "1h"]
      const { status, stdout } = yield* Effect.callback<{ readonly status: number | null; readonly stdout: string }>(
        (resume) => {
          const child = ChildProcess.spawn(process.execPath, [bin, ...words], { timeout: 3000, killSignal: "SIGTERM" })
          let stdout = ""
          child.stdout.on("data", (chunk) => {
            stdout += String(chunk)
          })
          child.on("close", (status) => resume(Effect.succeed({ status, stdout })))
          return Effect.sync(() => child.kill("SIGKILL"))
        }
      )
      assert.strictEqual(status, 130)
      const names = stdout.split("\n").map((line) => columns(line)[0])
      assert.deepStrictEqual(names, ["scenario", "compounds-of-1g", ""])
    }), 20_000)
})

describe("vmemmap check FILE", () => {
  it.effect(
    "explores a scenario of the user's own, and shows how to see what it found again",
    () =>
      Effect.gen(function*() {
        const from = yield* folderWith({ "my race.yaml": `name: mine\n${race}` })
        const clean = yield* check(["my race.yaml", "--bound", "0"], from)
        assert.deepStrictEqual(
          clean.json.scenarios.map(({ name, source, violations }) => [name, source, violations]),
          [["mine", "my race.yaml", []]]
        )
        assert.strictEqual(clean.status, 0)
        const made = ["my race.yaml", "--mutant", "BUG-3"]
        const { explored, violation } = yield* found(made, from)
        assert.deepStrictEqual([violation.rule, violation.contexts], ["LCK-11.1", ["admin", "reader"]])
        const again = yield* found([explored.source, "--mutant", "BUG-3", "--replay", violation.replay], from)
        assert.deepStrictEqual(again.violation, violation)
        const { stdout } = yield* run(["check", ...made, "--replay", violation.replay], { from })
        assert.include(
          stdout,
          `\nagain: vmemmap check 'my race.yaml' --mutant 'BUG-3' --replay '${violation.replay}'\n`
        )
      }),
    20_000
  )

  it.effect("- is standard input", () =>
    Effect.gen(function*() {
      const { json } = yield* answer(CheckAnswer.CheckAnswer, ["check", "-", "--replay", "A"], { stdin: race })
      assert.deepStrictEqual(json.scenarios.map(({ name, source }) => [name, source]), [["-", "-"]])
    }))

  it.effect("what is no scenario, or types what is not modelled, is refused with where and what would be right", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({
        "empty.yaml": "",
        "binary.yaml": Uint8Array.from({ length: 4096 }, (_, i) => i * 167 % 256),
        "cut.json": "{\"machine\": {\"kernel\"",
        "huge.yaml": `${race}# ${"x".repeat(2 ** 20)}`,
        "five.yaml": `${race}  c: lsmem\n  d: lsmem\n  e: lsmem\n`,
        "key.yaml": `${race}bounds: 3\n`,
        "twice.yaml": `${race}  reader: lsmem\n`,
        "command.yaml": race.replace("lsmem", "frobnicate"),
        "option.yaml": race.replace("lsmem", "lsmem --version"),
        "shell.yaml": race.replace("lsmem", "while true; do lsmem; done"),
        "setup.yaml": race.replace("-M mem", "-M mem -s 9G"),
        "large.yaml": race.replace("128M", "8T"),
        "escape.yaml": `${race}"\\e[2J\\nx": 1\n`
      })
      const files = [
        ["empty.yaml", /^vmemmap: empty\.yaml: expected object, got null; a scenario has a machine/],
        ["binary.yaml", /^vmemmap: binary\.yaml: .*; (write 'key: value' lines|a scenario has)/],
        ["cut.json", /^vmemmap: cut\.json: line 1, column 22: ends in the middle of an object/],
        ["huge.yaml", /^vmemmap: huge\.yaml: is YAML larger than 1 MiB/],
        ["five.yaml", /^vmemmap: five\.yaml: contexts: there are 5; name 2 to 4 contexts/],
        ["key.yaml", /^vmemmap: key\.yaml: bounds: is not a known key; known are name, about, machine/],
        ["twice.yaml", /^vmemmap: twice\.yaml: is not YAML: Duplicate key 'reader' at line 11/],
        [
          "command.yaml",
          /^vmemmap: command\.yaml: contexts\.reader: line 1: the command 'frobnicate' is not modelled; there/
        ],
        ["option.yaml", /^vmemmap: option\.yaml: contexts\.reader: line 1: .*is not modelled/],
        [
          "shell.yaml",
          /^vmemmap: shell\.yaml: contexts\.reader: line 1, column 1: while is not modelled; modelled are/
        ],
        [
          "setup.yaml",
          /^vmemmap: setup\.yaml: setup: 'ndctl .*' exits with .*; what sets a scenario up has to succeed/
        ],
        ["large.yaml", /^vmemmap: large\.yaml: machine: its devices and dimms have 8192 GiB; describe smaller ones/],
        ["escape.yaml", /^vmemmap: escape\.yaml: .* is not a known key/],
        [".", /a folder, not a file/]
      ] as const
      for (const [file, why] of files) yield* refused([file], why, from)
      yield* refused(["online-remove", "key.yaml"], /key\.yaml: bounds: /, from)
    }))
})

describe("vmemmap check --help", () => {
  it.effect("every example runs, and the one with a mistake and its schedule finds it", () =>
    Effect.gen(function*() {
      const { stdout } = yield* run(["check", "--help"])
      const from = yield* folderWith({ "my-race.yaml": race })
      const all = examples(stdout)
      assert.isAtLeast(all.length, 6)
      for (const words of all) {
        const at = words.indexOf("--budget")
        const short = at < 0 ? words : words.toSpliced(at, 2)
        const { status, stderr } = yield* run([...short, "--budget", words.includes("all") ? "1ns" : "2ms"], { from })
        assert.include([0, 1], status, words.join(" "))
        assert.notInclude(stderr, "    at ")
        if (words.includes("--replay")) assert.strictEqual(status, 1)
      }
    }), 20_000)
})
