import * as BytePool from "@vmemmap/core/bytes/BytePool"
import * as Measurement from "@vmemmap/core/simulation/Measurement"
import * as Geometry from "@vmemmap/core/simulation/Geometry"
import * as InitStrategies from "@vmemmap/core/init/InitStrategies"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Writers from "./src/workers/Writers.ts"
import * as WriterMemmap from "./src/workers/WriterMemmap.ts"
const size = Number(process.argv[2] ?? 8) * 2 ** 30
const threads = Number(process.argv[3] ?? 1)
const strategy = Result.getOrThrow(InitStrategies.parse(process.argv[4] ?? "linux-6.1"))
const t0 = performance.now()
const program = Effect.scoped(Effect.gen(function*() {
  const pool = BytePool.make({ bytes: Math.max(...Geometry.all(size).map(Geometry.memmapBytes)), threads: threads + 1 })!
  const writers = yield* Writers.make(pool, { threads })
  console.log("threads", (performance.now() - t0).toFixed(0))
  for (const g of Geometry.all(size)) for (let i = 0; i < 2; i++) {
    const t = performance.now()
    const m = yield* Measurement.run(g, strategy, { memmap: WriterMemmap.layer(pool, writers), processors: threads })
    console.log(Geometry.name(g), m.pages, m.bytes, (m.nanos / 1e6).toFixed(3), "ms", (m.nanos / m.pages).toFixed(2), m.sum?.toString(16), pool.usage().used, "all", (performance.now() - t).toFixed(0))
  }
}))
await Effect.runPromise(program)
