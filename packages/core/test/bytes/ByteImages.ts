/** What the bytes of struct pages hold, in the form of a recording, read from the bytes alone. */
import { Effect, Option } from "effect"
import type * as BytePool from "../../src/bytes/BytePool.ts"
import { MemmapBytes } from "../../src/bytes/MemmapBytes.ts"
import type * as PfnRange from "../../src/geometry/PfnRange.ts"
import type * as StructPageFacts from "../../src/records/StructPageFacts.ts"

const vmemmap = 0xffffea0000000000n

/** The low half of the address of the struct page's second word, and the upper one. */
const halvesOf = (pfn: number): readonly [number, number] => {
  const self = vmemmap + BigInt(pfn) * 64n + 8n
  return [Number(BigInt.asIntN(32, self)), Number(BigInt.asIntN(32, self >> 32n))]
}

interface Found {
  readonly words: ReadonlyArray<string>
  count: number
  first: number
  last: number
}

/** Counts images; a page that reads like the one before it, but for pointers to itself or a head, costs sixteen comparisons. */
const count = (halves: Int32Array, at: number, pfn: number, lines: number, images: Map<string, Found>): void => {
  let found: Found | undefined
  let before = -1
  for (let line = 0; line < lines; line++) {
    const i = at / 4 + line * 16
    const own = pfn + line
    if (found !== undefined && isLike(halves, i, before, own)) {
      found.count++
      found.last = Math.max(found.last, own)
      found.first = Math.min(found.first, own)
      before = i
      continue
    }
    const words = textOf(halves, i, own)
    const key = words.join(" ")
    found = images.get(key) ?? { words, count: 0, first: own, last: own }
    images.set(key, found)
    found.count++
    found.first = Math.min(found.first, own)
    found.last = Math.max(found.last, own)
    before = i
  }
}

const isSelf = (halves: Int32Array, i: number, pfn: number): boolean => {
  const [low, high] = halvesOf(pfn)
  return halves[i + 2] === low && halves[i + 3] === high && halves[i + 4] === low && halves[i + 5] === high
}

const isTail = (halves: Int32Array, i: number): boolean => ((halves[i + 2] as number) & 1) === 1

const isLike = (halves: Int32Array, i: number, before: number, pfn: number): boolean => {
  for (let k = 6; k < 16; k++) if (halves[i + k] !== halves[before + k]) return false
  if (halves[i] !== halves[before] || halves[i + 1] !== halves[before + 1]) return false
  if (isTail(halves, i) || isTail(halves, before)) {
    return isTail(halves, i) === isTail(halves, before) && halves[i + 4] === halves[before + 4] &&
      halves[i + 5] === halves[before + 5]
  }
  const same = halves[i + 2] === halves[before + 2] && halves[i + 3] === halves[before + 3] &&
    halves[i + 4] === halves[before + 4] && halves[i + 5] === halves[before + 5]
  return same || (isSelf(halves, i, pfn) && isSelf(halves, before, pfn - 1))
}

const wordAt = (halves: Int32Array, i: number, word: number): bigint =>
  BigInt.asUintN(32, BigInt(halves[i + 2 * word + 1] as number)) << 32n |
  BigInt.asUintN(32, BigInt(halves[i + 2 * word] as number))

const isPointer = (word: bigint): boolean => word >= 0xffff888000000000n && word < 0xffffea0000000000n

const textOf = (halves: Int32Array, i: number, pfn: number): ReadonlyArray<string> => {
  const words = Array.from({ length: 8 }, (_, word) => wordAt(halves, i, word))
  const isListed = words[1] === 0n && words[2] === 0n && BigInt.asUintN(32, words[6] ?? 0n) === 0xffffff7fn
  return words.map((word, k) => {
    if (k === 1 || k === 2) {
      if (isSelf(halves, i, pfn)) return "self+8"
      if (isListed) return "page"
      if (k === 1 && isTail(halves, i)) return "tail"
      if (isPointer(word)) return `kptr#${word}`
    }
    return `0x${word.toString(16)}`
  })
}

const sample = (halves: Int32Array, at: number): string =>
  Array.from(new Uint8Array(halves.buffer, at, 64), (byte, i) => {
    const pointer = i >= 8 && i < 16 && isPointer(wordAt(halves, at / 4, 1))
    return pointer ? "??" : byte.toString(16).padStart(2, "0")
  }).join("")

/** Images and samples of ranges whose struct pages are mapped; sampled pfns as another reader names them. */
export const take = Effect.fnUntraced(function*(
  pool: BytePool.BytePool,
  present: ReadonlyArray<PfnRange.PfnRange>,
  sampled: ReadonlyArray<number>
) {
  const bytes = Option.getOrThrow(yield* Effect.serviceOption(MemmapBytes))
  const halves = new Int32Array(pool.buffer)
  const images = new Map<string, Found>()
  for (const { end, start } of present) {
    yield* bytes.materialise({ start, end })
    for (let pfn = start; pfn < end;) {
      const next = Math.min(end, pfn - pfn % 64 + 64)
      const at = bytes.locate(pfn)
      if (at === null) return yield* Effect.die(`the struct page of pfn ${pfn} is nowhere`)
      count(halves, at, pfn, next - pfn, images)
      pfn = next
    }
  }
  return {
    images: [...images.values()].toSorted((a, b) => b.count - a.count || a.first - b.first).map((
      { count, first, last, words }
    ): StructPageFacts.Image => ({ count, firstPfn: first, lastPfn: last, words })),
    samples: Object.fromEntries(sampled.map((pfn) => [pfn, sample(halves, bytes.locate(pfn) ?? Number.NaN)]))
  }
})
