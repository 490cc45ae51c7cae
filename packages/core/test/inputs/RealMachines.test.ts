import { assert, describe, it } from "@effect/vitest"
import * as Lsmem from "@vmemmap/core/inputs/Lsmem"
import * as Source from "@vmemmap/core/inputs/Source"
import { ram } from "@vmemmap/core/machine/MachineSpec"
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { ok } from "./expect.ts"

const folder = fileURLToPath(new URL("../../../../../shared/real-dumps", import.meta.url))
const why = existsSync(folder) ? "" : " (skipped: no files of real machines here)"
const text = (file: string) => readFileSync(`${folder}/${file}`, "utf8")
const read = (file: string) => ok(Source.read(file, text(file)))
const GiB = 1024 ** 3

describe.skipIf(why !== "")(`Files of real machines${why}`, () => {
  it("OBS-9: the RAM of every boot log is what its own total says", () => {
    for (const name of ["bochs-512m", "hp-8000-4g", "hyperv-coreos-8g", "supermicro-x8sie-8g", "vmware-guest"]) {
      const spec = read(`boot-logs/${name}.txt`)
      const total = spec.nodes?.[0]?.total ?? assert.fail(name)
      const pages = ram(spec).reduce((sum, { end, start }) => sum + Math.floor(end / 4096) - Math.ceil(start / 4096), 0)
      assert.strictEqual(pages, total / 4096, name)
    }
  })

  it("20.3: a user-defined type 12 range is a legacy device, on both sides of which RAM goes on", () => {
    const spec = read("boot-logs/supermicro-x8sie-8g.txt")
    assert.strictEqual(spec.kernel, "4.4.117")
    assert.deepStrictEqual(spec.devices?.map(({ kind, size, start }) => [kind, start, size]), [[
      "legacy",
      8 * GiB,
      8 * GiB
    ]])
  })

  it("boot log, /proc/iomem and /proc/meminfo of one Hyper-V guest merge", () => {
    const parts = ["boot-logs/hyperv-coreos-8g.txt", "sosreport-hyperv-8g/iomem", "sosreport-hyperv-8g/meminfo"]
    const spec = ok(Source.merge(parts.map(read), parts))
    assert.strictEqual(spec.kernel, "rhel-8.0")
    assert.deepStrictEqual(spec.nodes, [{ node: 0, total: 8164548 * 1024, available: 1950080 * 1024 }])
    assert.isTrue(spec.ranges?.every(({ kind, node }) => kind !== "ram" || node === 0))
  })

  it("lsmem of a 16 GiB machine: tables, raw and JSON say the same", () => {
    const runs = text("util-linux/lsmem-x86_64-16g").split("---\n").flatMap((part) => {
      const [, command = "", output = ""] = /^\s*\$ (lsmem[^\n]*)\n([^]*)$/.exec(part) ?? []
      return command === "" ? [] : [{ command, output: output.trim() }]
    })
    assert.strictEqual(runs.length, 9)
    for (const { command, output } of runs) {
      const spec = ok(Lsmem.read(command, output))
      assert.deepStrictEqual(
        spec.ranges?.map(({ size, start }) => [start, size]),
        [[0, 3 * GiB], [4 * GiB, 13 * GiB]],
        command
      )
      assert.strictEqual(spec.blockSize, 128 * 1024 ** 2, command)
    }
  })
})
