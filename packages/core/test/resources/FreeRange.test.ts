import { assert, describe, it } from "@effect/vitest"
import { GiB, MiB } from "../../src/geometry/Units.ts"
import * as FreeRange from "../../src/resources/FreeRange.ts"
import * as ResourceTree from "../../src/resources/ResourceTree.ts"
import { done, errno, machine, put } from "./iomem.ts"

const { Desc, Flag } = ResourceTree

describe("FreeRange", () => {
  it("20.1: the free search steps down by its own size, rounded up to a section", () => {
    const search = {
      base: { start: 0, end: 2 ** 52 - 1 },
      limit: 16 * GiB - 1,
      sectionSize: 128 * MiB,
      name: "hmm_dmirror"
    }
    const first = done(FreeRange.request(machine, { ...search, size: GiB - 5 }))
    assert.strictEqual(first.resource.start, 15 * GiB)
    assert.strictEqual(first.resource.desc, Desc.devicePrivateMemory)
    assert.strictEqual(first.resource.flags & Flag.busy, Flag.busy)
    // One page at the top costs a whole step of 3 GiB, not one section.
    const taken = put(machine, { start: 16 * GiB - 4096, size: 4096, name: "x" })
    assert.strictEqual(done(FreeRange.request(taken, { ...search, size: 3 * GiB })).resource.start, 10 * GiB)
  })

  it("20.1: the free search stops at start ≤ size or below the base", () => {
    const search = { limit: 4 * GiB - 1, sectionSize: 128 * MiB, name: "hmm", size: GiB }
    const base = { start: 0, end: 2 ** 52 - 1 }
    // 3 GiB is free; with it taken 2 GiB is left, but RAM covers [1, 2) GiB.
    const top = put(machine, { start: 3 * GiB, size: GiB, name: "x" })
    assert.strictEqual(done(FreeRange.request(top, { ...search, base })).resource.start, 2 * GiB)
    const full = put(top, { start: 2 * GiB, size: GiB, name: "y" })
    assert.strictEqual(errno(FreeRange.request(full, { ...search, base })), "ERANGE")
    assert.strictEqual(
      errno(FreeRange.request(top, { ...search, base: { start: 3 * GiB, end: 2 ** 52 } })),
      "ERANGE"
    )
    assert.strictEqual(errno(FreeRange.request(machine, { ...search, base, size: 0 })), "EINVAL")
  })
})
