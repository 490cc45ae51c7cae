/**
 * What the struct pages of a range hold, counted: each distinct content once, with how often and where it occurs.
 *
 * Counted by runs: within a run contents repeat with a period, so one page of each kind is looked at.
 *
 * @since 0.1.0
 */
import type { Memmap } from "./Memmap.ts"
import * as Run from "./Run.ts"
import type { StructPage } from "./StructPage.ts"

/**
 * A content, without what differs from page to page (where it points to itself or to its head). `head` distances are in
 * {@link Compounds}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  readonly page: StructPage
  readonly count: number
  readonly first: number
  readonly last: number
}

const key = (page: StructPage): string => {
  switch (page._tag) {
    case "Initialised": {
      const { buddyOrder, flags, isOffline = false, links, node, refcount, zone } = page
      const link = links._tag === "Tail"
        ? `tail ${links.order} ${links.pins ?? 0}`
        : links._tag === "Pagemap"
        ? `pagemap ${links.pagemap} ${links.data}`
        : links._tag
      return `${node} ${zone} ${flags} ${refcount} ${buddyOrder} ${link} ${isOffline}`
    }
    case "InUse":
      return `in use ${page.node} ${page.zone}`
    default:
      return page._tag
  }
}

/**
 * Distinct contents of the struct pages of `[start, end)`, commonest first.
 *
 * @category queries
 * @since 0.1.0
 */
export const take = (
  memmap: Pick<Memmap["Service"], "read" | "runs">,
  start: number,
  end: number
): ReadonlyArray<Entry> => {
  const entries = new Map<string, { page: StructPage; count: number; first: number; last: number }>()
  const add = (page: StructPage, count: number, first: number, last: number) => {
    const name = key(page)
    const known = entries.get(name)
    if (known === undefined) {
      entries.set(name, { page, count, first, last })
      return
    }
    known.count += count
    known.first = Math.min(known.first, first)
    known.last = Math.max(known.last, last)
  }
  for (const run of memmap.runs(start, end)) {
    for (const { count, first, last } of Run.alike(run)) add(memmap.read(first), count, first, last)
  }
  return [...entries.values()].toSorted((a, b) => b.count - a.count)
}
