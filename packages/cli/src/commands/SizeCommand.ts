/**
 * `vmemmap size`: what to request to get a number of usable bytes.
 *
 * @since 0.1.0
 */
import * as HumanSize from "@vmemmap/core/geometry/HumanSize"
import * as MemParse from "@vmemmap/core/geometry/MemParse"
import * as Alternatives from "@vmemmap/core/planning/Alternatives"
import * as PlanOption from "@vmemmap/core/planning/PlanOption"
import * as Sizing from "@vmemmap/core/planning/Sizing"
import * as Target from "@vmemmap/core/planning/Target"
import * as MemmapOption from "@vmemmap/core/resources/MemmapOption"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import type * as SizeAnswer from "../answers/SizeAnswer.ts"
import { AnswerIsNo, orWrongUse, WrongUse } from "../Failure.ts"
import { json, Output } from "../Output.ts"
import * as Options from "./Options.ts"

const flags = {
  want: Flag.String("want").pipe(
    Flag.withMetavar("SIZE"),
    Flag.withDescription("Usable bytes needed, such as 1500G")
  ),
  mode: Flag.Literals("mode", PlanOption.Mode.literals).pipe(
    Flag.withDescription("What it is for"),
    Flag.withDefault("fsdax" as const)
  ),
  map: Flag.Literals("map", ["mem", "dev"]).pipe(
    Flag.withDescription("Where the memmap goes (default: dev, as ndctl; mem for system-ram)"),
    Flag.optional
  ),
  align: Options.size("align", "Alignment (default 2M where the architecture has it)"),
  sectorSize: Flag.Int("sector-size").pipe(
    Flag.withDescription("Sector size of sector mode"),
    Flag.withDefault(4096)
  ),
  start: Options.size("start", "Start of the region (default 4G)"),
  ways: Flag.Int("ways").pipe(Flag.withDescription("Interleave ways of the region"), Flag.withDefault(1)),
  regionAlign: Options.size("region-align", "Alignment of the region (default 16M times the ways)"),
  ...Options.kernel,
  json: Options.json
}

/**
 * `vmemmap size`; status 1 when no request suffices.
 *
 * @category commands
 * @since 0.1.0
 */
export const command = Command.make(
  "size",
  flags,
  Effect.fnUntraced(function*(args) {
    const output = yield* Output
    const kernel = yield* Options.kernelOf(args, {})
    const want = yield* orWrongUse(MemParse.parse(args.want), "--want")
    if (want === 0) return yield* new WrongUse({ problem: "--want: ask for at least one byte" })
    if (args.ways < 1 || args.ways > 32) return yield* new WrongUse({ problem: "--ways: 1 to 32 (spec 20.4)" })
    const align = (yield* Options.bytesOf("align", args.align)) ??
      kernel.arch.daxAligns.find((a) => a >= kernel.arch.compatAlign) ?? kernel.arch.pageSize
    const hasMap = args.mode !== "raw" && args.mode !== "sector"
    const map = Option.getOrElse(args.map, () => args.mode === "system-ram" ? "mem" as const : "dev" as const)
    const start = (yield* Options.bytesOf("start", args.start)) ?? Target.assumedStart
    const regionAlign = yield* Options.bytesOf("region-align", args.regionAlign)
    if (regionAlign === 0) return yield* new WrongUse({ problem: "--region-align: must not be 0" })
    const { target } = Target.fromDevice({
      name: "region",
      kind: "pmem",
      start,
      size: 2 ** 30,
      ways: args.ways,
      ...(regionAlign === undefined ? {} : { align: regionAlign })
    }, kernel.arch.pageSize)
    const choice: PlanOption.Choice = {
      mode: args.mode,
      map: hasMap ? map : "none",
      align: hasMap ? align : null,
      sectorSize: args.mode === "sector" ? args.sectorSize : null,
      native: false,
      memmapOnMemory: false
    }
    const found = Sizing.find(want, choice, target, kernel)
    if (Result.isFailure(found)) return yield* new AnswerIsNo({ why: found.failure.message })
    const sizing = found.success
    const answer: SizeAnswer.SizeAnswer = {
      want,
      request: sizing.request,
      usable: sizing.usable,
      argument: `--size=${MemParse.format(sizing.request)}`,
      memmapLine: args.ways === 1 && kernel.arch.name.startsWith("x86_64")
        ? MemmapOption.formatPmem(start, sizing.request)
        : null,
      command: Alternatives.command(sizing.option, target, ` --size=${MemParse.format(sizing.request)}`),
      nextLower: sizing.nextLower,
      granule: sizing.granule,
      overhead: sizing.request - sizing.usable,
      option: sizing.option
    }
    // Only memory blocks depend on what is assumed of a kernel.
    const assumed = sizing.option.blocks === null ? [] : kernel.assumptions
    yield* args.json ? json(answer) : output.print(text(answer) + assumed.map((one) => `assumed: ${one}\n`).join(""))
  })
).pipe(
  Command.withDescription("The least request that gives at least the wanted usable bytes"),
  Command.withExamples([
    { command: "vmemmap size --want 1500G", description: "An fsdax namespace with 1500 GiB to use" },
    {
      command: "vmemmap size --want 100G --mode devdax --map mem --align 1G --ways 6",
      description: "On a six-way interleaved region"
    }
  ])
)

const text = (
  { command, granule, memmapLine, nextLower, option, request, usable, want }: SizeAnswer.SizeAnswer
): string => {
  const lower = nextLower === null
    ? "there is no smaller legal request\n"
    : nextLower.refused === null
    ? `the next lower legal request, ${MemParse.format(nextLower.request)}, gives ${
      HumanSize.format(nextLower.usable)
    }: ` +
      `${want - nextLower.usable} bytes too few\n`
    : `the next lower request, ${MemParse.format(nextLower.request)}, is refused: ${nextLower.refused}\n`
  return `request ${HumanSize.format(request)}: ${request} bytes, a multiple of ${MemParse.format(granule)}\n` +
    `gives   ${HumanSize.format(usable)} usable (${usable} bytes)\n` +
    `costs   ${HumanSize.formatBinary(option.ram)} of struct pages in RAM, ${
      HumanSize.formatBinary(option.device)
    } on the ` +
    `device, ${HumanSize.formatBinary(option.pageTables)} of page tables\n` +
    `type    ${command}\n` +
    (memmapLine === null ? lower : `or boot with ${memmapLine}\n${lower}`)
}
