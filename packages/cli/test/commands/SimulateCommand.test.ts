import { assert, describe, it } from "@effect/vitest"
import * as InitStrategies from "@vmemmap/core/init/InitStrategies"
import * as ChromeTrace from "@vmemmap/core/time/ChromeTrace"
import * as TestbedFiles from "@vmemmap/test-utils/TestbedFiles"
import { Effect, Schema } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import * as Path from "node:path"
import * as SimulateAnswer from "../../src/answers/SimulateAnswer.ts"
import { answer, decode, folderWith, run } from "../run.ts"
import { altered, crowded, small } from "./testbeds.ts"

const files = { "small.yaml": small, "crowded.yaml": crowded }

/** The answer to `simulate small.yaml …`. */
const simulate = Effect.fnUntraced(function*(...args: ReadonlyArray<string>) {
  const from = yield* folderWith(files)
  return yield* answer(SimulateAnswer.SimulateAnswer, ["simulate", "small.yaml", ...args], { from })
})

const simulated = (json: SimulateAnswer.SimulateAnswer): ReadonlyArray<SimulateAnswer.Simulated> =>
  json.strategies.filter((row) => row.error === null)

const names = ({ strategies }: SimulateAnswer.SimulateAnswer): ReadonlyArray<string> =>
  strategies.map(({ name }) => name)

