import { Arbitrary, Effect, Exit } from "effect"
import * as Machine from "../../src/machine/Machine.ts"
import { Ledger } from "../../src/machine/Ledger.ts"
import * as Alternatives from "../../src/planning/Alternatives.ts"
import * as Administrator from "./Administrator.ts"
import * as Planned from "./Planned.ts"
const seen = new Map<string, { n: number; text: string }>()
const N = Number(process.argv[2] ?? 100)
let options_ = 0
const arb = Arbitrary.schema(Planned.Case)
const cases = await Effect.runPromise((Arbitrary as any).sampleEffect ? (Arbitrary as any).sampleEffect(arb, { count: N, seed: process.argv[3] ?? "x" }) : Effect.succeed((Arbitrary as any).sample(arb, {count: N, seed: process.argv[3] ?? "x"})))
for (const spec of cases as any) {
  const { isApart, kernel, machine, planned } = Planned.machineOf(spec)
  for (const { targets } of planned) for (const target of targets) {
    for (const option of Alternatives.all(target, kernel)) {
      options_++
      const program = Effect.gen(function*() {
        const admin = yield* Administrator.make
        yield* admin.loadAll
        for (const { device, division } of planned) if (division.length > 0) yield* admin.divide(device.start ?? 0, division)
        yield* Planned.compare(admin, target, kernel, option, isApart(target))
        yield* (yield* Ledger).balance
      }).pipe(Effect.scoped, Effect.provide(Machine.layer(machine)))
      const exit = await Effect.runPromiseExit(program as any)
      if (Exit.isFailure(exit)) {
        const e: any = exit.cause.reasons.map((r: any) => r.error ?? r.defect)[0]
        const msg = String(e?.message ?? e).replace(/[0-9a-f]{5,}/g, "#").slice(0, 300)
        const diff = e?.actual && typeof e.actual === "object" ? Object.keys(e.actual).filter((k) => JSON.stringify(e.actual[k]) !== JSON.stringify(e.expected?.[k])).join(",") : ""
        const key = [spec.arch.replace(/-5level/, ""), target.kind, option.mode, option.map, diff || msg.slice(-70)].join(" | ")
        const got = seen.get(key)
        if (got) got.n++
        else seen.set(key, { n: 1, text: `${spec.release} s=${spec.structPage} ram=${spec.ramEnd} far=${spec.far} block=${kernel.blockSize} ${e?.message ?? e}`.slice(0, 500) + "\n     engine " + JSON.stringify(e?.actual) + "\n     plan   " + JSON.stringify(e?.expected) })
      }
    }
  }
}
console.log(options_, "options")
for (const [k, v] of [...seen].sort((a, b) => b[1].n - a[1].n)) console.log(v.n, k, "\n    ", v.text)
