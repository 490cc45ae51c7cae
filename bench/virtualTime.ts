/**
 * `VirtualTime`: fibers that sleep, against a binary heap in C (`cc -O2`) that pops and pushes the same instants in the same
 * order and does nothing else, and against Effect's `TestClock`, which wakes the same fibers: such as only sleep, and generators,
 * whose own work is the same under either clock. Each has a process of its own; its CPU time is compared, for machines are seldom
 * idle.
 */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Measure from "./Measure.ts"

const rounds = 5

interface Measured {
  readonly ns: number
  readonly events: number
  /** In milliseconds. */
  readonly last: number
  readonly order: string
}

const program = fileURLToPath(new URL("virtualTime.sleepers.ts", import.meta.url))

type Shape = "bare" | "generators"

const fibersOn = (clock: "virtual" | "test" | "steps", shape: Shape, fibers: number, sleeps: number): Measured => {
  const child = spawnSync(process.execPath, [program, clock, shape, `${fibers}`, `${sleeps}`], { encoding: "utf8" })
  if (child.status !== 0) throw new Error(`${clock}: ${child.stderr}`)
  return JSON.parse(child.stdout) as Measured
}

const heapInC = (binary: string, fibers: number, sleeps: number): Measured => {
  const child = spawnSync(binary, [`${fibers}`, `${sleeps}`], { encoding: "utf8" })
  const [ns = Number.NaN, events = Number.NaN, last = Number.NaN] = child.stdout.split(" ").map(Number)
  return { ns, events, last, order: "" }
}

/** The medians of both, and of how many times one takes the other. */
const compared = (ours: () => Measured, yardstick: () => Measured) => {
  const pairs = Array.from({ length: rounds }, () => ({ ours: ours(), other: yardstick() }))
  return {
    ours: Measure.median(pairs.map(({ ours }) => ours.ns)),
    other: Measure.median(pairs.map(({ other }) => other.ns)),
    times: Measure.median(pairs.map(({ other, ours }) => ours.ns / other.ns)),
    agree: pairs.every(({ other, ours }) =>
      ours.events === other.events && ours.last === other.last && (other.order === "" || ours.order === other.order)
    )
  }
}

const difference = (agree: boolean): string => agree ? "" : ", but they wake otherwise"

const againstC = (binary: string): void => {
  const [fibers, sleeps] = [128, 5000]
  const { agree, other, ours, times } = compared(
    () => fibersOn("virtual", "bare", fibers, sleeps),
    () => heapInC(binary, fibers, sleeps)
  )
  Measure.row(
    `VirtualTime, ${fibers} fibers, CPU of a wake-up`,
    `${ours.toFixed(0)} ns`,
    `${times.toFixed(1)} × a heap in C (${other.toFixed(0)} ns)${difference(agree)}`
  )
}

const againstTestClock = (clock: "test" | "steps", shape: Shape, how: string): void => {
  const [fibers, sleeps] = [100, 500]
  const { agree, other, ours, times } = compared(
    () => fibersOn("virtual", shape, fibers, sleeps),
    () => fibersOn(clock, shape, fibers, sleeps)
  )
  Measure.row(
    `VirtualTime, ${fibers} ${shape === "bare" ? "fibers" : "generators"}, wake-ups`,
    `${(1e3 / ours).toFixed(2)} M/s`,
    `${(1 / times).toFixed(1)} × Effect's TestClock ${how} (${(1e3 / other).toFixed(2)} M/s)${difference(agree)}`
  )
}

export const virtualTime = (): void => {
  const folder = mkdtempSync(join(tmpdir(), "vmemmap-bench-"))
  const binary = join(folder, "timer_heap")
  try {
    const cc = spawnSync("cc", ["-O2", "-o", binary, fileURLToPath(new URL("timer_heap.c", import.meta.url))])
    if (cc.status === 0) againstC(binary)
    else process.stdout.write("VirtualTime: skipped in part, there is no C compiler (cc) to compare with\n")
    againstTestClock("test", "bare", "moved at one go")
    againstTestClock("test", "generators", "moved at one go")
    againstTestClock("steps", "bare", "moved by milliseconds")
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
