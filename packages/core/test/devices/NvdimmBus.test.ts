import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option, Result, Scope } from "effect"
import * as InfoBlock from "../../src/devices/InfoBlock.ts"
import * as Labels from "../../src/devices/Labels.ts"
import { Media } from "../../src/devices/Media.ts"
import { NvdimmBus } from "../../src/devices/NvdimmBus.ts"
import type * as NvdimmState from "../../src/devices/NvdimmState.ts"
import { Faults } from "../../src/frames/Faults.ts"
import { FrameAllocator } from "../../src/frames/FrameAllocator.ts"
import { GiB, MiB } from "../../src/geometry/Units.ts"
import { Pagemaps } from "../../src/hotplug/Pagemaps.ts"
import type * as Errno from "../../src/kernel/Errno.ts"
import * as KernelLog from "../../src/kernel/KernelLog.ts"
import { Iomem } from "../../src/resources/Iomem.ts"
import * as ResourceTree from "../../src/resources/ResourceTree.ts"
import * as SectionTable from "../../src/sections/SectionTable.ts"
import * as Harness from "./Harness.ts"

const start = 8 * GiB
const uuids = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"] as const

const labelled = Harness.machine([{ start, size: GiB }])

const on = (spec = labelled) => Effect.provide(Harness.layer(spec))

const region = (bus: NvdimmBus["Service"], id = 0): NvdimmState.Region => {
  const found = bus.regions()[id]
  if (found === undefined) throw new Error(`no region${id}`)
  return found
}

/** Loaded, with labels of version 1.1 and nothing configured. */
const ready = Effect.gen(function*() {
  const bus = yield* NvdimmBus
  yield* Harness.loadAll(bus)
  yield* bus.unbind("region0")
  Result.getOrThrow(Labels.init(region(bus)))
  yield* bus.bind("region0")
  return bus
})

const errno = <A, R>(effect: Effect.Effect<A, { readonly errno: Errno.Errno }, R>) =>
  Effect.map(Effect.result(effect), Harness.errnoOf)

/** Each write in turn; what they answer. */
const writes = (bus: NvdimmBus["Service"], name: string, list: ReadonlyArray<readonly [string, string]>) =>
  Effect.forEach(list, ([attribute, text]) => errno(bus.write(name, attribute, text)))

const configure = Effect.fnUntraced(function*(bus: NvdimmBus["Service"], size: number, mode = "pmem", align = 2 * MiB) {
  yield* writes(bus, "namespace0.0", [["uuid", uuids[0]], ["size", String(size)], ["holder_class", "pfn"]])
  const pfn = region(bus).seeds.pfn?.name ?? ""
  yield* writes(bus, pfn, [["uuid", uuids[1]], ["mode", mode], ["align", String(align)], ["namespace", "namespace0.0"]])
  return pfn
})

const lines = Effect.map(Effect.flatMap(KernelLog.KernelLog, ({ recent }) => recent), Harness.lines)

const iomemOf = Effect.map(
  Iomem,
  (iomem) => ResourceTree.toText(iomem.tree()).split("\n").filter((line) => /namespace|dax|Persistent/.test(line))
)

