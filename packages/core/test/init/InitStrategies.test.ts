import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as InitStrategies from "../../src/init/InitStrategies.ts"
import * as InitStrategy from "../../src/init/InitStrategy.ts"
import type { Feature } from "../../src/release/Feature.ts"
import * as KernelRelease from "../../src/release/KernelRelease.ts"
import * as Port from "../../src/release/Port.ts"

const parsed = (text: string) => Result.getOrThrow(InitStrategies.parse(text))

const preset = (name: string) =>
  InitStrategies.presets.find((one) => one.name === name) ?? assert.fail(`no preset ${name}`)

const refusal = (text: string): string => {
  const result = InitStrategies.parse(text)
  return Result.isFailure(result) ? result.failure.message : assert.fail(`${text} was read`)
}

const releaseOf = (strategy: InitStrategy.InitStrategy) =>
  Result.getOrThrow(KernelRelease.parse(InitStrategy.kernelText(strategy)))

const { about: _about, name: _name, ...fields } = InitStrategy.InitStrategy.fields

/** Words a dimension can have. */
const words: Readonly<Record<string, ReadonlyArray<string>>> = {
  kernel: ["6.1", "5.8", "rhel-9.4", "6.12.8", "async-2018-v2", "proposed-2026", "6.1+dedup-head-only"],
  when: fields.when.literals,
  covers: fields.covers.literals,
  underLock: fields.underLock.literals,
  populate: fields.populate.literals,
  domains: fields.domains.literals,
  probe: fields.probe.literals,
  workers: ["1", "8", "1024"],
  limit: ["none", "1", "65536"],
  division: fields.division.literals,
  subRanges: ["none", "1", "128", "1048576"],
  help: fields.help.literals,
  priority: fields.priority.literals,
  unload: fields.unload.literals,
  writing: fields.writing.literals,
  vmemmap: fields.vmemmap.literals,
  backing: fields.backing.literals,
  boot: fields.boot.literals,
  flaws: ["none", ...InitStrategy.Flaw.literals, InitStrategy.Flaw.literals.join("+")]
}

const valueOf = (dimension: string, word: string): unknown =>
  dimension === "flaws"
    ? word === "none" ? [] : word.split("+")
    : ["workers", "limit", "subRanges"].includes(dimension)
    ? word === "none" ? null : Number(word)
    : word

describe("presets", () => {
  it("are strategies of their own schema, each with a name of its own that reads as itself", () => {
    const decode = Schema.decodeUnknownResult(InitStrategy.InitStrategy, { onExcessProperty: "error" })
    const encode = Schema.encodeUnknownResult(InitStrategy.InitStrategy)
    const names = InitStrategies.presets.map(({ name }) => name)
    assert.strictEqual(new Set(names).size, names.length)
    for (const one of InitStrategies.presets) {
      assert.deepStrictEqual(Result.getOrThrow(decode(one)), one)
      assert.deepStrictEqual(Result.getOrThrow(decode(JSON.parse(JSON.stringify(Result.getOrThrow(encode(one)))))), one)
      for (const text of [one.name, ` ${one.name} `, `${one.name}:`, `${one.name}:;`]) {
        assert.strictEqual(parsed(text), one)
      }
      assert.isAbove(one.about.length, 20)
      assert.deepStrictEqual(one.flaws, [])
    }
    // Every published system has its row.
    assert.includeMembers(names, [
      "rfc-2015",
      "linux-4.19",
      "async-2018-v1",
      "async-2018-v2",
      "linux-4.20",
      "linux-5.1",
      "deferred-boot",
      "linux-6.1",
      "head-reuse",
      "proposed-2026",
      "vmemmap"
    ])
  })

  it("INI-12, CMP-1, CMP-12: run on kernels that are known, with the features they claim", () => {
    const passes: Record<string, ReadonlyArray<Feature>> = {}
    for (const one of InitStrategies.presets) {
      const release = releaseOf(one)
      const { minus, plus } = InitStrategy.features(one)
      for (const feature of plus) assert.isTrue(KernelRelease.has(release, feature), `${one.name} ${feature}`)
      for (const feature of minus) assert.isFalse(KernelRelease.has(release, feature), `${one.name} ${feature}`)
      const wanted: ReadonlyArray<Feature> = [
        "single-pass-init",
        "vmemmap-dedup",
        "compound-devmaps",
        "dedup-head-only",
        "memmap-state",
        "altmap-rfc-2015",
        "deferred-padata"
      ]
      passes[one.name] = wanted.filter((feature) => KernelRelease.has(release, feature))
    }
    assert.deepStrictEqual(passes, {
      "rfc-2015": ["altmap-rfc-2015"],
      "linux-4.19": [],
      "async-2018-v1": ["single-pass-init", "memmap-state"],
      "async-2018-v2": ["single-pass-init", "memmap-state"],
      "linux-4.20": ["single-pass-init"],
      "linux-5.1": ["single-pass-init"],
      "deferred-boot": ["single-pass-init", "deferred-padata"],
      "linux-6.1": ["single-pass-init", "vmemmap-dedup", "compound-devmaps", "deferred-padata"],
      "head-reuse": ["single-pass-init", "vmemmap-dedup", "compound-devmaps", "dedup-head-only", "deferred-padata"],
      "proposed-2026": ["single-pass-init", "vmemmap-dedup", "compound-devmaps", "dedup-head-only", "deferred-padata"],
      "vmemmap": ["single-pass-init", "vmemmap-dedup", "compound-devmaps", "dedup-head-only", "deferred-padata"]
    })
  })

  it("13: the postings have 16 workers who are waited for, and 8 times 128 sub-ranges of which some are stolen", () => {
    const { help, subRanges, workers } = preset("async-2018-v1")
    assert.deepStrictEqual({ help, subRanges, workers }, { help: "wait for the worker", subRanges: 1, workers: 16 })
    const v2 = preset("async-2018-v2")
    assert.deepStrictEqual([v2.help, v2.workers, v2.subRanges], ["steal sub-ranges", 8, 128])
  })

  it("ASY-3: what is posted for x86-64 alone is supported there alone, ours wherever the memmap is virtual", () => {
    for (const arch of Object.values(Architecture.presets)) {
      const isX86 = arch.name.startsWith("x86_64")
      for (const one of InitStrategies.presets) {
        const isSupported = InitStrategy.isSupported(one, Port.make(arch, releaseOf(one)))
        const expected = one.when === "synchronous" || isX86 || one.name === "vmemmap"
        assert.strictEqual(
          isSupported,
          expected && !(one.name === "vmemmap" && Port.make(arch, releaseOf(one)).vmemmap === "none"),
          `${one.name} on ${arch.name}`
        )
      }
    }
  })
})

