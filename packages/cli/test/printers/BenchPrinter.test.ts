import { assert, describe, it } from "@effect/vitest"
import { GiB, KiB } from "@vmemmap/core/geometry/Units"
import type * as BenchAnswer from "../../src/answers/BenchAnswer.ts"
import * as BenchPrinter from "../../src/printers/BenchPrinter.ts"
import * as Style from "../../src/printers/Style.ts"

const plain: BenchAnswer.BenchRun = {
  geometry: "4K, map=mem",
  kind: "device",
  size: 2 * GiB,
  align: 4 * KiB,
  map: "mem",
  strategy: "linux-6.1",
  threads: 1,
  fresh: false,
  rounds: 5,
  pages: 524_288,
  bytes: 32 * 2 ** 20,
  ns: 3_000_000,
  fastestNs: 2_900_000,
  slowestNs: 3_100_000,
  nsPerPage: 5.72,
  bytesPerSecond: 11.2e9,
  checksum: "db55fcafe1dc2fc0",
  published: []
}

const lines = (runs: ReadonlyArray<BenchAnswer.BenchRun>): ReadonlyArray<string> =>
  BenchPrinter.text(
    { runs, fillBytesPerSecond: 9e9, kernel: "wasm", pastCache: false, notes: [] },
    { width: 0, style: Style.make(false) }
  ).split("\n")

describe("BenchPrinter", () => {
  it("what all runs have in common is in the header, and in no row", () => {
    const [head, , titles, row = ""] = lines([{ ...plain, fresh: true, threads: 2 }])
    assert.strictEqual(head, "2.00 GiB (2.15 GB), linux-6.1, 2 threads, memory never touched, medians of 5 rounds")
    assert.match(titles ?? "", /^geometry +struct pages /)
    assert.match(row, /^4K, map=mem +524,288 /)
  })

  it("runs on memory touched before and never touched, and by other threads, are told apart by their rows", () => {
    const together = { ...plain, strategy: "vmemmap:workers=2", threads: 2 }
    const [head, , titles = "", ...rows] = lines([plain, { ...plain, fresh: true }, together])
    assert.strictEqual(head, "2.00 GiB (2.15 GB), medians of 5 rounds")
    assert.match(titles, /^geometry +strategy +threads +memory +struct pages /)
    assert.match(rows[0] ?? "", /^4K, map=mem +linux-6\.1 +1 +touched before +524,288 /)
    assert.match(rows[1] ?? "", /^4K, map=mem +linux-6\.1 +1 +never touched +524,288 /)
    assert.match(rows[2] ?? "", /^4K, map=mem +vmemmap:workers=2 +2 +touched before +524,288 /)
  })
})
