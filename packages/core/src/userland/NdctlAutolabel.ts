/**
 * What create-namespace -e does to a region that could have labels and has none, unless told not to: it writes some (OBS-26).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as NdctlDevices from "./NdctlDevices.ts"
import * as NdctlSession from "./NdctlSession.ts"
import * as NdctlSetup from "./NdctlSetup.ts"
import * as NdctlView from "./NdctlView.ts"

type Session = NdctlSession.Session

/**
 * The region afterwards: the very same where nothing was done, because it has labels, or no DIMMs that could hold any. Otherwise it was
 * disabled and enabled again, and its namespaces are new ones.
 *
 * @category operations
 * @since 0.1.0
 */
export const label = Effect.fnUntraced(function*(
  session: Session,
  region: NdctlView.Region
): Effect.fn.Return<NdctlView.Region> {
  const { tree } = session
  if (region.labelled || region.mappings.length === 0) return region
  const members = new Set(region.mappings.map(({ dimm }) => dimm))
  const dimms = (yield* NdctlView.dimms(tree, region.bus)).filter(({ name }) => members.has(name))
  if (dimms.length !== members.size || !dimms.every(({ labelArea }) => labelArea)) return region
  yield* Effect.ignore(NdctlDevices.disableRegion(session, region.name))
  const busy = (yield* NdctlView.dimms(tree, region.bus)).filter(({ active, name }) => active && members.has(name))
  for (const { name } of busy) {
    NdctlSession.say(session, `  Warning: ${name} is active in ${region.name}, failing autolabel\n`)
  }
  if (busy.length === 0) {
    yield* Effect.forEach(dimms, ({ name }) => Effect.ignore(NdctlDevices.write(session, name, "init_labels", "1.2")))
  }
  yield* Effect.ignore(NdctlDevices.enableRegion(session, region.name))
  const after = yield* NdctlView.region(tree, region.name, region.bus)
  if (!after.labelled) {
    NdctlSession.count(session, NdctlSetup.doing, `${region.name}: failed to initialize labels`)
  }
  return after
})