describe("Drivers", () => {
  it.effect("20.4, OBS-5: no region before its driver is loaded, nothing bound before nd_pmem is", () =>
    Effect.gen(function*() {
      const bus = yield* NvdimmBus
      assert.deepStrictEqual([bus.regions().length, (yield* iomemOf).length], [0, 0])
      yield* bus.load("nfit")
      assert.deepStrictEqual(yield* iomemOf, ["200000000-23fffffff : Persistent Memory"])
      assert.isNull(region(bus).namespaces.get(0)?.bound)
      assert.strictEqual(yield* errno(bus.bind("namespace0.0")), "ENODEV")
      yield* bus.load("nd_pmem")
      yield* bus.load("nd_pmem")
      assert.strictEqual(region(bus).namespaces.get(0)?.bound?.disk?.name, "pmem0")
      yield* bus.unload("nd_pmem")
      assert.deepStrictEqual(yield* iomemOf, ["200000000-23fffffff : Persistent Memory"])
      yield* bus.load("nd_e820")
      assert.strictEqual(bus.regions().length, 1)
    }).pipe(on()))

  it.effect("21.1, OBS-17: e820 ranges are regions with pages, ascending; a second bind is refused", () =>
    Effect.gen(function*() {
      const bus = yield* NvdimmBus
      yield* Harness.loadAll(bus)
      assert.deepStrictEqual(bus.regions().map(({ space }) => [space.name, space.start, space.pagemap]), [
        ["region0", 8 * GiB, true],
        ["region1", 16 * GiB, true]
      ])
      const disk = region(bus).namespaces.get(0)?.bound?.disk
      assert.strictEqual(disk?.pagemap?.type, "fsdax")
      assert.deepStrictEqual(
        [yield* errno(bus.bind("namespace0.0")), yield* errno(bus.bind("region0")), yield* errno(bus.bind("pfn7.0"))],
        ["EBUSY", "EBUSY", "ENODEV"]
      )
      assert.deepStrictEqual(yield* writes(bus, "namespace0.0", [["size", "0"], ["uuid", uuids[0]], ["mode", "raw"]]), [
        "EACCES",
        "ENOENT",
        "ENOENT"
      ])
      assert.include((yield* lines).join("\n"), "nd_pmem namespace1.0: unable to guarantee persistence of writes")
    }).pipe(on(Harness.machine([], "memmap=1G!16G memmap=1G!8G"))))

  it.effect("20.4: unbinding everything leaves no reservation, pagemap or memmap behind, and the bus can start over", () =>
    Effect.gen(function*() {
      const bus = yield* ready
      const pagemaps = yield* Pagemaps
      const frames = yield* FrameAllocator
      const before = frames.free(0)
      const pfn = yield* configure(bus, 512 * MiB, "ram")
      for (let i = 0; i < 3; i++) {
        yield* bus.bind(pfn)
        assert.strictEqual(pagemaps.all().length, 1)
        yield* bus.unbind("region0")
        assert.deepStrictEqual([pagemaps.all().length, yield* errno(bus.unbind("region0"))], [0, "ENODEV"])
        assert.deepStrictEqual(yield* iomemOf, ["200000000-23fffffff : Persistent Memory"])
        yield* bus.bind("region0")
        assert.strictEqual(region(bus).pfns.get(0)?.bound?.disk?.capacity, 510 * MiB)
        yield* bus.unbind(pfn)
      }
      // Root pages of the section table are kept (GEO-7)
      assert.isAtMost(before - frames.free(0), 1)
    }).pipe(on()))
})

