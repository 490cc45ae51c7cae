/**
 * Whether copies of whole chunks go past the processor's cache in this process: the C library decides that by a threshold, which can only
 * be set when a process starts.
 *
 * @since 0.1.0
 */
import * as Env from "node:process"

/**
 * What makes it so: to be set in the environment of `node`.
 *
 * @category constants
 * @since 0.1.0
 */
export const variable = "GLIBC_TUNABLES"
/** @since 0.1.0 */
export const setting = "glibc.cpu.x86_non_temporal_threshold=0x10000"

/** Chunks are a quarter of a mebibyte. */
const chunk = 2 ** 18

const threshold = /glibc\.cpu\.x86_non_temporal_threshold=(0x[0-9a-f]+|[0-9]+)/i.exec(Env.env[variable] ?? "")?.[1]

/**
 * Struct pages are best made in the cache and copied from there.
 *
 * @category queries
 * @since 0.1.0
 */
export const isFast: boolean = threshold !== undefined && Number(threshold) <= chunk
