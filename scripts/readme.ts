/**
 * Fills the worked examples of the README and of some documents with what the command really prints: after each
 * `$ npm start --silent -- …` or `$ npm run --silent example -- examples/…` line of a console block, the rest of the block is
 * replaced, and so is a block of text below a program. With `--check` it only compares, and the README only: a test runs those of the others.
 */
import * as Nanos from "@vmemmap/core/time/Nanos"
import { spawnSync } from "node:child_process"
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("..", import.meta.url))

const output = (line: string): string => {
  const { status, stderr, stdout } = spawnSync(
    "sh",
    ["-c", `exec "$NODE" packages/cli/src/bin.ts ${line}`],
    { cwd: root, encoding: "utf8", env: { ...process.env, NODE: process.execPath, INIT_CWD: root, NO_COLOR: "1" } }
  )
  return stdout + stderr + (status === 0 ? "" : `$ echo $?\n${String(status)}\n`)
}

const example = (name: string): string => {
  const { stderr, stdout } = spawnSync(process.execPath, [`examples/${name}`], { cwd: root, encoding: "utf8" })
  return stdout + stderr
}

const program = (code: string): string =>
  spawnSync(process.execPath, ["--input-type=module-typescript", "--eval", code], { cwd: root, encoding: "utf8" })
    .stdout

const filled = (text: string): string =>
  text.replace(
    /```console\n\$ npm start --silent -- (.*)\n(?:[^`]*?)```/g,
    (_, line: string) => `\`\`\`console\n$ npm start --silent -- ${line}\n${output(line)}\`\`\``
  ).replace(
    /```console\n\$ npm run --silent example -- examples\/([a-z-]+\.ts)\n(?:[^`]*?)```/g,
    (_, name: string) => `\`\`\`console\n$ npm run --silent example -- examples/${name}\n${example(name)}\`\`\``
  ).replace(
    /```ts\n([^]*?)```\n\n```text\n[^]*?```/g,
    (_, code: string) => `\`\`\`ts\n${code}\`\`\`\n\n\`\`\`text\n${program(code)}\`\`\``
  )

interface Point {
  readonly what: string
  readonly unit: "ns" | "part"
  readonly low: number
  readonly high: number
  readonly simulated: number
  readonly off: number
  readonly use: string
  readonly parameter: string | null
}

const figure = (unit: Point["unit"], value: number): string =>
  unit === "ns" ? Nanos.format(value) : `${Math.round(100 * value)} %`

const row = (machine: string, { high, low, off, parameter, simulated, unit, use, what }: Point): string => {
  const published = low === high ? figure(unit, low) : `${figure(unit, low)} – ${figure(unit, high)}`
  const how = parameter === null ? `${use}ed` : `fitted: ${parameter}`
  const away = Math.round(100 * off) === 0 ? "" : `${off > 0 ? "+" : "−"}${Math.round(100 * Math.abs(off))} %`
  return `| ${machine} | ${what} | ${published} | ${figure(unit, simulated)} | ${away} | ${how} |`
}

/** What is published beside what is simulated, as a table. */
const published = (): string => {
  const { machines } = JSON.parse(output("simulate --published --json")) as {
    readonly machines: ReadonlyArray<{ readonly name: string; readonly published: ReadonlyArray<Point> }>
  }
  const rows = machines.flatMap(({ name, published }) => published.map((point) => row(name, point)))
  return [
    "| machine | what was measured | published | simulated | off | |",
    "|---|---|---|---|---|---|",
    ...rows
  ].join("\n")
}

const tabled = (text: string): string =>
  text.replace(
    /(<!-- published -->\n)[^]*?(\n<!-- end -->)/,
    (_, begin: string, end: string) => `${begin}\n${published()}\n${end}`
  )

const isCheck = process.argv.includes("--check")

const documents = ["docs/try.md", "docs/simulate.md", "docs/check.md", "docs/testing.md"]

for (const name of isCheck ? ["README.md"] : ["README.md", ...documents]) {
  const file = new URL(`../${name}`, import.meta.url)
  const before = readFileSync(file, "utf8")
  const after = tabled(filled(before))
  if (after === before) continue
  if (isCheck) {
    process.stderr.write(`${name}: the examples differ from what the command prints; run node scripts/readme.ts\n`)
    process.exitCode = 1
  } else {
    writeFileSync(file, after)
  }
}
