import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Testbed from "../../src/simulation/Testbed.ts"
import * as TestbedText from "../../src/simulation/TestbedText.ts"
import * as CostModel from "../../src/time/CostModel.ts"
import { flip, random } from "../random.ts"

const GiB = 2 ** 30

const yaml = `
name: small
about: one region
machine:
  ranges:
    - { start: 0GiB, size: 4GiB, kind: ram, node: 0 }
  nodes:
    - { node: 0, total: 4GiB, cpus: 4 }
  devices:
    - name: region0
      kind: pmem
      start: 16GiB
      size: 4GiB
      node: 0
      labels: true
      configured: [{ name: namespace0.0, size: 4GiB, mode: fsdax, map: dev }]
costs:
  store: { value: 9.33, from: "fit: somebody" }
  remote: { value: 1.4, from: assumed }
strategies: [linux-6.1, vmemmap]
variants:
  fine: { align: 4KiB, mode: devdax, map: mem, cpus: 2 }
published:
  - what: one pass
    source: somebody
    strategy: linux-6.1
    figure: initialise
    low: 268ms
    high: 0.358 s
    use: fit
    parameter: store
  - what: less than before
    source: somebody else
    strategy: vmemmap
    variant: fine
    figure: ready
    minus: linux-6.1
    relative: true
    low: 0.5
    high: 0.65
    use: predict
    why: not known
`

const read = (text: string) => TestbedText.read("bench.yaml", text)

const refusal = (text: string) => {
  const result = read(text)
  return Result.isFailure(result) ? result.failure : assert.fail("was read")
}

/** The text with one thing replaced, which must be there. */
const but = (was: string, is: string): string => {
  assert.include(yaml, was)
  return yaml.replace(was, is)
}

const small = Result.getOrThrow(read(yaml))

