/**
 * Mistakes in how struct pages are initialised (spec 05, 13, 26.6).
 *
 * @since 0.1.0
 */
import { MemmapInit } from "@vmemmap/core/init/MemmapInit"
import type * as Machine from "@vmemmap/core/machine/Machine"
import * as Effect from "effect/Effect"
import { posted, strategy } from "./InitScenarios.ts"
import * as Mutant from "./Mutant.ts"

/** Of compounds that begin at some pfns only the first 128 struct pages are written, as if the others were shared. */
const fewer = (concerns: (start: number) => boolean) => ({ init }: Machine.Parts): Partial<Machine.Parts> => ({
  init: Mutant.wrap(MemmapInit, init, (original) =>
    Effect.succeed({
      ...original,
      parts: (list, under, type, limit) =>
        original.parts(
          list.map((part) =>
            part.image._tag === "Compound" && concerns(part.start)
              ? { ...part, image: { ...part.image, written: Math.min(128, part.image.written) } }
              : part
          ),
          under,
          type,
          limit
        )
    }))
})

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
    remedy:
      "write the altmap's own pages under the lock and all others once, after it was dropped (966cf44f637e, 4.20)",
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
    remedy: "set the migratetype of every pageblock in the range, not only where a head lies",
    replace: ({ init }) => ({
      init: Mutant.wrap(MemmapInit, init, (original) =>
        Effect.succeed({
          ...original,
          pageblocks: function*({ start }, type, limit) {
            yield* original.pageblocks({ start, end: start + 1 }, type, limit)
          },
          parts: function*(list, under, type, limit) {
            const isCompound = list.some(({ image }) => image._tag === "Compound")
            yield* original.parts(list, under, isCompound ? null : type, limit)
            if (!isCompound || type === null) return
            for (const { start } of list) yield* original.pageblocks({ start, end: start + 1 }, type, limit)
          }
        }))
    })
  },
  {
    id: "BUG-26",
    about: "a request that straddles two sub-ranges is counted by its length alone: its last pages are not initialised",
    scenario: "init-fault",
    remedy:
      "memmap_sync() has to count sub-ranges from the one its first page lies in to the one its last page lies in: DIV_ROUND_UP() of the length alone misses the last where the request begins inside one",
    replace: flawed("straddle-miss")
  },
  {
    id: "BUG-27",
    about: "sync waits for the jobs before each worker's own: not for the last worker",
    scenario: "init-sync",
    remedy:
      "wait for cookie + 1: async_synchronize_cookie_domain() waits for jobs before the cookie it is given, so each worker's own is left out; teardown of the same series does it right",
    replace: flawed("exclusive-sync")
  },
  {
    id: "BUG-28",
    about: "a worker is marked active after it was queued: one that is faster stays active for ever",
    scenario: "init-sync",
    remedy:
      "set the active bit and store the cookie before the job is scheduled, or clear the bit only where it is set: a job that is faster clears it first and nobody does so again",
    replace: flawed("stuck-active")
  },
  {
    id: "BUG-29 (lost error)",
    about:
      "that the memmap could not be populated is stored where nobody reads it: struct pages are written all the same",
    scenario: "init-no-memory",
    remedy:
      "let page jobs look at the result of the map job before they write, and return it from memmap_sync(): nobody reads it, so they write where no memmap is mapped",
    replace: flawed("lost-populate-error")
  },
  {
    id: "BUG-29 (leaked mutex)",
    about: "the mutex of the page tables is kept when an allocation fails: whoever populates next waits for ever",
    scenario: "init-after-failure",
    remedy:
      "release the mutex of the page tables on the way out of a failed allocation: every later populate, of any device, waits for ever",
    replace: flawed("leaked-mutex")
  },
  {
    id: "BUG-13",
    about:
      "initialising decides by itself which compounds share their tails, and takes those for it whose memmap does not",
    scenario: "compounds-on-device",
    remedy: "let populate and initialise ask one predicate, with the architecture's consent (87a7ae75d738, 6.4)",
    replace: fewer(() => true)
  },
  {
    id: "BUG-14",
    about:
      "of compounds in a section of boot's only the first 128 struct pages are written, though nobody shares the others",
    scenario: "compounds-beside-ram",
    remedy: "write all struct pages of compounds whose section is early (fixes 6fd3620b3428)",
    replace: fewer((start) => start < 2 ** 20)
  },
  {
    id: "BUG-23",
    about: "struct pages of holes in boot's sections are not initialised",
    scenario: "device-beside-ram",
    remedy:
      "initialise the holes between ranges and behind the last, up to the end of its section (e822969cab48, 0740a50b9baa)",
    replace: ({ init }) => ({
      init: Mutant.wrap(MemmapInit, init, (original) =>
        Effect.succeed({
          ...original,
          parts: (list, under, type, limit) =>
            original.parts(
              under === "boot" ? list.filter(({ image }) => image._tag === "InUse") : list,
              under,
              type,
              limit
            )
        }))
    })
  },
  {
    id: "6.1: BUG-14",
    about:
      "the recorded kernel: device-dax compounds over a section of boot RAM keep stale struct pages behind the first 128",
    scenario: "compounds-of-6.1-beside-ram",
    remedy:
      "backport the fix of 6fd3620b3428, or begin the namespace on a section boundary: daxctl and ndctl do not refuse it",
    defects: ["BUG-14"]
  },
  {
    id: "6.1: CMP-5",
    about:
      "the recorded kernel: 1 GiB compounds that do not begin on a section boundary write heads over the tails of the first",
    scenario: "misplaced-1g",
    remedy:
      "refuse in memremap_pages(), or do not share, where the range is not aligned to its compounds: vmemmap_populate_compound_pages() takes the first vmemmap page of each section for one of the compound begun before",
    defects: ["CMP-5"]
  },
  {
    id: "6.1: 22.6",
    about:
      "the recorded kernel: an info block that sets too little aside for its memmap fails half-way and leaves sections behind",
    scenario: "altmap-fails",
    remedy:
      "check the size of the altmap against the range before sections are added (nd_pfn_validate() could), or remove what was added when section_activate() fails (SEC-12)",
    defects: ["22.6"]
  }
]
