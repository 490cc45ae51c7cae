/**
 * Writes `docs/bugs`, a page for each known mistake: what `vmemmap check --mutant` finds, on the shortest schedule. With `--check` it
 * explores nothing, and only says which pages are not what their own schedule shows.
 */
import * as Checks from "@vmemmap/test-utils/scenarios/Checks"
import type { Mutant } from "@vmemmap/test-utils/scenarios/Mutant"
import * as Mutants from "@vmemmap/test-utils/scenarios/Mutants"
import * as Scenarios from "@vmemmap/test-utils/scenarios/Scenarios"
import * as Result from "effect/Result"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as CheckPrinter from "../packages/cli/src/printers/CheckPrinter.ts"
import * as Style from "../packages/cli/src/printers/Style.ts"

const folder = Path.join(import.meta.dirname, "..", "docs", "bugs")
const isCheck = process.argv.includes("--check")
const look = { width: 100, style: Style.make(false) }
const clock = () => performance.now() * 1e6

const fileOf = (id: string): string => `${id.replaceAll(/[^\w.]+/g, "-").replace(/-$/, "")}.md`

const current = (file: string): string =>
  Fs.existsSync(Path.join(folder, file)) ? Fs.readFileSync(Path.join(folder, file), "utf8") : ""

/** Explored, or as the page itself says. */
const outcomeOf = (mutant: Mutant, page: string): Checks.Outcome => {
  const scenario = Scenarios.all.find(({ name }) => name === mutant.scenario)
  if (scenario === undefined) throw new Error(`${mutant.id}: there is no scenario ${mutant.scenario}`)
  if (!isCheck) return Checks.explore(scenario, mutant, { nanos: 60e9, clock })
  const [, schedule = ""] = /--replay '(.*)'/.exec(page) ?? []
  return Result.getOrThrow(Checks.replay(scenario, mutant, schedule, clock))
}

const pages = Mutants.all.map((mutant) => {
  const file = fileOf(mutant.id)
  const page = current(file)
  const outcome = outcomeOf(mutant, page)
  const [found] = outcome.violations
  if (found === undefined) return { file, page, text: `${mutant.id} is not found\n`, mutant, rule: "" }
  const violation = { ...found, invariant: found.problem }
  const text = [
    `# ${mutant.id}\n`,
    "```",
    `$ npm start --silent -- check --mutant '${mutant.id}'`,
    `${CheckPrinter.violation({ ...outcome, ns: 0, violations: [violation] }, violation, mutant, look)}\`\`\``,
    ""
  ].join("\n")
  return { file, page, text, mutant, rule: found.rule }
})

const cell = (text: string): string => text.replaceAll("|", "\\|")

const index = [
  "# Known mistakes, and how they show\n",
  "Each is one layer of the machine replaced by a small one that does it wrong ([docs/check.md](../check.md)). A page has the shortest",
  "schedule that was found to break a rule of [the spec](../spec), what the mistake is and what to do about it; `npm run bugs` writes them.\n",
  "| mistake | what it is | breaks | scenario |",
  "|---|---|---|---|",
  ...pages.map(({ file, mutant, rule }) =>
    `| [${mutant.id}](${file}) | ${cell(mutant.about)} | ${rule} | \`${mutant.scenario}\` |`
  ),
  "",
  "Out of reach, for the machine lacks what goes wrong there:\n",
  ...Mutants.outOfReach.map(({ about, id, why }) => `- ${id}: ${about}; ${why}`),
  ""
].join("\n")

const all = [...pages, { file: "README.md", page: current("README.md"), text: index }]
const differing = all.filter(({ page, text }) => page !== text)
const names = new Set(all.map(({ file }) => file))
const left = Fs.existsSync(folder) ? Fs.readdirSync(folder).filter((name) => !names.has(name)) : []

if (isCheck) {
  for (const { file } of differing) {
    process.stderr.write(`docs/bugs/${file} is not what check finds; run 'npm run bugs'\n`)
  }
  for (const name of left) process.stderr.write(`docs/bugs/${name} is about nothing there is; run 'npm run bugs'\n`)
  if (differing.length + left.length > 0) process.exitCode = 1
} else {
  Fs.mkdirSync(folder, { recursive: true })
  for (const name of left) Fs.rmSync(Path.join(folder, name))
  for (const { file, text } of differing) {
    Fs.writeFileSync(Path.join(folder, file), text)
    process.stdout.write(`docs/bugs/${file}\n`)
  }
}
