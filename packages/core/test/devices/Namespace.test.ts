import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Btt from "../../src/devices/Btt.ts"
import * as BttInfoBlock from "../../src/devices/BttInfoBlock.ts"
import * as InfoBlock from "../../src/devices/InfoBlock.ts"
import * as Namespace from "../../src/devices/Namespace.ts"
import * as NamespaceClaim from "../../src/devices/NamespaceClaim.ts"
import * as PfnLayout from "../../src/devices/PfnLayout.ts"
import * as Region from "../../src/devices/Region.ts"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as KernelRelease from "../../src/release/KernelRelease.ts"

const MiB = 1024 ** 2
const GiB = 1024 ** 3
const uuid = "00112233-4455-6677-8899-aabbccddeeff"
const arch = Architecture.presets.x86_64

const region = (rest: Partial<Region.Region> = {}): Region.Region => ({
  name: "region0",
  start: 8 * GiB,
  size: GiB,
  align: 16 * MiB,
  mappings: 1,
  labels: "initialised",
  pagemap: false,
  allocations: [],
  ...rest
})

const held = { start: 256 * MiB, end: 512 * MiB }

const write = (size: number, namespace: Partial<Namespace.Sizing> = {}, rest: Partial<Region.Region> = {}) =>
  Result.match(Namespace.writeSize(region(rest), { range: null, uuid, ...namespace }, size), {
    onFailure: (error) => error.errno,
    onSuccess: ({ range }) => range
  })

describe("Namespace", () => {
  it("21.2: unclaimed namespaces are raw in NFIT regions, native in e820 and virtio regions", () => {
    const mode = (rest: Partial<Namespace.Unclaimed>) =>
      Result.match(Namespace.nativeMode({ start: 4 * GiB, size: GiB, pagemap: true, ...rest }, arch), {
        onFailure: (error) => error.errno,
        onSuccess: (found) => found
      })
    assert.strictEqual(mode({}), "fsdax")
    assert.strictEqual(mode({ pagemap: false }), "raw")
    assert.strictEqual(mode({ forceRaw: true }), "raw")
    assert.strictEqual(mode({ mixed: true }), "raw")
    assert.strictEqual(mode({ start: 4 * GiB + MiB }), "EOPNOTSUPP")
    assert.strictEqual(mode({ size: GiB + MiB }), "EOPNOTSUPP")
    assert.strictEqual(mode({ start: 4 * GiB + MiB, pagemap: false }), "raw")
    assert.strictEqual(mode({ size: 4095 }), "ENODEV")
  })

  it("21.2: writing a size is refused in the kernel's order", () => {
    const everything = { bound: true, uuid: undefined, dimmDisabled: true }
    assert.strictEqual(write(1, everything, { mappings: 0 }), "EBUSY")
    assert.strictEqual(write(1, { claimed: true }), "EBUSY")
    assert.strictEqual(write(1, { uuid: undefined, dimmDisabled: true }, { mappings: 0 }), "ENXIO")
    assert.strictEqual(write(1, { dimmDisabled: true }), "EINVAL")
    assert.strictEqual(write(32 * GiB, { dimmDisabled: true }), "ENXIO")
    assert.strictEqual(write(32 * GiB), "ENOSPC")
    assert.deepStrictEqual(write(16 * MiB), { start: 0, end: 16 * MiB })
  })

  it("21.2: the size is a multiple of the region's align, free space in pieces is not joined", () => {
    assert.strictEqual(write(17 * MiB), "EINVAL")
    assert.strictEqual(write(-16 * MiB), "EINVAL")
    const middle = { allocations: [{ start: 496 * MiB, end: 512 * MiB }] }
    assert.strictEqual(write(528 * MiB, {}, middle), "ENOSPC")
    assert.deepStrictEqual(write(512 * MiB, {}, middle), { start: 512 * MiB, end: GiB })
  })

  it("21.2: the same size changes nothing, 0 gives everything back, less gives up the end", () => {
    const taken = { allocations: [held] }
    assert.deepStrictEqual(write(256 * MiB, { range: held }, taken), held)
    assert.deepStrictEqual(write(128 * MiB, { range: held }, taken), { start: 256 * MiB, end: 384 * MiB })
    const deleted = Result.getOrThrow(Namespace.writeSize(region(taken), { range: held, uuid }, 0))
    assert.deepStrictEqual([deleted.range, Region.availableSize(deleted.region)], [null, GiB])
  })

  it("21.2: a namespace grows only into the gap next to it", () => {
    assert.deepStrictEqual(
      write(768 * MiB, { range: held }, { allocations: [{ start: 0, end: 512 * MiB }] }),
      { start: 256 * MiB, end: GiB }
    )
    assert.deepStrictEqual(
      write(512 * MiB, { range: held }, { allocations: [{ start: 256 * MiB, end: GiB }] }),
      { start: 0, end: 512 * MiB }
    )
    const apart = { allocations: [{ start: 240 * MiB, end: 528 * MiB }] }
    assert.strictEqual(write(272 * MiB, { range: held }, apart), "ENXIO")
  })

  it("21.2: the four modes as sysfs spells them", () => {
    assert.deepStrictEqual(Namespace.sysfsMode, { raw: "raw", sector: "safe", fsdax: "memory", devdax: "dax" })
  })
})

