/**
 * Devices that are alike, planned once: most machines of a fleet are the same hardware with the same kernel.
 *
 * @since 0.1.0
 */
import type { MachineSpec } from "../machine/MachineSpec.ts"
import * as Alternatives from "./Alternatives.ts"
import type { PlanOption } from "./PlanOption.ts"

/**
 * What totals are made of.
 *
 * @category models
 * @since 0.1.0
 */
export interface Recommended extends Pick<PlanOption, "mode" | "usable" | "ram" | "device" | "pageTables"> {}

/**
 * Recommends as {@link Alternatives.best} does.
 *
 * @category models
 * @since 0.1.0
 */
export type Best = (...asked: Parameters<typeof Alternatives.best>) => Recommended | null

/** No more than that, for it is kept. */
const recommended = (option: PlanOption | null): Recommended | null => {
  if (option === null) return null
  const { device, mode, pageTables, ram, usable } = option
  return { mode, usable, ram, device, pageTables }
}

/** Where none of so many in a row was like one before, so many times as many are not looked up. */
const pause = 15

/**
 * For each machine {@link Alternatives.best}, asked once for all devices that agree in everything it looks at. Kernels are told apart
 * by what their machines say of architecture and release: whatever else makes a kernel is the same for all, or part of its numbers.
 *
 * At most so many recommendations are remembered, the latest. In a fleet where no device is like another hardly any is looked up.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (most = 1024): (spec: Pick<MachineSpec, "arch" | "kernel">) => Best => {
  const known = new Map<string, Recommended | null>()
  let unlike = 0
  let unasked = 0
  return ({ arch, kernel: release }) => (target, kernel, filter, circumstances) => {
    const find = () => recommended(Alternatives.best(target, kernel, filter, circumstances))
    if (unasked > 0) {
      unasked--
      return find()
    }
    const { blockSize, memmapOnMemory, ram, structPage } = kernel
    const own = [structPage, blockSize, memmapOnMemory ?? null, ram]
    const key = JSON.stringify([arch, release, own, target, filter, circumstances])
    const remembered = known.get(key)
    if (remembered !== undefined) {
      unlike = 0
      return remembered
    }
    const found = find()
    const [oldest] = known.keys()
    if (known.size >= most && oldest !== undefined) known.delete(oldest)
    known.set(key, found)
    if (++unlike >= most) {
      unlike = 0
      unasked = pause * most
    }
    return found
  }
}
