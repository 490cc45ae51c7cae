import { assert, describe, it } from "@effect/vitest"
import { GiB, KiB, MiB } from "@vmemmap/core/geometry/Units"
import * as InitStrategies from "@vmemmap/core/init/InitStrategies"
import { Effect } from "effect"
import * as ChildProcess from "node:child_process"
import { readdirSync, readFileSync } from "node:fs"
import * as Path from "node:path"
import * as BenchAnswer from "../../src/answers/BenchAnswer.ts"
import * as SimulateAnswer from "../../src/answers/SimulateAnswer.ts"
import { answer, folderWith, root, run } from "../run.ts"

/** What is measured is seconds of work, on processors that others may want. */
const slow = { timeout: 120_000 }

/** The answer to `bench --rounds 1 …`. */
const bench = Effect.fnUntraced(function*(...args: ReadonlyArray<string>) {
  const rounds = args.includes("--rounds") ? [] : ["--rounds", "1"]
  const { json, status, stderr } = yield* answer(BenchAnswer.BenchAnswer, ["bench", ...rounds, ...args])
  assert.deepStrictEqual([status, stderr], [0, ""])
  for (const run of json.runs) {
    assert.strictEqual(run.bytes, run.pages * 64)
    assert.match(run.checksum, /^[0-9a-f]{16}$/)
    assert.isTrue(0 < run.fastestNs && run.fastestNs <= run.ns && run.ns <= run.slowestNs)
    assert.approximately(run.nsPerPage * run.pages, run.ns, 1)
    assert.approximately(run.bytesPerSecond * run.ns / 1e9, run.bytes, run.bytes / 1000)
  }
  return json
})

/** The only run. */
const one = Effect.fnUntraced(function*(...args: ReadonlyArray<string>) {
  const { runs } = yield* bench(...args)
  assert.strictEqual(runs.length, 1)
  return runs[0] ?? assert.fail()
})

const what = ({ checksum, geometry, pages }: BenchAnswer.BenchRun) => [geometry, pages, checksum]

