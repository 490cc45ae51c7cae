/**
 * A service that mounts a DAX filesystem, waits for its first extent with a timeout, and draws how far the rest is.
 *
 *     npm run --silent example -- examples/first-extent/main.ts [STRATEGY]
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Duration, Effect, Terminal } from "effect"
import * as DaxStore from "./DaxStore.ts"
import * as Service from "./Service.ts"

const main = Effect.gen(function*() {
  const { display } = yield* Terminal.Terminal
  yield* Service.serve(Duration.seconds(1)).pipe(
    Effect.provide(DaxStore.layer(process.argv[2] ?? "vmemmap")),
    Effect.provideService(Service.Screen, (text) => Effect.orDie(display(text)))
  )
})

main.pipe(Effect.provide(NodeServices.layer), NodeRuntime.runMain)
