/**
 * A record: what a machine, a tool or a host was given (`input`), and what was seen of it (`observed`).
 *
 * `docs/kernel-facts.md` describes every field. What `observed` holds is left to the comparison, which looks at every leaf; here
 * only its frame is checked.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Decoding from "../inputs/Decoding.ts"
import { InputError } from "../inputs/InputError.ts"
import * as JsonTree from "../inputs/JsonTree.ts"
import * as MachineText from "../inputs/MachineText.ts"
import type { MachineSpec } from "../machine/MachineSpec.ts"
import * as ScriptSyntax from "../userland/ScriptSyntax.ts"
import * as RecordedMachine from "./RecordedMachine.ts"
import * as RecordText from "./RecordText.ts"

/**
 * The phase that is given: what firmware and boot left before the first driver was loaded.
 *
 * @category constants
 * @since 0.1.0
 */
export const givenPhase = "before-drivers"

const Fields = Schema.Record(Schema.String, Schema.Unknown)

/**
 * The envelope of every record.
 *
 * @category models
 * @since 0.1.0
 */
export const KernelRecord = Schema.Struct({
  case: Schema.NonEmptyString,
  category: Schema.NonEmptyString,
  about: Schema.String,
  input: Fields,
  observed: Fields
})
/** @since 0.1.0 */
export interface KernelRecord extends Schema.Schema.Type<typeof KernelRecord> {}

/**
 * `input` of a machine that ran a script; sizes and addresses in bytes.
 *
 * @category models
 * @since 0.1.0
 */
export const MachineInput = Schema.Struct({
  ...RecordedMachine.Input.fields,
  script: Schema.Array(Schema.String),
  ndctlVersion: Schema.optionalKey(Schema.String),
  qemuArgs: Schema.optionalKey(Schema.Array(Schema.String))
})
/** @since 0.1.0 */
export interface MachineInput extends Schema.Schema.Type<typeof MachineInput> {}

/**
 * `input` of `ndctl` on a plain file of `fileSize` bytes (null: standard output): a command to write an info block with, or a
 * block written beforehand, possibly altered.
 *
 * @category models
 * @since 0.1.0
 */
export const InfoblockToolInput = Schema.Struct({
  tool: Schema.String,
  ndctlVersion: Schema.optionalKey(Schema.String),
  command: Schema.String,
  fileSize: Schema.NullOr(Schema.Natural),
  flags: Schema.optionalKey(Schema.Array(Schema.String)),
  toStdout: Schema.optionalKey(Schema.Boolean),
  infoblockHex: Schema.optionalKey(Schema.String.check(Schema.isPattern(/^(?:[0-9a-f]{2}){0,4096}$/))),
  altered: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
  checksumResealed: Schema.optionalKey(Schema.Boolean)
})
/** @since 0.1.0 */
export interface InfoblockToolInput extends Schema.Schema.Type<typeof InfoblockToolInput> {}

/**
 * `input` of a live machine. Without a word on `hypervisor` it is taken for a virtual one.
 *
 * @category models
 * @since 0.1.0
 */
export const HostInput = Schema.Struct({
  arch: Schema.String,
  kernel: Schema.String,
  memoryOptions: Schema.String,
  hypervisor: Schema.optionalKey(Schema.Boolean)
})
/** @since 0.1.0 */
export interface HostInput extends Schema.Schema.Type<typeof HostInput> {}

/** `input` of a dry run but for its machine. A line is one of the script's. */
const Typed = Schema.Struct({
  lines: Schema.Array(Schema.String.check(Schema.isPattern(/^[^\n]*$/, { expected: "a text without line breaks" }))),
  onTerminal: Schema.optionalKey(Schema.Boolean)
})

/**
 * `input` of a dry run: the description of a machine, and what is typed on it. `onTerminal`: the tools print for people.
 *
 * @category models
 * @since 0.1.0
 */
export interface DescribedInput extends Schema.Schema.Type<typeof Typed> {
  readonly spec: MachineSpec
}

/**
 * `input` by what it describes.
 *
 * @category models
 * @since 0.1.0
 */
export type Given =
  | { readonly _tag: "Machine"; readonly input: MachineInput }
  | { readonly _tag: "InfoblockTool"; readonly input: InfoblockToolInput }
  | { readonly _tag: "Host"; readonly input: HostInput }
  | { readonly _tag: "Described"; readonly input: DescribedInput }

