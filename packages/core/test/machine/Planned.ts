/** Generated machines with device memory to plan for. */
import { Effect, Result, Schema } from "effect"
import * as Alignment from "../../src/geometry/Alignment.ts"
import * as Architecture from "../../src/geometry/Architecture.ts"
import type * as MachineSpec from "../../src/machine/MachineSpec.ts"
import * as Target from "../../src/planning/Target.ts"
import * as KernelRelease from "../../src/release/KernelRelease.ts"
import type * as Administrator from "./Administrator.ts"

const MiB = 2 ** 20
const GiB = 2 ** 30
const TiB = 2 ** 40

const Kind = Schema.Literals(["labelled", "label-less", "legacy", "virtio-pmem", "dax"])

const Device = Schema.Struct({
  kind: Kind,
  /** Where it begins: this many units above what lies below it. */
  unit: Schema.Literals(["page", "MiB", "2 MiB", "16 MiB", "section", "section", "GiB"]),
  gap: Schema.Literals([0, 1, 3, 64]),
  /** Its size, in MiB and a few pages. */
  size: Schema.Literals([4, 15, 16, 64, 128, 130, 254, 256, 600, 1024, 1040, 3072, 4096, 6150]),
  pages: Schema.Literals([0, 0, 0, 0, 2]),
  ways: Schema.Literals([1, 1, 2, 6]),
  /** How a labelled region is divided: sizes in units of its align, the rest stays free. */
  namespaces: Schema.Array(Schema.Literals([1, 4, 9, 40, 64])).check(Schema.isMaxLength(2)),
  targetNode: Schema.Literals([0, 0, 1, 2])
})

export const Case = Schema.Struct({
  arch: Architecture.Name,
  release: Schema.Literals([
    "4.2",
    "4.4",
    "4.18",
    "rhel-8.9",
    "5.10",
    "5.19",
    "6.1.0",
    "6.1.176",
    "6.1.176",
    "6.3",
    "6.8",
    "6.18",
    "proposed-2026"
  ]),
  structPage: Schema.Literals([56, 64, 64, 64, 80]),
  /** Where RAM ends, in MiB above 4 GiB. */
  ramEnd: Schema.Literals([0, 2, 66, 128, 1024 + 16]),
  /** Devices far from RAM have tables of their own; beyond the address bits there is nothing. */
  place: Schema.Literals(["near", "near", "near", "near", "far", "far", "far", "far", "beyond"]),
  /** Node of the RAM that lies above everything. */
  payNode: Schema.Literals([0, 0, 1]),
  /** Sections a memory block; 0: what the kernel makes of it. */
  block: Schema.Literals([0, 1, 2, 8]),
  devices: Schema.Array(Device).check(Schema.isMinLength(1), Schema.isMaxLength(2))
})
export type Case = typeof Case.Type

const kindsOf = (arch: Architecture.Name): ReadonlyArray<typeof Kind.Type> =>
  arch.startsWith("x86_64")
    ? Kind.literals
    : arch === "s390x"
    ? ["virtio-pmem"]
    : arch.startsWith("ppc64")
    ? ["labelled", "label-less", "virtio-pmem"]
    : ["labelled", "label-less", "virtio-pmem", "dax"]

const payStart = 8 * TiB

export interface Planned {
  readonly device: MachineSpec.Device
  /** Sizes of namespaces, when the device is divided. */
  readonly division: ReadonlyArray<number>
  readonly targets: ReadonlyArray<Target.Target>
}

