import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Layer, Option, Result, Scope } from "effect"
import * as AwaitPages from "../../src/devices/AwaitPages.ts"
import * as FsDax from "../../src/devices/FsDax.ts"
import * as FsDaxFault from "../../src/devices/FsDaxFault.ts"
import * as FsDaxMount from "../../src/devices/FsDaxMount.ts"
import * as Labels from "../../src/devices/Labels.ts"
import { Media } from "../../src/devices/Media.ts"
import { NvdimmBus } from "../../src/devices/NvdimmBus.ts"
import * as PmemDisk from "../../src/devices/PmemDisk.ts"
import { GiB, MiB } from "../../src/geometry/Units.ts"
import { Pagemaps } from "../../src/hotplug/Pagemaps.ts"
import * as KernelLog from "../../src/kernel/KernelLog.ts"
import type { MachineSpec } from "../../src/machine/MachineSpec.ts"
import * as KernelRelease from "../../src/release/KernelRelease.ts"
import * as Harness from "./Harness.ts"

const start = 8 * GiB
const page = 4096
const spec = Harness.machine([{ start, size: GiB }])
const on = (machine: MachineSpec = spec, wait?: AwaitPages.Wait) =>
  Effect.provide(Harness.layer(
    machine,
    undefined,
    wait === undefined ? {} : { awaitPages: Layer.succeed(AwaitPages.AwaitPages, wait) }
  ))

/** namespace0.0 of 256 MiB as fsdax, map=mem: data 2 MiB after the start. */
const fsdax = Effect.gen(function*() {
  const bus = yield* NvdimmBus
  yield* Harness.loadAll(bus)
  yield* bus.unbind("region0")
  for (const region of bus.regions()) Result.getOrThrow(Labels.init(region))
  yield* bus.bind("region0")
  for (
    const [name, attribute, text] of [
      ["namespace0.0", "uuid", "11111111-1111-4111-8111-111111111111"],
      ["namespace0.0", "size", String(256 * MiB)],
      ["pfn0.0", "uuid", "22222222-2222-4222-8222-222222222222"],
      ["pfn0.0", "mode", "ram\n"],
      ["pfn0.0", "namespace", "namespace0.0"]
    ] as const
  ) yield* bus.write(name, attribute, text)
  yield* bus.bind("pfn0.0")
  const disk = bus.regions()[0]?.pfns.get(0)?.bound?.disk
  return disk ?? (yield* Effect.die("no disk"))
})

const first = (start + 2 * MiB) / page

const ask = (disk: PmemDisk.PmemDisk, request: Partial<PmemDisk.Request>) =>
  PmemDisk.directAccess(disk, { pgoff: 0, nrPages: 1, mode: "access", wants: {}, ...request })