describe("InitStrategies.parse", () => {
  it("every dimension has a word for each of its values", () => {
    assert.deepStrictEqual(Object.keys(words).toSorted(), [...InitStrategies.dimensionNames].toSorted())
    for (const [dimension, all] of Object.entries(words)) {
      for (const word of all) {
        const text = `linux-6.1:${dimension}=${word}`
        const { about, name, ...found } = parsed(text)
        const { about: wasAbout, name: _, ...base } = preset("linux-6.1")
        assert.strictEqual(name, text)
        assert.strictEqual(about, wasAbout)
        assert.deepStrictEqual(found, { ...base, [dimension]: valueOf(dimension, word) })
      }
    }
  })

  it("reads several, in any order, with blanks", () => {
    const found = parsed(
      "  async-2018-v2: workers = 16 ; help=none;;kernel=6.1+vmemmap-dedup ; flaws=straddle-miss + stuck-active "
    )
    assert.deepStrictEqual(found, {
      ...preset("async-2018-v2"),
      name: "async-2018-v2: workers = 16 ; help=none;;kernel=6.1+vmemmap-dedup ; flaws=straddle-miss + stuck-active",
      workers: 16,
      help: "none",
      kernel: "6.1+vmemmap-dedup",
      flaws: ["straddle-miss", "stuck-active"]
    })
  })

  it("refuses what is none, with what would be right, on one line", () => {
    for (
      const [text, problem] of [
        ["", /presets are rfc-2015, linux-4\.19/],
        ["linux-7", /presets are/],
        ["Linux-6.1", /presets are/],
        ["linux-6.1 workers=2", /presets are/],
        ["linux-6.1:workers", /dimensions are kernel, when, /],
        ["linux-6.1:help=none;workers=2;help=none", /help is chosen twice/],
        ["linux-6.1:=2", /dimensions are/],
        ["linux-6.1:name=mine", /dimensions are/],
        ["linux-6.1:about=mine", /dimensions are/],
        ["linux-6.1:constructor=1", /dimensions are/],
        ["linux-6.1:__proto__=1", /dimensions are/],
        ["linux-6.1:workers=0", /workers: expected a value between 1 and 1024/],
        ["linux-6.1:workers=1025", /workers: expected a value between/],
        ["linux-6.1:workers=-1", /workers: expected number/],
        ["linux-6.1:workers=1.5", /workers: expected number/],
        ["linux-6.1:workers=none", /workers: expected number/],
        ["linux-6.1:workers=9999999999", /workers: expected number/],
        ["linux-6.1:limit=0", /limit: expected a value between 1 and 65536/],
        ["linux-6.1:subRanges=0", /subRanges: expected a value between 1 and 1048576/],
        [
          "linux-6.1:help=steal",
          /help: expected "none" \| "wait for the worker" \| "steal sub-ranges" \| "steal exactly"/
        ],
        ["linux-6.1:flaws=", /flaws: expected "straddle-miss" \|/],
        ["linux-6.1:flaws=straddle-miss+none", /flaws: expected/],
        ["linux-6.1:kernel=", /kernel: expected a value with a length of at least 1/],
        ["linux-6.1:kernel=6", /unknown kernel '6': not a release number; write a release from 4\.2 on/],
        ["linux-6.1:kernel=4.1", /unknown kernel '4\.1': there are no rules for releases before 4\.2/],
        ["linux-6.1:kernel=6.1+nonsense", /unknown kernel/]
      ] as const
    ) {
      const message = refusal(text)
      assert.match(message, problem, text)
      assert.notInclude(message, "\n")
      assert.match(message, /^'.*' is no strategy: /)
    }
    assert.isBelow(refusal("x".repeat(1_000_000)).length, 400)
  })

  it.prop("whatever is typed is a strategy or refused", [Arbitrary.schema(Schema.Struct({
    base: Schema.Literals(["", "linux-6.1", "vmemmap"]),
    dimension: Schema.Union([Schema.Literals(InitStrategies.dimensionNames), Schema.String]),
    word: Schema.Union([Schema.String, Schema.Literals(Object.values(words).flat())])
  }))], ([{ base, dimension, word }]) => {
    const is = Schema.is(InitStrategy.InitStrategy)
    const result = InitStrategies.parse(`${base}:${dimension}=${word}`)
    if (Result.isFailure(result)) return
    assert.isTrue(is(result.success))
    assert.isTrue(Result.isSuccess(KernelRelease.parse(InitStrategy.kernelText(result.success))))
  }, { arbitrary: { runs: 400, seed: "strategies" } })
})
