import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as KernelRelease from "../../src/release/KernelRelease.ts"
import * as MemmapOnMemory from "../../src/vmemmap/MemmapOnMemory.ts"

const MiB = 2 ** 20

const kernel = (arch: Architecture.Name, blockSize: number, release = "6.1"): MemmapOnMemory.Kernel => ({
  arch: Architecture.presets[arch],
  release: Result.getOrThrow(KernelRelease.parse(release)),
  structPage: 64,
  blockSize
})

describe("MemmapOnMemory", () => {
  it("HOT-12: the table", () => {
    const rows: ReadonlyArray<readonly [Architecture.Name, number, number, boolean]> = [
      ["x86_64", 128, 512, true],
      ["x86_64", 1024, 4096, true],
      ["x86_64", 2048, 8192, true],
      ["arm64-4k", 128, 512, true],
      ["arm64-16k", 128, 32, false],
      ["arm64-64k", 512, 8, false]
    ]
    for (const [arch, size, pages, eligible] of rows) {
      const own = kernel(arch, size * MiB)
      assert.strictEqual(MemmapOnMemory.pages(own), pages)
      assert.strictEqual(MemmapOnMemory.refuses(own, size * MiB) === null, eligible, arch)
    }
  })

  it("HOT-12: 6.1 takes one block exactly, 6.8 any number; kernels before 5.13 none", () => {
    const refuses = (release: string, blocks: number) =>
      MemmapOnMemory.refuses(kernel("x86_64", 128 * MiB, release), blocks * 128 * MiB)
    assert.isNull(refuses("6.1", 1))
    assert.match(refuses("6.1", 2) ?? "", /exactly one memory block of 128 MiB/)
    assert.isNull(refuses("6.8", 2))
    assert.match(refuses("5.12", 1) ?? "", /from 5.13 on/)
  })

  it("HOT-12: force pads to a pageblock from 6.6 on, and refuses a block that would be eaten whole", () => {
    const small = kernel("arm64-16k", 128 * MiB, "6.6")
    assert.match(MemmapOnMemory.blockRefuses(small) ?? "", /no multiple of the pageblock/)
    assert.isNull(MemmapOnMemory.blockRefuses(small, "force"))
    assert.strictEqual(MemmapOnMemory.pages(small, "force"), 2048)
    assert.match(MemmapOnMemory.blockRefuses(kernel("arm64-64k", 512 * MiB, "6.6"), "force") ?? "", /would take all/)
    assert.strictEqual(MemmapOnMemory.pages(kernel("arm64-16k", 128 * MiB), "force"), 32)
  })

  it("HOT-13: free is the whole block in 6.1, what is kept later", () => {
    assert.strictEqual(MemmapOnMemory.altmap(kernel("x86_64", 128 * MiB), 4096).free, 32768)
    assert.strictEqual(MemmapOnMemory.altmap(kernel("x86_64", 128 * MiB, "6.6"), 4096).free, 512)
  })

  it("an architecture that ignores or refuses altmaps keeps every memmap in RAM", () => {
    assert.match(MemmapOnMemory.blockRefuses(kernel("s390x", 256 * MiB)) ?? "", /in RAM/)
    assert.match(MemmapOnMemory.blockRefuses(kernel("loongarch64", 512 * MiB)) ?? "", /in RAM/)
  })
})