describe("Attributes", () => {
  it.effect("21.2: writes to a labelled namespace are refused in the kernel's order", () =>
    Effect.gen(function*() {
      const bus = yield* ready
      const answers = yield* writes(bus, "namespace0.0", [
        ["size", "16777216"],
        ["size", "4k"],
        ["uuid", "no uuid"],
        ["uuid", uuids[0]],
        ["size", "16777217"],
        ["size", "2147483648"],
        ["size", "0x4000000\n"],
        ["sector_size", "520"],
        ["sector_size", "4096"],
        ["alt_name", "x".repeat(64)],
        ["alt_name", " data "],
        ["holder_class", "pmem"],
        ["holder_class", "btt\n"],
        ["force_raw", "perhaps"],
        ["force_raw", "on"],
        ["nstype", "1"]
      ])
      assert.deepStrictEqual(answers, [
        "ENXIO",
        "EINVAL",
        "EINVAL",
        "",
        "EINVAL",
        "ENOSPC",
        "",
        "EINVAL",
        "",
        "EINVAL",
        "",
        "EINVAL",
        "",
        "EINVAL",
        "",
        "ENOENT"
      ])
      const namespace = region(bus).namespaces.get(0)
      assert.deepInclude(namespace, {
        uuid: uuids[0],
        lbasize: 4096,
        altName: "data",
        claimClass: "btt",
        forceRaw: true
      })
      assert.deepStrictEqual(namespace?.range, { start: 0, end: 64 * MiB })
      yield* bus.bind("namespace0.0")
      assert.deepStrictEqual(
        yield* writes(bus, "namespace0.0", [["size", "0"], ["uuid", uuids[1]], ["alt_name", ""], ["force_raw", "0"]]),
        ["EBUSY", "EBUSY", "EBUSY", ""]
      )
      assert.deepStrictEqual(yield* writes(bus, "namespace0.1", [["uuid", uuids[0]], ["uuid", uuids[1]]]), [
        "EINVAL",
        ""
      ])
      assert.deepStrictEqual(yield* writes(bus, "region0", [["align", "3"], ["align", "4096"], ["size", "1"]]), [
        "EINVAL",
        "",
        "ENOENT"
      ])
      // disks follow their region
      const disk = bus.regions()[0]?.namespaces.get(0)?.bound?.disk
      assert.deepStrictEqual(
        yield* writes(bus, "region0", [["read_only", "2"], ["read_only", "yes\n"]]),
        ["EINVAL", ""]
      )
      assert.strictEqual(disk?.readOnly, true)
      yield* writes(bus, "region0", [["read_only", "0"]])
      assert.strictEqual(disk?.readOnly, false)
    }).pipe(on()))

  it.effect("22.3: the mode of a pfn device compares all bytes but the last; a bound one keeps its settings", () =>
    Effect.gen(function*() {
      const bus = yield* ready
      const pfn = region(bus).seeds.pfn
      const modes = yield* Effect.forEach(
        ["ram\n", "ram", "ra?", "x", "none\n", "dev", "pmem\n"],
        (text) => Effect.map(errno(bus.write("pfn0.0", "mode", text)), (answer) => `${answer}${pfn?.mode}`)
      )
      assert.deepStrictEqual(modes, ["ram", "ram", "ram", "pmem", "none", "EINVALnone", "pmem"])
      assert.deepStrictEqual(
        yield* writes(bus, "pfn0.0", [["align", "8192"], ["align", "4096"], ["size", "1"], ["sector_size", "512"]]),
        ["EINVAL", "", "ENOENT", "ENOENT"]
      )
      yield* configure(bus, 64 * MiB)
      yield* bus.bind("pfn0.0")
      assert.deepStrictEqual(
        yield* writes(bus, "pfn0.0", [["mode", "ram"], ["align", "4096"], ["uuid", uuids[0]], ["namespace", ""]]),
        ["EBUSY", "EBUSY", "EBUSY", "EBUSY"]
      )
    }).pipe(on()))

  it.effect("21.4, OBS-15: claims are exclusive; an idle device goes, a seed is reset but for its align", () =>
    Effect.gen(function*() {
      const bus = yield* ready
      yield* configure(bus, 64 * MiB, "ram", 4096)
      assert.strictEqual(region(bus).namespaces.get(0)?.claim?.name, "pfn0.0")
      assert.deepStrictEqual(
        yield* writes(bus, "dax0.0", [["namespace", "pmem0"], ["namespace", "namespace0.7"], [
          "namespace",
          "namespace0.0"
        ]]),
        ["EINVAL", "ENODEV", "EBUSY"]
      )
      assert.strictEqual(yield* errno(bus.bind("namespace0.0")), "ENXIO")
      assert.strictEqual(yield* errno(bus.write("namespace0.0", "size", "0")), "EBUSY")
      yield* bus.write("pfn0.0", "namespace", "")
      assert.deepInclude(region(bus).seeds.pfn, {
        name: "pfn0.0",
        uuid: null,
        mode: "none",
        align: 4096,
        namespace: null
      })
      yield* configure(bus, 64 * MiB)
      yield* bus.bind("pfn0.0")
      assert.strictEqual(region(bus).seeds.pfn?.name, "pfn0.1")
      yield* bus.unbind("pfn0.0")
      yield* bus.write("pfn0.0", "namespace", "")
      assert.deepStrictEqual([...region(bus).pfns.keys()], [1])
      assert.strictEqual(yield* errno(bus.bind("namespace0.0")), "ENXIO")
      assert.strictEqual(region(bus).pfns.get(0)?.bound?.disk?.name, "pmem0")
    }).pipe(on()))

  it.effect("21.2, OBS-15: size 0 takes a namespace off the bus unless it is number 0 or the seed", () =>
    Effect.gen(function*() {
      const bus = yield* ready
      for (const [i, name] of ["namespace0.0", "namespace0.1", "namespace0.2"].entries()) {
        const uuid = `33333333-3333-4333-8333-33333333333${i}`
        yield* writes(bus, name, [["uuid", uuid], ["size", String(32 * MiB)]])
        yield* bus.bind(name)
      }
      assert.deepStrictEqual([...region(bus).namespaces.keys()], [0, 1, 2, 3])
      for (const id of [0, 1, 2]) {
        yield* bus.unbind(`namespace0.${id}`)
        yield* bus.write(`namespace0.${id}`, "size", "0")
      }
      yield* writes(bus, "namespace0.3", [["uuid", uuids[0]], ["size", String(32 * MiB)], ["size", "0"]])
      assert.deepStrictEqual([...region(bus).namespaces.keys()], [0, 3])
      assert.isTrue([...region(bus).namespaces.values()].every(({ range, uuid }) => range === null && uuid === null))
      assert.deepStrictEqual(region(bus).space.allocations, [])
    }).pipe(on()))
})

