/**
 * Struct pages written here, answering the same lines as struct_pages.c: `WORK THREADS`, with `js` before WORK for typed arrays
 * instead of WebAssembly. The argument is the bytes of struct pages. Where copies go past the cache, as `structPages.ts` starts
 * it once, lines are made in the cache and copied from there.
 */
import * as BytePool from "@vmemmap/core/bytes/BytePool"
import type * as PageKernel from "@vmemmap/core/bytes/PageKernel"
import * as PagePattern from "@vmemmap/core/bytes/PagePattern"
import * as PageWriter from "@vmemmap/core/bytes/PageWriter"
import * as TypedArrayKernel from "@vmemmap/core/bytes/TypedArrayKernel"
import type { Image } from "@vmemmap/core/memmap/Image"
import * as Effect from "effect/Effect"
import { createInterface } from "node:readline"
import * as Past from "../packages/cli/src/workers/Past.ts"
import * as Writers from "../packages/cli/src/workers/Writers.ts"

const bytes = Number(process.argv[2] ?? 2 ** 31)
const lines = bytes / PagePattern.line

const compound: Omit<Extract<Image, { readonly _tag: "Compound" }>, "written"> = {
  _tag: "Compound",
  node: 0,
  zone: "Device",
  head: 0,
  order: 9,
  refcount: 1,
  pagemap: 0,
  metadata: true
}

const images: Readonly<Record<string, readonly [Image, number | undefined]>> = {
  order0: [
    {
      _tag: "Single",
      node: 0,
      zone: "Device",
      flags: 0x1000,
      refcount: 1,
      links: { _tag: "Pagemap", pagemap: 0, data: 0n }
    },
    undefined
  ],
  ram: [{ _tag: "InUse", node: 0, zone: "Normal" }, undefined],
  "2M": [{ ...compound, written: 128 }, 128],
  "2M-altmap": [{ ...compound, written: 512 }, 512]
}

const placed = (name: string, from = 0): PagePattern.Placed => {
  const [image, stored] = images[name === "fresh" ? "order0" : name] ?? []
  if (image === undefined) throw new Error(`no work is called ${name}`)
  const pattern = PagePattern.make(image, 0, { vmemmap: 0xffffea0000000000n, stored })
  return { ...pattern, from: pattern.from + from }
}

const pool = (): { readonly pool: BytePool.BytePool; readonly at: number } => {
  const made = BytePool.make({ bytes, threads: 3 })
  const at = made?.allocate(bytes) ?? null
  if (made === null || at === null) throw new Error("no memory")
  return { pool: made, at }
}

const warm = pool()
const kernel = warm.pool.kernelOf(0)
const plain = TypedArrayKernel.make(warm.pool.buffer, 0)

const timed = (work: () => void): number => {
  const began = performance.now()
  work()
  return (performance.now() - began) * 1e6
}

const alone = (kernel: PageKernel.PageKernel, name: string, at: number): number =>
  timed(() =>
    name === "fill" ? kernel.flood(at, bytes) : PageWriter.make(kernel, at, placed(name), Past.isFast).write(0, lines)
  )

const answer = Effect.fnUntraced(function*(writers: Writers.Writers, line: string) {
  const [first = "", second = "", third = ""] = line.split(" ")
  if (first === "js") return alone(plain, second, warm.at)
  if (first === "fresh") {
    const fresh = pool()
    return alone(fresh.pool.kernelOf(0), "order0", fresh.at)
  }
  const threads = Number(third === "" ? second : third)
  if (threads === 1) return alone(kernel, first, warm.at)
  const half = Math.floor(lines / 2 / 512) * 512
  const began = performance.now()
  const jobs = [[0, half], [half, lines - half]].map(([from = 0, count = 0]) =>
    writers.begin([{ ...placed(first, from), at: warm.at + from * PagePattern.line, lines: count }], () => {})
  )
  yield* Effect.forEach(jobs, ({ finished }) => finished, { discard: true })
  return (performance.now() - began) * 1e6
})

await Effect.runPromise(Effect.scoped(Effect.gen(function*() {
  const writers = yield* Writers.make(warm.pool, { threads: 2, past: Past.isFast })
  yield* Effect.promise(async () => {
    for await (const line of createInterface({ input: process.stdin })) {
      const nanos = await Effect.runPromise(answer(writers, line))
      process.stdout.write(`${nanos.toFixed(0)}\n`)
    }
  })
})))
