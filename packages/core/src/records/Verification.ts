/**
 * A record held against the model: replayed, then compared leaf by leaf.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { InputError } from "../inputs/InputError.ts"
import * as JsonTree from "../inputs/JsonTree.ts"
import type { KernelError } from "../kernel/KernelError.ts"
import type { MachineError } from "../machine/MachineError.ts"
import type { ScriptError } from "../userland/ScriptError.ts"
import type { NotModelled } from "../userland/Tool.ts"
import * as DryRun from "./DryRun.ts"
import * as HostReplay from "./HostReplay.ts"
import * as InfoblockReplay from "./InfoblockReplay.ts"
import * as KernelRecord from "./KernelRecord.ts"
import * as RecordComparison from "./RecordComparison.ts"
import type { Defect } from "./Recorder.ts"
import * as Replay from "./Replay.ts"
import type * as Session from "./Session.ts"

/**
 * The outcome for one record. `defects` are mistakes of the kernel itself that the model repeated.
 *
 * @category models
 * @since 0.1.0
 */
export interface Verified extends RecordComparison.Comparison {
  readonly case: string
  readonly category: string
  readonly defects: ReadonlyArray<Defect>
}

/**
 * Why a record could not be replayed.
 *
 * @category models
 * @since 0.1.0
 */
export type Failure = InputError | MachineError | KernelError | NotModelled | ScriptError

/** uuids a tool is not given do not matter here: no record of a tool on a file leaves them open. */
const someUuid = "00000000-0000-4000-8000-000000000001"

/**
 * What the model does where the record says what was done, a machine of its own for each.
 *
 * @category operations
 * @since 0.1.0
 */
export const replay = (record: KernelRecord.KernelRecord): Effect.Effect<Session.Session, Failure> =>
  Effect.flatMap(
    Effect.fromResult(KernelRecord.given(record.case, record)),
    (given): Effect.Effect<Session.Session, Failure> => {
      switch (given._tag) {
        case "Machine": {
          const phases = record.observed["phases"]
          const before = JsonTree.isRecord(phases) ? phases[KernelRecord.givenPhase] : undefined
          return Replay.run(given.input, JsonTree.isRecord(before) ? before : {})
        }
        case "Described": {
          const { lines, onTerminal = false, spec } = given.input
          return DryRun.run({ spec, script: lines.join("\n"), onTerminal })
        }
        case "Host":
          return Effect.map(HostReplay.run(given.input, record.observed), (observed) => ({ observed, defects: [] }))
        case "InfoblockTool":
          return Effect.succeed({ observed: InfoblockReplay.run(given.input, someUuid), defects: [] })
      }
    }
  )

/**
 * Replays a record and compares it. Fails where it cannot be replayed at all.
 *
 * @category operations
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function*(record: KernelRecord.KernelRecord) {
  const { defects, observed } = yield* replay(record)
  return {
    case: record.case,
    category: record.category,
    defects,
    ...RecordComparison.compare(record, observed)
  } satisfies Verified
})
