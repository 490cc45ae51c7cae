/**
 * The known mistakes of spec 12.
 *
 * @since 0.1.0
 */
import * as InitMutants from "./InitMutants.ts"
import * as MemoryMutants from "./MemoryMutants.ts"
import type { Mutant, OutOfReach } from "./Mutant.ts"
import * as SectionMutants from "./SectionMutants.ts"

/** Those of the recorded kernel itself come last. */
const number = ({ id }: { readonly id: string }): number => Number(/^BUG-([0-9]+)/.exec(id)?.[1] ?? 1000)

/**
 * All that the machine has the mechanism of, by number.
 *
 * @category mutants
 * @since 0.1.0
 */
export const all: ReadonlyArray<Mutant> = [...SectionMutants.all, ...InitMutants.all, ...MemoryMutants.all].toSorted(
  (a, b) => number(a) - number(b)
)

/**
 * Those it does not have.
 *
 * @category mutants
 * @since 0.1.0
 */
export const outOfReach: ReadonlyArray<OutOfReach> = [
  {
    id: "BUG-4",
    about: "a query that re-enters its own instrumentation",
    why: "there is no KMSAN: nothing looks at the accesses of the kernel itself"
  },
  {
    id: "BUG-10",
    about: "a memory error in the altmap's part is handled as one of a user's page",
    why: "there is no memory_failure(): errors of memory are not modelled"
  },
  {
    id: "BUG-19",
    about: "the span of a node begins at 0, because the first zone that was found set only its end",
    why: "the span of a node is a function of its zones' spans here: nobody stores it, so nobody can set half of it"
  },
  {
    id: "BUG-24",
    about: "page extensions are set up before deferred struct pages are there",
    why: "there are no page extensions, and nobody else walks all pages while a machine boots"
  },
  {
    id: "BUG-25",
    about: "a walker takes a reference on a struct page whose memory is being remapped for HugeTLB",
    why: "HugeTLB pages are planned, not run: their memmap is never remapped"
  }
]