describe("Probing", () => {
  it.effect("21.3, OBS-29: EOPNOTSUPP of a damaged alignment advances the seed, with its lines", () =>
    Effect.gen(function*() {
      const bus = yield* ready
      const media = yield* Media
      const pfn = yield* configure(bus, 64 * MiB, "ram")
      yield* bus.bind(pfn)
      yield* bus.unbind(pfn)
      const block = Result.getOrThrow(InfoBlock.decode(Result.getOrThrow(media.read(start + 4096, 4096))))
      Result.getOrThrow(media.write(start + 4096, InfoBlock.encode({ ...block, align: 4096 })))
      assert.strictEqual(yield* errno(bus.bind(pfn)), "EOPNOTSUPP")
      Result.getOrThrow(media.write(start + 4096, InfoBlock.encode({ ...block, dataoff: BigInt(GiB) })))
      assert.strictEqual(yield* errno(bus.bind(pfn)), "EOPNOTSUPP")
      yield* bus.write(pfn, "namespace", "")
      assert.strictEqual(yield* errno(bus.bind("namespace0.0")), "EOPNOTSUPP")
      const said = yield* lines
      assert.deepStrictEqual(said.slice(-6), [
        "nd_pmem pfn0.0: init failed, settings mismatch",
        "nd_pmem: probe of pfn0.0 failed with error -95",
        "nd_pmem pfn0.0: pfn array size exceeds capacity of namespace0.0",
        "nd_pmem: probe of pfn0.0 failed with error -95",
        " pfn0.0: pfn array size exceeds capacity of namespace0.0",
        "nd_pmem: probe of namespace0.0 failed with error -95"
      ])
      assert.deepStrictEqual([...region(bus).pfns.keys()], [1])
      assert.isNull(region(bus).namespaces.get(0)?.claim)
    }).pipe(on()))

  it.effect("22.3: no mode ENXIO, no uuid ENODEV, no room ENXIO; nothing stays reserved", () =>
    Effect.gen(function*() {
      const bus = yield* ready
      assert.strictEqual(yield* errno(bus.bind("pfn0.0")), "ENODEV")
      yield* configure(bus, 32 * MiB, "none")
      assert.strictEqual(yield* errno(bus.bind("pfn0.0")), "ENXIO")
      yield* writes(bus, "pfn0.0", [["mode", "pmem"], ["align", String(GiB)]])
      assert.strictEqual(yield* errno(bus.bind("pfn0.0")), "ENXIO")
      assert.include(yield* lines, "nd_pmem pfn0.0: namespace0.0 unable to satisfy requested alignment")
      assert.isFalse((yield* lines).some((line) => line.includes("probe of")))
      assert.strictEqual((yield* iomemOf).length, 1)
    }).pipe(on()))

  it.effect("20.1, 23.1: a namespace whose bytes somebody holds fails with EBUSY and a line", () =>
    Effect.gen(function*() {
      const bus = yield* ready
      const iomem = yield* Iomem
      Result.getOrThrow(iomem.request({ start: start + 32 * MiB, size: MiB, name: "other" }))
      const pfn = yield* configure(bus, 64 * MiB, "ram")
      assert.strictEqual(yield* errno(bus.bind(pfn)), "EBUSY")
      assert.deepStrictEqual((yield* lines).slice(-2), [
        "nd_pmem pfn0.0: could not reserve region [mem 0x200000000-0x203ffffff]",
        "nd_pmem: probe of pfn0.0 failed with error -16"
      ])
      assert.deepStrictEqual(yield* iomemOf, ["200000000-23fffffff : Persistent Memory"])
    }).pipe(on()))

  it.effect("23.6: poison in the memmap area is cleared before the map is used; what cannot be fails the probe", () =>
    Effect.gen(function*() {
      const bus = yield* ready
      const media = yield* Media
      const pfn = yield* configure(bus, 64 * MiB)
      media.poison({ start: start + MiB, end: start + MiB + 512 })
      media.poison({ start: start + 40 * MiB, end: start + 40 * MiB + 512 })
      yield* bus.bind(pfn)
      assert.deepStrictEqual(media.bad({ start, end: start + 64 * MiB }), [
        { start: start + 40 * MiB, end: start + 40 * MiB + 512 }
      ])
      yield* bus.unbind(pfn)
      media.poison({ start: start + MiB, end: start + MiB + 1024 }, true)
      assert.strictEqual(yield* errno(bus.bind(pfn)), "EIO")
      assert.include(yield* lines, "nd_pmem pfn0.0: error clearing 2 badblocks at 800")
      media.poison({ start: start + 4096, end: start + 4608 })
      assert.strictEqual(yield* errno(bus.bind(pfn)), "ENXIO")
    }).pipe(on()))

  it.effect("21.8: a btt without a sector size is ENODEV; one of version 2.0 begins at byte 0; a copy ends each arena", () =>
    Effect.gen(function*() {
      const bus = yield* NvdimmBus
      const media = yield* Media
      yield* Harness.loadAll(bus)
      yield* bus.unbind("namespace0.0")
      yield* bus.write("namespace0.0", "holder_class", "btt")
      assert.strictEqual(region(bus).namespaces.get(0)?.claimClass, "btt2")
      yield* writes(bus, "btt0.0", [["uuid", uuids[0]], ["namespace", "namespace0.0"]])
      assert.strictEqual(yield* errno(bus.bind("btt0.0")), "ENODEV")
      yield* bus.write("btt0.0", "sector_size", "4096")
      yield* bus.bind("btt0.0")
      assert.deepInclude(region(bus).btts.get(0), { size: 1071616000 })
      assert.strictEqual(region(bus).btts.get(0)?.bound?.disk?.name, "pmem0s")
      const first = Result.getOrThrow(media.read(start, 4096))
      const copy = Result.getOrThrow(media.read(start + GiB - 4096, 4096))
      assert.deepStrictEqual(first, copy)
      yield* bus.unbind("btt0.0")
      yield* bus.write("btt0.0", "namespace", "")
      assert.strictEqual(yield* errno(bus.bind("namespace0.0")), "ENXIO")
      assert.deepInclude(region(bus).btts.get(0), { size: 1071616000, uuid: uuids[0] })
      assert.strictEqual((yield* lines).filter((line) => line.endsWith("No existing arenas")).length, 1)
    }).pipe(on()))
})

