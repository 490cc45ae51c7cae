/**
 * Fills the worked examples of the README, of docs/try.md and of docs/simulate.md with what the command really prints: after each
 * `$ npm start --silent -- …` or `$ node examples/…` line of a console block, the rest of the block is replaced. With `--check` it
 * only compares, and the README only: a test runs the sessions of the others in its own process.
 */
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

const filled = (text: string): string =>
  text.replace(
    /```console\n\$ npm start --silent -- (.*)\n(?:[^`]*?)```/g,
    (_, line: string) => `\`\`\`console\n$ npm start --silent -- ${line}\n${output(line)}\`\`\``
  ).replace(
    /```console\n\$ node examples\/([a-z-]+\.ts)\n(?:[^`]*?)```/g,
    (_, name: string) => `\`\`\`console\n$ node examples/${name}\n${example(name)}\`\`\``
  )

const isCheck = process.argv.includes("--check")

for (const name of isCheck ? ["README.md"] : ["README.md", "docs/try.md", "docs/simulate.md"]) {
  const file = new URL(`../${name}`, import.meta.url)
  const before = readFileSync(file, "utf8")
  const after = filled(before)
  if (after === before) continue
  if (isCheck) {
    process.stderr.write(`${name}: the examples differ from what the command prints; run node scripts/readme.ts\n`)
    process.exitCode = 1
  } else {
    writeFileSync(file, after)
  }
}
