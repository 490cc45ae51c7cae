import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, Option, Result, Scope } from "effect"
import * as Faults from "../../src/frames/Faults.ts"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as DirectMap from "../../src/hotplug/DirectMap.ts"
import type * as Pagemap from "../../src/hotplug/Pagemap.ts"
import * as Pagemaps from "../../src/hotplug/Pagemaps.ts"
import * as KernelLog from "../../src/kernel/KernelLog.ts"
import * as Locks from "../../src/kernel/Locks.ts"
import * as Steps from "../../src/kernel/Steps.ts"
import * as Ledger from "../../src/machine/Ledger.ts"
import * as Machine from "../../src/machine/Machine.ts"
import * as Census from "../../src/memmap/Census.ts"
import * as Memmap from "../../src/memmap/Memmap.ts"
import * as Pageblocks from "../../src/memmap/Pageblocks.ts"
import * as PagemapIndex from "../../src/sections/PagemapIndex.ts"
import * as SectionTable from "../../src/sections/SectionTable.ts"
import * as Altmap from "../../src/vmemmap/Altmap.ts"
import * as Survey from "../../src/vmemmap/Survey.ts"
import * as Vmemmap from "../../src/vmemmap/Vmemmap.ts"

const MiB = 2 ** 20
const GiB = 2 ** 30
const arch = Architecture.presets.x86_64

/** 2 GiB of RAM below 3 GiB, as recorded machines have it. */
const machine = Machine.layer({
  kernel: "6.1.176",
  ranges: [{ kind: "ram", start: 0, size: 0x9fc00 }, { kind: "ram", start: MiB, size: 2047 * MiB - 0x21000 }]
})

/** The same with the altmap as it was first posted. */
const first = Machine.layer({
  kernel: "4.5+altmap-rfc-2015",
  ranges: [{ kind: "ram", start: 0, size: 0x9fc00 }, { kind: "ram", start: MiB, size: 2047 * MiB - 0x21000 }]
})

const device = (start: number, size: number, rest: Partial<Pagemap.Request> = {}): Pagemap.Request => ({
  name: "dev",
  type: "generic",
  node: 0,
  ranges: [{ start, end: start + size }],
  ...rest
})

const privateOps = { owner: "driver", ops: { pageFree: () => Effect.void, migrateToRam: () => Effect.void } }

const errno = (result: Result.Result<unknown, { readonly errno: string; readonly step?: string }>) =>
  Result.isFailure(result) ? `${result.failure.errno} ${result.failure.step}` : "mapped"

const warnings = Effect.flatMap(
  KernelLog.KernelLog,
  (log) => Effect.map(log.recent, (events) => events.flatMap((e) => e._tag === "Warn" ? [e.where] : []))
)

