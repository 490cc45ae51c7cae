/**
 * `pfnValid` against the same query in C (`cc -O2`), over the same sections and the same pfns: random ones all over a
 * machine of 1 TiB with a device that fills its sections in part, and the first pfns in order.
 */
import * as Architecture from "@vmemmap/core/geometry/Architecture"
import * as SectionTable from "@vmemmap/core/sections/SectionTable"
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Measure from "./Measure.ts"

const GiB = 2 ** 18
const queries = 2 ** 22
const rounds = 9
const span = 1024 * GiB

/** In pfns. The device has every other 2 MiB of its sections. */
const ranges = [
  { early: true, start: 1, end: 3 * GiB },
  { early: true, start: 4 * GiB, end: 512 * GiB },
  ...Array.from({ length: 64 * 1024 / 4 }, (_, i) => ({
    early: false,
    start: 768 * GiB + i * 1024,
    end: 768 * GiB + i * 1024 + 512
  }))
]

const tableOf = (): SectionTable.Table => {
  const { Flag, Usage } = SectionTable
  const table = SectionTable.make(Architecture.presets.x86_64)
  for (const { early, end, start } of ranges) {
    for (let pfn = start - start % 512; pfn < end; pfn += 512) {
      const section = SectionTable.sectionOf(table, pfn)
      const flags = Flag.present | Flag.hasMemMap | (early ? Flag.early | Flag.online : 0)
      SectionTable.set(table, section, { flags, usage: early ? Usage.boot : Usage.slab, node: 0 })
      const bit = (pfn - section * table.pagesPerSection) / table.pagesPerSubsection
      SectionTable.setBits(table, section, bit, bit + 1, true)
    }
  }
  return table
}

const randomPfns = (): Float64Array => {
  const pfns = new Float64Array(queries)
  let seed = 1
  for (let i = 0; i < queries; i++) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    pfns[i] = Math.floor(seed / 4294967296 * span)
  }
  return pfns
}

const countRandom = (table: SectionTable.Table, pfns: Float64Array): number => {
  let count = 0
  for (let i = 0; i < pfns.length; i++) count += Number(SectionTable.pfnValid(table, pfns[i] as number))
  return count
}

const countSequential = (table: SectionTable.Table, end: number): number => {
  let count = 0
  for (let pfn = 0; pfn < end; pfn++) count += Number(SectionTable.pfnValid(table, pfn))
  return count
}

const timed = (run: () => number): { readonly ns: number; readonly count: number } => {
  const start = performance.now()
  const count = run()
  return { ns: (performance.now() - start) * 1e6 / queries, count }
}

interface Round {
  readonly ns: number
  readonly count: number
}

const runC = (binary: string): ReadonlyMap<string, Round> => {
  const input = ranges.map(({ early, end, start }) => `${early ? 1 : 0} ${start} ${end}`).join("\n")
  const child = spawnSync(binary, ["1", String(queries), String(span)], { input, encoding: "utf8" })
  return new Map(
    child.stdout.trim().split("\n").map((line) => {
      const [name = "", ns, count] = line.split(" ")
      return [name, { ns: Number(ns), count: Number(count) }]
    })
  )
}

export const pfnValid = (): void => {
  const folder = mkdtempSync(join(tmpdir(), "vmemmap-bench-"))
  const binary = join(folder, "pfn_valid")
  try {
    const cc = spawnSync("cc", ["-O2", "-o", binary, fileURLToPath(new URL("pfn_valid.c", import.meta.url))])
    if (cc.status !== 0) {
      process.stdout.write("pfnValid: skipped, there is no C compiler (cc) to compare with\n")
      return
    }
    const table = tableOf()
    const pfns = randomPfns()
    const runs = {
      random: () => countRandom(table, pfns),
      sequential: () => countSequential(table, queries)
    }
    for (const run of Object.values(runs)) run()
    for (const [name, run] of Object.entries(runs)) {
      const pairs = Array.from({ length: rounds }, () => {
        const c = runC(binary).get(name) ?? { ns: Number.NaN, count: -1 }
        return { c, ours: timed(run) }
      })
      const ours = Measure.median(pairs.map((pair) => pair.ours.ns))
      const c = Measure.median(pairs.map((pair) => pair.c.ns))
      const agrees = pairs.every((pair) => pair.c.count === pair.ours.count)
      Measure.row(
        `pfnValid, ${name}`,
        `${ours.toFixed(2)} ns`,
        `${(ours / c).toFixed(2)} × C (${c.toFixed(2)} ns)${agrees ? "" : ", but the answers differ"}`
      )
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
