import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { GiB } from "../../src/geometry/Units.ts"
import * as DryRun from "../../src/records/DryRun.ts"
import * as KernelRecord from "../../src/records/KernelRecord.ts"
import * as LeafPath from "../../src/records/LeafPath.ts"
import * as Verification from "../../src/records/Verification.ts"
import * as Observed from "./observed.ts"
import { spec } from "./small.ts"

const toRam = [
  "ndctl create-namespace -m devdax -s 1G",
  "daxctl reconfigure-device -m system-ram -N dax0.0",
  "chmem -e 128M",
  "ndctl destroy-namespace -f namespace0.0"
]

const request = (lines: ReadonlyArray<string>, onTerminal = false, machine = spec): DryRun.Request => ({
  spec: machine,
  script: lines.join("\n"),
  onTerminal
})

/** The record as it is read back from a file. */
const recordOf = (asked: DryRun.Request) =>
  Effect.map(
    DryRun.run(asked),
    (done) => Result.getOrThrow(KernelRecord.parse("file", KernelRecord.toText(DryRun.toRecord(asked, done))))
  )

const differences = (record: KernelRecord.KernelRecord) =>
  Effect.map(Verification.run(record), ({ different, notModelled, outOfScope }) => ({
    paths: different.map(({ path }) => path),
    notModelled,
    outOfScope
  }))

const same = { paths: [], notModelled: [], outOfScope: 0 }

/** Why an input is no input. */
const refused = (input: unknown) => {
  const value = { case: "x", category: "try", about: "", input, observed: { status: "ok", commands: [], phases: {} } }
  const result = KernelRecord.decode("file", value)
  if (Result.isSuccess(result)) return assert.fail("was taken")
  return `${result.failure.at}: ${result.failure.problem}`
}

