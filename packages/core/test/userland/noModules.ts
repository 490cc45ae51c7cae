/** A machine whose modules are not looked at. */
import { Effect } from "effect"
import type * as Modules from "../../src/sysfs/Modules.ts"

export const noModules: Modules.Modules["Service"] = {
  known: [],
  builtin: [],
  needs: () => [],
  loaded: () => [],
  load: () => Effect.void,
  unload: () => Effect.void
}
