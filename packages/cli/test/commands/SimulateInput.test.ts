import { assert, describe, it } from "@effect/vitest"
import * as TestbedFiles from "@vmemmap/test-utils/TestbedFiles"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import * as Path from "node:path"
import * as SimulateAnswer from "../../src/answers/SimulateAnswer.ts"
import { answer, example, folderWith, run } from "../run.ts"
import { altered, small } from "./testbeds.ts"

/** One quick strategy. */
const quick = ["--strategy", "linux-6.1", "--faults", "first"]

const bomb = ["a: &a [x,x,x,x,x,x,x,x,x]", "b: &b [*a,*a,*a,*a,*a,*a,*a]", "c: &c [*b,*b,*b,*b,*b,*b,*b]"]

/** Escape sequences, a change of writing direction, a broken line, mark-up, half a character. */
const nasty = "\u001b[31m\u202e\n</svg><script>&\ud800"

describe("vmemmap simulate MACHINE", () => {
  it.effect("wrong use: status 2, what would be right, and nothing on standard output", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({ "small.yaml": small })
      const bundled = `bundled machines are ${TestbedFiles.names().join(", ")}`
      const cases: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
        [
          ["pmem-9-sockets"],
          `there is no machine 'pmem-9-sockets' and no such file (did you mean 'pmem-8-sockets'?); ${bundled}`
        ],
        [["no/where.yaml"], "no/where.yaml: no such file"],
        [["--seed", "5"], `name the MACHINE to simulate: ${bundled}`],
        [["--strategy", "all"], `name the MACHINE to simulate: ${bundled}`],
        [["small.yaml", "--strategy", "linux-9"], "--strategy: 'linux-9' is no strategy: presets are rfc-2015, "],
        [["small.yaml", "--strategy", "linux-6.1,,all"], "--strategy: '' is no strategy"],
        [["small.yaml", "--strategy", "linux-6.1:speed=9"], "dimensions are kernel, when, "],
        [["small.yaml", "--strategy", "linux-6.1:help=please"], "is no strategy"],
        [["small.yaml", "--baseline", "windows"], "--baseline: 'windows' is no strategy"],
        [
          ["small.yaml", "--faults", "often"],
          "--faults: 'often' is no pattern of faults: it begins with one of first, "
        ],
        [["small.yaml", "--faults", "uniform,count=0"], "count is a number from 1 to 100000"],
        [["small.yaml", "--faults", "uniform,every=1"], "1 needs a unit"],
        [["small.yaml", "--seed", "x"], "--seed"],
        [["small.yaml", "--hardware", "abacus"], "there is no machine 'abacus' and no such file"],
        [["small.yaml", "--hardware", "pmem-12tb", "--published"], "leave out --hardware"],
        [["small.yaml", "--with", "small.yaml"], "leave out --with"],
        [["small.yaml", "--timeline", "--json"], "--timeline draws text"],
        [["small.yaml", "--svg", "a", "--trace", "a"], "--svg and --trace both name a"],
        [["small.yaml", "--svg", "a", "--trace", "./a"], "--svg and --trace both name a"],
        [[example("eight-socket.yaml"), "--hardware", example("eight-socket.yaml")], "is no testbed"]
      ]
      for (const [args, message] of cases) {
        const { status, stderr, stdout } = yield* run(["simulate", ...args], { from })
        assert.deepStrictEqual([status, stdout], [2, ""], args.join(" "))
        assert.include(stderr, message)
      }
    }))

  it.effect("testbeds that are none: status 2, where, and what would be right", () =>
    Effect.gen(function*() {
      const cases: Readonly<Record<string, readonly [text: string, message: string]>> = {
        "unknown key": [`${small}colour: blue\n`, "colour: is not a known key; known are name, about, machine, costs"],
        "unknown cost": [altered("  store:", "  stoer:"), "costs.stoer: is not a known key; known are processors, "],
        "negative": [altered("value: 20, from: \"fit", "value: -20, from: \"fit"), "costs.store.value: expected "],
        "not a number": [altered("value: 20, from: \"fit", "value: .nan, from: \"fit"), "costs.store.value: expected "],
        "no origin": [altered(", from: \"fit: nothing, it is a test\"", ""), "costs.store.from"],
        "endless": [
          altered("value: 20, from: \"fit", "value: 1e300, from: \"fit"),
          "costs.store: more than the 104 days"
        ],
        "no processors": [altered("processors: { value: 4", "processors: { value: 0"), "a node has 1 to 8192, not 0"],
        "many processors": [altered("node: 0, cpus: 4", "node: 0, cpus: 1000000000"), "node 0: 1000000000 processors"],
        "no bandwidth": [
          altered("  store:", "  ramBandwidth: { value: 0, from: \"x\" }\n  store:"),
          "with a bandwidth of 0 GB/s nothing ends"
        ],
        "overlapping": [altered("start: 64GiB", "start: 20GiB"), "overlaps device"],
        "nothing": [
          "name: n\nabout: a\nmachine: {}\ncosts: {}\npublished: []\n",
          "there is nothing to simulate: it has neither RAM (ranges of kind ram) nor devices"
        ],
        "its strategy": [altered("[linux-4.19,", "[linux-0.1,"), "small: strategies: 'linux-0.1' is no strategy"],
        "bomb": [`${bomb.join("\n")}\nmachine: [*c,*c,*c,*c]\ncosts: 1\n`, "multiplies itself with YAML aliases"],
        "huge": [`${small}# ${"x".repeat(2 ** 21)}\n`, "is YAML larger than 1 MiB"],
        "deep": [`machine: ${"[".repeat(1e5)}\ncosts: 1\n`, "nests too deep for YAML"]
      }
      const from = yield* folderWith(Object.fromEntries(Object.entries(cases).map(([name, [text]]) => [name, text])))
      for (const [name, [, message]] of Object.entries(cases)) {
        const { status, stderr, stdout } = yield* run(["simulate", name], { from })
        assert.deepStrictEqual([status, stdout], [2, ""], name)
        assert.include(stderr, message)
      }
    }))

  it.effect("more accesses than anybody waits for are refused", () =>
    Effect.gen(function*() {
      const crowd = Array.from({ length: 11 }, (_, i) => ({
        name: `region${i}`,
        kind: "pmem",
        size: 2 ** 34,
        configured: [{ name: `namespace${i}.0`, mode: "fsdax", size: 2 ** 34 }]
      }))
      const { status, stderr, stdout } = yield* run(["simulate", "-", "--faults", "uniform,count=100000"], {
        stdin: JSON.stringify({ devices: crowd })
      })
      assert.deepStrictEqual([status, stdout], [2, ""])
      assert.include(stderr, "100000 accesses to each of 11 devices are more than 1000000")
      const large = yield* run(["simulate", "nvdimm-128g", "--faults", "hot,size=1T"])
      assert.deepStrictEqual([large.status, large.stdout], [2, ""])
      assert.include(large.stderr, "16 accesses with 524288 faults to each of 1 device are more than 1000000")
    }))

  it.effect("accesses that cannot be are none, which is said, and nothing is compared with them", () =>
    Effect.gen(function*() {
      const cases = [
        ["first,access=io", "dax0.0 stayed untouched: a character device has no block layer"],
        ["first,size=1T", "dax0.0 stayed untouched: an access of 1 TiB is more than its 128.00 GiB"]
      ] as const
      for (const [faults, note] of cases) {
        const strategy = "linux-6.1,vmemmap"
        const { json } = yield* answer(SimulateAnswer.SimulateAnswer, [
          "simulate",
          "nvdimm-128g",
          "--strategy",
          strategy,
          "--faults",
          faults
        ])
        assert.include(json.notes, note)
        for (const row of json.strategies) {
          assert.isTrue(row.error === null && row.firstFault.count === 0 && row.ratios?.firstFaultP99 === null)
        }
      }
    }))

  it.effect("a namespace that is disabled, or of a mode the kernel does not know, is no mystery", () =>
    Effect.gen(function*() {
      const devices = (more: object) =>
        JSON.stringify({
          devices: [{
            name: "region0",
            kind: "pmem",
            size: 2 ** 34,
            configured: [{ name: "namespace0.0", mode: "devdax", map: "mem", size: 2 ** 34, ...more }]
          }]
        })
      const disabled = yield* answer(SimulateAnswer.SimulateAnswer, ["simulate", "-", ...quick], {
        stdin: devices({ disabled: true })
      })
      assert.strictEqual(disabled.status, 0)
      assert.include(disabled.json.notes, "namespace0.0: disabled, so nothing is initialised for it")
      const old = yield* answer(
        SimulateAnswer.SimulateAnswer,
        ["simulate", "-", "--strategy", "linux-6.1:kernel=4.2"],
        {
          stdin: devices({})
        }
      )
      assert.strictEqual(old.status, 1)
      assert.include(old.json.strategies[0]?.error ?? "", "namespace0.0 never appeared: no driver of kernel 4.2 makes")
      const dax = JSON.stringify({
        ranges: [{ start: 0, size: 2 ** 30, kind: "ram" }],
        devices: [{ name: "cxl0", kind: "dax", start: 2 ** 36, size: 2 ** 38 }]
      })
      const full = yield* answer(SimulateAnswer.SimulateAnswer, ["simulate", "-", ...quick], { stdin: dax })
      assert.strictEqual(full.status, 1)
      assert.match(full.json.strategies[0]?.error ?? "", /^cxl0 never appeared: ENOMEM/)
    }))

  it.effect("a list of namespaces alone: RAM enough for all their struct pages is assumed, and no strategy fails", () =>
    Effect.gen(function*() {
      const { json, status } = yield* answer(SimulateAnswer.SimulateAnswer, [
        "simulate",
        example("two-socket/ndctl.json"),
        "--strategy",
        "linux-4.19,vmemmap",
        "--faults",
        "first"
      ])
      assert.strictEqual(status, 0)
      assert.isTrue(json.assumptions.some((text) => /^boot RAM of \d+ GiB on node 0: no source names any/.test(text)))
    }))

  it.effect("a file comes before a bundled machine of its name; a folder does not", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({ "nvdimm-128g": small, "cxl-expander/file": "" })
      for (const [name, machine] of [["nvdimm-128g", "small"], ["cxl-expander", "cxl-expander"]] as const) {
        const { json } = yield* answer(SimulateAnswer.SimulateAnswer, ["simulate", name, ...quick], { from })
        assert.strictEqual(json.machine, machine)
      }
    }))

  it.effect("any SOURCE: its own namespaces, the costs of another machine, both said", () =>
    Effect.gen(function*() {
      const machine = JSON.stringify({
        kernel: "6.12",
        devices: [
          { name: "region0", kind: "pmem", size: 2 ** 34, configured: [{ name: "namespace0.0", mode: "raw" }] },
          {
            name: "region1",
            kind: "pmem",
            size: 2 ** 34,
            configured: [{ name: "namespace1.0", mode: "devdax", map: "mem", size: 2 ** 34 }]
          },
          { name: "region2", kind: "pmem", size: 2 ** 34 }
        ]
      })
      const { json, status } = yield* answer(SimulateAnswer.SimulateAnswer, ["simulate", "-", ...quick], {
        stdin: machine
      })
      assert.deepStrictEqual([status, json.machine, json.hardware], [0, "standard input", "nvdimm-128g"])
      assert.isTrue(json.assumptions.some((text) => text.startsWith("operations cost what they do on nvdimm-128g")))
      assert.isTrue(json.assumptions.some((text) => text.startsWith("boot RAM of 3 GiB")))
      assert.deepStrictEqual(json.notes, [
        "kernel 6.12 of the machine is not used: each strategy names its own",
        "region2: no namespace, so nothing is initialised; describe some under 'configured', or add 'ndctl list -RN'",
        "namespace0.0: raw mode has no struct pages, nothing is initialised for it"
      ])
      const [row] = json.strategies
      assert.isTrue(row?.error === null && row.structPagesWritten > 0)
    }))

  it.effect("--hardware: the same machine at another speed, by name and by file", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({
        "small.yaml": small,
        "fast.yaml": altered("value: 20, from: \"fit", "value: 2, from: \"fit")
      })
      const ready = Effect.fnUntraced(function*(...args: ReadonlyArray<string>) {
        const { json } = yield* answer(SimulateAnswer.SimulateAnswer, ["simulate", "small.yaml", ...quick, ...args], {
          from
        })
        const [row] = json.strategies
        return { hardware: json.hardware, ready: row?.error === null ? row.readyNs : 0 }
      })
      const own = yield* ready()
      const fast = yield* ready("--hardware", "fast.yaml")
      const other = yield* ready("--hardware", "pmem-12tb")
      assert.deepStrictEqual([own.hardware, fast.hardware, other.hardware], ["small", "small", "pmem-12tb"])
      assert.isBelow(fast.ready, own.ready)
      assert.isAbove(other.ready, own.ready)
    }))

  it.effect("13: architectures without background initialisation say so", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({ "arm.yaml": altered("machine:\n", "machine:\n  arch: arm64\n") })
      const args = ["simulate", "arm.yaml", "--strategy", "async-2018-v1,vmemmap", "--faults", "first"]
      const { json } = yield* answer(SimulateAnswer.SimulateAnswer, args, { from })
      assert.deepStrictEqual(json.notes, [
        "async-2018-v1: has no background initialisation on arm64-4k, all is done at once"
      ])
    }))

  it.effect("what is described and plays no part, and costs that a strategy lacks, are said", () =>
    Effect.gen(function*() {
      const machine = `machine:
  dimms: [{ start: 8GiB, size: 1GiB }]
  debugPoison: true
`
      const from = yield* folderWith({
        "odd.yaml": altered("machine:\n", machine, altered("  template: { value: 8, from: \"assumed\" }\n", ""))
      })
      const args = ["simulate", "odd.yaml", "--strategy", "linux-6.1,vmemmap", "--faults", "first"]
      const { json } = yield* answer(SimulateAnswer.SimulateAnswer, args, { from })
      assert.deepStrictEqual(json.notes, [
        "RAM that is plugged (dimms) is hot-added, which takes no time here",
        "debugPoison: the pass that poisons struct pages takes no time here",
        "no cost is given to initialise one struct page by copying a template: being free it makes vmemmap look better " +
        "than is so"
      ])
    }))

  it.effect("names from files neither move a cursor nor break a document", () =>
    Effect.gen(function*() {
      const testbed = {
        name: nasty,
        about: nasty,
        machine: {
          ranges: [{ start: 0, size: 2 ** 30, kind: "ram" }],
          devices: [{
            name: nasty,
            kind: "pmem",
            start: 2 ** 34,
            size: 2 ** 34,
            labels: true,
            configured: [
              { name: `a${nasty}`, mode: "sector", size: 2 ** 33 },
              { name: `b${nasty}`, mode: "fsdax", map: "dev", size: 2 ** 33 }
            ]
          }]
        },
        costs: { store: { value: 1, from: nasty } },
        published: [{
          what: nasty,
          source: nasty,
          strategy: "linux-6.1",
          figure: "ready",
          low: 1,
          high: "10s",
          use: "predict",
          why: nasty
        }]
      }
      const from = yield* folderWith({ "nasty.json": JSON.stringify(testbed) })
      const args = ["simulate", "nasty.json", ...quick, "--published"]
      const { status, stdout } = yield* run([...args, "--timeline", "--svg", "a.svg"], { from, columns: 100 })
      assert.strictEqual(status, 0)
      // oxlint-disable-next-line no-control-regex
      const unsafe = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/
      assert.notMatch(stdout, unsafe)
      const svg = readFileSync(Path.join(from, "a.svg"), "utf8")
      assert.notMatch(svg, unsafe)
      assert.notInclude(svg, "<script>")
      const { json } = yield* answer(SimulateAnswer.SimulateAnswer, args, { from })
      assert.strictEqual(json.machine, nasty)
    }))
})
