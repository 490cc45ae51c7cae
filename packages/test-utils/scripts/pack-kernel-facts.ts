/**
 * Packs a folder of recordings into `data/kernel-facts`: `node scripts/pack-kernel-facts.ts FOLDER`.
 *
 * FOLDER holds `index.json`, a list of `{"case", "category", "file"}`, and the files it names, one JSON document each.
 * Written are `index.json` (`{"case", "category", "line"}`) and, per category, `CATEGORY.ndjson.br`: one case per line in
 * the order of the index, whitespace removed, numbers exactly as recorded, Brotli at its highest setting. The same input
 * gives the same bytes with the same Node release; categories that are no longer in FOLDER are removed.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Zlib from "node:zlib"

interface Entry {
  readonly case: string
  readonly category: string
  readonly file: string
}

const source = process.argv[2]
if (source === undefined) {
  process.stderr.write("usage: node scripts/pack-kernel-facts.ts FOLDER\n")
  process.exit(2)
}

const target = Path.join(import.meta.dirname, "..", "data", "kernel-facts")

/** Only white space between tokens goes: numbers keep their spelling, so that 64-bit identifiers survive. */
const compact = (text: string): string => {
  JSON.parse(text)
  return text.replace(/("(?:[^"\\]|\\.)*")|\s+/g, (_, string: string | undefined) => string ?? "")
}

const entries = JSON.parse(Fs.readFileSync(Path.join(source, "index.json"), "utf8")) as ReadonlyArray<Entry>
const categories = new Map<string, Array<string>>()
const index = entries.map((entry) => {
  const lines = categories.get(entry.category) ?? []
  categories.set(entry.category, lines)
  lines.push(compact(Fs.readFileSync(Path.join(source, entry.file), "utf8")))
  return { case: entry.case, category: entry.category, line: lines.length - 1 }
})

Fs.mkdirSync(target, { recursive: true })
for (const old of Fs.readdirSync(target)) if (old.endsWith(".ndjson.br")) Fs.rmSync(Path.join(target, old))
let bytes = 0
for (const [category, lines] of categories) {
  const text = Buffer.from(lines.join("\n"))
  const packed = Zlib.brotliCompressSync(text, {
    params: {
      [Zlib.constants.BROTLI_PARAM_QUALITY]: 11,
      [Zlib.constants.BROTLI_PARAM_LGWIN]: 24,
      [Zlib.constants.BROTLI_PARAM_SIZE_HINT]: text.length
    }
  })
  bytes += packed.length
  Fs.writeFileSync(Path.join(target, `${category}.ndjson.br`), packed)
}
Fs.writeFileSync(
  Path.join(target, "index.json"),
  `[\n${index.map((entry) => JSON.stringify(entry)).join(",\n")}\n]\n`
)
process.stdout.write(`${index.length} cases in ${categories.size} categories, ${bytes} bytes\n`)
