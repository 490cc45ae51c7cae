import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import * as DaxRegion from "../../src/devices/DaxRegion.ts"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as PfnRange from "../../src/geometry/PfnRange.ts"
import type { KernelError } from "../../src/kernel/KernelError.ts"

const MiB = 2 ** 20
const GiB = 2 ** 30
const arch = Architecture.presets.x86_64
const start = 16 * GiB

const done = <A>(result: Result.Result<A, KernelError>): A => Result.getOrThrow(result)
const errno = (result: Result.Result<unknown, KernelError>): string =>
  Result.match(result, { onSuccess: () => "ok", onFailure: (error) => error.errno })

const region = (size: number, isStatic = false): DaxRegion.Region =>
  done(DaxRegion.make({ id: 2, start, end: start + size, align: 2 * MiB, node: 0, targetNode: 1, isStatic }))

const withDevices = (size: number, count: number): DaxRegion.Region =>
  Array.from({ length: count }).reduce<DaxRegion.Region>((now) => done(DaxRegion.create(now)).region, region(size))

const resize = (now: DaxRegion.Region, name: string, size: number) => DaxRegion.resize(arch, now, name, size, false)
const sizes = (now: DaxRegion.Region, ...steps: ReadonlyArray<readonly [string, number]>) =>
  steps.reduce((r, [name, size]) => done(resize(r, name, size)), now)
const show = (now: DaxRegion.Region, name: string) =>
  DaxRegion.find(now, name)?.ranges.map((range) =>
    `${(range.start - start) / MiB}-${(range.end - start) / MiB}@${range.pageOffset}`
  )

