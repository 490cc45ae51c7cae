/**
 * `vmemmap infoblock read | write`: the pfn and dax info blocks that `ndctl read-infoblock` and `write-infoblock` read and
 * write, on image files.
 *
 * Flags, texts and exit statuses are the tool's. Only image files and the standard streams are touched, never a device.
 *
 * @since 0.1.0
 */
import * as ReadInfoblock from "@vmemmap/core/userland/ReadInfoblock"
import * as WriteInfoblock from "@vmemmap/core/userland/WriteInfoblock"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import type * as PlatformError from "effect/PlatformError"
import * as Stream from "effect/Stream"
import { ToolStatus, WrongUse } from "../Failure.ts"
import { Output } from "../Output.ts"
import * as Sources from "../sources/Sources.ts"

const text = (name: string, alias: string, metavar: string, description: string) =>
  Flag.String(name).pipe(
    Flag.withAlias(alias),
    Flag.withMetavar(metavar),
    Flag.withDescription(description),
    Flag.optional
  )

const on = (name: string, alias: string, description: string) =>
  Flag.Boolean(name).pipe(Flag.withAlias(alias), Flag.withDescription(description), Flag.withDefault(false))

const finish = (exit: number, stderr: string): Effect.Effect<void, ToolStatus> =>
  exit === 0 ? Console.error(stderr) : Effect.fail(new ToolStatus({ status: exit, stderr }))

/** The first bytes of an image or of standard input. */
const head = Effect.fnUntraced(function*(source: string) {
  const chunks: Array<Uint8Array> = []
  let total = 0
  yield* Sources.stream(source).pipe(
    Stream.takeUntil((chunk) => {
      chunks.push(chunk)
      total += chunk.length
      return total >= ReadInfoblock.imageSize
    }),
    Stream.runDrain
  )
  return new Uint8Array(Buffer.concat(chunks))
})

const read = Command.make(
  "read",
  {
    input: text("input", "i", "FILE", "Image file to read; - for standard input (the default)"),
    json: on("json", "j", "Print JSON; without it the 8192 bytes are copied to standard output"),
    human: on("human", "u", "Print numbers as hexadecimal text (implies --json)"),
    verify: on("verify", "V", "Only blocks whose checksum is right")
  },
  Effect.fnUntraced(function*(args) {
    const output = yield* Output
    const source = Option.getOrElse(args.input, () => "-")
    const name = source === "-" ? "<stdin>" : source
    const answer = ReadInfoblock.run(yield* head(source), { _tag: "File", name }, args)
    if (answer.raw !== null) yield* output.print(answer.raw)
    if (answer.stdout !== "") yield* output.print(`${answer.stdout}\n`)
    yield* finish(answer.exit, answer.stderr)
  })
).pipe(
  Command.withDescription("Print the info blocks of an image, as ndctl read-infoblock -j"),
  Command.withExamples([
    { command: "vmemmap infoblock read -j -i pmem.img", description: "The block at offset 4096 of an image" },
    {
      command: "dd if=/dev/pmem0 bs=8K count=1 | vmemmap infoblock read -j",
      description: "Of a disabled raw namespace"
    }
  ])
)

/** Size of an existing file, `null` when there is none. */
const sizeOf = (path: string) =>
  Effect.gen(function*() {
    const info = yield* (yield* FileSystem.FileSystem).stat(path)
    return info.type === "File" ? Number(info.size) : yield* new WrongUse({ problem: `${path}: not an image file` })
  }).pipe(
    Effect.catchIf((error) => error._tag === "PlatformError" && error.reason._tag === "NotFound", () =>
      Effect.succeed(null))
  )

const unwritable = (path: string, { reason }: PlatformError.PlatformError): WrongUse => {
  switch (reason._tag) {
    case "NotFound":
      return new WrongUse({ problem: `${path}: the folder does not exist` })
    case "PermissionDenied":
      return new WrongUse({ problem: `${path}: permission denied; choose a file you may write` })
    default:
      return new WrongUse({ problem: `${path}: cannot be written (${reason._tag})` })
  }
}

