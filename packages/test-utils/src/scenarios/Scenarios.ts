/**
 * Things that happen at the same time on a machine with device memory.
 *
 * @since 0.1.0
 */
import * as PfnRange from "@vmemmap/core/geometry/PfnRange"
import { GiB, MiB } from "@vmemmap/core/geometry/Units"
import type * as Pagemap from "@vmemmap/core/hotplug/Pagemap"
import { Pagemaps } from "@vmemmap/core/hotplug/Pagemaps"
import type * as MachineSpec from "@vmemmap/core/machine/MachineSpec"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Findings from "./Findings.ts"
import type { Scenario } from "./Scenario.ts"
import * as Walkers from "./Walkers.ts"

const page = 4096

/** A gibibyte of RAM whose last section is half full. */
const small: MachineSpec.MachineSpec = {
  kernel: "6.1",
  ranges: [{ kind: "ram", start: 0, size: GiB - 64 * MiB, node: 0 }]
}

const deviceStart = 8 * GiB

const device = (name: string, start: number, size: number, more: Partial<Pagemap.Request> = {}): Pagemap.Request => ({
  name,
  type: "fsdax",
  node: 0,
  ranges: [{ start, end: start + size }],
  ...more
})

const pfns = ({ ranges }: Pagemap.Request): PfnRange.PfnRange => {
  const { end, start } = ranges[0] ?? { start: 0, end: 0 }
  return { start: start / page, end: end / page }
}

/** Maps a device for as long as the scope it is given. */
const mapIn = (scope: Scope.Scope, request: Pagemap.Request) =>
  Effect.flatMap(Effect.service(Pagemaps), ({ memremap }) => memremap(request)).pipe(
    Findings.adding(pfns(request)),
    Scope.provide(scope)
  )

const mapOnce = (request: Pagemap.Request) =>
  Effect.scoped(Effect.flatMap(Effect.scope, (scope) => mapIn(scope, request)))

/** A device that is there when the contexts begin, and how to unmap it. */
const mapped = Effect.fnUntraced(function*(request: Pagemap.Request) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  yield* mapIn(scope, request)
  return { unmap: Scope.close(scope, Exit.void) }
})

/** Whoever looks a device page up, reads it under a reference, and drops that. */
const user = (request: Pagemap.Request, pfn: number) =>
  Effect.scoped(Effect.gen(function*() {
    const { get } = yield* Pagemaps
    const found = yield* get(pfn)
    if (found._tag === "None" || found.value.name !== request.name) return
    yield* Effect.void
  }))

/**
 * @category scenarios
 * @since 0.1.0
 */
export const all: ReadonlyArray<Scenario> = [
  {
    name: "add-pfn-valid",
    about: "a device is mapped while somebody asks pfn_valid() of its pages",
    rules: ["SEC-10", "SEC-11", "LCK-6"],
    machine: small,
    setup: Effect.sync(() => {
      const request = device("pmem0", deviceStart, 128 * MiB)
      return {
        map: mapOnce(request),
        walker: Effect.forEach([0, 1], (i) => Walkers.pfnValid(deviceStart / page + i), { discard: true })
      }
    }),
    preemptions: 3
  },
  {
    name: "remove-pfn-valid",
    about: "a device is unmapped while somebody asks pfn_valid() of its pages",
    rules: ["SEC-13", "LCK-7"],
    machine: small,
    setup: Effect.map(mapped(device("pmem0", deviceStart, 128 * MiB)), ({ unmap }) => ({
      unmap,
      walker: Effect.forEach([0, 1], (i) => Walkers.pfnValid(deviceStart / page + i), { discard: true })
    }))
  },
  {
    name: "device-beside-ram",
    about: "a device is mapped and unmapped in a section that also holds RAM, while somebody walks online pages",
    rules: ["SEC-7", "ZON-4", "BUG-9", "BUG-11"],
    machine: small,
    setup: Effect.sync(() => {
      const request = device("pmem0", GiB - 64 * MiB, 64 * MiB)
      const { start } = pfns(request)
      return {
        map: mapOnce(request),
        walker: Effect.andThen(Walkers.ramWalker(start), Walkers.onlineWalker(start - 1))
      }
    }),
    preemptions: 3
  },
  {
    name: "two-in-one-section",
    about: "two namespaces that share a section are mapped and unmapped at the same time",
    rules: ["SEC-10", "SEC-13", "LCK-1"],
    machine: small,
    setup: Effect.sync(() => ({
      first: mapOnce(device("pmem0", deviceStart, 64 * MiB)),
      second: mapOnce(device("pmem1", deviceStart + 64 * MiB, 64 * MiB))
    })),
    preemptions: 2
  },
  {
    name: "get-unmap",
    about: "somebody looks a device page up and holds its pagemap while the device goes away",
    rules: ["MRP-7", "MRP-12", "LCK-10", "BUG-7"],
    machine: small,
    setup: Effect.gen(function*() {
      const request = device("pmem0", deviceStart, 128 * MiB)
      const { unmap } = yield* mapped(request)
      return { unmap, user: user(request, deviceStart / page) }
    })
  }
]
