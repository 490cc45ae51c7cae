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

/**
 * For each machine {@link Alternatives.best}, asked once for all devices that agree in everything it looks at. Kernels are told apart
 * by what their machines say of architecture and release: whatever else makes a kernel is the same for all, or part of its numbers.
 *
 * At most so many recommendations are remembered, the latest; the cost of a machine like none before is the same but for its key.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (most = 1024): (spec: Pick<MachineSpec, "arch" | "kernel">) => Best => {
  const known = new Map<string, Recommended | null>()
  return ({ arch, kernel: release }) => (target, kernel, filter, circumstances) => {
    const { blockSize, ram, structPage } = kernel
    const key = JSON.stringify([arch, release, structPage, blockSize, ram, target, filter, circumstances])
    const remembered = known.get(key)
    if (remembered !== undefined) return remembered
    const found = recommended(Alternatives.best(target, kernel, filter, circumstances))
    const [oldest] = known.keys()
    if (known.size >= most && oldest !== undefined) known.delete(oldest)
    known.set(key, found)
    return found
  }
}
