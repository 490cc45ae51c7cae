import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { GiB } from "../../src/geometry/Units.ts"
import type { Configured, Device, MachineSpec } from "../../src/machine/MachineSpec.ts"
import * as DryRun from "../../src/records/DryRun.ts"
import * as SetUp from "../../src/userland/SetUp.ts"
import * as Small from "../records/small.ts"

const device = (configured: ReadonlyArray<Configured>, more: Partial<Device> = {}): MachineSpec => ({
  ...Small.spec,
  devices: [{ name: "region0", kind: "pmem", start: 8 * GiB, size: 4 * GiB, targetNode: 1, ...more, configured }]
})

const lines = (spec: MachineSpec): ReadonlyArray<string> =>
  Result.getOrThrow(SetUp.steps(spec)).map((step) =>
    step._tag === "Labels" ? `labels ${step.region}` : `${step.words.join(" ")} -> ${step.expect}`
  )

describe("SetUp", () => {
  it("OBS-26: what is there without anybody making it is not made", () => {
    assert.deepStrictEqual(lines(Small.spec), ["labels region0"])
    assert.deepStrictEqual(lines(device([{ name: "namespace0.0", mode: "raw", size: 4 * GiB }])), [])
    assert.deepStrictEqual(
      lines(device([{ name: "namespace0.0", mode: "fsdax", size: 4 * GiB }], { kind: "virtio-pmem" })),
      []
    )
    assert.deepStrictEqual(lines({}), [])
  })

  it("OBS-26: a region that is divided has labels; its namespaces are made in the order of their numbers", () => {
    const spec = device([
      { name: "namespace0.1", mode: "sector", size: GiB, sectorSize: 4096 },
      { name: "namespace0.0", mode: "devdax", map: "mem", align: 2 ** 21, size: GiB }
    ])
    assert.deepStrictEqual(lines(spec), [
      "labels region0",
      `ndctl create-namespace -f -m devdax -M mem -a 2097152 -r region0 -s ${GiB} -> namespace0.0`,
      `ndctl create-namespace -f -m sector -l 4096 -r region0 -s ${GiB} -> namespace0.1`
    ])
  })

  it("25.4: memory in use as System RAM is reconfigured; what is disabled is disabled", () => {
    const ram: Configured = { name: "namespace0.0", mode: "system-ram", chardev: "dax0.0", movable: false }
    assert.deepStrictEqual(lines(device([{ ...ram, onlineBlocks: 0 }])), [
      "ndctl create-namespace -f -m devdax -e namespace0.0 -> namespace0.0",
      "daxctl reconfigure-device -m system-ram -N --no-movable dax0.0 -> null"
    ])
    assert.deepStrictEqual(lines(device([{ name: "namespace0.0", mode: "fsdax", map: "dev", disabled: true }])), [
      "ndctl create-namespace -f -m fsdax -M dev -e namespace0.0 -> namespace0.0",
      "ndctl disable-namespace namespace0.0 -> null"
    ])
    assert.deepStrictEqual(
      lines(device([{ name: "dax1.0", mode: "system-ram" }], { name: "region1", kind: "dax" })),
      ["daxctl reconfigure-device -m system-ram dax1.0 -> null"]
    )
  })

  it("a divided region whose namespace has no raw size is refused at its place", () => {
    const spec = device([{ name: "namespace0.0", mode: "fsdax", usable: GiB }], { labels: true })
    const result = SetUp.steps(spec)
    assert.strictEqual(Result.isFailure(result) ? result.failure.at : undefined, "region0: namespace0.0")
  })

  it.effect("27.4: the configuration is there when the machine is ready", () =>
    Effect.gen(function*() {
      const spec = device([
        { name: "namespace0.0", mode: "system-ram", size: GiB },
        { name: "namespace0.1", mode: "devdax", map: "dev", size: GiB, disabled: true }
      ])
      const { commands, notes } = yield* DryRun.run({ spec, script: "ndctl list -Ni", onTerminal: false })
      const found = commands[0]?.json as ReadonlyArray<{ readonly dev: string; readonly state?: string }>
      assert.deepStrictEqual(notes, [])
      assert.includeMembers(found.map(({ dev, state = "" }) => `${dev} ${state}`), [
        "namespace0.1 disabled",
        "namespace0.0 "
      ])
    }))

  it.effect("a configuration that cannot be made is refused, with the words of the tool", () =>
    Effect.gen(function*() {
      const spec = device([{ name: "namespace0.0", mode: "devdax", align: 3, size: GiB }], { labels: true })
      const result = yield* Effect.result(DryRun.run({ spec, script: "", onTerminal: false }))
      if (Result.isSuccess(result)) return assert.fail("was made")
      assert.strictEqual(result.failure._tag, "InputError")
      assert.match(result.failure.message, /^machine: ndctl create-namespace .*: cannot be set up: /)
    }))
})
