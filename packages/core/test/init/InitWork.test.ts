import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as InitWork from "../../src/init/InitWork.ts"
import * as Kernel from "../../src/release/Kernel.ts"
import * as KernelRelease from "../../src/release/KernelRelease.ts"
import * as Altmap from "../../src/vmemmap/Altmap.ts"

const MiB = 2 ** 20
const GiB = 2 ** 30
const arch = Architecture.presets.x86_64
const kernel = (release: string) => Kernel.make({ arch, release: Result.getOrThrow(KernelRelease.parse(release)) })

const device = (size: number, rest: Partial<InitWork.DeviceRange> = {}): InitWork.DeviceRange => ({
  range: { start: 4 * GiB / 4096, end: (4 * GiB + size) / 4096 },
  type: "fsdax",
  node: 0,
  pagemap: 0,
  order: 0,
  altmap: null,
  isEarly: () => false,
  ...rest
})

const altmap16 = Altmap.make(4 * GiB, 258 * MiB, arch)

const counts = ({ locked, never, unlocked }: InitWork.InitWork) => [
  InitWork.written(locked),
  InitWork.written(unlocked),
  never.reduce((sum, { end, start }) => sum + end - start, 0)
]

describe("InitWork", () => {
  it("INI-11: 16 GiB with an altmap: 66046 under the lock, 4128256 outside, 2 never", () => {
    const work = InitWork.device(kernel("6.1"), device(16 * GiB, { altmap: altmap16 }))
    assert.deepStrictEqual(counts(work), [66046, 4128256, 2])
  })

  it("INI-7, INI-12: up to 4.19 everything is written under the lock, and what belongs to users again", () => {
    const work = InitWork.device(kernel("4.18"), device(16 * GiB, { altmap: altmap16 }))
    assert.deepStrictEqual(counts(work), [4194302, 4128256, 2])
    const plain = InitWork.device(kernel("4.18"), device(16 * GiB))
    assert.deepStrictEqual(counts(plain), [4194304, 4194304, 0])
  })

  it("INI-4, HOT-14: added pages are reserved, from 6.11 on offline; those that hold their memmap say so", () => {
    const range = { start: 4 * GiB / 4096, end: 8 * GiB / 4096 }
    const image = (release: string, isOwn: boolean) => {
      const [part] = InitWork.hotplug(kernel(release), range, { node: 0, zone: "Normal", isOwn }).locked
      return part?.image._tag === "Single" ? [part.image.flags, part.image.isOffline ?? false] : undefined
    }
    assert.deepStrictEqual([image("6.1", false), image("6.1", true)], [[0x1000, false], [0x1400, false]])
    assert.deepStrictEqual([image("6.11", false), image("6.11", true)], [[0, true], [0x400, false]])
  })

  it("INI-9, CMP-7: shared compounds have 128 struct pages written each; with an altmap all of them", () => {
    const compounds = (rest: Partial<InitWork.DeviceRange>) =>
      counts(InitWork.device(kernel("6.1"), device(16 * GiB, rest)))
    assert.deepStrictEqual(compounds({ order: 9 }), [0, 8192 * 128, 0])
    assert.deepStrictEqual(compounds({ order: 18 }), [0, 16 * 128, 0])
    assert.deepStrictEqual(compounds({ order: 9, altmap: altmap16 }), [66046, 4128256, 2])
  })

  it("INI-9: the fix of 2026 writes compounds whole whose head lies in an early section", () => {
    const fixed = kernel("6.1+dedup-early-section-fix")
    const isEarly = (pfn: number) => pfn < 4 * GiB / 4096 + 32768
    const [, written] = counts(InitWork.device(fixed, device(256 * MiB, { order: 9, isEarly })))
    assert.strictEqual(written, 64 * 512 + 64 * 128)
    const [, unfixed] = counts(InitWork.device(kernel("6.1.176"), device(256 * MiB, { order: 9, isEarly })))
    assert.strictEqual(unfixed, 128 * 128)
  })

  it("INI-2: reference counts of free device pages by type and release", () => {
    const count = (release: string, type: InitWork.DeviceType) => {
      const [part] = InitWork.device(kernel(release), device(GiB, { type })).unlocked
      return part?.image._tag === "Single" ? part.image.refcount : undefined
    }
    const types = ["private", "coherent", "fsdax", "p2pdma", "generic"] as const
    assert.deepStrictEqual(types.map((type) => count("6.1", type)), [0, 0, 1, 1, 1])
    assert.deepStrictEqual(types.map((type) => count("6.15", type)), [0, 0, 0, 0, 1])
  })
})
