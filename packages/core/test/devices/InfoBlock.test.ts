import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import * as BttInfoBlock from "../../src/devices/BttInfoBlock.ts"
import * as Fletcher64 from "../../src/devices/Fletcher64.ts"
import * as InfoBlock from "../../src/devices/InfoBlock.ts"
import * as PfnLayout from "../../src/devices/PfnLayout.ts"
import * as Uuid from "../../src/devices/Uuid.ts"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as KernelRelease from "../../src/release/KernelRelease.ts"

const GiB = 1024 ** 3
const uuid = "00112233-4455-6677-8899-aabbccddeeff"

const layout = (size: number, map: PfnLayout.Map, align: number) =>
  Result.getOrThrow(PfnLayout.create({
    start: 4 * GiB,
    size,
    map,
    align,
    arch: Architecture.presets.x86_64,
    release: Result.getOrThrow(KernelRelease.parse("6.1")),
    structPage: 64
  }))

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex")

const Byte = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))

/** A block of random bytes with one of the signatures and the checksum that belongs to it. */
const anyBlock = Arbitrary.map(
  Arbitrary.all([
    Arbitrary.schema(Schema.Literals(["PFN", "DAX"])),
    Arbitrary.array(Arbitrary.schema(Byte), { minLength: 78, maxLength: 78 }),
    Arbitrary.array(Arbitrary.schema(Byte), { minLength: 0, maxLength: 32 })
  ]),
  ([signature, fields, padding]) => {
    const bytes = new Uint8Array(4096)
    bytes.set(new TextEncoder().encode(InfoBlock.signatureText(signature)))
    bytes.set(fields, 16)
    bytes.set(padding, 4088 - padding.length)
    return InfoBlock.seal(bytes)
  }
)

describe("Fletcher64", () => {
  it("22.2: the short vectors", () => {
    assert.strictEqual(Fletcher64.make(new Uint8Array(4096)), 0n)
    const one = new Uint8Array(4096)
    one[0] = 1
    assert.strictEqual(Fletcher64.make(one), 0x0000040000000001n)
    assert.strictEqual(Fletcher64.make(new Uint8Array(4096).fill(0xff)), 0xfff7fe00fffffc00n)
  })

  it.prop(
    "22.2: agrees with 64-bit sums, wherever the bytes lie in their buffer",
    [
      Arbitrary.array(Arbitrary.schema(Byte), { minLength: 4, maxLength: 64 }),
      Schema.Int.check(
        Schema.isBetween({ minimum: 0, maximum: 7 })
      )
    ],
    ([data, offset]) => {
      const whole = data.slice(0, data.length - data.length % 4)
      const bytes = new Uint8Array(offset + whole.length).subarray(offset)
      bytes.set(whole)
      let lo = 0n
      let hi = 0n
      for (let i = 0; i < whole.length; i += 4) {
        lo = BigInt.asUintN(32, lo + BigInt(Buffer.from(whole).readUInt32LE(i)))
        hi += lo
      }
      assert.strictEqual(Fletcher64.make(bytes), (BigInt.asUintN(32, hi) << 32n) | lo)
    },
    { arbitrary: { runs: 100, seed: "fletcher" } }
  )
})

