/**
 * How ndctl's commands on namespaces go over the machine: buses, regions, namespaces in listing order, and what becomes of it
 * (OBS-20, OBS-26).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Uuid from "../devices/Uuid.ts"
import * as Errno from "../kernel/Errno.ts"
import * as Reasons from "../kernel/Reasons.ts"
import * as NdctlFilter from "./NdctlFilter.ts"
import type * as NdctlSession from "./NdctlSession.ts"
import * as NdctlView from "./NdctlView.ts"
import type { ToolFailure } from "./ToolFailure.ts"
import type * as ToolOptions from "./ToolOptions.ts"

type Session = NdctlSession.Session

/**
 * `done` counts, `skipped` does not.
 *
 * @category models
 * @since 0.1.0
 */
export type Step = "done" | "skipped"

/**
 * How it ended: the status of the last namespace decides, ENXIO when there was none of that name.
 *
 * @category models
 * @since 0.1.0
 */
export interface Walked {
  readonly processed: number
  readonly last: Step | Errno.Errno
}

/**
 * The regions that `-b`, `-r` and `-t` leave, in listing order.
 *
 * @category queries
 * @since 0.1.0
 */
export const regions = Effect.fnUntraced(function*(session: Session, { texts }: Pick<ToolOptions.Parsed, "texts">) {
  const found: Array<NdctlView.Region> = []
  if (texts.get("type") === "blk") return found
  for (const bus of yield* NdctlView.buses(session.tree)) {
    if (!NdctlFilter.isBus(bus, texts.get("bus"))) continue
    const own = yield* NdctlView.regions(session.tree, bus.name)
    found.push(...own.filter((region) => NdctlFilter.isRegion(region, texts.get("region"))))
  }
  return found
})

const isSeed = ({ size, uuid }: NdctlView.Namespace): boolean => size === 0 && uuid === Uuid.zero

/**
 * The namespaces a name means, with their regions: `all` are those that have something.
 *
 * @category queries
 * @since 0.1.0
 */
export const isMeant = (wanted: string, found: NdctlView.Namespace): boolean =>
  wanted === "all" ? !isSeed(found) : wanted === found.name

/**
 * Acts on the namespaces a name means, one after the other, whatever becomes of each.
 *
 * @category operations
 * @since 0.1.0
 */
export const walk = Effect.fnUntraced(function*(
  session: Session,
  options: ToolOptions.Parsed,
  act: (found: NdctlView.Namespace, region: NdctlView.Region) => Effect.Effect<Step, ToolFailure>
): Effect.fn.Return<Walked> {
  const wanted = options.rest[0] ?? ""
  let last: Walked["last"] = wanted === "all" ? "skipped" : "ENXIO"
  let processed = 0
  let met = false
  for (const region of yield* regions(session, options)) {
    for (const { name } of region.namespaces) {
      if (wanted !== "all" && wanted !== name) continue
      const found = yield* NdctlView.namespace(session.tree, name)
      if (found === undefined || !isMeant(wanted, found)) continue
      met = true
      const answer = yield* Effect.result(act(found, region))
      last = Result.isSuccess(answer) ? answer.success : answer.failure.errno
      if (last === "done") processed++
    }
  }
  if (!met && wanted !== "all") {
    yield* Reasons.tell({
      errno: "ENXIO",
      rule: "OBS-26",
      problem: `no namespace is called ${wanted}${options.texts.has("region") ? " in that region" : ""}`,
      remedy: "ndctl list -Ni shows those there are"
    })
  }
  return { processed, last }
})

/**
 * Whether the last namespace failed.
 *
 * @category predicates
 * @since 0.1.0
 */
export const errnoOf = ({ last }: Walked): Errno.Errno | undefined =>
  last === "done" || last === "skipped" ? undefined : last

/**
 * The exit status of a command that ended so.
 *
 * @category queries
 * @since 0.1.0
 */
export const exit = (walked: Walked): number => {
  const errno = errnoOf(walked)
  return errno === undefined ? 0 : Errno.exit(errno)
}

/**
 * `1 namespace`, `2 namespaces`, `0 namespaces`.
 *
 * @category printing
 * @since 0.1.0
 */
export const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`
