import { assert, describe, it } from "@effect/vitest"
import * as BytePool from "@vmemmap/core/bytes/BytePool"
import * as InitStrategies from "@vmemmap/core/init/InitStrategies"
import * as Geometry from "@vmemmap/core/simulation/Geometry"
import * as Measurement from "@vmemmap/core/simulation/Measurement"
import { Effect } from "effect"
import * as WriterMemmap from "../../src/workers/WriterMemmap.ts"
import * as Writers from "../../src/workers/Writers.ts"

describe("spike", () => {
  it.live("time", () =>
    Effect.gen(function*() {
      let t = performance.now()
      const lap = (what: string) => {
        console.log(what, Math.round(performance.now() - t))
        t = performance.now()
      }
      const pool = BytePool.make({ bytes: 64 * 2 ** 20 + 2 ** 28, threads: 3 })
      assert.isNotNull(pool)
      const writers = yield* Writers.make(pool!, { threads: 2 })
      lap("make")
      for (const geometry of Geometry.all(2 * 2 ** 30)) {
        for (const strategy of InitStrategies.presets) {
          const m = yield* Measurement.run(geometry, strategy, {
            memmap: WriterMemmap.layer(pool!, writers),
            processors: 2
          })
          console.log(
            Geometry.name(geometry),
            strategy.name,
            m.pages,
            m.sum?.toString(16),
            pool!.usage().used,
            m.timeline.entries.filter((e) => e.details["structPages"]).length,
            Math.round(performance.now() - t)
          )
          t = performance.now()
        }
      }
    }).pipe(Effect.scoped))
})
