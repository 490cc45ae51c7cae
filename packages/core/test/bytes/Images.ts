/** Images of every kind, and words of struct pages by the plain definition: `StructPageWords.encode` of `Image.pageOf`. */
import { Arbitrary, Schema } from "effect"
import * as Image from "../../src/memmap/Image.ts"
import { PageFlag, zones } from "../../src/memmap/StructPage.ts"
import * as StructPageWords from "../../src/memmap/StructPageWords.ts"

export const vmemmap = 0xffffea0000000000n

export const int = (minimum: number, maximum: number) => Schema.Int.check(Schema.isBetween({ minimum, maximum }))

const { head, ownerPriv1, private: isPrivate, reserved } = PageFlag

/** All flags the engine sets, in the combinations of SPW-3, and none. */
export const flags = [0, reserved, reserved | isPrivate, reserved | ownerPriv1, reserved | head] as const

const Raw = Schema.Struct({
  kind: Schema.Literals([
    "self",
    "pagemap",
    "list poison",
    "listed",
    "offline",
    "in use",
    "poisoned",
    "free",
    "compound"
  ]),
  node: int(0, 1023),
  zone: Schema.Literals(zones),
  flags: Schema.Literals(flags),
  refcount: Schema.Literals([0, 1, 2, 3, 1025, 2 ** 31 - 1, -1, -1024, -(2 ** 31)]),
  pagemap: int(0, 2 ** 20),
  order: int(0, 18),
  head: int(0, 5000),
  listed: Schema.Boolean,
  metadata: Schema.Boolean
})

const single = (
  { flags, node, refcount, zone }: typeof Raw.Type,
  links: Extract<Image.Image, { readonly _tag: "Single" }>["links"]
): Image.Image => ({ _tag: "Single", node, zone, flags, refcount, links })

const ofRaw = (raw: typeof Raw.Type): Image.Image => {
  const { flags, head, listed, metadata, node, order, pagemap, refcount, zone } = raw
  switch (raw.kind) {
    case "self":
      // Without flags and used once it would be a page that boot gave away: "in use".
      return single(flags === 0 && refcount === 1 ? { ...raw, refcount: 7 } : raw, { _tag: "Self" })
    case "pagemap":
      return single(raw, { _tag: "Pagemap", pagemap, data: BigInt(head) << 32n })
    case "list poison":
      return single(raw, { _tag: "ListPoison" })
    case "listed":
      return single(raw, { _tag: "Listed" })
    case "offline":
      return { _tag: "Single", node, zone, flags, refcount: 1, links: { _tag: "Self" }, isOffline: true }
    case "in use":
      return { _tag: "InUse", node, zone }
    case "poisoned":
      return { _tag: "Poisoned" }
    case "free":
      return { _tag: "Free", node, zone, order: order % 12, listed }
    case "compound": {
      const own = Math.max(1, order)
      const written = 2 ** own
      return { _tag: "Compound", node, zone, head, order: own, written, refcount, pagemap, metadata }
    }
  }
}

export const image: Arbitrary.Arbitrary<Image.Image> = Arbitrary.map(Arbitrary.schema(Raw), ofRaw)

/** The words of pages `pfns`, as bytes. */
export const bytesOf = (image: Image.Image, pfns: ReadonlyArray<number>): Uint8Array => {
  const words = new BigUint64Array(pfns.length * 8)
  pfns.forEach((pfn, i) => words.set(StructPageWords.encode(Image.pageOf(image, pfn), pfn, vmemmap), i * 8))
  return new Uint8Array(words.buffer)
}
