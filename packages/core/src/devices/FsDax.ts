/**
 * A filesystem with DAX on a disk of persistent memory: faults map the media itself, and pages are counted so that nobody
 * truncates a file under a device that reads it (23.3 … 23.5, MRP-14).
 *
 * @since 0.1.0
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Scope from "effect/Scope"
import * as Alignment from "../geometry/Alignment.ts"
import * as ExtentMap from "../geometry/ExtentMap.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import type * as Pagemap from "../hotplug/Pagemap.ts"
import type * as Errno from "../kernel/Errno.ts"
import { KernelError } from "../kernel/KernelError.ts"
import { KernelLog } from "../kernel/KernelLog.ts"
import { Kernel } from "../release/Kernel.ts"
import { has } from "../release/KernelRelease.ts"
import * as FsDaxFault from "./FsDaxFault.ts"
import * as FsDaxMount from "./FsDaxMount.ts"
import * as PmemDisk from "./PmemDisk.ts"

/**
 * How a fault ended. `Mapped`: `pages` pages from `pfn` on are at the virtual `address`. `Zero`: a hole, read as zeros.
 * `Copied`: a private copy in RAM. `Sigbus`: the access fails.
 *
 * @category models
 * @since 0.1.0
 */
export type Outcome =
  | {
    readonly _tag: "Mapped"
    readonly level: FsDaxFault.Level
    readonly address: number
    readonly pfn: number
    readonly pages: number
  }
  | { readonly _tag: "Zero"; readonly level: FsDaxFault.Level; readonly address: number }
  | { readonly _tag: "Copied"; readonly address: number }
  | { readonly _tag: "Sigbus"; readonly errno: Errno.Errno | null }

/**
 * A mapped file. `fault` is an access to one address, `pfnAt` what is mapped there. The entries go when the scope of `mmap`
 * ends.
 *
 * @category models
 * @since 0.1.0
 */
export interface Mapping {
  readonly fault: (address: number, isWrite: boolean) => Effect.Effect<Outcome>
  readonly pfnAt: (address: number) => number | undefined
}

/**
 * A mounted filesystem. `isDax` is `false` when the checks of the mount turned DAX off: then nothing here maps.
 *
 * - `mmap`: a file in an address space, until the scope ends. EOPNOTSUPP without DAX
 * - `pin`: holds mapped pages beyond their mapping until the scope ends, as a device that reads them does. EFAULT for pages that
 *   nobody has mapped (26.3), or whose pagemap is being torn down. For a short time: the kernel grants no long-term pins of files
 * - `count`: the reference count of a page: 1 (since 6.15: 0) when it is idle, and one for each pin (since 6.15 also for each
 *   mapping)
 * - `idle`: waits until no page of a range is pinned, as truncation and hole punching do
 *
 * @category models
 * @since 0.1.0
 */
export interface Mount {
  readonly isDax: boolean
  readonly mmap: (
    file: FsDaxFault.File,
    area: FsDaxFault.Area
  ) => Effect.Effect<Mapping, KernelError, Scope.Scope>
  readonly pin: (pfns: PfnRange.PfnRange) => Effect.Effect<void, KernelError, Scope.Scope>
  readonly count: (pfn: number) => number
  readonly idle: (pfns: PfnRange.PfnRange) => Effect.Effect<void>
}

const fail = (errno: Errno.Errno, rule: string, problem: string, remedy: string) =>
  new KernelError({ errno, rule, problem, remedy })

/** Pages from `pfn` on, behind addresses from page `start` on. */
interface Entry {
  readonly pfn: number
  readonly start: number
}

/** References to pages, and to their pagemap for as long. */
interface Held {
  readonly pfns: PfnRange.PfnRange
  readonly gone: Deferred.Deferred<void>
}

