/**
 * Binary units in bytes, for code that names sizes as the documentation does.
 *
 * @since 0.1.0
 */

/**
 * 1024 bytes.
 *
 * @category constants
 * @since 0.1.0
 */
export const KiB = 1024

/**
 * 1024 KiB.
 *
 * @category constants
 * @since 0.1.0
 */
export const MiB = 1024 * KiB

/**
 * 1024 MiB.
 *
 * @category constants
 * @since 0.1.0
 */
export const GiB = 1024 * MiB

/**
 * 1024 GiB.
 *
 * @category constants
 * @since 0.1.0
 */
export const TiB = 1024 * GiB
