/** What is found at boot is what the tools would have made. */
import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Clock, Effect, Result, Schema } from "effect"
import { DaxDevices } from "../../src/devices/DaxDevices.ts"
import { NvdimmBus } from "../../src/devices/NvdimmBus.ts"
import * as NvdimmState from "../../src/devices/NvdimmState.ts"
import { Pagemaps } from "../../src/hotplug/Pagemaps.ts"
import * as Machine from "../../src/machine/Machine.ts"
import type * as MachineSpec from "../../src/machine/MachineSpec.ts"
import * as Session from "../../src/records/Session.ts"
import * as EarlierBoot from "../../src/simulation/EarlierBoot.ts"
import * as MachineTree from "../../src/sysfs/MachineTree.ts"
import { Modules } from "../../src/sysfs/Modules.ts"
import * as SetUp from "../../src/userland/SetUp.ts"
import * as Tools from "../../src/userland/Tools.ts"
import * as Machines from "./Machines.ts"

const { GiB, MiB } = Machines

/** Device memory as drivers have it now. */
const observe = Effect.gen(function*() {
  const bus = yield* NvdimmBus
  const pagemaps = yield* Pagemaps
  const dax = yield* DaxDevices
  return {
    pagemaps: pagemaps.all().map(({ altmap, node, order, ranges, type }) => ({
      ranges,
      type,
      order,
      node,
      altmap: altmap?.current ?? null
    })).toSorted((a, b) => (a.ranges[0]?.start ?? 0) - (b.ranges[0]?.start ?? 0)),
    disks: bus.regions().flatMap(NvdimmState.devices).flatMap(({ bound }) => bound?.disk ?? []).map((disk) => ({
      name: disk.name,
      start: disk.start,
      mapped: disk.mapped,
      dataOffset: disk.dataOffset,
      capacity: disk.capacity,
      block: disk.logicalBlock,
      hasPages: disk.pagemap !== null
    })).toSorted((a, b) => a.start - b.start),
    characters: dax.list().toSorted((a, b) => a.name < b.name ? -1 : 1)
  }
})

/** An earlier boot wrote it, this one finds it. */
const found = (spec: MachineSpec.MachineSpec) =>
  Effect.gen(function*() {
    const bus = yield* NvdimmBus
    const dax = yield* DaxDevices
    yield* dax.unload("kmem")
    for (const provider of ["nfit", "nd_e820", "virtio_pmem"] as const) yield* bus.load(provider)
    yield* dax.load("device_dax")
    const notes = yield* EarlierBoot.write(spec)
    yield* bus.load("nd_pmem")
    yield* bus.load("dax_pmem")
    return { ...(yield* observe), notes }
  }).pipe(Effect.scoped, Effect.provide(Machine.layer(spec), { local: true }), Effect.result)

/** The tools make it now. */
const made = (spec: MachineSpec.MachineSpec) =>
  Effect.gen(function*() {
    const modules = yield* Modules
    for (const module of MachineTree.bootModules) yield* modules.load(module)
    const input = { stdin: new Uint8Array(), onTerminal: false, freshUuid: Session.uuids() }
    const notes = yield* SetUp.run(spec, Tools.all, input)
    return { ...(yield* observe), notes }
  }).pipe(
    Effect.scoped,
    Effect.provide(MachineTree.boot(spec), { local: true }),
    Effect.provideService(Clock.Clock, Session.instant()),
    Effect.result
  )

const same = Effect.fnUntraced(function*(spec: MachineSpec.MachineSpec, what = "") {
  const [one, other] = [yield* found(spec), yield* made(spec)]
  if (Result.isFailure(one)) return assert.fail(`${what}: ${one.failure.message}`)
  if (Result.isFailure(other)) return assert.fail(`${what}: ${other.failure.message}`)
  assert.deepStrictEqual(one.success, other.success, what)
  return one.success
})

const configured = (
  i: number,
  wish: Partial<MachineSpec.Configured> & Pick<MachineSpec.Configured, "mode">
): MachineSpec.Configured => ({ name: `namespace0.${i}`, ...wish })

const labelled = (
  namespaces: ReadonlyArray<MachineSpec.Configured>,
  rest: Partial<MachineSpec.Device> = {},
  spec: Partial<MachineSpec.MachineSpec> = {}
): MachineSpec.MachineSpec => ({
  kernel: "6.1",
  ranges: [{ kind: "ram", node: 0, start: 0, size: 4 * GiB }],
  devices: [{
    name: "region0",
    kind: "pmem",
    start: 16 * GiB,
    size: 16 * GiB,
    node: 0,
    labels: true,
    configured: namespaces,
    ...rest
  }],
  ...spec
})

