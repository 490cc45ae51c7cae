/**
 * A fleet file: one machine description per line, read and answered in constant memory.
 *
 * Lines are taken by the chunk, not one Effect each: a hundred thousand machines cost a few thousand steps.
 *
 * @since 0.1.0
 */
import * as FleetText from "@vmemmap/core/inputs/Fleet"
import * as Source from "@vmemmap/core/inputs/Source"
import type { MachineSpec } from "@vmemmap/core/machine/MachineSpec"
import * as Effect from "effect/Effect"
import * as Pull from "effect/Pull"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import { orWrongUse, WrongUse } from "../Failure.ts"
import { Output } from "../Output.ts"
import * as Sources from "./Sources.ts"

/**
 * An opened fleet; `chunks` starts at the first byte and can be run once.
 *
 * @category models
 * @since 0.1.0
 */
export interface Fleet {
  readonly _tag: "Fleet"
  readonly source: string
  readonly chunks: Stream.Stream<Uint8Array, WrongUse>
}

/**
 * An ordinary source, read as a whole.
 *
 * @category models
 * @since 0.1.0
 */
export interface Single {
  readonly _tag: "Single"
  readonly spec: MachineSpec
}

/** A line of more characters than this is no machine. */
const lineLimit = 4 * 1024 * 1024

/**
 * Opens a source: a fleet when its first line is a whole machine and another line follows, else one machine. The file stays
 * open as long as the scope.
 *
 * @category constructors
 * @since 0.1.0
 */
export const open = Effect.fnUntraced(function*(source: string) {
  const context = yield* Effect.context<Effect.Services<ReturnType<typeof Sources.text>>>()
  const pull = yield* Stream.toPull(Sources.stream(source).pipe(Stream.provideContext(context)))
  const first = yield* Pull.catchDone(pull, () => Effect.succeed([] as ReadonlyArray<Uint8Array>))
  const chunks = Stream.concat(Stream.fromIterable(first), Stream.fromPull(Effect.succeed(pull)))
  const head = new TextDecoder().decode(Buffer.concat(first))
  if (FleetText.isFleet(head)) {
    const fleet: Fleet = { _tag: "Fleet", source, chunks }
    return fleet
  }
  const single: Single = {
    _tag: "Single",
    spec: yield* orWrongUse(Source.read(source, yield* Sources.collect(chunks)))
  }
  return single
})

/**
 * Answers every machine in order and prints the answers; the number of machines. The first unreadable line ends the run with
 * its number.
 *
 * @category combinators
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function*(
  fleet: Fleet,
  answer: (spec: MachineSpec) => Result.Result<string, { readonly message: string }>
) {
  const output = yield* Output
  const decoder = new TextDecoder()
  let rest = ""
  let line = 0
  const answerLines = Effect.fnUntraced(function*(lines: ReadonlyArray<string>) {
    let text = ""
    for (const content of lines) {
      line++
      if (content.trim() === "") continue
      const answered = Result.flatMap(FleetText.parseLine(fleet.source, content, line), answer)
      if (Result.isFailure(answered)) {
        yield* output.print(text)
        return yield* new WrongUse({ problem: answered.failure.message })
      }
      text += answered.success
    }
    yield* output.print(text)
    yield* output.progress(`${line} machines`)
  })
  yield* fleet.chunks.pipe(Stream.runForEach((chunk) => {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n")
    rest = lines.pop() ?? ""
    return rest.length > lineLimit
      ? Effect.fail(
        new WrongUse({
          problem: `${fleet.source}: line ${
            line + lines.length + 1
          }: longer than ${lineLimit} characters; a fleet file has one machine per line`
        })
      )
      : answerLines(lines)
  }))
  rest += decoder.decode()
  yield* answerLines(rest === "" ? [] : [rest])
  return line
})