/** The frame of `observed` where a script ran. */
const MachineObserved = Schema.Struct({
  status: Schema.String,
  commands: Schema.Array(Fields),
  phases: Schema.Record(Schema.String, Fields)
})

const remedy = "give a record in the format of docs/kernel-facts.md, as 'try --record' writes it"
const decodeRecord = Decoding.make(KernelRecord, { remedy })
const decodeMachine = Decoding.make(MachineInput, { remedy })
const decodeTool = Decoding.make(InfoblockToolInput, { remedy })
const decodeHost = Decoding.make(HostInput, { remedy })
const decodeTyped = Decoding.make(Typed, { remedy })
const decodeObserved = Decoding.make(MachineObserved, { remedy })

/** The machine is held to what a description is held to, the lines to the syntax of scripts. */
const described = (
  place: Decoding.Place,
  input: Readonly<Record<string, unknown>>
): Result.Result<DescribedInput, InputError> =>
  Result.gen(function*() {
    const spec = yield* MachineText.fromValue(Decoding.inside(place, "spec"), input["spec"])
    const typed = yield* decodeTyped(place, input)
    yield* Result.mapError(ScriptSyntax.parse(typed.lines.join("\n")), ({ column, line, problem, remedy }) =>
      new InputError({
        ...Decoding.inside(Decoding.inside(place, "lines"), line - 1),
        problem: `column ${column}: ${problem}`,
        remedy
      }))
    return { spec, ...typed }
  })

/**
 * The input by kind. With `script` it is that of a machine, with `spec` that of a dry run, with `memoryOptions` that of a host,
 * with `tool` that of ndctl.
 *
 * Fails with an `InputError` that says which field of `input` is missing or wrong.
 *
 * @category conversions
 * @since 0.1.0
 */
export const given = (source: string, record: KernelRecord): Result.Result<Given, InputError> => {
  const place = { source, at: "input" }
  const { input } = record
  if (Object.hasOwn(input, "script")) {
    return Result.map(decodeMachine(place, input), (machine) => ({ _tag: "Machine", input: machine }))
  }
  if (Object.hasOwn(input, "spec")) {
    return Result.map(described(place, input), (input) => ({ _tag: "Described", input }))
  }
  if (Object.hasOwn(input, "memoryOptions")) {
    return Result.map(decodeHost(place, input), (host) => ({ _tag: "Host", input: host }))
  }
  if (Object.hasOwn(input, "tool")) {
    return Result.map(decodeTool(place, input), (tool) => ({ _tag: "InfoblockTool", input: tool }))
  }
  return Decoding.failAt(place, "has none of the keys script, spec, memoryOptions, tool", remedy)
}

/**
 * A record from a parsed value: the envelope, the input of its kind and the frame of `observed` are checked.
 *
 * @category parsing
 * @since 0.1.0
 */
export const decode = (source: string, value: unknown): Result.Result<KernelRecord, InputError> =>
  Result.gen(function*() {
    if (!JsonTree.isRecord(value)) {
      return yield* Decoding.failAt({ source, at: "" }, `is ${JsonTree.kind(value)}, not a record`, remedy)
    }
    const record = yield* decodeRecord({ source, at: "" }, value)
    const { _tag } = yield* given(source, record)
    if (_tag === "Machine" || _tag === "Described") yield* decodeObserved({ source, at: "observed" }, record.observed)
    return record
  })

/**
 * Whether a text is meant to be a record: a JSON object that speaks of what was observed, which no other source does.
 *
 * @category guards
 * @since 0.1.0
 */
export const isRecord = (text: string): boolean => /^\s*\{/.test(text) && /"observed"\s*:/.test(text)

/**
 * Reads the text of a record. Integers that a `number` cannot hold (`iset_id`) are bigints.
 *
 * Fails with an `InputError` that says the line and column of what is not JSON, or the path of what is no record.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (source: string, text: string): Result.Result<KernelRecord, InputError> =>
  Result.flatMap(RecordText.parse(source, text), (value) => decode(source, value))

/**
 * The text of a record: one JSON document, keys in their order, what is short on one line.
 *
 * @category printing
 * @since 0.1.0
 */
export const toText = (record: KernelRecord): string => RecordText.print(record)