describe("InfoBlock", () => {
  it("22.2: the PFN vector, byte for byte", () => {
    const bytes = InfoBlock.encode(InfoBlock.fromLayout(layout(GiB, "dev", 2 * 1024 ** 2), {
      signature: "PFN",
      uuid,
      pageSize: 4096
    }))
    assert.strictEqual(InfoBlock.storedChecksum(bytes), 0x72608d344abc140an)
    assert.strictEqual(
      hex(bytes.subarray(48, 94)),
      "00000000 0100 0400 0000200100000000 00ee030000000000 02000000 00000000 00000000 00002000 00100000 4000"
        .replaceAll(" ", "")
    )
    assert.strictEqual(
      hex(bytes.subarray(0, 48)),
      hex(Buffer.from("NVDIMM_PFN_INFO\0")) + uuid.replaceAll("-", "") + "00".repeat(16)
    )
  })

  it("22.2: the DAX vector", () => {
    const block = InfoBlock.fromLayout(layout(128 * GiB, "mem", GiB), {
      signature: "DAX",
      uuid,
      parentUuid: uuid,
      pageSize: 4096
    })
    assert.deepStrictEqual([block.dataoff, block.npfns, block.mode], [1073741824n, 33292288n, 1])
    assert.strictEqual(InfoBlock.storedChecksum(InfoBlock.encode(block)), 0xf98e92d825960d9cn)
  })

  it.prop(
    "22.1: encoding what was decoded gives the same bytes, whatever they hold",
    [anyBlock],
    ([bytes]) => {
      assert.strictEqual(hex(InfoBlock.encode(Result.getOrThrow(InfoBlock.decode(bytes)))), hex(bytes))
    },
    { arbitrary: { runs: 200, seed: "codec" } }
  )

  it("22.1: padding is only kept when there is some", () => {
    const bytes = InfoBlock.encode(
      InfoBlock.fromLayout(layout(GiB, "mem", 4096), { signature: "PFN", uuid, pageSize: 4096 })
    )
    assert.notProperty(Result.getOrThrow(InfoBlock.decode(bytes)), "padding")
    bytes[4087] = 1
    assert.strictEqual(Result.getOrThrow(InfoBlock.decode(bytes)).padding?.at(-1), 1)
  })

  it("22.1: short input and other signatures are typed errors that say what would be right", () => {
    const zeros = Result.getOrUndefined(Result.flip(InfoBlock.decode(new Uint8Array(4096))))
    assert.include(zeros?.message, "NVDIMM_PFN_INFO or NVDIMM_DAX_INFO")
    assert.isTrue(Result.isFailure(InfoBlock.decode(new Uint8Array(4095))))
    const longer = new Uint8Array(4096)
    longer.set(new TextEncoder().encode("NVDIMM_PFN_INFOX"))
    assert.isTrue(Result.isFailure(InfoBlock.decode(longer)))
  })

  it("22.1: what each minor version means on read", () => {
    const block = (versionMinor: number): InfoBlock.InfoBlock => ({
      ...InfoBlock.fromLayout(layout(GiB, "dev", 2 * 1024 ** 2), { signature: "PFN", uuid, pageSize: 4096 }),
      versionMinor,
      startPad: 7,
      endTrunc: 9,
      align: 4096,
      pageSize: 65536,
      pageStructSize: 80
    })
    const seen = (minor: number) => {
      const { align, endTrunc, pageSize, pageStructSize, startPad } = InfoBlock.normalise(block(minor), 16384)
      return [startPad, endTrunc, align, pageSize, pageStructSize]
    }
    assert.deepStrictEqual(seen(0), [0, 0, 16777216n, 16384, 64])
    assert.deepStrictEqual(seen(1), [7, 9, 16777216n, 16384, 64])
    assert.deepStrictEqual(seen(2), [7, 9, 4096n, 16384, 64])
    assert.deepStrictEqual(seen(3), [7, 9, 4096n, 16384, 64])
    assert.deepStrictEqual(seen(4), [7, 9, 4096n, 65536, 80])
  })

  it("22.1: an align of 0 becomes the largest power of two not above dataoff", () => {
    const block = InfoBlock.fromLayout(layout(GiB, "dev", 4096), { signature: "PFN", uuid, pageSize: 4096 })
    const align = (dataoff: bigint) => InfoBlock.normalise({ ...block, align: 0, dataoff }, 4096).align
    assert.deepStrictEqual([1n, 2n, 3n, 8192n, 2n ** 64n - 1n, 0n].map(align), [
      1n,
      2n,
      2n,
      8192n,
      2n ** 63n,
      2n ** 63n
    ])
  })

  it("22.1: older writers leave the later fields zero", () => {
    const minor = (versionMinor: number) => {
      const block = InfoBlock.fromLayout(layout(GiB + 8192, "dev", 4096), {
        signature: "PFN",
        uuid,
        pageSize: 4096,
        versionMinor
      })
      return [block.endTrunc, block.align, block.pageSize, block.pageStructSize]
    }
    assert.deepStrictEqual(minor(4), [8192, 4096, 4096, 64])
    assert.deepStrictEqual(minor(2), [8192, 4096, 0, 0])
    assert.deepStrictEqual(minor(1), [8192, 0, 0, 0])
    assert.deepStrictEqual(minor(0), [0, 0, 0, 0])
  })

  it("22.1: 64-bit words survive", () => {
    const block = {
      ...InfoBlock.fromLayout(layout(GiB, "dev", 4096), { signature: "PFN", uuid, pageSize: 4096 }),
      dataoff: 2n ** 53n + 1n,
      npfns: 2n ** 64n - 1n
    }
    const back = Result.getOrThrow(InfoBlock.decode(InfoBlock.encode(block)))
    assert.deepStrictEqual([back.dataoff, back.npfns], [2n ** 53n + 1n, 2n ** 64n - 1n])
  })
})

describe("BttInfoBlock", () => {
  it.prop(
    "21.8: encoding what was decoded gives the same bytes",
    [anyBlock],
    ([bytes]) => {
      bytes.set(new TextEncoder().encode("BTT_ARENA_INFO\0\0"))
      const sealed = InfoBlock.seal(bytes)
      assert.strictEqual(hex(BttInfoBlock.encode(Result.getOrThrow(BttInfoBlock.decode(sealed)))), hex(sealed))
    },
    { arbitrary: { runs: 100, seed: "btt-codec" } }
  )

  it("21.8: a pfn block is no arena block", () => {
    const pfn = InfoBlock.encode(
      InfoBlock.fromLayout(layout(GiB, "dev", 4096), { signature: "PFN", uuid, pageSize: 4096 })
    )
    assert.isTrue(Result.isFailure(BttInfoBlock.decode(pfn)))
  })
})

describe("Uuid", () => {
  it("22.1: sixteen bytes in the printed order, upper case read, lower case written", () => {
    assert.strictEqual(
      Uuid.fromBytes(Uuid.toBytes("AABBCCDD-EEFF-0011-2233-445566778899")),
      "aabbccdd-eeff-0011-2233-445566778899"
    )
    assert.strictEqual(hex(Uuid.toBytes(uuid)), "00112233445566778899aabbccddeeff")
  })

  it("22.7: only the form 8-4-4-4-12 of hexadecimal digits is a uuid", () => {
    for (const text of ["", "xyz", `${uuid}0`, ` ${uuid}`, uuid.replaceAll("-", ""), uuid.replace("f", "g")]) {
      assert.isFalse(Uuid.isUuid(text))
    }
  })
})
