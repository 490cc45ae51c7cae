import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import * as CreateNamespace from "../../src/devices/CreateNamespace.ts"
import type * as Region from "../../src/devices/Region.ts"

const MiB = 1024 ** 2
const GiB = 1024 ** 3

const place = (
  region: Partial<Region.Region> = {},
  rest: Partial<CreateNamespace.Place> = {}
): CreateNamespace.Place => ({
  region: {
    name: "region0",
    start: 8 * GiB,
    size: 4 * GiB,
    align: 16 * MiB,
    mappings: 1,
    labels: "initialised",
    pagemap: false,
    allocations: [],
    ...region
  },
  pageSize: 4096,
  supportedAligns: [4096, 2 * MiB, GiB],
  seedAlign: 2 * MiB,
  candidate: "namespace0.0",
  ...rest
})

const existing = (rest: Partial<CreateNamespace.Existing> = {}): CreateNamespace.Existing => ({
  name: "namespace0.0",
  start: 8 * GiB,
  size: 4 * GiB,
  mode: "raw",
  active: true,
  ...rest
})

const labelless = { labels: "none" } as const

const refusal = (request: CreateNamespace.Request, at = place()) => {
  const found = CreateNamespace.toolChecks(request, at)
  return found === null ? null : [found.row, found.exit, found.kind]
}

const size = (bytes: number, unit = 1) => ({ bytes, unit })
const align = (bytes: number, text = String(bytes)) => ({ bytes, text })

