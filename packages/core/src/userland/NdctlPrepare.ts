/**
 * What ndctl does to a namespace before it is configured anew or destroyed: disable it, and zero its info blocks (21.6).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as SysfsTree from "../sysfs/SysfsTree.ts"
import * as NdctlDevices from "./NdctlDevices.ts"
import * as NdctlSession from "./NdctlSession.ts"
import type * as NdctlView from "./NdctlView.ts"
import { imageSize } from "./ReadInfoblock.ts"
import * as ToolFailure from "./ToolFailure.ts"

type Session = NdctlSession.Session

const erase = (disk: SysfsTree.Bytes): Effect.Effect<"zeroed" | "clean" | "failed"> =>
  Effect.gen(function*() {
    const old = yield* Effect.orElseSucceed(disk.read(0, imageSize), () => Uint8Array.of(1))
    if (old.every((byte) => byte === 0)) return "clean"
    if (disk.write === null) return "failed"
    yield* disk.write(0, new Uint8Array(imageSize))
    return "zeroed"
  }).pipe(Effect.orElseSucceed(() => "failed" as const))

/** Whether anything had to be zeroed. A namespace that cannot be bound raw is left as it is, with a complaint. */
const zero = Effect.fnUntraced(function*(session: Session, found: NdctlView.Namespace, doing: string) {
  const unbound = { erased: "unbound", path: "" } as const
  const { erased, path } = yield* NdctlDevices.whileRaw(
    session,
    found.name,
    (disk, path) => Effect.map(erase(disk), (erased) => ({ erased, path }))
  ).pipe(Effect.orElseSucceed(() => unbound))
  if (erased === "unbound") {
    NdctlSession.count(session, doing, `${found.name} failed to enable for zeroing, continuing`)
  }
  if (erased === "failed") {
    NdctlSession.count(session, doing, `${found.name}: failed to zero info block ${path}`)
    return yield* ToolFailure.fail("ENXIO")
  }
  return erased === "zeroed"
})

/**
 * Disables a namespace and zeroes its first 8192 bytes; answers whether they were not zero already. `doing` is how counted
 * complaints begin. ENXIO in a read-only region, EBUSY for an active namespace without `force` and for one whose memory is online.
 *
 * @category operations
 * @since 0.1.0
 */
export const prepare = Effect.fnUntraced(function*(
  session: Session,
  region: NdctlView.Region,
  found: NdctlView.Namespace,
  { doing, force }: { readonly doing: string; readonly force: boolean }
): Effect.fn.Return<boolean, ToolFailure.ToolFailure> {
  if (region.readOnly) {
    NdctlSession.complain(session, `${found.name}: read-only, re-configuration disabled`)
    return yield* ToolFailure.fail("ENXIO")
  }
  if (found.active && !force) {
    NdctlSession.complain(session, `${found.name} is active, specify --force for re-configuration`)
    return yield* ToolFailure.fail("EBUSY")
  }
  yield* NdctlDevices.disableSafely(session, found)
  yield* NdctlDevices.setClass(session, found.name, "")
  return yield* zero(session, found, doing)
})