describe("vmemmap bench", slow, () => {
  it.live("--compare: every geometry the size is enough for; each is what --align, --map and --kind ask for", () =>
    Effect.gen(function*() {
      const { fillBytesPerSecond, kernel, notes, runs } = yield* bench("--compare", "--size", "256MiB")
      assert.include(notes, "left out: 1G, map=mem; 1G, map=dev: give a --size of 2 GiB or more")
      assert.deepStrictEqual(runs.map(({ geometry, pages }) => [geometry, pages]), [
        ["4K, map=mem", 65_536],
        ["4K, map=dev", 65_534],
        // Two vmemmap pages of each compound.
        ["2M, map=mem", 128 * 128],
        ["2M, map=dev", 65_534],
        ["RAM", 65_439]
      ])
      assert.deepStrictEqual([kernel, fillBytesPerSecond > 0], ["wasm", true])
      const asked = [[3, ["--align", "2M", "--map", "dev"]], [4, ["--kind", "ram"]]] as const
      for (const [i, args] of asked) {
        const run = yield* one("--size", "256MiB", ...args)
        assert.deepStrictEqual(what(run), what(runs[i] ?? assert.fail()))
        const { align, fresh, kind, map, rounds, size, strategy, threads } = run
        assert.deepStrictEqual(
          [kind, align, map],
          i === 3 ? ["device", 2 * MiB, "dev"] : ["ram", 4 * KiB, "mem"]
        )
        assert.deepStrictEqual([size, strategy, threads, rounds, fresh], [256 * MiB, "linux-6.1", 1, 1, false])
      }
    }))

  it.live("--align 1G: compounds that two vmemmap pages are enough for", () =>
    Effect.gen(function*() {
      const { align, map, pages } = yield* one("--align", "1G", "--size", "2GiB")
      assert.deepStrictEqual([align, map, pages], [GiB, "mem", 256])
      const { notes, runs } = yield* bench("--compare", "--size", "2GiB")
      assert.deepStrictEqual([runs.length, notes.filter((note) => note.startsWith("left out"))], [7, []])
    }))

  it.live("--threads, --no-wasm and --fresh write the same bytes, and the answer says how", () =>
    Effect.gen(function*() {
      const small = ["--size", "128MiB", "--align", "2M"]
      const plain = yield* bench(...small)
      const [wanted] = plain.runs.map(what)
      assert.notInclude(plain.notes.join(), "typed arrays")
      assert.notInclude(plain.notes.join(), "nobody has touched")
      const threads = yield* bench(...small, "--threads", "2")
      assert.deepStrictEqual(threads.runs.map(({ strategy, threads }) => [strategy, threads]), [
        ["vmemmap:kernel=6.1;vmemmap=compound;workers=2", 2]
      ])
      const arrays = yield* bench(...small, "--no-wasm")
      assert.strictEqual(arrays.kernel, "typed arrays")
      assert.include(arrays.notes.join(), "without WebAssembly: written by loops over typed arrays")
      const fresh = yield* bench(...small, "--fresh", "--rounds", "2")
      assert.deepStrictEqual(fresh.runs.map(({ fresh, rounds }) => [fresh, rounds]), [[true, 2]])
      assert.include(fresh.notes.join(), "memory that nobody has touched")
      for (const { runs } of [threads, arrays, fresh]) assert.deepStrictEqual(runs.map(what), [wanted])
    }))

  it.live("--strategy: named, repeated, mixed, in the order asked for; 'all' are the presets", () =>
    Effect.gen(function*() {
      const mixed = "async-2018-v2:workers=2;help=none"
      const args = ["--size", "128MiB", "--strategy", `linux-4.19, ${mixed}`, "--strategy", "linux-4.20"]
      const { notes, runs } = yield* bench(...args, "--threads", "2")
      assert.deepStrictEqual(runs.map(({ pages, strategy }) => [strategy, pages]), [
        ["linux-4.19", 65_536],
        [mixed, 32_768],
        ["linux-4.20", 32_768]
      ])
      assert.strictEqual(new Set(runs.map(({ checksum }) => checksum)).size, 1)
      assert.include(notes.join(), "a synchronous strategy has one thread write each device")
      const all = yield* bench("--size", "128MiB", "--align", "2M", "--strategy", "all")
      assert.deepStrictEqual(all.runs.map(({ strategy }) => strategy), InitStrategies.presets.map(({ name }) => name))
      assert.include(all.notes.join(), "store or template")
    }))

  it.live("INI-2, CMP-1, CMP-12: checksums of strategies differ by kernel and by what compounds share, and by nothing else", () =>
    Effect.gen(function*() {
      const variants = [
        "kernel=6.15",
        "kernel=6.14",
        "vmemmap=base",
        "vmemmap=head only",
        "kernel=5.16;vmemmap=base",
        "kernel=5.16"
      ]
      const strategy = variants.map((variant) => `linux-6.1:${variant}`).join(",")
      const groups = Effect.fnUntraced(function*(...args: ReadonlyArray<string>) {
        const size = ["--size", "128MiB", ...args, "--strategy"]
        const [presets, others] = [yield* bench(...size, "all"), yield* bench(...size, strategy)]
        const sums = new Map<string, Array<string>>()
        for (const { checksum, strategy } of [...presets.runs, ...others.runs]) {
          sums.set(checksum, [...sums.get(checksum) ?? [], strategy.replace("linux-6.1:", "")])
        }
        const isApart = new Set(presets.runs.map(({ checksum }) => checksum)).size > 1
        assert.strictEqual(
          presets.notes.some((note) => note.startsWith("checksums of the same memory differ")),
          isApart
        )
        return sums
      })
      const old = [
        "rfc-2015",
        "linux-4.19",
        "async-2018-v1",
        "async-2018-v2",
        "linux-4.20",
        "linux-5.1",
        "deferred-boot"
      ]
      const base = yield* groups()
      const newer = ["proposed-2026", "vmemmap", "kernel=6.15"]
      assert.deepStrictEqual([...base.values()], [
        [...old, "linux-6.1", "head-reuse", "kernel=6.14", "vmemmap=base", "vmemmap=head only", ...variants.slice(4)],
        newer
      ])
      // One reference less, in the upper half of the seventh word of each.
      const [before = "", after = ""] = base.keys()
      assert.strictEqual(BigInt.asUintN(64, BigInt(`0x${before}`) - BigInt(`0x${after}`)), 32_768n * 7n << 32n)
      if (process.env.VMEMMAP_LONG !== "1") return
      assert.strictEqual((yield* groups("--kind", "ram")).size, 1)
      const shared = yield* groups("--align", "2M")
      assert.deepStrictEqual([...shared.values()], [
        [...old, variants[4]],
        ["linux-6.1", "kernel=6.15", "kernel=6.14", "kernel=5.16"],
        ["head-reuse", "proposed-2026", "vmemmap", "vmemmap=head only"],
        ["vmemmap=base"]
      ])
      const altmap = yield* groups("--align", "2M", "--map", "dev")
      assert.deepStrictEqual([...altmap.values()].map((group) => group.length), [old.length + 1, 9])
    }))

  it.live("what no kernel of a strategy can do is status 1, with its reason, and nothing on standard output", () =>
    Effect.gen(function*() {
      const bin = Path.join(root, "packages", "cli", "src", "bin.ts")
      const [status, stdout, stderr] = yield* Effect.callback<readonly [number | null, string, string]>((resume) => {
        const args = [bin, "bench", "--size", "64MiB", "--strategy", "linux-4.19"]
        const child = ChildProcess.execFile(
          process.execPath,
          args,
          (_, stdout, stderr) => resume(Effect.succeed([child.exitCode, stdout, stderr]))
        )
      })
      assert.deepStrictEqual([status, stdout], [1, ""])
      assert.match(stderr, /^vmemmap: ENXIO \(22\.1\): .*whole 128 MiB sections[^\n]*\n?$/)
      assert.strictEqual((yield* one("--size", "64MiB")).pages, 16_384)
    }))

  it.live("text: a header, a table with a row for each geometry, the machine's own speed, and notes", () =>
    Effect.gen(function*() {
      const args = ["bench", "--compare", "--size", "128MiB", "--rounds", "2", "--no-wasm"]
      const { status, stderr, stdout } = yield* run(args)
      assert.deepStrictEqual([status, stderr], [0, ""])
      const [head, , titles = "", ...lines] = stdout.split("\n")
      assert.strictEqual(
        head,
        "128.00 MiB (134.22 MB), linux-6.1, 1 thread, memory touched before, medians of 2 rounds"
      )
      assert.match(titles, /^geometry +struct pages +bytes +time +spread +ns\/page +speed +checksum$/)
      const rows = ["4K, map=mem +32,768 +2 MiB ", "4K, map=dev ", "2M, map=mem +8,192 ", "2M, map=dev ", "RAM "]
      for (const [i, row] of rows.entries()) assert.match(lines[i] ?? "", new RegExp(`^${row}.* GB/s +[0-9a-f]{16}$`))
      assert.strictEqual(lines[rows.length], "")
      assert.match(lines[rows.length + 1] ?? "", /^this machine fills memory at [0-9.]+ GB\/s \(one thread/)
      assert.include(lines, "without WebAssembly: written by loops over typed arrays")
      assert.include(lines, "left out: 1G, map=mem; 1G, map=dev: give a --size of 2 GiB or more")
    }))

  it.live("text: strategies have a column of their own where there are several; no line is too wide", () =>
    Effect.gen(function*() {
      const args = ["bench", "--size", "128MiB", "--rounds", "1", "--strategy", "linux-6.1,vmemmap", "--fresh"]
      const { stdout } = yield* run(args, { columns: 80 })
      assert.match(stdout, /^128\.00 MiB \(134\.22 MB\), 1 thread, memory never touched, medians of 1\s+round$/m)
      assert.match(stdout, /^geometry +strategy /m)
      for (const name of ["linux-6.1", "vmemmap"]) assert.match(stdout, new RegExp(`^4K, map=mem +${name} `, "m"))
      for (const line of stdout.split("\n")) assert.isAtMost(line.length, 80, line)
    }))
})

describe("vmemmap bench --calibrate", slow, () => {
  it.live(
    "writes a machine that simulate reads, with every measured point, those marked that gave a number",
    () =>
      Effect.gen(function*() {
        const from = yield* folderWith({})
        const args = ["bench", "--calibrate", "here.json", "--size", "2GiB", "--rounds", "1", "--threads", "2"]
        const { json, status, stderr } = yield* answer(BenchAnswer.BenchAnswer, args, { from })
        assert.deepStrictEqual([status, stderr, readdirSync(from)], [0, "", ["here.json"]])
        const names = ["4K, map=mem", "4K, map=dev", "2M, map=mem", "2M, map=dev", "1G, map=mem", "1G, map=dev"]
        assert.deepStrictEqual(json.runs.map(({ fresh, geometry, threads }) => [geometry, fresh, threads]), [
          ...names.map((name) => [name, false, 1]),
          ["RAM", false, 1],
          ["4K, map=mem", true, 1],
          ["2M, map=mem", true, 1],
          ["4K, map=mem", false, 2]
        ])
        const read = yield* answer(SimulateAnswer.SimulateAnswer, ["simulate", "here.json", "--published"], { from })
        // Whether small jobs are predicted well is not what this is about.
        assert.include([0, 1], read.status)
        assert.deepStrictEqual([read.json.machine, read.json.publishedPoints], ["this-machine", 8])
        const points = (read.json.published ?? []).map((point) => [
          point.what,
          point.variant,
          point.figure,
          point.use,
          point.parameter,
          point.low
        ])
        const measured = (index: number) => json.runs[index]?.ns
        assert.deepStrictEqual(points, [
          ["4K, map=mem", "4K-mem", "rebind", "fit", "store", measured(0)],
          ["4K, map=dev", "4K-dev", "rebind", "predict", null, measured(1)],
          ["2M, map=mem", "2M-mem", "rebind", "predict", null, measured(2)],
          ["2M, map=dev", "2M-dev", "rebind", "predict", null, measured(3)],
          ["1G, map=mem", "1G-mem", "rebind", "predict", null, measured(4)],
          ["1G, map=dev", "1G-dev", "rebind", "predict", null, measured(5)],
          ["4K, map=mem, memory never touched", "4K-mem", "initialise", "fit", "firstTouch", measured(7)],
          ["2M, map=mem, memory never touched", "2M-mem", "initialise", "predict", null, measured(8)]
        ])
        const few = read.json.published?.find(({ why }) => why !== null)
        assert.strictEqual(few?.what, "1G, map=mem")
        const costs = new Map(read.json.costs.map(({ name, value }) => [name, value]))
        for (const name of ["store", "template", "second", "bootPage", "ramBandwidth", "deviceBandwidth"]) {
          assert.isAbove(costs.get(name) ?? 0, 0, name)
        }
        assert.strictEqual(costs.get("store"), Number(json.runs[0]?.nsPerPage.toPrecision(4)))
      }),
    slow
  )

  it.live(
    "text: what was measured, and how to look at it; a file that is there is written over",
    () =>
      Effect.gen(function*() {
        const from = yield* folderWith({ "here.json": "something else that is longer than nothing ".repeat(1000) })
        const args = ["bench", "--calibrate", "here.json", "--size", "2GiB", "--rounds", "1"]
        const { status, stderr, stdout } = yield* run(args, { from })
        assert.deepStrictEqual([status, stderr], [0, ""])
        assert.match(stdout, /^2\.00 GiB \(2\.15 GB\), linux-6\.1, 1 thread, medians of 1 round$/m)
        assert.match(stdout, /^geometry +memory +struct pages /m)
        for (const memory of ["touched before", "never touched"]) {
          assert.lengthOf(stdout.match(new RegExp(`^4K, map=mem +${memory} `, "gm")) ?? [], 1)
        }
        assert.match(
          stdout,
          /\n'vmemmap simulate here\.json --published' shows what that predicts beside what was measured here\n$/
        )
        const written: unknown = JSON.parse(readFileSync(Path.join(from, "here.json"), "utf8"))
        assert.hasAnyKeys(written, ["published"])
      }),
    slow
  )
})
