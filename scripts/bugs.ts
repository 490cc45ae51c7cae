/**
 * Writes `docs/bugs`, a page for each known mistake: what `vmemmap check --mutant` finds, on the shortest schedule. With `--check` it
 * explores nothing, and only says which pages are not what their own schedule shows.
 */
import { letter } from "@vmemmap/test-utils/explore/Schedule"
import * as Checks from "@vmemmap/test-utils/scenarios/Checks"
import type { Mutant } from "@vmemmap/test-utils/scenarios/Mutant"
import * as Mutants from "@vmemmap/test-utils/scenarios/Mutants"
import * as Scenarios from "@vmemmap/test-utils/scenarios/Scenarios"
import * as Result from "effect/Result"
import * as CheckPrinter from "../packages/cli/src/printers/CheckPrinter.ts"
import * as Style from "../packages/cli/src/printers/Style.ts"
import * as Generated from "./generated.ts"

const look = { width: 100, style: Style.make(false), letter }
const clock = () => performance.now() * 1e6

const fileOf = (id: string): string => `${id.replaceAll(/[^\w.]+/g, "-").replace(/-$/, "")}.md`

/** Explored, or as the page itself says. */
const outcomeOf = (mutant: Mutant, page: string): Checks.Outcome => {
  const scenario = Scenarios.all.find(({ name }) => name === mutant.scenario)
  if (scenario === undefined) throw new Error(`${mutant.id}: there is no scenario ${mutant.scenario}`)
  if (!Generated.isCheck) return Checks.explore(scenario, mutant, { nanos: 60e9, clock })
  const [, schedule = ""] = /--replay '(.*)'/.exec(page) ?? []
  return Result.getOrThrow(Checks.replay(scenario, mutant, schedule, clock))
}

const pages = Mutants.all.map((mutant) => {
  const file = fileOf(mutant.id)
  const outcome = outcomeOf(mutant, Generated.current("bugs", file) ?? "")
  const [found] = outcome.violations
  // No page may say so: it would be true of its own schedule for ever.
  if (found === undefined) throw new Error(`${mutant.id} is not found`)
  const violation = { ...found, invariant: found.problem }
  const text = [
    `# ${mutant.id}\n`,
    "```",
    `$ npm start --silent -- check --mutant '${mutant.id}'`,
    `${CheckPrinter.violation({ ...outcome, ns: 0, violations: [violation] }, violation, mutant, look)}\`\`\``,
    ""
  ].join("\n")
  return { file, text, mutant, rule: found.rule }
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

const files = { ...Object.fromEntries(pages.map(({ file, text }) => [file, text])), "README.md": index }

Generated.settle("bugs", files, { source: "check finds", script: "bugs" })
Generated.removeOthers("bugs", new Set(Object.keys(files)), "bugs")
