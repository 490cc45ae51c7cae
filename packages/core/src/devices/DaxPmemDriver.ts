/**
 * `dax_pmem`: hands the data of a dax device to the dax bus (24.1).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { DaxBus } from "./DaxBus.ts"
import { type Hardware, infoBlockReserve, namespaceOf, rawAccess, reserve, say } from "./DeviceProbe.ts"
import { type PfnInstance, resource } from "./NvdimmState.ts"
import * as PfnDriver from "./PfnDriver.ts"

const driver = "dax_pmem"

/**
 * The probe of a dax device: reads or writes the info block with the first 8 KiB reserved, then reserves the metadata
 * `[start, start + dataoff)` and attaches a static dax region over the data. The page map still begins at the namespace's
 * start. All of it goes when the scope ends (24.1).
 *
 * @category probing
 * @since 0.1.0
 */
export const probe = Effect.fnUntraced(
  function*(hardware: Hardware, daxBus: DaxBus["Service"], device: PfnInstance) {
    const namespace = yield* Effect.fromResult(namespaceOf(hardware, device))
    const setup = yield* Effect.scoped(Effect.andThen(
      rawAccess(hardware, driver, device, namespace, infoBlockReserve(hardware)),
      Effect.suspend(() => Effect.fromResult(PfnDriver.setup(hardware, driver, device, namespace)))
    ))
    const { start } = resource(namespace)
    yield* reserve(
      hardware,
      namespace,
      { start, end: start + setup.dataoff },
      () => say(hardware, "warn", driver, device.name, "could not reserve metadata")
    )
    const { description, id } = device.region
    const name = `dax${id}.${namespace.id}`
    yield* daxBus.attach({
      region: id,
      id: namespace.id,
      name,
      ...setup.data,
      align: setup.align,
      node: description.node,
      targetNode: description.targetNode,
      pagemap: { name, type: "generic", node: description.node, owner: name, background: "posted", ...setup.pagemap }
    })
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        device.data = setup.data
      }),
      () =>
        Effect.sync(() => {
          device.data = null
        })
    )
  }
)
