/**
 * Who initialises struct pages, when, under which lock, and what somebody does who needs one before that: a value with
 * independent dimensions (spec 05, 13, 26).
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import type { Architecture } from "../geometry/Architecture.ts"
import type { Feature } from "../release/Feature.ts"

/**
 * Known mistakes of the 2018 posting (26.6), each of which can be switched on; all but the missing barrier: memory is sequentially
 * consistent here.
 *
 * - `straddle-miss`: a stealer counts sub-ranges by length and misses the last one of a request that straddles (BUG-26)
 * - `exclusive-sync`: writing `sync` does not wait for the highest active worker (BUG-27)
 * - `stuck-active`: the active bits are set after the workers were queued (BUG-28)
 * - `lost-populate-error`: nobody reads why the memmap could not be populated (BUG-29)
 * - `leaked-mutex`: a failed population keeps its mutex (BUG-29)
 * - `cleared-on-insert-failure`: where the lookup cannot be built, active bits are cleared while workers run, and those of all devices
 *   are waited for with the lock (26.6)
 * - `zero-length-lookup`: the lookup finds workers without pages (26.6)
 *
 * @category models
 * @since 0.1.0
 */
export const Flaw = Schema.Literals([
  "straddle-miss",
  "exclusive-sync",
  "stuck-active",
  "lost-populate-error",
  "leaked-mutex",
  "cleared-on-insert-failure",
  "zero-length-lookup"
])
/** @since 0.1.0 */
export type Flaw = typeof Flaw.Type

/**
 * - `kernel`: the release that everything else follows, as `KernelRelease.parse` reads it
 * - `when`: device memory is initialised before its driver goes on, or by workers afterwards
 * - `covers`: which device memory: namespaces with an info block (ASY-1); or all whose users await its pages
 * - `underLock`: which struct pages are written under the hotplug lock: all of them and then again outside (INI-12), those of
 *   an altmap (INI-7), none
 * - `populate`: the memmap is mapped under the lock; by one job per range that everybody waits for (ASY-5); or section by
 *   section, by whoever needs it
 * - `domains` in which jobs are queued: whoever waits for a job waits for all that was queued before it in its domain. `one` for
 *   the machine (v1), `two` for memmaps and struct pages (v2), one per range
 * - `probe`: on which processors devices are probed; those of their own node, or any
 * - `workers`: per range; `limit` of them run at once in the whole machine
 * - `division`: each worker has a share of its own; or all take sub-ranges from one cursor, as padata does (DEF-10)
 * - `subRanges`: into how many pieces the share of a worker is cut (ASY-6); `null`: into subsections, or compounds where
 *   these are larger
 * - `help`: what whoever needs pages does: wait for them; wait for the worker of them (v1); initialise the sub-ranges they lie
 *   in (v2); initialise exactly them
 * - `priority`: workers leave processors and memory to whoever waits; or everybody has an equal part
 * - `unload`: waits for the workers (ASY-10), or cancels them at the next sub-range
 * - `writing`: stores for each struct page, or a copy of a template
 * - `vmemmap`: what backs the memmap of compounds; `base` also where they are compounds
 * - `backing`: where the memmap is; `configured`: as the namespace says
 * - `boot`: RAM at boot: all before anything else; with a part deferred to one thread per node, or to several
 *
 * @category models
 * @since 0.1.0
 */
export const InitStrategy = Schema.Struct({
  name: Schema.NonEmptyString,
  about: Schema.String,
  kernel: Schema.NonEmptyString,
  when: Schema.Literals(["synchronous", "background"]),
  covers: Schema.Literals(["info blocks", "all that awaits"]),
  underLock: Schema.Literals(["every page", "altmap pages", "nothing"]),
  populate: Schema.Literals(["under the lock", "one barrier", "section by section"]),
  domains: Schema.Literals(["one", "two", "one per range"]),
  probe: Schema.Literals(["any node", "own node"]),
  workers: Schema.Natural.check(Schema.isBetween({ minimum: 1, maximum: 1024 })),
  limit: Schema.NullOr(Schema.Natural.check(Schema.isBetween({ minimum: 1, maximum: 65_536 }))),
  division: Schema.Literals(["own share", "one cursor"]),
  subRanges: Schema.NullOr(Schema.Natural.check(Schema.isBetween({ minimum: 1, maximum: 1_048_576 }))),
  help: Schema.Literals(["none", "wait for the worker", "steal sub-ranges", "steal exactly"]),
  priority: Schema.Literals(["equal", "who waits"]),
  unload: Schema.Literals(["wait", "cancel"]),
  writing: Schema.Literals(["store", "template"]),
  vmemmap: Schema.Literals(["base", "compound", "head only"]),
  backing: Schema.Literals(["configured", "RAM", "altmap"]),
  boot: Schema.Literals(["all", "one thread per node", "threads by processors"]),
  flaws: Schema.Array(Flaw)
})
/** @since 0.1.0 */
export interface InitStrategy extends Schema.Schema.Type<typeof InitStrategy> {}

/**
 * A strategy of the kernel that runs anyway: everything before the driver goes on.
 *
 * @category strategies
 * @since 0.1.0
 */
export const synchronous: InitStrategy = {
  name: "synchronous",
  about: "as the kernel in force does it",
  kernel: "6.1",
  when: "synchronous",
  covers: "info blocks",
  underLock: "altmap pages",
  populate: "under the lock",
  domains: "one per range",
  probe: "own node",
  workers: 1,
  limit: null,
  division: "own share",
  subRanges: 1,
  help: "none",
  priority: "equal",
  unload: "wait",
  writing: "store",
  vmemmap: "compound",
  backing: "configured",
  boot: "threads by processors",
  flaws: []
}

/**
 * What a strategy demands of the release it names: features to add and to take away.
 *
 * @category queries
 * @since 0.1.0
 */
export const features = (
  { underLock, vmemmap }: InitStrategy
): { readonly plus: ReadonlyArray<Feature>; readonly minus: ReadonlyArray<Feature> } => {
  const single: ReadonlyArray<Feature> = ["single-pass-init"]
  const shared: ReadonlyArray<Feature> = ["compound-devmaps", "vmemmap-dedup", "dedup-above-reserve"]
  const head: ReadonlyArray<Feature> = ["dedup-head-only"]
  const passes = underLock === "every page" ? { plus: [], minus: single } : { plus: single, minus: [] }
  switch (vmemmap) {
    case "base":
      return { plus: passes.plus, minus: [...passes.minus, "vmemmap-dedup", ...head] }
    case "compound":
      return { plus: [...passes.plus, ...shared], minus: [...passes.minus, ...head] }
    case "head only":
      return { plus: [...passes.plus, ...shared, ...head], minus: passes.minus }
  }
}

/**
 * The kernel of a strategy as text that `KernelRelease.parse` reads.
 *
 * @category queries
 * @since 0.1.0
 */
export const kernelText = (strategy: InitStrategy): string => {
  const { minus, plus } = features(strategy)
  return strategy.kernel + plus.map((feature) => `+${feature}`).join("") +
    minus.map((feature) => `-${feature}`).join("")
}

/**
 * Background initialisation was posted for x86-64 alone; others answered -EWOULDBLOCK and did all of it at once (ASY-3). Ours asks
 * nothing of an architecture but a virtual memmap.
 *
 * @category queries
 * @since 0.1.0
 */
export const isSupported = (strategy: InitStrategy, arch: Architecture): boolean =>
  strategy.when === "synchronous" ||
  (strategy.populate === "one barrier" ? arch.name.startsWith("x86_64") : arch.vmemmap !== "none")
