/**
 * What a real kernel and the real tools said and did: recordings to hold a model against.
 *
 * `docs/kernel-facts.md` describes every field. The recordings are kept as one compressed file per category, one case per
 * line; a category is unpacked when the first of its cases is asked for, a case is parsed when it is asked for.
 *
 * @since 0.1.0
 */
import * as RecordText from "@vmemmap/core/records/RecordText"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Fs from "node:fs"
import * as Zlib from "node:zlib"

const folder = new URL("../data/kernel-facts/", import.meta.url)

/**
 * What varies between the cases of a category: see `docs/kernel-facts.md`.
 *
 * @category models
 * @since 0.1.0
 */
export const Category = Schema.Literals([
  "host",
  "infoblock-tool",
  "infoblock-validate",
  "kmem",
  "large-device",
  "legacy-memmap",
  "memory-block",
  "multi-ns",
  "ns-mode",
  "ns-size",
  "plain-boot",
  "recreate",
  "refuse",
  "region-placement",
  "sysfs",
  "virtio-pmem"
])
/** @since 0.1.0 */
export type Category = typeof Category.Type

const Fields = Schema.Record(Schema.String, Schema.Unknown)

/**
 * One recording: what the machine was given (`input`) and what was seen (`observed`), both as recorded.
 *
 * Integers that a `number` cannot hold (`iset_id`) are bigints; every other number is a number.
 *
 * @category models
 * @since 0.1.0
 */
export const KernelCase = Schema.Struct({
  case: Schema.NonEmptyString,
  category: Category,
  about: Schema.String,
  input: Fields,
  observed: Fields
})
/** @since 0.1.0 */
export interface KernelCase extends Schema.Schema.Type<typeof KernelCase> {}

/**
 * A name in the index. `line` is the case's line in the file of its category, from 0.
 *
 * @category models
 * @since 0.1.0
 */
export const Entry = Schema.Struct({ case: Schema.NonEmptyString, category: Category, line: Schema.Natural })
/** @since 0.1.0 */
export interface Entry extends Schema.Schema.Type<typeof Entry> {}

/**
 * A name that is not in the index.
 *
 * @category errors
 * @since 0.1.0
 */
export class UnknownCase extends Schema.TaggedError<UnknownCase>("@vmemmap/test-utils/KernelFacts/UnknownCase")(
  "UnknownCase",
  { case: Schema.String }
) {
  override get message() {
    const start = this.case.split("-")[0] ?? ""
    const near = index.map((entry) => entry.case).filter((name) => name.startsWith(start)).slice(0, 5)
    return `no recording is called '${this.case}'; ${
      near.length === 0 ? `there are ${index.length}, see KernelFacts.index` : `some are ${near.join(", ")}`
    }`
  }
}

const decodeCase = Schema.decodeUnknownSync(KernelCase)

const parse = (line: string): KernelCase => decodeCase(Result.getOrThrow(RecordText.parse("recordings", line)))

/**
 * Every recording, by category and name.
 *
 * @category queries
 * @since 0.1.0
 */
export const index: ReadonlyArray<Entry> = Schema.decodeUnknownSync(Schema.Array(Entry))(
  JSON.parse(Fs.readFileSync(new URL("index.json", folder), "utf8"))
)

const byName = new Map(index.map((entry) => [entry.case, entry]))

const unpacked = new Map<Category, ReadonlyArray<string>>()

const lines = (category: Category): ReadonlyArray<string> => {
  const known = unpacked.get(category)
  if (known !== undefined) return known
  const packed = Fs.readFileSync(new URL(`${category}.ndjson.br`, folder))
  const text = Zlib.brotliDecompressSync(packed).toString("utf8").split("\n")
  unpacked.set(category, text)
  return text
}

/**
 * A recording as text: one JSON document.
 *
 * @category queries
 * @since 0.1.0
 */
export const textOf = (entry: Entry): string => lines(entry.category)[entry.line] ?? "null"

const parseEntry = (entry: Entry): KernelCase => parse(textOf(entry))

/**
 * One recording by name. Parsed anew each time: the caller owns what it gets.
 *
 * @category queries
 * @since 0.1.0
 */
export const load = (name: string): Result.Result<KernelCase, UnknownCase> => {
  const entry = byName.get(name)
  return entry === undefined ? Result.fail(new UnknownCase({ case: name })) : Result.succeed(parseEntry(entry))
}

/**
 * All recordings of a category, in the order of the index.
 *
 * @category queries
 * @since 0.1.0
 */
export const byCategory = (category: Category): ReadonlyArray<KernelCase> =>
  index.filter((entry) => entry.category === category).map(parseEntry)
