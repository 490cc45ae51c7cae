import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect } from "effect"
import * as MemoryNames from "../../src/records/MemoryNames.ts"
import * as Session from "../../src/records/Session.ts"
import { Modules } from "../../src/sysfs/Modules.ts"
import * as Chmem from "../../src/userland/Chmem.ts"
import type { Needs } from "../../src/userland/ShellCommand.ts"
import type { NotModelled } from "../../src/userland/Tool.ts"
import * as Small from "./small.ts"

const request = {
  cmdline: "",
  names: MemoryNames.ofMachine(Small.spec, 4096),
  input: Small.input(),
  given: {},
  prepare: Effect.void,
  script: () => Effect.void
}

type Phases = Readonly<Record<string, Readonly<Record<string, unknown>>>>

describe("Session", () => {
  it.effect("time passes as fast as it is waited for", () =>
    Effect.gen(function*() {
      const start = yield* Clock.currentTimeMillis
      yield* Effect.sleep("1 day")
      assert.strictEqual((yield* Clock.currentTimeMillis) - start, 86_400_000)
    }).pipe(Effect.provideService(Clock.Clock, Session.instant())))

  it("uuids are the same in every run, and never twice", () => {
    const [one, other] = [Session.uuids(), Session.uuids()]
    const some = Array.from({ length: 20 }, one)
    assert.deepStrictEqual(Array.from({ length: 20 }, other), some)
    assert.strictEqual(new Set(some).size, 20)
    assert.match(some[15] ?? "", /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-0{10}10$/)
  })

  it.effect("phases are taken before and after drivers, and at the end; what is prepared comes between", () =>
    Small.on(Effect.gen(function*() {
      const modules = yield* Modules
      const loaded: Array<number> = []
      const { defects, observed } = yield* Session.run({
        ...request,
        prepare: Effect.sync(() => void loaded.push(modules.loaded().length)),
        script: (recorder) => recorder.facts("middle")
      })
      assert.deepStrictEqual(Object.keys(observed["phases"] as Phases), ["before-drivers", "boot", "middle", "final"])
      assert.isAbove(loaded[0] ?? 0, 0)
      assert.deepStrictEqual(defects, [])
      assert.deepStrictEqual(observed["delta"], { MemTotal: 0, DirectMap4k: 0, DirectMap2M: 0, DirectMap1G: 0 })
      assert.match(String(observed["module_params"]), /^\w+=\S+$/m)
      assert.isUndefined(observed["outOfMemory"])
    })))

  it.effect("OBS-9: early lines are the given ones; the tail are the last of all", () =>
    Small.on(Effect.gen(function*() {
      const { observed } = yield* Session.run({
        ...request,
        given: { dmesg_new: ["[    0.1] early"] },
        script: (recorder) => Effect.asVoid(recorder.command({ command: "x", exit: 0, stdout: "", stderr: "" }))
      })
      const all = observed["dmesg_all"] as ReadonlyArray<string>
      assert.strictEqual(all[0], "[    0.1] early")
      const { final } = observed["phases"] as Phases
      const tail = final?.["dmesg_tail"] as ReadonlyArray<string>
      assert.isAtMost(tail.length, 5)
      assert.deepStrictEqual(tail, tail.length === 0 ? [] : all.slice(-tail.length))
    })))

  it.effect("HOT-25: memory the kernel itself holds cannot go offline while a session runs", () =>
    Small.on(Effect.gen(function*() {
      const exits: Array<number> = []
      const chmem = (block: number) =>
        Effect.map(Chmem.run(["-b", "-d", String(block)], request.input), ({ exit }) => void exits.push(exit))
      yield* Session.run<NotModelled, Needs>({
        ...request,
        script: () => Effect.andThen(chmem(39), chmem(35))
      })
      assert.deepStrictEqual(exits, [1, 0])
    })))
})
