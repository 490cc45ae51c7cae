/**
 * `ndctl read-infoblock` and `write-infoblock` (76) on disabled namespaces and on block devices; what they print and write is
 * `ReadInfoblock` and `WriteInfoblock` (22.7, OBS-26, OBS-27).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Uuid from "../devices/Uuid.ts"
import * as Errno from "../kernel/Errno.ts"
import * as SysfsTree from "../sysfs/SysfsTree.ts"
import * as JsonC from "./JsonC.ts"
import * as NdctlDevices from "./NdctlDevices.ts"
import * as NdctlNamespaces from "./NdctlNamespaces.ts"
import * as NdctlOptions from "./NdctlOptions.ts"
import * as NdctlSession from "./NdctlSession.ts"
import * as NdctlView from "./NdctlView.ts"
import * as NdctlWalk from "./NdctlWalk.ts"
import * as ReadInfoblock from "./ReadInfoblock.ts"
import * as Redirects from "./Redirects.ts"
import * as Tool from "./Tool.ts"
import * as ToolFailure from "./ToolFailure.ts"
import * as ToolOptions from "./ToolOptions.ts"
import * as WriteInfoblock from "./WriteInfoblock.ts"

type Session = NdctlSession.Session

/**
 * The usage and option list of write-infoblock, without the newlines around it.
 *
 * @category constants
 * @since 0.1.0
 */
export const writeUsage: string = ToolOptions.usage(NdctlOptions.writeInfoblock).slice(1).trimEnd()

const fromParsed = ({ counts, rest, texts }: ToolOptions.Parsed): WriteInfoblock.Options => ({
  output: texts.get("output"),
  stdout: (counts.get("stdout") ?? 0) > 0,
  mode: texts.get("mode"),
  map: texts.get("map"),
  align: texts.get("align"),
  size: texts.get("size"),
  uuid: texts.get("uuid"),
  parentUuid: texts.get("parent-uuid"),
  offset: texts.get("offset"),
  namespace: rest[0]
})

/**
 * The options of a write-infoblock command line; a failure is how the command ends when they are no options of it.
 *
 * @category parsing
 * @since 0.1.0
 */
export const writeOptions = (
  words: ReadonlyArray<string>
): Result.Result<WriteInfoblock.Options, WriteInfoblock.Answer> =>
  Result.match(ToolOptions.parse(NdctlOptions.writeInfoblock, words), {
    onSuccess: (parsed) => Result.succeed(fromParsed(parsed)),
    onFailure: ({ exit, stderr }) => Result.fail({ exit, stderr, usage: false, bytes: null, sizeAfter: null })
  })

const notModelled = (what: string, modelled: string) => new Tool.NotModelled({ what, modelled })

const fileOf = (session: Session, path: string): Effect.Effect<SysfsTree.Bytes, Tool.NotModelled> => {
  const found = SysfsTree.lookup(session.tree, path)
  return found?._tag === "Bytes"
    ? Effect.succeed(found)
    : notModelled(`the file ${path.slice(0, 80)}`, "block devices in /dev are files of bytes")
}

/** The complaints in an answer, and the line that says how it failed. */
const parts = (stderr: string) => {
  const closing = /^error .*$/m.exec(stderr)
  const end = closing?.index ?? stderr.lastIndexOf("\n") + 1
  return { said: stderr.slice(0, end), closing: closing?.[0] }
}

/** An answer for one namespace among several. */
const step = (session: Session, answer: { readonly exit: number; readonly stderr: string }) => {
  const { closing, said } = parts(answer.stderr)
  session.stderr.push(said)
  const errno = closing === undefined ? undefined : failures.find((one) => Errno.exit(one) === answer.exit)
  return errno === undefined ? Effect.succeed("done" as const) : ToolFailure.fail(errno)
}

/** What the two programs can end with. */
const failures = ["ENXIO", "EBUSY", "EINVAL", "EIO"] as const

const close = (session: Session, walked: NdctlWalk.Walked, gerund: string, past: string) => {
  const errno = NdctlWalk.errnoOf(walked)
  if (errno !== undefined) NdctlSession.say(session, `error ${gerund}: ${Errno.text(errno)}`)
  NdctlSession.say(session, `${past} ${NdctlWalk.counted(walked.processed, "infoblock")}`)
  return NdctlSession.end(session, NdctlWalk.exit(walked))
}

const uuidOf = ({ uuid }: NdctlView.Namespace): string | undefined => uuid === Uuid.zero ? undefined : uuid

const writeBytes = (disk: SysfsTree.Bytes, bytes: Uint8Array): Effect.Effect<void, ToolFailure.ToolFailure> =>
  disk.write === null ? ToolFailure.fail("EACCES") : ToolFailure.fromKernel(disk.write(0, bytes))

/** The answer to a command that needs no namespace, written to the file of `-o`. */
const writeFile = Effect.fnUntraced(function*(
  session: Session,
  options: WriteInfoblock.Options,
  surroundings: WriteInfoblock.Surroundings
) {
  if (options.stdout === true) {
    return yield* notModelled("an info block on standard output", "writing one to a namespace or a block device is")
  }
  const disk = yield* fileOf(session, options.output ?? "")
  const answer = WriteInfoblock.run(options, { _tag: "Image", size: disk.size }, surroundings)
  const { bytes } = answer
  if (bytes !== null && Result.isFailure(yield* Effect.result(writeBytes(disk, bytes)))) {
    return close(session, { processed: 0, last: "EIO" }, "checking infoblocks", "wrote")
  }
  NdctlSession.say(session, answer.stderr)
  return NdctlSession.end(session, answer.exit)
})

