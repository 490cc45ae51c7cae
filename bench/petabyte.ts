/**
 * A machine of 1 PiB of RAM boots, gets 16 device-dax devices of 4 TiB, and is torn down: CPU time, and memory above an
 * idle process of the same program.
 */
import { fileURLToPath } from "node:url"
import * as Measure from "./Measure.ts"

export const petabyte = (): void => {
  const program = fileURLToPath(new URL("petabyte.machine.ts", import.meta.url))
  const runs = Array.from({ length: 5 }, () => {
    const idle = Measure.run([program, "idle"]).peak
    const { peak, stdout } = Measure.run([program, "run"], true)
    return { cpu: Number(stdout), above: peak - idle }
  })
  Measure.row(
    "1 PiB: boot, 16 devdax, teardown",
    `${Measure.median(runs.map((run) => run.cpu)).toFixed(0)} ms CPU`,
    `${(Measure.median(runs.map((run) => run.above)) / 2 ** 20).toFixed(0)} MiB above the idle program`
  )
}
