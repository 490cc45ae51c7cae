/**
 * `nd_pmem`: finds out what a namespace is, and makes a block device of it or of the pfn device that claims it (21.5, 23.1).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Scope from "effect/Scope"
import { length } from "../geometry/PfnRange.ts"
import type * as Pagemap from "../hotplug/Pagemap.ts"
import * as KernelError from "../kernel/KernelError.ts"
import * as BttInfoBlock from "./BttInfoBlock.ts"
import { type Hardware, infoBlockReserve, memory, namespaceOf, rawAccess, reserve, say } from "./DeviceProbe.ts"
import * as InfoBlock from "./InfoBlock.ts"
import * as NamespaceClaim from "./NamespaceClaim.ts"
import { type Instance, type Namespace, type PfnInstance, resource, shouldMapPages } from "./NvdimmState.ts"
import * as PfnDriver from "./PfnDriver.ts"
import * as PmemDisk from "./PmemDisk.ts"
import * as Seeds from "./Seeds.ts"

const driver = "nd_pmem"

type Attached = Effect.Effect<PmemDisk.PmemDisk, KernelError.KernelError, Scope.Scope>

/** How the namespace is mapped (23.1 step 8). */
interface Mapping {
  readonly request: Pagemap.Request | null
  readonly setup: PfnDriver.Setup | null
}

const mappingOf = (
  hardware: Hardware,
  device: Namespace | PfnInstance,
  namespace: Namespace,
  setup: PfnDriver.Setup | null
): Mapping => {
  const base = { name: device.name, type: "fsdax", node: device.region.description.node, owner: device.name } as const
  if (setup !== null) return { request: { ...base, ...setup.pagemap, background: "posted" }, setup }
  return shouldMapPages(device, namespace, hardware.iomem.tree())
    ? { request: { ...base, ranges: [resource(namespace)], background: "possible" }, setup }
    : { request: null, setup }
}

/**
 * `pmem_attach_disk()`: the block device of a raw or native namespace, or of a bound pfn device. The first 8 KiB are reserved
 * while the info block is read or written, then the whole namespace for as long as the scope is open, which also holds the
 * page map (23.1).
 *
 * @category operations
 * @since 0.1.0
 */
export const attachDisk = Effect.fnUntraced(
  function*(hardware: Hardware, device: Namespace | PfnInstance, namespace: Namespace) {
    const { region } = namespace
    const whole = resource(namespace)
    const setup = yield* Effect.scoped(Effect.andThen(
      rawAccess(hardware, driver, device, namespace, infoBlockReserve(hardware)),
      Effect.suspend(() =>
        device._tag === "Namespace"
          ? Effect.succeed(null)
          : Effect.fromResult(PfnDriver.setup(hardware, driver, device, namespace))
      )
    ))
    if (region.space.mappings === 0) {
      say(hardware, "warn", driver, device.name, "unable to guarantee persistence of writes")
    }
    yield* reserve(
      hardware,
      namespace,
      whole,
      () => say(hardware, "warn", driver, device.name, `could not reserve region ${memory(whole)}`)
    )
    const mapping = mappingOf(hardware, device, namespace, setup)
    const pagemap = mapping.request === null ? null : yield* hardware.pagemaps.memremap(mapping.request)
    const dataOffset = setup?.dataoff ?? 0
    return yield* attached(hardware, device, {
      name: PmemDisk.nameOf(region.id, namespace.id, false),
      start: whole.start,
      mapped: setup?.pagemap.ranges[0]?.start ?? whole.start,
      dataOffset,
      capacity: length(whole) - (setup?.pad ?? 0) - dataOffset,
      logicalBlock: namespace.lbasize === 4096 ? 4096 : 512,
      physicalBlock: hardware.kernel.arch.pageSize,
      readOnly: region.space.readOnly === true,
      node: region.description.node,
      pageSize: hardware.kernel.arch.pageSize,
      pagemap,
      isBtt: false,
      arenas: [],
      isAlive: true,
      media: hardware.media,
      awaitPages: hardware.awaitPages
    }, setup)
  }
)

