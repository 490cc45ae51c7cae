import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import * as Capture from "../../src/inspection/Capture.ts"
import * as Inspection from "../../src/inspection/Inspection.ts"
import * as MachineView from "../../src/inspection/MachineView.ts"
import * as TreeCapture from "../../src/inspection/TreeCapture.ts"
import * as RecordText from "../../src/records/RecordText.ts"
import { cpuTime } from "../cpuTime.ts"
import { flip, type Next, random } from "../random.ts"
import { failureOf } from "./failure.ts"

const foreign = [
  "-1",
  "0",
  "18446744073709551615",
  "4503599627370496",
  "1".repeat(60),
  "\n",
  "node 7",
  "empty",
  "..",
  "none"
]

/** One to three changes: a bit, a piece left out, doubled, or replaced by something foreign. */
const mutate = (sample: string, next: Next): string => {
  let text = sample
  for (let change = 0; change <= next(3); change++) {
    const at = next(text.length + 1)
    const to = Math.min(text.length, at + 1 + next(60))
    const numbers = [...text.matchAll(/[0-9a-f]{2,}/g)]
    const number = numbers[next(Math.max(1, numbers.length))]
    switch (next(4)) {
      case 0:
        text = flip(text, at, 7, next)
        break
      case 1:
        text = text.slice(0, at) + text.slice(to)
        break
      case 2:
        text = text.slice(0, at) + text.slice(at, to).repeat(1 + next(3)) + text.slice(to)
        break
      default:
        if (number !== undefined) {
          text = text.slice(0, number.index) + (foreign[next(foreign.length)] ?? "") +
            text.slice(number.index + number[0].length)
        }
    }
  }
  return text
}

/** A record with the parts that are looked at, small enough to be changed often. */
const slim = (name: string): string => {
  const { about, case: own, category, input, observed } = Result.getOrThrow(KernelFacts.load(name))
  const { phases, ...rest } = observed as { readonly phases?: Readonly<Record<string, object>> }
  return RecordText.print({
    about,
    case: own,
    category,
    input,
    observed: phases === undefined ? rest : { status: "ok", commands: [], phases }
  })
}

const samples = ["boot-numa-512m-1536m-100m", "kmem-mem-default", "multi-mixed", "host-6.18"].map(slim)

const inspect = (parts: Result.Result<ReadonlyArray<MachineView.Part>, { readonly message: string }>) =>
  Result.flatMap(
    Result.flatMap(parts, MachineView.join),
    (view) => Inspection.make(view, ["0", "pfn:0x200000", "0x100000000"])
  )

describe("Hostile sources", () => {
  it("1,200 changed records end in an inspection or an error that says where, each within a second", () => {
    const next = random(20261)
    let explained = 0
    for (let i = 0; i < 1200; i++) {
      const text = mutate(samples[i % samples.length] ?? "", next)
      const start = cpuTime()
      const result = inspect(Capture.read("fuzz", text))
      assert.isBelow(cpuTime() - start, 1000)
      if (Result.isSuccess(result)) explained++
      else assert.match(result.failure.message, /^\S/)
    }
    assert.isAbove(explained, 200)
  })

  it.effect("1,000 changed trees end in an inspection or an error", () =>
    Effect.gen(function*() {
      const next = random(777)
      const files: ReadonlyArray<readonly [string, string]> = [
        ["proc/iomem", "00001000-0009efff : System RAM\n00100000-7fffffff : System RAM\n"],
        [
          "proc/zoneinfo",
          "Node 0, zone DMA\n  pages free 3\n  spanned 4095\n  present 3998\n  managed 3840\n  start_pfn: 1\n"
        ],
        ["proc/buddyinfo", "Node 0, zone DMA 1 1 0\n"],
        ["proc/meminfo", "MemTotal: 15360 kB\n"],
        ["sys/devices/system/memory/block_size_bytes", "8000000\n"],
        ["sys/devices/system/memory/memory0/state", "online\n"],
        ["sys/devices/system/memory/memory0/valid_zones", "none\n"],
        ["sys/devices/system/memory/memory0/node0/", ""],
        ["sys/devices/system/node/online", "0\n"],
        ["sys/bus/nd/devices/region0/size", "4294967296\n"],
        ["sys/bus/nd/devices/region0/resource", "0x200000000\n"],
        ["sys/bus/nd/devices/namespace0.0/size", "4294967296\n"],
        ["sys/bus/nd/devices/namespace0.0/resource", "0x200000000\n"]
      ]
      for (let i = 0; i < 1000; i++) {
        const changed = new Map(files.map(([path, text]) => [
          next(20) === 0 ? mutate(path, next) : path,
          next(4) === 0 ? mutate(text, next) : text
        ]))
        const result = inspect(yield* Effect.result(TreeCapture.toParts("tree", changed)))
        if (Result.isFailure(result)) assert.match(result.failure.message, /^\S/)
      }
    }))

  it("more ranges, devices or runs than any machine has are refused", () => {
    const lines = Array.from({ length: 5000 }, (_, i) => {
      const start = (i + 1) * 0x4000000
      return `${start.toString(16).padStart(8, "0")}-${(start + 0x1ffffff).toString(16)} : System RAM`
    })
    assert.include(failureOf(inspect(Capture.read("iomem", lines.join("\n")))), "more than 4096 ranges of memory")
    const view: MachineView.Part = {
      source: "blocks",
      spec: { ranges: [{ start: 0, size: 2 ** 31, kind: "ram" }] },
      blocks: {
        size: 2 ** 27,
        runs: Array.from({ length: 20000 }, (_, i) => ({ first: i, last: i, state: "online", zone: "Normal", node: 0 }))
      }
    }
    assert.include(failureOf(inspect(Result.succeed([view]))), "more than 16384 memory blocks")
  })
})
