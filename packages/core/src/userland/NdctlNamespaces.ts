/**
 * `ndctl enable-namespace`, `disable-namespace` and `destroy-namespace` (76): texts and exit statuses of OBS-26.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Errno from "../kernel/Errno.ts"
import * as NdctlDevices from "./NdctlDevices.ts"
import * as NdctlOptions from "./NdctlOptions.ts"
import * as NdctlPrepare from "./NdctlPrepare.ts"
import * as NdctlSession from "./NdctlSession.ts"
import type * as NdctlView from "./NdctlView.ts"
import * as NdctlWalk from "./NdctlWalk.ts"
import type { Outcome } from "./Tool.ts"
import type * as ToolFailure from "./ToolFailure.ts"
import * as ToolOptions from "./ToolOptions.ts"

type Session = NdctlSession.Session

interface Action {
  readonly command: ToolOptions.Command
  readonly verb: "enable" | "disable" | "destroy"
  readonly act: (
    session: Session,
    options: ToolOptions.Parsed,
    found: NdctlView.Namespace,
    region: NdctlView.Region
  ) => Effect.Effect<NdctlWalk.Step, ToolFailure.ToolFailure>
}

const forms = {
  enable: { gerund: "enabling", past: "enabled" },
  disable: { gerund: "disabling", past: "disabled" },
  destroy: { gerund: "destroying", past: "destroyed" }
} as const

/**
 * What a command on one namespace has to say about its arguments.
 *
 * @category validation
 * @since 0.1.0
 */
export const complaints = (rest: ReadonlyArray<string>, verb: string): ReadonlyArray<string> =>
  rest.length === 0
    ? [`specify a namespace to ${verb}, or "all"`]
    : rest.slice(1).map((word) => `unknown extra parameter "${word}"`)

const make = ({ act, command, verb }: Action) =>
  Effect.fnUntraced(function*(session: Session, words: ReadonlyArray<string>): Effect.fn.Return<Outcome> {
    const parsed = ToolOptions.parse(command, words)
    if (Result.isFailure(parsed)) return parsed.failure
    const options = parsed.success
    const wrong = complaints(options.rest, verb)
    if (wrong.length > 0) return ToolOptions.wrong(command, wrong)
    const walked = yield* NdctlWalk.walk(session, options, (found, region) => act(session, options, found, region))
    const { gerund, past } = forms[verb]
    const errno = NdctlWalk.errnoOf(walked)
    if (errno !== undefined && session.counted === 0) {
      NdctlSession.say(session, `error ${gerund} namespaces: ${Errno.text(errno)}`)
    }
    NdctlSession.say(session, `${past} ${NdctlWalk.counted(walked.processed, "namespace")}`)
    return NdctlSession.end(session, NdctlWalk.exit(walked))
  })

/**
 * `ndctl enable-namespace`.
 *
 * @category commands
 * @since 0.1.0
 */
export const enable = make({
  command: NdctlOptions.enableNamespace,
  verb: "enable",
  act: (session, _, { name }) => Effect.as(NdctlDevices.enable(session, name), "done" as const)
})

/**
 * `ndctl disable-namespace`.
 *
 * @category commands
 * @since 0.1.0
 */
export const disable = make({
  command: NdctlOptions.disableNamespace,
  verb: "disable",
  act: (session, _, found) => Effect.as(NdctlDevices.disableSafely(session, found), "done" as const)
})

/** A label-less namespace cannot go away: only zeroing counts. */
const remove = Effect.fnUntraced(function*(
  session: Session,
  options: ToolOptions.Parsed,
  found: NdctlView.Namespace,
  region: NdctlView.Region
): Effect.fn.Return<NdctlWalk.Step, ToolFailure.ToolFailure> {
  const force = ToolOptions.has(options, "force")
  const zeroed = yield* NdctlPrepare.prepare(session, region, found, { doing: "destroy namespace", force })
  if (found.type === "io") return zeroed ? "done" : "skipped"
  // without a uuid there is nothing to give back
  yield* NdctlDevices.write(session, found.name, "size", "0").pipe(
    Effect.catchIf(({ errno }) => errno === "ENXIO", () => Effect.void)
  )
  return "done"
})

/**
 * `ndctl destroy-namespace`.
 *
 * @category commands
 * @since 0.1.0
 */
export const destroy = make({ command: NdctlOptions.destroyNamespace, verb: "destroy", act: remove })
