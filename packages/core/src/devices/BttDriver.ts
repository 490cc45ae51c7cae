/**
 * `nd_btt`: a block translation table over a namespace: arenas found or written, and the disk on top (21.8).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { length } from "../geometry/PfnRange.ts"
import * as KernelError from "../kernel/KernelError.ts"
import * as Btt from "./Btt.ts"
import * as BttInfoBlock from "./BttInfoBlock.ts"
import { type Hardware, namespaceOf, rawAccess, say } from "./DeviceProbe.ts"
import * as InfoBlock from "./InfoBlock.ts"
import { type BttInstance, type Namespace, resource } from "./NvdimmState.ts"
import * as PmemDisk from "./PmemDisk.ts"
import * as Uuid from "./Uuid.ts"

const driver = "nd_pmem"

type Answer<A> = Result.Result<A, KernelError.KernelError>

/** A block of an arena that belongs to this namespace and is whole (21.8). */
const arenaAt = (hardware: Hardware, namespace: Namespace, address: number): BttInfoBlock.BttInfoBlock | undefined => {
  const read = hardware.media.read(address, InfoBlock.blockSize)
  if (Result.isFailure(read)) return undefined
  const block = Result.getOrUndefined(BttInfoBlock.decode(read.success))
  return block !== undefined && InfoBlock.checksumOf(read.success) === InfoBlock.storedChecksum(read.success) &&
      (block.parentUuid === Uuid.zero || block.parentUuid === (namespace.uuid ?? Uuid.zero))
    ? block
    : undefined
}

const arenaOf = (address: number, block: BttInfoBlock.BttInfoBlock): PmemDisk.Arena => ({
  start: address + Number(block.dataoff),
  stride: block.internalLbasize,
  blocks: block.externalNlba
})

/** `discover_arenas()`; `null` when the first is missing. */
const discover = (
  hardware: Hardware,
  namespace: Namespace,
  from: number
): Answer<ReadonlyArray<PmemDisk.Arena> | null> => {
  const { end } = resource(namespace)
  const arenas: Array<PmemDisk.Arena> = []
  for (let at = from; at < end;) {
    const block = arenaAt(hardware, namespace, at)
    if (block === undefined) {
      return at === from ? Result.succeed(null) : KernelError.fail({
        errno: "ENOMEM",
        rule: "21.8",
        step: "discover_arenas",
        problem: `the arena at ${at} is damaged`,
        remedy: "restore its info block from the copy at its end"
      })
    }
    arenas.push(arenaOf(at, block))
    if (block.nextoff <= 0n) break
    at += Number(block.nextoff)
  }
  return Result.succeed(arenas)
}

/** `btt_meta_init()`: the info block of every arena, and its copy at the end. */
const write = (
  hardware: Hardware,
  namespace: Namespace,
  layout: Btt.Layout,
  uuid: string
): Answer<ReadonlyArray<PmemDisk.Arena>> => {
  const { start } = resource(namespace)
  const arenas: Array<PmemDisk.Arena> = []
  for (let index = 0;; index++) {
    const arena = Btt.arenaAt(layout, index)
    const block = BttInfoBlock.fromLayout(layout, index, { uuid, parentUuid: namespace.uuid ?? undefined })
    if (arena === undefined || block === undefined) return Result.succeed(arenas)
    const bytes = BttInfoBlock.encode(block)
    for (const at of [0, arena.arena.info2off]) {
      const written = hardware.media.write(start + arena.start + at, bytes)
      if (Result.isFailure(written)) return Result.fail(written.failure)
    }
    arenas.push(arenaOf(start + arena.start, block))
  }
}

/** `btt_init()`: the arenas there are, written if there were none. */
const init = (
  hardware: Hardware,
  device: BttInstance,
  namespace: Namespace,
  uuid: string
): Answer<ReadonlyArray<PmemDisk.Arena>> => {
  const version = namespace.claimClass === "btt2" ? "2.0" : "1.1"
  const { start } = resource(namespace)
  return Result.flatMap(
    Btt.layout(length(resource(namespace)), device.lbasize, version),
    (layout) =>
      Result.flatMap(discover(hardware, namespace, start + (version === "2.0" ? 0 : InfoBlock.blockSize)), (found) => {
        if (found !== null) return Result.succeed(found)
        say(hardware, "info", driver, device.name, "No existing arenas")
        if (namespace.region.space.readOnly !== true) return write(hardware, namespace, layout, uuid)
        const text = `${namespace.region.name} is read-only, unable to init btt metadata`
        say(hardware, "warn", driver, device.name, text)
        return KernelError.fail({
          errno: "ENOMEM",
          rule: "21.8",
          step: "btt_init",
          problem: text,
          remedy: "arm the DIMMs"
        })
      })
  )
}

/**
 * The probe of a btt device: ENODEV while uuid, sector size or namespace are not set, ENXIO for less than 16 MiB, ENOMEM where
 * arenas cannot be written. The whole namespace is reserved; no struct pages are made (21.8).
 *
 * @category probing
 * @since 0.1.0
 */
export const probe = Effect.fnUntraced(function*(hardware: Hardware, device: BttInstance) {
  const namespace = yield* Effect.fromResult(namespaceOf(hardware, device))
  const { lbasize, uuid } = device
  if (uuid === null || lbasize === 0) {
    return yield* new KernelError.KernelError({
      errno: "ENODEV",
      rule: "21.8",
      step: "nvdimm_namespace_attach_btt",
      problem: `${device.name} has no ${uuid === null ? "uuid" : "sector size"}`,
      remedy: "write it first"
    })
  }
  const whole = resource(namespace)
  yield* rawAccess(hardware, driver, device, namespace, length(whole))
  const arenas = yield* Effect.fromResult(init(hardware, device, namespace, uuid))
  const logicalBlock = lbasize >= 4096 ? 4096 : 512
  const disk: PmemDisk.PmemDisk = {
    name: PmemDisk.nameOf(device.region.id, namespace.id, true),
    start: whole.start,
    mapped: whole.start,
    dataOffset: 0,
    capacity: arenas.reduce((sum, { blocks }) => sum + blocks, 0) * logicalBlock,
    logicalBlock,
    physicalBlock: logicalBlock,
    readOnly: device.region.space.readOnly === true,
    node: device.region.description.node,
    pageSize: hardware.kernel.arch.pageSize,
    pagemap: null,
    isBtt: true,
    arenas,
    isAlive: true,
    media: hardware.media,
    awaitPages: hardware.awaitPages
  }
  return yield* Effect.acquireRelease(
    Effect.sync(() => {
      device.size = disk.capacity
      return disk
    }),
    () =>
      Effect.sync(() => {
        device.size = null
        disk.isAlive = false
      })
  )
})
