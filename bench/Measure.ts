/**
 * Times whole processes side by side: rounds alternate, medians are compared.
 */
import { spawnSync } from "node:child_process"
import { writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

export interface Run {
  readonly ms: number
  /** Peak resident bytes as the process itself saw them at its end. */
  readonly peak: number
  readonly stdout: string
}

/** Makes a process report its peak memory on file descriptor 2 when it ends. */
const probe = join(tmpdir(), `vmemmap-bench-probe-${process.pid}.mjs`)
writeFileSync(
  probe,
  "process.on('exit', () => process.stderr.write(`\\npeak ${process.resourceUsage().maxRSS * 1024}\\n`))\n"
)

export const run = (args: ReadonlyArray<string>, keep = false): Run => {
  const start = performance.now()
  const child = spawnSync(process.execPath, ["--import", probe, ...args], {
    encoding: "utf8",
    maxBuffer: 2 ** 30,
    stdio: ["ignore", keep ? "pipe" : "ignore", "pipe"]
  })
  const ms = performance.now() - start
  if (child.status !== 0) throw new Error(`${args.join(" ")} failed: ${child.stderr}`)
  return { ms, peak: Number(/peak ([0-9]+)/.exec(child.stderr)?.[1] ?? Number.NaN), stdout: child.stdout ?? "" }
}

export const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

/** Medians of two commands run in turn. */
export const pair = (a: ReadonlyArray<string>, b: ReadonlyArray<string>, rounds: number) => {
  const runs = Array.from({ length: rounds + 1 }, () => [run(a), run(b)] as const).slice(1)
  return { a: median(runs.map(([x]) => x.ms)), b: median(runs.map(([, y]) => y.ms)) }
}

export const row = (what: string, figure: string, yardstick: string): void => {
  process.stdout.write(`${what.padEnd(44)}${figure.padStart(14)}  ${yardstick}\n`)
}