describe("Pagemaps", () => {
  it.effect("MRP-12: the end of the scope is memunmap_pages: nothing is left", () =>
    Effect.gen(function*() {
      const pagemaps = yield* Pagemaps.Pagemaps
      const table = yield* SectionTable.SectionTable
      const ledger = yield* Ledger.Ledger
      const before = ledger.total({ book: "ram", purpose: "memmap" })
      yield* Effect.scoped(Effect.gen(function*() {
        const pagemap = yield* pagemaps.memremap(device(8 * GiB, GiB))
        assert.strictEqual(pagemap.references.count(), 262144)
        assert.isTrue(SectionTable.pfnValid(table, 2 * 1048576 + 5))
        assert.strictEqual(ledger.total({ book: "ram", purpose: "memmap" }) - before, 4096)
      }))
      assert.deepStrictEqual(pagemaps.all(), [])
      assert.isFalse(SectionTable.pfnValid(table, 2 * 1048576 + 5))
      assert.strictEqual(SectionTable.flags(table, 64), 0)
      assert.strictEqual(ledger.total({ book: "ram", purpose: "memmap" }), before)
      yield* ledger.balance
    }).pipe(Effect.provide(machine)))

  it.effect("MRP-10: a reference is had while the pagemap lives, and keeps it from going", () =>
    Effect.gen(function*() {
      const pagemaps = yield* Pagemaps.Pagemaps
      const scope = yield* Scope.make()
      const user = yield* Scope.make()
      const pagemap = yield* pagemaps.memremap(device(8 * GiB, GiB)).pipe(Scope.provide(scope))
      const found = yield* pagemaps.get(8 * GiB / 4096 + 7).pipe(Scope.provide(user))
      assert.strictEqual(Option.getOrUndefined(found), pagemap)
      const hinted = yield* pagemaps.get(8 * GiB / 4096 + 8, pagemap).pipe(Scope.provide(user))
      assert.strictEqual(Option.getOrUndefined(hinted), pagemap)
      assert.strictEqual(pagemap.references.count(), 262144 + 1)
      assert.isTrue(Option.isNone(yield* Effect.scoped(pagemaps.get(5))))
      const closing = yield* Effect.forkChild(Scope.close(scope, Exit.void))
      yield* Effect.yieldNow
      assert.isFalse(pagemap.isLive())
      assert.isUndefined(closing.pollUnsafe())
      assert.isTrue(Option.isNone(yield* Effect.scoped(pagemaps.get(8 * GiB / 4096 + 7))))
      yield* Scope.close(user, Exit.void)
      yield* Effect.yieldNow
      yield* Effect.yieldNow
      assert.isDefined(closing.pollUnsafe())
      assert.strictEqual(pagemap.references.count(), 0)
    }).pipe(Effect.provide(machine)))

  it.effect("MRP-10: a hint that does not cover the pfn loses its reference at once, and only once", () =>
    Effect.gen(function*() {
      const pagemaps = yield* Pagemaps.Pagemaps
      const a = yield* pagemaps.memremap(device(8 * GiB, GiB, { type: "private", ...privateOps }))
      const b = yield* pagemaps.memremap(device(16 * GiB, GiB, { type: "private", ...privateOps }))
      const counts = () => [a.references.count(), b.references.count()]
      yield* Effect.scoped(Effect.gen(function*() {
        const first = Option.getOrThrow(yield* pagemaps.get(8 * GiB / 4096))
        assert.deepStrictEqual(counts(), [1, 0])
        const second = Option.getOrThrow(yield* pagemaps.get(16 * GiB / 4096, first))
        assert.strictEqual(second, b)
        assert.deepStrictEqual(counts(), [0, 1])
        assert.isTrue(Option.isNone(yield* pagemaps.get(5, second)))
        assert.deepStrictEqual(counts(), [0, 0])
      }))
      assert.deepStrictEqual(counts(), [0, 0])
    }).pipe(Effect.scoped, Effect.provide(machine)))

  it.effect("MRP-7, LCK-8, LCK-10: a pagemap is found from its index on, until its reference is killed", () =>
    Effect.gen(function*() {
      const pagemaps = yield* Pagemaps.Pagemaps
      const pfn = 8 * GiB / 4096
      const seen = new Map<string, boolean>()
      const lookAt = Steps.stepped(({ name }) =>
        Effect.gen(function*() {
          const found = yield* Effect.scoped(pagemaps.get(pfn)).pipe(Effect.provideService(Steps.Steps, Steps.bulk))
          seen.set(name, Option.isSome(found))
        })
      )
      yield* Effect.scoped(pagemaps.memremap(device(8 * GiB, 130 * MiB))).pipe(
        Effect.provideService(Steps.Steps, lookAt)
      )
      const order = [...seen].filter(([name]) => /^(pagemap|page|zone|lock|direct-map)\./.test(name))
      assert.deepStrictEqual(order, [
        ["pagemap.store", false],
        ["lock.take", false],
        ["direct-map.map", true],
        ["zone.clear-contiguous", true],
        ["zone.grow-span", true],
        ["zone.set-contiguous", true],
        ["page.init", true],
        ["pagemap.get-lifetime", true],
        ["pagemap.kill", true],
        ["pagemap.put-lifetime", false],
        ["page.zone", false],
        ["direct-map.unmap", false],
        ["pagemap.erase", false],
        ["pagemap.exit-reference", false]
      ])
    }).pipe(Effect.provide(machine)))

  it.effect("BUG-8, INI-10: the zone of a range is read from the first page its driver owns, which was written", () =>
    Effect.gen(function*() {
      const pagemaps = yield* Pagemaps.Pagemaps
      const log = yield* KernelLog.KernelLog
      const read: Array<string> = []
      const altmap = Altmap.make(8 * GiB, 18 * MiB, arch)
      yield* Effect.scoped(pagemaps.memremap(device(8 * GiB, GiB, { altmap }))).pipe(
        Effect.provideService(
          Steps.Steps,
          Steps.stepped(({ name, object }) =>
            Effect.sync(() => {
              if (name === "page.zone") read.push(object)
            })
          )
        )
      )
      assert.deepStrictEqual(read, [`page:${(8 * GiB + 18 * MiB) / 4096}`])
      assert.isFalse((yield* log.recent).some(({ _tag }) => _tag === "Hazard"))
    }).pipe(Effect.provide(machine)))

  it.effect("MRP-1, ERR-1: no memory for the reference or for the index is ENOMEM before anything is mapped", () =>
    Effect.gen(function*() {
      const pagemaps = yield* Pagemaps.Pagemaps
      const faults = yield* Faults.Faults
      const directMap = yield* DirectMap.DirectMap
      const index = yield* PagemapIndex.PagemapIndex
      const attempts: Array<string> = []
      for (const n of [0, 1]) {
        faults.arm(n)
        attempts.push(errno(yield* Effect.result(Effect.scoped(pagemaps.memremap(device(8 * GiB, GiB))))))
      }
      assert.deepStrictEqual(attempts, ["ENOMEM percpu_ref_init", "ENOMEM xa_store_range"])
      assert.deepStrictEqual(index.extents, [])
      assert.strictEqual(directMap.pieces().huge, 0)
    }).pipe(Effect.provide(machine)))

  it.effect("LCK-5: mapping from a notifier dies of the deadlock it would be, and leaves nothing in the index", () =>
    Effect.gen(function*() {
      const pagemaps = yield* Pagemaps.Pagemaps
      const locks = yield* Locks.Locks
      const index = yield* PagemapIndex.PagemapIndex
      const exit = yield* Effect.exit(locks.memHotplug(Effect.scoped(pagemaps.memremap(device(8 * GiB, GiB)))))
      assert.isTrue(Exit.isFailure(exit) && Cause.hasDies(exit.cause))
      assert.deepStrictEqual(index.extents, [])
      assert.deepStrictEqual(pagemaps.all(), [])
    }).pipe(Effect.provide(machine)))

  it.effect("ALT-15: first posted the memmap overwrote the reserve, and what it took never came back", () =>
    Effect.gen(function*() {
      const pagemaps = yield* Pagemaps.Pagemaps
      const ledger = yield* Ledger.Ledger
      const log = yield* KernelLog.KernelLog
      const altmap = Altmap.make(128 * GiB, 18 * MiB, arch)
      const pagemap = yield* Effect.scoped(pagemaps.memremap(device(128 * GiB, GiB, { altmap })))
      // Eight blocks; 2 pages lie under the first of them. Today 510 pages of padding come before it.
      assert.deepInclude(pagemap.altmap?.current, { alloc: 4096, align: 0 })
      const hazards = (yield* log.recent).flatMap((event) => event._tag === "Hazard" ? [event.rule] : [])
      assert.deepStrictEqual(hazards.slice(0, 1), ["ALT-15"])
      assert.deepStrictEqual(yield* warnings, [])
      // The PMD table of the memmap is lost, and the books say where.
      const lost = Option.getOrThrow(ledger.firstImbalance())
      assert.deepInclude(lost, { operation: "memunmap_pages", book: "bytes of PMD tables" })
      assert.strictEqual(lost.booked - lost.found, 4096)
    }).pipe(Effect.provide(first)))

  it.effect("INI-8: every pageblock of the range becomes Movable at last, and none beyond a compound that sticks out", () =>
    Effect.gen(function*() {
      const pagemaps = yield* Pagemaps.Pagemaps
      const pageblocks = yield* Pageblocks.Pageblocks
      const [start, end] = [(8 * GiB + 16 * MiB) / 4096, (9 * GiB + 32 * MiB) / 4096]
      const types = () => [start - 1, start, start + 131072, end - 1, end].map((pfn) => pageblocks.get(pfn))
      const before: Array<ReadonlyArray<string>> = []
      yield* pagemaps.memremap(device(start * 4096, (end - start) * 4096, { order: 18 })).pipe(Effect.provideService(
        Steps.Steps,
        Steps.stepped(({ name }) =>
          Effect.sync(() => {
            if (name === "pageblock.set") before.push(types())
          })
        )
      ))
      // A step for each of the nine sections.
      assert.strictEqual(before.length, 9)
      assert.deepStrictEqual(before[0], Array.from({ length: 5 }, () => "Unmovable"))
      assert.deepStrictEqual(types(), ["Unmovable", "Movable", "Movable", "Movable", "Unmovable"])
    }).pipe(Effect.scoped, Effect.provide(machine)))

  it.effect("MRP-1: what a type needs is asked for in the kernel's order", () =>
    Effect.gen(function*() {
      const pagemaps = yield* Pagemaps.Pagemaps
      const log = yield* KernelLog.KernelLog
      const { ops } = privateOps
      const requests: ReadonlyArray<Partial<Pagemap.Request>> = [
        { type: "private" },
        { type: "private", ops: { migrateToRam: ops.migrateToRam } },
        { type: "private", ops },
        { type: "coherent", ops: {} },
        { type: "coherent", ops: { pageFree: ops.pageFree } },
        { type: "coherent" }
      ]
      for (const request of requests) yield* Effect.exit(pagemaps.memremap(device(8 * GiB, GiB, request)))
      const said = (yield* log.recent).flatMap((event) =>
        event._tag === "Warn" ? [event.text] : event._tag === "Hazard" ? [event._tag] : []
      )
      assert.deepStrictEqual(said, [
        "Missing ops.migrate_to_ram",
        "Missing ops.page_free",
        "Missing an owner",
        "Missing ops.page_free",
        "Missing an owner",
        "Hazard",
        "Missing ops.page_free"
      ])
    }).pipe(Effect.scoped, Effect.provide(machine)))

  it.effect("ERR-4: a conflict, System RAM and alignment are refused in the kernel's order, and leave nothing", () =>
    Effect.gen(function*() {
      const pagemaps = yield* Pagemaps.Pagemaps
      const ledger = yield* Ledger.Ledger
      const attempt = (request: Pagemap.Request) =>
        Effect.map(Effect.scoped(Effect.result(pagemaps.memremap(request))), errno)
      yield* Effect.scoped(Effect.gen(function*() {
        yield* pagemaps.memremap(device(8 * GiB, 4 * GiB))
        assert.strictEqual(yield* attempt(device(9 * GiB, 2 * MiB)), "ENOMEM pagemap_range")
        assert.strictEqual(yield* attempt(device(2 * GiB - 4 * MiB, 3 * MiB)), "ENXIO pagemap_range")
        assert.strictEqual(yield* attempt(device(6 * GiB, 3 * MiB)), "EINVAL check_pfn_span")
        assert.strictEqual(yield* attempt(device(2 ** 46 - GiB, 2 * GiB)), "EINVAL mhp_range_allowed")
        assert.strictEqual(yield* attempt({ ...device(0, 0), ranges: [] }), "EINVAL memremap_pages")
        assert.strictEqual(yield* attempt(device(6 * GiB, GiB, { type: "private" })), "EINVAL memremap_pages")
        yield* ledger.balance
      }))
    }).pipe(Effect.provide(machine)))

  it.effect("MRP-6: a range around a live one passes the ends, fails with EEXIST and erases its index", () =>
    Effect.gen(function*() {
      const pagemaps = yield* Pagemaps.Pagemaps
      const index = yield* PagemapIndex.PagemapIndex
      const inner = yield* pagemaps.memremap(device(8 * GiB, GiB))
      assert.strictEqual(
        errno(yield* Effect.result(pagemaps.memremap(device(7 * GiB, 4 * GiB)))),
        "EEXIST fill_subsection_map"
      )
      assert.isTrue(inner.isLive())
      assert.isUndefined(PagemapIndex.findLive(index, 8 * GiB / 4096))
    }).pipe(Effect.scoped, Effect.provide(machine)))

  it.effect("SEC-12, MRP-16: an altmap that runs out leaks what was added, the linear map and its own count", () =>
    Effect.gen(function*() {
      const pagemaps = yield* Pagemaps.Pagemaps
      const table = yield* SectionTable.SectionTable
      const directMap = yield* DirectMap.DirectMap
      const vmemmap = yield* Vmemmap.Vmemmap
      // 256 MiB mapped with room for one block (infoblock-write-smaller-than-namespace)
      const altmap = Altmap.make(8 * GiB, 4 * MiB, arch)
      const failed = yield* Effect.result(pagemaps.memremap(device(8 * GiB, 256 * MiB, { altmap })))
      assert.strictEqual(errno(failed), "ENOMEM section_activate")
      assert.deepStrictEqual([64, 65].map((s) => SectionTable.flags(table, s)), [3, 0])
      const { leaves } = Survey.take(vmemmap.tables, { start: 128 * MiB, end: 132 * MiB })
      assert.deepStrictEqual([...leaves], [[2 * MiB, 1]])
      assert.strictEqual(directMap.pieces().large, 256 * MiB)
      assert.deepStrictEqual(yield* warnings, ["add_pages", "memunmap_pages"])
    }).pipe(Effect.scoped, Effect.provide(machine)))

  it.effect("SPW-6: misplaced 1 GiB compounds overwrite the one page they share, and the log says so", () =>
    Effect.gen(function*() {
      const pagemaps = yield* Pagemaps.Pagemaps
      const memmap = yield* Memmap.Memmap
      const log = yield* KernelLog.KernelLog
      const start = 8 * GiB + 16 * MiB
      const size = 3 * GiB - 16 * MiB - 16 * MiB
      yield* pagemaps.memremap(device(start, size, { order: 18 }))
      const census = Census.take(memmap, start / 4096, (start + size) / 4096)
      const counts = census.map(({ count, page }) =>
        page._tag === "Initialised" ? [count, page.links._tag, page.flags] : [count, page._tag]
      )
      assert.deepStrictEqual(counts, [[size / 4096 - 2, "Tail", 0x1000], [1, "Pagemap", 0x11000], [1, "Tail", 0x1000]])
      const last = memmap.read((start + size) / 4096 - 1)
      assert.isTrue(last._tag === "Initialised" && last.links._tag === "Tail" && last.links.head === 2625536)
      assert.isTrue((yield* log.recent).some((event) => event._tag === "Hazard" && event.rule === "CMP-5"))
    }).pipe(Effect.scoped, Effect.provide(machine)))

  it.effect("SPW-7, BUG-14: in an early section 6.1 writes only 128 pages of each compound", () =>
    Effect.gen(function*() {
      const pagemaps = yield* Pagemaps.Pagemaps
      const memmap = yield* Memmap.Memmap
      // The last section of RAM ends at 0x7ffdf: 0x7fe00… is no RAM only on a machine whose RAM ends earlier.
      yield* pagemaps.memremap(device(3 * GiB + 64 * MiB, 64 * MiB, { order: 9 }))
      const first = (3 * GiB + 64 * MiB) / 4096
      const kinds = [0, 1, 127, 128, 511].map((i) => {
        const page = memmap.read(first + i)
        return page._tag === "Initialised" ? page.links._tag : page._tag
      })
      assert.deepStrictEqual(kinds, ["Pagemap", "Tail", "Tail", "Self", "Self"])
    }).pipe(
      Effect.scoped,
      Effect.provide(Machine.layer({
        kernel: "6.1.176",
        ranges: [{ kind: "ram", start: MiB, size: 2 * GiB }, { kind: "ram", start: 3 * GiB, size: 64 * MiB }]
      }))
    ))

  it.effect("SEC-12: whatever allocation fails, the failing chunk is undone, earlier ones stay, the books balance", () =>
    Effect.gen(function*() {
      const failAt = Effect.fnUntraced(function*(order: number, n: number) {
        const pagemaps = yield* Pagemaps.Pagemaps
        const faults = yield* Faults.Faults
        const ledger = yield* Ledger.Ledger
        const table = yield* SectionTable.SectionTable
        faults.arm(n)
        const result = yield* Effect.result(pagemaps.memremap(device(8 * GiB, 384 * MiB, { order })))
        const wasReached = faults.disarm() === null
        yield* ledger.balance
        const sections = [64, 65, 66].map((s) => SectionTable.flags(table, s))
        if (Result.isSuccess(result)) {
          assert.deepStrictEqual(sections, [3, 3, 3])
        } else {
          assert.strictEqual(result.failure.errno, "ENOMEM")
          const failed = sections.indexOf(0)
          assert.isTrue(failed >= 0 && sections.slice(failed).every((flags) => flags === 0))
        }
        return { wasReached, mapped: Result.isSuccess(result) }
      }, Effect.scoped)
      for (const order of [0, 9]) {
        const outcomes: Array<boolean> = []
        for (let n = 0;; n += n < 20 ? 1 : 61) {
          const outcome = yield* Effect.provide(failAt(order, n), machine, { local: true })
          if (!outcome.wasReached) break
          outcomes.push(outcome.mapped)
        }
        // VMM-3: a plain memmap survives a block it cannot have; shared tails have nothing to fall back to.
        assert.strictEqual(outcomes.includes(true), order === 0)
        assert.isTrue(outcomes.includes(false))
      }
    }))
})