describe("CreateNamespace", () => {
  it("27.2: the defaults are fsdax, map dev, the seed's align and all of the largest extent", () => {
    assert.deepStrictEqual(Result.getOrThrow(CreateNamespace.settle({}, place())), {
      name: "namespace0.0",
      start: 8 * GiB,
      size: 4 * GiB,
      mode: "fsdax",
      map: "dev",
      align: 2 * MiB,
      sectorSize: null,
      instance: "pfn"
    })
  })

  it("OBS-25 row 3: a region without room lets the next one try", () => {
    assert.deepStrictEqual(refusal({ size: size(5 * GiB) }), [3, 237, "skip"])
    const full = place({ allocations: [{ start: 0, end: 4 * GiB }] })
    assert.deepStrictEqual(refusal({}, full), [3, 237, "skip"])
    assert.strictEqual(
      CreateNamespace.toolChecks({}, full)?.stderr,
      "failed to create namespace: No space left on device"
    )
    assert.deepStrictEqual(refusal({}, place({}, { disabled: true })), [3, 237, "skip"])
    assert.deepStrictEqual(refusal({ existing: existing() }, place({}, { disabled: true })), [3, 245, "skip"])
  })

  it("OBS-25 row 3: read-only regions and label-less ones in use have nothing idle, which is said last", () => {
    assert.deepStrictEqual(refusal({}, place({ readOnly: true })), [3, 237, "skip"])
    const inUse = place(labelless, { candidate: null })
    assert.deepStrictEqual(refusal({}, inUse), [3, 237, "skip"])
    assert.deepStrictEqual(refusal({ align: align(8192, "8K") }, inUse), [6, 237, "plain"])
  })

  it("OBS-25 row 4: label-less namespaces cannot be divided", () => {
    assert.deepStrictEqual(
      refusal({ existing: existing(), force: true, size: size(GiB) }, place(labelless)),
      [4, 234, "plain"]
    )
    assert.include(
      CreateNamespace.toolChecks({ existing: existing(), size: size(GiB) }, place(labelless))?.stderr,
      "  Error: Legacy / label-less namespaces do not support sub-dividing a region\n\n"
    )
  })

  it("OBS-25 rows 5 and 6: -a in the wrong mode, and one that is not offered", () => {
    assert.deepStrictEqual(refusal({ mode: "raw", align: align(2 * MiB) }), [5, 237, "plain"])
    assert.deepStrictEqual(refusal({ mode: "sector", align: align(2 * MiB) }), [5, 237, "plain"])
    assert.strictEqual(
      CreateNamespace.toolChecks({ align: align(8192, "8K") }, place())?.stderr,
      "  Error: unsupported align: 8K\n\nfailed to create namespace: No such device or address"
    )
    assert.deepStrictEqual(refusal({ existing: existing(), mode: "devdax", align: align(8192) }), [6, 250, "plain"])
  })

  it("OBS-25 row 7: a size off the region's align", () => {
    assert.deepStrictEqual(refusal({ mode: "raw", size: size(17 * MiB) }), [7, 234, "counted"])
    assert.strictEqual(
      CreateNamespace.toolChecks({ size: size(100 * MiB) }, place())?.stderr,
      "  Error: create namespace: region0: align setting is 0x1000000 size 0x6400000 is misaligned"
    )
    assert.deepStrictEqual(
      refusal({ existing: existing({ size: 1025 * MiB }) }, place({ ...labelless, size: 1025 * MiB })),
      [7, 234, "counted"]
    )
  })

  it("OBS-25 row 8: the suggestion is in the unit typed", () => {
    const text = (bytes: number, unit: number, alignment: number, mappings = 1) =>
      CreateNamespace.toolChecks(
        { mode: "devdax", align: align(alignment), size: size(bytes, unit) },
        place({ mappings, align: 16 * MiB })
      )?.text
    assert.strictEqual(
      text(3584 * MiB, MiB, GiB),
      "'--size=' must align to interleave-width: 1 and alignment: 1073741824\ndid you intend --size=4096M?"
    )
    assert.include(text(16 * MiB, 1, GiB), "--size=1073741824?")
    assert.include(text(1040 * MiB, 1024, GiB), "--size=2097152K?")
    assert.include(
      text(3 * GiB, GiB, GiB, 2),
      "interleave-width: 2 and alignment: 1073741824\ndid you intend --size=4G?"
    )
  })

  it("OBS-25 row 8: the align in force is -a, the kept one, the seed's, or a page", () => {
    const of = (request: CreateNamespace.Request, at = place()) =>
      Result.getOrThrow(CreateNamespace.settle({ force: true, ...request }, at)).align
    assert.strictEqual(of({ align: align(4096) }), 4096)
    assert.strictEqual(of({ mode: "fsdax", existing: existing({ mode: "fsdax", align: 4096 }) }), 4096)
    assert.strictEqual(of({ existing: existing({ mode: "devdax", align: GiB }) }), GiB)
    assert.strictEqual(of({ mode: "fsdax", existing: existing({ mode: "fsdax" }) }), 4096)
    assert.strictEqual(of({ mode: "devdax", existing: existing({ mode: "fsdax", align: 4096 }) }), 2 * MiB)
    assert.strictEqual(of({}, place({}, { seedAlign: GiB })), GiB)
    assert.strictEqual(of({ mode: "raw" }), 4096)
    assert.strictEqual(of({}, place({ start: 8 * GiB + MiB })), 4096)
  })

  it("OBS-25 row 9: below 16 MiB only raw; silently when the size was the default", () => {
    const small = { align: 4096 }
    assert.deepStrictEqual(refusal({ size: size(8 * MiB) }, place(small)), [9, 237, "plain"])
    assert.isNull(refusal({ size: size(8 * MiB), mode: "raw" }, place(small)))
    assert.deepStrictEqual(refusal({}, place({ ...small, size: 8 * MiB })), [9, 237, "skip"])
  })

  it("OBS-25 row 10: sector sizes that are not offered", () => {
    assert.deepStrictEqual(refusal({ mode: "sector", sectorSize: 1000 }), [10, 234, "counted"])
    assert.deepStrictEqual(refusal({ sectorSize: 520 }), [10, 234, "counted"])
    assert.isNull(refusal({ mode: "devdax", sectorSize: 4096 }))
    assert.isNull(refusal({ mode: "fsdax", sectorSize: 512 }))
    assert.strictEqual(Result.getOrThrow(CreateNamespace.settle({ mode: "sector" }, place())).sectorSize, 4096)
    const kept = { existing: existing({ mode: "sector", sectorSize: 520 }), force: true }
    assert.strictEqual(Result.getOrThrow(CreateNamespace.settle(kept, place())).sectorSize, 520)
  })

  it("OBS-25 row 11: read-only regions, and active namespaces without -f", () => {
    assert.deepStrictEqual(refusal({ existing: existing(), force: true }, place({ readOnly: true })), [
      11,
      250,
      "plain"
    ])
    assert.deepStrictEqual(refusal({ existing: existing() }), [11, 240, "plain"])
    assert.isNull(refusal({ existing: existing({ active: false }) }))
  })

  it("OBS-25 row 12: pfn and dax instances must start on 16 MiB without -f", () => {
    const odd = place({ start: 8 * GiB + 2 * MiB })
    assert.deepStrictEqual(refusal({}, odd), [12, 237, "plain"])
    assert.isNull(refusal({ force: true }, odd))
    assert.isNull(refusal({ mode: "raw" }, odd))
    assert.isNull(refusal({ mode: "sector" }, odd))
    assert.deepStrictEqual(
      refusal({ existing: existing({ start: 8 * GiB + 2 * MiB, active: false }), mode: "devdax" }, odd),
      [12, 234, "plain"]
    )
  })

  it("27.2: -M mem on a native namespace needs no instance, hence no 16 MiB start", () => {
    const native = place({ ...labelless, pagemap: true, mappings: 0, start: 8 * GiB + 2 * MiB }, { candidate: null })
    const request = {
      existing: existing({ mode: "fsdax", active: false, start: 8 * GiB + 2 * MiB }),
      mode: "fsdax"
    } as const
    assert.isNull(Result.getOrThrow(CreateNamespace.settle({ ...request, map: "mem" }, native)).instance)
    assert.deepStrictEqual(refusal({ ...request, map: "dev" }, native), [12, 234, "plain"])
  })

  it.prop(
    "OBS-25: what is not refused can be had: inside the region, aligned, of the size asked for",
    [
      Arbitrary.schema(Schema.Struct({
        mib: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 5000 })),
        mode: Schema.Literals(["raw", "sector", "fsdax", "devdax"]),
        align: Schema.Literals([0, 4096, 8192, 2 * MiB, GiB]),
        regionAlign: Schema.Literals([4096, 2 * MiB, 16 * MiB]),
        taken: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4000 }))
      }))
    ],
    ([{ align: alignment, mib, mode, regionAlign, taken }]) => {
      const at = place({ align: regionAlign, allocations: [{ start: 0, end: taken * MiB }] })
      const request = { mode, size: size(mib * MiB, MiB), ...(alignment === 0 ? {} : { align: align(alignment) }) }
      const answer = CreateNamespace.settle(request, at)
      if (Result.isFailure(answer)) {
        assert.isAtLeast(answer.failure.row, 3)
        assert.include([234, 237], answer.failure.exit)
        return
      }
      const { size: bytes, start } = answer.success
      assert.strictEqual(bytes, mib * MiB)
      assert.isTrue(
        start >= 8 * GiB + taken * MiB && start + bytes <= 12 * GiB && (start - 8 * GiB) % regionAlign === 0
      )
    },
    { arbitrary: { runs: 300, seed: "settle" } }
  )
})
