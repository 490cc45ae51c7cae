import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as FirmwareMap from "../../src/machine/FirmwareMap.ts"
import type * as MachineSpec from "../../src/machine/MachineSpec.ts"
import * as CarveOut from "../../src/planning/CarveOut.ts"
import * as KernelRelease from "../../src/release/KernelRelease.ts"
import * as E820 from "../../src/resources/E820.ts"
import * as MemmapOption from "../../src/resources/MemmapOption.ts"

const MiB = 1024 ** 2
const GiB = 1024 ** 3
const arch = Architecture.presets.x86_64

const release = (text: string) => Result.getOrThrow(KernelRelease.parse(text))

const ram = (start: number, size: number, node?: number): MachineSpec.Range => ({
  start,
  size,
  kind: "ram",
  ...(node === undefined ? {} : { node })
})

/** 3 GiB below 4 GiB as firmware leaves it, `above` from there on. */
const machine = (above: number, more: Partial<MachineSpec.MachineSpec> = {}): MachineSpec.MachineSpec => ({
  ranges: [
    ram(0x1000, 0x9ec00),
    { start: 0x9fc00, size: 0x400, kind: "reserved" },
    ram(MiB, 3 * GiB - MiB - 0x21000),
    { start: 3 * GiB - 0x21000, size: 0x21000, kind: "reserved" },
    { start: 0xfffc0000, size: 0x40000, kind: "reserved" },
    ...(above === 0 ? [] : [ram(4 * GiB, above)])
  ],
  ...more
})

const plan = (
  spec: MachineSpec.MachineSpec,
  want: number,
  more: Partial<CarveOut.Request> = {}
) => Result.getOrThrow(CarveOut.plan({ machine: spec, want, arch, release: release("6.1"), ...more }))

const refusal = (want: number, more: Partial<CarveOut.Request> = {}) =>
  Result.match(CarveOut.plan({ machine: machine(28 * GiB), want, arch, release: release("6.1"), ...more }), {
    onSuccess: () => "accepted",
    onFailure: (error) => error.message
  })

