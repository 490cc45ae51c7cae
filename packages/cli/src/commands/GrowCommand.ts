/**
 * `vmemmap grow`: how far a virtual machine can grow before hot-adding memory kills it, and in which steps.
 *
 * @since 0.1.0
 */
import * as HumanSize from "@vmemmap/core/geometry/HumanSize"
import * as MemParse from "@vmemmap/core/geometry/MemParse"
import * as Footprint from "@vmemmap/core/planning/Footprint"
import * as Growth from "@vmemmap/core/planning/Growth"
import * as GrowthRequest from "@vmemmap/core/planning/GrowthRequest"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as GrowAnswer from "../answers/GrowAnswer.ts"
import { AnswerIsNo, orWrongUse } from "../Failure.ts"
import { json, Output } from "../Output.ts"
import * as Style from "../printers/Style.ts"
import * as Table from "../printers/Table.ts"
import * as Options from "./Options.ts"

const sizeFlag = (name: string, description: string) =>
  Flag.String(name).pipe(Flag.withMetavar("SIZE"), Flag.withDescription(description))

const flags = {
  base: sizeFlag("base", "Memory the machine boots with"),
  to: sizeFlag("to", "Memory to grow to, base included"),
  step: sizeFlag("step", "Memory added at a time"),
  how: Flag.Literals("how", GrowthRequest.How.literals).pipe(
    Flag.withDescription("What brings the memory"),
    Flag.withDefault("dimm" as const)
  ),
  online: Flag.Literals("online", GrowthRequest.Online.literals).pipe(
    Flag.withDescription(
      "When and where it is onlined: auto (all is added before any is online; kmem and virtio-mem: movable), kernel, movable, auto-movable (the kernel's policy)"
    ),
    Flag.withDefault("auto" as const)
  ),
  memmapOnMemory: Flag.Boolean("memmap-on-memory").pipe(
    Flag.withDescription("memory_hotplug.memmap_on_memory is on"),
    Flag.withDefault(false)
  ),
  footprint: Options.size("footprint", "Memory the idle machine needs for itself, instead of the recorded guest's"),
  ...Options.kernel,
  json: Options.json
}

/**
 * `vmemmap grow`; status 1 when a step fails.
 *
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make(
  "grow",
  flags,
  Effect.fnUntraced(function*(args) {
    const output = yield* Output
    const kernel = yield* Options.kernelOf(args, {})
    const base = yield* orWrongUse(MemParse.parse(args.base), "--base")
    const footprint = yield* Options.bytesOf("footprint", args.footprint)
    const planned = Growth.plan({
      base,
      to: yield* orWrongUse(MemParse.parse(args.to), "--to"),
      step: yield* orWrongUse(MemParse.parse(args.step), "--step"),
      how: args.how,
      online: args.online,
      memmapOnMemory: args.memmapOnMemory,
      arch: kernel.arch,
      release: kernel.release,
      structPage: kernel.structPage,
      blockSize: yield* Options.bytesOf("block-size", args.blockSize),
      footprint: footprint === undefined ? undefined : idle(footprint)
    })
    const growth: GrowAnswer.GrowAnswer = yield* orWrongUse(Result.mapError(planned, (error) => ({
      message: `--${error.field.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}: ${error.problem}; ${error.remedy}`
    })))
    if (args.json) yield* json(growth)
    else yield* output.print(text(growth, output.width, Style.make(output.colour)))
    if (growth.firstFailure !== null) {
      return yield* new AnswerIsNo({ why: args.json ? growth.firstFailure.reason : "" })
    }
  })
).pipe(
  Command.withDescription("How far this machine can grow before hot-adding memory kills it, and in which steps"),
  Command.withExamples([
    { command: "vmemmap grow --base 1GiB --to 64GiB --step 1GiB", description: "A small guest given 1 GiB DIMMs" },
    {
      command: "vmemmap grow --base 4GiB --to 1TiB --step 16GiB --how virtio-mem --memmap-on-memory",
      description: "virtio-mem"
    }
  ])
)

/** A machine whose idle need is known as a whole. */
const idle = (bytes: number): Footprint.Footprint => ({
  ...Footprint.recorded,
  kernel: { fixed: 0, perGiB: 0 },
  booted: { fixed: bytes, perGiB: 0 }
})

const rowsShown = 40

/** Long runs print their first and last steps; `--json` has all. */
const shown = (steps: GrowAnswer.GrowAnswer["steps"]): GrowAnswer.GrowAnswer["steps"] =>
  steps.length <= rowsShown ? steps : [...steps.slice(0, rowsShown / 2), ...steps.slice(-rowsShown / 2)]

const text = (growth: GrowAnswer.GrowAnswer, width: number, style: Style.Style): string => {
  const size = HumanSize.formatBinary
  const skipped = growth.steps.length - shown(growth.steps).length
  const table = Table.render(
    [
      { title: "total", align: "right" },
      { title: "memmap", align: "right" },
      { title: "page tables", align: "right" },
      { title: "paid by" },
      { title: "free before", align: "right" },
      { title: "movable:kernel", align: "right" },
      { title: "" }
    ],
    shown(growth.steps).map((step) => [
      size(step.total),
      size(step.memmap),
      size(step.pageTables),
      step.paidBy,
      size(step.freeBefore),
      step.movableToKernel === null ? "-" : step.movableToKernel.toFixed(2),
      step.ok ? style.good("ok") : style.bad("fails")
    ]),
    { width, bold: style.bold }
  )
  const failure = growth.firstFailure
  const lines = [
    ...(skipped > 0 ? [`(${skipped} steps in between not shown; --json has all)`] : []),
    `largest total that works: ${size(growth.maximum)}`,
    ...(failure === null ? [] : [`step ${failure.step}, to ${size(failure.total)}, fails: ${failure.reason}`]),
    ...(failure?.whatWouldHelp ?? []).map((help) => `would help: ${help}`),
    ...growth.assumptions.map((assumption) => `assumed: ${assumption}`)
  ]
  return table + lines.map((line) => Table.paragraph(line, width)).join("")
}