describe("DryRun", () => {
  it.effect("INI-10: a kernel that faults kills the program, and nothing is said of what comes after", () =>
    Effect.gen(function*() {
      const machine = {
        ...spec,
        devices: [{ name: "region0", kind: "pmem", start: 8 * GiB + GiB / 8, size: GiB }]
      } as const
      const lines = [
        "ndctl create-namespace -f -e namespace0.0 -m fsdax -a 1G",
        "ndctl create-namespace -f -e namespace0.0 -m devdax",
        "ndctl list"
      ]
      const asked = request(lines, false, machine)
      const { commands, defects, observed, stopped } = yield* DryRun.run(asked)
      assert.deepStrictEqual(commands.map(({ exit }) => exit), [0, 137])
      assert.strictEqual(commands[1]?.stderr, "Killed")
      assert.deepStrictEqual(commands[1]?.dmesg, [
        "BUG: unable to handle page fault for address: ffffea0009000000"
      ])
      assert.include(stopped?.message, "line 2")
      assert.strictEqual(observed["status"], "guest did not finish")
      assert.deepStrictEqual(defects.map(({ rule }) => rule), ["INI-10"])
      assert.deepStrictEqual(yield* differences(yield* recordOf(asked)), same)
    }))

  it.effect("27.4: says of each command how it ended and why it was refused", () =>
    Effect.gen(function*() {
      const told: Array<DryRun.Entry> = []
      const { commands, stopped } = yield* DryRun.run(request(toRam), {
        onBoot: () => Effect.void,
        onCommand: (entry) => Effect.sync(() => void told.push(entry))
      })
      assert.isNull(stopped)
      assert.deepStrictEqual(told, commands)
      assert.deepStrictEqual(told.map(({ command }) => command), toRam)
      assert.deepStrictEqual(told.slice(0, 3).map(({ exit }) => exit), [0, 0, 0])
      const refusal = told.at(-1) ?? assert.fail("no command")
      assert.isAbove(refusal.exit, 0)
      assert.include(refusal.reasons.map(({ errno }) => errno), "EBUSY")
    }))

  it.effect("a record of it is replayed without a difference, whoever the tools print for", () =>
    Effect.gen(function*() {
      for (const onTerminal of [false, true]) {
        const record = yield* recordOf(request([...toRam, "ndctl list", "lsmem"], onTerminal))
        assert.deepStrictEqual(record.input["onTerminal"], onTerminal ? true : undefined)
        assert.deepStrictEqual(yield* differences(record), same)
      }
    }))

  it.effect("words of struct pages that nobody can predict are the same on both sides", () =>
    Effect.gen(function*() {
      const record = yield* recordOf(request(["ndctl create-namespace -m devdax -s 1G"]))
      const unknown = LeafPath.leaves(record.observed).filter(({ value }) => String(value).includes("?".repeat(16)))
      assert.isAbove(unknown.length, 0)
      assert.deepStrictEqual(yield* differences(record), same)
      const { path } = unknown[0] ?? assert.fail("no leaf")
      const other = LeafPath.set(record.observed, path, "known") as Observed.Observed
      assert.deepStrictEqual((yield* differences({ ...record, observed: other })).paths, [LeafPath.print(path)])
    }))

  it.effect("every altered leaf of a record is the one difference", () =>
    Effect.gen(function*() {
      const record = yield* recordOf(request(toRam))
      const random = Observed.random(3)
      const leaves = LeafPath.leaves(record.observed)
      const count = process.env.VMEMMAP_LONG === "1" ? 400 : 12
      for (let i = 0; i < count; i++) {
        const { path, value } = leaves[Math.floor(random() * leaves.length)] ?? assert.fail("no leaf")
        const values = Observed.alterations(value)
        const other = values[Math.floor(random() * values.length)]
        const observed = LeafPath.set(record.observed, path, other) as Observed.Observed
        const { paths } = yield* differences({ ...record, observed })
        assert.deepStrictEqual(paths, [LeafPath.print(path)], `${String(value)} is altered to ${String(other)}`)
      }
    }), 600_000)

  it.effect("a line that is not modelled stops it, and the record says so", () =>
    Effect.gen(function*() {
      const asked = request(["lsmem", "reboot", "lsmem"])
      const done = yield* DryRun.run(asked)
      assert.strictEqual(done.stopped?._tag, "NotModelled")
      assert.deepStrictEqual(done.commands.map(({ command }) => command), ["lsmem"])
      assert.match(String(done.observed["status"]), /line 2: the command 'reboot'/)
      assert.deepStrictEqual(yield* differences(yield* recordOf(asked)), same)
    }))

  it.effect("a machine without a name has a record nonetheless", () =>
    Effect.gen(function*() {
      const { name: _, ...nameless } = spec
      const done = yield* DryRun.run(request([], false, nameless))
      assert.strictEqual(DryRun.toRecord(request([], false, nameless), done).case, "try")
      assert.strictEqual(DryRun.toRecord(request([], false, { ...spec, name: "" }), done).case, "try")
    }))

  it("a malformed input is refused at its place", () => {
    assert.match(refused({ spec: [], lines: [] }), /^input\.spec: /)
    assert.match(refused({ spec: { ...spec, colour: 1 }, lines: [] }), /^input\.spec\.colour: is not a known key/)
    assert.match(
      refused({ spec: { ...spec, devices: [{ name: "region0", kind: "pmem", size: -1 }] }, lines: [] }),
      /^input\.spec\.devices\[0\]\.size: /
    )
    assert.match(
      refused({ spec: { ...spec, dimms: [{ start: 8 * GiB, size: GiB }] }, lines: [] }),
      /^input\.spec: .*: overlaps /
    )
    assert.match(refused({ spec }), /^input\.lines: is missing/)
    assert.match(refused({ spec, lines: ["lsmem", 1] }), /^input\.lines\[1\]: expected/)
    assert.match(refused({ spec, lines: ["lsmem\nlsmem"] }), /^input\.lines\[0\]: expected a text without line breaks/)
    assert.match(refused({ spec, lines: ["lsmem", "echo \"a"] }), /^input\.lines\[1\]: column 6: /)
    assert.match(refused({ spec, lines: [], onTerminal: "yes" }), /^input\.onTerminal: expected/)
    assert.match(refused({ lines: [] }), /^input: has none of the keys script, spec/)
  })
})
