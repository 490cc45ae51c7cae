import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Stream } from "effect"
import * as KernelLog from "../../src/kernel/KernelLog.ts"

const line = (text: string): KernelLog.Event => ({ _tag: "Line", level: "info", text })
const text = (event: KernelLog.Event): string => event._tag === "Line" ? event.text : event._tag

describe("KernelLog", () => {
  it.effect("late readers find the newest events, in order", () =>
    Effect.gen(function*() {
      const log = yield* KernelLog.make(3)
      for (const name of ["a", "b", "c", "d", "e"]) log.emit(line(name))
      assert.deepStrictEqual((yield* log.recent).map(text), ["c", "d", "e"])
    }))

  it.effect("listeners miss nothing, the stream brings what follows", () =>
    Effect.gen(function*() {
      const log = yield* KernelLog.make()
      const heard: Array<string> = []
      log.listen((event) => heard.push(text(event)))
      const fiber = yield* log.stream.pipe(Stream.take(2), Stream.runCollect, Effect.forkChild)
      yield* Effect.yieldNow
      for (const name of ["a", "b", "c"]) log.emit(line(name))
      assert.deepStrictEqual((yield* Fiber.join(fiber)).map(text), ["a", "b"])
      assert.deepStrictEqual(heard, ["a", "b", "c"])
    }))

  it.effect("ERR-2: a WARN_ON_ONCE is one event per place", () =>
    Effect.gen(function*() {
      const log = yield* KernelLog.make()
      for (const where of ["add_pages", "add_pages", "memunmap_pages"]) log.once({ where, rule: "MRP-16", text: "x" })
      const places = (yield* log.recent).map((event) => event._tag === "Warn" ? event.where : "")
      assert.deepStrictEqual(places, ["add_pages", "memunmap_pages"])
    }))

  it.effect("an operation ends in the log however it ends", () =>
    Effect.gen(function*() {
      const log = yield* KernelLog.make()
      yield* Effect.exit(KernelLog.operation(log, "memremap_pages")(Effect.fail("no")))
      const phases = (yield* log.recent).map((event) => event._tag === "Operation" ? event.phase : "")
      assert.deepStrictEqual(phases, ["begin", "end"])
    }))
})
