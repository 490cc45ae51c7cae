import { assert, describe, it } from "@effect/vitest"
import type { Device, MachineSpec } from "@vmemmap/core/machine/MachineSpec"
import * as Comparison from "@vmemmap/core/planning/Comparison"
import * as Gate from "@vmemmap/core/planning/Gate"
import * as HugePages from "@vmemmap/core/planning/HugePages"
import * as Plan from "@vmemmap/core/planning/Plan"
import * as Target from "@vmemmap/core/planning/Target"
import * as KernelRelease from "@vmemmap/core/release/KernelRelease"
import { Arbitrary, Result, Schema } from "effect"

const MiB = 2 ** 20
const GiB = 2 ** 30
const TiB = 2 ** 40

const releaseOf = (text: string) => Result.getOrThrow(KernelRelease.parse(text))
const plan = (spec: MachineSpec, release = "6.1") => Plan.make(spec, Target.kernelOf(spec, releaseOf(release)))

const region = (part: Partial<Device> = {}): Device => ({
  name: "region0",
  kind: "pmem",
  start: 4 * GiB,
  size: 128 * GiB,
  node: 0,
  ...part
})

describe("Plan", () => {
  it("27.4: a configured namespace is predicted to the byte when its raw size is known", () => {
    const { devices } = plan({
      devices: [region({
        size: 126 * GiB,
        labels: false,
        configured: [{ name: "namespace0.0", mode: "fsdax", map: "dev", align: 2 * MiB, usable: 133175443456 }]
      })]
    })
    const current = devices[0]?.current
    assert.strictEqual(current?.namespaces[0]?.predicted, 133175443456)
    assert.strictEqual(current?.namespaces[0]?.device, 126 * GiB / 64)
  })

  it("28.6: the raw size of a namespace follows from its usable bytes where only one fits", () => {
    const { devices } = plan({
      devices: [region({
        size: 756 * GiB,
        labels: true,
        ways: 6,
        available: 360 * GiB,
        configured: [
          { name: "namespace0.0", mode: "devdax", map: "mem", align: GiB, usable: 299 * GiB },
          { name: "namespace0.1", mode: "fsdax", map: "mem", align: 2 * MiB, usable: 96 * GiB - 2 * MiB },
          { name: "namespace0.2", mode: "fsdax", map: "dev", align: 2 * MiB, usable: 12345 * MiB }
        ]
      })]
    })
    const namespaces = devices[0]?.current?.namespaces ?? []
    assert.deepStrictEqual(namespaces.map((n) => n.size), [300 * GiB, 96 * GiB, null])
    assert.deepStrictEqual(namespaces.map((n) => n.predicted), [null, null, null])
    assert.strictEqual(namespaces[0]?.ram, 300 * 2 * 4096)
  })

  it("22.3: a namespace made by a kernel that reserved 128 bytes differs from today's prediction", () => {
    const made = Plan.make({ devices: [region()] }, Target.kernelOf({}, releaseOf("6.2")), {
      mode: "fsdax",
      map: "dev"
    })
    const usable = made.devices[0]?.recommended?.usable ?? 0
    const { devices } = plan({
      devices: [region({
        available: 0,
        configured: [{ name: "namespace0.0", mode: "fsdax", map: "dev", align: 2 * MiB, usable }]
      })]
    })
    assert.strictEqual(devices[0]?.current?.namespaces[0]?.predicted, 135289372672)
    assert.strictEqual(usable, 135289372672 - 2 * GiB)
    assert.isTrue(made.devices[0]?.warnings.some((w) => w.rule === "22.3"))
  })

  it("plans with an assumed start when none is known, and says so", () => {
    const { start: _, ...device } = region()
    const { assumptions, devices } = plan({ devices: [device] })
    assert.isNull(devices[0]?.start)
    assert.isTrue(assumptions.some((text) => text.includes("region0")))
  })

  it("28.7: a node that cannot pay is said not to fit", () => {
    const spec: MachineSpec = {
      nodes: [{ node: 0, available: GiB }, { node: 1, available: 64 * GiB }],
      devices: [
        region({ kind: "dax", name: "dax0.0", size: 128 * GiB, targetNode: 0 }),
        region({ kind: "dax", name: "dax1.0", start: TiB, node: 1, targetNode: 1 })
      ]
    }
    const { totals } = plan(spec)
    assert.deepStrictEqual(totals.nodes.map((n) => [n.node, n.fits]), [[0, false], [1, true]])
  })

  it("SPW-10: a node without RAM does not pay; what is more than all RAM of a node does not fit", () => {
    const cxl = (size: number): MachineSpec => ({
      ranges: [{ start: GiB, size: 3 * GiB, kind: "ram", node: 0 }, {
        start: 4 * GiB,
        size: GiB,
        kind: "ram",
        node: 0
      }],
      devices: [region({ kind: "dax", name: "dax0.0", size, node: 0, targetNode: 1 })]
    })
    const paid = (size: number) =>
      plan(cxl(size)).totals.nodes.map(({ available, fits, node }) => [node, available, fits])
    assert.deepStrictEqual(paid(512 * GiB), [[0, null, false]])
    assert.deepStrictEqual(paid(128 * GiB), [[0, null, null]])
    const { ranges: _, ...unknown } = cxl(512 * GiB)
    assert.deepStrictEqual(plan(unknown).totals.nodes.map(({ fits, node }) => [node, fits]), [[1, null]])
  })

  it("24.3: a device that holds its region is aligned anew, for there is no room for another", () => {
    const spec: MachineSpec = { devices: [region({ kind: "dax", name: "dax8.0", size: 128 * GiB, targetNode: 0 })] }
    const made = Plan.make(spec, Target.kernelOf(spec, releaseOf("6.1")), { mode: "devdax", align: GiB })
    assert.strictEqual(
      made.devices[0]?.recommended?.command,
      "daxctl disable-device dax8.0 && echo 1073741824 > /sys/bus/dax/devices/dax8.0/align && daxctl enable-device dax8.0"
    )
  })

  it("GEO-15: the memory block follows from the boot RAM and the platform", () => {
    const spec = (gib: number, hypervisor: boolean): MachineSpec => ({
      hypervisor,
      ranges: [{ start: 0, size: gib * GiB, kind: "ram" }]
    })
    assert.strictEqual(plan(spec(68, true)).blockSize, 2 * GiB)
    assert.strictEqual(plan(spec(65, true)).blockSize, GiB)
    assert.strictEqual(plan(spec(65, false)).blockSize, 2 * GiB)
    assert.strictEqual(plan(spec(32, true)).blockSize, 128 * MiB)
    assert.strictEqual(plan({ ...spec(68, true), blockSize: 512 * MiB }).blockSize, 512 * MiB)
  })

  it("GEO-14: elsewhere the block is a section, and where firmware decides it the plan says so", () => {
    const said = (arch: string) => {
      const { assumptions, blockSize } = plan({ arch, ranges: [{ start: 0, size: 68 * GiB, kind: "ram" }] })
      return [blockSize / MiB, assumptions.some((text) => text.includes("firmware"))]
    }
    assert.deepStrictEqual(["aarch64", "ppc64le", "s390x"].map(said), [[128, false], [16, true], [256, true]])
  })

  it("GEO-15: from 6.14 on CXL windows advise the memory block", () => {
    const spec: MachineSpec = {
      hypervisor: false,
      ranges: [
        { start: 0, size: 66 * GiB, kind: "ram" },
        { start: 128 * GiB + 256 * MiB, size: 64 * GiB, kind: "cxl-window" }
      ]
    }
    assert.strictEqual(plan(spec, "6.13").blockSize, 2 * GiB)
    assert.strictEqual(plan(spec, "6.14").blockSize, 256 * MiB)
  })

  it("28.7: warns of a smaller request that serves as well, and of what rounding hides", () => {
    const rules = (device: Device, filter: Parameters<typeof Plan.make>[2]) =>
      Plan.make({ devices: [device] }, Target.kernelOf({}, releaseOf("6.1")), filter).devices[0]?.warnings.map((w) =>
        w.rule
      ) ?? []
    assert.include(rules(region({ size: 4 * GiB, align: 2 * MiB }), { mode: "fsdax", map: "dev" }), "28.7")
    assert.include(rules(region({ size: 4 * GiB }), { mode: "fsdax", map: "dev" }), "28.7")
    assert.include(rules(region(), { mode: "fsdax", map: "mem" }), "27.1")
    assert.deepStrictEqual(rules(region(), { mode: "fsdax", map: "mem", align: GiB }), [])
  })

  const whole = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 4096 }))
  const devices = Arbitrary.map(
    Arbitrary.array(
      Arbitrary.schema(Schema.Tuple([whole, Schema.Literals(["pmem", "legacy", "dax"]), Schema.Literals([0, 1])])),
      { minLength: 1, maxLength: 4 }
    ),
    (list) =>
      list.map(([size, kind, node], i): Device =>
        region({ name: `region${i}`, kind, start: (i + 1) * 16 * TiB, size: size * 16 * MiB, node, targetNode: node })
      )
  )

  it.prop(
    "totals are the sums of the recommendations, by node and over all, and Plan.totals says the same",
    [devices],
    (
      [list]
    ) => {
      const spec: MachineSpec = { devices: list, nodes: [{ node: 0, available: 8 * GiB }] }
      const kernel = Target.kernelOf(spec, releaseOf("6.12"))
      const made = Plan.make(spec, kernel)
      const chosen = made.devices.flatMap((d) => d.recommended === null ? [] : [d.recommended])
      const { totals } = made
      assert.strictEqual(totals.usable, chosen.reduce((n, r) => n + r.usable, 0))
      assert.strictEqual(totals.ram, chosen.reduce((n, r) => n + r.ram, 0))
      assert.strictEqual(totals.nodes.reduce((n, t) => n + t.ram, 0), totals.ram)
      assert.strictEqual(totals.usable + totals.lost, totals.size)
      assert.deepStrictEqual(Plan.totals(spec, kernel), totals)
    },
    { arbitrary: { runs: 60, seed: "totals" } }
  )
})

