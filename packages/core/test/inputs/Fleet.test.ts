import { assert, describe, it } from "@effect/vitest"
import * as Fleet from "@vmemmap/core/inputs/Fleet"
import type { MachineSpec } from "@vmemmap/core/machine/MachineSpec"
import { expectRefused, ok } from "./expect.ts"

const machine: MachineSpec = {
  name: "host-000123",
  kernel: "6.1.176",
  arch: "x86_64",
  nodes: [{ node: 0, total: 270582939648, available: 260582939648 }, { node: 1, total: 270582939648 }],
  ranges: [
    { start: 4096, size: 650240, kind: "ram", node: 0 },
    { start: 1048576, size: 2146369536, kind: "ram", node: 0 },
    { start: 4294967296, size: 268435456000, kind: "ram", node: 1 },
    { start: 274877906944, size: 135291469824, kind: "pmem" }
  ],
  devices: [{
    name: "region0",
    kind: "pmem",
    start: 274877906944,
    size: 135291469824,
    node: 0,
    targetNode: 2,
    labels: true,
    isetId: "10248187106440278",
    configured: [{ name: "namespace0.0", mode: "fsdax", map: "dev", align: 2097152, usable: 133175443456 }]
  }]
}
const line = JSON.stringify(machine)

describe("Fleet", () => {
  it("a line is a machine", () => {
    assert.deepStrictEqual(ok(Fleet.parseLine("fleet", line, 1)), machine)
    assert.strictEqual(
      ok(Fleet.parseLine("fleet", line.replace("135291469824,\"node\"", "\"126G\",\"node\""), 1)).devices?.[0]?.size,
      126 * 1024 ** 3
    )
  })

  it("errors say the line, and the place in it", () => {
    const refuse = (text: string, ...parts: ReadonlyArray<string>) =>
      expectRefused(Fleet.parseLine("fleet", text, 17), "fleet: line 17", ...parts)
    expectRefused(
      Fleet.parseLine("fleet", line.slice(0, 300), 17),
      "fleet: line 17: column 301",
      "ends in the middle of"
    )
    refuse(line.replace("\"arch\"", "\"archh\""), "archh", "not a known key")
    refuse(line.replace("\"arch\"", "\"kernel\""), "\"kernel\"", "twice")
    refuse(line.replace("x86_64", "vax"), "arch", "vax")
    refuse(
      line.replace("\"size\":135291469824,\"node\"", "\"size\":9007199254740993,\"node\""),
      "devices[0].size",
      "2^52"
    )
    refuse("[".repeat(100), "nests deeper")
    refuse("", "is empty")
  })

  it("a key that is both misspelt and double does not escape the count", () => {
    expectRefused(Fleet.parseLine("fleet", `{"name":"a","name":"b"}`, 1), "twice")
    expectRefused(Fleet.parseLine("fleet", `{"devices":[],"devicez":{"a":1}}`, 1), "devicez")
    expectRefused(Fleet.parseLine("fleet", `{"__proto__":{"name":"a"}}`, 1), "__proto__")
  })

  it("64-bit identifiers given as numbers stay exact", () => {
    const exact = line.replace("\"10248187106440278\"", "10248187106440278")
    assert.strictEqual(ok(Fleet.parseLine("fleet", exact, 1)).devices?.[0]?.isetId, "10248187106440278")
  })

  it("a fleet is told from one machine by its first line and that another follows", () => {
    assert.isTrue(Fleet.isFleet(`${line}\n${line}\n`))
    assert.isTrue(Fleet.isFleet(`${line}\n{"na`))
    assert.isFalse(Fleet.isFleet(`${line}\n`))
    assert.isFalse(Fleet.isFleet(JSON.stringify(machine, null, 2)))
    assert.isFalse(Fleet.isFleet(`{"dev":"region0","size":1}\n{"dev":"region1","size":1}`))
    assert.isFalse(Fleet.isFleet("00001000-0009fbff : System RAM\n"))
  })
})
