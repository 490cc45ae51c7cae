import { assert, describe, it } from "@effect/vitest"
import * as Architecture from "@vmemmap/core/geometry/Architecture"
import * as KernelRelease from "@vmemmap/core/release/KernelRelease"
import * as Port from "@vmemmap/core/release/Port"
import { Result } from "effect"

const port = (name: Architecture.Name, release: string) =>
  Port.make(Architecture.presets[name], Result.getOrThrow(KernelRelease.parse(release)))

describe("Port", () => {
  it("GEO-10: loongarch64 has a virtual memmap from 6.2 on", () => {
    assert.strictEqual(port("loongarch64", "6.1").vmemmap, "none")
    assert.deepInclude(port("loongarch64", "6.2"), { vmemmap: "blocks", vmemmapBlock: 32 * 2 ** 20, altmap: "ignored" })
  })

  it("GEO-10: riscv64 hot-adds memory from 6.11 on", () => {
    assert.isFalse(port("riscv64", "6.10").hotplug)
    assert.isTrue(port("riscv64", "6.11").hotplug)
  })

  it("leaves the other architectures as they are under every release", () => {
    for (const name of ["x86_64", "arm64-4k", "ppc64-radix", "s390x"] as const) {
      for (const release of ["4.19", "6.1", "6.18"]) assert.strictEqual(port(name, release), Architecture.presets[name])
    }
  })

  it("says which ports no recording was made of", () => {
    assert.isNull(Port.uncertainty(Architecture.presets["x86_64-5level"]))
    assert.include(Port.uncertainty(Architecture.presets.s390x) ?? "", "s390x")
  })
})
