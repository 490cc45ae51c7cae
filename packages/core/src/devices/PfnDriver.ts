/**
 * `nd_pfn`: finds or writes the info block of a pfn or dax device, and makes of it what `memremap_pages()` wants (22.3 …
 * 22.5).
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Alignment from "../geometry/Alignment.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import type * as Pagemap from "../hotplug/Pagemap.ts"
import * as KernelError from "../kernel/KernelError.ts"
import { has } from "../release/KernelRelease.ts"
import * as Port from "../release/Port.ts"
import * as Altmap from "../vmemmap/Altmap.ts"
import { type Hardware, infoBlockReserve, say } from "./DeviceProbe.ts"
import * as InfoBlock from "./InfoBlock.ts"
import * as InfoBlockValidation from "./InfoBlockValidation.ts"
import { type DriverName, type Namespace, type PfnInstance, resource } from "./NvdimmState.ts"
import * as PfnLayout from "./PfnLayout.ts"

/**
 * What a block says of its namespace. `data` are physical bytes, `dataoff` bytes from the start of the page map's range,
 * `align` as stored (0 in old blocks). `pad` are the bytes of the namespace outside the range.
 *
 * @category models
 * @since 0.1.0
 */
export interface Setup {
  readonly data: PfnRange.PfnRange
  readonly dataoff: number
  readonly pad: number
  readonly align: number
  readonly pagemap: Pick<Pagemap.Request, "ranges" | "altmap">
}

type Answer<A> = Result.Result<A, KernelError.KernelError>

const fail = (errno: "ENODEV" | "ENXIO" | "EINVAL" | "EIO", rule: string, problem: string, remedy: string) =>
  KernelError.fail({ errno, rule, step: "nvdimm_setup_pfn", problem, remedy })

const modeOf = (map: PfnLayout.Map): PfnInstance["mode"] => map === "dev" ? "pmem" : "ram"

const mapOf = (mode: PfnInstance["mode"]): PfnLayout.Map | undefined =>
  mode === "none" ? undefined : mode === "pmem" ? "dev" : "mem"

const signatureOf = ({ kind }: PfnInstance): InfoBlock.Signature => kind === "pfn" ? "PFN" : "DAX"

const blockAt = (namespace: Namespace): number => resource(namespace).start + InfoBlock.blockSize

/**
 * What the running kernel compares blocks with.
 *
 * @category queries
 * @since 0.1.0
 */
export const validator = ({ kernel: { arch, structPage } }: Pick<Hardware, "kernel">): InfoBlockValidation.Kernel => ({
  pageSize: arch.pageSize,
  structPage,
  supportedAligns: arch.daxAligns,
  compatAlign: arch.compatAlign
})

/**
 * A namespace as validation sees it.
 *
 * @category queries
 * @since 0.1.0
 */
export const examined = (namespace: Namespace): InfoBlockValidation.Namespace => {
  const range = resource(namespace)
  return { start: range.start, size: PfnRange.length(range), uuid: namespace.uuid ?? undefined }
}

/** What the kernel prints when it refuses a block, by the row of 22.4; nothing where it only says so in debug builds. */
const line = (
  row: number,
  bytes: Uint8Array | null,
  instance: PfnInstance,
  namespace: Namespace,
  pageSize: number
): string | undefined => {
  const block = bytes === null ? undefined : Result.getOrUndefined(InfoBlock.decode(bytes))
  if (block === undefined) return undefined
  const { align, pageSize: page, pageStructSize } = InfoBlock.normalise(block, pageSize)
  const size = PfnRange.length(resource(namespace))
  switch (row) {
    case 8:
      return `init failed, page size mismatch ${page}`
    case 9:
      return `init failed, struct page size mismatch ${pageStructSize}`
    case 10:
      return `init failed, alignment mismatch: ${instance.align}:${align}`
    case 13:
      return "init failed, settings mismatch"
    case 14:
      return `alignment: ${align.toString(16)} exceeds capacity ${size.toString(16)}`
    case 15:
      return `pfn array size exceeds capacity of ${namespace.name}`
    case 16:
      return `bad offset: 0x${block.dataoff.toString(16)} dax disabled align: 0x${align.toString(16)}`
    case 17:
      return "resource start misaligned"
    case 18:
      return "resource end misaligned"
    default:
      return undefined
  }
}

