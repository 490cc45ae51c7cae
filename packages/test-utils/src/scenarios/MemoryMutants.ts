/**
 * Mistakes in what memory belongs to: references, altmaps, zones, nodes, locks.
 *
 * @since 0.1.0
 */
import * as PfnRange from "@vmemmap/core/geometry/PfnRange"
import { MemoryBlocks } from "@vmemmap/core/hotplug/MemoryBlocks"
import { Nodes } from "@vmemmap/core/hotplug/Nodes"
import * as Pagemap from "@vmemmap/core/hotplug/Pagemap"
import { Pagemaps } from "@vmemmap/core/hotplug/Pagemaps"
import { KernelLog } from "@vmemmap/core/kernel/KernelLog"
import { Held, Locks } from "@vmemmap/core/kernel/Locks"
import type { Op } from "@vmemmap/core/kernel/Steps"
import { Memmap } from "@vmemmap/core/memmap/Memmap"
import type { Piece } from "@vmemmap/core/vmemmap/Piece"
import { Vmemmap } from "@vmemmap/core/vmemmap/Vmemmap"
import { Zones } from "@vmemmap/core/zones/Zones"
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
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
  }
]
