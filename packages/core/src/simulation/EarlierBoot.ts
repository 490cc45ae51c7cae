/**
 * What an earlier boot left on persistent memory: the labels and info blocks of configured namespaces, which the next boot finds
 * (21.3, 22.2).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as InfoBlock from "../devices/InfoBlock.ts"
import { Media } from "../devices/Media.ts"
import * as Namespaces from "../devices/Namespace.ts"
import { NvdimmBus } from "../devices/NvdimmBus.ts"
import { type Label, type Namespace, type Region, resource } from "../devices/NvdimmState.ts"
import * as PfnLayout from "../devices/PfnLayout.ts"
import * as KernelError from "../kernel/KernelError.ts"
import * as MachineSpec from "../machine/MachineSpec.ts"
import { Kernel } from "../release/Kernel.ts"
import { has } from "../release/KernelRelease.ts"

/** A namespace as it should be found, with where its memmap is to be. */
interface Wanted {
  readonly configured: MachineSpec.Configured
  readonly uuid: string
}

type Answer<A> = Result.Result<A, KernelError.KernelError>

const uuid = (region: number, i: number, kind: number): string =>
  `${kind.toString(16).padStart(8, "0")}-0000-4000-8000-${(region * 256 + i + 1).toString(16).padStart(12, "0")}`

/** A region that maps pages by itself needs no block for a memmap in RAM (21.2). */
const hasBlock = (region: Region, { configured: { map, mode, size, usable } }: Wanted): boolean => {
  if (mode !== "fsdax") return mode === "devdax"
  const isWhole = map === undefined && (size ?? usable) === region.space.size
  return !(region.space.pagemap && (map === "mem" || isWhole))
}

const claimClass = ({ configured: { mode } }: Wanted): Label["claimClass"] =>
  mode === "fsdax" ? "pfn" : mode === "devdax" ? "dax" : "none"

const unknownSize = (name: string): Answer<never> =>
  KernelError.fail({
    errno: "EINVAL",
    rule: "21.2",
    problem: `the raw size of ${name} is not known`,
    remedy: "give its size in the machine description"
  })

/** The labels of a divided region, one namespace after the other. */
const labels = (region: Region, wanted: ReadonlyArray<Wanted>): Answer<ReadonlyArray<Label>> =>
  Result.gen(function*() {
    let space: Region["space"] = { ...region.space, labels: "initialised", allocations: [] }
    const found: Array<Label> = []
    for (const one of wanted) {
      const { name, sectorSize = 0, size } = one.configured
      if (size === undefined) return yield* unknownSize(name)
      const sizing = { range: null, uuid: one.uuid, bound: false, claimed: false }
      const sized = yield* Namespaces.writeSize(space, sizing, size)
      space = sized.region
      const range = sized.range ?? { start: 0, end: 0 }
      found.push({ uuid: one.uuid, range, altName: "", lbasize: sectorSize, claimClass: claimClass(one) })
    }
    return found
  })

/**
 * Writes what the description names to the media of the running machine, whose buses are loaded and whose drivers are not. Answers
 * what cannot be written that way: namespaces in sector mode have no struct pages, System RAM is hot-added, and where no firmware
 * announces a device nothing finds it.
 *
 * Fails where a namespace does not fit, or cannot have the alignment asked for.
 *
 * @category operations
 * @since 0.1.0
 */
export const write = Effect.fnUntraced(function*(spec: MachineSpec.MachineSpec) {
  const bus = yield* NvdimmBus
  const media = yield* Media
  const { arch, release, structPage } = yield* Kernel
  const notes: Array<string> = []

  const block = (namespace: Namespace, { configured, uuid: own }: Wanted, blockUuid: string): Answer<void> =>
    Result.gen(function*() {
      const { end, start } = resource(namespace)
      const huge = arch.daxAligns[1] ?? arch.pageSize
      const usual = namespace.region.space.start % huge === 0 ? huge : arch.pageSize
      const { align = usual, map = "dev", mode } = configured
      const layout = yield* PfnLayout.create({
        start,
        size: end - start,
        map: map === "mem" ? "mem" : "dev",
        align,
        arch,
        release,
        structPage,
        dax: mode === "devdax"
      })
      const bytes = InfoBlock.encode(InfoBlock.fromLayout(layout, {
        signature: mode === "devdax" ? "DAX" : "PFN",
        uuid: blockUuid,
        parentUuid: namespace.type === "io" ? undefined : own,
        pageSize: arch.pageSize,
        versionMinor: has(release, "info-block-1.4") ? 4 : 2
      }))
      yield* media.write(start + InfoBlock.blockSize, bytes)
    })

  const configure = Effect.fnUntraced(function*(device: MachineSpec.Device, region: Region) {
    // Namespaces are numbered as they are found.
    const wanted = MachineSpec.byNumber(device.configured ?? []).filter(({ size }) => size !== 0)
      .map((configured, i) => ({ configured, uuid: uuid(region.id, i, 1) }))
    if (MachineSpec.hasLabels(device)) {
      yield* bus.unbind(region.name)
      region.labels = yield* Effect.fromResult(labels(region, wanted))
      region.version = "1.2"
      region.space = { ...region.space, labels: "initialised" }
      yield* bus.bind(region.name)
    }
    const namespaces = [...region.namespaces.values()].toSorted((a, b) => a.id - b.id)
    for (const [i, one] of wanted.entries()) {
      const namespace = namespaces[i]
      if (namespace !== undefined && hasBlock(region, one)) {
        yield* Effect.fromResult(block(namespace, one, uuid(region.id, i, 2)))
      }
    }
  })

  for (const device of spec.devices ?? []) {
    for (const { mode, name } of device.configured ?? []) {
      if (mode === "sector") notes.push(`${name}: sector mode has no struct pages, nothing is initialised for it`)
      if (mode === "system-ram") notes.push(`${name}: System RAM is hot-added by kmem, which is not simulated`)
    }
    if (device.kind === "dax") continue
    const region = bus.regions().find(({ description }) => description.start === (device.start ?? 0))
    if (region !== undefined) yield* configure(device, region)
    else notes.push(`${device.name}: firmware does not announce it, so no driver finds it`)
  }
  return notes
})
