/**
 * How create-namespace configures a namespace once everything is settled: the writes to sysfs, in the tool's order (21.6, OBS-25
 * rows 12 and 13).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as CreateNamespace from "../devices/CreateNamespace.ts"
import { MiB } from "../geometry/Units.ts"
import * as Errno from "../kernel/Errno.ts"
import * as JsonC from "./JsonC.ts"
import * as NdctlDevices from "./NdctlDevices.ts"
import * as NdctlJson from "./NdctlJson.ts"
import * as NdctlSession from "./NdctlSession.ts"
import * as NdctlView from "./NdctlView.ts"
import * as ToolFailure from "./ToolFailure.ts"

type Session = NdctlSession.Session

/**
 * What is asked for, besides what was settled: the uuid of a labelled namespace, its name, the sector size (`undefined`: whatever
 * there is), whether the start alignment is ignored, and whether a seed that fails is let go.
 *
 * @category models
 * @since 0.1.0
 */
export interface Wanted {
  readonly settled: CreateNamespace.Settled
  readonly uuid: string
  readonly altName: string
  readonly sectorSize: number | undefined
  readonly force: boolean
  readonly autorecover: boolean
}

/**
 * How counted complaints of create-namespace begin.
 *
 * @category constants
 * @since 0.1.0
 */
export const doing = "create namespace"

/** What the tool wants a pfn or dax namespace to begin on. */
const startAlign = 16 * MiB

const classes = { raw: "", sector: "btt", fsdax: "pfn", devdax: "dax" } as const

/** A write whose refusal is complained about by the name of the library's function. */
const attempt = (session: Session, device: string, attribute: string, step: string, text: string) =>
  Effect.tapError(
    NdctlDevices.write(session, device, attribute, text),
    ({ errno }) =>
      Effect.sync(() => NdctlSession.count(session, doing, `${device}: ${step} failed: ${Errno.text(errno)}`))
  )

const label = Effect.fnUntraced(function*(session: Session, { name }: NdctlView.Namespace, wanted: Wanted) {
  yield* attempt(session, name, "uuid", "set_uuid", wanted.uuid)
  yield* attempt(session, name, "alt_name", "set_alt_name", wanted.altName)
  yield* attempt(session, name, "size", "set_size", String(wanted.settled.size))
})

const sectors = Effect.fnUntraced(function*(
  session: Session,
  { name, sectorSizes }: NdctlView.Namespace,
  { sectorSize, settled }: Wanted
) {
  if (sectorSize === undefined || sectorSize === 0) return
  if (sectorSizes.includes(sectorSize)) {
    return yield* attempt(session, name, "sector_size", "set_sector_size", String(sectorSize))
  }
  if (settled.mode === "sector" || sectorSize === 512) return
  NdctlSession.complain(session, `${name}: sector_size: ${sectorSize} not supported`)
  return yield* ToolFailure.fail("EINVAL")
})

const checkStart = Effect.fnUntraced(function*(session: Session, name: string, force: boolean) {
  const start = (yield* NdctlView.namespace(session.tree, name))?.start
  if (start === undefined) return NdctlSession.say(session, `  Warning: ${name} unable to validate alignment\n`)
  if (start % startAlign === 0 || force) return
  NdctlSession.complain(session, `${name} misaligned to 16M, adjust region alignment and retry`)
  return yield* ToolFailure.fail("EINVAL")
})

/** Gives a seed the namespace and enables it. */
const claim = Effect.fnUntraced(function*(
  session: Session,
  seed: NdctlView.Instance,
  name: string,
  { autorecover, force, settled }: Wanted
) {
  const isBtt = seed.kind === "btt"
  if (!isBtt) yield* checkStart(session, name, force)
  yield* attempt(session, seed.name, "uuid", "set_uuid", session.input.freshUuid())
  if (isBtt) yield* attempt(session, seed.name, "sector_size", "set_sector_size", String(settled.sectorSize ?? 4096))
  else {
    yield* attempt(session, seed.name, "mode", "set_location", settled.map === "mem" ? "ram" : "pmem")
    yield* attempt(session, seed.name, "align", "set_align", String(settled.align))
  }
  yield* attempt(session, seed.name, "namespace", "set_namespace", name)
  yield* Effect.tapError(
    enabled(NdctlDevices.enableInstance(session, seed), session, name),
    () => autorecover && !isBtt ? Effect.ignore(NdctlDevices.write(session, seed.name, "namespace", "")) : Effect.void
  )
})

const enabled = (run: Effect.Effect<void, ToolFailure.ToolFailure>, session: Session, name: string) =>
  Effect.tapError(run, () => Effect.sync(() => NdctlSession.complain(session, `${name}: failed to enable`)))

/** The seed that will claim the namespace; natively mapped ones need none for map=mem. */
const seedOf = (
  { seeds }: NdctlView.Region,
  found: NdctlView.Namespace | undefined,
  { map, mode }: CreateNamespace.Settled
): string | null | undefined => {
  switch (mode) {
    case "raw":
      return null
    case "sector":
      return seeds.btt
    case "devdax":
      return seeds.dax
    case "fsdax":
      return found?.mode === "fsdax" && map === "mem" ? null : seeds.pfn
  }
}

/**
 * Configures an idle namespace and prints it. Fails with what the tool ends with; it has complained by then.
 *
 * @category operations
 * @since 0.1.0
 */
export const setup = Effect.fnUntraced(function*(
  session: Session,
  region: NdctlView.Region,
  target: NdctlView.Namespace,
  wanted: Wanted
): Effect.fn.Return<void, ToolFailure.ToolFailure> {
  const { input, tree } = session
  const { settled } = wanted
  const { name } = target
  if (target.type === "pmem") yield* label(session, target, wanted)
  yield* sectors(session, target, wanted)
  yield* NdctlDevices.setClass(session, name, classes[settled.mode])
  const seedName = seedOf(region, yield* NdctlView.namespace(tree, name), settled)
  if (seedName === null) yield* enabled(NdctlDevices.enable(session, name), session, name)
  else {
    const seed = yield* NdctlView.instance(tree, seedName ?? "")
    if (seed === undefined) return yield* ToolFailure.fail("ENXIO")
    yield* claim(session, seed, name, wanted)
  }
  const made = yield* NdctlView.namespace(tree, name)
  if (made === undefined) return
  const flags = { human: input.onTerminal, verbose: false, dax: true, capabilities: false, idle: false }
  NdctlSession.print(session, `${JsonC.print(yield* NdctlJson.namespace(session, made, flags))}\n`)
})
