/**
 * `ndctl create-namespace` (76): a new namespace in the first region that takes it, or an existing one configured anew (OBS-25).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as CreateNamespace from "../devices/CreateNamespace.ts"
import * as Errno from "../kernel/Errno.ts"
import * as Reasons from "../kernel/Reasons.ts"
import * as NamespaceOptions from "./NamespaceOptions.ts"
import * as NdctlAutolabel from "./NdctlAutolabel.ts"
import * as NdctlDevices from "./NdctlDevices.ts"
import * as NdctlOptions from "./NdctlOptions.ts"
import * as NdctlPlace from "./NdctlPlace.ts"
import * as NdctlPrepare from "./NdctlPrepare.ts"
import * as NdctlSession from "./NdctlSession.ts"
import * as NdctlSetup from "./NdctlSetup.ts"
import * as NdctlView from "./NdctlView.ts"
import * as NdctlWalk from "./NdctlWalk.ts"
import type { Outcome } from "./Tool.ts"
import * as ToolFailure from "./ToolFailure.ts"
import * as ToolOptions from "./ToolOptions.ts"

type Session = NdctlSession.Session

/** Bytes of a label's name, with the zero at its end. */
const nameSize = 64

const complaints = (options: ToolOptions.Parsed, pageSize: number): ReadonlyArray<string> => {
  const { rest, texts } = options
  const reconfig = texts.get("reconfig")
  const type = texts.get("type") ?? (reconfig === undefined ? "pmem" : undefined)
  const fallback = reconfig !== undefined || type === undefined ? undefined : type === "pmem" ? "fsdax" : "sector"
  return [
    ...NamespaceOptions.complaints({
      type,
      mode: texts.get("mode") ?? fallback,
      map: texts.get("map"),
      size: texts.get("size"),
      align: texts.get("align"),
      uuid: texts.get("uuid"),
      sectorSize: texts.get("sector-size"),
      reconfig
    }, pageSize),
    ...rest.map((word) => `unknown extra parameter "${word}"`)
  ]
}

/** A flag that is on unless taken back. */
const isOn = ({ counts }: ToolOptions.Parsed, long: string): boolean => counts.get(long) !== 0

/** What the tool itself refused; its complaint is the first line of the text. */
const tellWhy = ({ errno, remedy, rule, text }: CreateNamespace.ToolRefusal) =>
  Reasons.tell({ errno, rule, problem: text.split("\n")[0] ?? "", remedy })

/**
 * Settles the request, with the tool's complaints. Row 12 comes later, when the namespace has its place: until then it is settled
 * as if forced.
 */
const settle = Effect.fnUntraced(function*(
  session: Session,
  request: CreateNamespace.Request,
  place: CreateNamespace.Place,
  altName: string
) {
  const first = CreateNamespace.settle(request, place)
  const settled = Result.isFailure(first) && first.failure.row === 12
    ? CreateNamespace.settle({ ...request, force: true }, place)
    : first
  const tooLong = new TextEncoder().encode(altName).byteLength >= nameSize
  if (tooLong && (Result.isSuccess(settled) || settled.failure.row > 4)) {
    NdctlSession.count(session, NdctlSetup.doing, "validate_namespace_options: alt name overflow")
    return yield* ToolFailure.fail("EINVAL")
  }
  if (Result.isSuccess(settled)) return settled.success
  const { errno, kind, text } = settled.failure
  yield* tellWhy(settled.failure)
  if (kind === "counted") NdctlSession.count(session, NdctlSetup.doing, text)
  if (kind === "plain") NdctlSession.complain(session, text)
  return yield* ToolFailure.fail(kind === "skip" ? "EAGAIN" : errno)
})

/** The sector size asked of the namespace itself; a btt has its own. */
const sectorSizeOf = (
  request: CreateNamespace.Request,
  settled: CreateNamespace.Settled,
  target: NdctlView.Namespace
): number | undefined => {
  if (settled.mode === "sector") return settled.sectorSize ?? 4096
  if (request.sectorSize !== undefined) return request.sectorSize
  return target.sectorSizes.length === 0 ? undefined : request.existing === undefined ? 512 : target.sectorSize
}

