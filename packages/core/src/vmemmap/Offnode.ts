/**
 * A memmap on another node than its memory: `vmemmap_verify()` (VMM-6).
 *
 * @since 0.1.0
 */
import type { KernelLog } from "../kernel/KernelLog.ts"
import type { Config } from "../release/Kernel.ts"
import * as PageAddress from "../sections/PageAddress.ts"

/**
 * Told of a base page of the vmemmap, by the virtual bytes from its start on, for which memory of `node` was wanted and of
 * `found` was had. Blocks of a PMD are not looked at when they are new.
 *
 * @category models
 * @since 0.1.0
 */
export type Verify = (node: number, found: number, virtual: number) => void

/**
 * The first such page since boot leaves a line in the log.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = ({ arch }: Config, log: KernelLog["Service"]): Verify => {
  const base = PageAddress.bases(arch)?.vmemmap ?? 0n
  let isSaid = false
  return (node, found, virtual) => {
    if (isSaid || node === found) return
    isSaid = true
    const [first, last] = [virtual, virtual + arch.pageSize - 1].map((at) => (base + BigInt(at)).toString(16))
    log.emit({ _tag: "Line", level: "warn", text: `[${first}-${last}] potential offnode page_structs` })
  }
}
