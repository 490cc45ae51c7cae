/**
 * Zones and memory blocks of a machine, in the words of a record.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as BlockAttributes from "../hotplug/BlockAttributes.ts"
import { MemoryBlocks } from "../hotplug/MemoryBlocks.ts"
import { Nodes } from "../hotplug/Nodes.ts"
import { OnlinePolicy } from "../hotplug/OnlinePolicy.ts"
import * as ZoneRows from "../sysfs/ZoneRows.ts"
import { Zones } from "../zones/Zones.ts"

/**
 * `zoneinfo` and `memory_blocks`; neighbouring blocks that read the same are one run.
 *
 * @category operations
 * @since 0.1.0
 */
export const take = Effect.gen(function*() {
  const blocks = yield* MemoryBlocks
  const policy = yield* OnlinePolicy
  const zones = yield* Zones
  const nodes = yield* Nodes
  return {
    zoneinfo: ZoneRows.make({ nodes, zones }),
    memory_blocks: {
      blockSizeBytes: blocks.size,
      autoOnline: policy.parameters().defaultState,
      runs: BlockAttributes.runs({ blocks, policy, zones }).map((run) => ({
        first: run.first,
        last: run.last,
        state: run.state,
        validZones: run.validZones,
        physDevice: String(run.physDevice),
        removable: String(run.removable),
        nodes: run.nodes.map((node) => `node${node}`)
      }))
    }
  }
})
