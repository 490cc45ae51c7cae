/**
 * Scenarios in which something goes wrong besides: somebody is interrupted or unbound at any point of a schedule, or the n-th
 * allocation, populating or question to who minds memory fails. What holds of a scenario holds of it then, too.
 *
 * @since 0.1.0
 */
import { Faults } from "@vmemmap/core/frames/Faults"
import { MemoryNotifier } from "@vmemmap/core/hotplug/MemoryNotifier"
import { Pagemaps } from "@vmemmap/core/hotplug/Pagemaps"
import { KernelError } from "@vmemmap/core/kernel/KernelError"
import type { Op } from "@vmemmap/core/kernel/Steps"
import * as Steps from "@vmemmap/core/kernel/Steps"
import type * as Machine from "@vmemmap/core/machine/Machine"
import type { Piece } from "@vmemmap/core/vmemmap/Piece"
import { Vmemmap } from "@vmemmap/core/vmemmap/Vmemmap"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import * as Mutant from "./Mutant.ts"
import type { Contexts, Scenario } from "./Scenario.ts"

/**
 * - `allocation`, of pages or of a small object
 * - `populate`: the memmap of a piece of a section, for which memory runs out at its very end
 * - `notifier`: who is asked whether memory may go online or offline refuses
 *
 * @category models
 * @since 0.1.0
 */
export type What = "allocation" | "populate" | "notifier"

const step = (name: string, object: string) =>
  Steps.run(function*() {
    yield Steps.write(name, object)
  })

/** The same scenario with more contexts, and with layers replaced in what it replaces itself. */
const changed = (
  scenario: Scenario,
  change: (contexts: Contexts) => Contexts,
  replace: (parts: Machine.Parts) => Partial<Machine.Parts> = () => ({})
): Scenario => ({
  ...scenario,
  replace: (parts) => {
    const own = scenario.replace?.(parts)
    return { ...own, ...replace({ ...parts, ...own }) }
  },
  setup: Effect.map(scenario.setup, change)
})

/**
 * A context is interrupted at a point of its own that the schedule chooses, by another one, which waits for its end; not at all where that
 * goes before it has begun.
 *
 * @category combinators
 * @since 0.1.0
 */
export const interrupting = (scenario: Scenario, name: string): Scenario =>
  changed({ ...scenario, name: `${scenario.name}, ${name} interrupted` }, (contexts) => {
    const effect = contexts[name]
    if (effect === undefined) return contexts
    let target: Fiber.Fiber<unknown, unknown> | null = null
    const begun = Effect.withFiber((fiber) => {
      target = fiber
      return effect
    })
    const forked = Effect.flatMap(Effect.forkChild(begun), Fiber.join)
    const interrupt = Effect.andThen(
      step("context.interrupt", `context:${name}`),
      Effect.suspend(() => target === null ? Effect.void : Fiber.interrupt(target))
    )
    return { ...contexts, [name]: forked, interrupt }
  })

/**
 * The `nth` device that is mapped, from 1 on, is unbound by another context at a point the schedule chooses, whoever else unmaps it; not
 * at all where that goes first.
 *
 * @category combinators
 * @since 0.1.0
 */
export const unbinding = (scenario: Scenario, nth: number): Scenario => {
  let mapped: Array<Scope.Closeable> = []
  return changed(
    { ...scenario, name: `${scenario.name}, device ${nth} unbound` },
    (contexts) => ({
      ...contexts,
      unbind: Effect.andThen(
        step("device.unbind", `device:${nth}`),
        Effect.suspend(() => {
          const scope = mapped[nth - 1]
          return scope === undefined ? Effect.void : Scope.close(scope, Exit.void)
        })
      )
    }),
    ({ pagemaps }) => {
      mapped = []
      return {
        pagemaps: Mutant.wrap(Pagemaps, pagemaps, (original) =>
          Effect.succeed({
            ...original,
            memremap: Effect.fnUntraced(function*(request) {
              const scope = yield* Scope.fork(yield* Effect.scope)
              const pagemap = yield* Scope.provide(original.memremap(request), scope)
              mapped.push(scope)
              return pagemap
            }, Effect.uninterruptible)
          }))
      }
    }
  )
}

const refused = new KernelError({
  errno: "EBUSY",
  rule: "HOT-7",
  step: "memory_notify",
  problem: "a notifier refuses",
  remedy: "ask later"
})

/**
 * What fails the `nth` time, from 1 on and counted from when the contexts begin, as the kernel fails; once.
 *
 * @category combinators
 * @since 0.1.0
 */
export const failing = (scenario: Scenario, what: What, nth: number): Scenario => {
  /** How many are still to come; nobody counts before the contexts begin. */
  let left = Infinity
  const isNow = (): boolean => --left === 0
  const named: Scenario = { ...scenario, name: `${scenario.name}, ${what} ${nth} fails` }
  if (what === "allocation") {
    const arm = Effect.map(Effect.service(Faults), (faults) => faults.arm(nth - 1))
    return { ...named, setup: Effect.tap(scenario.setup, () => arm) }
  }
  const count = (contexts: Contexts): Contexts => {
    left = nth
    return contexts
  }
  return changed(named, count, ({ notifier, vmemmap }) => {
    left = Infinity
    if (what === "notifier") {
      return {
        notifier: Mutant.wrap(MemoryNotifier, notifier, (original) =>
          Effect.succeed({
            ...original,
            ask: (event) => Effect.suspend(() => isNow() ? Effect.fail(refused) : original.ask(event))
          }))
      }
    }
    return {
      vmemmap: Mutant.wrap(Vmemmap, vmemmap, (original) =>
        Effect.succeed({
          ...original,
          populate: function*(piece: Piece): Op<boolean> {
            const isLast = isNow()
            return (yield* original.populate(piece)) && !isLast
          }
        }))
    }
  })
}

/**
 * One disturbance of many, by number: each of the first two contexts interrupted, a device unbound, something failing the first times.
 * The names of contexts are given, for they are known only once a scenario is set up.
 *
 * @category constructors
 * @since 0.1.0
 */
export const byNumber = (scenario: Scenario, names: ReadonlyArray<string>, number: number): Scenario => {
  const round = Math.floor(number / 6)
  const name = names[round % Math.max(1, names.length)] ?? ""
  switch (number % 6) {
    case 0:
    case 1:
      return interrupting(scenario, names[number % 6] ?? name)
    case 2:
      return unbinding(scenario, 1 + round % 2)
    case 3:
      return failing(interrupting(scenario, name), "allocation", 1 + round % 8)
    case 4:
      return failing(scenario, "populate", 1 + round % 3)
    default:
      return failing(interrupting(scenario, name), "notifier", 1 + round % 2)
  }
}
