/**
 * Mistakes in what memory belongs to: references, altmaps, zones, nodes, locks.
 *
 * @since 0.1.0
 */
import * as ExtentMap from "@vmemmap/core/geometry/ExtentMap"
import { hex } from "@vmemmap/core/geometry/Pfn"
import * as PfnRange from "@vmemmap/core/geometry/PfnRange"
import { ArchMemory } from "@vmemmap/core/hotplug/ArchMemory"
import { MemoryBlocks } from "@vmemmap/core/hotplug/MemoryBlocks"
import { Nodes } from "@vmemmap/core/hotplug/Nodes"
import * as Pagemap from "@vmemmap/core/hotplug/Pagemap"
import { Pagemaps } from "@vmemmap/core/hotplug/Pagemaps"
import { KernelLog } from "@vmemmap/core/kernel/KernelLog"
import { Held, Locks } from "@vmemmap/core/kernel/Locks"
import * as Steps from "@vmemmap/core/kernel/Steps"
import { type Op, write } from "@vmemmap/core/kernel/Steps"
import { Memmap } from "@vmemmap/core/memmap/Memmap"
import { PagemapIndex } from "@vmemmap/core/sections/PagemapIndex"
import type { Piece } from "@vmemmap/core/vmemmap/Piece"
import { Vmemmap } from "@vmemmap/core/vmemmap/Vmemmap"
import { Zones } from "@vmemmap/core/zones/Zones"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Findings from "./Findings.ts"
import * as Mutant from "./Mutant.ts"

/** What the memmap of a piece is undone with after it could not be populated. */
const undoing = (undo: (piece: Piece, log: KernelLog["Service"]) => Piece) => (original: Vmemmap["Service"]) =>
  Effect.map(Effect.service(KernelLog), (log) => {
    let hasFailed = false
    return {
      ...original,
      populate: function*(piece: Piece): Op<boolean> {
        const done = yield* original.populate(piece)
        hasFailed = !done
        return done
      },
      depopulate: function*(piece: Piece): Op<void> {
        const undone = hasFailed ? undo(piece, log) : piece
        hasFailed = false
        yield* original.depopulate(undone)
      }
    }
  })

/**
 * @category mutants
 * @since 0.1.0
 */