describe("CarveOut", () => {
  it("20.3: lines are size first; the highest place ranks before the lowest above 4 GiB", () => {
    const { candidates } = plan(machine(28 * GiB), 16 * GiB)
    assert.deepStrictEqual(candidates.map((c) => c.line), ["memmap=16G!16G", "memmap=16G!4G"])
    assert.deepStrictEqual(candidates.map((c) => [c.start, c.size]), [[16 * GiB, 16 * GiB], [4 * GiB, 16 * GiB]])
  })

  it("20.4: the region a line becomes is described as a planner takes it", () => {
    const [best] = plan(machine(28 * GiB), 4 * GiB).candidates
    assert.deepStrictEqual(best?.region, {
      name: "region0",
      kind: "legacy",
      start: 28 * GiB,
      size: 4 * GiB,
      node: 0,
      targetNode: 0,
      align: 16 * MiB,
      labels: false
    })
  })

  it("20.4: ids ascend by address, so a range below existing legacy memory becomes region0", () => {
    const legacy = machine(16 * GiB)
    const spec = {
      ...legacy,
      ranges: [...legacy.ranges ?? [], { start: 20 * GiB, size: GiB, kind: "legacy-pmem" as const }]
    }
    assert.strictEqual(plan(spec, 2 * GiB).candidates[0]?.region.name, "region0")
    const below = { ...spec, ranges: spec.ranges.map((r) => r.kind === "legacy-pmem" ? { ...r, start: 4 * GiB } : r) }
    assert.strictEqual(plan(below, 2 * GiB).candidates[0]?.region.name, "region1")
  })

  it("OBS-25 row 12 and ZON-4: starts are sections, also in a range that begins or ends oddly", () => {
    const spec = machine(0, {
      ranges: [ram(MiB, 3 * GiB), ram(4 * GiB + 5 * MiB, 20 * GiB + 130 * MiB)]
    })
    const { candidates } = plan(spec, GiB)
    assert.deepStrictEqual(candidates.map((c) => c.start / MiB), [23 * 1024 + 128, 4 * 1024 + 128])
    assert.match(candidates[0]?.why.join("\n") ?? "", /no section is shared with RAM \(ZON-4\)/)
  })

  it("ZON-4: an end inside a section is allowed from 5.3 on and named", () => {
    const { candidates } = plan(machine(28 * GiB), GiB + 16 * MiB)
    assert.match(candidates[0]?.why.join("\n") ?? "", /the section is tainted/)
    assert.match(refusal(GiB + 16 * MiB, { release: release("5.2") }), /multiple of 128 MiB.*ask for 1152M/)
  })

  it("27.2: sizes ndctl cannot use are refused with the next good one", () => {
    assert.match(refusal(1025 * MiB), /not a multiple of 16 MiB \(27\.2\); ask for 1040M/)
    assert.match(refusal(8 * MiB), /less than 16 MiB/)
    assert.match(refusal(Number.NaN), /less than 16 MiB/)
  })

  it("20.3: a range too small is refused, not joined with its neighbour", () => {
    const { candidates, refused } = plan(machine(2 * GiB), 4 * GiB)
    assert.strictEqual(candidates.length, 0)
    assert.isTrue(refused.every((r) => r.why.includes("several regions (20.3)")))
    assert.strictEqual(refused.length, 3)
  })

  it("28.2: the node keeps enough RAM after the range and its struct pages", () => {
    const spec = machine(5 * GiB)
    const { candidates, refused } = plan(spec, 4 * GiB)
    assert.strictEqual(candidates.length, 2)
    // 8 GiB − 4 GiB − 64 MiB of struct pages, a little less for the holes.
    assert.match(candidates[0]?.why.join("\n") ?? "", /keeps 3\.94 GiB of RAM even with 64 MiB of struct pages/)
    assert.strictEqual(plan(spec, 4 * GiB, { policy: { keepBytes: 4 * GiB } }).candidates.length, 0)
    assert.isAbove(refused.length, 0)
    assert.match(
      plan(spec, 4 * GiB, { policy: { keepShare: 0.5 } }).refused.at(-1)?.why ?? "",
      /node 0 would keep 3\.94 GiB/
    )
  })

  it("28.2: nodes are judged one by one", () => {
    const spec = { ranges: [ram(MiB, 3 * GiB, 0), ram(4 * GiB, 2 * GiB, 0), ram(6 * GiB, 32 * GiB, 1)] }
    const { candidates } = plan(spec, 8 * GiB)
    assert.deepStrictEqual(candidates.map((c) => [c.node, c.start / GiB]), [[1, 30], [1, 6]])
  })

  it("OBS-3: below 4 GiB only for want of better, and never over the kernel image", () => {
    const low = plan(machine(0), 512 * MiB)
    assert.deepStrictEqual(low.candidates.map((c) => c.line), ["memmap=512M!2432M"])
    assert.match(low.candidates[0]?.why.join("\n") ?? "", /below 4 GiB/)
    const high = plan(machine(8 * GiB), 512 * MiB)
    assert.isTrue(high.candidates.every((c) => c.start >= 4 * GiB))
    assert.match(high.refused.map((r) => r.why).join("\n"), /below 4 GiB while there is room above/)
    const kernelImage = { start: 2432 * MiB, end: 2500 * MiB }
    const clear = plan(machine(0), 512 * MiB, { policy: { kernelImage } })
    assert.strictEqual(clear.candidates.length, 0)
    assert.match(clear.refused.map((r) => r.why).join("\n"), /the kernel image may lie/)
  })

  it("OBS-25 row 12: a range without room for an aligned start is refused as misaligned", () => {
    const spec = machine(0, { ranges: [ram(MiB, 3 * GiB), ram(4 * GiB + 64 * MiB, GiB)] })
    assert.match(plan(spec, GiB).refused.map((r) => r.why).join("\n"), /no start on a section of 128 MiB leaves room/)
  })

  it("27.4 question 18: what KASLR does is said, and what to add", () => {
    const why = (cmdline: string) => plan(machine(28 * GiB, { cmdline }), GiB).candidates[0]?.why.join("\n") ?? ""
    assert.match(why(""), /from 4\.11 on keep clear of up to 4 .*number 1.*nokaslr for an older one/)
    assert.match(why("memmap=64M!8G,64M!9G,64M!10G,64M!11G"), /range 5: .* stop randomising/)
    assert.match(why("quiet nokaslr"), /nokaslr is given/)
  })

  it("GEO-15: a line that moves the end of RAM says so when the memory block changes", () => {
    const why = (want: number) =>
      plan(machine(66 * GiB, { hypervisor: true }), want).candidates[0]?.why.join("\n") ?? ""
    assert.match(why(GiB), /memory blocks become 1.* GiB|memory blocks become 1024/)
    assert.notMatch(why(2 * GiB), /memory blocks become/)
  })

  it("20.3: other architectures have no such option, and a machine without RAM is refused", () => {
    assert.match(refusal(GiB, { arch: Architecture.presets["arm64-4k"] }), /not one of arm64-4k/)
    assert.match(refusal(GiB, { machine: {} }), /no RAM range is known/)
  })

  const Range = Schema.Struct({
    gap: Schema.Natural.check(Schema.isLessThan(700)),
    size: Schema.Natural.check(Schema.isBetween({ minimum: 1, maximum: 12000 })),
    kind: Schema.Literals(["ram", "ram", "reserved", "legacy-pmem"])
  })

  it.prop(
    "20.4: every line offered for any machine yields exactly one more region, of its size, out of RAM",
    {
      parts: Arbitrary.array(Arbitrary.schema(Range), { minLength: 1, maxLength: 8 }),
      want: Schema.Natural.check(Schema.isBetween({ minimum: 1, maximum: 200 }))
    },
    ({ parts, want }) => {
      let at = 1
      const ranges = parts.map(({ gap, kind, size }) => {
        const start = at + gap
        at = start + size
        return { start: start * MiB, size: size * MiB, kind }
      })
      const spec = { ranges }
      const table = FirmwareMap.table(spec)
      const result = CarveOut.plan({ machine: spec, want: want * 16 * MiB, arch, release: release("6.1") })
      if (Result.isFailure(result)) return
      for (const { line, size, start } of result.success.candidates) {
        const after = E820.apply(table, MemmapOption.actions(MemmapOption.fromCommandLine(`quiet ${line}`)))
        assert.strictEqual(E820.regions(after).length, E820.regions(table).length + 1)
        assert.isTrue(E820.regions(after).some((r) => r.start === start && r.size === size))
        assert.strictEqual(start % (128 * MiB), 0)
        const left = (t: E820.Table) => E820.ram(t).reduce((sum, r) => sum + r.end - r.start, 0)
        assert.strictEqual(left(table) - left(after), size)
      }
    },
    { arbitrary: { runs: 200, seed: "carve" } }
  )
})
