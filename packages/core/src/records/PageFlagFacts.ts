/**
 * Samples of `/proc/kpageflags` (SPW-11).
 *
 * @since 0.1.0
 */
import * as PageFlags from "../sysfs/PageFlags.ts"

/** Pages of one line of a sample. */
const perLine = 8

const hex = (word: bigint | null): string => word === null ? "?".repeat(16) : word.toString(16).padStart(16, "0")

/**
 * The samples a recording has of a range of `pages` from `first` on: its first words, some across a 2 MiB boundary of a long
 * range, its last ones; a line begins with the pfn. `?` stands for the digits of a word that is not known.
 *
 * @category conversions
 * @since 0.1.0
 */
export const sampled = (source: PageFlags.Source, first: number, pages: number): string =>
  [first, ...(pages > 1024 ? [first + 508] : []), ...(pages > 16 ? [first + pages - perLine] : [])].map((from) => {
    const words = Array.from({ length: perLine }, (_, i) => PageFlags.word(source, from + i)).filter((word) =>
      word !== undefined
    )
    return `${from}: ${words.map((word) => `${hex(word)} `).join("")}`
  }).join("\n")
