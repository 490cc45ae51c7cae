/**
 * A machine, and a few contexts that do something on it at the same time: a program to explore.
 *
 * @since 0.1.0
 */
import * as PfnRange from "@vmemmap/core/geometry/PfnRange"
import { MemoryHotplug } from "@vmemmap/core/hotplug/MemoryHotplug"
import { Pagemaps } from "@vmemmap/core/hotplug/Pagemaps"
import { BackgroundInit } from "@vmemmap/core/init/BackgroundInit"
import type { Progress } from "@vmemmap/core/init/RangeInit"
import type { KernelError } from "@vmemmap/core/kernel/KernelError"
import * as BootMemory from "@vmemmap/core/machine/BootMemory"
import { Ledger } from "@vmemmap/core/machine/Ledger"
import * as Machine from "@vmemmap/core/machine/Machine"
import type * as MachineSpec from "@vmemmap/core/machine/MachineSpec"
import * as SectionTable from "@vmemmap/core/sections/SectionTable"
import * as MachineTree from "@vmemmap/core/sysfs/MachineTree"
import { Zones } from "@vmemmap/core/zones/Zones"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import type * as Execution from "../explore/Execution.ts"
import * as Invariants from "../Invariants.ts"
import * as Findings from "./Findings.ts"
import * as Mutant from "./Mutant.ts"
import * as Watches from "./Watches.ts"

/**
 * Everything a machine offers: what contexts may use, and no more.
 *
 * @category models
 * @since 0.1.0
 */
export type Services = Layer.Success<ReturnType<typeof MachineTree.boot>>

/**
 * Contexts by name, in the order of their letters.
 *
 * @category models
 * @since 0.1.0
 */
export type Contexts = Readonly<Record<string, Effect.Effect<unknown, unknown, Services | Scope.Scope>>>

/**
 * - `name` as it is typed, `about` in a sentence, `rules` it is about
 * - `machine` that boots, with `replace` layers of its own
 * - `isBooting`: it has not booted to the end yet, and some of its RAM is not initialised
 * - `setup` happens before anybody is stopped, and answers the contexts
 * - `preemptions`: within how many the exhaustive search stays; every schedule unless said otherwise
 * - `reduce`: whether schedules that only swap steps that commute may be left out; not where contexts share what is no step's object
 * - `source`: the file it is from
 * - `notes`: what a reader should know, once some schedules were run
 *
 * @category models
 * @since 0.1.0
 */
export interface Scenario {
  readonly name: string
  readonly about: string
  readonly rules: ReadonlyArray<string>
  readonly machine: MachineSpec.MachineSpec
  readonly replace?: ((parts: Machine.Parts) => Partial<Machine.Parts>) | undefined
  readonly setup: Effect.Effect<Contexts, KernelError, Services | Scope.Scope>
  readonly isBooting?: boolean | undefined
  readonly preemptions?: number | undefined
  readonly reduce?: boolean | undefined
  readonly source?: string | undefined
  readonly notes?: (() => ReadonlyArray<string>) | undefined
}

/** What the machine is in the end, for comparison: sections, zones and books. */
const fingerprint = Effect.gen(function*() {
  const table = yield* SectionTable.SectionTable
  const zones = yield* Zones
  const sections: Array<string> = []
  for (let section = 0; section <= table.highest; section++) {
    const flags = SectionTable.flags(table, section)
    if (flags !== 0) sections.push(`${section}:${flags}:${SectionTable.mapText(table, section)}`)
  }
  const spans = zones.all().map(({ end, name, node, present, start }) => `${node}/${name}:${start}-${end}:${present}`)
  return [...sections, ...spans].join(" ")
})

/** While its memmap is mapped, or where that ends early. */
const isAdding = (state: Progress["state"]): boolean =>
  state === "mapping" || state === "dying" || state === "cancelled"

