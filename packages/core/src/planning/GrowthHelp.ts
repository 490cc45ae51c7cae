/**
 * What would let a machine grow further than it does: every suggestion is computed, and says how far it gets.
 *
 * @since 0.1.0
 */
import * as Alignment from "../geometry/Alignment.ts"
import * as HumanSize from "../geometry/HumanSize.ts"
import { GiB } from "../geometry/Units.ts"
import * as MemmapOnMemory from "../vmemmap/MemmapOnMemory.ts"
import * as Footprint from "./Footprint.ts"
import * as GrowthCost from "./GrowthCost.ts"
import { check, type Request, type Setup, setup } from "./GrowthRequest.ts"
import { initial, refusal, run } from "./GrowthSteps.ts"

const size = HumanSize.formatBinary

/** RAM needed to add all of `bytes`. */
const needed = (s: Setup, bytes: number): number => {
  const cost = GrowthCost.between(s, 0, Alignment.up(bytes, s.blockSize))
  return (s.selfHosted ? 0 : cost.memmap) + cost.pageTables + cost.bookkeeping
}

const reach = (request: Request): number | null => check(request) === null ? run(setup(request)).maximum : null

/**
 * Variants of the request that get further than `maximum`, each with how far. `asked` is the size of the device that
 * failed.
 *
 * @category constructors
 * @since 0.1.0
 */
export const whatWouldHelp = (s: Setup, maximum: number, asked: number): ReadonlyArray<string> => {
  const request: Request = s
  const help: Array<string> = []
  const offer = (variant: Partial<Request>, text: string) => {
    const total = reach({ ...request, ...variant })
    if (total !== null && total > maximum) {
      help.push(`${text}: ${total >= s.to ? `reaches ${size(s.to)}` : `gets to ${size(total)}`}`)
    }
    return total ?? 0
  }
  if (refusal(s, asked) !== null) {
    const step = Alignment.up(s.step, s.blockSize)
    const to = s.base + Alignment.up(s.to - s.base, step)
    offer({ step, to }, `devices of whole memory blocks: steps of ${size(step)} up to ${size(to)}`)
    return help
  }
  if (s.online !== "kernel") {
    offer(
      { online: "kernel" },
      "online every step to a kernel zone before the next is added (memhp_default_state=online_kernel), so that added memory pays"
    )
  }
  const kernelShare = enoughKernel(s)
  if (kernelShare !== null) {
    help.push(
      `online the first ${size(kernelShare)} of it to a kernel zone, the rest may be Movable: reaches ${size(s.to)}`
    )
  }
  if (!s.selfHosted) {
    const now = offer(
      { memmapOnMemory: true },
      s.how === "kmem" ? "memmap_on_memory for the device" : MemmapOnMemory.bootOption
    )
    if (now <= maximum && s.how !== "virtio-mem") {
      const features = new Set([
        ...s.release.features,
        ...["memmap-on-memory", "memmap-on-memory-split", "kmem-memmap-on-memory"] as const
      ])
      offer({ memmapOnMemory: true, release: { ...s.release, features } }, "memmap_on_memory with a kernel from 6.8 on")
    }
  }
  const smaller = smallerStep(s, maximum)
  if (smaller !== null) offer({ step: smaller }, `smaller steps, ${size(smaller)} at a time`)
  const base = enoughRam(s)
  if (base !== null) help.push(`boot with ${size(base)} of RAM or more: reaches ${size(s.to)}`)
  return help
}

/** Half, a quarter … of the step, as long as that gets further; only where added memory pays. */
const smallerStep = (s: Setup, maximum: number): number | null => {
  if (s.online !== "kernel" && s.online !== "auto-movable") return null
  for (let step = s.step / 2; step >= s.blockSize && step % s.blockSize === 0; step /= 2) {
    const total = reach({ ...s, step })
    if (total === null) return null
    if (total > maximum) return step
  }
  return null
}

/** The least added memory, in whole steps, that has to be in a kernel zone to pay for all; null where it is no choice. */
const enoughKernel = (s: Setup): number | null => {
  if (s.online === "kernel" || s.online === "auto-movable") return null
  const state = initial(s)
  const zones = (kernel: number) => ({
    kernel: state.zones.kernel + kernel,
    movable: 0,
    kernelZones: s.kernelZonesAtMost
  })
  const left = (kernel: number) => state.free + kernel - Footprint.reserved(s.footprint, s.arch, zones(kernel))
  const missing = needed(s, s.to - s.base) - left(0)
  // The watermarks grow with the zone, by their cap at most.
  const share = Alignment.up(missing / (1 - s.footprint.reservedShare), s.step)
  return missing > 0 && share < s.to - s.base && needed(s, share) <= left(0) && needed(s, s.to - s.base) <= left(share)
    ? share
    : null
}

/** The least boot RAM, in units of 256 MiB, that pays for everything itself. */
const enoughRam = (s: Setup): number | null => {
  const unit = GiB / 4
  const pays = (base: number): boolean => {
    const variant = setup({ ...s, base })
    const state = initial(variant)
    return needed(variant, s.to - base) <= state.free - Footprint.reserved(variant.footprint, variant.arch, state.zones)
  }
  let low = Math.ceil((s.base + 1) / unit)
  let high = Math.floor(s.to / unit)
  if (high < low || !pays(high * unit)) return null
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    if (pays(middle * unit)) high = middle
    else low = middle + 1
  }
  return high * unit
}