describe("DaxRegion", () => {
  it("24.1: start and length must be multiples of align, else ENOMEM", () => {
    const made = (from: number, to: number) =>
      errno(DaxRegion.make({ ...region(GiB), start: from, end: to, align: 2 * MiB }))
    assert.strictEqual(made(start, start + GiB), "ok")
    assert.strictEqual(made(start + MiB, start + GiB), "ENOMEM")
    assert.strictEqual(made(start, start + 3 * MiB), "ENOMEM")
    assert.strictEqual(made(start, start), "ok")
  })

  it("24.2: a static device over no byte at all has no range", () => {
    const empty = Result.getOrThrow(DaxRegion.make({ ...region(GiB, true), start, end: start }))
    assert.deepStrictEqual(DaxRegion.addStatic(empty, 3).instances.map((instance) => instance.ranges), [[]])
  })

  it("24.1: a static device has the whole region and keeps size, align and mappings", () => {
    const now = DaxRegion.addStatic(region(GiB, true), 3)
    assert.deepStrictEqual(show(now, "dax2.3"), ["0-1024@0"])
    assert.strictEqual(errno(resize(now, "dax2.3", 2 * MiB)), "EACCES")
    assert.strictEqual(errno(DaxRegion.setAlign(arch, now, "dax2.3", 4096, false)), "EACCES")
    assert.strictEqual(errno(DaxRegion.addMapping(arch, now, "dax2.3", PfnRange.fromLength(start, 2 * MiB))), "ENOENT")
  })

  it("24.3: create takes the lowest free id; ENOSPC when nothing is free", () => {
    let now = withDevices(GiB, 3)
    assert.deepStrictEqual(now.instances.map(({ name }) => name), ["dax2.0", "dax2.1", "dax2.2"])
    now = done(DaxRegion.destroy(now, "dax2.1", false))
    assert.strictEqual(done(DaxRegion.create(now)).instance.id, 1)
    assert.strictEqual(errno(DaxRegion.create(sizes(now, ["dax2.0", GiB]))), "ENOSPC")
  })

  it("24.3: delete is EBUSY for a bound device, one with bytes, and always for id 0", () => {
    const now = sizes(withDevices(GiB, 3), ["dax2.2", 2 * MiB])
    assert.strictEqual(errno(DaxRegion.destroy(now, "dax2.0", false)), "EBUSY")
    assert.strictEqual(errno(DaxRegion.destroy(now, "dax2.1", true)), "EBUSY")
    assert.strictEqual(errno(DaxRegion.destroy(now, "dax2.2", false)), "EBUSY")
    assert.strictEqual(errno(DaxRegion.destroy(now, "dax2.7", false)), "ENXIO")
    assert.strictEqual(errno(DaxRegion.destroy(now, "dax2.1", false)), "ok")
  })

  it("24.3: size must be a multiple of max(align, 2 MiB), of an unbound device, and fit", () => {
    const now = withDevices(GiB, 1)
    assert.strictEqual(errno(resize(now, "dax2.0", MiB)), "EINVAL")
    assert.strictEqual(errno(resize(now, "dax2.0", -2 * MiB)), "EINVAL")
    assert.strictEqual(errno(resize(now, "dax2.0", Number.NaN)), "EINVAL")
    assert.strictEqual(errno(DaxRegion.resize(arch, now, "dax2.0", 2 * MiB, true)), "EBUSY")
    assert.strictEqual(errno(resize(now, "dax2.0", GiB + 2 * MiB)), "ENOSPC")
    assert.strictEqual(errno(resize(now, "dax2.9", 2 * MiB)), "ENOENT")
    assert.deepStrictEqual(sizes(now, ["dax2.0", 0]), now)
  })

  it("24.3: growing extends the last range, jumps over other devices, and fills the region's start first", () => {
    const three = sizes(withDevices(64 * MiB, 3), ["dax2.0", 8 * MiB], ["dax2.1", 8 * MiB], ["dax2.0", 16 * MiB])
    assert.deepStrictEqual(show(three, "dax2.0"), ["0-8@0", "16-24@2048"])
    assert.deepStrictEqual(show(sizes(three, ["dax2.0", 20 * MiB]), "dax2.0"), ["0-8@0", "16-28@2048"])
    const holes = sizes(three, ["dax2.1", 0], ["dax2.2", 4 * MiB], ["dax2.0", 4 * MiB])
    assert.deepStrictEqual(show(holes, "dax2.0"), ["0-4@0"])
    assert.deepStrictEqual(show(holes, "dax2.2"), ["8-12@0"])
    const front = sizes(holes, ["dax2.0", 0], ["dax2.2", 20 * MiB])
    assert.deepStrictEqual(show(front, "dax2.2"), ["8-12@0", "0-8@1024", "12-20@3072"])
  })

  it("24.3: shrinking takes from the last range backwards", () => {
    const now = sizes(withDevices(64 * MiB, 2), ["dax2.0", 8 * MiB], ["dax2.1", 8 * MiB], ["dax2.0", 16 * MiB])
    assert.deepStrictEqual(show(sizes(now, ["dax2.0", 10 * MiB]), "dax2.0"), ["0-8@0", "16-18@2048"])
    assert.deepStrictEqual(show(sizes(now, ["dax2.0", 8 * MiB]), "dax2.0"), ["0-8@0"])
    assert.deepStrictEqual(show(sizes(now, ["dax2.0", 6 * MiB]), "dax2.0"), ["0-6@0"])
    assert.deepStrictEqual(show(sizes(now, ["dax2.0", 0]), "dax2.0"), [])
  })

  it("24.3: mapping adds exactly these bytes; ENXIO for an odd length, ENOMEM for bytes that are not free", () => {
    const now = withDevices(64 * MiB, 2)
    const add = (from: number, to: number, to_: DaxRegion.Region = now) =>
      DaxRegion.addMapping(arch, to_, "dax2.0", { start: start + from, end: start + to })
    const two = done(add(32 * MiB, 36 * MiB, done(add(8 * MiB, 16 * MiB))))
    assert.deepStrictEqual(show(two, "dax2.0"), ["8-16@0", "32-36@2048"])
    assert.strictEqual(errno(add(0, MiB)), "ENXIO")
    assert.strictEqual(errno(add(34 * MiB, 38 * MiB, two)), "ENOMEM")
    assert.strictEqual(errno(add(62 * MiB, 66 * MiB)), "ENOMEM")
    assert.deepStrictEqual(done(DaxRegion.parseMapping("400000000-4001fffff\n")), PfnRange.fromLength(start, 2 * MiB))
    for (const text of ["", "-", "400000000", "4-3", "x-y", "1-2-3", "0x10-0x0f"]) {
      assert.strictEqual(errno(DaxRegion.parseMapping(text)), "EINVAL", text)
    }
  })

  it("24.3: align looks at lengths only, not at starts, and keeps the old value when refused", () => {
    const now = sizes(withDevices(4 * GiB, 2), ["dax2.0", 2 * MiB], ["dax2.1", GiB])
    const align = (name: string, value: number, isBound = false) => DaxRegion.setAlign(arch, now, name, value, isBound)
    assert.strictEqual(DaxRegion.find(done(align("dax2.1", GiB)), "dax2.1")?.align, GiB)
    assert.strictEqual(errno(align("dax2.0", GiB)), "EINVAL")
    assert.strictEqual(errno(align("dax2.0", 4096)), "ok")
    assert.strictEqual(errno(align("dax2.0", 16 * MiB)), "EINVAL")
    assert.strictEqual(errno(align("dax2.1", GiB, true)), "EBUSY")
    assert.strictEqual(errno(resize(done(align("dax2.1", GiB)), "dax2.1", GiB + 2 * MiB)), "EINVAL")
  })

  const Step = Schema.Struct({
    kind: Schema.Literals(["size", "size", "size", "create", "delete", "mapping", "align"]),
    device: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4 })),
    amount: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 70 })),
    from: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 130 })),
    large: Schema.Boolean
  })

  it.prop(
    "24.3: bytes are conserved, ranges disjoint and inside, page offsets the pages before; a refusal changes nothing",
    { steps: Arbitrary.array(Arbitrary.schema(Step), { maxLength: 40 }) },
    ({ steps }) => {
      const size = 128 * 2 * MiB
      let now = withDevices(size, 1)
      for (const { amount, device, from, kind, large } of steps) {
        const name = `dax2.${device}`
        const range = PfnRange.fromLength(start + from * 2 * MiB, (amount % 8 + 1) * 2 * MiB)
        const before = now
        const answer = kind === "size"
          ? resize(now, name, amount * 2 * MiB)
          : kind === "create"
          ? Result.map(DaxRegion.create(now), ({ region }) => region)
          : kind === "delete"
          ? DaxRegion.destroy(now, name, false)
          : kind === "mapping"
          ? DaxRegion.addMapping(arch, now, name, range)
          : DaxRegion.setAlign(arch, now, name, large ? 2 * MiB : 4096, false)
        if (Result.isSuccess(answer)) now = answer.success
        const found = DaxRegion.find(now, name)
        if (Result.isSuccess(answer) && kind === "size" && found !== undefined) {
          assert.strictEqual(DaxRegion.size(found), amount * 2 * MiB)
        }
        if (Result.isFailure(answer)) {
          assert.strictEqual(now, before)
          const wanted = amount * 2 * MiB
          const old = DaxRegion.find(before, name)
          if (kind === "size" && old !== undefined) {
            assert.strictEqual(answer.failure.errno, "ENOSPC")
            assert.isAbove(wanted - DaxRegion.size(old), DaxRegion.available(before))
          }
        }
        const all = now.instances.flatMap(({ ranges }) => ranges).toSorted((a, b) => a.start - b.start)
        assert.strictEqual(
          DaxRegion.available(now) + all.reduce((sum, { end, start }) => sum + end - start, 0),
          size
        )
        for (const [i, a] of all.entries()) {
          assert.isTrue(a.start >= now.start && a.end <= now.end && a.start < a.end)
          assert.isTrue((all[i + 1]?.start ?? Infinity) >= a.end)
        }
        for (const { ranges } of now.instances) {
          let pages = 0
          for (const { end, pageOffset, start } of ranges) {
            assert.strictEqual(pageOffset, pages)
            pages += (end - start) / 4096
          }
        }
      }
    },
    { arbitrary: { runs: 200, seed: "dax" } }
  )
})
