/**
 * `ndctl enable-region` and `disable-region` (76): the texts and exit statuses of OBS-26.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as NdctlDevices from "./NdctlDevices.ts"
import * as NdctlFilter from "./NdctlFilter.ts"
import * as NdctlOptions from "./NdctlOptions.ts"
import * as NdctlSession from "./NdctlSession.ts"
import * as NdctlView from "./NdctlView.ts"
import type { Outcome } from "./Tool.ts"
import type { ToolFailure } from "./ToolFailure.ts"
import * as ToolOptions from "./ToolOptions.ts"

type Session = NdctlSession.Session

interface Action {
  readonly command: ToolOptions.Command
  readonly done: "enabled" | "disabled"
  readonly run: (session: Session, region: NdctlView.Region) => Effect.Effect<void, ToolFailure>
}

const complaints = ({ rest, texts }: ToolOptions.Parsed): ReadonlyArray<string> => {
  const type = texts.get("type")
  if (rest.length !== 1) {
    return rest.length === 0
      ? [`specify a specific region id to act on, or "all"`]
      : rest.slice(1).map((word) => `unknown extra parameter "${word}"`)
  }
  return type === undefined || type === "pmem" || type === "blk"
    ? []
    : [`unknown region type '${type}', should be 'pmem' or 'blk'`]
}

const make = ({ command, done, run }: Action) =>
  Effect.fnUntraced(function*(session: Session, words: ReadonlyArray<string>): Effect.fn.Return<Outcome> {
    const options = ToolOptions.parse(command, words)
    if (Result.isFailure(options)) return options.failure
    const wrong = complaints(options.success)
    if (wrong.length > 0) return ToolOptions.wrong(command, wrong)
    const { rest: [wanted], texts } = options.success
    let changed = 0
    for (const bus of yield* NdctlView.buses(session.tree)) {
      if (!NdctlFilter.isBus(bus, texts.get("bus"))) continue
      for (const region of yield* NdctlView.regions(session.tree, bus.name)) {
        if (texts.get("type") === "blk" || !NdctlFilter.isRegion(region, wanted)) continue
        if (Result.isSuccess(yield* Effect.result(run(session, region)))) changed++
      }
    }
    NdctlSession.say(session, `${done} ${changed} region${changed === 1 ? "" : "s"}`)
    return NdctlSession.end(session, 0)
  })

/**
 * `ndctl enable-region`.
 *
 * @category commands
 * @since 0.1.0
 */
export const enable = make({
  command: NdctlOptions.enableRegion,
  done: "enabled",
  run: (session, { name }) => NdctlDevices.enableRegion(session, name)
})

/**
 * `ndctl disable-region`: its namespaces first. One whose memory is online keeps the region enabled, without a word.
 *
 * @category commands
 * @since 0.1.0
 */
export const disable = make({
  command: NdctlOptions.disableRegion,
  done: "disabled",
  run: (session, { name, namespaces }) =>
    Effect.forEach(namespaces, (found) => NdctlDevices.disableSafely(session, found), { discard: true }).pipe(
      Effect.andThen(NdctlDevices.disableRegion(session, name))
    )
})