describe("TestbedText.read", () => {
  it("reads YAML, with sizes and times as people write them", () => {
    assert.deepStrictEqual(small.machine.devices?.[0]?.size, 4 * GiB)
    assert.deepStrictEqual(small.published.map(({ high, low }) => [low, high]), [[268e6, 358e6], [0.5, 0.65]])
    assert.deepStrictEqual(small.variants?.["fine"], { align: 4096, mode: "devdax", map: "mem", cpus: 2 })
    assert.deepStrictEqual(Testbed.costs(small), { ...CostModel.nothing, store: 9.33, remote: 1.4 })
  })

  it("reads JSON as well, with a byte order mark or without", () => {
    const json = JSON.stringify(small)
    assert.deepStrictEqual(Result.getOrThrow(read(json)), small)
    assert.deepStrictEqual(Result.getOrThrow(read(`\uFEFF  ${json}`)), small)
  })

  it("refuses unknown keys by name, and says which are known", () => {
    for (
      const [text, at] of [
        [but("about:", "abuot:"), /about|abuot/],
        [but("  store:", "  stores:"), /costs\.stores: is not a known key; known are processors, ramBandwidth/],
        [but("value: 9.33", "valeu: 9.33"), /costs\.store\.value: is missing|costs\.store\.valeu/],
        [but("kind: pmem", "knid: pmem"), /machine\.devices\[0\]/],
        [but("parameter: store", "parametre: store"), /published\[0\]\.parametre: is not a known key/],
        [but("cpus: 2 }", "cpu: 2 }"), /variants\.fine\.cpu: is not a known key/],
        [`${yaml}extra: 1\n`, /extra: is not a known key; known are name, about, machine, costs/]
      ] as const
    ) {
      const { message } = refusal(text)
      assert.match(message, /^bench\.yaml/)
      assert.match(message, at)
    }
  })

  it("refuses numbers that are none, negative ones, and other units", () => {
    for (
      const [text, at] of [
        [but("value: 9.33", "value: -9.33"), /costs\.store\.value: .*greater than or equal to 0/],
        [but("value: 9.33", "value: .nan"), /costs\.store\.value/],
        [but("value: 9.33", "value: .inf"), /costs\.store\.value/],
        [but("value: 9.33", "value: 9.33ns"), /costs\.store\.value: expected/],
        [but("value: 9.33", "value: \"9.33\""), /costs\.store\.value: expected/],
        [but("value: 9.33, from: \"fit: somebody\"", "value: 9.33"), /costs\.store\.from: is missing/],
        [but("from: \"fit: somebody\"", "from: \"\""), /costs\.store\.from/],
        [but("store: { value: 9.33, from: \"fit: somebody\" }", "store: 9.33"), /costs\.store: expected/],
        [but("low: 268ms", "low: 0.268"), /published\[0\]\.low: is no time; write a number with a unit/],
        [but("low: 268ms", "low: -1"), /published\[0\]\.low: is no time/],
        [but("high: 0.65", "high: 65"), /published\[1\]\.high: is no part of anything/],
        [but("low: 0.5", "low: -0.5"), /published\[1\]\.high: is no part of anything/],
        [but("low: 268ms", "low: 268 parsecs"), /published\[0\]\.low/],
        [but("low: 268ms", "low: -1ms"), /published\[0\]\.low/],
        [but("low: 268ms", "low: 400ms"), /published\[0\]\.low: is more than high/],
        [but("    minus: linux-6.1\n", ""), /published\[1\]\.relative: is said of no difference/],
        [but("figure: ready", "figure: readiness"), /published\[1\]\.figure: expected/],
        [but("use: predict", "use: guess"), /published\[1\]\.use: expected/],
        [but("parameter: store", "parameter: shop"), /published\[0\]\.parameter: expected/],
        [but("size: 4GiB\n      node", "size: 4GB\n      node"), /machine\.devices\[0\]\.size/],
        [but("size: 4GiB\n      node", "size: -4\n      node"), /machine\.devices\[0\]\.size/],
        [but("align: 4KiB", "align: 4 pages"), /variants\.fine\.align/],
        [but("cpus: 2 }", "cpus: 1.5 }"), /variants\.fine\.cpus/]
      ] as const
    ) {
      assert.match(refusal(text).message, at)
    }
  })

  it("refuses machines that contradict themselves, at their place", () => {
    for (
      const [text, at] of [
        [but("start: 16GiB", "start: 2GiB"), /machine: .*lies in boot RAM/],
        [
          but("configured: [{ name: namespace0.0, size: 4GiB", "configured: [{ name: namespace0.0, size: 5GiB"),
          /machine: region0: namespace0\.0: is larger/
        ],
        [but("kind: ram", "kind: rom"), /machine\.ranges\[0\]\.kind/]
      ] as const
    ) {
      assert.match(refusal(text).message, at)
    }
    for (
      const text of ["", "[]", "{}", "null", "5", "name: x", "- a\n- b", "machine: 5\ncosts: 6", "{\"machine\":{}}"]
    ) {
      assert.strictEqual(refusal(text)._tag, "InputError")
    }
  })

  it("refuses hostile YAML and JSON soon", () => {
    const bomb = [
      "a: &a [x, x, x, x, x, x, x, x]",
      ...Array.from({ length: 12 }, (_, i) => {
        const [was, is] = ["abcdefghijklmn"[i], "abcdefghijklmn"[i + 1]]
        return `${is}: &${is} [*${was}, *${was}, *${was}, *${was}, *${was}, *${was}, *${was}, *${was}]`
      })
    ].join("\n")
    for (
      const [text, problem] of [
        [bomb, /multiplies itself with YAML aliases/],
        [`${yaml}<<: *x\n`, /merge key/],
        ["a: ".repeat(200_000), /YAML/],
        ["[".repeat(100_000), /./],
        [`${"{\"a\":".repeat(1000)}1${"}".repeat(1000)}`, /nests deeper/],
        [`name: ${"x".repeat(2 ** 20)}`, /larger than 1 MiB/],
        [
          JSON.stringify({ ...small, name: undefined }).replace("{", "{\"name\":\"a\",\"name\":\"b\","),
          /twice|duplicate/i
        ],
        [but("name: small", "__proto__: { name: small }"), /./]
      ] as const
    ) {
      const began = performance.now()
      assert.match(refusal(text).message, problem)
      assert.isBelow(performance.now() - began, 2000)
    }
  })

  it("texts that were damaged are read or refused", () => {
    const next = random(5)
    let refused = 0
    for (let i = 0; i < 1500; i++) {
      let text = i % 2 === 0 ? yaml : JSON.stringify(small)
      for (let n = 1 + next(3); n > 0; n--) {
        const at = next(text.length)
        text = next(3) === 0 ? text.slice(0, at) + text.slice(at + 1 + next(20)) : flip(text, at, 7, next)
      }
      const result = read(text)
      if (Result.isFailure(result)) {
        refused++
        assert.strictEqual(result.failure._tag, "InputError")
        assert.isAbove(result.failure.remedy.length, 0)
      }
    }
    assert.isAbove(refused, 700)
  })
})

describe("TestbedText.isTestbed", () => {
  it("tells a testbed from a machine", () => {
    assert.isTrue(TestbedText.isTestbed(yaml))
    assert.isTrue(TestbedText.isTestbed(JSON.stringify(small)))
    assert.isFalse(TestbedText.isTestbed("name: a machine\nranges: []\n"))
    assert.isFalse(TestbedText.isTestbed(JSON.stringify(small.machine)))
    assert.isFalse(TestbedText.isTestbed(""))
    assert.isFalse(TestbedText.isTestbed("about: machine: costs: both on one line"))
    assert.isTrue(TestbedText.isTestbed("costs:\n  store:\nmachine:\n"))
  })
})

describe("Testbed.vary", () => {
  it("sets up every namespace and every node otherwise, and nothing else", () => {
    const varied = Testbed.vary(small.machine, { mode: "devdax", align: GiB, cpus: 2 })
    const [region] = small.machine.devices ?? []
    if (region === undefined) return assert.fail("no device")
    assert.deepStrictEqual(varied, {
      ...small.machine,
      nodes: [{ node: 0, total: 4 * GiB, cpus: 2 }],
      devices: [{
        ...region,
        configured: [{ name: "namespace0.0", size: 4 * GiB, mode: "devdax", map: "dev", align: GiB }]
      }]
    })
    assert.deepStrictEqual(Testbed.vary(small.machine, {}), small.machine)
    assert.deepStrictEqual(Testbed.vary({}, { cpus: 3 }), { nodes: [], devices: [] })
  })
})
