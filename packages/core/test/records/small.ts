/** A small machine with a region, booted with its files and modules. */
import { Clock, Effect } from "effect"
import { GiB, MiB } from "../../src/geometry/Units.ts"
import type { MachineSpec } from "../../src/machine/MachineSpec.ts"
import * as Session from "../../src/records/Session.ts"
import * as MachineTree from "../../src/sysfs/MachineTree.ts"
import type { Input } from "../../src/userland/Tool.ts"

export const spec: MachineSpec = {
  name: "guest",
  kernel: "6.1",
  hypervisor: true,
  ranges: [
    { start: MiB, size: 3 * GiB - MiB, kind: "ram", node: 0 },
    { start: 4 * GiB, size: GiB, kind: "ram", node: 0 }
  ],
  devices: [{ name: "region0", kind: "pmem", start: 8 * GiB, size: 4 * GiB, node: 0, targetNode: 1, labels: true }]
}

export const input = (): Input => ({ stdin: new Uint8Array(), onTerminal: false, freshUuid: Session.uuids() })

/** Runs on a machine of its own, on which waiting takes no time. */
export const on = <A, E, R>(effect: Effect.Effect<A, E, R>, machine: MachineSpec = spec) =>
  effect.pipe(
    Effect.scoped,
    Effect.provide(MachineTree.boot(machine), { local: true }),
    Effect.provideService(Clock.Clock, Session.instant())
  )
