/**
 * Standard output as the commands see it: text out, the width to fit, whether colour is welcome.
 *
 * @since 0.1.0
 */
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import * as Terminal from "effect/Terminal"

/**
 * `print` ends once the text is handed over, and quietly when the reader is gone (`| head`). `width` is 0 where there is no
 * terminal: then nothing is wrapped.
 *
 * @category services
 * @since 0.1.0
 */
export class Output extends Context.Service<Output, {
  readonly print: (text: string) => Effect.Effect<void>
  readonly bytes: (data: Uint8Array) => Effect.Effect<void>
  readonly progress: (text: string) => Effect.Effect<void>
  readonly width: number
  readonly colour: boolean
}>()("@vmemmap/cli/Output") {}

const make = Effect.gen(function*() {
  const stdio = yield* Stdio.Stdio
  const terminal = yield* Terminal.Terminal
  const capabilities = yield* TerminalCapabilities.TerminalCapabilities
  const onTerminal = yield* stdio.stdoutIsTerminal
  const errOnTerminal = yield* stdio.stderrIsTerminal
  const write = (data: string | Uint8Array) =>
    Stream.make(data).pipe(Stream.run(stdio.stdout({ endOnDone: false })), Effect.ignore)
  return Output.of({
    print: write,
    bytes: write,
    progress: (text) =>
      errOnTerminal
        ? Stream.make(`\r\u001b[K${text}`).pipe(Stream.run(stdio.stderr({ endOnDone: false })), Effect.ignore)
        : Effect.void,
    width: onTerminal ? yield* terminal.columns : 0,
    colour: capabilities.canColor
  })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<Output, never, Stdio.Stdio | Terminal.Terminal> = Layer.effect(Output, make)

/**
 * Collects what is printed; for tests and for programs that embed the commands.
 *
 * @category layers
 * @since 0.1.0
 */
export const layerMemory = (lines: Array<string>, width = 0): Layer.Layer<Output> =>
  Layer.succeed(
    Output,
    Output.of({
      print: (text) => Effect.sync(() => void lines.push(text)),
      bytes: (data) => Effect.sync(() => void lines.push(new TextDecoder("latin1").decode(data))),
      progress: () => Effect.void,
      width,
      colour: false
    })
  )

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
