/**
 * Admission control for device memory: may this machine take its devices as planned, and if not, what would it take?
 *
 *     npm run --silent example -- examples/admission.ts examples/eight-socket.yaml
 *
 * Reads any source the command reads, plans it under several kernels, and says for each node whether it can pay.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { HumanSize, KernelRelease, type MachineSpec, Plan, Source, Target } from "@vmemmap/core"
import { Console, Effect, FileSystem, Schema } from "effect"

class Rejected extends Schema.TaggedError<Rejected>("examples/Rejected")("Rejected", {
  node: Schema.Int,
  missing: Schema.Natural
}) {
  override get message() {
    return `node ${this.node} lacks ${HumanSize.formatBinary(this.missing)} for the struct pages of its devices`
  }
}

const admit = Effect.fn("admit")(function*(machine: MachineSpec.MachineSpec, kernel: string, mode: "fsdax" | "devdax") {
  const release = yield* Effect.fromResult(KernelRelease.parse(kernel))
  const { totals } = Plan.make(machine, Target.kernelOf(machine, release), { mode, map: "mem" })
  const unfit = totals.nodes.find((node) => node.fits === false)
  if (unfit !== undefined) {
    return yield* new Rejected({ node: unfit.node, missing: unfit.ram + unfit.pageTables - (unfit.available ?? 0) })
  }
  return totals
})

const program = Effect.gen(function*() {
  const file = process.argv[2] ?? "examples/eight-socket.yaml"
  const text = yield* (yield* FileSystem.FileSystem).readFileString(file)
  const machine = yield* Effect.fromResult(Source.read(file, text))
  for (const kernel of ["5.10", "6.1", "proposed-2026"]) {
    for (const mode of ["fsdax", "devdax"] as const) {
      yield* admit(machine, kernel, mode).pipe(
        Effect.map(({ pageTables, ram }) => `${HumanSize.formatBinary(ram + pageTables)} of RAM, admitted`),
        Effect.catchTag("Rejected", (rejected) => Effect.succeed(`rejected: ${rejected.message}`)),
        Effect.flatMap((answer) => Console.log(`${kernel}\t${mode}\t${answer}`))
      )
    }
  }
})

NodeRuntime.runMain(program.pipe(Effect.provide(NodeServices.layer)))
