/**
 * `sizeof(struct page)` by kernel configuration (GEO-5, GEO-6).
 *
 * @since 0.1.0
 */
import * as Alignment from "./Alignment.ts"
import type { Architecture } from "./Architecture.ts"

/**
 * Configuration options that add words to `struct page`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Config {
  readonly memcg?: boolean | undefined
  /** `WANT_PAGE_VIRTUAL` */
  readonly pageVirtual?: boolean | undefined
  readonly kmsan?: boolean | undefined
  /** last-cpupid does not fit in the flags word */
  readonly strayCpupid?: boolean | undefined
}

/**
 * The value of nearly every distribution kernel, and the one the on-media layout reserves per page.
 *
 * @category constants
 * @since 0.1.0
 */
export const usual = 64

/**
 * Bytes of one `struct page`: 56 and the optional words, rounded up to 16 (x86_64, arm64, s390x) or 8 (GEO-5).
 *
 * @category constructors
 * @since 0.1.0
 */
export const fromConfig = (arch: Architecture, config: Config): number =>
  Alignment.up(
    56 + (config.memcg === true ? 8 : 0) + (config.pageVirtual === true ? 8 : 0) + (config.kmsan === true ? 16 : 0) +
      (config.strayCpupid === true ? 4 : 0),
    arch.alignedStructPage ? 16 : 8
  )

/**
 * The kernel refuses to build unless the size is a multiple of 8 within [56, 96] (GEO-5).
 *
 * @category predicates
 * @since 0.1.0
 */
export const isLegal = (bytes: number): boolean => bytes % 8 === 0 && bytes >= 56 && bytes <= 96
