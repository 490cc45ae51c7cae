/** What it costs to simulate eight sockets with 3 TiB each, and with a pebibyte together, under every strategy. */
import * as InitStrategies from "@vmemmap/core/init/InitStrategies"
import { spawnSync } from "node:child_process"
import { fileURLToPath } from "node:url"
import { median, row } from "./Measure.ts"

const program = fileURLToPath(new URL("simulate.machine.ts", import.meta.url))

/** The first runs are those of a compiler that is still at work. */
const warm = 150

const cpu = (strategy: string, each: number) => {
  const { status, stderr, stdout } = spawnSync(process.execPath, [program, strategy, String(each)], {
    encoding: "utf8"
  })
  if (status !== 0) throw new Error(`${strategy}: ${stderr}`)
  const times = JSON.parse(stdout) as ReadonlyArray<number>
  return { cold: times[0] ?? Number.NaN, warm: median(times.slice(warm)) }
}

export const simulate = (): void => {
  for (const { name } of InitStrategies.presets) {
    const small = cpu(name, 3)
    const large = cpu(name, 128)
    row(
      `simulate 8 x 3 TiB, ${name}`,
      `${small.warm.toFixed(1)} ms`,
      `of CPU, the first time ${small.cold.toFixed(0)} ms`
    )
    row("  the same with 1 PiB", `x${(large.warm / small.warm).toFixed(2)}`, "of that")
  }
}
