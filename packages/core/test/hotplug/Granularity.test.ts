import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Effect, Result, Schema } from "effect"
import * as Faults from "../../src/frames/Faults.ts"
import { MemoryBlocks } from "../../src/hotplug/MemoryBlocks.ts"
import { MemoryGroups } from "../../src/hotplug/MemoryGroups.ts"
import { MemoryHotplug } from "../../src/hotplug/MemoryHotplug.ts"
import { OnlinePolicy } from "../../src/hotplug/OnlinePolicy.ts"
import * as Steps from "../../src/kernel/Steps.ts"
import type * as MachineSpec from "../../src/machine/MachineSpec.ts"
import * as Harness from "./Harness.ts"
import * as State from "./State.ts"

const { GiB, MiB } = Harness
const slots = 8
const first = 8 * GiB

const type = Schema.Literals(["online", "online_kernel", "online_movable"])
const slot = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: slots - 1 }))
const length = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 4 }))
const node = Schema.Literals([0, 1])

const Command = Schema.TaggedUnion({
  Add: { slot, length, node, group: Schema.Boolean, own: Schema.Boolean },
  Online: { slot, length, type },
  Offline: { slot, length },
  Remove: { slot, length },
  OfflineAndRemove: { slot, length },
  Policy: {
    onlinePolicy: Schema.Literals(["contig-zones", "auto-movable"]),
    autoMovableRatio: Schema.Literals([0, 25, 100, 301]),
    defaultState: Schema.Literals(["offline", "online", "online_movable"])
  }
})
type Command = typeof Command.Type

const Case = Schema.Struct({
  kernel: Schema.Literals(["6.1.176", "6.8"]),
  blockSize: Schema.Literals([128 * MiB, 256 * MiB]),
  poison: Schema.Boolean,
  movable: Schema.Boolean
})
type Case = typeof Case.Type

const specOf = ({ blockSize, kernel, movable, poison }: Case): MachineSpec.MachineSpec => ({
  kernel,
  hypervisor: true,
  blockSize,
  debugPoison: poison,
  cmdline: `memory_hotplug.memmap_on_memory=1${movable ? " movable_node" : ""}`,
  nodes: [{ node: 0 }, { node: 1 }],
  ranges: [{ start: 0, size: 2 * GiB, kind: "ram", node: 0 }]
})

/** What a command answers, and the state after each. */
const interpret = (commands: ReadonlyArray<Command>) =>
  Effect.gen(function*() {
    const hotplug = yield* MemoryHotplug
    const groups = yield* MemoryGroups
    const policy = yield* OnlinePolicy
    const { size } = yield* MemoryBlocks
    const blocks = ({ length, slot }: { readonly length: number; readonly slot: number }) => ({
      start: first / size + slot,
      end: first / size + Math.min(slots, slot + length)
    })
    const bytes = (command: { readonly length: number; readonly slot: number }) => {
      const { end, start } = blocks(command)
      return { start: start * size, size: (end - start) * size }
    }
    const effectOf = Command.match({
      Add: ({ group, node, own, ...range }) => {
        const id = group
          ? Result.getOrUndefined(groups.register({ kind: "dynamic", node, unitPages: 4 * size / 4096 }))
          : undefined
        return hotplug.addMemory({ ...bytes(range), node, group: id, memmapOnMemory: own })
      },
      Online: (command) => hotplug.online(blocks(command), command.type),
      Offline: (command) => hotplug.offline(blocks(command)),
      Remove: (command) => hotplug.removeMemory(bytes(command)),
      OfflineAndRemove: (command) => hotplug.offlineAndRemove(bytes(command)),
      Policy: ({ _tag, ...change }) => Effect.sync(() => policy.set(change))
    })
    const states: Array<unknown> = []
    for (const command of commands) {
      const answer = yield* Effect.result(effectOf(command) as Effect.Effect<unknown, { readonly errno: string }>)
      yield* State.check
      states.push({
        command,
        answer: Result.isFailure(answer) ? answer.failure.errno : answer.success,
        state: yield* State.observe(first / 4096, first / 4096 + slots * size / 4096)
      })
    }
    return states
  })

