/**
 * Memory of a device that the CPU cannot reach: struct pages in an address range nobody else uses (25.7).
 *
 * Each driver here is a scoped resource: when the scope ends its pages move to RAM and its ranges are given back.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import { FrameAllocator } from "../frames/FrameAllocator.ts"
import { MiB } from "../geometry/Units.ts"
import type * as Pagemap from "../hotplug/Pagemap.ts"
import { Pagemaps } from "../hotplug/Pagemaps.ts"
import { KernelError } from "../kernel/KernelError.ts"
import { Memmap } from "../memmap/Memmap.ts"
import { Kernel } from "../release/Kernel.ts"
import * as FreeRange from "../resources/FreeRange.ts"
import { Iomem } from "../resources/Iomem.ts"
import * as DevicePages from "./DevicePages.ts"

/**
 * `node` gives the memmap and the RAM for migrated pages. `chunk` is how many bytes are added at a time, 256 MiB as the HMM
 * test driver does; `limit` the highest address usable, which KASLR lowers on x86.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly node: number
  readonly owner: string
  readonly name?: string | undefined
  readonly chunk?: number | undefined
  readonly limit?: number | undefined
}

/**
 * - `allocate` takes pages until its scope ends, adding chunks while there are too few: ERANGE without a free range, else what
 *   `memremap_pages()` answers
 * - `fault` is the CPU touching a page: `migrate_to_ram` brings it to RAM, whose pfn is answered
 * - `chunks` are the pagemaps, oldest first
 *
 * @category models
 * @since 0.1.0
 */
export interface DevicePrivate {
  readonly allocate: DevicePages.DevicePages["allocate"]
  readonly fault: DevicePages.DevicePages["migrate"]
  readonly locate: DevicePages.DevicePages["locate"]
  readonly word: DevicePages.DevicePages["word"]
  readonly chunks: () => ReadonlyArray<Pagemap.Pagemap>
}

/**
 * A driver without memory yet.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(options: Options) {
  const { arch } = yield* Kernel
  const iomem = yield* Iomem
  const pagemaps = yield* Pagemaps
  const frames = yield* FrameAllocator
  const pages = DevicePages.make({ frames, memmap: yield* Memmap, node: options.node })
  const scope = yield* Effect.scope
  const growing = yield* Semaphore.make(1)
  const chunks: Array<Pagemap.Pagemap> = []
  const name = options.name ?? "hmm_dmirror"
  const limit = options.limit ?? 2 ** arch.physicalBits - 1

  /** `request_free_mem_region()`, top-down. */
  const reserve = Effect.acquireRelease(
    Effect.suspend(() => {
      const tree = iomem.tree()
      const found = FreeRange.request(tree, {
        base: { start: 0, end: tree.end },
        size: options.chunk ?? 256 * MiB,
        limit,
        sectionSize: arch.sectionSize,
        name
      })
      return Effect.fromResult(
        Result.flatMap(
          found,
          ({ resource: { desc, end, start } }) => iomem.request({ start, size: end - start + 1, name, desc })
        )
      )
    }),
    ({ end, start }) => Effect.sync(() => iomem.release(start, end - start + 1))
  )

  const addChunk = Effect.gen(function*() {
    if (!frames.small("device memory chunk")) {
      return yield* new KernelError({
        errno: "ENOMEM",
        rule: "25.7",
        step: "allocate_chunk",
        problem: "no memory for the chunk's own data",
        remedy: "free memory"
      })
    }
    const { end, start } = yield* reserve
    const pagemap = yield* pagemaps.memremap({
      name,
      type: "private",
      node: options.node,
      owner: options.owner,
      ranges: [{ start, end: end + 1 }],
      ops: {
        pageFree: (pfn) => Effect.sync(() => pages.pageFree(pfn)),
        migrateToRam: (pfn) => Effect.ignore(pages.migrate(pfn))
      }
    })
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        pages.add(pagemap)
        chunks.push(pagemap)
      }),
      () =>
        Effect.sync(() => {
          pages.drop(pagemap)
          chunks.splice(chunks.indexOf(pagemap), 1)
        })
    )
  })

  /** A chunk that fails gives back what it had at once; one that succeeds lives as long as the driver. */
  const grow = Effect.uninterruptible(Effect.gen(function*() {
    const own = yield* Scope.fork(scope)
    yield* Effect.onError(Scope.provide(addChunk, own), (cause) => Scope.close(own, Exit.failCause(cause)))
  }))

  const ensure = (count: number) =>
    Effect.whileLoop({
      while: () => pages.free() < count,
      body: () => grow,
      step: () => {}
    })

  return {
    allocate: (count) => growing.withPermits(1)(Effect.andThen(ensure(count), pages.allocate(count))),
    fault: pages.migrate,
    locate: pages.locate,
    word: pages.word,
    chunks: () => [...chunks]
  } satisfies DevicePrivate
})
