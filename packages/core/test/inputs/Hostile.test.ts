import { assert, describe, it } from "@effect/vitest"
import * as BootLog from "@vmemmap/core/inputs/BootLog"
import * as CxlList from "@vmemmap/core/inputs/CxlList"
import * as DaxctlList from "@vmemmap/core/inputs/DaxctlList"
import * as Fleet from "@vmemmap/core/inputs/Fleet"
import { InputError } from "@vmemmap/core/inputs/InputError"
import * as Iomem from "@vmemmap/core/inputs/Iomem"
import * as Lsmem from "@vmemmap/core/inputs/Lsmem"
import * as MachineText from "@vmemmap/core/inputs/MachineText"
import * as Meminfo from "@vmemmap/core/inputs/Meminfo"
import * as NdctlList from "@vmemmap/core/inputs/NdctlList"
import * as Source from "@vmemmap/core/inputs/Source"
import type { MachineSpec } from "@vmemmap/core/machine/MachineSpec"
import { Result } from "effect"
import { cpuTime } from "../cpuTime.ts"
import { flip, type Next, random } from "../random.ts"
import * as Samples from "./samples.ts"

type Reader = (source: string, text: string) => Result.Result<MachineSpec, InputError>

const huge = [
  "0",
  "-1",
  "1e999",
  "4503599627370496",
  "9007199254740993",
  "18446744073709551615",
  "1".repeat(400),
  "0xffffffffffffffff",
  "\"9999999.99 TiB (9999999.99 TB)\"",
  "null",
  "NaN",
  "00",
  "4294967295"
]
const tokens = [
  "{",
  "}",
  "[",
  "]",
  "\"",
  ":",
  ",",
  "\\u0000",
  "\n",
  "\n  ",
  " : ",
  "-",
  "<<: *a",
  "&a ",
  "*a",
  "\u0000",
  "\ufffd",
  "namespace0.0",
  "dax0.0",
  "region0",
  "[mem 0x0-0xffffffffffffffff]"
]

/** One to four changes of a sample: bits, cuts, doubled and foreign pieces, huge numbers, deep nesting. */
const mutate = (sample: string, next: Next): string => {
  let text = sample
  for (let change = 0; change <= next(4); change++) {
    const at = next(text.length + 1)
    const to = Math.min(text.length, at + 1 + next(80))
    const numbers = [...text.matchAll(/[0-9a-f]{2,}/g)]
    const number = numbers[next(Math.max(numbers.length, 1))]
    switch (next(8)) {
      case 0:
        text = flip(text, at, 8, next)
        break
      case 1:
        text = next(2) === 0 ? text.slice(0, at) : text.slice(at)
        break
      case 2:
        text = text.slice(0, at) + text.slice(at, to).repeat(1 + next(4)) + text.slice(to)
        break
      case 3:
        text = text.slice(0, at) + text.slice(to)
        break
      case 4: {
        const from = next(sample.length)
        text = text.slice(0, at) + sample.slice(from, from + next(200)) + text.slice(at)
        break
      }
      case 5:
        if (number !== undefined) {
          text = text.slice(0, number.index) + (huge[next(huge.length)] ?? "") +
            text.slice(number.index + number[0].length)
        }
        break
      case 6:
        text = text.slice(0, at) + (tokens[next(tokens.length)] ?? "") + text.slice(at)
        break
      default:
        text = text.slice(0, at) + (next(2) === 0 ? "[" : "{\"a\":").repeat(1 + next(200)) + text.slice(at)
    }
  }
  return text
}

const readers: Readonly<Record<string, { readonly read: Reader; readonly samples: ReadonlyArray<string> }>> = {
  NdctlList: { read: NdctlList.read, samples: Samples.ndctl },
  DaxctlList: { read: DaxctlList.read, samples: Samples.daxctl },
  CxlList: { read: CxlList.read, samples: Samples.cxl },
  Lsmem: { read: Lsmem.read, samples: Samples.lsmem },
  Iomem: { read: Iomem.read, samples: Samples.iomem },
  BootLog: { read: BootLog.read, samples: Samples.bootLog },
  Meminfo: { read: Meminfo.read, samples: Samples.meminfo },
  MachineText: { read: MachineText.read, samples: Samples.machine },
  Fleet: { read: (source, text) => Fleet.parseLine(source, text, 1), samples: Samples.fleet },
  Source: { read: Source.read, samples: Object.values(Samples).flat() }
}

const long = process.env.VMEMMAP_LONG === "1"

