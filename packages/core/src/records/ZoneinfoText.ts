/**
 * A printed `/proc/zoneinfo`: what of it follows from the input.
 *
 * @since 0.1.0
 */

const zone = /^Node [0-9]+, zone +[A-Za-z0-9]+$/
const extent = /^ +(?:spanned|present) +[0-9]+$|^ +start_pfn: +[0-9]+$/

/**
 * The zones with `spanned`, `present` and `start_pfn`; watermarks, counters, per-CPU lists and managed pages are state of the page
 * allocator. Any other text stays as it is.
 *
 * @category combinators
 * @since 0.1.0
 */
export const inScope = (text: string): string => {
  const lines = text.split("\n")
  return zone.test(lines[0] ?? "") && lines.some((line) => extent.test(line))
    ? lines.filter((line) => zone.test(line) || extent.test(line)).join("\n")
    : text
}