/**
 * `ndctl write-infoblock`.
 *
 * @category commands
 * @since 0.1.0
 */
export const write = Effect.fnUntraced(function*(
  session: Session,
  words: ReadonlyArray<string>
): Effect.fn.Return<Tool.Outcome, Tool.NotModelled> {
  const parsed = ToolOptions.parse(NdctlOptions.writeInfoblock, words)
  if (Result.isFailure(parsed)) return parsed.failure
  const options = fromParsed(parsed.success)
  const pageSize = yield* NdctlView.pageSize(session.tree)
  const surroundings = () => ({ freshUuid: session.input.freshUuid(), pageSize })
  const check = WriteInfoblock.run(options, { _tag: "None" }, { freshUuid: Uuid.zero, pageSize })
  const extra = parsed.success.rest.slice(1).map((word) => `  Error: unknown extra parameter "${word}"\n\n`)
  if (check.usage || extra.length > 0) {
    const said = check.usage ? check.stderr : ""
    return Tool.outcome(
      check.usage ? check.exit : 129,
      "",
      `${said}${extra.join("")}${ToolOptions.usage(NdctlOptions.writeInfoblock)}`
    )
  }
  if (options.namespace === undefined) return yield* writeFile(session, options, surroundings())
  const walked = yield* NdctlWalk.walk(
    session,
    parsed.success,
    Effect.fnUntraced(function*(found) {
      const target = { _tag: "Namespace", size: found.size, active: found.active, uuid: uuidOf(found) } as const
      const answer = WriteInfoblock.run(options, target, surroundings())
      const { bytes } = answer
      if (found.active) return yield* step(session, answer)
      yield* NdctlDevices.whileRaw(
        session,
        found.name,
        (disk) => bytes === null ? Effect.void : writeBytes(disk, bytes)
      )
      return yield* step(session, answer)
    })
  )
  return close(session, walked, "checking infoblocks", "wrote")
})

const decoder = new TextDecoder()

/** The end of a run that copies what it read. */
const copied = (ended: Tool.Outcome, images: ReadonlyArray<Uint8Array>): Tool.Outcome => {
  const bytes = Redirects.concat(images)
  return images.length === 0 ? ended : { ...ended, stdout: decoder.decode(bytes), bytes }
}

/** Blocks of several namespaces in one list. */
const show = (session: Session, blocks: ReadonlyArray<ReadInfoblock.Block>) => {
  if (blocks.length === 0) NdctlSession.say(session, "  Warning: no matching devices found\n")
  NdctlSession.print(session, JsonC.display(blocks, false))
}

const readFile = Effect.fnUntraced(function*(
  session: Session,
  path: string | undefined,
  options: ReadInfoblock.Options
) {
  const disk = path === undefined ? undefined : yield* fileOf(session, path)
  const bytes = disk === undefined
    ? session.input.stdin
    : yield* Effect.orElseSucceed(disk.read(0, ReadInfoblock.imageSize), () => new Uint8Array())
  const answer = ReadInfoblock.run(bytes, { _tag: "File", name: path ?? "<stdin>" }, options)
  NdctlSession.print(session, answer.stdout === "" ? "" : `${answer.stdout}\n`)
  NdctlSession.say(session, answer.stderr)
  return copied(NdctlSession.end(session, answer.exit), answer.raw === null ? [] : [answer.raw])
})

/**
 * `ndctl read-infoblock`.
 *
 * @category commands
 * @since 0.1.0
 */
export const read = Effect.fnUntraced(function*(
  session: Session,
  words: ReadonlyArray<string>
): Effect.fn.Return<Tool.Outcome, Tool.NotModelled> {
  const command = NdctlOptions.readInfoblock
  const parsed = ToolOptions.parse(command, words)
  if (Result.isFailure(parsed)) return parsed.failure
  const { rest, texts } = parsed.success
  const input = texts.get("input")
  const wrong = [
    ...(rest.length === 0 ? [] : NdctlNamespaces.complaints(rest, "read-infoblock")),
    ...(input !== undefined && rest.length > 0 ? ["specify a namespace, or --input, not both"] : [])
  ]
  if (wrong.length > 0) return ToolOptions.wrong(command, wrong)
  const human = ToolOptions.has(parsed.success, "human")
  const options = {
    human,
    json: human || ToolOptions.has(parsed.success, "json"),
    verify: ToolOptions.has(parsed.success, "verify")
  }
  if (texts.has("output")) {
    return yield* notModelled("an info block in a file", "read-infoblock without -o is, and so is > FILE")
  }
  if (rest.length === 0) return yield* readFile(session, input, options)
  const blocks: Array<ReadInfoblock.Block> = []
  const images: Array<Uint8Array> = []
  let wasRead = false
  const walked = yield* NdctlWalk.walk(
    session,
    parsed.success,
    Effect.fnUntraced(function*(found) {
      if (found.active) return yield* ToolFailure.fail("EBUSY")
      const bytes = yield* NdctlDevices.whileRaw(
        session,
        found.name,
        (disk) => ToolFailure.fromKernel(disk.read(0, ReadInfoblock.imageSize))
      )
      const source = { _tag: "Namespace", name: found.name, active: false, uuid: uuidOf(found) } as const
      const answer = ReadInfoblock.run(bytes, source, options)
      if (answer.raw !== null) {
        images.push(answer.raw)
        return "done" as const
      }
      blocks.push(...(answer.blocks ?? []))
      wasRead = wasRead || answer.blocks !== null
      return answer.blocks === null ? yield* ToolFailure.fail("EIO") : "done" as const
    })
  )
  if (wasRead) show(session, blocks)
  return copied(close(session, walked, "reading infoblock data", "read"), images)
})