const runs = long ? 20_000 : 5000

const machines = long ? 10_000 : 400

/** How long a reader takes by itself: a machine that is busy with something else gets another chance. */
const timed = (read: (source: string, text: string) => Result.Result<unknown, InputError>, text: string) => {
  for (let attempt = 1;; attempt++) {
    const start = cpuTime()
    const result = read("fuzz", text)
    const took = cpuTime() - start
    if (took < 100 || attempt === 5) return { result, took }
  }
}

describe("Hostile input", () => {
  for (const [name, { read, samples }] of Object.entries(readers)) {
    it(`${name}: ${runs} mutations end in a machine or an InputError, each within 100 ms`, { timeout: 60_000 }, () => {
      const next = random(name.length * 7919 + 42)
      let accepted = 0
      for (const sample of samples) assert.isTrue(Result.isSuccess(read("sample", sample)), sample)
      for (let run = 0; run < runs; run++) {
        const text = mutate(samples[next(samples.length)] ?? "", next)
        const { result, took } = timed(read, text)
        assert.isBelow(took, 100, text)
        if (Result.isSuccess(result)) accepted++
        else assert.isTrue(result.failure instanceof InputError && result.failure.message.length < 2000, text)
      }
      assert.isAbove(accepted, 0)
      assert.isBelow(accepted, runs)
    })
  }

  it("a machine read from mutated text survives being merged with itself and with others", () => {
    const next = random(4711)
    const all = Object.values(Samples).flat()
    for (let run = 0; run < machines; run++) {
      const specs = [0, 1].flatMap(() => {
        const result = Source.read("fuzz", mutate(all[next(all.length)] ?? "", next))
        return Result.isSuccess(result) ? [result.success] : []
      })
      const merged = Source.merge([...specs, ...specs])
      assert.isTrue(Result.isSuccess(merged) || merged.failure instanceof InputError)
    }
  })

  it("what is read once describes itself: as JSON it is read again unchanged", () => {
    const next = random(99)
    const all = Object.values(Samples).flat()
    for (let run = 0; run < machines; run++) {
      const result = Source.read("fuzz", mutate(all[next(all.length)] ?? "", next))
      if (Result.isFailure(result)) continue
      const again = MachineText.read("again", JSON.stringify(result.success))
      assert.deepStrictEqual(Result.getOrUndefined(again), result.success)
    }
  })

  it("200,000 entries are read as well as two: nothing is passed as arguments, nothing is quadratic", {
    timeout: 60_000
  }, () => {
    const rows = Array.from({ length: 200_000 }, (_, index) => index)
    const hex = (value: number) => value.toString(16).padStart(8, "0")
    const line = (name: (index: number) => string) => (index: number) =>
      `${hex(index * 8192 + 4096)}-${hex(index * 8192 + 8191)} : ${name(index)}\n`
    const block = 2 ** 27
    const texts = {
      ndctl: JSON.stringify([
        {
          dev: "region0",
          size: 2 ** 50,
          mappings: [],
          namespaces: rows.map((i) => ({ dev: `namespace0.${i}`, mode: "raw", size: 4096 }))
        }
      ]),
      loose: JSON.stringify([
        { dev: "region0", size: 2 ** 50 },
        ...rows.map((i) => ({ dev: `namespace0.${i}`, mode: "raw", size: 4096 }))
      ]),
      daxctl: JSON.stringify(rows.map((i) => ({ chardev: `dax0.${i}`, size: 2097152 }))),
      cxl: JSON.stringify(rows.map((i) => ({ region: `region${i}`, size: 2 ** 28, type: "ram" }))),
      lsmem: JSON.stringify({
        memory: rows.map((i) => ({ range: `0x${hex(i * block)}-0x${hex((i + 1) * block - 1)}`, block: i, node: i }))
      }),
      ram: rows.map(line(() => "System RAM")).join(""),
      pmem: rows.map(line(() => "Persistent Memory")).join(""),
      instances: `00000000-ffffffffffff : Soft Reserved\n${
        rows.map((i) => `  ${line(() => `hmem.${i}`)(i)}`).join("")
      }`,
      virtio: rows.map(line((i) => `namespace${i}.0`)).join(""),
      machine: JSON.stringify({ devices: rows.map((i) => ({ name: `d${i}`, kind: "pmem", size: 1 })) })
    }
    for (const [name, text] of Object.entries(texts)) {
      assert.isTrue(Result.isSuccess(Source.read(name, text)), name)
    }
  })
})
