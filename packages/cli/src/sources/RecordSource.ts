/**
 * Records to verify: files, folders of files, or those that come with the command.
 *
 * @since 0.1.0
 */
import type { InputError } from "@vmemmap/core/inputs/InputError"
import * as KernelRecord from "@vmemmap/core/records/KernelRecord"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type * as Result from "effect/Result"
import type * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { orWrongUse, WrongUse } from "../Failure.ts"
import * as Nearest from "./Nearest.ts"
import * as Sources from "./Sources.ts"

/** Most files looked at below one folder. */
const filesLimit = 100_000

/** A record not read yet: a folder of many is never in memory at once. */
interface Item {
  readonly name: string
  readonly text: Effect.Effect<string, WrongUse, FileSystem.FileSystem | Path.Path | Stdio.Stdio>
}

/** A list of records is no record. */
const isRecordFile = (name: string): boolean => name.endsWith(".json") && !/(^|[/\\])index\.json$/.test(name)

const ofFolder = Effect.fnUntraced(function*(folder: string, at: string) {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const names = yield* Effect.mapError(
    fs.readDirectory(at, { recursive: true }),
    ({ reason }) => new WrongUse({ problem: `${folder}: cannot be read (${reason._tag})` })
  )
  if (names.length > filesLimit) {
    return yield* new WrongUse({ problem: `${folder}: holds more than ${filesLimit} files; name a smaller folder` })
  }
  const found = names.filter(isRecordFile).toSorted()
  if (found.length === 0) {
    return yield* new WrongUse({
      problem: `${folder}: holds no record; records are JSON files, as 'try --record' writes them`
    })
  }
  return found.map((name): Item => {
    const file = path.join(folder, name)
    return { name: file, text: Sources.text(file) }
  })
})

/** Loaded only when they are asked for. */
const facts = Effect.promise(async () => await import("@vmemmap/test-utils/KernelFacts"))

/** The recordings of the package, those of a case or category or all. */
const bundled = (wanted: string | null) =>
  Effect.map(facts, ({ index, textOf }) =>
    index
      .filter((entry) => wanted === null || entry.case === wanted || entry.category === wanted)
      .map((entry): Item => ({ name: entry.case, text: Effect.sync(() => textOf(entry)) })))

/** Names of cases and categories. */
const names = Effect.map(facts, ({ index }) => [...new Set(index.flatMap((entry) => [entry.category, entry.case]))])

/** What a word stands for: a file or folder, else recordings that come with the command. */
const items = Effect.fnUntraced(function*(source: string) {
  const file: Item = { name: source, text: Sources.text(source) }
  if (source === "-") return [file]
  const fs = yield* FileSystem.FileSystem
  const at = yield* Sources.resolve(source)
  const found = yield* Effect.option(fs.stat(at))
  if (Option.isSome(found)) return found.value.type === "Directory" ? yield* ofFolder(source, at) : [file]
  if (!Sources.isName(source)) return [file]
  const known = yield* bundled(source)
  return known.length > 0 ? known : yield* new WrongUse({
    problem: `${source}: no such file, and no case or category of that name${Nearest.question(source, yield* names)}`
  })
})

/** Nothing is verified twice. */
const once = (
  items: ReadonlyArray<Item>
): ReadonlyArray<Item> => [...new Map(items.map((item) => [item.name, item])).values()]

/**
 * The records of `sources` in order, one after the other: files, folders, names of bundled cases and categories; without any, all
 * bundled ones. Fails with `WrongUse` where one cannot be read.
 *
 * @category files
 * @since 0.1.0
 */
export const records = (sources: ReadonlyArray<string>) =>
  Stream.unwrap(Effect.map(
    sources.length === 0
      ? bundled(null)
      : Effect.andThen(
        Sources.stdinOnce(sources),
        Effect.map(Effect.forEach(sources, items), (each) => once(each.flat()))
      ),
    (all) =>
      Stream.fromIterable(all).pipe(Stream.mapEffect(({ name, text }) =>
        Effect.flatMap(text, (content) => {
          const parsed: Result.Result<KernelRecord.KernelRecord, InputError> = KernelRecord.parse(name, content)
          return Effect.map(orWrongUse(parsed), (record) => ({ name, record, total: all.length }))
        })
      ))
  ))
