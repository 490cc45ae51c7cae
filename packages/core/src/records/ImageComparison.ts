/**
 * Contents of struct pages: the distinct images of a range, and single ones as bytes (14).
 *
 * @since 0.1.0
 */
import type { Given } from "./Given.ts"
import * as LeafPath from "./LeafPath.ts"
import * as RecordText from "./RecordText.ts"
import * as Scope from "./Scope.ts"
import * as TreeComparison from "./TreeComparison.ts"
import * as Verdict from "./Verdict.ts"

const listOf = (value: unknown): ReadonlyArray<unknown> => Array.isArray(value) ? value : []

const pointer = /^kptr#[0-9]+$/

const pointersOf = (images: ReadonlyArray<unknown>): ReadonlySet<string> =>
  new Set(
    LeafPath.leaves(images).flatMap(({ value }) => typeof value === "string" && pointer.test(value) ? [value] : [])
  )

const unnumbered = (value: unknown): unknown => typeof value === "string" && pointer.test(value) ? "kptr" : value

/** Leaves two images agree in, however their pointers are numbered. */
const likeness = (kernel: unknown, engine: unknown): number => {
  const leaves = new Map(LeafPath.leaves(engine).map(({ path, value }) => [LeafPath.print(path), unnumbered(value)]))
  return LeafPath.leaves(kernel).filter(({ path, value }) => leaves.get(LeafPath.print(path)) === unnumbered(value))
    .length
}

const textOf = (image: unknown): string => RecordText.print(image).replaceAll(/"kptr#[0-9]+"/g, "kptr")

interface Pair {
  readonly kernel: number
  readonly engine: number
}

/** Beyond so many images only those that are the same in everything find each other; a record keeps twenty. */
const imageLimit = 64

/** Images are a set: the same ones belong together, then those that are most alike. */
const pairUp = (kernel: ReadonlyArray<unknown>, engine: ReadonlyArray<unknown>): ReadonlyArray<Pair> => {
  const free = Map.groupBy(engine.keys(), (index) => textOf(engine[index]))
  const pairs: Array<Pair> = []
  const rest: Array<number> = []
  for (const [index, image] of kernel.entries()) {
    const same = free.get(textOf(image))?.shift()
    if (same === undefined) rest.push(index)
    else pairs.push({ kernel: index, engine: same })
  }
  const left = new Set([...free.values()].flat().slice(0, imageLimit))
  const candidates = rest.slice(0, imageLimit).flatMap((index) =>
    [...left].map((other) => ({ kernel: index, engine: other, score: likeness(kernel[index], engine[other]) }))
  ).toSorted((a, b) => b.score - a.score || a.kernel - b.kernel || a.engine - b.engine)
  const taken = new Set<number>()
  for (const { engine: other, kernel: index } of candidates) {
    if (taken.has(index) || !left.has(other)) continue
    taken.add(index)
    left.delete(other)
    pairs.push({ kernel: index, engine: other })
  }
  return pairs
}

const wordsOf = (image: unknown): ReadonlyArray<unknown> => listOf(LeafPath.member(image, "words"))

/**
 * Which pointer of the engine each of the kernel's is: the one it stands for most often. Pointers are numbered without gaps, so
 * sides that use different numbers do not differ in numbering alone.
 */
