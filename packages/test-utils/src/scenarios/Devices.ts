/**
 * Machines and device memory that scenarios are about, and what contexts do with them.
 *
 * @since 0.1.0
 */
import * as Architecture from "@vmemmap/core/geometry/Architecture"
import { hex } from "@vmemmap/core/geometry/Pfn"
import type * as PfnRange from "@vmemmap/core/geometry/PfnRange"
import { GiB, MiB } from "@vmemmap/core/geometry/Units"
import type * as Pagemap from "@vmemmap/core/hotplug/Pagemap"
import { Pagemaps } from "@vmemmap/core/hotplug/Pagemaps"
import type * as MachineSpec from "@vmemmap/core/machine/MachineSpec"
import * as Altmap from "@vmemmap/core/vmemmap/Altmap"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as Findings from "./Findings.ts"
import { unusable } from "./Walkers.ts"

/** @since 0.1.0 */
export const pageSize = 4096

/**
 * A gibibyte of RAM whose last section is half full.
 *
 * @category machines
 * @since 0.1.0
 */
export const small: MachineSpec.MachineSpec = {
  kernel: "6.1",
  ranges: [{ kind: "ram", start: 0, size: GiB - 64 * MiB, node: 0 }]
}

/**
 * Where devices begin that have sections of their own.
 *
 * @category constants
 * @since 0.1.0
 */
export const apart = 8 * GiB

/**
 * What a driver asks for: fsdax pages of node 0, unless said otherwise.
 *
 * @category constructors
 * @since 0.1.0
 */
export const device = (
  name: string,
  start: number,
  size: number,
  more: Partial<Pagemap.Request> = {}
): Pagemap.Request => ({ name, type: "fsdax", node: 0, ranges: [{ start, end: start + size }], ...more })

/**
 * The same with its memmap on itself: `kept` bytes for it, as much as it needs unless said otherwise.
 *
 * @category constructors
 * @since 0.1.0
 */
export const withAltmap = (name: string, start: number, size: number, kept = 4 * MiB): Pagemap.Request =>
  device(name, start, size, { altmap: Altmap.make(start, kept, Architecture.presets.x86_64) })

/**
 * The pfns of its first range.
 *
 * @category queries
 * @since 0.1.0
 */
export const pfns = ({ ranges }: Pagemap.Request): PfnRange.PfnRange => {
  const { end, start } = ranges[0] ?? { start: 0, end: 0 }
  return { start: start / pageSize, end: end / pageSize }
}

/** Maps a device for as long as the scope lives. */
const mapIn = (scope: Scope.Scope, request: Pagemap.Request) =>
  Effect.flatMap(Effect.service(Pagemaps), ({ memremap }) => memremap(request)).pipe(
    Scope.provide(scope)
  )

/**
 * Maps a device and unmaps it again.
 *
 * @category contexts
 * @since 0.1.0
 */
export const mapOnce = (request: Pagemap.Request) =>
  Effect.scoped(Effect.flatMap(Effect.scope, (scope) => mapIn(scope, request)))

/**
 * A device that is there, until somebody does `unmap`.
 *
 * @category constructors
 * @since 0.1.0
 */
export const mapped = Effect.fnUntraced(function*(request: Pagemap.Request) {
  const scope = yield* Scope.fork(yield* Effect.scope)
  const pagemap = yield* mapIn(scope, request)
  return { pagemap, unmap: Scope.close(scope, Exit.void) }
})

/**
 * Whoever uses a device page while it holds a reference of its pagemap (MRP-7, MRP-10).
 *
 * @category contexts
 * @since 0.1.0
 */
export const user = (pfn: number) =>
  Effect.scoped(Effect.gen(function*() {
    const { get } = yield* Pagemaps
    const found = yield* get(pfn)
    if (found._tag === "None") return
    const problem = yield* unusable(pfn)
    if (problem !== null) {
      yield* Findings.report("LCK-10", `the struct page of pfn ${hex(pfn)} ${problem}, while its user has a reference`)
    }
  }))

/**
 * Whoever was told that the struct page of a pfn is there.
 *
 * @category contexts
 * @since 0.1.0
 */
export const usePage = Effect.fnUntraced(function*(pfn: number, who: string) {
  const problem = yield* unusable(pfn)
  if (problem !== null) {
    yield* Findings.report("LCK-11.5", `${who} uses the struct page of pfn ${hex(pfn)}, which ${problem}`)
  }
})

/**
 * Whoever looks at a running kernel with a debugger: reads a struct page where one is mapped, whatever it says, and believes nothing.
 *
 * @category contexts
 * @since 0.1.0
 */
export const dump = (pfn: number) => Effect.asVoid(unusable(pfn))
