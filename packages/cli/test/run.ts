/**
 * Runs the command in this process, its surroundings replaced: arguments in; status and both streams out.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import {
  ConfigProvider,
  Console,
  Effect,
  FileSystem,
  Layer,
  Runtime,
  Schema,
  Sink,
  Stdio,
  Stream,
  Terminal
} from "effect"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as ChildProcessSpawner from "effect/process/ChildProcessSpawner"
import * as TestConsole from "effect/testing/TestConsole"
import * as Path from "node:path"
import * as Cli from "../src/Cli.ts"

export interface Ended {
  readonly status: number
  readonly stdout: string
  readonly bytes: Uint8Array
  readonly stderr: string
}

/** `from` is the folder the user typed in, `columns` the width of the terminal behind standard output (0: none). */
export interface Around {
  readonly from?: string
  readonly stdin?: string | Uint8Array
  readonly columns?: number
}

export const root = Path.join(import.meta.dirname, "..", "..", "..")

export const example = (name: string): string => Path.join(root, "examples", name)

const terminal = (columns: number) =>
  Layer.succeed(
    Terminal.Terminal,
    Terminal.make({
      columns: Effect.succeed(columns),
      rows: Effect.succeed(columns === 0 ? 0 : 24),
      size: Effect.die("nobody resizes"),
      readInput: Effect.die("nobody types"),
      readLine: Effect.die("nobody types"),
      display: () => Effect.void
    })
  )

const noProcesses = Layer.succeed(
  ChildProcessSpawner.ChildProcessSpawner,
  ChildProcessSpawner.make(() => Effect.die("vmemmap starts no other program"))
)

const encode = (data: string | Uint8Array): Uint8Array =>
  typeof data === "string" ? new TextEncoder().encode(data) : data

export const run = Effect.fnUntraced(
  function*(args: ReadonlyArray<string>, { columns = 0, from = root, stdin = "" }: Around = {}) {
    const written: Array<Uint8Array> = []
    const console = yield* TestConsole.make
    const stdio = Stdio.layerTest({
      stdin: Stream.make(encode(stdin)),
      stdout: () => Sink.forEach((data) => Effect.sync(() => void written.push(encode(data)))),
      stdoutIsTerminal: Effect.succeed(columns > 0)
    })
    const exit = yield* Effect.exit(
      Cli.run(args).pipe(
        Effect.provide(Layer.mergeAll(NodeFileSystem.layer, NodePath.layer, stdio, terminal(columns), noProcesses)),
        Effect.provideService(Console.Console, console),
        Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({ INIT_CWD: from })),
        Effect.provideService(TerminalCapabilities.TerminalCapabilities, {
          canColor: false,
          canAnimate: false,
          canPrompt: false
        })
      )
    )
    let status = 0
    Runtime.defaultTeardown(exit, (code) => {
      status = code
    })
    const bytes = Buffer.concat([...written, encode((yield* console.logLines).join("\n"))])
    const ended: Ended = {
      status,
      bytes,
      stdout: bytes.toString("utf8"),
      stderr: (yield* console.errorLines).join("\n")
    }
    return ended
  }
)

/** What a command prints with `--json`, held against the schema of its answer: nothing missing, nothing beyond. */
export const answer = Effect.fnUntraced(
  function*<A>(schema: Schema.Codec<A, unknown>, args: ReadonlyArray<string>, around: Around = {}) {
    const ended = yield* run([...args, "--json"], around)
    return { ...ended, json: yield* decode(schema, ended.stdout) }
  }
)

export const decode = <A>(schema: Schema.Codec<A, unknown>, text: string) =>
  Schema.decodeUnknownEffect(Schema.fromJsonString(schema))(text, { onExcessProperty: "error" })

/** A temporary folder with files of the given contents. */
export const folderWith = Effect.fnUntraced(function*(files: Readonly<Record<string, string | Uint8Array>>) {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "vmemmap-" })
  for (const [name, content] of Object.entries(files)) {
    const file = Path.join(folder, name)
    yield* fs.makeDirectory(Path.dirname(file), { recursive: true })
    yield* fs.writeFile(file, encode(content))
  }
  return folder
}, Effect.provide(NodeFileSystem.layer))