/** Takes a reference on each page; `null` when the pagemap is being torn down (MRP-10). */
const take = (pagemap: Pagemap.Pagemap, held: Set<Held>, pfns: PfnRange.PfnRange): Held | null => {
  if (!pagemap.references.tryGet()) return null
  pagemap.references.get(PfnRange.length(pfns) - 1)
  const one = { pfns, gone: Deferred.makeUnsafe<void>() }
  held.add(one)
  return one
}

const drop = (pagemap: Pagemap.Pagemap, held: Set<Held>, one: Held): void => {
  if (!held.delete(one)) return
  pagemap.references.put(PfnRange.length(one.pfns))
  Deferred.doneUnsafe(one.gone, Effect.void)
}

/**
 * Mounts a filesystem with `-o dax`: checks the disk as the kernel does, and goes on without DAX, with a line in the log, when
 * it cannot be had (23.4).
 *
 * @category constructors
 * @since 0.1.0
 */
export const mount = Effect.fnUntraced(function*(disk: PmemDisk.PmemDisk, options: FsDaxMount.Options) {
  const { arch, release } = yield* Kernel
  const log = yield* KernelLog
  const refused = yield* FsDaxMount.problem(disk, options)
  if (refused !== null) {
    log.emit({ _tag: "Line", level: "info", text: `${disk.name}: ${refused}` })
    const text = `(${disk.name}): DAX unsupported by block device. Turning off DAX.`
    log.emit({ _tag: "Line", level: "warn", text })
  }
  const pagemap = refused === null ? disk.pagemap : null
  const countsMappings = has(release, "zone-device-refcount-zero")
  const partition = options.partition?.start ?? 0
  const pins = new Set<Held>()
  const mapped = new Set<Held>()
  /** The page tables of all mappings, by page of the address. */
  const tables = new Set<ExtentMap.ExtentMap<Entry>>()

  /** Pages of a range that page tables have entries of. */
  const present = (pfns: PfnRange.PfnRange): ReadonlyArray<PfnRange.PfnRange> =>
    PfnRange.normalise(
      [...tables].flatMap(({ extents }) =>
        extents.map(({ end, start, value }) => PfnRange.fromLength(value.pfn + start - value.start, end - start))
      ).filter((one) => PfnRange.overlaps(one, pfns))
    )

  /** One level of one fault: what it wants, and whether it gets it. */
  const attempt = Effect.fnUntraced(function*(
    level: FsDaxFault.Level,
    file: FsDaxFault.File,
    area: FsDaxFault.Area,
    address: number,
    isWrite: boolean
  ) {
    const wanted = FsDaxFault.wanted(arch, level, { file, area, address, isWrite, partition })
    if (wanted._tag === "Beyond") return { _tag: "Sigbus", errno: null } as const
    if (wanted._tag === "Fallback") return null
    if (wanted._tag === "Hole" && isWrite) return { _tag: "Sigbus", errno: "ENOSPC" } as const
    if (wanted._tag === "Hole") return { _tag: "Zero", level, address: wanted.address } as const
    const isCopy = isWrite && !area.isShared
    const found = yield* Effect.result(PmemDisk.access(disk, {
      pgoff: wanted.pgoff,
      nrPages: wanted.pages,
      mode: "access",
      wants: isCopy ? { kaddr: true } : { kaddr: true, pfn: true }
    }))
    if (isCopy && Result.isSuccess(found)) return { _tag: "Copied", address: wanted.address } as const
    const checked = Result.flatMap(found, (access) => FsDaxFault.check(access, wanted.pages))
    if (Result.isSuccess(checked)) {
      const { address, pages } = wanted
      return { _tag: "Mapped", level, address, pfn: checked.success, pages } as const
    }
    return level === "pmd" ? null : { _tag: "Sigbus", errno: checked.failure.errno } as const
  })

  const makeMapping = (pagemap: Pagemap.Pagemap, file: FsDaxFault.File, area: FsDaxFault.Area) => {
    const entries = ExtentMap.empty<Entry>()
    const own = new Set<Held>()
    tables.add(entries)
    const page = arch.pageSize
    const pfnAt = (address: number): number | undefined => {
      const found = ExtentMap.find(entries, Math.floor(address / page))
      return found === undefined
        ? undefined
        : found.value.pfn + Math.floor(address / page) - found.value.start
    }
    const insert = (done: Extract<Outcome, { readonly _tag: "Mapped" }>): Outcome => {
      if (!disk.isAlive) return { _tag: "Sigbus", errno: "ENXIO" }
      const held = countsMappings ? take(pagemap, mapped, PfnRange.fromLength(done.pfn, done.pages)) : null
      if (countsMappings && held === null) return { _tag: "Sigbus", errno: "ENXIO" }
      if (held !== null) own.add(held)
      const start = done.address / page
      ExtentMap.set(entries, start, start + done.pages, { pfn: done.pfn, start })
      return done
    }
    const fault = Effect.fnUntraced(function*(address: number, isWrite: boolean) {
      if (address < area.start || address >= area.end) return { _tag: "Sigbus", errno: "EFAULT" } satisfies Outcome
      const present = pfnAt(address)
      if (present !== undefined) {
        const at = Alignment.down(address, page)
        return { _tag: "Mapped", level: "pte", address: at, pfn: present, pages: 1 } satisfies Outcome
      }
      for (const level of ["pmd", "pte"] as const) {
        const done = yield* attempt(level, file, area, address, isWrite)
        if (done === null) continue
        return done._tag === "Mapped" ? insert(done) : done satisfies Outcome
      }
      return { _tag: "Sigbus", errno: null } satisfies Outcome
    })
    const unmap = (): void => {
      for (const held of own) drop(pagemap, mapped, held)
      tables.delete(entries)
    }
    return { mapping: { fault, pfnAt } satisfies Mapping, unmap }
  }

  const firstPfn = disk.start / arch.pageSize + disk.dataOffset / arch.pageSize
  const data = PfnRange.fromLength(firstPfn, Math.floor(disk.capacity / arch.pageSize))
  const covers = (held: Set<Held>, pfn: number): number =>
    [...held].filter(({ pfns }) => pfn >= pfns.start && pfn < pfns.end).length

  const mounted: Mount = {
    isDax: refused === null,
    mmap: (file, area) =>
      pagemap === null
        ? Effect.fail(
          fail("EOPNOTSUPP", "23.4", `${disk.name} is mounted without DAX`, "use a namespace with a memmap")
        )
        : Effect.flatMap(Effect.scope, (scope) => {
          const { mapping, unmap } = makeMapping(pagemap, file, area)
          return Effect.as(Scope.addFinalizer(scope, Effect.sync(unmap)), mapping)
        }),
    pin: (pfns) => {
      const refuse = fail(
        "EFAULT",
        "MRP-10",
        `pfns ${pfns.start} to ${pfns.end - 1} cannot be pinned`,
        "map them first"
      )
      if (pagemap === null || pfns.end <= pfns.start || !PfnRange.contains(data, pfns)) return Effect.fail(refuse)
      if (PfnRange.subtract(pfns, present(pfns)).length > 0) return Effect.fail(refuse)
      return Effect.asVoid(Effect.acquireRelease(
        Effect.suspend(() => {
          const held = take(pagemap, pins, pfns)
          return held === null ? Effect.fail(refuse) : Effect.succeed(held)
        }),
        (held) => Effect.sync(() => drop(pagemap, pins, held))
      ))
    },
    count: (pfn) => (countsMappings ? covers(mapped, pfn) : 1) + covers(pins, pfn),
    idle: (pfns) =>
      Effect.suspend(() => {
        const holding = [...pins].filter((held) => PfnRange.overlaps(held.pfns, pfns))
        return Effect.forEach(holding, ({ gone }) => Deferred.await(gone), { discard: true })
      })
  }
  return mounted
})
