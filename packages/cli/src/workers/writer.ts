/**
 * A thread that writes struct pages: the entry point of a Node worker, started by `Writers`.
 *
 * @since 0.1.0
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeWorkerRunner from "@effect/platform-node/NodeWorkerRunner"
import * as BytePool from "@vmemmap/core/bytes/BytePool"
import * as PageJob from "@vmemmap/core/bytes/PageJob"
import type * as PageKernel from "@vmemmap/core/bytes/PageKernel"
import * as Effect from "effect/Effect"
import * as WorkerRunner from "effect/workers/WorkerRunner"
import { performance } from "node:perf_hooks"
import type { Message, Reply } from "./WriterMessage.ts"

const program = Effect.gen(function*() {
  const runner = yield* (yield* WorkerRunner.WorkerRunnerPlatform).start<Reply, Message>()
  let kernel: PageKernel.PageKernel | null = null
  yield* runner.run((port, message) => {
    if (message._tag === "Begin") {
      kernel = BytePool.kernelOn(message.shared, message.thread)
      PageJob.rehearse(kernel)
      return Effect.void
    }
    const began = performance.now()
    if (kernel !== null) PageJob.run(kernel, message.job)
    return runner.send(port, { nanos: (performance.now() - began) * 1e6 })
  })
})

NodeRuntime.runMain(Effect.provide(program, NodeWorkerRunner.layer))
