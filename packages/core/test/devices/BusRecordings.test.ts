/** The bus against the recordings: every script whose lines are ndctl's is typed. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import * as BttInfoBlock from "../../src/devices/BttInfoBlock.ts"
import * as InfoBlock from "../../src/devices/InfoBlock.ts"
import { Media } from "../../src/devices/Media.ts"
import { NvdimmBus } from "../../src/devices/NvdimmBus.ts"
import * as NvdimmState from "../../src/devices/NvdimmState.ts"
import * as NvdimmSysfs from "../../src/devices/NvdimmSysfs.ts"
import * as PmemDisk from "../../src/devices/PmemDisk.ts"
import * as Uuid from "../../src/devices/Uuid.ts"
import * as KernelLog from "../../src/kernel/KernelLog.ts"
import * as RecordedMachine from "../../src/records/RecordedMachine.ts"
import { Iomem } from "../../src/resources/Iomem.ts"
import type * as ResourceTree from "../../src/resources/ResourceTree.ts"
import * as MachineTree from "../../src/sysfs/MachineTree.ts"
import * as Typist from "../userland/Typist.ts"
import * as Harness from "./Harness.ts"
import * as Replay from "./Replay.ts"

type Attributes = Readonly<Record<string, unknown>>

interface Phase {
  readonly sameAs?: Readonly<Record<string, string>>
  readonly nd_sysfs?: Readonly<Record<string, Attributes>>
  readonly pmem_block?: Readonly<Record<string, Attributes>>
  readonly iomem?: ReadonlyArray<
    { readonly depth: number; readonly start: number; readonly end: number; readonly name: string }
  >
  readonly dmesg_new?: ReadonlyArray<string>
}

interface Observed {
  readonly status: string
  readonly commands: ReadonlyArray<
    { readonly command: string; readonly exit: number; readonly dmesg: ReadonlyArray<string> }
  >
  readonly phases: Readonly<Record<string, Phase>>
  readonly infoblocks?: Readonly<Record<string, { readonly namespaceStart: number; readonly hex: string }>>
}

/** A field of a phase, wherever it is kept. */
const field = <K extends "nd_sysfs" | "pmem_block" | "iomem">(
  { phases }: Observed,
  name: string,
  key: K
): Phase[K] | undefined => {
  const phase = phases[name]
  const other = phase?.sameAs?.[key]
  return other === undefined ? phase?.[key] : field({ phases } as Observed, other, key)
}

const isUuid = (value: unknown) => typeof value === "string" && Uuid.isUuid(value)

/** uuids vary; that there is one does not. */
const unnamed = (devices: Readonly<Record<string, Attributes>>) =>
  Object.fromEntries(
    Object.entries(devices).map(([name, attributes]) => [
      name,
      Object.fromEntries(
        Object.entries(attributes).map(([key, value]) => [key, isUuid(value) ? "uuid" : value === "!" ? null : value])
      )
    ])
  )

const persistent = /^(Persistent Memory|namespace|dax)/

const treeLines = (tree: ResourceTree.Resource): ReadonlyArray<unknown> => {
  const visit = (resource: ResourceTree.Resource, depth: number): ReadonlyArray<unknown> => [
    ...(persistent.test(resource.name)
      ? [{ depth, start: resource.start, end: resource.end, name: resource.name }]
      : []),
    ...resource.children.flatMap((child) => visit(child, depth + 1))
  ]
  return tree.children.flatMap((child) => visit(child, 0))
}

const relevant = /misaligned|probe of|No existing|unable to|memmap_init|read-only|truncated|WARNING: .*at|not_armed/

/** Kernel lines of this subject, without times; a WARN by its function. */
const said = (text: ReadonlyArray<string>) =>
  text.map((line) => line.replace(/^\[ *[0-9.]+\] /, "").replace(/pages in \d+ms/, "pages in 0ms"))
    .map((line) => /^WARNING: .* at \S+ ([a-z_]+)\+/.exec(line)?.[1]?.replace(/^/, "WARN ") ?? line)
    .filter((line) => relevant.test(line) || line.startsWith("WARN "))
    .map((line) => line.trim())

