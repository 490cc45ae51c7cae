/**
 * Recordings of the same 6.1 kernel and tools that were made after the model: it had to get them right unseen.
 *
 * `more.ndjson.br` holds one record a line, compressed with Brotli.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as Fs from "node:fs"
import * as Zlib from "node:zlib"
import * as KernelRecord from "../../src/records/KernelRecord.ts"
import * as Verification from "../../src/records/Verification.ts"

const lines = Zlib.brotliDecompressSync(Fs.readFileSync(new URL("more.ndjson.br", import.meta.url))).toString("utf8")
  .split("\n")

const records = lines.map((line, i) => Result.getOrThrow(KernelRecord.parse(`line ${i + 1}`, line)))

const byCategory = Map.groupBy(records, ({ category }) => category)

/** Kernel mistakes that no bundled recording shows. */
const defects: ReadonlyMap<string, string> = new Map([
  ["x-legacy-4", "BUG-14"],
  ["rv-refuse-5", "INI-10"]
])

const isLong = process.env["VMEMMAP_LONG"] === "1"

describe("Verification of more recordings", () => {
  for (const [category, all] of byCategory) {
    const some = isLong ? all : all.filter(({ case: name }, i) => i % 7 === 0 || defects.has(name))
    it.effect(`${category}: no difference in scope`, () =>
      Effect.gen(function*() {
        for (const record of some) {
          const { different, notModelled } = yield* Verification.run(record)
          assert.deepStrictEqual([...different, ...notModelled], [], record.case)
        }
      }))
  }

  it.effect("BUG-14, INI-10: devdax over an early section, a namespace without pages: named as the kernel's defects", () =>
    Effect.gen(function*() {
      for (const [name, rule] of defects) {
        const record = records.find((one) => one.case === name) ?? assert.fail(name)
        const { defects } = yield* Verification.run(record)
        assert.include(defects.map((defect) => defect.rule), rule, name)
      }
    }))
})
