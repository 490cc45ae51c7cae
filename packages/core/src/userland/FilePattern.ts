/**
 * File name patterns of the shell: `*`, `?` and `[…]` within one name of a path.
 *
 * In a pattern a backslash takes the meaning of the character after it away.
 *
 * @since 0.1.0
 */
import * as SysfsTree from "../sysfs/SysfsTree.ts"
import * as OpenFile from "./OpenFile.ts"

/**
 * Text as a pattern that only it matches.
 *
 * @category conversions
 * @since 0.1.0
 */
export const escape = (text: string): string => text.replaceAll(/[\\*?[\]]/g, "\\$&")

type Part =
  | { readonly _tag: "Star" }
  | { readonly _tag: "Any" }
  | { readonly _tag: "One"; readonly characters: string; readonly isNegated: boolean }

/** `a-c` written out, for what a bracket holds. */
const spread = (inside: string): string =>
  inside.replaceAll(/([^\\])-([^\\])/gs, (range, from: string, to: string) => {
    const [first = 0, last = 0] = [from.codePointAt(0), to.codePointAt(0)]
    return first > last || last - first > 255
      ? range
      : String.fromCodePoint(...Array.from({ length: last - first + 1 }, (_, i) => first + i))
  })

const partAt = /\\([\s\S])|(\*+)|(\?)|\[(!?)(\]?[^\]]*)\]|([\s\S])/gy

const parse = (name: string): ReadonlyArray<Part> =>
  [...name.matchAll(partAt)].map(([, escaped, star, any, negation, inside, plain]): Part => {
    if (star !== undefined) return { _tag: "Star" }
    if (any !== undefined) return { _tag: "Any" }
    return inside === undefined
      ? { _tag: "One", characters: escaped ?? plain ?? "", isNegated: false }
      : { _tag: "One", characters: spread(inside).replaceAll("\\", ""), isNegated: negation === "!" }
  })

const isFixed = (part: Part): boolean => part._tag === "One" && part.characters.length === 1 && !part.isNegated

const fits = (part: Part | undefined, character: string): boolean =>
  part?._tag === "Any" || (part?._tag === "One" && part.characters.includes(character) !== part.isNegated)

/** Goes back to the last star only: no pattern takes longer than its length times that of the name. */
const matches = (parts: ReadonlyArray<Part>, name: string): boolean => {
  let [part, at, star, resume] = [0, 0, -1, 0]
  while (at < name.length) {
    if (parts[part]?._tag === "Star") {
      star = part++
      resume = at
    } else if (fits(parts[part], name[at] ?? "")) {
      part++
      at++
    } else if (star >= 0) {
      part = star + 1
      at = ++resume
    } else return false
  }
  return parts.slice(part).every(({ _tag }) => _tag === "Star")
}

/** Where `/` stands for itself: not inside brackets, which no name with one could match. */
const namesOf = (pattern: string): ReadonlyArray<string> => pattern.split("/").slice(1)

/**
 * Whether anything in a pattern has a meaning of its own.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isPattern = (pattern: string): boolean => parse(pattern).some((part) => !isFixed(part))

/**
 * The paths of files and directories that match an absolute pattern, in byte order; names that begin with a dot only where the
 * pattern does. No more than `limit`.
 *
 * @category queries
 * @since 0.1.0
 */
export const expand = (
  tree: SysfsTree.SysfsTree["Service"],
  pattern: string,
  limit: number
): ReadonlyArray<string> => {
  if (!pattern.startsWith("/")) return []
  let paths: ReadonlyArray<string> = [""]
  for (const name of namesOf(pattern)) {
    const parts = parse(name)
    const literal = parts.every(isFixed)
      ? parts.map((part) => part._tag === "One" ? part.characters : "").join("")
      : undefined
    const next: Array<string> = []
    for (const path of paths) {
      const found = literal === undefined
        ? SysfsTree.list(tree, path === "" ? "/" : path).filter((entry) =>
          entry.startsWith(".") === name.startsWith(".") && matches(parts, entry)
        )
        : [literal]
      for (const entry of found) if (next.length < limit) next.push(`${path}/${entry}`)
    }
    paths = next
  }
  return paths.filter((path) => OpenFile.find(tree, path) !== undefined).toSorted()
}
