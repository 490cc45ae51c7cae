/**
 * Mistakes in how struct pages are initialised (spec 05, 13, 26.6).
 *
 * @since 0.1.0
 */
import { MemmapInit } from "@vmemmap/core/init/MemmapInit"
import * as Effect from "effect/Effect"
import { posted, strategy } from "./InitScenarios.ts"
import * as Mutant from "./Mutant.ts"

/** The posting of 2018 with a mistake it had. */
const flawed = (flaw: string) => strategy(`${posted};flaws=${flaw}`)

/**
 * @category mutants
 * @since 0.1.0
 */
export const all: ReadonlyArray<Mutant.Mutant> = [
  {
    id: "BUG-1",
    about: "struct pages of a device are written under the hotplug lock, and outside it again",
    scenario: "add-pfn-valid",
    replace: ({ init }) => ({
      init: Mutant.wrap(MemmapInit, init, (original) =>
        Effect.succeed({
          ...original,
          parts: function*(list, under, type, limit) {
            if (under === "no lock") yield* original.parts(list, "mem_hotplug_lock", type, limit)
            yield* original.parts(list, under, type, limit)
          }
        }))
    })
  },
  {
    id: "BUG-16",
    about: "of a compound only the head's pageblock becomes movable",
    scenario: "compounds-of-1g",
    replace: ({ init }) => ({
      init: Mutant.wrap(MemmapInit, init, (original) =>
        Effect.succeed({
          ...original,
          pageblocks: function*({ start }, type) {
            yield* original.pageblocks({ start, end: start + 1 }, type)
          },
          parts: function*(list, under, type, limit) {
            const isCompound = list.some(({ image }) => image._tag === "Compound")
            yield* original.parts(list, under, isCompound ? null : type, limit)
            if (!isCompound || type === null) return
            for (const { start } of list) yield* original.pageblocks({ start, end: start + 1 }, type)
          }
        }))
    })
  },
  {
    id: "BUG-26",
    about: "a request that straddles two sub-ranges is counted by its length alone: its last pages are not initialised",
    scenario: "init-fault",
    replace: flawed("straddle-miss")
  },
  {
    id: "BUG-27",
    about: "sync waits for the jobs before each worker's own: not for the last worker",
    scenario: "init-sync",
    replace: flawed("exclusive-sync")
  },
  {
    id: "BUG-28",
    about: "a worker is marked active after it was queued: one that is faster stays active for ever",
    scenario: "init-sync",
    replace: flawed("stuck-active")
  },
  {
    id: "BUG-29 (lost error)",
    about:
      "that the memmap could not be populated is stored where nobody reads it: struct pages are written all the same",
    scenario: "init-no-memory",
    replace: flawed("lost-populate-error")
  },
  {
    id: "BUG-29 (leaked mutex)",
    about: "the mutex of the page tables is kept when an allocation fails: whoever populates next waits for ever",
    scenario: "init-after-failure",
    replace: flawed("leaked-mutex")
  }
]
