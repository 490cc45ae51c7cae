/**
 * Finds a race in a service that knows nothing of any of this: leases over a key-value store, where two clients may hold one lease.
 * The store is replaced by one whose accesses are steps, and every order of them is tried.
 */
import * as Steps from "@vmemmap/core/kernel/Steps"
import { type Execution, Explore, Schedule, Seeded } from "@vmemmap/test-utils"
import { Cause, Clock, Context, Effect, Exit, Layer, Result, Semaphore } from "effect"
import * as KeyValueStore from "effect/persistence/KeyValueStore"

// The service, as somebody else wrote it.

interface Lease {
  readonly owner: string
  readonly until: number
}

class Leases extends Context.Service<Leases, {
  /** Takes a lease for `millis`; `false`: somebody else has it. */
  readonly take: (
    name: string,
    owner: string,
    millis: number
  ) => Effect.Effect<boolean, KeyValueStore.KeyValueStoreError>
  /** Gives it back, if it is the owner's. */
  readonly give: (name: string, owner: string) => Effect.Effect<void, KeyValueStore.KeyValueStoreError>
}>()("examples/Leases") {
  static readonly make = Effect.gen(function*() {
    const store = yield* KeyValueStore.KeyValueStore
    const find = (name: string) =>
      Effect.map(store.get(name), (text) => text === undefined ? null : JSON.parse(text) as Lease)
    return Leases.of({
      take: Effect.fnUntraced(function*(name, owner, millis) {
        const now = yield* Clock.currentTimeMillis
        const lease = yield* find(name)
        if (lease !== null && lease.until > now) return false
        yield* store.set(name, JSON.stringify({ owner, until: now + millis }))
        return true
      }),
      give: Effect.fnUntraced(function*(name, owner) {
        const lease = yield* find(name)
        if (lease?.owner === owner) yield* store.remove(name)
      })
    })
  })
  static readonly layer = Layer.effect(Leases, Leases.make)
}

/** The same service, one caller at a time. */
const fixed = Layer.effect(
  Leases,
  Effect.gen(function*() {
    const { give, take } = yield* Leases.make
    const semaphore = yield* Semaphore.make(1)
    return Leases.of({
      take: (name, owner, millis) => semaphore.withPermits(1)(take(name, owner, millis)),
      give: (name, owner) => semaphore.withPermits(1)(give(name, owner))
    })
  })
)

// What is tested: a store whose accesses are steps, two clients, and what must not be.

const watchedStore = Layer.effect(
  KeyValueStore.KeyValueStore,
  Effect.gen(function*() {
    const store = yield* KeyValueStore.KeyValueStore
    const before = (step: Steps.Step) =>
      Steps.run(function*() {
        yield step
      })
    return {
      ...store,
      get: (key: string) => Effect.andThen(before(Steps.read("store.get", key)), store.get(key)),
      set: (key: string, value: string | Uint8Array) =>
        Effect.andThen(before(Steps.write("store.set", key)), store.set(key, value)),
      remove: (key: string) => Effect.andThen(before(Steps.write("store.remove", key)), store.remove(key))
    }
  })
).pipe(Layer.provide(KeyValueStore.layerMemory))

const program = (
  layer: Layer.Layer<Leases, never, KeyValueStore.KeyValueStore>
): Execution.Program<KeyValueStore.KeyValueStoreError> =>
(explored) =>
  Effect.gen(function*() {
    const leases = yield* Leases
    const holders = new Set<string>()
    const had: Array<string> = []
    yield* explored.watch(() =>
      holders.size < 2 ? [] : [{ rule: "one holder", problem: `${[...holders].join(" and ")} hold the lease` }]
    )
    const client = Effect.fnUntraced(function*(name: string) {
      if (!(yield* leases.take("job", name, 1000))) return
      holders.add(name)
      had.push(name)
      yield* Steps.run(function*() {
        yield Steps.write("job.run", "work")
      })
      holders.delete(name)
      yield* leases.give("job", name)
    })
    const exits = yield* explored.contexts({ ann: client("ann"), bob: client("bob") })
    const failures = exits.filter(Exit.isFailure).map(({ cause }) => ({
      rule: "failure",
      problem: Cause.pretty(cause)
    }))
    return { violations: failures, state: had.join(" then ") }
  }).pipe(Effect.provide(layer.pipe(Layer.provide(watchedStore))))

const columns = ({ events, names }: Execution.Execution): string =>
  [
    names.map((name, i) => `${Schedule.letter(i)} ${name}`.padEnd(18)).join(""),
    ...events.map(({ choice, step }) => {
      const text = step === null ? "begins" : `${step.name} ${step.object}`
      return " ".repeat(choice._tag === "Context" ? 18 * choice.context : 18 * names.length) + text
    })
  ].map((line) => line.trimEnd()).join("\n")

const told = ({ complete, findings, schedules, states }: Explore.Explored): string =>
  findings.length > 0
    ? `schedule ${schedules} breaks '${findings[0]?.violations[0]?.rule}'`
    : `${schedules} schedules, ${complete ? "every one there is" : "not all"}: nothing; they end with ${
      [...states].map((state) => `'${state}'`).toSorted().join(", ")
    }`

const broken = program(Leases.layer)
const found = Explore.exhaustive(broken)
console.log(`one after the other: ${told(found)}`)
console.log(`by chance, seed 7:   ${told(Seeded.run(broken, { seed: 7, schedules: 1000 }))}`)

for (const { execution, schedule, violations } of found.findings) {
  console.log(
    `\n${violations[0]?.problem}, on the shortest schedule that was found, '${schedule}':\n${columns(execution)}`
  )
  const again = Explore.replay(broken, Result.getOrThrow(Schedule.parse(schedule)))
  console.log(`\nthe same from its text: ${again.violations[0]?.problem}`)
}

console.log(`\nfixed, one after the other: ${told(Explore.exhaustive(program(fixed)))}`)
console.log(`fixed, by chance:           ${told(Seeded.run(program(fixed), { seed: 7, schedules: 1000, how: "pct" }))}`)
