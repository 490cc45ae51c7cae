/**
 * `/proc/cpuinfo`: whether a machine is a virtual one, which decides the size of its memory blocks from 64 GiB on (GEO-15).
 *
 * @since 0.1.0
 */

/**
 * Whether a CPU has the flag `hypervisor`, which no real one has.
 *
 * @category parsing
 * @since 0.1.0
 */
export const isVirtual = (text: string): boolean => /^flags\s*:.*\bhypervisor\b/m.test(text)
