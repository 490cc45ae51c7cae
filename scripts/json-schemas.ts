/**
 * Writes `docs/json/*.schema.json`, the JSON Schema of what each command prints with `--json`; with `--check` only says
 * whether they are up to date.
 */
import * as Schema from "effect/Schema"
import * as BenchAnswer from "../packages/cli/src/answers/BenchAnswer.ts"
import * as CarveAnswer from "../packages/cli/src/answers/CarveAnswer.ts"
import * as CheckAnswer from "../packages/cli/src/answers/CheckAnswer.ts"
import * as GrowAnswer from "../packages/cli/src/answers/GrowAnswer.ts"
import * as InfoblockAnswer from "../packages/cli/src/answers/InfoblockAnswer.ts"
import * as InspectAnswer from "../packages/cli/src/answers/InspectAnswer.ts"
import * as PlanAnswer from "../packages/cli/src/answers/PlanAnswer.ts"
import * as SimulateAnswer from "../packages/cli/src/answers/SimulateAnswer.ts"
import * as SizeAnswer from "../packages/cli/src/answers/SizeAnswer.ts"
import * as TryAnswer from "../packages/cli/src/answers/TryAnswer.ts"
import * as VerifyAnswer from "../packages/cli/src/answers/VerifyAnswer.ts"
import * as Generated from "./generated.ts"

const answers: Readonly<Record<string, Schema.Constraint>> = {
  "plan": PlanAnswer.PlanAnswer,
  "plan-fleet-line": PlanAnswer.FleetLine,
  "size": SizeAnswer.SizeAnswer,
  "grow": GrowAnswer.GrowAnswer,
  "carve": CarveAnswer.CarveAnswer,
  "infoblock": InfoblockAnswer.InfoblockAnswer,
  "inspect": InspectAnswer.InspectAnswer,
  "try": TryAnswer.TryAnswer,
  "simulate": SimulateAnswer.SimulateAnswer,
  "simulate-machines": SimulateAnswer.MachinesAnswer,
  "check": CheckAnswer.CheckAnswer,
  "check-list": CheckAnswer.ListAnswer,
  "bench": BenchAnswer.BenchAnswer,
  "verify": VerifyAnswer.VerifyAnswer
}

/** Properties stay open: later versions may print more. */
const text = (schema: Schema.Constraint): string => {
  const { definitions, schema: root } = Schema.toJsonSchemaDocument(schema)
  const { description, title, ...rest } = root
  const document = {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title,
    description,
    ...rest,
    ...(Object.keys(definitions).length === 0 ? {} : { $defs: definitions })
  }
  return `${JSON.stringify(document, null, 2)}\n`
}

Generated.settle(
  "json",
  Object.fromEntries(Object.entries(answers).map(([name, schema]) => [`${name}.schema.json`, text(schema)])),
  { source: "the schemas say", script: "schemas" }
)
