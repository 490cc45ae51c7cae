/**
 * Standard output as the commands see it: text and bytes out, the width to fit, whether colour is welcome.
 *
 * @since 0.1.0
 */
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Config from "effect/Config"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as PlatformError from "effect/PlatformError"
import * as Predicate from "effect/Predicate"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Terminal from "effect/Terminal"
import { ReaderGone, WrongUse } from "./Failure.ts"

/**
 * `print` ends once the text is handed over; it fails when that is not possible, with `ReaderGone` where nobody reads any more
 * (`| head`). `width` is COLUMNS where it is set, else that of the terminal, 0 where there is none: then nothing is
 * wrapped.
 *
 * @category services
 * @since 0.1.0
 */
export class Output extends Context.Service<Output, {
  readonly print: (data: string | Uint8Array) => Effect.Effect<void, ReaderGone | WrongUse>
  readonly progress: (text: string) => Effect.Effect<void>
  readonly width: number
  readonly colour: boolean
}>()("@vmemmap/cli/Output") {}

const unprinted = ({ cause, message }: PlatformError.PlatformError): ReaderGone | WrongUse => {
  const code = Predicate.hasProperty(cause, "code") ? String(cause.code) : message
  return code === "EPIPE"
    ? new ReaderGone()
    : new WrongUse({ problem: `standard output cannot be written (${code}): the answer is not complete` })
}

const make = Effect.gen(function*() {
  const stdio = yield* Stdio.Stdio
  const terminal = yield* Terminal.Terminal
  const capabilities = yield* TerminalCapabilities.TerminalCapabilities
  const onTerminal = yield* stdio.stdoutIsTerminal
  const errOnTerminal = yield* stdio.stderrIsTerminal
  const own = yield* terminal.columns
  const columns = yield* Config.option(Config.Int("COLUMNS")).pipe(Effect.orElseSucceed(() => Option.none<number>()))
  return Output.of({
    print: (data) => Stream.make(data).pipe(Stream.run(stdio.stdout({ endOnDone: false })), Effect.mapError(unprinted)),
    progress: (text) =>
      errOnTerminal
        ? Stream.make(`\r\u001b[K${text}`).pipe(Stream.run(stdio.stderr({ endOnDone: false })), Effect.ignore)
        : Effect.void,
    width: Option.getOrElse(columns, () => onTerminal ? own : 0),
    colour: capabilities.canColor
  })
})

/**
 * The standard streams and the terminal.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Output, never, Stdio.Stdio | Terminal.Terminal> = Layer.effect(Output, make)

/**
 * A value as one JSON document and a newline.
 *
 * @category printing
 * @since 0.1.0
 */
export const json = Effect.fnUntraced(function*(value: unknown) {
  const output = yield* Output
  yield* output.print(`${JSON.stringify(value, null, 2)}\n`)
})
