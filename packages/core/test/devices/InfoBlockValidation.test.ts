import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import * as InfoBlock from "../../src/devices/InfoBlock.ts"
import * as Validation from "../../src/devices/InfoBlockValidation.ts"
import * as PfnLayout from "../../src/devices/PfnLayout.ts"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as KernelRelease from "../../src/release/KernelRelease.ts"

const MiB = 1024 ** 2
const GiB = 1024 ** 3
const uuid = "00112233-4455-6677-8899-aabbccddeeff"
const parent = "aabbccdd-eeff-0011-2233-445566778899"
const arch = Architecture.presets.x86_64

const namespace: Validation.Namespace = { start: 4 * GiB, size: GiB, uuid: parent }
const kernel: Validation.Kernel = {
  pageSize: 4096,
  structPage: 64,
  supportedAligns: arch.daxAligns,
  compatAlign: arch.compatAlign
}

const block = (signature: InfoBlock.Signature, map: PfnLayout.Map): InfoBlock.InfoBlock =>
  InfoBlock.fromLayout(
    Result.getOrThrow(PfnLayout.create({
      ...namespace,
      map,
      align: 2 * MiB,
      arch,
      release: Result.getOrThrow(KernelRelease.parse("6.1")),
      structPage: 64
    })),
    { signature, uuid, parentUuid: parent, pageSize: 4096 }
  )

const pfn = block("PFN", "dev")
const dax = block("DAX", "dev")

interface Given {
  readonly bytes?: Uint8Array | null
  readonly block?: Partial<InfoBlock.InfoBlock>
  readonly namespace?: Partial<Validation.Namespace> | null
  readonly instance?: Partial<Validation.Instance>
  readonly kernel?: Partial<Validation.Kernel>
}

/** The row and errno for a good block changed in one respect; row 0 when it is accepted. */
const answer = (given: Given, good = pfn): readonly [number, string] =>
  Result.match(
    Validation.validate(
      given.bytes === undefined ? InfoBlock.encode({ ...good, ...given.block }) : given.bytes,
      given.namespace === null ? null : { ...namespace, ...given.namespace },
      { signature: good.signature, ...given.instance },
      { ...kernel, ...given.kernel }
    ),
    {
      onFailure: (refused) => {
        assert.strictEqual(refused.rule, `22.4 row ${refused.row}`)
        assert.isAbove(refused.message.length, 20)
        return [refused.row, refused.errno]
      },
      onSuccess: () => [0, ""]
    }
  )

