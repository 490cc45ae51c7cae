/**
 * Everything that is looked at happening at the same time.
 *
 * @since 0.1.0
 */
import * as BlockScenarios from "./BlockScenarios.ts"
import * as BootScenarios from "./BootScenarios.ts"
import * as DaxScenarios from "./DaxScenarios.ts"
import * as DeviceScenarios from "./DeviceScenarios.ts"
import * as InitScenarios from "./InitScenarios.ts"
import type { Scenario } from "./Scenario.ts"

/**
 * All scenarios, by topic.
 *
 * @category scenarios
 * @since 0.1.0
 */
export const all: ReadonlyArray<Scenario> = [
  ...DeviceScenarios.devices,
  ...BlockScenarios.blocksOnline,
  ...InitScenarios.inits,
  ...BootScenarios.boots,
  ...DaxScenarios.dax
]
