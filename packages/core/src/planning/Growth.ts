/**
 * How far a machine can grow by memory hotplug before the memory needed to describe new memory runs out (question 1).
 *
 * Each step adds memory, and its memmap, page tables and memory blocks must be paid from memory that exists before it: boot
 * RAM, and memory added earlier **if it was onlined to a kernel zone**; ZONE_MOVABLE and offline memory pay for nothing.
 * With memmap_on_memory the memmap lies on the added memory itself and only the rest is paid from RAM.
 *
 * `online` says when and where added memory is onlined:
 *
 * - `auto`, the default: no added memory helps to pay for the next. A memory device is onlined only after all of them were
 *   added (cold-plugged, or by a udev rule that comes late), virtio-mem and kmem memory goes to ZONE_MOVABLE. This is what
 *   reproduces the public report of a 1 GiB guest that lives with 40 DIMMs of 1 GiB and panics with 60;
 * - `kernel`: each step is onlined to a kernel zone before the next is added (`memhp_default_state=online` does that);
 * - `movable`: the same to ZONE_MOVABLE;
 * - `auto-movable`: the kernel's policy of that name, which fills ZONE_MOVABLE up to a ratio of boot memory (HOT-16).
 *
 * Held against a 6.1.176 guest of 1 GiB with up to 60 DIMMs of 1 GiB: onlined to a kernel zone or by auto-movable it gets
 * all 60; never onlined it has 48 (plugged while running) or 50 (at boot) when the next fails with "vmemmap alloc failure"
 * and the kernel panics, "System is deadlocked on memory"; onlined to ZONE_MOVABLE 51 or 53. 40 always work.
 *
 * Costs follow GEO-7, GEO-8, GEO-9, GEO-12 and GEO-13, HOT-2, HOT-12, HOT-16 and HOT-22. Work per step does not depend on
 * its size.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as HumanSize from "../geometry/HumanSize.ts"
import { has } from "../release/KernelRelease.ts"
import * as ZoneChoice from "../zones/ZoneChoice.ts"
import * as Footprint from "./Footprint.ts"
import * as GrowthCost from "./GrowthCost.ts"
import { whatWouldHelp } from "./GrowthHelp.ts"
import { check, type GrowthError, type Request, type Setup, setup } from "./GrowthRequest.ts"
import * as GrowthSteps from "./GrowthSteps.ts"

const size = HumanSize.formatBinary

/**
 * `step` counts from 1; `total` is the size that is not reached.
 *
 * @category models
 * @since 0.1.0
 */
export const Failure = Schema.Struct({
  step: Schema.Natural.annotate({ description: "Number of the step, from 1." }),
  total: Schema.Natural.annotate({ description: "Bytes of memory that are not reached." }),
  reason: Schema.String.annotate({ description: "Why the step fails." }),
  whatWouldHelp: Schema.Array(Schema.String).annotate({ description: "Variants that get further, each computed." })
}).annotate({ identifier: "Failure", description: "The first step that fails." })
/** @since 0.1.0 */
export interface Failure extends Schema.Schema.Type<typeof Failure> {}

/**
 * The steps up to `to`, or up to and including the first that fails. `maximum` is the largest total that works.
 *
 * @category models
 * @since 0.1.0
 */
export const Growth = Schema.Struct({
  steps: Schema.Array(GrowthSteps.Step).annotate({
    description: "The steps in order, up to and including the first that fails."
  }),
  maximum: Schema.Natural.annotate({ description: "Largest total that works, in bytes." }),
  firstFailure: Schema.NullOr(Failure).annotate({ description: "null when every step works." }),
  assumptions: Schema.Array(Schema.String).annotate({ description: "What was assumed because nothing says it." })
})
/** @since 0.1.0 */
export interface Growth extends Schema.Schema.Type<typeof Growth> {}

const onlineText = (s: Setup): string => {
  switch (s.online) {
    case "kernel":
      return "each step is onlined to a kernel zone before the next is added, so it can pay for later steps"
    case "movable":
      return "each step is onlined to ZONE_MOVABLE before the next is added: it pays for nothing, boot RAM pays for all"
    case "auto-movable":
      return has(s.release, "auto-movable")
        ? `policy auto-movable with the default ratio of ${ZoneChoice.defaultRatio} % decides the zone of each step (HOT-16)`
        : "this kernel has no auto-movable policy: each step is onlined to a kernel zone"
    case "auto":
      return s.how === "dimm"
        ? "all memory is added before any of it is online (cold-plugged, or onlined late by a udev rule): boot RAM pays for all"
        : s.how === "kmem"
        ? "daxctl onlines to ZONE_MOVABLE (25.4): boot RAM pays for all"
        : "virtio-mem memory is onlined to ZONE_MOVABLE as it comes (the driver waits when much is offline): boot RAM pays for all"
  }
}

const assumptions = (s: Setup): ReadonlyArray<string> => [
  onlineText(s),
  `memory blocks of ${size(s.blockSize)}` +
  (s.blockSize === s.arch.sectionSize ? "" : " (GEO-15)") + `, new memory contiguous from ${size(s.start)} on`,
  `the idle guest itself takes ${size(s.base - Footprint.free(s.footprint, s.arch, s.structPage, s.base))} of ${
    size(s.base)
  }` +
  (s.footprint === Footprint.recorded
    ? ", as a recorded 6.1 guest with a minimal userland: a real one takes more"
    : ""),
  "nothing else uses memory while it grows, and 2 MiB blocks for the memmap can be found in what is free",
  ...(s.memmapOnMemory && !s.selfHosted ? [`memmap_on_memory is not used: ${GrowthCost.whyNotSelfHosted(s)}`] : []),
  ...s.release.uncertain.filter((u) => u.feature.includes("memmap-on-memory")).map((u) => u.why)
]

/**
 * The steps from `base` to `to`, what each costs, and where it ends.
 *
 * @category constructors
 * @since 0.1.0
 */
export const plan = (request: Request): Result.Result<Growth, GrowthError> => {
  const wrong = check(request)
  if (wrong !== null) return Result.fail(wrong)
  const s = setup(request)
  const run = GrowthSteps.run(s)
  const last = run.steps.at(-1)
  return Result.succeed({
    ...run,
    firstFailure: last === undefined || last.ok || last.reason === null ? null : {
      step: run.steps.length,
      total: last.total,
      reason: last.reason,
      whatWouldHelp: whatWouldHelp(s, run.maximum, Math.min(s.step, s.to - s.base - (run.steps.length - 1) * s.step))
    },
    assumptions: assumptions(s)
  })
}
