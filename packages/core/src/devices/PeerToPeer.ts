/**
 * Memory of a PCI device for DMA by its peers: part of a BAR with struct pages, uncached (25.7).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { FrameAllocator } from "../frames/FrameAllocator.ts"
import * as Alignment from "../geometry/Alignment.ts"
import * as ExtentMap from "../geometry/ExtentMap.ts"
import { hex } from "../geometry/Pfn.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import type * as Pagemap from "../hotplug/Pagemap.ts"
import { Pagemaps } from "../hotplug/Pagemaps.ts"
import type { Errno } from "../kernel/Errno.ts"
import { KernelError } from "../kernel/KernelError.ts"
import { KernelLog } from "../kernel/KernelLog.ts"
import { Kernel } from "../release/Kernel.ts"

/**
 * A BAR of a device: where the bus put it, and whether it is memory at all (not I/O ports).
 *
 * @category models
 * @since 0.1.0
 */
export interface Bar {
  readonly device: string
  readonly start: number
  readonly length: number
  readonly isMemory: boolean
  readonly node: number
}

/**
 * A provider of peer-to-peer memory. `allocate` takes bytes, in whole pages, from the lowest fit until its scope ends
 * (`pci_alloc_p2pmem()`), holding one reference of the pagemap: ENOMEM when none fits, or the provider is going. The pages'
 * own counts stay at 1.
 *
 * @category models
 * @since 0.1.0
 */
export interface PeerToPeer {
  readonly pagemap: Pagemap.Pagemap
  readonly caching: "uncached"
  readonly allocate: (bytes: number) => Effect.Effect<PfnRange.PfnRange, KernelError, Scope.Scope>
}

const fail = (errno: Errno, step: string, problem: string, remedy: string) =>
  Effect.fail(new KernelError({ errno, rule: "25.7", step, problem, remedy }))

const step = "pci_p2pdma_add_resource"

/**
 * `pci_p2pdma_add_resource()` until the scope ends: `size` bytes (all that is left, if 0) from `offset` on. EINVAL for a BAR
 * that is no memory, or bytes outside of it; a range not aligned to 2 MiB fails when it is mapped. The scope's end waits for
 * every allocation.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.fnUntraced(function*(bar: Bar, size = 0, offset = 0) {
  const { arch } = yield* Kernel
  const pagemaps = yield* Pagemaps
  const frames = yield* FrameAllocator
  const log = yield* KernelLog
  if (!bar.isMemory) return yield* fail("EINVAL", step, "the BAR is no memory", "use a memory BAR")
  const length = size === 0 ? bar.length - offset : size
  if (offset < 0 || offset >= bar.length || length <= 0 || offset + length > bar.length) {
    return yield* fail(
      "EINVAL",
      step,
      `${length} bytes at ${offset} are not inside a BAR of ${bar.length}`,
      "give bytes of the BAR"
    )
  }
  if (!frames.small("p2pdma")) return yield* fail("ENOMEM", step, "no memory for the pool", "free memory")
  const range = PfnRange.fromLength(bar.start + offset, length)
  const pagemap = yield* pagemaps.memremap({ name: bar.device, type: "p2pdma", node: bar.node, ranges: [range] })
  log.emit({
    _tag: "Line",
    level: "info",
    text: `pci ${bar.device}: added peer-to-peer DMA memory ${hex(range.start)}-${hex(range.end - 1)}`
  })
  const taken = ExtentMap.empty<true>()
  const pool = { start: range.start / arch.pageSize, end: range.end / arch.pageSize }

  const take = (bytes: number) => {
    const pages = Alignment.up(bytes, arch.pageSize) / arch.pageSize
    const gap = ExtentMap.gaps(taken, pool.start, pool.end).find((free) => PfnRange.length(free) >= pages)
    if (!(pages > 0) || gap === undefined) {
      return fail("ENOMEM", "pci_alloc_p2pmem", `no ${bytes} contiguous bytes are free`, "ask for less")
    }
    if (!pagemap.references.tryGet()) {
      return fail("ENOMEM", "pci_alloc_p2pmem", "the provider is going away", "use another provider")
    }
    const run = PfnRange.fromLength(gap.start, pages)
    ExtentMap.set(taken, run.start, run.end, true)
    return Effect.succeed(run)
  }

  return {
    pagemap,
    caching: "uncached",
    allocate: (bytes) =>
      Effect.acquireRelease(
        Effect.suspend(() => take(bytes)),
        (run) =>
          Effect.sync(() => {
            ExtentMap.remove(taken, run.start, run.end)
            pagemap.references.put(1)
          })
      )
  } satisfies PeerToPeer
})
