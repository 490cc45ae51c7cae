/**
 * Benchmarks, run by hand (`npm run bench`): ratios side by side in one run, never asserted. Name some to run only those:
 * `npm run bench -- pfn-valid`.
 */
import { availableParallelism } from "node:os"
import { exploration } from "./exploration.ts"
import { onePage } from "./onePage.ts"
import { petabyte } from "./petabyte.ts"
import { pfnValid } from "./pfnValid.ts"
import { plan } from "./plan.ts"
import { simulate } from "./simulate.ts"
import { structPages } from "./structPages.ts"
import { virtualTime } from "./virtualTime.ts"

const all: Readonly<Record<string, () => void | Promise<void>>> = {
  plan,
  "pfn-valid": pfnValid,
  petabyte,
  simulate,
  "struct-pages": structPages,
  "one-page": onePage,
  "virtual-time": virtualTime,
  exploration
}

const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !Object.hasOwn(all, name))
if (unknown.length > 0) {
  process.stderr.write(`no benchmark is called ${unknown.join(", ")}; there are ${Object.keys(all).join(", ")}\n`)
  process.exitCode = 2
} else {
  process.stdout.write(`Node ${process.version}, ${availableParallelism()} processors; medians\n\n`)
  for (const [name, run] of Object.entries(all)) if (asked.length === 0 || asked.includes(name)) await run()
}
