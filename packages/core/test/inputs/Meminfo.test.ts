import { assert, describe, it } from "@effect/vitest"
import * as Meminfo from "@vmemmap/core/inputs/Meminfo"
import { expectRefused, ok } from "./expect.ts"

describe("Meminfo", () => {
  it("/proc/meminfo is node 0 with MemTotal and MemAvailable", () => {
    assert.deepStrictEqual(
      ok(Meminfo.read("m", "MemTotal:        8164548 kB\nMemFree:          851960 kB\nMemAvailable:    1950080 kB\n")),
      { nodes: [{ node: 0, total: 8164548 * 1024, available: 1950080 * 1024 }] }
    )
  })

  it("meminfo of nodes has one node each, available is what is free", () => {
    const text = [1, 0].map((node) =>
      `\nNode ${node} MemTotal:       ${node + 1}000 kB\nNode ${node} MemFree:         500 kB\n`
    ).join("")
    assert.deepStrictEqual(ok(Meminfo.parse("m", text)), [
      { node: 0, total: 1024000, available: 512000 },
      { node: 1, total: 2048000, available: 512000 }
    ])
  })

  it("text without MemTotal, or with it twice, is refused", () => {
    expectRefused(Meminfo.read("m", "MemFree: 5 kB\n"), "has no line 'MemTotal")
    expectRefused(Meminfo.read("m", "MemTotal: 5 kB\nMemTotal: 6 kB\n"), "node 0", "MemTotal twice")
  })
})