describe("Comparison", () => {
  const spec: MachineSpec = { devices: [region({ size: TiB })] }
  const rows = Comparison.make(
    spec,
    ["5.10", "6.1", "proposed-2026"].map((text) => Target.kernelOf(spec, releaseOf(text))),
    {}
  )
  const bytes = (label: string) =>
    rows.find((row) => row.label === label)?.cells.map((c) => c.possible ? c.ram + c.device + c.pageTables : null)

  it("CMP-7, CMP-12: the tax of 1 TiB of 1 GiB devdax under three kernels", () => {
    const tables = 8192 * 4096 + 16 * 4096
    assert.deepStrictEqual(bytes("devdax mem 1G"), [
      16 * GiB + 65536,
      8 * MiB + tables,
      4 * MiB + 4096 + tables
    ])
  })

  it("CMP-11: HugeTLB keeps two vmemmap pages at first and one since 5.18; not before 5.14", () => {
    assert.deepStrictEqual(bytes("HugeTLB 2M (boot RAM)"), [null, 524288 * 4096, 524288 * 4096])
    const { arch, release } = Target.kernelOf({}, releaseOf("5.15"))
    assert.strictEqual(HugePages.hugetlb(TiB, 2 * MiB, arch, release, 64).kept, 2 * 524288 * 4096)
    assert.isFalse(HugePages.hugetlb(TiB, 2 * MiB, arch, release, 56).supported)
  })

  it("27.4: 8 bytes a page would be an eighth of 64", () => {
    assert.strictEqual(bytes("memdesc, 8 bytes a page (what-if)")?.[1], 2 * GiB)
  })
})

describe("Gate", () => {
  const totals: Plan.Totals = { size: 100, usable: 80, ram: 10, device: 5, pageTables: 1, lost: 20, nodes: [] }
  const holds = (text: string) => Gate.holds(Result.getOrThrow(Gate.parse(text)), totals)

  it("compares the named total with a size", () => {
    assert.deepStrictEqual(
      ["ram>9", "ram>10", "ram>=10", "memmap>=16", "memmap<16", "pagetables<=1", " usable < 1K "].map(holds),
      [true, false, true, true, false, true, true]
    )
  })

  it("refuses what is no condition, naming the fields", () => {
    for (const text of ["ram", "ram>", "ram>16GB", "swap>1G", "ram=1G", ">1G", ""]) {
      const result = Gate.parse(text)
      assert.isTrue(Result.isFailure(result), text)
    }
    const refused = Gate.parse("swap>1G")
    assert.include(Result.isFailure(refused) ? refused.failure.message : "", "pageTables")
  })
})
