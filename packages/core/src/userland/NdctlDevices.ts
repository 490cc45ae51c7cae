/**
 * What libndctl does to namespaces, what claims them, and regions: binding, unbinding, raw mode (21.5, 21.6).
 *
 * Everything fails with the error number the library returns; what it says of it is said.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as SysfsTree from "../sysfs/SysfsTree.ts"
import * as DaxMemory from "./DaxMemory.ts"
import * as NdctlJson from "./NdctlJson.ts"
import * as NdctlSession from "./NdctlSession.ts"
import * as NdctlView from "./NdctlView.ts"
import * as ToolFailure from "./ToolFailure.ts"

type Session = NdctlSession.Session

type Done = Effect.Effect<void, ToolFailure.ToolFailure>

const drivers = "/sys/bus/nd/drivers"

const driverOf = (name: string): "nd_region" | "nd_pmem" | "dax_pmem" =>
  name.startsWith("region") ? "nd_region" : name.startsWith("dax") ? "dax_pmem" : "nd_pmem"

/**
 * Writes an attribute of a device.
 *
 * @category operations
 * @since 0.1.0
 */
export const write = ({ tree }: Session, device: string, attribute: string, text: string): Done =>
  ToolFailure.fromKernel(SysfsTree.write(tree, `${NdctlView.folder}/${device}/${attribute}`, text))

/** Loads the driver's module when it is missing, and binds; what the probe answers shows in the files. */
const bind = ({ modules, tree }: Session, name: string): Effect.Effect<void> => {
  const driver = driverOf(name)
  const load = driver === "nd_region" ? Effect.void : Effect.ignore(modules.load(driver))
  return Effect.andThen(
    load,
    Effect.suspend(() =>
      NdctlView.isEnabled(tree, name)
        ? Effect.void
        : Effect.ignore(SysfsTree.write(tree, `${drivers}/${driver}/bind`, name))
    )
  )
}

const unbind = ({ tree }: Session, name: string): Effect.Effect<void> =>
  Effect.ignore(SysfsTree.write(tree, `${drivers}/${driverOf(name)}/unbind`, name))

const complain = (session: Session, step: string, name: string, text: string): void =>
  NdctlSession.say(session, `libndctl: ${step}: ${name}: ${text}`)

/**
 * Enables a btt, pfn or dax device. ENXIO when its probe fails, and the library says so.
 *
 * @category operations
 * @since 0.1.0
 */
export const enableInstance = (session: Session, { kind, name }: NdctlView.Instance): Done =>
  Effect.andThen(
    bind(session, name),
    Effect.suspend(() => {
      if (NdctlView.isEnabled(session.tree, name)) return Effect.void
      complain(session, `ndctl_${kind}_enable`, name, "failed to enable")
      return ToolFailure.fail("ENXIO")
    })
  )

/**
 * Enables a namespace: success also when a btt, pfn or dax device was found in it and is enabled. ENXIO when its probe fails, and
 * the library says so.
 *
 * @category operations
 * @since 0.1.0
 */
export const enable = Effect.fnUntraced(function*(session: Session, name: string) {
  if (NdctlView.isEnabled(session.tree, name)) return
  yield* bind(session, name)
  if ((yield* NdctlView.namespace(session.tree, name))?.active === true) return
  complain(session, "ndctl_namespace_enable", name, "failed to enable")
  return yield* ToolFailure.fail("ENXIO")
})

/** Takes the driver off a namespace; what claims it is unbound and let go. EBUSY when the driver stays. */
const disable = Effect.fnUntraced(function*(session: Session, name: string) {
  const claim = (yield* NdctlView.namespace(session.tree, name))?.claim ?? null
  if (claim !== null) {
    yield* unbind(session, claim.name)
    yield* write(session, claim.name, "namespace", "")
  }
  if (!NdctlView.isEnabled(session.tree, name)) return
  yield* unbind(session, name)
  if (!NdctlView.isEnabled(session.tree, name)) return
  complain(session, "ndctl_namespace_disable", name, "failed to disable")
  return yield* ToolFailure.fail("EBUSY")
})