const withoutLabels = (
  kind: "legacy" | "virtio-pmem" | "pmem",
  wish: Partial<MachineSpec.Configured> & Pick<MachineSpec.Configured, "mode">,
  kernel = "6.1"
): MachineSpec.MachineSpec =>
  labelled([configured(0, wish)], { kind, labels: false, size: 4 * GiB }, {
    kernel,
    ranges: [
      { kind: "ram", node: 0, start: 0, size: 4 * GiB },
      ...(kind === "legacy" ? [{ kind: "legacy-pmem" as const, start: 16 * GiB, size: 4 * GiB }] : [])
    ]
  })

const kernels = ["4.19", "5.2", "5.4", "5.19", "6.1", "6.18", "proposed-2026", "async-2018-v2"] as const

describe("EarlierBoot", () => {
  it.effect("21.3, 22.3: fsdax and devdax, map mem and dev, every alignment, by every kernel", () =>
    Effect.gen(function*() {
      for (const kernel of ["4.19", "6.1", "proposed-2026"]) {
        for (const mode of ["fsdax", "devdax"] as const) {
          for (const map of ["mem", "dev"] as const) {
            for (const align of [4096, 2 * MiB, GiB]) {
              const spec = labelled([configured(0, { mode, map, align, size: 4 * GiB })], {}, { kernel })
              const { characters, disks, notes, pagemaps } = yield* same(spec, `${kernel} ${mode} ${map} ${align}`)
              assert.strictEqual(pagemaps.length, 1)
              assert.strictEqual(disks.length + characters.length, 1)
              assert.strictEqual(pagemaps[0]?.altmap === null, map === "mem")
              assert.deepStrictEqual(notes, [])
            }
          }
        }
      }
    }))

  it.effect("21.3: several namespaces of one region, in the order of their numbers; raw ones have no struct pages", () =>
    Effect.gen(function*() {
      const { characters, disks, pagemaps } = yield* same(labelled([
        configured(2, { mode: "devdax", map: "mem", size: 2 * GiB }),
        configured(0, { mode: "fsdax", map: "dev", size: GiB }),
        configured(1, { mode: "raw", size: 3 * GiB }),
        configured(3, { mode: "fsdax", map: "mem", size: GiB + 16 * MiB })
      ]))
      assert.deepStrictEqual(disks.map(({ hasPages, name, start }) => [name, start / GiB, hasPages]), [
        ["pmem0", 16, true],
        ["pmem0.1", 17, false],
        ["pmem0.3", 22, true]
      ])
      assert.deepStrictEqual(characters.map(({ name }) => name), ["dax0.2"])
      assert.strictEqual(pagemaps.length, 3)
    }))

  it.effect("21.3: a region that is as large as its namespace, and regions of several DIMMs", () =>
    Effect.gen(function*() {
      yield* same(labelled([configured(0, { mode: "fsdax", size: 16 * GiB })]))
      yield* same(labelled([configured(0, { mode: "devdax", map: "mem", size: 6 * GiB })], { ways: 6, size: 24 * GiB }))
      const [first] = labelled([configured(0, { mode: "fsdax", size: GiB })]).devices ?? []
      if (first === undefined) return assert.fail("no device")
      const second = {
        ...first,
        name: "region1",
        start: 64 * GiB,
        configured: [{ ...configured(0, { mode: "devdax", size: 2 * GiB }), name: "namespace1.0" }]
      }
      const two = yield* same({ ...labelled([]), devices: [first, second] })
      assert.strictEqual(two.pagemaps.length, 2)
    }))

  it.effect("21.2: without labels the whole region is one namespace; where it is mapped by itself no block is needed", () =>
    Effect.gen(function*() {
      for (const kind of ["legacy", "virtio-pmem", "pmem"] as const) {
        for (const mode of ["fsdax", "devdax"] as const) {
          for (const map of ["mem", "dev"] as const) {
            for (const kernel of ["4.19", "6.1"]) {
              const spec = withoutLabels(kind, {
                mode,
                map,
                size: 4 * GiB,
                ...(mode === "fsdax" ? {} : { align: 2 * MiB })
              }, kernel)
              const { disks, pagemaps } = yield* same(spec, `${kind} ${mode} ${map} ${kernel}`)
              assert.strictEqual(pagemaps.length, 1)
              assert.strictEqual(pagemaps[0]?.altmap === null, map === "mem")
              const isNative = kind !== "pmem" && mode === "fsdax" && map === "mem"
              if (mode === "fsdax") assert.strictEqual(disks[0]?.dataOffset === 0, isNative)
            }
          }
        }
      }
      const untouched = yield* same(withoutLabels("legacy", { mode: "fsdax", size: 4 * GiB }))
      assert.strictEqual(untouched.disks[0]?.dataOffset, 0)
      const raw = yield* same(withoutLabels("pmem", { mode: "raw", size: 4 * GiB }))
      assert.deepStrictEqual(raw.pagemaps, [])
    }))

  it.effect("other architectures", () =>
    Effect.gen(function*() {
      for (const arch of ["arm64-4k", "arm64-64k", "ppc64-radix", "riscv64"]) {
        for (const mode of ["fsdax", "devdax"] as const) {
          const spec = labelled([configured(0, { mode, map: "mem", size: 8 * GiB })], {}, { arch, kernel: "6.12" })
          yield* same(spec, `${arch} ${mode}`)
        }
      }
    }))

  it.effect("what cannot be made is not found either: sizes, alignments, more than there is", () =>
    Effect.gen(function*() {
      for (
        const [wish, problem] of [
          [{ mode: "fsdax", size: GiB + 4096 }, /no multiple of the region's align of 16 MiB/i],
          [{ mode: "devdax", size: 17 * GiB }, /more than can be had/],
          [{ mode: "devdax", align: 3, size: GiB }, /does not support an alignment of 3/],
          [{ mode: "fsdax", align: 16 * MiB, size: GiB }, /does not support an alignment/],
          [{ mode: "devdax", map: "dev", align: GiB, size: GiB }, /unable to satisfy requested alignment/],
          [{ mode: "fsdax" }, /raw size of namespace0\.0 is not known/]
        ] as const
      ) {
        const spec = labelled([configured(0, wish)])
        const one = yield* found(spec)
        assert.match(Result.isFailure(one) ? one.failure.message : "found", problem)
        if (!("align" in wish && wish.align === GiB)) {
          assert.isTrue(Result.isFailure(yield* made(spec)), String(problem))
        }
      }
    }))

  it.effect("what is not simulated is said", () =>
    Effect.gen(function*() {
      const spec = labelled([
        configured(0, { mode: "sector", sectorSize: 4096, size: GiB }),
        configured(1, { mode: "system-ram", size: GiB })
      ])
      const more: MachineSpec.MachineSpec = {
        ...spec,
        devices: [
          ...spec.devices ?? [],
          {
            name: "dax1",
            kind: "dax",
            start: 64 * GiB,
            size: GiB,
            configured: [{ name: "dax1.0", mode: "system-ram" }]
          },
          { name: "gone", kind: "legacy", start: 128 * GiB, size: GiB }
        ]
      }
      const one = yield* found(more)
      if (Result.isFailure(one)) return assert.fail(one.failure.message)
      assert.deepStrictEqual(one.success.notes.map((note) => note.replace(/:.*/, "")), [
        "namespace0.0",
        "namespace0.1",
        "dax1.0",
        "gone"
      ])
      assert.deepStrictEqual(one.success.pagemaps, [])
      const nothing = yield* found({ ...spec, devices: [] })
      assert.isTrue(Result.isSuccess(nothing))
    }))

  const Wish = Schema.Struct({
    mode: Schema.Literals(["fsdax", "devdax", "raw"]),
    map: Schema.Literals(["mem", "dev"]),
    align: Schema.Literals([4096, 2 * MiB, 2 * MiB, GiB]),
    granules: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 200 }))
  })
  const Case = Schema.Struct({
    kernel: Schema.Literals(kernels),
    ways: Schema.Literals([1, 1, 2, 4]),
    namespaces: Schema.Array(Wish).check(Schema.isMinLength(1), Schema.isMaxLength(3)),
    start: Schema.Literals([16 * GiB, 16 * GiB + 64 * MiB, 16 * GiB + 16 * MiB])
  })

  it.effect.prop(
    "whatever the tools make is found as they made it",
    { drawn: Arbitrary.schema(Case) },
    ({ drawn: { kernel, namespaces, start, ways } }) =>
      Effect.gen(function*() {
        const wanted = namespaces.map(({ align, granules, map, mode }, i) =>
          configured(i, {
            mode,
            size: granules * 16 * MiB * ways,
            ...(mode === "raw" ? {} : { map, align })
          })
        )
        const spec = labelled(wanted, { start, ways, size: 16 * GiB }, { kernel })
        const other = yield* made(spec)
        if (Result.isFailure(other)) return
        const one = yield* found(spec)
        if (Result.isFailure(one)) return assert.fail(one.failure.message)
        assert.deepStrictEqual(one.success, other.success)
      }),
    { arbitrary: { runs: process.env.VMEMMAP_LONG === "1" ? 2000 : 14, seed: "earlier" } }
  )
})
