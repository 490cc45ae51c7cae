/**
 * How long initialising takes here and now: a machine boots on the clock in force, with a memmap that is really written, and what its
 * timeline says is what happened.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { MemmapBytes } from "../bytes/MemmapBytes.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import type * as InitStrategy from "../init/InitStrategy.ts"
import type * as Machine from "../machine/Machine.ts"
import * as CostModel from "../time/CostModel.ts"
import type * as Timeline from "../time/Timeline.ts"
import * as Figures from "./Figures.ts"
import * as Geometry from "./Geometry.ts"
import * as Remarks from "./Remarks.ts"
import * as Simulation from "./Simulation.ts"

/**
 * What was initialised: `pages` are struct pages written, each as often as it was, `bytes` of them; somebody wrote for
 * `nanos`, from the first store to the last but for the time nobody did. `sum` is that of all words of the memmap afterwards, so
 * that two who wrote the same can be compared; `null` where the memmap is none of bytes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Measurement {
  readonly geometry: Geometry.Geometry
  readonly pages: number
  readonly bytes: number
  readonly nanos: number
  readonly sum: bigint | null
  readonly timeline: Timeline.Timeline
}

/**
 * Not all was initialised, so that no figure says how long that takes.
 *
 * @category errors
 * @since 0.1.0
 */
export class NotMeasured extends Schema.TaggedError<NotMeasured>("@vmemmap/core/simulation/NotMeasured")(
  "NotMeasured",
  { geometry: Schema.String, strategy: Schema.String, why: Schema.Array(Schema.String) }
) {
  override get message() {
    return [`${this.geometry}, ${this.strategy}: not all struct pages were initialised`, ...this.why].join(": ")
  }
}

const numberOf = (value: unknown): number => typeof value === "number" ? value : 0

const figures = (geometry: Geometry.Geometry, { entries }: Timeline.Timeline) => {
  const written = entries.filter((entry) =>
    numberOf(entry.details["structPages"]) > 0 && Figures.isBoot(entry) === (geometry.kind === "ram")
  )
  const total = (name: string) => written.reduce((sum, { details }) => sum + numberOf(details[name]), 0)
  const start = written.reduce((least, one) => Math.min(least, one.start), Infinity)
  const end = written.reduce((most, one) => Math.max(most, one.end), start)
  // Jobs say how long somebody wrote; how long that took in all is less where several did, and more where nobody was there to.
  const nanos = written.length === 0 ? 0 : Math.min(end - start, total("cpuNs"))
  return { pages: total("structPages"), bytes: total("bytes"), nanos }
}

const everything: PfnRange.PfnRange = PfnRange.fromLength(0, 2 ** 40)

const sum = Effect.map(
  Effect.serviceOption(MemmapBytes),
  (bytes) => Option.isNone(bytes) ? null : bytes.value.sum(everything).sum
)

/**
 * Boots the machine of a geometry under a strategy with a memmap, on `processors`. Fails where its device does not become usable.
 *
 * @category running
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function*(
  geometry: Geometry.Geometry,
  strategy: InitStrategy.InitStrategy,
  { memmap, processors }: { readonly memmap: Machine.Parts["memmap"]; readonly processors: number }
) {
  const { last, timeline } = yield* Simulation.boot(
    {
      machine: Geometry.machine(geometry, processors),
      costs: CostModel.nothing,
      strategy,
      faults: null,
      seed: 0
    },
    { memmap, model: CostModel.free, last: sum }
  )
  const why = Remarks.unready(timeline)
  if (why.length > 0) {
    return yield* new NotMeasured({ geometry: Geometry.name(geometry), strategy: strategy.name, why })
  }
  const result: Measurement = { geometry, ...figures(geometry, timeline), sum: last, timeline }
  return result
})