/** The disk is there until the scope ends: first it dies, then what it stands on is taken away. */
const attached = (
  hardware: Hardware,
  device: Namespace | PfnInstance,
  disk: PmemDisk.PmemDisk,
  setup: PfnDriver.Setup | null
): Attached =>
  Effect.acquireRelease(
    Effect.sync(() => {
      if (device._tag === "Instance" && setup !== null) device.data = setup.data
      if (disk.readOnly) {
        say(hardware, "info", driver, device.name, `${device.region.name} read-only, marking ${disk.name} read-only`)
      }
      return disk
    }),
    () =>
      Effect.sync(() => {
        disk.isAlive = false
        if (device._tag === "Instance") device.data = null
      })
  )

/** The first detector that finds something makes a device of it, which then claims the namespace (21.5). */
const adopt = (
  hardware: Hardware,
  namespace: Namespace,
  kind: Instance["kind"]
): Result.Result<Instance, KernelError.KernelError> => {
  const instance = Seeds.createInstance(namespace.region, kind, hardware.kernel.arch)
  Seeds.attach(instance, namespace)
  if (instance.kind === "btt") {
    const at = resource(namespace).start + (namespace.claimClass === "btt2" ? 0 : InfoBlock.blockSize)
    const found = Result.flatMap(hardware.media.read(at, InfoBlock.blockSize), BttInfoBlock.decode)
    if (Result.isSuccess(found)) {
      instance.lbasize = found.success.externalLbasize
      instance.uuid = found.success.uuid
    }
    return Result.succeed(instance)
  }
  const validated = PfnDriver.validate(hardware, "", instance, namespace)
  if (Result.isSuccess(validated)) return Result.succeed(instance)
  Seeds.unregister(instance)
  return KernelError.fail({
    errno: validated.failure.errno,
    rule: validated.failure.rule,
    step: `nd_${kind}_probe`,
    problem: validated.failure.problem,
    remedy: validated.failure.remedy
  })
}

/** Which block that belongs here cannot be used: the device it would have become, for its line in the log. */
const refusedKind = (media: Uint8Array): "pfn" | "dax" =>
  InfoBlock.signatureOf(media.subarray(InfoBlock.blockSize)) === "DAX" ? "dax" : "pfn"

/**
 * The device an unclaimed namespace turns out to be, or `null` when it stays what it is (21.5). EOPNOTSUPP for a pfn or dax
 * block that belongs here and cannot be used, with its line in the log.
 */
const detect = (hardware: Hardware, namespace: Namespace): Result.Result<Instance | null, KernelError.KernelError> => {
  const { start } = resource(namespace)
  const media = Result.getOrElse(
    hardware.media.read(start, 2 * InfoBlock.blockSize),
    () => new Uint8Array(2 * InfoBlock.blockSize)
  )
  const { claimClass, forceRaw } = namespace
  const found = NamespaceClaim.detect(
    { ...PfnDriver.examined(namespace), media, claimClass, forceRaw },
    PfnDriver.validator(hardware)
  )
  if (Result.isFailure(found)) return adopt(hardware, namespace, refusedKind(media))
  return found.success === "raw" ? Result.succeed(null) : adopt(hardware, namespace, found.success)
}

/**
 * The probe of a namespace (21.5): reserves its first 8 KiB, looks for info blocks, and either registers the device they
 * describe through `register` and answers ENXIO, or attaches a disk.
 *
 * @category probing
 * @since 0.1.0
 */
export const probeNamespace = Effect.fnUntraced(
  function*(hardware: Hardware, device: Namespace, register: (child: Instance) => void) {
    const namespace = yield* Effect.fromResult(namespaceOf(hardware, device))
    const child = yield* Effect.scoped(Effect.andThen(
      rawAccess(hardware, driver, device, namespace, infoBlockReserve(hardware)),
      Effect.suspend(() => Effect.fromResult(detect(hardware, namespace)))
    ))
    if (child === null) return yield* attachDisk(hardware, device, namespace)
    register(child)
    return yield* Effect.fromResult(KernelError.fail({
      errno: "ENXIO",
      rule: "21.5",
      step: "nd_pmem_probe",
      problem: `${namespace.name} is claimed by ${child.name}`,
      remedy: "that device is bound instead"
    }))
  }
)

/**
 * The probe of a pfn device (23.1).
 *
 * @category probing
 * @since 0.1.0
 */
export const probePfn = Effect.fnUntraced(function*(hardware: Hardware, device: PfnInstance) {
  const namespace = yield* Effect.fromResult(namespaceOf(hardware, device))
  return yield* attachDisk(hardware, device, namespace)
})
