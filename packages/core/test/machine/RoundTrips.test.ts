/** The acceptance test of the first altmap posting: every page of every range, there and back. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Result, Scope } from "effect"
import * as NvdimmBus from "../../src/devices/NvdimmBus.ts"
import * as ExtentMap from "../../src/geometry/ExtentMap.ts"
import type * as PfnRange from "../../src/geometry/PfnRange.ts"
import * as AcpiMemory from "../../src/hotplug/AcpiMemory.ts"
import * as MemoryHotplug from "../../src/hotplug/MemoryHotplug.ts"
import * as Pagemaps from "../../src/hotplug/Pagemaps.ts"
import * as Machine from "../../src/machine/Machine.ts"
import type * as MachineSpec from "../../src/machine/MachineSpec.ts"
import * as Kernel from "../../src/release/Kernel.ts"
import * as PageAddress from "../../src/sections/PageAddress.ts"
import * as PagemapIndex from "../../src/sections/PagemapIndex.ts"
import * as SectionTable from "../../src/sections/SectionTable.ts"
import * as Altmap from "../../src/vmemmap/Altmap.ts"
import * as Vmemmap from "../../src/vmemmap/Vmemmap.ts"
import * as Harness from "../devices/Harness.ts"

const MiB = 2 ** 20
const GiB = 2 ** 30

/** 8 GiB of RAM with a hole below 4 GiB, two `memmap=` ranges, one of them in the middle of a section, and an NVDIMM. */
const spec: MachineSpec.MachineSpec = {
  kernel: "6.1.176",
  cmdline: "memmap=1G!6G memmap=100M!4161M",
  hypervisor: true,
  ranges: [
    { start: 0, size: 0x9fc00, kind: "ram" },
    { start: MiB, size: 3 * GiB - MiB, kind: "ram" },
    { start: 4 * GiB, size: 5 * GiB, kind: "ram" }
  ],
  devices: [{ name: "region0", kind: "pmem", start: 16 * GiB + 16 * MiB, size: 2 * GiB, node: 0, labelArea: 131072 }]
}

/** Every pfn of a range, and the pages just outside of it. */
const walk = Effect.fnUntraced(function*(range: PfnRange.PfnRange) {
  const kernel = yield* Kernel.Kernel
  const table = yield* SectionTable.SectionTable
  const { tables } = yield* Vmemmap.Vmemmap
  const bases = PageAddress.bases(kernel.arch)
  assert.isDefined(bases)
  let mapped = ExtentMap.find(tables.leaves, 0)
  for (let pfn = range.start; pfn < range.end; pfn++) {
    const page = PageAddress.fromPfn(kernel, pfn)
    if (PageAddress.toPfn(kernel, page) !== pfn) assert.fail(`page_to_pfn(pfn_to_page(${pfn}))`)
    if (!SectionTable.pfnValid(table, pfn)) assert.fail(`pfn_valid(${pfn})`)
    if (mapped === undefined || page >= mapped.end) mapped = ExtentMap.find(tables.leaves, page)
    if (mapped === undefined || page < mapped.start) assert.fail(`the struct page of ${pfn} is not mapped`)
    if (pfn % 4099 !== 0) continue
    assert.strictEqual((PageAddress.address(kernel, pfn) ?? 0n) - (bases?.vmemmap ?? 0n), BigInt(page))
    assert.strictEqual(((PageAddress.linear(kernel, pfn) ?? 0n) - (bases?.linear ?? 0n)) / 4096n, BigInt(pfn))
  }
})

const pfns = (start: number, size: number): PfnRange.PfnRange => ({ start: start / 4096, end: (start + size) / 4096 })

describe("pfn, page and address", () => {
  it.effect("SEC-2: there and back over every memmap= range, namespace and hot-added range", () =>
    Effect.gen(function*() {
      const bus = yield* NvdimmBus.NvdimmBus
      const acpi = yield* AcpiMemory.AcpiMemory
      const hotplug = yield* MemoryHotplug.MemoryHotplug
      const pagemaps = yield* Pagemaps.Pagemaps
      const table = yield* SectionTable.SectionTable
      const index = yield* PagemapIndex.PagemapIndex
      yield* Harness.loadAll(bus)
      yield* acpi.plug({ start: 32 * GiB, size: GiB, node: 0 })
      yield* hotplug.online({ start: 32 * 8, end: 32 * 8 + 4 }, "online_movable")
      // memmap=100M!4161M neither begins nor ends on 2 MiB: the kernel cannot map it (OBS-29)
      assert.deepStrictEqual(pagemaps.all().map(({ ranges }) => ranges), [[pfns(6 * GiB, GiB)]])
      const native = pfns(6 * GiB, GiB)
      const plugged = pfns(32 * GiB, GiB)
      for (const range of [native, plugged]) yield* walk(range)
      for (const pfn of [plugged.start - 1, plugged.end, 10 * GiB / 4096, 16 * GiB / 4096]) {
        assert.isFalse(SectionTable.pfnValid(table, pfn))
      }
      assert.isTrue(PageAddress.isOnline(table, index, plugged.start))
      assert.isFalse(PageAddress.isOnline(table, index, plugged.end - 1))
      assert.isFalse(PageAddress.isOnline(table, index, native.start))
      // The hole below 4 GiB: valid to the end of the last section of RAM, and no further.
      assert.isFalse(SectionTable.pfnValid(table, 3 * GiB / 4096))
      assert.isTrue(SectionTable.pfnValid(table, 0xa0))
      assert.isTrue(PageAddress.isOnline(table, index, 0xff))
    }).pipe(Effect.scoped, Effect.provide(Machine.layer(spec))))

  it.effect("SEC-2, SEC-6: over device ranges with every kind of memmap, and not after they are gone", () =>
    Effect.gen(function*() {
      const kernel = yield* Kernel.Kernel
      const pagemaps = yield* Pagemaps.Pagemaps
      const table = yield* SectionTable.SectionTable
      const start = 16 * GiB + 16 * MiB
      for (
        const { altmap, order } of [
          { order: 0, altmap: undefined },
          { order: 9, altmap: undefined },
          { order: 18, altmap: undefined },
          { order: 9, altmap: Altmap.make(start, 34 * MiB, kernel.arch) }
        ]
      ) {
        const scope = yield* Scope.make()
        const ranges = [{ start, end: start + 2 * GiB }]
        const request = { name: "dev", type: "generic" as const, node: 0, ranges, order }
        const mapped = yield* pagemaps.memremap(altmap === undefined ? request : { ...request, altmap }).pipe(
          Scope.provide(scope),
          Effect.result
        )
        assert.isTrue(Result.isSuccess(mapped))
        yield* walk(pfns(start, 2 * GiB))
        assert.isFalse(SectionTable.pfnValid(table, start / 4096 - 1))
        assert.isFalse(SectionTable.pfnValid(table, (start + 2 * GiB) / 4096))
        yield* Scope.close(scope, Exit.void)
        assert.isFalse(SectionTable.pfnValid(table, start / 4096))
      }
    }).pipe(Effect.scoped, Effect.provide(Machine.layer(spec))))
})