const renaming = (
  pairs: ReadonlyArray<Pair>,
  kernel: ReadonlyArray<unknown>,
  engine: ReadonlyArray<unknown>
): ReadonlyMap<string, string> => {
  const [own, other] = [pointersOf(kernel), pointersOf(engine)]
  const identity = new Map([...own].map((name) => [name, name]))
  if (own.size !== other.size || [...own].some((name) => !other.has(name))) return identity
  const votes = new Map<string, number>()
  for (const pair of pairs) {
    const words = wordsOf(engine[pair.engine])
    for (const [index, word] of wordsOf(kernel[pair.kernel]).entries()) {
      const key = `${String(word)} ${String(words[index])}`
      if (/^kptr#[0-9]+ kptr#[0-9]+$/.test(key)) votes.set(key, (votes.get(key) ?? 0) + 1)
    }
  }
  const renamed = new Map<string, string>()
  const used = new Set<string>()
  for (const [key] of [...votes].toSorted((a, b) => b[1] - a[1])) {
    const [from = "", to = ""] = key.split(" ")
    if (renamed.has(from) || used.has(to)) continue
    renamed.set(from, to)
    used.add(to)
  }
  return new Map([...identity, ...renamed])
}

/**
 * `images` as a set; `kptr#K` up to numbering. With `some` the engine lists only those that follow from the input, and the
 * others are passed to it.
 *
 * @category combinators
 * @since 0.1.0
 */
export const images = (
  given: Given,
  path: LeafPath.LeafPath,
  kernel: unknown,
  engine: unknown,
  some?: TreeComparison.Compare
): Verdict.Verdicts => {
  const [left, right] = [listOf(kernel), listOf(engine)]
  const pairs = pairUp(left, right)
  const names = renaming(pairs, left, right)
  const compare = TreeComparison.byKey(
    given,
    ({ exact }) => (key, inner, mine, theirs) =>
      key === "words" && Array.isArray(mine)
        ? exact(inner, mine, theirs).map((verdict) => {
          if (verdict._tag === "OutOfScope") return verdict
          const index = verdict.path.at(-1)
          const [word, expected] = [mine, theirs].map((words) => LeafPath.member(words, index ?? 0))
          return typeof word === "string" && pointer.test(word)
            ? Verdict.make(verdict.path, names.get(word) === expected, word, expected)
            : verdict
        })
        : exact(inner, mine, theirs)
  )
  const engineOf = new Map(pairs.map((pair) => [pair.kernel, pair.engine]))
  const found = new Set(engineOf.values())
  return [
    ...left.flatMap((image, index) => {
      const other = engineOf.get(index)
      const at = LeafPath.inside(path, index)
      return other === undefined && some !== undefined ? some(at, image, undefined) : compare(
        at,
        image,
        other === undefined ? undefined : right[other]
      )
    }),
    ...right.flatMap((image, index) =>
      found.has(index) ? [] : compare(LeafPath.inside(path, left.length + index), undefined, image)
    )
  ]
}

const words = (hex: string): ReadonlyArray<string> => hex.match(/.{1,16}/g) ?? []

/** Whether eight little-endian bytes are a pointer into the direct map or the kernel's image, and not to a struct page. */
const isKernelPointer = (word: string): boolean => {
  if (!/^[0-9a-f]{16}$/.test(word)) return false
  const value = BigInt(`0x${(word.match(/../g) ?? []).toReversed().join("")}`)
  const isStructPage = value >= 0xffffea0000000000n && value < 0xffffeb0000000000n
  return value >= 0xffff888000000000n && value < 0xfffffffff0000000n && !isStructPage
}

/** What the engine writes for a word nobody can predict: a pointer to a pagemap, or to a neighbour in a list. */
const unknown = "?".repeat(16)

const isSameSample = (kernel: unknown, engine: unknown): boolean => {
  if (kernel === engine) return true
  if (typeof kernel !== "string" || typeof engine !== "string" || kernel.length !== engine.length) return false
  const other = words(engine)
  return words(kernel).every((word, index) => {
    const expected = other[index] ?? ""
    return word === expected || (isKernelPointer(word) && (expected === unknown || isKernelPointer(expected)))
  })
}

/**
 * `samples`: raw bytes by pfn; pointers to kernel objects only have to be such on both sides.
 *
 * @category combinators
 * @since 0.1.0
 */
export const samples = (given: Given): TreeComparison.Compare =>
  TreeComparison.byKey(given, ({ exact }) => (_pfn, inner, left, right) =>
    left === undefined || right === undefined
      ? exact(inner, left, right)
      : [Verdict.make(inner, isSameSample(left, right), left, right)])

/** Bits of the flags word that hold node and zone: above the 21 bits of the last CPU and the flags proper. */
const placeBits = 51n

const placeOf = (word: unknown): bigint | undefined =>
  typeof word === "string" && /^0x(?:0|[1-9a-f][0-9a-f]{0,15})$/.test(word) ? BigInt(word) >> placeBits : undefined

/**
 * Whether an image is one nobody has written: it follows from the input even in memory that was online in part.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isNeverWritten = (image: unknown): boolean => {
  const all = wordsOf(image)
  return all.length > 0 && all.every((word) => word === "0x0")
}

/**
 * An image of memory that is or was online: only node and zone in its flags word, which must be those of one of the engine's
 * images.
 *
 * @category combinators
 * @since 0.1.0
 */
export const online = (engineImages: unknown): TreeComparison.Compare => {
  const written = listOf(engineImages).filter((image) => !isNeverWritten(image))
  const places = new Set(written.map((image) => placeOf(wordsOf(image)[0])))
  return (path, kernel) => {
    const first = LeafPath.inside(path, "words", 0)
    return Verdict.outOfScope(Scope.entries.onlinePages, path, kernel).map((verdict) => {
      if (places.size === 0 || LeafPath.print(verdict.path) !== LeafPath.print(first)) return verdict
      const word = wordsOf(kernel)[0]
      const place = placeOf(word)
      return Verdict.make(first, place !== undefined && places.has(place), word, undefined)
    })
  }
}