/**
 * `nd_pfn_validate()`: reads the block of the claimed namespace. A device without uuid takes uuid, align and mode from it; it
 * keeps them even if a later row refuses the block (22.4). `driver` is empty for a device that is not on the bus yet.
 *
 * @category operations
 * @since 0.1.0
 */
export const validate = (
  hardware: Hardware,
  driver: DriverName | "",
  instance: PfnInstance,
  namespace: Namespace
): Result.Result<InfoBlockValidation.Accepted, InfoBlockValidation.Refused> => {
  const bytes = Result.getOrElse(hardware.media.read(blockAt(namespace), InfoBlock.blockSize), () => null)
  const asked: InfoBlockValidation.Instance = {
    signature: signatureOf(instance),
    uuid: instance.uuid ?? undefined,
    align: instance.align,
    map: mapOf(instance.mode)
  }
  const found = InfoBlockValidation.validate(bytes, examined(namespace), asked, validator(hardware))
  const block = bytes === null ? undefined : Result.getOrUndefined(InfoBlock.decode(bytes))
  const adopts = Result.isSuccess(found) ? found.success.adopted : instance.uuid === null && found.failure.row >= 14
  if (adopts && block !== undefined) {
    instance.uuid = block.uuid
    instance.align = Number(InfoBlock.normalise(block, hardware.kernel.arch.pageSize).align)
    instance.mode = modeOf(block.mode === 2 ? "dev" : "mem")
  }
  if (Result.isFailure(found)) {
    const text = line(found.failure.row, bytes, instance, namespace, hardware.kernel.arch.pageSize)
    if (text !== undefined) say(hardware, "err", driver, instance.name, text)
  }
  return found
}

/** `nd_pfn_clear_memmap_errors()`: stale poison where the memmap will be (23.6). */
const clearMemmap = (
  hardware: Hardware,
  driver: DriverName,
  instance: PfnInstance,
  namespace: Namespace,
  dataoff: number
): Answer<void> => {
  const { start } = resource(namespace)
  const area = { start: start + 2 * InfoBlock.blockSize, end: start + dataoff }
  if (instance.mode !== "pmem" || hardware.media.clear(area)) return Result.succeed(undefined)
  const [bad] = hardware.media.bad(area)
  const first = bad === undefined ? 0 : (bad.start - start) / 512
  const count = bad === undefined ? 0 : PfnRange.length(bad) / 512
  say(hardware, "err", driver, instance.name, `error clearing ${count.toString(16)} badblocks at ${first.toString(16)}`)
  return fail("EIO", "23.6", "bad blocks in the memmap area cannot be cleared", "use map=mem, or replace the DIMM")
}

/** What the kernel prints when it will not lay out a block. */
const layoutLine = (refused: KernelError.KernelError, namespace: Namespace, compatAlign: number): string => {
  if (refused.errno === "ENXIO") return `${namespace.name} unable to satisfy requested alignment`
  if (refused.rule === "ALT-14") return "Memory debug options prevent using pmem for the page map"
  const start = `0x${resource(namespace).start.toString(16).padStart(16, "0")}`
  return `${namespace.name}: start ${start} misaligned to 0x${compatAlign.toString(16)}`
}

