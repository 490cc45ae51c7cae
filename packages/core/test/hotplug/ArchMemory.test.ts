import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as Faults from "../../src/frames/Faults.ts"
import * as ArchMemory from "../../src/hotplug/ArchMemory.ts"
import * as DirectMap from "../../src/hotplug/DirectMap.ts"
import * as KernelLog from "../../src/kernel/KernelLog.ts"
import * as Steps from "../../src/kernel/Steps.ts"
import type * as MachineSpec from "../../src/machine/MachineSpec.ts"
import type { Piece } from "../../src/vmemmap/Piece.ts"
import * as Harness from "./Harness.ts"

const { GiB, MiB } = Harness

const piece = (start: number, size: number, rest: Partial<Piece> = {}): Piece => ({
  start: start / 4096,
  end: (start + size) / 4096,
  node: 0,
  altmap: null,
  compound: null,
  owner: -1,
  device: null,
  ...rest
})

const on = (spec: Partial<MachineSpec.MachineSpec> = {}) => Effect.provide(Harness.layer({ ...Harness.small, ...spec }))

const run = Effect.gen(function*() {
  const arch = yield* ArchMemory.ArchMemory
  const directMap = yield* DirectMap.DirectMap
  const log = yield* KernelLog.KernelLog
  const options = { linear: true, ram: true, limit: 1 }
  const mapped = () => Object.values(directMap.pieces()).reduce((a, b) => a + b, 0)
  return {
    add: (range: Piece) => {
      const steps: Array<string> = []
      const op = arch.add(range, options)
      let next = op.next()
      for (; next.done !== true; next = op.next()) steps.push(next.value.name)
      const answer = Result.isFailure(next.value) ? next.value.failure.errno : "added"
      return { answer, steps, mapped: mapped(), maxPfn: arch.maxPfn() }
    },
    remove: (range: Piece) => {
      Steps.drain(arch.remove(range, options))
      return mapped()
    },
    warnings: Effect.map(
      log.recent,
      (events) => events.flatMap((e) => e._tag === "Warn" ? [`${e.where} ${e.rule}`] : [])
    )
  }
})

describe("ArchMemory", () => {
  it.effect("HOT-3: beyond the physical addresses x86 WARNs and answers ERANGE; its linear map stays", () =>
    Effect.gen(function*() {
      const { add, warnings } = yield* run
      const { answer, mapped } = add(piece(2 ** 46 - GiB, 2 * GiB))
      assert.deepStrictEqual([answer, mapped], ["ERANGE", 2 * GiB])
      assert.deepStrictEqual(yield* warnings, ["add_pages HOT-3"])
    }).pipe(on()))

  it.effect("HOT-3, SEC-12: x86 raises max_pfn however the add went, others only when it went well", () =>
    Effect.gen(function*() {
      const outcome = (arch: string) =>
        Effect.gen(function*() {
          const faults = yield* Faults.Faults
          const { add } = yield* run
          faults.arm(0)
          const { answer, mapped, maxPfn } = add(piece(8 * GiB, GiB))
          return [answer, mapped, maxPfn]
        }).pipe(on({ arch }))
      assert.deepStrictEqual(yield* outcome("x86_64"), ["ENOMEM", GiB, 9 * GiB / 4096])
      assert.deepStrictEqual(yield* outcome("arm64"), ["ENOMEM", 0, 2 * GiB / 4096])
    }))

  it.effect("ALT-11: s390x refuses an altmap before it maps anything", () =>
    Effect.gen(function*() {
      const { add, warnings } = yield* run
      const altmap = { current: { basePfn: 8 * GiB / 4096, reserve: 0, free: 4096, alloc: 0, align: 0 } }
      const { answer, mapped, steps } = add(piece(8 * GiB, GiB, { altmap }))
      assert.deepStrictEqual([answer, mapped, steps], ["EINVAL", 0, []])
      assert.deepStrictEqual(yield* warnings, ["arch_add_memory ALT-11"])
    }).pipe(on({ arch: "s390x" })))

  it.effect("HOT-10: sections that are not valid are passed over with one WARN, a misaligned range with another", () =>
    Effect.gen(function*() {
      const { add, remove, warnings } = yield* run
      add(piece(8 * GiB, 128 * MiB))
      assert.strictEqual(remove(piece(8 * GiB, 256 * MiB)), -128 * MiB)
      add(piece(8 * GiB, 128 * MiB))
      assert.strictEqual(remove(piece(8 * GiB, MiB)), -MiB)
      assert.deepStrictEqual(yield* warnings, ["__remove_pages HOT-10", "__remove_pages HOT-10"])
    }).pipe(on()))
})