/**
 * Replaces the first bytes of a file and nothing else; a shorter file grows to hold them, an absent one is created. Not
 * interrupted half-way, so that no torn block is left behind.
 */
const replaceHead = Effect.fnUntraced(
  function*(path: string, exists: boolean, bytes: Uint8Array) {
    const fs = yield* FileSystem.FileSystem
    const file = yield* fs.open(path, { flag: exists ? "r+" : "wx" })
    yield* file.writeAll(bytes)
    yield* file.sync
  },
  Effect.scoped,
  Effect.uninterruptible
)

const write = Command.make(
  "write",
  {
    output: text("output", "o", "FILE", "Image file to write to; only its first 8192 bytes are replaced"),
    stdout: on("stdout", "c", "Write the 8192 bytes to standard output"),
    mode: text("mode", "m", "MODE", "fsdax or devdax (default fsdax)"),
    size: text("size", "s", "SIZE", "Size to lay the block out for (default: that of the image)"),
    align: text("align", "a", "SIZE", "Alignment (default 2M)"),
    uuid: text("uuid", "u", "UUID", "Identity of the instance (default: random)"),
    map: text("map", "M", "LOCATION", "mem or dev (default dev)"),
    parentUuid: text("parent-uuid", "p", "UUID", "Uuid of the namespace (default: zero)"),
    offset: text("offset", "O", "SIZE", "Address to reckon alignment from (default 0)"),
    json: Flag.Boolean("json").pipe(
      Flag.withDescription("Print the block written as read -j would"),
      Flag.withDefault(false)
    )
  },
  Effect.fnUntraced(function*({ json, ...args }) {
    const output = yield* Output
    if (json && args.stdout) return yield* new WrongUse({ problem: "--json and --stdout both want standard output" })
    const options = Object.fromEntries(
      Object.entries(args).map(([name, value]) => [name, Option.isOption(value) ? Option.getOrUndefined(value) : value])
    ) as WriteInfoblock.Options
    const path = options.output === undefined || options.stdout === true
      ? undefined
      : yield* Sources.resolve(options.output)
    const before = path === undefined ? null : yield* sizeOf(path).pipe(
      Effect.catchTag("PlatformError", (error) => Effect.fail(unwritable(path, error)))
    )
    const answer = WriteInfoblock.run(
      options,
      path === undefined ? { _tag: "None" } : { _tag: "Image", size: before },
      { freshUuid: yield* Effect.sync(() => crypto.randomUUID()) }
    )
    if (path !== undefined && answer.sizeAfter !== null && (answer.bytes !== null || before === null)) {
      yield* Effect.mapError(
        replaceHead(path, before !== null, answer.bytes ?? new Uint8Array()),
        (error) => unwritable(path, error)
      )
    }
    if (answer.bytes !== null && path === undefined) yield* output.print(answer.bytes)
    if (answer.bytes !== null && json) {
      const source = { _tag: "File", name: options.output ?? "<stdout>" } as const
      yield* output.print(`${ReadInfoblock.run(answer.bytes, source, { json }).stdout}\n`)
    }
    yield* finish(answer.exit, answer.usage ? `${answer.stderr}try 'vmemmap infoblock write --help'` : answer.stderr)
  })
).pipe(
  Command.withDescription("Write an info block into an image, byte for byte as ndctl write-infoblock"),
  Command.withExamples([
    { command: "vmemmap infoblock write -o pmem.img -m fsdax -M dev -a 2M", description: "Into an image file" },
    { command: "vmemmap infoblock write -c -s 128G | vmemmap infoblock read -j", description: "Only to look at it" }
  ])
)

/**
 * `vmemmap infoblock` with its subcommands; statuses are those of `ndctl`.
 *
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make("infoblock").pipe(
  Command.withDescription("Read or write the metadata block of fsdax and devdax namespaces"),
  Command.withExamples([
    { command: "vmemmap infoblock read -j -i pmem.img", description: "What an image says it is" },
    { command: "vmemmap infoblock write -o pmem.img -m devdax -a 1G", description: "Make it a devdax namespace" }
  ]),
  Command.withSubcommands([read, write])
)
