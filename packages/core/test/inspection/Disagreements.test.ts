import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import * as Disagreements from "../../src/inspection/Disagreements.ts"
import * as Expectation from "../../src/inspection/Expectation.ts"
import * as HostRecord from "../../src/inspection/HostRecord.ts"
import * as MachineView from "../../src/inspection/MachineView.ts"
import { cpuTime } from "../cpuTime.ts"

const checksOf = (record: KernelFacts.KernelCase) => {
  const view = Result.getOrThrow(MachineView.join(Result.getOrThrow(HostRecord.toParts(record.case, record))))
  return Disagreements.checks(view, Result.getOrThrow(Expectation.make(view)))
}

const machines = KernelFacts.index.filter(({ category }) => category !== "infoblock-tool")
  .map((entry) => Result.getOrThrow(KernelFacts.load(entry.case)))

/** What may differ on the reference machine, with its reason. */
const known = new Set([
  "zonelists: total pages",
  "Memory: bytes available",
  "MemTotal: bytes not reserved at boot, and what boot gave back",
  "MemTotal: managed bytes of all zones"
])

describe("Disagreements", () => {
  it("ZON-11, OBS-7 … OBS-12, GEO-15, GEO-17: no recorded machine disagrees unexplained", () => {
    assert.isAbove(machines.length, 150)
    let count = 0
    for (const record of machines) {
      const checks = checksOf(record)
      count += checks.length
      assert.deepStrictEqual(Disagreements.unexplained(checks), [], record.case)
      const others = Disagreements.differing(checks).filter(({ what }) =>
        !known.has(what) && !what.endsWith("zone Device: pages spanned")
      )
      assert.deepStrictEqual(others, [], record.case)
    }
    assert.isAbove(count, 30 * machines.length)
  })

  it("ZON-11: the device zone is expected to span what is mapped now", () => {
    const record = Result.getOrThrow(KernelFacts.load("place-16m-devdax-mem-1g"))
    const mapped = machines.filter((each) =>
      checksOf(each).some(({ expected, said, what }) =>
        what.endsWith("zone Device: pages spanned") && expected !== 0 && expected === said
      )
    )
    assert.isAbove(mapped.length, 50)
    // of this one 16 MiB are cut off
    const cut = checksOf(record).find(({ what }) => what === "node 0, zone Device: pages spanned")
    assert.include(cut, { expected: 786432, said: 782336 })
    assert.include(cut?.explanation, "22.3")
  })

  it("every zone, block and total of a record that is changed is found", () => {
    const record = Result.getOrThrow(KernelFacts.load("boot-numa-512m-1536m-100m"))
    const text = JSON.stringify(record)
    const changes: ReadonlyArray<readonly [from: string, to: string]> = [
      ["\"spanned\":126976", "\"spanned\":126977"],
      ["\"present\":393216", "\"present\":393215"],
      ["\"start_pfn\":524288", "\"start_pfn\":524287"],
      ["\"MemTotal\":2081529856", "\"MemTotal\":2081529857"],
      ["\"blockSizeBytes\":134217728", "\"blockSizeBytes\":268435456"],
      ["has_memory=0-2", "has_memory=0-1"],
      ["7201 pages in unavailable", "7202 pages in unavailable"]
    ]
    for (const [from, to] of changes) {
      assert.include(text, from)
      const changed = JSON.parse(text.replaceAll(from, to)) as KernelFacts.KernelCase
      assert.isAbove(Disagreements.unexplained(checksOf(changed)).length, 0, to)
    }
  })

  it("a machine of a PiB costs what its ranges cost", () => {
    const view = Result.getOrThrow(MachineView.join([{
      source: "large",
      spec: {
        kernel: "6.12",
        arch: "x86_64-5level",
        ranges: Array.from(
          { length: 1024 },
          (_, i) => ({ start: 2 ** 32 + i * 2 ** 40, size: 2 ** 39, kind: "ram" as const, node: i })
        )
      }
    }]))
    const start = cpuTime()
    const expected = Result.getOrThrow(Expectation.make(view))
    assert.isBelow(cpuTime() - start, 1000)
    assert.strictEqual(expected.sections.length, 1024)
    assert.strictEqual(expected.memmap.ram, 1024 * 2 ** 39 / 64)
    assert.deepStrictEqual(Disagreements.checks(view, expected), [])
  })
})