describe("PmemDisk", () => {
  it.effect("23.3: outputs are optional, pages go to the end of the disk, past it is ERANGE", () =>
    Effect.gen(function*() {
      const disk = yield* fsdax
      assert.deepStrictEqual(Result.getOrThrow(ask(disk, { nrPages: 3 })), { pages: 3 })
      assert.deepStrictEqual(Result.getOrThrow(ask(disk, { pgoff: 5, wants: { kaddr: true, pfn: true } })), {
        pages: 1,
        kaddr: start + 2 * MiB + 5 * page,
        pfn: { pfn: first + 5, map: true }
      })
      const last = disk.capacity / page - 1
      assert.strictEqual(Result.getOrThrow(ask(disk, { pgoff: last, nrPages: 100 })).pages, 1)
      assert.strictEqual(Harness.errnoOf(ask(disk, { pgoff: last + 1 })), "ERANGE")
      assert.strictEqual(Harness.errnoOf(ask(disk, { nrPages: -1 })), "EINVAL")
      assert.strictEqual(Harness.errnoOf(ask({ ...disk, isBtt: true }, {})), "EOPNOTSUPP")
      yield* (yield* NvdimmBus).unbind("pfn0.0")
      assert.strictEqual(Harness.errnoOf(ask(disk, {})), "ENXIO")
    }).pipe(on()))

  it.effect("23.3: a bad block in the range is EIO, in recovery mode the pages before it; elsewhere it limits the answer", () =>
    Effect.gen(function*() {
      const disk = yield* fsdax
      const media = yield* Media
      const bad = start + 2 * MiB + 8 * page
      media.poison({ start: bad, end: bad + 512 })
      assert.strictEqual(Harness.errnoOf(ask(disk, { pgoff: 8 })), "EIO")
      assert.strictEqual(Harness.errnoOf(ask(disk, { pgoff: 0, nrPages: 9 })), "EIO")
      const recovery = (pgoff: number) =>
        Result.getOrThrow(ask(disk, { pgoff, nrPages: 20, mode: "recovery-write" })).pages
      assert.deepStrictEqual([recovery(0), recovery(7), recovery(8), recovery(9)], [8, 1, 1, 20])
      assert.strictEqual(Result.getOrThrow(ask(disk, { nrPages: 8 })).pages, 8)
      // Poison in the metadata is not the disk's (23.1 step 11)
      media.clear({ start: bad, end: bad + 512 })
      media.poison({ start: start + MiB, end: start + MiB + 512 })
      assert.strictEqual(Result.getOrThrow(ask(disk, { nrPages: 2 })).pages, 2)
    }).pipe(on()))

  it.effect("26.3: only who asks for a pfn waits, for the pages of the answer", () => {
    const waited: Array<unknown> = []
    const wait: AwaitPages.Wait = (pagemap, pfns) => Effect.sync(() => void waited.push([pagemap.name, pfns]))
    return Effect.gen(function*() {
      const disk = yield* fsdax
      const access = (request: Partial<PmemDisk.Request>) =>
        PmemDisk.access(disk, { pgoff: 4, nrPages: 8, mode: "access", wants: {}, ...request })
      yield* access({ wants: { kaddr: true } })
      assert.deepStrictEqual(waited, [])
      yield* access({ wants: { pfn: true } })
      assert.deepStrictEqual(waited, [["pfn0.0", { start: first + 4, end: first + 12 }]])
    }).pipe(on(spec, wait))
  })
})

describe("FsDaxMount", () => {
  it("23.4: kernels ask for the first page, for the last one too, or for none", () => {
    const probes = (release: string, isDebug = false) =>
      FsDaxMount.probes(Result.getOrThrow(KernelRelease.parse(release)), isDebug)
    assert.deepStrictEqual([probes("4.18"), probes("5.10"), probes("5.17"), probes("6.1")], [
      "first",
      "both",
      "none",
      "none"
    ])
    const series = "4.18 +dax-mount-probe-debug"
    const parsed = KernelRelease.parse(series)
    if (Result.isSuccess(parsed)) {
      assert.deepStrictEqual([probes(series), probes(series, true)], ["none", "first"])
    }
  })

  it.effect("23.4: a disk without DAX is mounted all the same, and the log says why", () =>
    Effect.gen(function*() {
      const disk = yield* fsdax
      const problems = yield* Effect.forEach([
        { blockSize: 1024 },
        { blockSize: page, partition: { start: 512, size: 4 * page } },
        { blockSize: page, partition: { start: page, size: 4 * page + 512 } },
        { blockSize: page, partition: { start: page, size: 4 * page } }
      ], (options) => FsDaxMount.problem(disk, options))
      assert.deepStrictEqual(problems, [
        "error: unsupported blocksize for dax",
        "error: unaligned partition for dax",
        "error: unaligned partition for dax",
        null
      ])
      const mounted = yield* FsDax.mount({ ...disk, pagemap: null }, { blockSize: page })
      assert.isFalse(mounted.isDax)
      const mapped = yield* Effect.result(Effect.scoped(mounted.mmap({ size: page, extents: [] }, {
        start: 0,
        end: page,
        offset: 0,
        isShared: true
      })))
      assert.strictEqual(Harness.errnoOf(mapped), "EOPNOTSUPP")
      assert.deepStrictEqual(Harness.lines(yield* (yield* KernelLog.KernelLog).recent).slice(-2), [
        "pmem0: error: device does not support dax",
        "(pmem0): DAX unsupported by block device. Turning off DAX."
      ])
    }).pipe(on()))

  it.effect("26.3: an old kernel's mount waits for the first page, today's does not", () =>
    Effect.gen(function*() {
      for (const [kernel, expected] of [["4.18", 1], ["5.10", 2], ["6.1.176", 0]] as const) {
        let waits = 0
        yield* Effect.flatMap(fsdax, (disk) => FsDax.mount(disk, { blockSize: page })).pipe(
          on({ ...spec, kernel }, () =>
            Effect.sync(() => {
              waits++
            }))
        )
        assert.strictEqual(waits, expected, kernel)
      }
    }))
})

