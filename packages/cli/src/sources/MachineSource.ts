/**
 * The machine of a dry run: any SOURCE, or a record of which only the machine counts.
 *
 * @since 0.1.0
 */
import * as Source from "@vmemmap/core/inputs/Source"
import * as HostRecord from "@vmemmap/core/inspection/HostRecord"
import * as MachineView from "@vmemmap/core/inspection/MachineView"
import type * as MachineSpec from "@vmemmap/core/machine/MachineSpec"
import * as KernelRecord from "@vmemmap/core/records/KernelRecord"
import * as RecordedMachine from "@vmemmap/core/records/RecordedMachine"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { orWrongUse } from "../Failure.ts"
import * as Sources from "./Sources.ts"

const ofRecord = (
  source: string,
  text: string
): Result.Result<MachineSpec.MachineSpec, { readonly message: string }> =>
  Result.gen(function*() {
    const record = yield* KernelRecord.parse(source, text)
    const { _tag, input } = yield* KernelRecord.given(source, record)
    switch (_tag) {
      case "Described":
        return input.spec
      case "Host":
        return (yield* MachineView.join(yield* HostRecord.toParts(source, record))).spec
      default:
        return yield* RecordedMachine.fromInput(input)
    }
  })

/**
 * The machine of one text: any SOURCE, or a record.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (
  source: string,
  text: string
): Result.Result<MachineSpec.MachineSpec, { readonly message: string }> =>
  KernelRecord.isRecord(text) ? ofRecord(source, text) : Source.read(source, text)

/**
 * One machine from all sources.
 *
 * @category constructors
 * @since 0.1.0
 */
export const read = Effect.fnUntraced(function*(sources: ReadonlyArray<string>) {
  yield* Sources.stdinOnce(sources)
  const specs: Array<MachineSpec.MachineSpec> = []
  for (const source of sources) {
    specs.push(yield* orWrongUse(parse(source, yield* Sources.text(source))))
  }
  return yield* orWrongUse(Source.merge(specs, sources))
})