describe("granularity", () => {
  it.effect.prop(
    "in bulk and section by section operations answer the same and end in the same state",
    {
      spec: Arbitrary.schema(Case),
      plugged: Arbitrary.array(Arbitrary.schema(Command.cases.Add), { minLength: 1, maxLength: 4 }),
      more: Arbitrary.array(Arbitrary.schema(Command), { minLength: 1, maxLength: 16 })
    },
    ({ more, plugged, spec }) =>
      Effect.gen(function*() {
        const layer = Harness.layer(specOf(spec))
        const commands = [...plugged, ...more]
        const bulk = yield* interpret(commands).pipe(Effect.provide(layer))
        const stepped = yield* interpret(commands).pipe(
          Effect.provide(layer),
          Effect.provideService(Steps.Steps, Steps.stepped(() => Effect.void))
        )
        assert.deepStrictEqual(stepped, bulk)
      }),
    { arbitrary: { runs: process.env["VMEMMAP_LONG"] === "1" ? 3000 : 60, seed: "hotplug" } }
  )

  it.effect("8192 blocks at once are a few extents, and take no longer than a few blocks", () =>
    Effect.gen(function*() {
      const hotplug = yield* MemoryHotplug
      const blocks = yield* MemoryBlocks
      const range = { start: 8192, end: 2 * 8192 }
      const bytes = { start: 1024 * GiB, size: 1024 * GiB }
      yield* hotplug.addMemory({ ...bytes, node: 0 })
      assert.strictEqual(yield* hotplug.online(range, "online_movable"), 8192)
      assert.strictEqual(blocks.runs(range).length, 1)
      yield* State.check
      assert.strictEqual(yield* hotplug.offline(range), 8192)
      yield* hotplug.removeMemory(bytes)
      assert.deepStrictEqual(blocks.runs(range), [])
      yield* State.check
    }).pipe(Effect.provide(Harness.layer({
      ...Harness.small,
      ranges: [{ start: 0, size: 64 * GiB, kind: "ram" }],
      blockSize: 128 * MiB
    }))))
})

describe("allocations that fail", () => {
  const request = { start: first, size: GiB, node: 1 }
  const layer = Harness.layer(specOf({ kernel: "6.1.176", blockSize: 128 * MiB, poison: false, movable: false }))
  const newer = Harness.layer(specOf({ kernel: "6.8", blockSize: 128 * MiB, poison: false, movable: false }))

  /** Adds with the n-th allocation failing, for n from 0 until none is left to fail. */
  const all = (own: boolean, each: (n: number, before: Shown, after: Shown) => void) =>
    Effect.gen(function*() {
      for (let n = 0;; n++) {
        const isDone = yield* Effect.gen(function*() {
          const hotplug = yield* MemoryHotplug
          const faults = yield* Faults.Faults
          const before = yield* State.observe(first / 4096, first / 4096 + 262144)
          faults.arm(n)
          const added = yield* Effect.result(hotplug.addMemory({ ...request, memmapOnMemory: own }))
          const left = faults.disarm()
          yield* State.check
          if (left !== null) return true
          // A block of 2 MiB that cannot be had is replaced by single pages (VMM-3).
          if (Result.isSuccess(added)) return false
          assert.strictEqual(added.failure.errno, "ENOMEM", `allocation ${n}`)
          each(n, before, yield* State.observe(first / 4096, first / 4096 + 262144))
          return false
        }).pipe(Effect.provide(own ? newer : layer))
        if (isDone) return n
      }
    })
  type Shown = Effect.Success<ReturnType<typeof State.observe>>

  it.effect("spec 11: no block, no resource, no node is left; sections before the one that failed are (SEC-12)", () =>
    Effect.gen(function*() {
      const count = yield* all(false, (n, before, after) => {
        assert.deepStrictEqual(after.shown, before.shown, `allocation ${n}`)
        const left = after.sections.filter((run) => run.first >= 64).reduce(
          (sum, run) => sum + run.last - run.first + 1,
          0
        )
        assert.strictEqual(left, after.leaves.length, `allocation ${n}`)
      })
      // Node, roots, eight sections with usage, table and block, eight block devices.
      assert.isAbove(count, 24)
    }))

  it.effect("BUG-18: what fails after its sections were added is undone with the same altmap", () =>
    Effect.gen(function*() {
      const count = yield* all(true, (n, before, after) => {
        assert.deepStrictEqual(after.shown, before.shown, `allocation ${n}`)
      })
      assert.isAbove(count, 8)
    }))
})
