/** A thread that writes as `src/workers/writer.ts` does, but each chunk only when it is let; and that may die at one. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeWorkerRunner from "@effect/platform-node/NodeWorkerRunner"
import * as BytePool from "@vmemmap/core/bytes/BytePool"
import * as PageJob from "@vmemmap/core/bytes/PageJob"
import type * as PageKernel from "@vmemmap/core/bytes/PageKernel"
import * as Effect from "effect/Effect"
import * as WorkerRunner from "effect/workers/WorkerRunner"
import * as WorkerThreads from "node:worker_threads"
import type { Message, Reply } from "../../src/workers/WriterMessage.ts"
import * as Gates from "./gates.ts"

const gate: Gates.Gate = WorkerThreads.workerData

let isDoomed = false

const pass = (): void => {
  isDoomed ||= Gates.pass(gate)
  if (!isDoomed || gate.death === "silence") return
  if (gate.death === "exit") process.exit(3)
  throw new Error("a thread that dies")
}

/** Whole chunks of what these tests write are one call of these. */
const gated = (kernel: PageKernel.PageKernel): PageKernel.PageKernel => ({
  ...kernel,
  fill: (...given) => {
    pass()
    kernel.fill(...given)
  },
  self: (...given) => {
    pass()
    kernel.self(...given)
  }
})

const program = Effect.gen(function*() {
  const runner = yield* (yield* WorkerRunner.WorkerRunnerPlatform).start<Reply, Message>()
  let kernel: PageKernel.PageKernel | null = null
  yield* runner.run((port, message) => {
    if (message._tag === "Begin") {
      kernel = gated(BytePool.kernelOn(message.shared, message.thread))
      return Effect.void
    }
    if (kernel !== null) PageJob.run(kernel, message.job)
    if (isDoomed) process.exit(0)
    return runner.send(port, { nanos: 1 })
  })
})

NodeRuntime.runMain(Effect.provide(program, NodeWorkerRunner.layer))