const area = { start: 0x7f0000000000, end: 0x7f0000000000 + 8 * MiB, offset: 0, isShared: true }

/** The first 4 MiB at 2 MiB of the disk, a hole of 1 MiB, then 1 MiB at an odd place. */
const file: FsDaxFault.File = {
  size: 6 * MiB,
  extents: [
    { offset: 0, length: 4 * MiB, disk: 2 * MiB },
    { offset: 5 * MiB, length: MiB, disk: 11 * MiB }
  ]
}

const fault = Effect.fnUntraced(
  function*(disk: PmemDisk.PmemDisk, address: number, options: {
    readonly isWrite?: boolean
    readonly area?: FsDaxFault.Area
    readonly file?: FsDaxFault.File
  } = {}) {
    const mounted = yield* FsDax.mount(disk, { blockSize: page })
    const mapping = yield* mounted.mmap(options.file ?? file, options.area ?? area)
    return yield* mapping.fault(address, options.isWrite ?? false)
  },
  Effect.scoped
)

describe("FsDax", () => {
  it.effect("23.5: a PMD where offset, extent, file, mapping and media allow it; a page else; zeros in a hole", () =>
    Effect.gen(function*() {
      const disk = yield* fsdax
      const at = area.start
      const outcomes = yield* Effect.forEach([
        fault(disk, at + 3 * MiB + 1),
        fault(disk, at + 5 * MiB + page),
        fault(disk, at + 4 * MiB),
        fault(disk, at + 4 * MiB, { isWrite: true }),
        fault(disk, at + 6 * MiB),
        fault(disk, at + 9 * MiB),
        fault(disk, at, { isWrite: true, area: { ...area, isShared: false } }),
        // Another colour: the file begins one page later
        fault(disk, at + 2 * MiB, { area: { ...area, offset: page } }),
        // The mapping ends inside the huge page
        fault(disk, at + 3 * MiB, { area: { ...area, end: area.start + 3.5 * MiB } }),
        // Contiguous, but on no huge page boundary of the media
        fault(disk, at, { file: { size: 4 * MiB, extents: [{ offset: 0, length: 4 * MiB, disk: MiB }] } }),
        // Past the end of the disk
        fault(disk, at, { file: { size: MiB, extents: [{ offset: 0, length: MiB, disk: GiB }] } })
      ], (effect) => effect)
      const data = start + 2 * MiB
      assert.deepStrictEqual(outcomes, [
        { _tag: "Mapped", level: "pmd", address: at + 2 * MiB, pfn: (data + 4 * MiB) / page, pages: 512 },
        { _tag: "Mapped", level: "pte", address: at + 5 * MiB + page, pfn: (data + 11 * MiB) / page + 1, pages: 1 },
        { _tag: "Zero", level: "pte", address: at + 4 * MiB },
        { _tag: "Sigbus", errno: "ENOSPC" },
        { _tag: "Sigbus", errno: null },
        { _tag: "Sigbus", errno: "EFAULT" },
        { _tag: "Copied", address: at },
        { _tag: "Mapped", level: "pte", address: at + 2 * MiB, pfn: (data + 4 * MiB) / page + 1, pages: 1 },
        { _tag: "Mapped", level: "pte", address: at + 3 * MiB, pfn: (data + 5 * MiB) / page, pages: 1 },
        { _tag: "Mapped", level: "pte", address: at, pfn: (data + MiB) / page, pages: 1 },
        { _tag: "Sigbus", errno: "ERANGE" }
      ])
    }).pipe(on()))

  it.effect("23.3: a bad page costs the huge entry, then SIGBUS at that page alone", () =>
    Effect.gen(function*() {
      const disk = yield* fsdax
      const media = yield* Media
      const bad = start + 4 * MiB + 3 * page
      media.poison({ start: bad, end: bad + 512 })
      const outcomes = yield* Effect.forEach([0, 3, 4], (n) => fault(disk, area.start + n * page))
      assert.deepStrictEqual(outcomes.map((outcome) => outcome._tag === "Mapped" ? outcome.level : outcome), [
        "pte",
        { _tag: "Sigbus", errno: "EIO" },
        "pte"
      ])
    }).pipe(on()))

  it("23.3: checks after direct_access", () => {
    const check = (pages: number, pfn: PmemDisk.Access["pfn"], found: number, kaddr?: number) =>
      Harness.errnoOf(FsDaxFault.check({ pages: found, ...(pfn ? { pfn } : {}), ...(kaddr ? { kaddr } : {}) }, pages))
    assert.deepStrictEqual([
      check(512, { pfn: 1024, map: true }, 512, 1),
      check(512, { pfn: 1024, map: true }, 511, 1),
      check(512, { pfn: 1025, map: true }, 512, 1),
      check(512, { pfn: 1024, map: false }, 512, 1),
      check(1, { pfn: 1025, map: false }, 1, 1),
      check(1, { pfn: 1025, map: true }, 1)
    ], ["", "EINVAL", "EINVAL", "EINVAL", "", "EFAULT"])
  })

  for (const [kernel, idle] of [["6.1.176", 1], ["6.16", 0]] as const) {
    it.effect(`MRP-14: on ${kernel} an idle page counts ${idle}, truncation waits for the last pin, unbinding for all`, () =>
      Effect.gen(function*() {
        const disk = yield* fsdax
        const bus = yield* NvdimmBus
        const pagemaps = yield* Pagemaps
        const mounted = yield* FsDax.mount(disk, { blockSize: page })
        const mapped = yield* Scope.make()
        const mapping = yield* Scope.provide(mounted.mmap(file, area), mapped)
        const pfn = (start + 4 * MiB) / page
        assert.strictEqual(mounted.count(pfn), idle)
        yield* mapping.fault(area.start, true)
        assert.deepStrictEqual([mapping.pfnAt(area.start + 5 * page), mounted.count(pfn + 5)], [pfn + 5, 1])
        const again = yield* mapping.fault(area.start + 5 * page, false)
        assert.deepInclude(again, { _tag: "Mapped", pfn: pfn + 5 })
        const pinned = yield* Scope.make()
        yield* Scope.provide(mounted.pin({ start: pfn, end: pfn + 8 }), pinned)
        assert.deepStrictEqual([mounted.count(pfn + 7), mounted.count(pfn + 8)], [2, 1])
        const truncating = yield* Effect.forkChild(mounted.idle({ start: pfn + 7, end: pfn + 9 }))
        const unbinding = yield* Effect.forkChild(bus.unbind("pfn0.0"))
        yield* Effect.yieldNow
        yield* Effect.yieldNow
        assert.isUndefined(truncating.pollUnsafe())
        const refused = yield* Effect.result(Effect.scoped(mounted.pin({ start: pfn, end: pfn + 1 })))
        assert.strictEqual(Harness.errnoOf(refused), "EFAULT")
        yield* Scope.close(pinned, Exit.void)
        yield* Fiber.join(truncating)
        yield* Scope.close(mapped, Exit.void)
        yield* Fiber.join(unbinding)
        assert.deepStrictEqual([pagemaps.all().length, mounted.count(pfn)], [0, idle])
        const outside = yield* Effect.result(Effect.scoped(mounted.pin({ start: 0, end: 1 })))
        assert.strictEqual(Harness.errnoOf(outside), "EFAULT")
        assert.isTrue(Option.isNone(yield* Effect.scoped(pagemaps.get(pfn))))
      }).pipe(on({ ...spec, kernel })))
  }

  it.effect("A fault whose pages never come is SIGBUS, one that is interrupted maps nothing", () =>
    Effect.gen(function*() {
      const disk = yield* fsdax
      const mounted = yield* FsDax.mount(disk, { blockSize: page })
      const mapping = yield* mounted.mmap(file, area)
      const waiting = yield* Effect.forkChild(mapping.fault(area.start, true))
      yield* Effect.yieldNow
      yield* Fiber.interrupt(waiting)
      assert.isUndefined(mapping.pfnAt(area.start))
      yield* (yield* NvdimmBus).unbind("pfn0.0")
      assert.deepStrictEqual(yield* mapping.fault(area.start, true), { _tag: "Sigbus", errno: "ENXIO" })
    }).pipe(Effect.scoped, on(spec, () => Effect.never)))
})
