/** The program that `petabyte` measures; `idle` loads everything and does nothing. */
import * as Pagemaps from "@vmemmap/core/hotplug/Pagemaps"
import * as Ledger from "@vmemmap/core/machine/Ledger"
import * as Machine from "@vmemmap/core/machine/Machine"
import * as Effect from "effect/Effect"

const TiB = 2 ** 40

const machine = Machine.layer({
  kernel: "6.1",
  arch: "x86_64-5level",
  ranges: Array.from({ length: 8 }, (_, node) => ({
    kind: "ram" as const,
    node,
    start: node * 128 * TiB + (node === 0 ? 2 ** 20 : 0),
    size: 128 * TiB - (node === 0 ? 2 ** 20 : 0)
  }))
})

const program = Effect.gen(function*() {
  const pagemaps = yield* Pagemaps.Pagemaps
  const ledger = yield* Ledger.Ledger
  yield* Effect.scoped(Effect.forEach(Array.from({ length: 16 }, (_, i) => i), (i) => {
    const start = 2048 * TiB + i * 4 * TiB
    return pagemaps.memremap({
      name: `dax${i}.0`,
      type: "generic",
      node: i % 8,
      order: 18,
      ranges: [{ start, end: start + 4 * TiB }]
    })
  }))
  yield* ledger.balance
}).pipe(Effect.provide(machine))

if (process.argv[2] === "run") {
  const before = process.cpuUsage()
  await Effect.runPromise(program)
  const { system, user } = process.cpuUsage(before)
  process.stdout.write(String((user + system) / 1000))
}
