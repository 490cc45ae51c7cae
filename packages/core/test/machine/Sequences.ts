/** Random sequences of what an administrator does, and what the plans of everything active say the machine holds meanwhile. */
import { assert } from "@effect/vitest"
import { Effect, Result, Schema } from "effect"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as Alternatives from "../../src/planning/Alternatives.ts"
import * as Capacity from "../../src/planning/Capacity.ts"
import type * as PlanOption from "../../src/planning/PlanOption.ts"
import type * as Target from "../../src/planning/Target.ts"
import { has } from "../../src/release/KernelRelease.ts"
import type * as Administrator from "./Administrator.ts"
import type * as Books from "./Books.ts"
import * as Carried from "./Carried.ts"

/** One operation, on one of the targets; `option` is one of its options, by number. What makes no sense is not done. */
export const Step = Schema.Struct({
  what: Schema.Literals(["create", "create", "create", "destroy", "disable", "enable", "back"]),
  target: Schema.Literals([0, 1, 2, 3]),
  option: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 23 }))
})
export type Step = typeof Step.Type

export const Steps = Schema.Array(Step).check(Schema.isMinLength(3), Schema.isMaxLength(24))

interface State {
  readonly option: PlanOption.PlanOption
  readonly isActive: boolean
}

/**
 * Bytes by which the memmaps of two neighbours can be less than both plans say, because the blocks at their common end serve
 * both: none where every subsection fills blocks of its own.
 */
const sharedBlock = ({ arch, structPage }: Target.Kernel): number => {
  const { pageSize, pmdSize, vmemmap, vmemmapBlock } = arch
  const fills = (unit: number) => Architecture.pagesPerSubsection(arch) * structPage % unit === 0
  switch (vmemmap) {
    case "none":
      return 0
    case "base":
      return fills(pageSize) ? 0 : pageSize
    case "pmd":
      return Architecture.memmapPerSection(arch, structPage) % pmdSize === 0 && fills(pageSize) ? 0 : pmdSize
    case "blocks":
      return vmemmapBlock
  }
}

/** Runs the steps one after the other, and at the end takes everything back. */
export const run = Effect.fnUntraced(function*(
  admin: Effect.Success<typeof Administrator.make>,
  accounts: Effect.Success<typeof Books.make>,
  kernel: Target.Kernel,
  targets: ReadonlyArray<Target.Target>,
  steps: ReadonlyArray<Step>
) {
  const booted = accounts.books()
  const states = new Map<Target.Target, State>()
  const done: Array<string> = []

  const check = () => {
    const active = [...states.values()].filter(({ isActive }) => isActive).map(({ option }) => option)
    const planned = active.reduce((sum, { device, ram }) => sum + ram + device, 0)
    const now = accounts.books()
    const held = now.ram - now.tails + now.device - (booted.ram - booted.tails + booted.device)
    // One tail page serves all compounds of an order, and stays (CMP-12).
    const tails = has(kernel.release, "dedup-head-only") ? kernel.arch.pageSize : 0
    const slack = (2 * sharedBlock(kernel) + tails) * targets.length
    const tables = now.tables - booted.tables
    const says = `after ${done.join(", ")}: ${held} held, ${planned} planned`
    if (active.length === 0) {
      assert.strictEqual(held, 0, says)
      assert.strictEqual(tables, 0, `${says}: tables`)
    }
    assert.isAtMost(Math.abs(held - planned), slack, says)
    const most = active.reduce((sum, { pageTables }) => sum + pageTables, 0) +
      2 * active.length * (kernel.arch.pteTable.bytes + kernel.arch.pmdTable.bytes)
    assert.isAtMost(tables, most, `${says}: tables`)
  }

  // A block on a device that a neighbour uses as well is freed by whoever goes last, and not as what it is (BUG-18).
  const isLent = ({ map }: PlanOption.PlanOption) => map === "dev" && sharedBlock(kernel) > 0 && targets.length > 1

  const create = Effect.fnUntraced(function*(target: Target.Target, number: number) {
    const options = Alternatives.all(target, kernel).filter((option) =>
      !Carried.leavesTraces(kernel, target, option) && option.error?.rule !== "SEC-9" && !isLent(option)
    )
    const option = options[number % options.length]
    if (option === undefined) return
    if (states.has(target)) yield* admin.destroy(target)
    states.delete(target)
    const made = yield* Effect.result(admin.create(target, option))
    const errno = Result.isFailure(made) ? made.failure.errno : ""
    assert.strictEqual(errno, option.error?.errno ?? "", `after ${done.join(", ")}`)
    if (Result.isSuccess(made)) states.set(target, { option, isActive: true })
    else yield* admin.destroy(target)
  })

  /** System RAM is the devdax device again that it was made of. */
  const back = Effect.fnUntraced(function*(target: Target.Target, { option }: State) {
    yield* admin.back(target)
    const choice = {
      ...option,
      mode: "devdax" as const,
      memmapOnMemory: false,
      align: option.align ?? kernel.arch.pmdSize
    }
    const devdax = Capacity.plan(choice, target, kernel)
    states.set(target, { option: devdax, isActive: devdax.error === null })
  })

  const act = Effect.fnUntraced(function*({ option, what }: Step, target: Target.Target) {
    const state = states.get(target)
    const isNamespace = target.kind !== "dax" && state !== undefined && state.option.mode !== "system-ram"
    if (what === "create") yield* create(target, option)
    else if (what === "back" && state !== undefined && state.isActive && state.option.mode === "system-ram") {
      yield* back(target, state)
    } else if (what === "destroy" && state !== undefined) {
      yield* admin.destroy(target)
      states.delete(target)
    } else if (what === "disable" && isNamespace && state.isActive) {
      yield* admin.disable(target)
      states.set(target, { ...state, isActive: false })
    } else if (what === "enable" && isNamespace && !state.isActive) {
      yield* admin.enable(target)
      states.set(target, { ...state, isActive: true })
    }
  })

  for (const step of steps) {
    const target = targets[step.target % targets.length]
    if (target === undefined) return
    yield* act(step, target)
    const state = states.get(target)
    done.push(
      `${step.what} ${target.name} ${target.start.toString(16)} ${
        state === undefined ? "" : `(${Carried.describe(state.option)})`
      }`
    )
    check()
  }
  for (const target of states.keys()) {
    yield* admin.destroy(target)
    states.delete(target)
    done.push(`destroy ${target.name} ${target.start.toString(16)}`)
    check()
  }
})