/** A block with the uuids of another. */
const withUuids = (bytes: Uint8Array, from: Uint8Array): Uint8Array => {
  const given = { uuid: Uuid.fromBytes(from, 16), parentUuid: Uuid.fromBytes(from, 32) }
  const pfn = Result.getOrUndefined(InfoBlock.decode(bytes))
  if (pfn !== undefined) return InfoBlock.encode({ ...pfn, ...given })
  const btt = Result.getOrUndefined(BttInfoBlock.decode(bytes))
  if (btt !== undefined) return BttInfoBlock.encode({ ...btt, ...given })
  const other = Uint8Array.from(bytes)
  if (bytes.some((byte) => byte !== 0)) {
    other.set(from.subarray(16, 48), 16)
    other.set(from.subarray(4088), 4088)
  }
  return other
}

const wanted = new Set(
  KernelFacts.index.map(({ category }) => category).filter((category) =>
    !["host", "infoblock-tool", "plain-boot", "memory-block"].includes(category)
  )
)

const cases = KernelFacts.index.filter(({ category }) => wanted.has(category)).flatMap(({ case: name }) => {
  const recorded = Result.getOrThrow(KernelFacts.load(name))
  const input = recorded.input as unknown as Replay.Input & { readonly dimms?: ReadonlyArray<unknown> }
  const observed = recorded.observed as unknown as Observed
  // Other subjects: kmem, and what a machine out of memory does
  if (input.script.some((line) => /daxctl (reconfigure|online|offline)|\/memory\//.test(line))) return []
  if (observed.status !== "ok" || name === "refuse-no-ram-fsdax") return []
  return [{ name, category: recorded.category, input, observed }]
})

const replay = Effect.fnUntraced(function*({ input, observed }: (typeof cases)[number]) {
  const bus = yield* NvdimmBus
  const iomem = yield* Iomem
  const media = yield* Media
  const log = yield* KernelLog.KernelLog
  const check = (phase: string) => {
    const sysfs = NvdimmSysfs.all(bus.regions(), iomem, Replay.arch)
    assert.deepStrictEqual(unnamed(sysfs), unnamed(field(observed, phase, "nd_sysfs") ?? {}), phase)
    const disks = bus.regions().flatMap(NvdimmState.devices).flatMap(({ bound }) => bound?.disk ?? [])
    assert.deepStrictEqual(
      Object.fromEntries(disks.map((disk) => [disk.name, PmemDisk.attributes(disk)])),
      field(observed, phase, "pmem_block") ?? {},
      phase
    )
    const lines = (field(observed, phase, "iomem") ?? []).filter(({ name }) => persistent.test(name))
    assert.deepStrictEqual(treeLines(iomem.tree()), lines, phase)
  }
  const type = yield* Typist.make
  check("boot")
  const atBoot = Harness.lines(yield* log.recent)
  assert.deepStrictEqual(said(atBoot), said(observed.phases["boot"]?.dmesg_new ?? []))
  for (const line of input.script) {
    yield* type(line)
    if (line.startsWith("facts ")) check(line.slice(6))
  }
  check("final")
  const all = Harness.lines(yield* log.recent)
  const seen = said(observed.commands.flatMap(({ dmesg }) => dmesg))
  // Namespaces of a region probe side by side: which one ends first is not said (23.7)
  const inOrder = (text: ReadonlyArray<string>) =>
    input.script.includes("cmd modprobe nd_pmem") ? text.toSorted() : text
  assert.deepStrictEqual(inOrder(said(all.slice(atBoot.length))), inOrder(seen))
  for (const { hex, namespaceStart } of Object.values(observed.infoblocks ?? {})) {
    const bytes = Result.getOrThrow(media.read(namespaceStart + 4096, 4096))
    const recordedBytes = hex === "zeros" ? new Uint8Array(4096) : Uint8Array.from(Buffer.from(hex, "hex"))
    assert.strictEqual(
      Buffer.from(withUuids(bytes, recordedBytes)).toString("hex"),
      Buffer.from(recordedBytes).toString("hex")
    )
  }
})

describe("libnvdimm against recordings", () => {
  it("covers every recording of this subject", () => {
    const count = (category: KernelFacts.Category) => cases.filter((recorded) => recorded.category === category).length
    assert.deepStrictEqual(
      (["ns-mode", "ns-size", "multi-ns", "recreate", "sysfs", "legacy-memmap"] as const).map(count),
      [14, 18, 4, 4, 4, 20]
    )
    assert.strictEqual(cases.length, 124)
  })

  for (const recorded of cases) {
    const spec = Result.getOrThrow(RecordedMachine.fromInput(recorded.input))
    it.effect(`OBS-13…OBS-19, OBS-29: ${recorded.category}: ${recorded.name}`, () =>
      replay(recorded).pipe(Effect.scoped, Effect.provide(MachineTree.boot(spec))))
  }
})