export const machineOf = (spec: Case) => {
  const release = Result.getOrThrow(KernelRelease.parse(spec.release))
  const preset = Architecture.presets[spec.arch]
  const page = preset.pageSize
  const ramEnd = Alignment.up(4 * GiB + spec.ramEnd * MiB, page)
  const units = {
    "page": page,
    "MiB": MiB,
    "2 MiB": 2 * MiB,
    "16 MiB": 16 * MiB,
    section: preset.sectionSize,
    GiB
  }
  const planned: Array<Planned> = []
  // x86 keeps what follows RAM up to a multiple of 64 MiB for itself ("RAM buffer").
  const beyond = Math.min(2 ** preset.physicalBits, 2 ** 52 - TiB)
  let below = spec.place === "far"
    ? TiB
    : spec.place === "beyond"
    ? beyond - GiB
    : Architecture.isX86(preset)
    ? Alignment.up(ramEnd, 64 * MiB)
    : ramEnd
  for (const [i, wish] of spec.devices.entries()) {
    const kinds = kindsOf(spec.arch)
    const kind = kinds.includes(wish.kind) ? wish.kind : kinds[0]
    // A range that no two things can own is not what this is about.
    if (kind === undefined || (kind === "dax" && planned.some(({ device }) => device.kind === "dax"))) continue
    const start = Alignment.up(below, units[wish.unit]) + wish.gap * units[wish.unit]
    const isDivided = kind === "labelled"
    const ways = kind === "labelled" || kind === "label-less" ? wish.ways : 1
    // Firmware describes NVDIMMs in pages of each of them.
    const size = Alignment.up(wish.size * MiB + wish.pages * page, page * ways)
    const device: MachineSpec.Device = {
      name: `region${i}`,
      kind: kind === "labelled" || kind === "label-less" ? "pmem" : kind,
      start,
      size,
      // An e820 range has no node but that of the RAM below it.
      node: kind === "legacy" && spec.place === "beyond" ? spec.payNode : 0,
      targetNode: kind !== "legacy" ? wish.targetNode : spec.place === "beyond" ? spec.payNode : 0,
      ways,
      labels: isDivided,
      labelArea: isDivided ? 128 * 1024 : 0
    }
    const { target } = Target.fromDevice(device, page)
    const division: Array<number> = []
    const targets: Array<Target.Target> = isDivided ? [] : [target]
    if (isDivided) {
      let at = start
      for (const count of wish.namespaces.length === 0 ? [4] : wish.namespaces) {
        const bytes = count * target.regionAlign
        if (at + bytes > Alignment.down(start + size, target.regionAlign)) break
        division.push(bytes)
        targets.push({ ...target, start: at, size: bytes })
        at += bytes
      }
    }
    planned.push({ device, division, targets })
    below = start + size
  }
  const machine: MachineSpec.MachineSpec = {
    kernel: spec.release,
    arch: spec.arch,
    structPage: spec.structPage,
    cmdline: "memory_hotplug.memmap_on_memory=1",
    ...(spec.block === 0 ? {} : { blockSize: spec.block * preset.sectionSize }),
    ranges: [
      { kind: "ram", node: 0, start: page, size: 2 * GiB - page },
      { kind: "ram", node: 0, start: 4 * GiB - 512 * MiB, size: ramEnd - 4 * GiB + 512 * MiB },
      ...planned.filter(({ device }) => device.kind === "legacy").map(({ device }) => ({
        kind: "legacy-pmem" as const,
        start: device.start ?? 0,
        size: device.size
      })),
      // RAM to pay with, far from the devices
      { kind: "ram", node: spec.payNode, start: payStart, size: 256 * GiB }
    ],
    nodes: [{ node: 0 }, { node: 2 }, { node: 1 }],
    devices: planned.map(({ device }) => device)
  }
  const kernel = Target.kernelOf(machine, release)
  /** Nothing else is mapped by the page tables of the memmap of a target that begins here. */
  const isApart = (target: Target.Target): boolean =>
    spec.place === "far" && page === 4096 && target.start % (64 * GiB) === 0
  return { machine, kernel, planned, isApart, nodes: [...new Set([0, spec.payNode])] }
}

/** Every driver is loaded, and regions are divided; nothing but RAM has a memmap yet. */
export const prepare = Effect.fnUntraced(function*(
  admin: Effect.Success<typeof Administrator.make>,
  planned: ReadonlyArray<Planned>
) {
  yield* admin.loadAll
  for (const { device, division } of planned) {
    if (division.length > 0) yield* admin.divide(device.start ?? 0, division)
  }
})
