import { assert, describe, it } from "@effect/vitest"
import * as InfoBlock from "../../src/devices/InfoBlock.ts"
import * as Uuid from "../../src/devices/Uuid.ts"
import * as RawBlockText from "../../src/records/RawBlockText.ts"

const uuidAt = 4096 + 16
const npfnsAt = 4096 + 64

/** 8 KiB with a block of that uuid, one byte of its fields as given, read as text. */
const textOf = (uuid: string, npfns = 0xfe): string => {
  const bytes = new Uint8Array(8192)
  bytes.set(new TextEncoder().encode("NVDIMM_PFN_INFO"), 4096)
  bytes.set(Uuid.toBytes(uuid), uuidAt)
  bytes[4096 + 52] = 1
  bytes.set([npfns, 0x80, 3], npfnsAt)
  const block = bytes.subarray(4096)
  new DataView(bytes.buffer).setBigUint64(8184, InfoBlock.checksumOf(block), true)
  return new TextDecoder().decode(bytes)
}

const made = "00000000-0000-4000-8000-000000000001"
// two bytes that are one character, and some that are none
const random = "f36ac3a9-fe4a-4fe7-8b2b-11095d5dff4c"

describe("RawBlockText", () => {
  it("OBS-27: uuids and checksums that read as other lengths of text do not count", () => {
    assert.notStrictEqual(textOf(random).length, textOf(made).length)
    assert.isTrue(RawBlockText.isSame(textOf(random), textOf(made)))
  })

  it("OBS-27: every other byte does", () => {
    assert.isFalse(RawBlockText.isSame(textOf(random, 0x7e), textOf(made)))
    assert.isFalse(RawBlockText.isSame(`\u0001${textOf(random)}`, textOf(made)))
    assert.isFalse(RawBlockText.isSame(textOf(random).replace("PFN", "DAX"), textOf(made)))
    assert.isFalse(RawBlockText.isSame(`${textOf(random)}123456789`, textOf(made)))
  })

  it("texts that are no block are not the same", () => {
    assert.isFalse(RawBlockText.isSame("a", "b"))
    assert.isFalse(RawBlockText.isSame("NVDIMM_PFN_INFO\0", "NVDIMM_PFN_INFO\0"))
  })
})