describe("Failing and waiting", () => {
  /** Binds with the n-th allocation failing, on a machine of its own; how it ended, and what was left behind. */
  const failing = (n: number, mode: string) =>
    Effect.gen(function*() {
      const faults = yield* Faults
      const bus = yield* ready
      const pagemaps = yield* Pagemaps
      const table = yield* SectionTable.SectionTable
      const pfn = yield* configure(bus, 512 * MiB, mode)
      faults.arm(n)
      const answer = yield* errno(bus.bind(pfn))
      const left = faults.disarm()
      const sections = [0, 1, 2, 3].filter((i) => SectionTable.hasSubsection(table, (start + i * 128 * MiB) / 4096))
      if (answer !== "") {
        assert.deepStrictEqual([pagemaps.all().length, (yield* iomemOf).length], [0, 1])
        assert.deepInclude(region(bus).pfns.get(0), { bound: null, data: null })
        assert.deepStrictEqual(sections, [0, 1, 2, 3].slice(0, sections.length))
        assert.strictEqual(yield* errno(bus.bind(pfn)), sections.length > 0 ? "EEXIST" : "")
      }
      const said = yield* lines
      yield* bus.unbind("region0")
      assert.strictEqual((yield* iomemOf).length, 1)
      return { answer, hasFailed: left === null, sections: sections.length, said }
    }).pipe(on())

  it.effect("SEC-12, MRP-16: wherever memory runs out the driver is gone, and only the sections before leak", () =>
    Effect.gen(function*() {
      for (const mode of ["ram", "pmem"]) {
        const ends = yield* Effect.forEach(Array.from({ length: 24 }, (_, n) => n), (n) => failing(n, mode))
        // A failed huge page of the memmap is replaced by base pages (VMM-3)
        assert.isTrue(ends.every(({ answer, hasFailed }) => answer === "" || (answer === "ENOMEM" && hasFailed)))
        const failed = ends.filter(({ answer }) => answer === "ENOMEM")
        assert.isAtLeast(failed.length, 4)
        assert.deepStrictEqual([...new Set(failed.map(({ sections }) => sections))].toSorted(), [0, 1, 2, 3])
        assert.isFalse(ends.at(-1)?.hasFailed)
        const warnings = failed.map(({ said }) => {
          const probe = said.indexOf("nd_pmem: probe of pfn0.0 failed with error -12")
          return said.slice(0, probe).filter((line) => line.startsWith("WARN"))
        })
        // The reference and the index of the pagemap come before its pages.
        assert.deepStrictEqual(warnings.slice(0, 2), [[], []])
        for (const [i, { sections }] of failed.entries()) {
          if (i < 2) continue
          assert.deepStrictEqual(
            warnings[i],
            mode === "pmem" && sections > 0 ? ["WARN add_pages", "WARN memunmap_pages"] : ["WARN add_pages"]
          )
        }
      }
    }))

  it.effect("MRP-12: unbinding waits for the last user of a page; who stops waiting does not stop it", () =>
    Effect.gen(function*() {
      const bus = yield* ready
      const pagemaps = yield* Pagemaps
      const pfn = yield* configure(bus, 64 * MiB, "ram")
      yield* bus.bind(pfn)
      const disk = region(bus).pfns.get(0)?.bound?.disk
      const user = yield* Scope.make()
      const found = yield* Scope.provide(pagemaps.get(start / 4096), user)
      assert.isTrue(Option.isSome(found))
      const waiting = yield* Effect.forkChild(bus.unbind(pfn))
      yield* Effect.yieldNow
      yield* Effect.yieldNow
      assert.isFalse(disk?.isAlive)
      yield* Fiber.interrupt(waiting)
      assert.strictEqual(pagemaps.all().length, 1)
      const second = yield* Effect.forkChild(errno(bus.unbind(pfn)))
      yield* Effect.yieldNow
      yield* Scope.close(user, Exit.void)
      assert.strictEqual(yield* Fiber.join(second), "ENODEV")
      assert.deepStrictEqual([pagemaps.all().length, (yield* iomemOf).length], [0, 1])
      yield* bus.bind(pfn)
    }).pipe(on()))

  it.effect("Of two binds at a time one succeeds and the other says EBUSY", () =>
    Effect.gen(function*() {
      const bus = yield* ready
      const pfn = yield* configure(bus, 64 * MiB)
      const answers = yield* Effect.forEach([1, 2, 3], () => errno(bus.bind(pfn)), { concurrency: "unbounded" })
      assert.deepStrictEqual(answers.toSorted(), ["", "EBUSY", "EBUSY"])
    }).pipe(on()))

  it.effect("Labels: EBUSY while enabled, ENXIO without an area; zeroing leaves the region labelled and empty (OBS-13)", () =>
    Effect.gen(function*() {
      const bus = yield* ready
      assert.strictEqual(Harness.errnoOf(Labels.init(region(bus))), "EBUSY")
      yield* configure(bus, 64 * MiB)
      yield* bus.unbind("region0")
      assert.strictEqual(region(bus).labels?.length, 1)
      assert.strictEqual(yield* errno(bus.write("namespace0.0", "uuid", uuids[0])), "ENOENT")
      Result.getOrThrow(Labels.zero(region(bus)))
      yield* bus.bind("region0")
      assert.deepInclude(region(bus).namespaces.get(0), { type: "pmem", range: null, uuid: null })
      assert.deepStrictEqual(region(bus).space.allocations, [])
      yield* writes(bus, "namespace0.0", [["uuid", uuids[0]], ["size", String(64 * MiB)], ["holder_class", "btt"]])
      assert.deepStrictEqual([region(bus).version, region(bus).namespaces.get(0)?.claimClass], ["1.2", "btt2"])
      yield* bus.unbind("region0")
      yield* bus.bind("region0")
      assert.deepInclude(region(bus).namespaces.get(0), { uuid: uuids[0], claimClass: "btt2" })
    }).pipe(on()))
})