/** The rest of `nd_pfn_init()`: a new block (22.3). */
const create = (
  hardware: Hardware,
  driver: DriverName,
  instance: PfnInstance,
  namespace: Namespace,
  uuid: string
): Answer<InfoBlock.InfoBlock> => {
  const { kernel, media } = hardware
  const { region } = namespace
  if (region.space.readOnly === true) {
    say(hardware, "info", driver, instance.name, `${region.name} is read-only, unable to init metadata`)
    return fail("ENXIO", "22.3 step 1", `${region.name} is read-only`, "arm its DIMMs")
  }
  const { size, start } = examined(namespace)
  const map = mapOf(instance.mode)
  if (map === undefined && Alignment.isAligned(start, kernel.arch.compatAlign)) {
    return fail("ENXIO", "22.3 step 5", `${instance.name} has no mode`, "write ram or pmem to its mode")
  }
  const layout = PfnLayout.create({
    start,
    size,
    map: map ?? "mem",
    align: instance.align,
    arch: kernel.arch,
    release: kernel.release,
    structPage: kernel.structPage,
    dax: instance.kind === "dax"
  })
  if (Result.isFailure(layout)) {
    say(hardware, "err", driver, instance.name, layoutLine(layout.failure, namespace, kernel.arch.compatAlign))
    return Result.fail(layout.failure)
  }
  const block = InfoBlock.fromLayout(layout.success, {
    signature: signatureOf(instance),
    uuid,
    parentUuid: namespace.uuid ?? undefined,
    pageSize: kernel.arch.pageSize,
    versionMinor: has(kernel.release, "info-block-1.4") ? 4 : 2
  })
  return Result.flatMap(
    clearMemmap(hardware, driver, instance, namespace, layout.success.dataoff),
    () => Result.map(media.write(blockAt(namespace), InfoBlock.encode(block)), () => block)
  )
}

/** `__nvdimm_setup_pfn()`: from block to page map (22.5). */
const fromBlock = (
  hardware: Hardware,
  driver: DriverName,
  instance: PfnInstance,
  namespace: Namespace,
  block: InfoBlock.InfoBlock
): Answer<Setup> => {
  const { arch } = hardware.kernel
  const { endTrunc, startPad } = InfoBlock.normalise(block, arch.pageSize)
  const whole = resource(namespace)
  const range = { start: whole.start + startPad, end: whole.end - endTrunc }
  const dataoff = Number(block.dataoff)
  const setup = (altmap: Altmap.Altmap | undefined): Answer<Setup> =>
    Result.succeed({
      data: { start: range.start + dataoff, end: range.end },
      dataoff,
      pad: startPad + endTrunc,
      align: block.align,
      pagemap: { ranges: [range], altmap }
    })
  if (instance.mode === "ram") {
    return dataoff < infoBlockReserve(hardware)
      ? fail("EINVAL", "22.5", `data would begin at ${dataoff}, inside the reserve`, "re-create the namespace")
      : setup(undefined)
  }
  const npfns = Math.floor((PfnRange.length(range) - dataoff) / arch.pageSize)
  if (block.npfns > BigInt(npfns)) {
    say(hardware, "info", driver, instance.name, `number of pfns truncated from ${block.npfns} to ${npfns}`)
  }
  return setup(Altmap.make(range.start, dataoff, arch))
}

/**
 * `nvdimm_setup_pfn()`: validates the block of the claimed namespace, or writes one if there is none, and describes the page
 * map. ENODEV while uuid or namespace are not set, ENXIO on a kernel without ZONE_DEVICE; what 22.3 and 22.4 answer else.
 *
 * The first bytes of the namespace must be reserved meanwhile.
 *
 * @category operations
 * @since 0.1.0
 */
export const setup = (
  hardware: Hardware,
  driver: DriverName,
  instance: PfnInstance,
  namespace: Namespace
): Answer<Setup> => {
  const { uuid } = instance
  if (uuid === null) return fail("ENODEV", "22.3", `${instance.name} has no uuid`, "write one first")
  const { arch, release } = hardware.kernel
  if (!Port.hasZoneDevice(arch, release)) {
    return fail("ENXIO", "MRP-15", "this kernel has no struct pages for device memory", "use raw or sector mode")
  }
  const found = validate(hardware, driver, instance, namespace)
  const block: Answer<InfoBlock.InfoBlock> = Result.isSuccess(found)
    ? Result.map(
      clearMemmap(hardware, driver, instance, namespace, Number(found.success.block.dataoff)),
      () => found.success.block
    )
    : found.failure.errno === "ENODEV"
    ? create(hardware, driver, instance, namespace, uuid)
    : KernelError.fail({
      errno: found.failure.errno,
      rule: found.failure.rule,
      step: "nd_pfn_validate",
      problem: found.failure.problem,
      remedy: found.failure.remedy
    })
  return Result.flatMap(block, (valid) => fromBlock(hardware, driver, instance, namespace, valid))
}
