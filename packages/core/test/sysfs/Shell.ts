/** Command lines typed on a modelled machine whose drivers are loaded. */
import { assert } from "@effect/vitest"
import { Effect, Result } from "effect"
import type { MachineSpec } from "../../src/machine/MachineSpec.ts"
import * as MachineTree from "../../src/sysfs/MachineTree.ts"
import { Modules } from "../../src/sysfs/Modules.ts"
import * as Script from "../../src/userland/Script.ts"
import * as ScriptSyntax from "../../src/userland/ScriptSyntax.ts"
import * as Tools from "../../src/userland/Tools.ts"

const fresh = () => {
  let count = 0
  return () => `00000000-0000-4000-8000-${(++count).toString(16).padStart(12, "0")}`
}

/** Exit status, standard output and standard error of every command line. */
export const typed = Effect.fnUntraced(function*(text: string) {
  const outcomes: Array<readonly [number, string, string]> = []
  const result = yield* Effect.result(
    Effect.flatMap(Effect.fromResult(ScriptSyntax.parse(text)), (script) =>
      Script.run(script, {
        commands: Tools.all,
        input: { onTerminal: false, freshUuid: fresh() },
        onCommand: ({ exit, stderr, stdout }) => Effect.sync(() => void outcomes.push([exit, stdout, stderr]))
      }))
  )
  return Result.isFailure(result) ? assert.fail(result.failure.message) : outcomes
})

/** A booted machine with its drivers. */
export const on = <A, E, R>(spec: MachineSpec, body: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const modules = yield* Modules
    for (const name of MachineTree.bootModules) yield* modules.load(name)
    return yield* body
  }).pipe(Effect.scoped, Effect.provide(MachineTree.boot(spec)))