export const all: ReadonlyArray<Mutant.Mutant> = [
  {
    id: "BUG-2",
    about: "no references are taken for the pages of a device, but they are dropped one by one when it goes away",
    scenario: "remove-pfn-valid",
    remedy: "take all references at once when the range is there: percpu_ref_get_many(pfn_end - pfn_first)",
    replace: ({ pagemaps }) => ({
      pagemaps: Mutant.wrap(Pagemaps, pagemaps, (original) =>
        Effect.succeed({
          ...original,
          memremap: (request) =>
            Effect.tap(original.memremap(request), (pagemap) =>
              Effect.sync(() =>
                pagemap.ranges.forEach((_, i) => pagemap.references.put(Pagemap.length(pagemap, i)))
              ))
        }))
    })
  },
  {
    id: "BUG-8",
    about:
      "the zone of a device that goes away is read from the first struct page of its range, which an altmap's reserve never had written",
    scenario: "altmap-unmap",
    remedy: "read the zone from pfn_first(), behind the altmap's reserve (77e080e7680e, 5.4)",
    replace: ({ memmap }) => ({
      memmap: Mutant.wrap(Memmap, memmap, (original) =>
        Effect.succeed({
          ...original,
          read: (pfn) => {
            const page = original.read(pfn)
            // The first page of users, behind those of the altmap, whose reserve comes first of all.
            const isFirst = page._tag === "Initialised" && page.links._tag === "Pagemap"
            const before = isFirst ? original.read(pfn - 1) : page
            return isFirst && before._tag === "Initialised" && before.links._tag === "Self" && before.zone === "Device"
              ? { _tag: "Unwritten" }
              : page
          }
        }))
    })
  },
  {
    id: "BUG-12",
    about: "the span of a zone shrinks to what lies below the memory that leaves, whatever is online above it",
    scenario: "offline-middle",
    remedy:
      "search the new end of the span with pfn_to_online_page(), when memory goes offline (00d6c019b5bc, feee6b298916)",
    replace: ({ zones }) => ({
      zones: Mutant.wrap(Zones, zones, (original) =>
        Effect.succeed({
          ...original,
          shrink: (zone, { start }) => original.shrink(zone, { start, end: original.of(zone).end })
        }))
    })
  },
  {
    id: "BUG-17",
    about: "pages that hold the memmap of their block join and leave their zone without the hotplug lock",
    scenario: "own-memmap",
    remedy: "take mem_hotplug_lock around mhp_init_memmap_on_memory() and its undoing (001002e73712, 6.7)",
    replace: ({ locks }) => ({
      locks: Mutant.wrap(Locks, locks, (original) =>
        Effect.succeed({
          ...original,
          memHotplug: (effect) =>
            Effect.flatMap(Effect.service(Held), (held) =>
              held.includes("memory_block") || held.includes("device_hotplug_lock")
                ? effect
                : original.memHotplug(effect))
        }))
    })
  },
  {
    id: "BUG-18",
    about: "when adding memory that holds its own memmap fails, that memmap is freed as if it were RAM",
    scenario: "own-memmap-fails",
    remedy:
      "hand the altmap on to arch_remove_memory() on every error edge of add_memory_resource() (f42ce5f087eb, 6.7)",
    replace: ({ blocks, vmemmap }) => {
      let hasFailed = false
      return {
        blocks: Mutant.wrap(MemoryBlocks, blocks, (original) =>
          Effect.succeed({
            ...original,
            create: function*(range, block, limit) {
              const created = yield* original.create(range, block, limit)
              hasFailed = Result.isFailure(created)
              return created
            }
          })),
        vmemmap: Mutant.wrap(Vmemmap, vmemmap, (original) =>
          Effect.succeed({
            ...original,
            depopulate: function*(piece) {
              yield* original.depopulate(hasFailed ? { ...piece, altmap: null } : piece)
              hasFailed = false
            }
          }))
      }
    }
  },
  {
    id: "BUG-20",
    about: "a node goes offline when it has no online page, whatever its zones still span",
    scenario: "node-keeps-device",
    remedy: "ask the span of the node and whether it has memory blocks, online or not (2c91f8fc6c99)",
    replace: ({ nodes }) => ({
      nodes: Mutant.wrap(Nodes, nodes, (original) =>
        Effect.map(Effect.service(Zones), (zones) => {
          const gone = new Set<number>()
          return {
            ...original,
            online: () => original.online().filter((node) => !gone.has(node)),
            bringUp: (node) => {
              gone.delete(node)
              original.bringUp(node)
            },
            tryOffline: (node, hasBlocks) => {
              original.tryOffline(node, hasBlocks)
              const isEmpty = zones.all().every((zone) => zone.node !== node || zone.present === 0)
              if (isEmpty && !original.cpus().includes(node)) gone.add(node)
            }
          }
        }))
    })
  },
  {
    id: "BUG-21",
    about: "struct pages of a memmap that could not be populated leave the books twice",
    scenario: "altmap-fails",
    remedy: "subtract on the way out only what was added on the way in",
    replace: ({ vmemmap }) => ({
      vmemmap: Mutant.wrap(
        Vmemmap,
        vmemmap,
        undoing((piece, log) => {
          const amount = -PfnRange.length(piece)
          log.emit({ _tag: "Account", book: "mapped", where: `${piece.owner}`, purpose: "struct-pages", amount })
          return piece
        })
      )
    })
  },
  {
    id: "BUG-7",
    about: "the reference count of a pagemap is destroyed while its pfns still lead to it",
    scenario: "get-unmap",
    remedy:
      "remove the range from the index, wait for a grace period, and exit the reference count last (1e57ffb6e3fd, 6.0)",
    replace: ({ archMemory, pagemaps }) => {
      const destroyed = new Set<number>()
      return {
        archMemory: Mutant.wrap(ArchMemory, archMemory, (original) =>
          Effect.succeed({
            ...original,
            remove: function*(piece, options, parts) {
              yield* original.remove(piece, options, parts)
              yield write("pagemap.exit-reference", `pagemap:${piece.owner}`)
              destroyed.add(piece.owner)
            }
          })),
        pagemaps: Mutant.wrap(Pagemaps, pagemaps, (original) =>
          Effect.map(Effect.service(PagemapIndex), (index) => ({
            ...original,
            get: (pfn, hint) =>
              Effect.andThen(
                Steps.run(function*() {
                  const id = ExtentMap.find(index, pfn)?.value.id
                  yield write("pagemap.try-get", `pagemap:${id ?? "none"}`)
                  const found = ExtentMap.find(index, pfn)?.value
                  return found !== undefined && destroyed.has(found.id)
                }),
                (isGone) =>
                  Effect.andThen(
                    isGone
                      ? Findings.report(
                        "LCK-10",
                        `get_dev_pagemap(${hex(pfn)}) tries a reference count that is destroyed`
                      )
                      : Effect.void,
                    original.get(pfn, hint)
                  )
              )
          })))
      }
    }
  },
  {
    id: "BUG-15",
    about: "compounds are counted from the wrong page: heads are mapped onto the tails of others",
    scenario: "compounds-of-1g",
    remedy: "advance the pfn by the struct pages of a vmemmap page, not by one (fixes f2b79c0d7968)",
    replace: ({ memmap }) => ({
      memmap: Mutant.wrap(Memmap, memmap, (original) =>
        Effect.succeed({
          ...original,
          share: (start, end, sharing) =>
            original.share(start, end, sharing._tag === "Page" ? sharing : { ...sharing, first: sharing.first - 64 })
        }))
    })
  },
  {
    id: "BUG-22",
    about: "RAM behind the memmap of one device is credited to the altmap of another",
    scenario: "altmap-beside-ram-backed",
    remedy: "end the window of an altmap at reserve + free, which contain what is allocated (6722b25712054, 6.5)",
    replace: ({ vmemmap }) => {
      let other: Piece["altmap"] = null
      return {
        vmemmap: Mutant.wrap(Vmemmap, vmemmap, (original) =>
          Effect.succeed({
            ...original,
            populate: function*(piece) {
              other = piece.altmap ?? other
              return yield* original.populate(piece)
            },
            depopulate: function*(piece) {
              yield* original.depopulate(piece)
              if (piece.altmap !== null || other === null) return
              other.current = { ...other.current, alloc: other.current.alloc - 512 }
            }
          }))
      }
    }
  }
]
