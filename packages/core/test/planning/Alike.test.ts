import { assert, describe, it } from "@effect/vitest"
import type { Device, MachineSpec } from "@vmemmap/core/machine/MachineSpec"
import * as Alike from "@vmemmap/core/planning/Alike"
import * as Alternatives from "@vmemmap/core/planning/Alternatives"
import * as Plan from "@vmemmap/core/planning/Plan"
import * as Target from "@vmemmap/core/planning/Target"
import * as KernelRelease from "@vmemmap/core/release/KernelRelease"
import { Result } from "effect"
import { random } from "../random.ts"

const GiB = 2 ** 30

/** Machines that differ in little: by chance each of what planning looks at is one of a few. */
const machineOf = (seed: number): MachineSpec => {
  const next = random(seed)
  const of = <A>(...some: ReadonlyArray<A>): A => some[next(some.length)] as A
  const device = (i: number): Device => ({
    name: `region${i}`,
    kind: of("pmem", "pmem", "legacy", "dax"),
    start: of(64, 64.125, 65) * GiB + i * 1024 * GiB,
    size: of(16, 126) * GiB,
    node: of(0, 1),
    targetNode: 2,
    labels: of(true, false),
    ...of({}, { configured: [{ name: `namespace${i}.0`, mode: of("fsdax", "devdax"), map: "mem", usable: next(1e9) }] })
  })
  return {
    name: `host-${seed}`,
    arch: of("x86_64", "aarch64-4k", "x86_64-5level"),
    kernel: of("5.10", "6.1", "6.12"),
    ...of({}, { structPage: 128 }),
    ...of({}, { blockSize: 2 * GiB }),
    nodes: [{ node: 0, available: of(1, 80) * GiB }, { node: 1, available: 60 * GiB }],
    ranges: [{ start: 0, size: of(3, 66) * GiB, kind: "ram", node: 0 }],
    devices: [device(0), device(1)]
  }
}

const kernelOf = (spec: MachineSpec) =>
  Target.kernelOf(spec, Result.getOrThrow(KernelRelease.parse(spec.kernel ?? "6.1")))

describe("Alike", () => {
  for (const most of [1, 3, undefined]) {
    it(`what is remembered, ${most ?? "all"} of it, is what would be planned`, () => {
      const best = Alike.make(most)
      for (let seed = 0; seed < 400; seed++) {
        const spec = machineOf(seed)
        for (const filter of [{}, { mode: "devdax" }] as const) {
          assert.deepStrictEqual(
            Plan.totals(spec, kernelOf(spec), filter, best(spec)),
            Plan.totals(spec, kernelOf(spec), filter)
          )
        }
      }
    })
  }

  it("a device that was planned is not planned again, whatever its machine is called and what is configured there", () => {
    const spec = machineOf(1)
    const kernel = kernelOf(spec)
    const { target } = Target.fromDevice((spec.devices ?? [])[0] as Device, kernel.arch.pageSize)
    const best = Alike.make()
    const once = best(spec)(target, kernel, {}, {})
    const option = Alternatives.best(target, kernel, {}, {})
    assert.isNotNull(once)
    assert.deepStrictEqual({ ...option, ...once }, option)
    assert.strictEqual(best({ ...spec })({ ...target }, kernelOf(spec), {}, {}), once)
    assert.notStrictEqual(best(spec)({ ...target, size: target.size / 2 }, kernel, {}, {}), once)
    assert.notStrictEqual(best({ ...spec, kernel: "6.11" })(target, kernel, {}, {}), once)
  })

  it("where none was like one before they are not looked up for a while, and then again", () => {
    const spec = machineOf(1)
    const kernel = kernelOf(spec)
    const { target } = Target.fromDevice((spec.devices ?? [])[0] as Device, kernel.arch.pageSize)
    const best = Alike.make(2)(spec)
    const ask = (size: number) => best({ ...target, size: size * GiB }, kernel, {}, {})
    ask(16)
    ask(32)
    const asked = Array.from({ length: 40 }, () => ask(16))
    assert.isTrue(asked.slice(0, 30).every((one, i) => one !== asked[i - 1]))
    assert.isTrue(asked.slice(30).every((one) => one === asked[30]))
    assert.deepStrictEqual(asked[0], asked[30])
  })
})
