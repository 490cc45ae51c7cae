/**
 * A struct page of the engine, said as the reference model would say it.
 *
 * @since 0.1.0
 */
import { PageFlag, type StructPage } from "@vmemmap/core/memmap/StructPage"
import type { Content } from "./VirtualMemmap.ts"

type Page = Extract<Content, { readonly _tag: "Page" }>

/**
 * `"unmapped"` and `"unwritten"` cannot be told apart by their contents.
 *
 * @category models
 * @since 0.1.0
 */
export type Found = Content | "unmapped" | "unwritten"

const flagNames = [[PageFlag.reserved, "reserved"], [PageFlag.head, "head"], [
  PageFlag.ownerPriv1,
  "self-hosted"
]] as const

const linksOf = ({ links }: Extract<StructPage, { readonly _tag: "Initialised" }>): Page["links"] => {
  switch (links._tag) {
    case "Self":
      return "self"
    case "Listed":
      return "listed"
    case "ListPoison":
      return "poisoned"
    case "Pagemap":
      return { pagemap: links.pagemap }
    case "Tail":
      return { head: links.head, order: links.order }
  }
}

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = (page: StructPage): Found => {
  switch (page._tag) {
    case "Unmapped":
    case "Unwritten":
      return "unwritten"
    case "Poisoned":
      return { _tag: "Poisoned" }
    case "InUse":
      return { _tag: "InUse", node: page.node, zone: page.zone }
    case "Initialised": {
      const { buddyOrder, flags, node, refcount, zone } = page
      const names = flagNames.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name)
      return { _tag: "Page", node, zone, flags: names, refcount, links: linksOf(page), buddyOrder }
    }
  }
}

const sameLinks = (a: Page["links"], b: Page["links"]): boolean =>
  typeof a === "string" || typeof b === "string"
    ? a === b
    : "pagemap" in a
    ? "pagemap" in b && a.pagemap === b.pagemap
    : "head" in b && a.head === b.head && a.order === b.order

/**
 * Whether a reader finds what the model says; flags in any order.
 *
 * @category predicates
 * @since 0.1.0
 */
export const agrees = (found: Found, expected: Found): boolean => {
  if (typeof found === "string" || typeof expected === "string") return typeof found === typeof expected
  if (found._tag === "Poisoned" || expected._tag === "Poisoned") return found._tag === expected._tag
  if (found.node !== expected.node || found.zone !== expected.zone) return false
  if (found._tag === "InUse" || expected._tag === "InUse") return found._tag === expected._tag
  return found.refcount === expected.refcount && found.buddyOrder === expected.buddyOrder &&
    found.flags.length === expected.flags.length && found.flags.every((flag) => expected.flags.includes(flag)) &&
    sameLinks(found.links, expected.links)
}
