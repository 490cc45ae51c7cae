/**
 * Page frame numbers: physical address divided by the page size.
 *
 * A pfn is branded at the boundary only; inner loops compute on the raw number.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/**
 * Addresses and sizes of 2^52 and above are refused on input (MAX_PHYSMEM_BITS is at most 56 on paper, 52 in practice).
 *
 * @category constants
 * @since 0.1.0
 */
export const addressLimit = 2 ** 52

/**
 * A page frame number.
 *
 * @category models
 * @since 0.1.0
 */
export const Pfn = Schema.Natural.pipe(Schema.brand("@vmemmap/core/Pfn"))
/** @since 0.1.0 */
export type Pfn = typeof Pfn.Type

/**
 * A physical address or a byte count below 2^52.
 *
 * @category models
 * @since 0.1.0
 */
export const Bytes = Schema.Natural.check(
  Schema.makeFilter((n: number) => n < addressLimit || `${n} is 2^52 or above; addresses and sizes must be below`)
)

/**
 * `0x100000000`: an address, or a 64-bit word of media, as the kernel prints it.
 *
 * @category printing
 * @since 0.1.0
 */
export const hex = (value: number | bigint): string => `0x${value.toString(16)}`

/**
 * The pfn of the page that contains `address` (`PHYS_PFN`).
 *
 * @category conversions
 * @since 0.1.0
 */
export const fromAddress = (address: number, pageSize: number): number => Math.floor(address / pageSize)

/**
 * The address of the first byte of a page frame (`PFN_PHYS`).
 *
 * @category conversions
 * @since 0.1.0
 */
export const toAddress = (pfn: number, pageSize: number): number => pfn * pageSize
