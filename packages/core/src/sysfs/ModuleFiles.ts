/**
 * `/sys/module`: the parameters of `memory_hotplug` (OBS-12, HOT-11, HOT-16).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as SysfsText from "../devices/SysfsText.ts"
import type { OnlinePolicy, Parameters } from "../hotplug/OnlinePolicy.ts"
import * as SysfsTree from "./SysfsTree.ts"

const policies: ReadonlyArray<Parameters["onlinePolicy"]> = ["contig-zones", "auto-movable"]

const yesOrNo = (value: boolean): string => value ? "Y" : "N"

const memmapOnMemory: Readonly<Record<Parameters["memmapOnMemory"], string>> = { off: "N", on: "Y", force: "force" }

/**
 * The parameters, in the order a directory lists them.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (policy: OnlinePolicy["Service"]): SysfsTree.Directory => {
  const now = policy.parameters
  const set = (change: Partial<Parameters>) => Effect.sync(() => policy.set(change))
  const onlinePolicy = (text: string) =>
    Effect.flatMap(
      Effect.fromResult(SysfsText.oneOf(text, policies, "HOT-16")),
      (onlinePolicy) => set({ onlinePolicy })
    )
  return SysfsTree.directory({
    memory_hotplug: SysfsTree.directory({
      parameters: SysfsTree.directory({
        auto_movable_numa_aware: SysfsTree.writable(
          () => yesOrNo(now().autoMovableNumaAware),
          (text) =>
            Effect.flatMap(
              Effect.fromResult(SysfsText.boolean(text)),
              (autoMovableNumaAware) => set({ autoMovableNumaAware })
            )
        ),
        auto_movable_ratio: SysfsTree.writable(
          () => now().autoMovableRatio,
          (text) =>
            Effect.flatMap(Effect.fromResult(SysfsText.number(text)), (autoMovableRatio) => set({ autoMovableRatio }))
        ),
        memmap_on_memory: SysfsTree.attribute(() => memmapOnMemory[now().memmapOnMemory]),
        online_policy: SysfsTree.writable(() => now().onlinePolicy, onlinePolicy)
      })
    })
  })
}