describe("InfoBlockValidation", () => {
  it("22.4: a block the kernel wrote is accepted, and adopted by an instance without uuid (row 11)", () => {
    for (const good of [pfn, dax, block("PFN", "mem"), block("DAX", "mem")]) {
      const accepted = Result.getOrThrow(
        Validation.validate(InfoBlock.encode(good), namespace, { signature: good.signature }, kernel)
      )
      assert.deepStrictEqual([accepted.adopted, accepted.map], [true, good.mode === 2 ? "dev" : "mem"])
    }
  })

  it("22.4 rows 12 and 13 let an instance that agrees keep its own settings", () => {
    const accepted = Result.getOrThrow(Validation.validate(
      InfoBlock.encode(pfn),
      namespace,
      { signature: "PFN", uuid: uuid.toUpperCase(), align: 2 * MiB, map: "dev" },
      kernel
    ))
    assert.isFalse(accepted.adopted)
  })

  it("22.4 row 1: no namespace is ENODEV", () => {
    assert.deepStrictEqual(answer({ namespace: null }), [1, "ENODEV"])
  })

  it("22.4 row 2: a region that is no memory is ENODEV", () => {
    assert.deepStrictEqual(answer({ namespace: { memory: false } }), [2, "ENODEV"])
  })

  it("22.4 row 3: an unreadable or short block is ENXIO", () => {
    assert.deepStrictEqual(answer({ bytes: null }), [3, "ENXIO"])
    assert.deepStrictEqual(answer({ bytes: new Uint8Array(4095) }), [3, "ENXIO"])
  })

  it("22.4 row 4: zeros and the other kind's signature are ENODEV", () => {
    assert.deepStrictEqual(answer({ bytes: new Uint8Array(4096) }), [4, "ENODEV"])
    assert.deepStrictEqual(answer({ instance: { signature: "DAX" } }), [4, "ENODEV"])
  })

  it("22.4 row 5: a checksum that does not match is ENODEV", () => {
    const bytes = InfoBlock.encode(pfn)
    bytes[4088] = (bytes[4088] ?? 0) ^ 1
    assert.deepStrictEqual(answer({ bytes }), [5, "ENODEV"])
  })

  it("22.4 row 6: another parent is ENODEV, and so is any parent without labels", () => {
    assert.deepStrictEqual(answer({ namespace: { uuid } }), [6, "ENODEV"])
    assert.deepStrictEqual(answer({ namespace: { uuid: undefined } }), [6, "ENODEV"])
    assert.deepStrictEqual(
      answer({ block: { parentUuid: "00000000-0000-0000-0000-000000000000" }, namespace: { uuid: undefined } }),
      [0, ""]
    )
  })

  it("22.4 row 7: a mode other than 1 and 2 is refused with ENXIO", () => {
    for (const mode of [0, 3, 4294967295]) assert.deepStrictEqual(answer({ block: { mode } }), [7, "ENXIO"])
  })

  it("22.4 row 8: larger pages are EOPNOTSUPP in mode dev only", () => {
    assert.deepStrictEqual(answer({ block: { pageSize: 65536 } }), [8, "EOPNOTSUPP"])
    assert.deepStrictEqual(answer({ block: { pageSize: 65536, mode: 1 } }), [0, ""])
    assert.deepStrictEqual(answer({ block: { pageSize: 65536, versionMinor: 3 } }), [0, ""])
  })

  it("22.4 row 9: a larger struct page is EOPNOTSUPP in mode dev only", () => {
    assert.deepStrictEqual(answer({ kernel: { structPage: 80 } }), [9, "EOPNOTSUPP"])
    assert.deepStrictEqual(answer({ kernel: { structPage: 80 }, block: { mode: 1 } }), [0, ""])
    assert.deepStrictEqual(answer({ kernel: { structPage: 56 } }), [0, ""])
  })

  it("22.4 row 10: an unsupported align is EOPNOTSUPP for DAX, accepted for PFN", () => {
    assert.deepStrictEqual(answer({ block: { align: 16384 } }, dax), [10, "EOPNOTSUPP"])
    assert.deepStrictEqual(answer({ block: { align: 16384 } }), [0, ""])
  })

  it("22.4 row 12: another uuid is ENODEV", () => {
    assert.deepStrictEqual(answer({ instance: { uuid: parent } }), [12, "ENODEV"])
  })

  it("22.4 row 13: the same uuid with another align or map is EOPNOTSUPP", () => {
    assert.deepStrictEqual(answer({ instance: { uuid, align: 4096 } }), [13, "EOPNOTSUPP"])
    assert.deepStrictEqual(answer({ instance: { uuid, map: "mem" } }), [13, "EOPNOTSUPP"])
  })

  it("22.4 row 14: an align above the capacity is EOPNOTSUPP", () => {
    assert.deepStrictEqual(answer({ block: { align: 2 * GiB } }), [14, "EOPNOTSUPP"])
    assert.deepStrictEqual(answer({ block: { align: GiB }, namespace: { size: GiB - 1 } }), [14, "EOPNOTSUPP"])
    assert.deepStrictEqual(answer({ block: { align: 0, dataoff: 0n } }), [14, "EOPNOTSUPP"])
  })

  it("22.4 row 15: data that begins at or behind the end is EOPNOTSUPP", () => {
    assert.deepStrictEqual(answer({ block: { dataoff: BigInt(GiB) } }), [15, "EOPNOTSUPP"])
    assert.deepStrictEqual(answer({ block: { dataoff: 2n ** 64n - 4096n } }), [15, "EOPNOTSUPP"])
  })

  it("22.4 row 16: data off its alignment is EOPNOTSUPP", () => {
    assert.deepStrictEqual(answer({ block: { dataoff: BigInt(18 * MiB + 4096) } }), [16, "EOPNOTSUPP"])
    assert.deepStrictEqual(answer({ block: { startPad: 4096 } }), [16, "EOPNOTSUPP"])
    assert.deepStrictEqual(answer({ block: { dataoff: 18874880n, align: 512 } }), [16, "EOPNOTSUPP"])
    assert.deepStrictEqual(answer({ block: { align: GiB } }), [16, "EOPNOTSUPP"])
  })

  it("22.4 row 17: a start off the compat alignment is EOPNOTSUPP", () => {
    assert.deepStrictEqual(answer({ block: { startPad: 4096, align: 4096 } }), [17, "EOPNOTSUPP"])
    assert.deepStrictEqual(answer({ namespace: { start: 4 * GiB + 4096 }, block: { align: 4096 } }), [17, "EOPNOTSUPP"])
  })

  it("22.4 row 18: an end off the compat alignment is EOPNOTSUPP", () => {
    assert.deepStrictEqual(answer({ block: { endTrunc: 4096 } }), [18, "EOPNOTSUPP"])
    assert.deepStrictEqual(answer({ block: { endTrunc: 4096, versionMinor: 0, align: 0 } }), [16, "EOPNOTSUPP"])
  })

  it("22.4: of two faults the earlier row answers", () => {
    assert.deepStrictEqual(answer({ block: { mode: 0, dataoff: BigInt(GiB) } }), [7, "ENXIO"])
    assert.deepStrictEqual(answer({ block: { dataoff: BigInt(GiB), align: 2 * GiB } }), [14, "EOPNOTSUPP"])
    assert.deepStrictEqual(answer({ block: { startPad: 4096, endTrunc: 4096, align: 4096 } }), [17, "EOPNOTSUPP"])
  })

  const bit = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 4096 * 8 - 1 }))

  it.prop(
    "22.4: any single flipped bit is refused, by signature or checksum",
    [
      Arbitrary.schema(bit),
      Arbitrary.schema(Schema.Literals(["PFN", "DAX"])),
      Arbitrary.schema(Schema.Literals(["mem", "dev"]))
    ],
    ([at, signature, map]) => {
      const good = block(signature, map)
      const bytes = InfoBlock.encode(good)
      const byte = Math.floor(at / 8)
      bytes[byte] = (bytes[byte] ?? 0) ^ (2 ** (at % 8))
      assert.deepStrictEqual(answer({ bytes }, good), [byte < 16 ? 4 : 5, "ENODEV"])
    },
    { arbitrary: { runs: 500, seed: "bits" } }
  )

  it("22.4: every single flipped bit of the fields, resealed, is caught by the row of its field or changes nothing checked", () => {
    const rows = new Map<string, Set<number>>()
    const fields: ReadonlyArray<readonly [string, number, number]> = [
      ["uuid", 16, 32],
      ["parentUuid", 32, 48],
      ["flags", 48, 52],
      ["major", 52, 54],
      ["dataoff", 56, 64],
      ["npfns", 64, 72],
      ["mode", 72, 76],
      ["startPad", 76, 80],
      ["endTrunc", 80, 84],
      ["align", 84, 88],
      ["pageSize", 88, 92],
      ["pageStructSize", 92, 94],
      ["padding", 94, 100]
    ]
    const instance = { uuid, align: 2 * MiB, map: "dev" } as const
    for (const [name, from, to] of fields) {
      for (let at = from * 8; at < to * 8; at++) {
        const bytes = InfoBlock.encode(dax)
        const byte = Math.floor(at / 8)
        bytes[byte] = (bytes[byte] ?? 0) ^ (2 ** (at % 8))
        const [row] = answer({ bytes: InfoBlock.seal(bytes), instance }, dax)
        rows.set(name, (rows.get(name) ?? new Set()).add(row))
      }
    }
    assert.deepStrictEqual(
      Object.fromEntries([...rows].map(([name, seen]) => [name, [...seen].toSorted((a, b) => a - b)])),
      {
        uuid: [12],
        parentUuid: [6],
        flags: [0],
        major: [0],
        dataoff: [0, 15, 16],
        npfns: [0],
        mode: [7],
        startPad: [0, 16],
        endTrunc: [0, 18],
        align: [10],
        pageSize: [0, 8],
        pageStructSize: [0, 9],
        padding: [0]
      }
    )
  })
})
