/**
 * `vmemmap carve`: which `memmap=nn!ss` is safe on this machine, and what the region it makes can become.
 *
 * @since 0.1.0
 */
import * as HumanSize from "@vmemmap/core/geometry/HumanSize"
import * as MemParse from "@vmemmap/core/geometry/MemParse"
import { hex } from "@vmemmap/core/geometry/Pfn"
import * as Alternatives from "@vmemmap/core/planning/Alternatives"
import * as CarveOut from "@vmemmap/core/planning/CarveOut"
import * as Comparison from "@vmemmap/core/planning/Comparison"
import * as PlanOption from "@vmemmap/core/planning/PlanOption"
import * as Target from "@vmemmap/core/planning/Target"
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as CarveAnswer from "../answers/CarveAnswer.ts"
import { AnswerIsNo, orWrongUse } from "../Failure.ts"
import { json, Output } from "../Output.ts"
import * as Style from "../printers/Style.ts"
import * as Table from "../printers/Table.ts"
import * as Sources from "../sources/Sources.ts"
import * as Options from "./Options.ts"

const flags = {
  sources: Argument.String("source").pipe(
    Argument.withDescription("Boot log, /proc/iomem or machine description; none for this machine"),
    Argument.variadic()
  ),
  size: Flag.String("size").pipe(Flag.withMetavar("SIZE"), Flag.withDescription("Bytes to carve out, such as 16G")),
  keep: Options.size("keep", "RAM that must stay on the node (default: the larger of 1G and a quarter)"),
  sysroot: Options.sysroot,
  ...Options.kernel,
  json: Options.json
}

/** What the region can become: every reachable option with its figures, and the rest with the reason. */
const becomes = (region: CarveOut.Candidate["region"], kernel: Target.Kernel): CarveAnswer.Becomes => {
  const { target } = Target.fromDevice(region, kernel.arch.pageSize)
  const options = Alternatives.all(target, kernel)
  return {
    can: options.filter(PlanOption.isSafe).map((o) => ({
      what: Comparison.label(o),
      usable: o.usable,
      ram: o.ram,
      device: o.device,
      pageTables: o.pageTables
    })),
    cannot: options.filter((o) => !PlanOption.isSafe(o)).map((o) => ({
      what: Comparison.label(o),
      why: o.error?.message ?? o.tool?.message ?? o.notes.find((n) => n.kind === "hazard")?.message ?? "no byte is left"
    }))
  }
}

/**
 * `vmemmap carve`; status 1 when no line is safe.
 *
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make(
  "carve",
  flags,
  Effect.fnUntraced(function*(args) {
    const output = yield* Output
    yield* Options.oneMachine(args)
    const want = yield* orWrongUse(MemParse.parse(args.size), "--size")
    const keep = yield* Options.bytesOf("keep", args.keep)
    const machine = yield* Sources.machine(args.sources, Option.getOrUndefined(args.sysroot))
    const kernel = yield* Options.kernelOf(args, machine)
    const carved = yield* orWrongUse(CarveOut.plan({
      machine,
      want,
      arch: kernel.arch,
      release: kernel.release,
      policy: keep === undefined ? undefined : { keepBytes: keep, keepShare: 0 }
    }))
    const candidates = carved.candidates.map(({ region, ...candidate }) => ({
      ...candidate,
      becomes: becomes(region, kernel)
    }))
    const answer: CarveAnswer.CarveAnswer = { ...carved, candidates }
    yield* args.json ? json(answer) : output.print(text(answer, output.width, Style.make(output.colour)))
    if (candidates.length === 0) {
      return yield* new AnswerIsNo({ why: `no safe place for ${HumanSize.formatBinary(want)} on this machine` })
    }
  })
).pipe(
  Command.withDescription("Safe memmap=nn!ss lines for this machine, and what the region can become"),
  Command.withExamples([
    { command: "vmemmap carve --size 16G", description: "For this machine (as root)" },
    { command: "dmesg | vmemmap carve - --size 4G", description: "From a boot log" }
  ])
)

/** First and last byte, as `/proc/iomem` has them. */
const ends = (start: number, size: number): string => `${hex(start)}-${hex(start + size - 1)}`

const text = (
  { assumptions, candidates, refused }: CarveAnswer.CarveAnswer,
  width: number,
  style: Style.Style
): string => {
  const size = HumanSize.formatBinary
  const lines = (items: ReadonlyArray<string>) => items.map((item) => Table.paragraph(item, width)).join("")
  const heading = ({ line, node, size, start }: CarveAnswer.Candidate) =>
    `${style.bold(line)}  ${ends(start, size)}  node ${node}\n`
  const best = candidates[0]
  const said = new Set<string>()
  const isNew = (text: string): boolean => {
    const before = said.size
    return said.add(text).size > before
  }
  // All of the best candidate; of the others what differs from those before.
  const details = (candidate: CarveAnswer.Candidate): ReadonlyArray<string> => [
    lines(candidate.why.filter(isNew).map((why) => `  ${why}`)),
    isNew(JSON.stringify(candidate.becomes)) ? outcomes(candidate.becomes) : "",
    candidate === best ? "" : "  otherwise as above\n"
  ]
  const outcomes = ({ can, cannot }: CarveAnswer.Becomes) =>
    Table.render(
      [
        { title: "  can become" },
        { title: "usable", align: "right" },
        { title: "RAM", align: "right" },
        { title: "on device", align: "right" }
      ],
      can.map((o) => [`  ${o.what}`, HumanSize.format(o.usable), size(o.ram + o.pageTables), size(o.device)]),
      { width }
    ) + lines(cannot.map((o) => `  cannot become ${o.what}: ${o.why}`))
  return [
    ...candidates.map((candidate) => [heading(candidate), ...details(candidate), "\n"].join("")),
    refused.length === 0 ? "" : Table.render(
      [{ title: "refused" }, { title: "size", align: "right" }, { title: "why", flex: true }],
      refused.map((r) => [ends(r.start, r.size), size(r.size), r.why]),
      { width, bold: style.bold }
    ),
    lines(assumptions.map((assumption) => `assumed: ${assumption}`))
  ].join("")
}