/** One region: a new namespace, or `found` anew. EAGAIN: another region may do. */
const attempt = Effect.fnUntraced(function*(
  session: Session,
  options: ToolOptions.Parsed,
  region: NdctlView.Region,
  found: NdctlView.Namespace | undefined
): Effect.fn.Return<void, ToolFailure.ToolFailure> {
  const { tree } = session
  const { texts } = options
  const force = ToolOptions.has(options, "force")
  const request = NdctlPlace.request(options, found)
  const place = yield* NdctlPlace.place(tree, region, request.mode ?? found?.mode ?? "fsdax")
  const altName = texts.get("name") ?? found?.altName ?? ""
  const settled = yield* settle(session, request, place, altName)
  const before = found ?? NdctlPlace.candidate(region)
  if (before === undefined) return yield* ToolFailure.fail("EAGAIN")
  const wanted = {
    settled,
    uuid: texts.get("uuid") ?? session.input.freshUuid(),
    altName,
    sectorSize: sectorSizeOf(request, settled, before),
    force,
    autorecover: isOn(options, "autorecover")
  }
  if (found === undefined) return yield* create(session, region, before, wanted)
  yield* NdctlPrepare.prepare(session, region, found, { doing: NdctlSetup.doing, force })
  const labelled = isOn(options, "autolabel") ? yield* NdctlAutolabel.label(session, region) : region
  const target = labelled === region ? found : NdctlPlace.candidate(labelled)
  if (target === undefined) return yield* ToolFailure.fail("ENODEV")
  yield* NdctlSetup.setup(session, labelled, target, wanted)
})

/** A namespace that fails is given up again: no class, no size. */
const create = (
  session: Session,
  region: NdctlView.Region,
  target: NdctlView.Namespace,
  wanted: NdctlSetup.Wanted
): Effect.Effect<void, ToolFailure.ToolFailure> =>
  Effect.tapError(NdctlSetup.setup(session, region, target, wanted), () =>
    wanted.autorecover
      ? Effect.andThen(
        NdctlDevices.setClass(session, target.name, ""),
        target.type === "pmem" ? Effect.ignore(NdctlDevices.write(session, target.name, "size", "0")) : Effect.void
      )
      : Effect.void)

/** Regions in listing order until one takes it; with `-c` all of them, past failures only with `-f`. */
const createAnywhere = Effect.fnUntraced(function*(session: Session, options: ToolOptions.Parsed) {
  const greedy = ToolOptions.has(options, "continue")
  let processed = 0
  let last: NdctlWalk.Walked["last"] = "ENXIO"
  let saved: Errno.Errno | undefined
  for (const region of yield* NdctlWalk.regions(session, options)) {
    const answer = yield* Effect.result(attempt(session, options, region, undefined))
    last = Result.isSuccess(answer) ? "done" : answer.failure.errno
    if (last === "EAGAIN") continue
    if (last === "done") processed++
    else if (greedy && ToolOptions.has(options, "force")) {
      saved = NdctlWalk.errnoOf({ processed, last })
      continue
    }
    if (!greedy || last !== "done") return { processed, last }
  }
  if (last === "EAGAIN") last = greedy && processed > 0 ? "done" : "ENOSPC"
  return { processed, last: saved ?? last }
})

/** The first namespace of that name; `all` means the first that has something. */
const reconfigure = Effect.fnUntraced(function*(session: Session, options: ToolOptions.Parsed, name: string) {
  for (const region of yield* NdctlWalk.regions(session, options)) {
    for (const found of region.namespaces) {
      if (!NdctlWalk.isMeant(name, found)) continue
      const answer = yield* Effect.result(attempt(session, options, region, found))
      const done: NdctlWalk.Walked = Result.isSuccess(answer)
        ? { processed: 1, last: "done" }
        : { processed: 0, last: answer.failure.errno }
      return done
    }
  }
  const none: NdctlWalk.Walked = { processed: 0, last: name === "all" ? "skipped" : "ENXIO" }
  return none
})

/**
 * `ndctl create-namespace`.
 *
 * Without any word a second round looks for memory of the old blk type, and finds none: that is how it then ends (OBS-25).
 *
 * @category commands
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function*(
  session: Session,
  words: ReadonlyArray<string>
): Effect.fn.Return<Outcome> {
  const parsed = ToolOptions.parse(NdctlOptions.createNamespace, words)
  if (Result.isFailure(parsed)) return parsed.failure
  const options = parsed.success
  const wrong = complaints(options, yield* NdctlView.pageSize(session.tree))
  if (wrong.length > 0) return ToolOptions.wrong(NdctlOptions.createNamespace, wrong)
  const name = options.texts.get("reconfig")
  const walked = name === undefined
    ? yield* createAnywhere(session, options)
    : yield* reconfigure(session, options, name)
  const failed = NdctlWalk.errnoOf(walked)
  const errno = failed !== undefined && words.length === 0 ? "ENXIO" : failed
  if (ToolOptions.has(options, "continue")) {
    NdctlSession.say(session, `created ${NdctlWalk.counted(walked.processed, "namespace")}`)
  }
  if (errno === undefined) return NdctlSession.end(session, 0)
  if (session.counted > 0) return NdctlSession.end(session, Errno.exit(errno))
  NdctlSession.say(
    session,
    `failed to ${name === undefined ? "create" : "reconfigure"} namespace: ${Errno.text(errno)}`
  )
  return NdctlSession.end(session, Errno.exit(name === undefined ? "ENODEV" : errno))
})