/** A context may fail as the kernel fails; it may not die. */
const died = (name: string, exit: Exit.Exit<unknown, unknown>): ReadonlyArray<Execution.Violation> => {
  if (Exit.isSuccess(exit) || !Cause.hasDies(exit.cause)) return []
  const error = Cause.squash(exit.cause)
  return [{ rule: "defect", problem: `${name}: ${error instanceof Error ? error.message : String(error)}` }]
}

/** Whoever maps a device or adds memory, drivers and tools too: its pfns are being added meanwhile (SEC-11). */
const noting = (parts: Machine.Parts, pageSize: number): Machine.Parts => {
  const adding = (bytes: ReadonlyArray<PfnRange.PfnRange>) =>
    Findings.adding(bytes.map(({ end, start }) => ({ start: start / pageSize, end: end / pageSize })))
  return {
    ...parts,
    pagemaps: Mutant.wrap(Pagemaps, parts.pagemaps, (original) =>
      Effect.succeed({
        ...original,
        memremap: (request) => adding(request.ranges)(original.memremap(request))
      })),
    hotplug: Mutant.wrap(MemoryHotplug, parts.hotplug, (original) =>
      Effect.succeed({
        ...original,
        addMemory: (request) => adding([PfnRange.fromLength(request.start, request.size)])(original.addMemory(request))
      }))
  }
}

/**
 * The scenario as a program to explore, with a mistake in the machine or without.
 *
 * Between two steps the invariants of LCK-11 are looked at, in the end also those of a machine at rest and its books.
 *
 * @category constructors
 * @since 0.1.0
 */
export const program = (
  { isBooting, machine, replace, setup }: Scenario,
  mutant: Mutant.Mutant | null = null
): Execution.Program<unknown> => {
  const memory = Result.getOrThrow(BootMemory.make(machine))
  const own = Machine.parts(memory, machine)
  const make = () => {
    const parts: Machine.Parts = { ...own, ...replace?.(own) }
    const booted = Machine.boot(
      memory,
      machine,
      noting({ ...parts, ...mutant?.replace?.(parts) }, memory.kernel.arch.pageSize)
    )
    return MachineTree.layer(machine).pipe(Layer.provideMerge(booted))
  }
  // A replacement may remember what happened: each run has its own.
  const plain = replace === undefined && mutant?.replace === undefined ? make() : null
  return (explored) =>
    Effect.gen(function*() {
      const findings = Findings.make()
      const state = yield* Invariants.state
      const ledger = yield* Ledger
      const watches = yield* Watches.make(mutant?.defects, isBooting)
      const background = yield* BackgroundInit
      /** In the background pfns are still being added when who asked for it has gone on. */
      const adding = () => {
        const names = background.progress().flatMap(({ device, state }) => isAdding(state) ? [device] : [])
        const mapped = names.length === 0 ? [] : state.pagemaps.all().filter(({ name }) => names.includes(name))
        return [...findings.adding, ...mapped.flatMap(({ ranges }) => ranges)]
      }
      const look = () => [
        ...findings.violations,
        ...watches.between(),
        ...Invariants.between(state, { adding: adding(), later: Watches.later(background) })
      ]
      return yield* Effect.scoped(Effect.gen(function*() {
        const contexts = yield* setup
        yield* explored.watch(look)
        yield* explored.guard(Watches.locked)
        const exits = yield* explored.contexts(contexts)
        const books = yield* Effect.exit(ledger.balance)
        const names = Object.keys(contexts)
        const violations: ReadonlyArray<Execution.Violation> = [
          ...exits.flatMap((exit, i) => died(names[i] ?? "", exit)),
          ...findings.violations,
          ...watches.rest(),
          ...Invariants.rest(state, { adding: adding(), users: findings.users, later: Watches.later(background) }),
          ...(Exit.isFailure(books)
            ? [{ rule: "ledger", problem: Cause.pretty(books.cause).split("\n")[0] ?? "" }]
            : [])
        ]
        return { violations, state: yield* fingerprint }
      })).pipe(Effect.provideService(Findings.Current, findings))
    }).pipe(Effect.provide(plain ?? make()))
}
