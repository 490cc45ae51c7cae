/**
 * Snapshots of the memory that holds a memmap: what maps it, and what its struct pages contain (14, SPW-10).
 *
 * The engine's side may say more than a record has. `vmemmap.leafRuns`: everything mapped, as `[virtStart, virtEnd, leaf, memory]`.
 * `structPages.online`: some of the memory is or was online; then only those of its images count that nobody has written, and
 * node and zone in the flags of the others.
 *
 * @since 0.1.0
 */
import * as JsonTree from "../inputs/JsonTree.ts"
import * as Extras from "./Extras.ts"
import type { Given } from "./Given.ts"
import * as ImageComparison from "./ImageComparison.ts"
import * as LeafPath from "./LeafPath.ts"
import * as RunComparison from "./RunComparison.ts"
import * as Scope from "./Scope.ts"
import * as TreeComparison from "./TreeComparison.ts"
import * as Verdict from "./Verdict.ts"

/**
 * Whether the engine's snapshot is of memory that is or was online.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isOnline = (engine: unknown): boolean =>
  LeafPath.member(LeafPath.member(engine, "structPages"), "online") === true

/** The one node whose RAM a side uses. */
const soleRam = (backing: Readonly<Record<string, unknown>>): string | undefined => {
  const [name, ...others] = Object.keys(backing).filter(RunComparison.isRam)
  return others.length === 0 ? name : undefined
}

/** The engine's figures under the name of the kernel's node, where it does not follow which node it is (zonelist order). */
const underSameNode = (kernel: unknown, engine: unknown): unknown => {
  if (!JsonTree.isRecord(kernel) || !JsonTree.isRecord(engine)) return engine
  const [name, other] = [soleRam(kernel), soleRam(engine)]
  if (name === undefined || other === undefined || name === other) return engine
  return Object.fromEntries(Object.entries(engine).map(([key, value]) => [key === other ? name : key, value]))
}

const tablePages = (given: Given): TreeComparison.Compare =>
  TreeComparison.byKey(given, ({ exact }) => (key, inner, left, right) =>
    key === "pteIn" && given.nodesWithRam > 1
      ? Verdict.outOfScope(Scope.entries.tableNode, inner, left)
      : exact(inner, left, right))

const vmemmap = (given: Given, anyNode: boolean): TreeComparison.Compare =>
  TreeComparison.byKey(given, ({ engine, exact, kernel }) => {
    const inRam = RunComparison.touchesRam(engine)
    return (key, inner, left, right) => {
      switch (key) {
        case "leafRuns":
          return []
        case "tablePages":
          return tablePages(given)(inner, left, right)
        case "backing":
          return exact(inner, left, anyNode ? underSameNode(left, right) : right)
        case "runsTotal":
          return inRam ? Verdict.outOfScope(Scope.entries.runsTotal, inner, left) : exact(inner, left, right)
        case "runs":
          return inRam ? RunComparison.inRam(given, inner, kernel, engine, anyNode) : exact(inner, left, right)
        default:
          return exact(inner, left, right)
      }
    }
  })

/** Of memory that is or was online. */
const onlinePages =
  (given: Given) => (key: string, path: LeafPath.LeafPath, left: unknown, right: unknown): Verdict.Verdicts => {
    switch (key) {
      case "images": {
        const certain = Array.isArray(right) ? right.filter(ImageComparison.isNeverWritten) : []
        return ImageComparison.images(given, path, left, certain, ImageComparison.online(right))
      }
      case "imagesTotal":
      case "compound":
      case "samples":
        return Verdict.outOfScope(Scope.entries.onlinePages, path, left)
      default:
        return TreeComparison.exact(given)(path, left, right)
    }
  }

const structPages = (given: Given, isOnlineMemory: boolean): TreeComparison.Compare =>
  TreeComparison.byKey(given, ({ exact }) => (key, inner, left, right) => {
    if (Extras.inStructPages.has(key)) return []
    if (isOnlineMemory) return onlinePages(given)(key, inner, left, right)
    if (left === undefined || right === undefined) return exact(inner, left, right)
    return key === "images"
      ? ImageComparison.images(given, inner, left, right)
      : key === "samples"
      ? ImageComparison.samples(given)(inner, left, right)
      : exact(inner, left, right)
  })

/** Whether the range lies on a node without RAM of a machine with several that have some. */
const hasNoHome = ({ nodesWithRam, withoutRam }: Given, engine: Readonly<Record<string, unknown>>): boolean => {
  const start = engine["start"]
  return nodesWithRam > 1 && typeof start === "number" &&
    withoutRam.some((range) => start >= range.start && start < range.end)
}

/**
 * One snapshot.
 *
 * @category combinators
 * @since 0.1.0
 */
export const compare = (given: Given): TreeComparison.Compare =>
  TreeComparison.byKey(given, ({ engine, exact }) => (key, inner, left, right) => {
    switch (key) {
      case "vmemmap":
        return vmemmap(given, hasNoHome(given, engine))(inner, left, right)
      case "structPages":
        return structPages(given, isOnline(engine))(inner, left, right)
      default:
        return exact(inner, left, right)
    }
  })
