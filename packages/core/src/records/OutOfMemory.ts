/**
 * What a record can still be held to once an allocation failed: everything else depends on how much memory was free at that
 * moment, and on whom the kernel kills for it.
 *
 * @since 0.1.0
 */
import type { Recorder, Shortage } from "./Recorder.ts"

type Observed = ReturnType<Recorder["observed"]>

/** Firmware, zones, blocks and node masks are as before: nothing was added, and what leaked is in none of them. */
const stays: ReadonlySet<string> = new Set(["iomemText", "zoneinfo", "memory_blocks", "nodes", "meminfo"])

const kept = (labels: ReadonlySet<string>, all: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(all).filter(([label]) => labels.has(label)))

/**
 * The observation without what came after the shortage, apart from what does not depend on it: of the command that met it the
 * kernel's lines, of later phases {@link stays}.
 *
 * @category conversions
 * @since 0.1.0
 */
export const cut = (observed: Observed, { commands, labels, phases }: Shortage) => ({
  commands: observed.commands.map((entry, i) =>
    i < commands
      ? entry
      : { n: entry.n, command: entry.command, ...(i === commands ? { dmesg: entry.dmesg } : {}) }
  ),
  phases: Object.fromEntries(
    Object.entries(observed.phases).map(([name, phase]) => [
      name,
      phases.has(name) ? phase : Object.fromEntries(Object.entries(phase).filter(([key]) => stays.has(key)))
    ])
  ),
  snapshots: kept(labels, observed.snapshots),
  sections: kept(labels, observed.sections),
  infoblocks: kept(labels, observed.infoblocks)
})