const siblings: NamespaceClaim.Claim["siblings"] = new Map([
  ["namespace0.0", { size: GiB }],
  ["namespace0.1", { size: GiB, claimClass: "btt2" }],
  ["namespace0.2", { size: 15 * MiB }],
  ["namespace0.3", { size: GiB, claimedBy: "dax0.0" }],
  ["namespace0.4", { size: 15 * MiB, claimClass: "dax", claimedBy: "dax0.1" }]
])

const claim = (rest: Partial<NamespaceClaim.Claim>) =>
  Result.match(NamespaceClaim.claim({ claimer: "pfn", text: "namespace0.0\n", siblings, ...rest }), {
    onFailure: (error) => error.errno,
    onSuccess: (name) => name
  })

const media = (
  options: { readonly parentUuid?: string; readonly signature?: InfoBlock.Signature; readonly align?: number }
) => {
  const layout = Result.getOrThrow(PfnLayout.create({
    start: 4 * GiB,
    size: GiB,
    map: "dev",
    align: 2 * MiB,
    arch,
    release: Result.getOrThrow(KernelRelease.parse("6.1")),
    structPage: 64
  }))
  const bytes = new Uint8Array(8192)
  bytes.set(
    InfoBlock.encode({
      ...InfoBlock.fromLayout(layout, { signature: "PFN", uuid, pageSize: 4096, ...options }),
      ...(options.align === undefined ? {} : { align: options.align })
    }),
    4096
  )
  return bytes
}

const arena = (version: Btt.Version, parentUuid?: string) =>
  BttInfoBlock.encode(
    BttInfoBlock.fromLayout(Result.getOrThrow(Btt.layout(GiB, 512, version)), 0, {
      uuid,
      parentUuid
    }) as BttInfoBlock.BttInfoBlock
  )

const detect = (bytes: Uint8Array, rest: Partial<NamespaceClaim.Examined> = {}) =>
  Result.match(
    NamespaceClaim.detect({ start: 4 * GiB, size: GiB, media: bytes, ...rest }, {
      pageSize: 4096,
      structPage: 64,
      supportedAligns: arch.daxAligns,
      compatAlign: arch.compatAlign
    }),
    { onFailure: (refused) => refused.errno, onSuccess: (found) => found }
  )

describe("NamespaceClaim", () => {
  it("21.4: the checks on a claim, in order", () => {
    assert.strictEqual(claim({}), "namespace0.0")
    assert.strictEqual(claim({ bound: true, text: "x" }), "EBUSY")
    assert.strictEqual(claim({ text: "pmem0", holds: true }), "EINVAL")
    assert.strictEqual(claim({ text: "\n", holds: true }), null)
    assert.strictEqual(claim({ text: "namespace9.9", holds: true }), "EBUSY")
    assert.strictEqual(claim({ text: "namespace9.9" }), "ENODEV")
    assert.strictEqual(claim({ text: "namespace0.1" }), "EBUSY")
    assert.strictEqual(claim({ text: "namespace0.1", claimer: "btt" }), "namespace0.1")
    assert.strictEqual(claim({ text: "namespace0.2" }), "ENXIO")
    assert.strictEqual(claim({ text: "namespace0.3" }), "EBUSY")
    assert.strictEqual(claim({ text: "namespace0.4", claimer: "dax" }), "ENXIO")
  })

  it("21.5: nothing on media is raw, a block makes its own device", () => {
    assert.strictEqual(detect(new Uint8Array(8192)), "raw")
    assert.strictEqual(detect(media({})), "pfn")
    assert.strictEqual(detect(media({ signature: "DAX" })), "dax")
  })

  it("21.5: BTT comes before pfn", () => {
    const both = media({})
    both.set(arena("2.0"), 0)
    assert.strictEqual(detect(both), "pfn")
    assert.strictEqual(detect(both, { claimClass: "btt2" }), "btt")
    const first = new Uint8Array(8192)
    first.set(arena("1.1"), 4096)
    assert.strictEqual(detect(first), "btt")
  })

  it("21.8: an arena of another parent is not taken, one without parent is", () => {
    const bytes = new Uint8Array(8192)
    bytes.set(arena("1.1", uuid), 4096)
    assert.deepStrictEqual([detect(bytes), detect(bytes, { uuid })], ["raw", "btt"])
    bytes.set(arena("1.1"), 4096)
    assert.strictEqual(detect(bytes, { uuid }), "btt")
  })

  it("21.5: a class of another kind, force_raw and small namespaces leave the namespace raw", () => {
    assert.strictEqual(detect(media({}), { claimClass: "dax" }), "raw")
    assert.strictEqual(detect(media({ signature: "DAX" }), { claimClass: "pfn" }), "raw")
    assert.strictEqual(detect(media({}), { forceRaw: true }), "raw")
    assert.strictEqual(detect(media({}), { size: 8 * MiB }), "raw")
  })

  it("21.5: a block that belongs here but is unusable stops the probe, any other refusal does not", () => {
    assert.strictEqual(detect(media({}), { start: 4 * GiB + 4096 }), "EOPNOTSUPP")
    assert.strictEqual(detect(media({ parentUuid: uuid })), "raw")
    assert.strictEqual(detect(media({ signature: "DAX", align: 16384 })), "EOPNOTSUPP")
  })

  it("21.7: the GUIDs of the classes", () => {
    assert.strictEqual(new Set(Object.values(NamespaceClaim.classGuids)).size, 4)
    assert.strictEqual(NamespaceClaim.classGuids.pfn, "266400ba-fb9f-4677-bcb0-968f11d0d225")
  })
})
