/**
 * The command: start-up, and a fleet of machines. The bundle must exist (`npm run bench` makes it).
 */
import { once } from "node:events"
import { createWriteStream, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import * as Measure from "./Measure.ts"

const bin = fileURLToPath(new URL("../packages/cli/src/bin.ts", import.meta.url))
const small = fileURLToPath(new URL("../examples/two-socket/ndctl.json", import.meta.url))

const MiB = 1024 ** 2
const GiB = 1024 ** 3
const machines = 100_000

/** How large the devices of a machine are, of which some are alike or none. */
type Sizes = (i: number) => number

const few: Sizes = (i) => (128 + (i % 64) * 8) * GiB

const unlike: Sizes = (i) => 128 * GiB + i * 16 * MiB

/** Two regions a machine, configured, on two nodes whose memory is known: about 760 bytes a line. */
const machine = (i: number, size: Sizes) => ({
  name: `host-${i}`,
  kernel: "6.1",
  arch: "x86_64",
  nodes: [{ node: 0, total: 96 * GiB, available: 80 * GiB }, { node: 1, total: 96 * GiB, available: 60 * GiB }],
  ranges: [{ start: 2 ** 20, size: 3 * GiB, kind: "ram", node: 0 }, {
    start: 4 * GiB,
    size: 4 * GiB,
    kind: "ram",
    node: 0
  }],
  devices: [0, 1].map((node) => ({
    name: `region${node}`,
    kind: "pmem",
    start: (8 + node * 4000) * GiB,
    size: size(i),
    node,
    targetNode: node + 2,
    labels: true,
    ways: 1,
    configured: [{
      name: `namespace${node}.0`,
      mode: i % 3 === 0 ? "devdax" : "fsdax",
      map: i % 2 === 0 ? "mem" : "dev",
      align: 2097152,
      usable: 1000000000 + i
    }]
  }))
})

const writeFleet = async (file: string, size: Sizes): Promise<void> => {
  const stream = createWriteStream(file)
  for (let i = 0; i < machines; i++) {
    if (!stream.write(`${JSON.stringify(machine(i, size))}\n`)) await once(stream, "drain")
  }
  stream.end()
  await once(stream, "finish")
}

/** The yardstick: `JSON.parse` over the same lines, already in memory. */
const parseMs = (lines: ReadonlyArray<string>): number => {
  const start = performance.now()
  for (const line of lines) JSON.parse(line)
  return performance.now() - start
}

const fleetOf = async (what: string, size: Sizes): Promise<void> => {
  const fleet = join(tmpdir(), `vmemmap-bench-${process.pid}.ndjson`)
  try {
    await writeFleet(fleet, size)
    const idle = Measure.run(["-e", "0"]).peak
    const lines = readFileSync(fleet, "utf8").split("\n").filter((line) => line !== "")
    parseMs(lines)
    // The yardstick is taken right before and after each run: machines change their speed.
    const runs = Array.from({ length: 5 }, () => {
      const before = parseMs(lines)
      const { ms, peak } = Measure.run([bin, "plan", fleet])
      return { ms, peak, parse: (before + parseMs(lines)) / 2 }
    })
    const ms = Measure.median(runs.map((r) => r.ms))
    const parse = Measure.median(runs.map((r) => r.parse))
    const ratio = Measure.median(runs.map((r) => r.ms / r.parse))
    const peak = Math.max(...runs.map((r) => r.peak))
    Measure.row(
      `plan, a fleet of ${machines.toLocaleString("en")} machines, ${what}`,
      `${(ms / 1000).toFixed(2)} s`,
      `${ratio.toFixed(1)} × JSON.parse of the lines (${parse.toFixed(0)} ms)`
    )
    Measure.row(
      "its peak memory",
      `${(peak / MiB).toFixed(0)} MiB`,
      `${((peak - idle) / MiB).toFixed(0)} MiB above node -e 0`
    )
  } finally {
    rmSync(fleet, { force: true })
  }
}

export const plan = async (): Promise<void> => {
  const bundled = Measure.pair([bin, "plan", small], ["-e", "0"], 15)
  Measure.row(
    "plan, small file",
    `${bundled.a.toFixed(0)} ms`,
    `${(bundled.a / bundled.b).toFixed(1)} × node -e 0 (${bundled.b.toFixed(0)} ms)`
  )
  await fleetOf("256 kinds of devices", few)
  await fleetOf("no device like another", unlike)
}