/** Whether memory of a dax device is online as System RAM. */
const hasOnlineMemory = Effect.fnUntraced(function*(session: Session, dax: NdctlView.Instance) {
  const region = yield* NdctlJson.regionOf(session.tree, dax)
  for (const device of region?.devices ?? []) {
    const memory = DaxMemory.of(session.tree, device, (line) => NdctlSession.say(session, line))
    if (memory === undefined) continue
    if ((yield* Effect.orElseSucceed(DaxMemory.online(memory), () => 0)) > 0) return true
  }
  return false
})

/**
 * {@link disable}, but EBUSY while its memory is online as System RAM. What is not active is as good as disabled.
 *
 * @category operations
 * @since 0.1.0
 */
export const disableSafely = Effect.fnUntraced(function*(session: Session, found: NdctlView.Namespace) {
  const { claim } = found
  if (claim !== null && claim.kind === "dax" && claim.enabled && (yield* hasOnlineMemory(session, claim))) {
    return yield* ToolFailure.because(
      "EBUSY",
      "OBS-26",
      `memory of ${found.name} is online as System RAM`,
      "daxctl reconfigure-device -m devdax -f takes it offline and gives it back"
    )
  }
  // the tool does not look whether this worked
  yield* Effect.ignore(disable(session, found.name))
})

/**
 * Runs something over the raw bytes of a namespace: bound with `force_raw`, and unbound again however it ends. ENXIO when it does
 * not bind.
 *
 * @category operations
 * @since 0.1.0
 */
export const whileRaw = <A>(
  session: Session,
  name: string,
  use: (disk: SysfsTree.Bytes, path: string) => Effect.Effect<A, ToolFailure.ToolFailure>
): Effect.Effect<A, ToolFailure.ToolFailure> =>
  Effect.gen(function*() {
    yield* Effect.ignore(write(session, name, "force_raw", "1"))
    yield* enable(session, name)
    const found = yield* NdctlView.namespace(session.tree, name)
    const path = `/dev/${found?.disk ?? ""}`
    const disk = SysfsTree.lookup(session.tree, path)
    return disk?._tag === "Bytes" ? yield* use(disk, path) : yield* ToolFailure.fail("ENXIO")
  }).pipe(
    Effect.ensuring(Effect.suspend(() =>
      Effect.andThen(
        Effect.ignore(write(session, name, "force_raw", "0")),
        Effect.ignore(disable(session, name))
      )
    ))
  )

/**
 * Sets the class of a namespace; kernels that cannot are not complained about.
 *
 * @category operations
 * @since 0.1.0
 */
export const setClass = (session: Session, name: string, holder: "" | "btt" | "pfn" | "dax"): Effect.Effect<void> =>
  Effect.ignore(write(session, name, "holder_class", holder))

/**
 * Enables a region; nothing for one that is enabled. ENXIO when it stays disabled, and the library says so.
 *
 * @category operations
 * @since 0.1.0
 */
export const enableRegion = (session: Session, name: string): Done =>
  Effect.andThen(
    bind(session, name),
    Effect.suspend(() => {
      if (NdctlView.isEnabled(session.tree, name)) return Effect.void
      complain(session, "ndctl_region_enable", name, "failed to enable")
      return ToolFailure.fail("ENXIO")
    })
  )

/**
 * Disables a region; nothing for one that is disabled. EBUSY when it stays enabled, and the library says so.
 *
 * @category operations
 * @since 0.1.0
 */
export const disableRegion = (session: Session, name: string): Done =>
  Effect.suspend(() => {
    if (!NdctlView.isEnabled(session.tree, name)) return Effect.void
    return Effect.andThen(
      unbind(session, name),
      Effect.suspend(() => {
        if (!NdctlView.isEnabled(session.tree, name)) return Effect.void
        complain(session, "ndctl_region_disable", name, "failed to disable")
        return ToolFailure.fail("EBUSY")
      })
    )
  })
