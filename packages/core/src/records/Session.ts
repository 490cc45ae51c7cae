/**
 * One run of a machine from boot to the end of a script, written down as a record.
 *
 * @since 0.1.0
 */
import type * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as KernelUse from "../machine/KernelUse.ts"
import * as MachineTree from "../sysfs/MachineTree.ts"
import { Modules } from "../sysfs/Modules.ts"
import * as SysfsTree from "../sysfs/SysfsTree.ts"
import * as Daxctl from "../userland/Daxctl.ts"
import * as Ndctl from "../userland/Ndctl.ts"
import type { Input } from "../userland/Tool.ts"
import * as Crash from "./Crash.ts"
import * as GivenIomem from "./GivenIomem.ts"
import * as GivenTotals from "./GivenTotals.ts"
import { givenPhase } from "./KernelRecord.ts"
import type { MemoryNames } from "./MemoryNames.ts"
import * as OutOfMemory from "./OutOfMemory.ts"
import * as Recorder from "./Recorder.ts"

/**
 * `observed` has the shape of a record's and the extras that a comparison knows; `defects` are mistakes of the kernel itself.
 *
 * @category models
 * @since 0.1.0
 */
export interface Session {
  readonly observed: Readonly<Record<string, unknown>>
  readonly defects: ReadonlyArray<Recorder.Defect>
}

/**
 * Time that passes as fast as it is waited for.
 *
 * @category constants
 * @since 0.1.0
 */
export const instant = (): Clock.Clock => {
  let now = 0n
  const millis = () => Number(now / 1_000_000n)
  return {
    currentTimeMillisUnsafe: millis,
    currentTimeMillis: Effect.sync(millis),
    currentTimeNanosUnsafe: () => now,
    currentTimeNanos: Effect.sync(() => now),
    monotonicTimeNanosUnsafe: () => now,
    monotonicTimeNanos: Effect.sync(() => now),
    sleep: (duration) =>
      Effect.sync(() => {
        now += Duration.toNanosUnsafe(duration)
      })
  }
}

/**
 * uuids in the order they are asked for: recognisable, and never the same twice.
 *
 * @category constructors
 * @since 0.1.0
 */
export const uuids = (): () => string => {
  let last = 0
  return () => `00000000-0000-4000-8000-${(++last).toString(16).padStart(12, "0")}`
}

const moduleParameters = Effect.fnUntraced(function*() {
  const tree = yield* SysfsTree.SysfsTree
  const at = "/sys/module/memory_hotplug/parameters"
  const lines: Array<string> = []
  for (const name of SysfsTree.list(tree, at)) {
    lines.push(`${name}=${(yield* SysfsTree.read(tree, `${at}/${name}`)).trim()}`)
  }
  return lines.join("\n")
})

type Phases = Readonly<Record<string, Readonly<Record<string, unknown>>>>

const figure = (phases: Phases, phase: string, key: string): number => {
  const meminfo = phases[phase]?.["meminfo"] as Readonly<Record<string, number>> | undefined
  return meminfo?.[key] ?? 0
}

/** `final` minus `boot`. */
const delta = (phases: Phases) =>
  Object.fromEntries(
    ["MemTotal", "DirectMap4k", "DirectMap2M", "DirectMap1G"].map((key) => [
      key,
      figure(phases, "final", key) - figure(phases, "boot", key)
    ])
  )

/**
 * - `cmdline`: what the kernel was booted with
 * - `names`: how the record calls memory
 * - `input`: what programs are given
 * - `given`: the recorded phase `before-drivers`, where there is one: what firmware and boot left
 * - `prepare`: done once drivers are loaded, before the phase `boot` is taken
 * - `script`: what is done to the machine then; it tells the recorder what to record
 *
 * @category models
 * @since 0.1.0
 */
export interface Request<E, R> {
  readonly cmdline: string
  readonly names: MemoryNames
  readonly input: Input
  readonly given: Phases[string]
  readonly prepare: Effect.Effect<void, E, R>
  readonly script: (recorder: Recorder.Recorder) => Effect.Effect<void, E, R>
}

/** What is left of a session whose kernel did not survive. */
const crashed = (recorder: Recorder.Recorder, given: Phases[string], parameters: string): Session => {
  const { commands, infoblocks, phases, snapshots } = recorder.observed()
  return {
    observed: {
      status: Crash.status,
      commands,
      phases: GivenTotals.complete(GivenIomem.complete(phases, given), given),
      snapshots,
      infoblocks,
      module_params: parameters
    },
    defects: recorder.defects()
  }
}

/** Lines of the log that the recorder looks at last. */
const tail = 5

/**
 * Loads the drivers of the running machine, runs the script and records what is seen before, between and after.
 *
 * @category operations
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function*<E, R>({ cmdline, given, input, names, prepare, script }: Request<E, R>) {
  const modules = yield* Modules
  const use = yield* KernelUse.make(cmdline)
  const recorder = yield* Recorder.make({ ndctl: Ndctl.run, daxctl: Daxctl.run, input }, names, use.settle)
  yield* recorder.facts(givenPhase)
  for (const name of MachineTree.bootModules) yield* modules.load(name)
  yield* prepare
  yield* recorder.facts("boot")
  const parameters = yield* moduleParameters()
  yield* script(recorder)
  yield* recorder.facts("final")
  yield* recorder.autosnap("final")
  yield* recorder.infoblocks("final")
  if (recorder.crash() !== undefined) return crashed(recorder, given, parameters)
  const shortage = recorder.shortage()
  const whole = recorder.observed()
  const seen = shortage === null ? whole : OutOfMemory.cut(whole, shortage)
  const phases = GivenTotals.complete(GivenIomem.complete(seen.phases, given), given)
  const early = Array.isArray(given["dmesg_new"]) ? given["dmesg_new"] : []
  const session: Session = {
    observed: {
      ...seen,
      phases: { ...phases, final: { ...phases["final"], dmesg_tail: recorder.lines().slice(-tail) } },
      module_params: parameters,
      delta: delta(whole.phases),
      dmesg_all: [...early, ...recorder.lines()],
      ...(shortage === null ? {} : { outOfMemory: true })
    },
    defects: recorder.defects()
  }
  return session
})
