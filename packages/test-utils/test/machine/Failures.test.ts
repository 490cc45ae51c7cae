/** Allocations that fail and unmaps that wait, on the engine and on the reference model. */
import { describe, it } from "@effect/vitest"
import type { MachineSpec } from "@vmemmap/core/machine/MachineSpec"
import { Effect } from "effect"
import * as Agreement from "../../src/Agreement.ts"
import * as Program from "../../src/Program.ts"
import { follow } from "./follow.ts"

const MiB = 2 ** 20

describe("engine = reference model", () => {
  const machine: MachineSpec = { kernel: "6.1.176", ranges: [{ kind: "ram", start: 0, size: 250 * MiB, node: 0 }] }
  const map = (rest: Partial<Extract<Program.Operation, { readonly _tag: "Map" }>>) =>
    Program.Operation.cases.Map.make({
      name: "a",
      type: "generic",
      ranges: [],
      node: 0,
      order: 0,
      altmap: "none",
      complete: true,
      ...rest
    })

  it.effect("MRP-12, LCK-10: an unmap waits for users, without the lock and found by nobody", () => {
    const name = "a"
    const one = map({ ranges: [{ startMiB: 384, sizeMiB: 130 }], altmap: "fits" })
    return follow(machine, [
      one,
      { _tag: "Get", name },
      { _tag: "Get", name },
      { _tag: "Unmap", name },
      { _tag: "Get", name },
      one,
      { _tag: "Put", name },
      { _tag: "Put", name },
      one
    ])
  })

  const border = 64 * 1024
  const maps = {
    "a section and two pieces": map({ ranges: [{ startMiB: 382, sizeMiB: 132 }] }),
    "sections beyond the first PMD table": map({ ranges: [{ startMiB: border - 2, sizeMiB: 258 }] }),
    "the same on the device": map({ altmap: "fits", ranges: [{ startMiB: border - 128, sizeMiB: 384 }] }),
    "compounds": map({ order: 9, ranges: [{ startMiB: border - 2, sizeMiB: 4 }] }),
    "compounds wider than a section": map({ order: 16, ranges: [{ startMiB: border - 128, sizeMiB: 256 }] }),
    "two ranges": map({ ranges: [{ startMiB: border, sizeMiB: 128 }, { startMiB: 384, sizeMiB: 2 }] })
  }
  for (const [what, operation] of Object.entries(maps)) {
    it.effect(`SEC-12: whichever allocation fails: ${what}`, () =>
      Effect.forEach(
        [...Array.from({ length: 12 }, (_, n) => n), 24, 517],
        (succeed) =>
          follow(
            machine,
            [{ _tag: "FailAllocation", succeed }, operation, { _tag: "Unmap", name: "a" }, operation],
            Agreement.edges
          ),
        { discard: true }
      ))
  }
})
