import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as CarveAnswer from "../../src/answers/CarveAnswer.ts"
import * as PlanAnswer from "../../src/answers/PlanAnswer.ts"
import { answer, example, folderWith, run } from "../run.ts"

const GiB = 1024 ** 3

const log = [
  "[    0.000000] Linux version 6.6.0 (builder@host) (gcc 13) #1 SMP",
  "[    0.000000] Command line: root=/dev/vda quiet",
  "[    0.000000] BIOS-provided physical RAM map:",
  "[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable",
  "[    0.000000] BIOS-e820: [mem 0x000000000009fc00-0x000000000009ffff] reserved",
  "[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x00000000bfffffff] usable",
  "[    0.000000] BIOS-e820: [mem 0x0000000100000000-0x00000004ffffffff] usable",
  "[    0.000000] NX (Execute Disable) protection: active",
  "[    0.000000] Hypervisor detected: KVM",
  ""
].join("\n")

const carve = (size: string) => answer(CarveAnswer.CarveAnswer, ["carve", "-", "--size", size], { stdin: log })

describe("vmemmap carve", () => {
  it.effect("20.3: a boot log has a safe line: within one RAM range, above 4 GiB, on a section", () =>
    Effect.gen(function*() {
      const { json, status, stderr } = yield* carve("4G")
      assert.deepStrictEqual([status, stderr], [0, ""])
      assert.deepStrictEqual(json.candidates.map((c) => c.line), ["memmap=4G!16G", "memmap=4G!4G"])
      for (const { node, size, start, why } of json.candidates) {
        assert.deepStrictEqual([size, start % (128 * 1024 ** 2), node], [4 * GiB, 0, 0])
        assert.isAtLeast(start, 4 * GiB)
        assert.isAtMost(start + size, 20 * GiB)
        assert.isNotEmpty(why)
      }
      assert.isNotEmpty(json.refused)
    }))

  it.effect("28.2, 28.3: what the region becomes is what plan says of such a region", () =>
    Effect.gen(function*() {
      const { json } = yield* carve("4G")
      const [candidate] = json.candidates
      const can = (what: string) => candidate?.becomes.can.find((way) => way.what === what)
      assert.strictEqual(can("raw")?.usable, 4 * GiB)
      assert.deepStrictEqual(can("fsdax mem native"), {
        what: "fsdax mem native",
        usable: 4 * GiB,
        ram: 64 * 1024 ** 2,
        device: 0,
        pageTables: 4096
      })
      assert.strictEqual(can("fsdax dev 2M")?.usable, 4225761280)
      const from = yield* folderWith({
        "machine.json": JSON.stringify({
          kernel: "6.6",
          devices: [{ name: "region0", kind: "legacy", start: candidate?.start, size: candidate?.size }]
        })
      })
      const planned = yield* answer(PlanAnswer.PlanAnswer, ["plan", "machine.json"], { from })
      const option = planned.json.devices[0]?.options.find((o) =>
        o.mode === "devdax" && o.align === GiB && o.map === "mem"
      )
      assert.deepStrictEqual(can("devdax mem 1G"), {
        what: "devdax mem 1G",
        usable: option?.usable as number,
        ram: option?.ram as number,
        device: 0,
        pageTables: option?.pageTables as number
      })
    }))

  it.effect("22.4: what a small region cannot become has the reason", () =>
    Effect.gen(function*() {
      const { json } = yield* carve("16M")
      const cannot = json.candidates[0]?.becomes.cannot ?? []
      assert.isNotEmpty(cannot.find((way) => way.what === "fsdax dev 1G")?.why)
      assert.isUndefined(json.candidates[0]?.becomes.can.find((way) => way.what === "fsdax dev 1G"))
    }))

  it.effect("28.2: when the node would keep too little RAM nothing is safe: status 1, with every refusal", () =>
    Effect.gen(function*() {
      const { json, status, stderr } = yield* carve("15G")
      assert.deepStrictEqual([status, json.candidates], [1, []])
      assert.strictEqual(stderr, "vmemmap: no safe place for 15 GiB on this machine")
      assert.deepStrictEqual(json.refused.map((r) => r.start), [0, 0x100000, 4 * GiB])
      const less = yield* answer(
        CarveAnswer.CarveAnswer,
        ["carve", "-", "--size", "15G", "--keep", "1G"],
        { stdin: log }
      )
      assert.deepStrictEqual([less.status, less.json.candidates[0]?.line], [0, "memmap=15G!5G"])
    }))

  it.effect("the table has the line, the ways and the refusals", () =>
    Effect.gen(function*() {
      const { status, stdout } = yield* run(["carve", example("two-socket/iomem.txt"), "--size", "4G"])
      assert.strictEqual(status, 0)
      assert.match(stdout, /^memmap=4G!\d+G {2}0x/m)
      assert.match(stdout, /^ {2}devdax mem 1G +3\.00 GiB \(3\.22 GB\)/m)
      assert.match(stdout, /^0x1000-0x9ffff /m)
    }))

  for (
    const [args, said] of [
      [["-", "--size", "100M"], "ask for 112M"],
      [["-", "--size", "4"], "less than 16 MiB"],
      [["-", "--size", "4G", "--arch", "arm64"], "x86"],
      [["-"], "--size"],
      [["-", "--size", "4G", "--keep", "some"], "--keep"],
      [["-", "--size", "4G", "--sysroot", "/"], "--sysroot and SOURCE"],
      [[example("two-socket/ndctl.json"), "--size", "4G"], "no RAM range is known"]
    ] as const
  ) {
    it.effect(`wrong use '${args.slice(1).join(" ")}' is status 2 and leaves standard output empty`, () =>
      Effect.gen(function*() {
        const { status, stderr, stdout } = yield* run(["carve", ...args], { stdin: log })
        assert.deepStrictEqual([status, stdout], [2, ""])
        assert.include(stderr, said)
      }))
  }

  it.effect("says that it took all RAM to be on one node, where no source says the node", () =>
    Effect.gen(function*() {
      const { stdout } = yield* run(["carve", example("two-socket/iomem.txt"), "--size", "16G"])
      assert.include(stdout, "all RAM is taken to be on node 0: no source says its node")
      const stated = yield* run(["carve", example("eight-socket.yaml"), "--size", "1G"])
      assert.notInclude(stated.stdout, "no source says its node")
    }))
})
