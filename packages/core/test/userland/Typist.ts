/** Lines of a recorded script, typed on a modelled machine whose drivers are loaded. */
import { Clock, Effect } from "effect"
import * as Session from "../../src/records/Session.ts"
import * as MachineTree from "../../src/sysfs/MachineTree.ts"
import { Modules } from "../../src/sysfs/Modules.ts"
import * as RecordedScript from "../../src/userland/RecordedScript.ts"
import type * as Script from "../../src/userland/Script.ts"
import * as Tools from "../../src/userland/Tools.ts"

/** Loads the drivers; types a line and answers the commands that a recording has of it. */
export const make = Effect.gen(function*() {
  const modules = yield* Modules
  for (const name of MachineTree.bootModules) yield* modules.load(name)
  const freshUuid = Session.uuids()
  const pass = () => Effect.void
  return Effect.fnUntraced(function*(line: string) {
    const executed: Array<Script.Executed> = []
    yield* RecordedScript.run([line], {
      commands: Tools.all,
      freshUuid,
      onCommand: (one) => Effect.sync(() => void executed.push(one)),
      onFacts: pass,
      onSnap: pass,
      onAutosnap: pass,
      onSections: pass,
      onInfoblocks: pass,
      onText: pass
    }).pipe(Effect.provideService(Clock.Clock, Session.instant()))
    return executed
  })
})