describe("vmemmap simulate", () => {
  it.effect("without MACHINE: those that come with the command, in text and as JSON", () =>
    Effect.gen(function*() {
      const text = yield* run(["simulate"])
      const { json, status, stderr } = yield* answer(SimulateAnswer.MachinesAnswer, ["simulate"])
      assert.deepStrictEqual([text.status, text.stderr, status, stderr], [0, "", 0, ""])
      assert.deepStrictEqual(json.machines.map(({ name }) => name), TestbedFiles.names())
      for (const { name } of json.machines) assert.match(text.stdout, new RegExp(`^${name} `, "m"))
    }))

  it.effect("--json: the shape that is relied on, all times, bytes and pages integers, the baseline first", () =>
    Effect.gen(function*() {
      const { json, status, stderr } = yield* simulate()
      assert.deepStrictEqual([status, stderr], [0, ""])
      assert.deepStrictEqual([json.machine, json.hardware, json.baseline], ["small", "small", "linux-4.19"])
      assert.deepStrictEqual(names(json), ["linux-4.19", "linux-6.1", "vmemmap"])
      for (const row of simulated(json)) {
        assert.deepStrictEqual(row.devices.map(({ name }) => name), ["pmem0", "pmem1"])
        assert.strictEqual(row.firstFault.count, 32)
        assert.isAbove(row.bootProceedsNs, 0)
        assert.isAtLeast(row.readyNs, row.blockDevicesNs)
      }
    }))

  it.effect("INI-7, INI-12: what is written, and ratios against the baseline", () =>
    Effect.gen(function*() {
      const [twice, once, ours] = simulated((yield* simulate()).json)
      assert.isDefined(twice)
      assert.isDefined(once)
      assert.isDefined(ours)
      assert.isAbove(twice.structPagesWritten, 1.9 * once.structPagesWritten)
      assert.strictEqual(once.ratios?.structPagesWritten, once.structPagesWritten / twice.structPagesWritten)
      assert.strictEqual(twice.ratios?.ready, 1)
      assert.isBelow(ours.ratios?.lockHeld ?? 1, 0.01)
      assert.isBelow(ours.bootProceedsNs, once.bootProceedsNs)
    }))

  it.effect("strategies: named, mixed, all of them; each once, in the order asked for", () =>
    Effect.gen(function*() {
      const mixed = "async-2018-v2:workers=2;help=none"
      const { json } = yield* simulate("--strategy", `${mixed}, linux-6.1,linux-6.1`)
      assert.deepStrictEqual(names(json), [mixed, "linux-6.1"])
      assert.strictEqual(json.baseline, mixed)
      const all = (yield* simulate("--strategy", "all")).json
      assert.strictEqual(names(all).length, InitStrategies.presets.length)
      assert.deepStrictEqual(all.strategies.filter(({ error }) => error !== null), [])
    }))

  it.effect("--baseline: one of the strategies, or another one that is simulated as well", () =>
    Effect.gen(function*() {
      const { json } = yield* simulate("--baseline", "linux-6.1")
      assert.deepStrictEqual([json.baseline, ...names(json)], ["linux-6.1", "linux-4.19", "linux-6.1", "vmemmap"])
      const other = (yield* simulate("--baseline", "rfc-2015", "--strategy", "vmemmap")).json
      assert.deepStrictEqual([other.baseline, ...names(other)], ["rfc-2015", "rfc-2015", "vmemmap"])
      assert.strictEqual(simulated(other)[0]?.ratios?.ready, 1)
    }))

  it.effect("--faults: the pattern is carried out, and said", () =>
    Effect.gen(function*() {
      const { json } = yield* simulate("--faults", "hot,count=10,every=10us,at=1ms")
      assert.deepStrictEqual(json.faults, {
        kind: "hot",
        access: "fault",
        count: 10,
        at: 1_000_000,
        every: 10_000,
        size: null
      })
      assert.deepStrictEqual(simulated(json).map(({ firstFault: { count } }) => count), [20, 20, 20])
      const from = yield* folderWith(files)
      const text = yield* run(["simulate", "small.yaml", "--faults", "all,access=io"], { from })
      assert.include(text.stdout, "a block read by every processor of its node")
      assert.include(text.stdout, "first I/O")
    }))

  it.effect("the same seed gives the same bytes: JSON, text, picture and trace; another seed another trace", () =>
    Effect.gen(function*() {
      const from = yield* folderWith(files)
      const once = Effect.fnUntraced(function*(seed: number, name: string) {
        const args = ["simulate", "small.yaml", "--strategy", "async-2018-v2,vmemmap", "--seed", String(seed)]
        const json = yield* run([...args, "--json", "--svg", `${name}.svg`, "--trace", `${name}.json`], { from })
        const text = yield* run([...args, "--timeline"], { from, columns: 100 })
        const read = (file: string) => readFileSync(Path.join(from, file), "utf8")
        return { json: json.stdout, text: text.stdout, svg: read(`${name}.svg`), trace: read(`${name}.json`) }
      })
      const [first, second, other] = [yield* once(7, "a"), yield* once(7, "b"), yield* once(8, "c")]
      assert.deepStrictEqual(first, second)
      assert.notStrictEqual(first.trace, other.trace)
    }))

  it.effect("--trace and --svg write every strategy that ended well", () =>
    Effect.gen(function*() {
      const from = yield* folderWith(files)
      const args = ["simulate", "small.yaml", "--svg", "a.svg", "--trace", "a.json"]
      const { status, stdout } = yield* run(args, { from })
      assert.strictEqual(status, 0)
      assert.include(stdout, "against linux-4.19")
      assert.sameMembers(readdirSync(from), ["a.json", "a.svg", "crowded.yaml", "small.yaml"])
      const svg = readFileSync(Path.join(from, "a.svg"), "utf8")
      for (const name of ["linux-4.19", "linux-6.1", "vmemmap"]) assert.include(svg, name)
      const trace = yield* Schema.decodeUnknownEffect(Schema.fromJsonString(ChromeTrace.ChromeTrace))(
        readFileSync(Path.join(from, "a.json"), "utf8")
      )
      assert.isAbove(trace.traceEvents.length, 300)
    }))

  it.effect("a file that cannot be written is status 2, and nothing is printed", () =>
    Effect.gen(function*() {
      const from = yield* folderWith(files)
      for (const flag of ["--svg", "--trace"]) {
        const { status, stderr, stdout } = yield* run(["simulate", "small.yaml", flag, "no/where"], { from })
        assert.deepStrictEqual([status, stdout], [2, ""])
        assert.include(stderr, `${flag}: no/where cannot be written: there is no such folder`)
        const folder = yield* run(["simulate", "small.yaml", flag, "."], { from })
        assert.deepStrictEqual([folder.status, folder.stdout], [2, ""])
        assert.include(folder.stderr, `${flag}: . cannot be written: it is a folder`)
      }
    }))

  it.effect("a strategy that fails is a row with its reason, the others go on: status 1", () =>
    Effect.gen(function*() {
      const from = yield* folderWith(files)
      const args = ["simulate", "crowded.yaml", "--strategy", "linux-4.20,linux-6.1"]
      const { json, status, stderr } = yield* answer(SimulateAnswer.SimulateAnswer, args, { from })
      assert.deepStrictEqual([status, stderr], [1, "vmemmap: 1 of 2 strategies failed"])
      const [failed, well] = json.strategies
      assert.match(failed?.error ?? "", /^namespace0\.0 never appeared: ENOMEM \(/)
      assert.deepStrictEqual(Object.keys(failed ?? {}), ["name", "about", "error"])
      assert.isNull(well?.error)
      assert.isTrue(well?.error === null && well.ratios === null)
      const text = yield* run(args, { from, columns: 80 })
      assert.match(text.stdout, /^linux-4\.20 +failed +-/m)
      assert.include(text.stdout, "\nlinux-4.20 failed: namespace0.0 never appeared: ENOMEM")
      assert.notInclude(text.stdout, "against")
    }))

  it.effect("a machine that cannot boot has no row with figures", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({ "odd.yaml": altered("align: 2MiB", "align: 3MiB") })
      const { json, status } = yield* answer(SimulateAnswer.SimulateAnswer, ["simulate", "odd.yaml"], { from })
      assert.strictEqual(status, 1)
      for (const { error } of json.strategies) assert.match(error ?? "", /^EINVAL \(22\.3\): .*3 MiB/)
    }))

  it.effect("text: no line is wider than the terminal, also with long names of strategies", () =>
    Effect.gen(function*() {
      const from = yield* folderWith(files)
      const long = "async-2018-v2:workers=2;boot=threads by processors;writing=template"
      for (const columns of [60, 80, 132, 200]) {
        const args = ["simulate", "small.yaml", "--strategy", `linux-4.19,${long}`, "--published", "--timeline"]
        const { stdout } = yield* run(args, { from, columns })
        for (const line of stdout.split("\n")) assert.isAtMost(line.length, Math.max(columns, 80), line)
      }
    }))

  it.effect("text: assumed numbers are named, free ones too, and how much is published", () =>
    Effect.gen(function*() {
      const from = yield* folderWith(files)
      const { stdout } = yield* run(["simulate", "small.yaml"], { from })
      assert.include(stdout, "\ncosts fitted to what is published: store 20 ns\n")
      assert.include(stdout, "\ncosts from elsewhere: second 15 ns\n")
      assert.include(stdout, "\ncosts assumed: processors 4, template 8 ns, bootPage 20 ns, fault 1.50 us\n")
      assert.match(stdout, /\ncosts not given, so free: .*deviceBandwidth/)
      assert.include(stdout, "\n1 figure is published of this machine; --published simulates them\n")
      assert.notInclude(stdout, "--timeline")
      assert.include((yield* run(["simulate", "small.yaml"], { from, columns: 80 })).stdout, "--timeline")
    }))

  it.effect("text: devices that differ are told apart", () =>
    Effect.gen(function*() {
      const from = yield* folderWith(files)
      const { stdout } = yield* run(["simulate", "small.yaml", "--strategy", "linux-4.19,vmemmap"], { from })
      assert.match(stdout, /^linux-4\.19: devices appear and are ready after pmem0 [^,]*, pmem1 /m)
      assert.notMatch(stdout, /^vmemmap: devices/m)
    }))

  it.effect("a machine without devices has the figures of boot alone", () =>
    Effect.gen(function*() {
      const { json, status } = yield* answer(SimulateAnswer.SimulateAnswer, ["simulate", "boot-64g"])
      assert.strictEqual(status, 0)
      const [all, threads] = simulated(json)
      assert.isBelow(threads?.bootRamNs ?? Infinity, (all?.bootRamNs ?? 0) / 2)
      const { stdout } = yield* run(["simulate", "boot-64g"], { columns: 80 })
      assert.notInclude(stdout, "fault p50")
      assert.notInclude(stdout, "lock held")
    }))

  it.effect("standard output has only JSON, whatever else is asked for", () =>
    Effect.gen(function*() {
      const from = yield* folderWith(files)
      const args = ["simulate", "small.yaml", "--published", "--svg", "a.svg", "--json"]
      const { stderr, stdout } = yield* run(args, { from, columns: 80 })
      assert.strictEqual(stderr, "")
      yield* decode(SimulateAnswer.SimulateAnswer, stdout)
    }))

  it.effect("--help has a line for every preset, every dimension and every word of a pattern", () =>
    Effect.gen(function*() {
      const { status, stdout } = yield* run(["simulate", "--help"])
      assert.strictEqual(status, 0)
      for (const word of ["rfc-2015", "proposed-2026", "underLock", "flaws", "sequential", "access=register"]) {
        assert.match(stdout, new RegExp(`^ +${word} `, "m"))
      }
      assert.notMatch(stdout, /= *$/m)
    }))
})
