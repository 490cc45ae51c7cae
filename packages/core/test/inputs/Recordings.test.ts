import { assert, describe, it } from "@effect/vitest"
import * as BootLog from "@vmemmap/core/inputs/BootLog"
import * as Merge from "@vmemmap/core/inputs/Merge"
import * as Source from "@vmemmap/core/inputs/Source"
import type { Device, MachineSpec } from "@vmemmap/core/machine/MachineSpec"
import { Result, Schema } from "effect"
import * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import { ok } from "./expect.ts"

const Phase = Schema.Struct({
  iomemText: Schema.optionalKey(Schema.String),
  ndctl_list: Schema.optionalKey(Schema.Array(Schema.Unknown)),
  ndctl_list_human: Schema.optionalKey(Schema.Unknown),
  dmesg_new: Schema.optionalKey(Schema.Array(Schema.String)),
  sameAs: Schema.optionalKey(Schema.Record(Schema.String, Schema.String))
})
const Memory = Schema.Struct({ addr: Schema.Natural, size: Schema.Natural })
const Case = Schema.Struct({
  case: Schema.String,
  category: Schema.String,
  input: Schema.Struct({
    pmem: Schema.optionalKey(Schema.Array(Memory)),
    virtioPmem: Schema.optionalKey(Schema.Array(Memory))
  }),
  observed: Schema.Struct({ phases: Schema.optionalKey(Schema.Record(Schema.String, Phase)) })
})
type Phases = NonNullable<(typeof Case.Type)["observed"]["phases"]>

const decode = Schema.decodeUnknownSync(Case)

/** A value of a phase, or of the earlier phase it did not change since. */
const value = <K extends Exclude<keyof typeof Phase.Type, "sameAs">>(
  phases: Phases,
  name: string,
  key: K
): (typeof Phase.Type)[K] | undefined => {
  const phase = phases[name]
  const same = phase?.sameAs?.[key === "iomemText" ? "iomem" : key]
  return phase?.[key] ?? (same === undefined ? undefined : value(phases, same, key))
}

const recordings = () =>
  KernelFacts.index.map((entry) => decode(Result.getOrThrow(KernelFacts.load(entry.case))))
    .flatMap((
      { observed, ...rest }
    ) => observed.phases === undefined ? [] : [{ ...rest, phases: observed.phases }])

/** 64-bit identifiers were recorded as numbers; here they are text. */
const json = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) => typeof inner === "bigint" ? String(inner) : inner)

const read = (name: string, text: string): MachineSpec => ok(Source.read(name, text))
const byName = (spec: MachineSpec, name: string): Device | undefined =>
  spec.devices?.find((device) => device.name === name)

describe("Recordings of a 6.1 kernel", () => {
  it("29.6: every final ndctl list is read, plain and human", () => {
    let plain = 0
    let human = 0
    for (const { case: name, phases } of recordings()) {
      const list = value(phases, "final", "ndctl_list")
      if (list === undefined) continue
      plain++
      const spec = read(name, json(list))
      assert.isNotEmpty(spec.devices, name)
      const shown = value(phases, "final", "ndctl_list_human")
      if (shown === undefined) continue
      human++
      for (const rounded of read(name, json(shown)).devices ?? []) {
        const device = byName(spec, rounded.name) ?? assert.fail(`${name}: ${rounded.name}`)
        assert.strictEqual(rounded.align, device.align, name)
        assert.strictEqual(rounded.ways, device.ways, name)
        assert.strictEqual(rounded.labels, device.labels, name)
        if (rounded.isetId !== undefined) assert.strictEqual(BigInt(rounded.isetId), BigInt(device.isetId ?? 0), name)
        if (rounded.approximate !== true) {
          assert.deepStrictEqual(
            [rounded.size, rounded.available, rounded.maxExtent],
            [device.size, device.available, device.maxExtent],
            name
          )
        }
        for (const configured of rounded.configured ?? []) {
          const exact = device.configured?.find((one) => one.name === configured.name) ?? assert.fail(name)
          assert.deepInclude(exact, { mode: configured.mode }, name)
          if (configured.approximate !== true) {
            assert.strictEqual(configured.usable, exact.usable, `${name} ${exact.name}`)
          }
        }
      }
    }
    assert.strictEqual(plain, 142)
    assert.strictEqual(human, 142)
  })

  it("20.2, OBS-5: every final /proc/iomem is read and shows the devices of the input where they are", () => {
    let count = 0
    for (const { case: name, input, phases } of recordings()) {
      const spec = read(name, value(phases, "final", "iomemText") ?? assert.fail(name))
      count++
      for (const { addr, size } of input.pmem ?? []) {
        const found = spec.devices?.find(({ start }) => start === addr)
        assert.deepInclude(found ?? {}, { kind: "pmem", size }, name)
      }
      for (const { addr } of input.virtioPmem ?? []) {
        const found = spec.devices?.find(({ start }) => start === addr)
        assert.strictEqual(found?.kind, "virtio-pmem", name)
      }
    }
    assert.strictEqual(count, 184)
  })

  it("OBS-7: every boot log is read; its RAM is what /proc/iomem shows", () => {
    const pages = (spec: MachineSpec) =>
      (spec.ranges ?? []).filter(({ kind }) => kind === "ram").reduce(
        (total, { size, start }) => total + Math.floor((start + size) / 4096) - Math.ceil(start / 4096),
        0
      )
    let count = 0
    for (const { case: name, phases } of recordings()) {
      const log = value(phases, "before-drivers", "dmesg_new")
      if (log === undefined) continue
      const spec = ok(BootLog.read(name, log.join("\n")))
      const iomem = read(name, value(phases, "before-drivers", "iomemText") ?? assert.fail(name))
      // memory DIMMs present at boot are hot-added before /proc/iomem was read
      if (!name.startsWith("block-dimm") && !name.startsWith("block-momem")) {
        assert.strictEqual(pages(spec), pages(iomem), name)
      }
      count++
    }
    assert.strictEqual(count, 184)
  })

  it("ndctl list, /proc/iomem and boot log of one machine merge, and give every region the start of the input", () => {
    for (const { case: name, input, phases } of recordings()) {
      const list = value(phases, "final", "ndctl_list")
      if (list === undefined) continue
      const spec = ok(Merge.merge([
        read("list", json(list)),
        read("iomem", value(phases, "final", "iomemText") ?? assert.fail(name)),
        ...[value(phases, "before-drivers", "dmesg_new")].flatMap((log) =>
          log === undefined ? [] : [read("log", log.join("\n"))]
        )
      ], ["list", "iomem", "log"]))
      const placed = (spec.devices ?? []).flatMap(({ size, start }) => start === undefined ? [] : [`${start}+${size}`])
      const sizes = (input.pmem ?? []).map(({ size }) => size)
      for (const { addr, size } of input.pmem ?? []) {
        const certain = sizes.indexOf(size) === sizes.lastIndexOf(size)
        if (certain) assert.include(placed, `${addr}+${size}`, name)
      }
    }
  })
})
