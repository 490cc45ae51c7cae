/**
 * Reads the SOURCE arguments: files or standard input, recognised by content, joined into one machine.
 *
 * @since 0.1.0
 */
import * as Source from "@vmemmap/core/inputs/Source"
import type { MachineSpec } from "@vmemmap/core/machine/MachineSpec"
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Path from "effect/Path"
import type * as PlatformError from "effect/PlatformError"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { orWrongUse, WrongUse } from "../Failure.ts"
import * as ThisMachine from "./ThisMachine.ts"

/**
 * Where a relative path of the user points to: npm runs scripts in the project's root and says in INIT_CWD where the user
 * stood.
 *
 * @category files
 * @since 0.1.0
 */
export const resolve = Effect.fnUntraced(function*(file: string) {
  const path = yield* Path.Path
  const from = yield* Effect.orDie(Config.String("INIT_CWD").pipe(Config.withDefault(".")))
  return path.resolve(from, file)
})

/**
 * The bytes of a source as a stream; `-` is standard input.
 *
 * @category files
 * @since 0.1.0
 */
export const stream = (source: string) =>
  Stream.unwrap(Effect.gen(function*() {
    if (source === "-") return (yield* Stdio.Stdio).stdin
    const fs = yield* FileSystem.FileSystem
    return fs.stream(yield* resolve(source), { chunkSize: 64 * 1024 })
  })).pipe(Stream.mapError((error) => unreadable(source, error)))

const unreadable = (source: string, { reason }: PlatformError.PlatformError): WrongUse => {
  switch (reason._tag) {
    case "NotFound":
      return new WrongUse({ problem: `${source}: no such file; relative paths start where you typed the command` })
    case "PermissionDenied":
      return new WrongUse({ problem: `${source}: permission denied; run as a user who may read it` })
    case "BadResource":
      return new WrongUse({
        problem: `${source}: a folder, not a file; name files, or use --sysroot for a captured tree`
      })
    default:
      return new WrongUse({ problem: `${source}: cannot be read (${reason._tag})` })
  }
}

/**
 * The whole text of a source, up to the bound of the readers.
 *
 * @category files
 * @since 0.1.0
 */
export const text = (source: string) => collect(stream(source))

/**
 * The text of a byte stream, up to the bound of the readers (and a byte more, so that they notice).
 *
 * @category files
 * @since 0.1.0
 */
export const collect = Effect.fnUntraced(function*<E, R>(bytes: Stream.Stream<Uint8Array, E, R>) {
  const chunks: Array<Uint8Array> = []
  let total = 0
  yield* bytes.pipe(
    Stream.takeUntil((chunk) => {
      chunks.push(chunk)
      total += chunk.length
      return total > Source.sizeLimit
    }),
    Stream.runDrain
  )
  return new TextDecoder("utf-8").decode(Buffer.concat(chunks))
})

/**
 * Whether a source may be the name of something that comes with the command.
 *
 * @category guards
 * @since 0.1.0
 */
export const isName = (source: string): boolean => /^[a-z0-9][a-z0-9.-]*$/.test(source)

/**
 * Refuses standard input that is named twice: it can be read once.
 *
 * @category validation
 * @since 0.1.0
 */
export const stdinOnce = (sources: ReadonlyArray<string>): Effect.Effect<void, WrongUse> =>
  sources.filter((source) => source === "-").length <= 1
    ? Effect.void
    : Effect.fail(new WrongUse({ problem: "-: standard input is named twice; put one of the two in a file" }))

/**
 * One machine from all sources; from this machine's own /proc and /sys (or those below `sysroot`) when none is named.
 *
 * @category constructors
 * @since 0.1.0
 */
export const machine = Effect.fnUntraced(function*(sources: ReadonlyArray<string>, sysroot: string | undefined) {
  if (sources.length === 0) return yield* ThisMachine.read(sysroot ?? "/")
  yield* stdinOnce(sources)
  const specs: Array<MachineSpec> = []
  for (const source of sources) {
    specs.push(yield* orWrongUse(Source.read(source, yield* text(source))))
  }
  return yield* orWrongUse(Source.merge(specs, sources))
})
