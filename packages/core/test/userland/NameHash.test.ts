import { assert, describe, it } from "@effect/vitest"
import * as NameHash from "../../src/userland/NameHash.ts"

describe("NameHash", () => {
  it("OBS-20: hashes of sysfs names", () => {
    const vectors: Readonly<Record<string, number>> = {
      "namespace0.0": 0x0109350f,
      "namespace0.1": 0x3ae58588,
      "namespace0.2": 0x74c1d600,
      "namespace0.3": 0x2e9e2679,
      "namespace0.4": 0x687a76f1,
      "namespace0.5": 0x2256c76a,
      region0: 0x3d39bbb2,
      region1: 0x77160c2a,
      region2: 0x30f25ca3,
      nmem0: 0x37964f6c,
      nmem1: 0x71729fe5,
      nmem2: 0x2b4ef05d
    }
    for (const [name, hash] of Object.entries(vectors)) assert.strictEqual(NameHash.of(name), hash, name)
  })

  it("OBS-20: siblings are listed in descending order of the hash", () => {
    const names = (stem: string, count: number) => Array.from({ length: count }, (_, i) => `${stem}${i}`)
    assert.deepStrictEqual(
      NameHash.order(names("namespace0.", 6)),
      [2, 4, 1, 3, 5, 0].map((i) => `namespace0.${i}`)
    )
    assert.deepStrictEqual(NameHash.order(names("region", 3)), ["region1", "region0", "region2"])
    assert.deepStrictEqual(NameHash.order(names("nmem", 3)), ["nmem1", "nmem0", "nmem2"])
    assert.deepStrictEqual(NameHash.order(names("dax0.", 2)), ["dax0.1", "dax0.0"])
  })

  it("OBS-20: things follow their names", () => {
    assert.deepStrictEqual(
      NameHash.orderBy([{ id: "region0" }, { id: "region1" }], ({ id }) => id),
      [{ id: "region1" }, { id: "region0" }]
    )
  })
})
