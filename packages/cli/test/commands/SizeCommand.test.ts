import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as PlanAnswer from "../../src/answers/PlanAnswer.ts"
import * as SizeAnswer from "../../src/answers/SizeAnswer.ts"
import { answer, run } from "../run.ts"

const size = (...args: ReadonlyArray<string>) => answer(SizeAnswer.SizeAnswer, ["size", ...args])

describe("vmemmap size", () => {
  for (
    const [want, map, request] of [
      ["1G", "dev", 1107296256],
      ["1G", "mem", 1090519040],
      ["100G", "dev", 109085458432],
      ["100G", "mem", 107390959616],
      ["1500G", "dev", 1636181213184],
      ["1500G", "mem", 1610629513216],
      ["110M", "dev", 117440512]
    ] as const
  ) {
    it.effect(`28.6: ${want} usable on map=${map} takes ${request} bytes, and a granule less does not do`, () =>
      Effect.gen(function*() {
        const { json, status } = yield* size("--want", want, "--map", map)
        assert.deepStrictEqual([status, json.request], [0, request])
        assert.isAtLeast(json.usable, json.want)
        assert.strictEqual(json.overhead, request - json.usable)
        assert.strictEqual(json.nextLower?.request, request - json.granule)
        assert.isBelow(json.nextLower?.usable as number, json.want)
        assert.strictEqual(json.option.usable, json.usable)
      }))
  }

  it.effect("28.6: plan gives for the request what size promises, and too little for the next lower", () =>
    Effect.gen(function*() {
      const { json } = yield* size("--want", "777G", "--mode", "devdax", "--map", "dev", "--align", "1G")
      const usable = (bytes: number) =>
        Effect.map(
          answer(
            PlanAnswer.PlanAnswer,
            `plan --range 4G+${bytes} --mode devdax --map dev --align 1G`.split(" ")
          ),
          (planned) => planned.json.devices[0]?.options[0]?.usable
        )
      assert.strictEqual(yield* usable(json.request), json.usable)
      assert.strictEqual(yield* usable(json.nextLower?.request as number), json.nextLower?.usable)
    }))

  it.effect("27.2: on six ways the request is a multiple of six alignments", () =>
    Effect.gen(function*() {
      const { json } = yield* size("--want", "100G", "--mode", "devdax", "--map", "mem", "--align", "1G", "--ways", "6")
      assert.deepStrictEqual([json.granule, json.request % json.granule], [6 * 1024 ** 3, 0])
    }))

  it.effect("the request is written as the tools take it", () =>
    Effect.gen(function*() {
      const { json } = yield* size("--want", "110M")
      assert.deepStrictEqual([json.argument, json.memmapLine], ["--size=112M", "memmap=112M!4G"])
      const { stdout } = yield* run(["size", "--want", "110M"])
      assert.include(stdout, "--size=112M")
      assert.include(stdout, "117440512 bytes")
    }))

  it.effect("21.8: every mode answers, with at least what is wanted", () =>
    Effect.gen(function*() {
      for (const mode of ["raw", "sector", "fsdax", "devdax", "system-ram"]) {
        const { json, status } = yield* size("--want", "10G", "--mode", mode)
        assert.deepStrictEqual([status, json.option.mode], [0, mode])
        assert.isAtLeast(json.usable, json.want, mode)
      }
    }))

  it.effect("what no request gives is status 1, said on standard error only", () =>
    Effect.gen(function*() {
      for (const args of [["--want", "1G", "--start", "12"], ["--want", "4095T"]]) {
        const { status, stderr, stdout } = yield* run(["size", ...args, "--json"])
        assert.deepStrictEqual([status, stdout], [1, ""], args.join(" "))
        assert.include(stderr, "no request gives")
      }
    }))

  for (
    const [args, said] of [
      [[], "--want"],
      [["--want", "0"], "--want: ask for at least one byte"],
      [["--want=-1"], "--want: '-1' is not a size"],
      [["--want", "1GB"], "'1GB' has a decimal unit"],
      [["--want", "5P"], "2^52"],
      [["--want", "1G", "--ways", "0"], "--ways"],
      [["--want", "1G", "--ways", "six"], "--ways"],
      [["--want", "1G", "--mode", "swap"], "--mode"],
      [["1G"], "--want"],
      [["--want", "1G", "2G"], "\"2G\""]
    ] as const
  ) {
    it.effect(`wrong use '${args.join(" ")}' is status 2 and leaves standard output empty`, () =>
      Effect.gen(function*() {
        const { status, stderr, stdout } = yield* run(["size", ...args])
        assert.deepStrictEqual([status, stdout], [2, ""])
        assert.include(stderr, said)
      }))
  }

  it.effect("says which memory block it took for granted, where blocks matter", () =>
    Effect.gen(function*() {
      const said = (...args: ReadonlyArray<string>) =>
        Effect.map(run(["size", "--want", "100G", ...args]), ({ stdout }) => /^assumed: memory block/m.test(stdout))
      assert.isTrue(yield* said("--mode", "system-ram"))
      assert.isFalse(yield* said("--mode", "system-ram", "--block-size", "2G"))
      assert.isFalse(yield* said("--mode", "fsdax"))
    }))
})
