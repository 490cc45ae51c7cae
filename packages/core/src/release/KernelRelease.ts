/**
 * A kernel as a set of features: upstream releases and distribution kernels are presets, `+feature` and `-feature`
 * override.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { catalogue, type Feature, isFeature } from "./Feature.ts"

/**
 * A kernel to plan for.
 *
 * @category models
 * @since 0.1.0
 */
export interface KernelRelease {
  /** As asked for: `6.1`, `rhel-9.4`, `6.12+dedup-head-only`. */
  readonly name: string
  /** The upstream release the feature set starts from, `major.minor`. */
  readonly upstream: string
  readonly features: ReadonlySet<Feature>
  /** What is not known for sure about this kernel: said wherever the answer depends on it. */
  readonly uncertain: ReadonlyArray<{ readonly feature: Feature; readonly why: string }>
}

/**
 * Text that names no kernel there are rules for.
 *
 * @category errors
 * @since 0.1.0
 */
export class UnknownKernel
  extends Schema.TaggedError<UnknownKernel>("@vmemmap/core/KernelRelease/UnknownKernel")("UnknownKernel", {
    text: Schema.String,
    problem: Schema.String
  })
{
  override get message() {
    return `unknown kernel '${this.text}': ${this.problem}; write a release from 4.2 on (6.1, 6.12.8), a distribution ` +
      `kernel (${Object.keys(distributions).join(", ")}), ${
        Object.keys(proposals).join(", ")
      }, or add +feature / -feature`
  }
}

/** Upstream base of distribution kernels and the features they are known to carry on top of it. */
const distributions: Readonly<Record<string, { readonly upstream: string; readonly plus?: ReadonlyArray<Feature> }>> = {
  "rhel-7": { upstream: "4.2", plus: ["zone-device", "altmap"] },
  "rhel-8": {
    upstream: "4.18",
    plus: ["kmem", "sub-sections", "info-block-1.4", "single-pass-init"]
  },
  "rhel-9": { upstream: "5.14", plus: ["compound-devmaps"] },
  "rhel-10": { upstream: "6.12" },
  "sles-15.4": { upstream: "5.14" },
  "sles-15.6": { upstream: "6.4" },
  "ubuntu-20.04": { upstream: "5.4" },
  "ubuntu-22.04": { upstream: "5.15" },
  "ubuntu-24.04": { upstream: "6.8" },
  "debian-11": { upstream: "5.10" },
  "debian-12": { upstream: "6.1" },
  "debian-13": { upstream: "6.12" }
}

interface Proposal {
  readonly upstream: string
  readonly plus: ReadonlyArray<Feature>
  readonly uncertain: KernelRelease["uncertain"]
}

/** Both postings of July 2018 made the check at mount time a matter of debugging (ASY-9). */
const async2018: Proposal = {
  upstream: "4.18",
  plus: ["memmap-state", "dax-mount-probe-debug"],
  uncertain: [{
    feature: "memmap-state",
    why: "here every struct page is written before its device appears; simulate shows initialisation in the background"
  }]
}

/** Series that no release has. */
const proposals: Readonly<Record<string, Proposal>> = {
  "proposed-2026": { upstream: "6.18", plus: ["dedup-head-only", "dedup-early-section-fix"], uncertain: [] },
  "async-2018-v1": async2018,
  "async-2018-v2": async2018
}

/**
 * `major.minor` of the newest release with rules of its own.
 *
 * @category constants
 * @since 0.1.0
 */
export const newest = "6.18"

/**
 * The kernel the specification and the recordings describe: what is planned for when no source names one.
 *
 * @category constants
 * @since 0.1.0
 */
export const baseline = "6.1"

const rank = (release: string): number => {
  const [major = "0", minor = "0"] = release.split(".")
  return Number(major) * 1000 + Number(minor)
}

const upstreamFeatures = (upstream: string): Set<Feature> => {
  const at = rank(upstream)
  const features = new Set<Feature>()
  for (const [name, { since, ...rest }] of Object.entries(catalogue)) {
    const until = "until" in rest ? rest.until : undefined
    const isThere = since !== null && rank(since) <= at && (until === undefined || at < rank(until))
    if (isThere && isFeature(name)) features.add(name)
  }
  return features
}

/** Backports into 6.1 stable, where the `.patch` number decides (22.3, CMP-1). */
const stable61 = (patch: number | undefined, features: Set<Feature>): KernelRelease["uncertain"] => {
  if (patch === 0) return []
  if (patch === undefined || patch >= 176) {
    features.delete("reserve-128")
    features.delete("dedup-any-arch")
    features.add("dedup-above-reserve")
    return []
  }
  features.delete("reserve-128")
  return [{
    feature: "reserve-128",
    why: `6.1.0 set 128 bytes aside per page, 6.1.176 does not; which stable release changed it is not known, so 6.1.${
      String(patch)
    } may`
  }]
}

/** `uname -r` of an enterprise kernel names the distribution: `4.18.0-553.el8_10.x86_64`. */
const enterprise = (text: string): string | undefined => {
  const name = /\.el([0-9]{1,2})(?:[_.]|$)/.exec(text)
  return name !== null && Object.hasOwn(distributions, `rhel-${name[1]}`) ? `rhel-${name[1]}` : undefined
}

const fromUpstream = (text: string): KernelRelease | UnknownKernel => {
  const match = /^([0-9]{1,2})\.([0-9]{1,3})(?:\.([0-9]{1,4}))?(?:[-~].*)?$/.exec(text)
  if (match === null) return new UnknownKernel({ text, problem: "not a release number" })
  const upstream = `${Number(match[1])}.${Number(match[2])}`
  if (rank(upstream) < rank("4.2")) {
    return new UnknownKernel({ text, problem: "there are no rules for releases before 4.2" })
  }
  const features = upstreamFeatures(upstream)
  const patch = match[3] === undefined ? undefined : Number(match[3])
  return {
    name: text,
    upstream,
    features,
    uncertain: upstream === "6.1"
      ? stable61(patch, features)
      : rank(upstream) > rank(newest)
      ? [{ feature: "vmemmap-dedup", why: `rules are known up to ${newest}; ${upstream} is taken to behave like it` }]
      : []
  }
}

const fromBase = (text: string): KernelRelease | UnknownKernel => {
  const distribution = Object.hasOwn(distributions, text) ? distributions[text] : undefined
  const proposal = Object.hasOwn(proposals, text) ? proposals[text] : undefined
  const known = proposal ?? distribution
  if (known === undefined) {
    const name = /^(rhel-[0-9]+)\.[0-9]+$/.exec(text)?.[1] ?? enterprise(text)
    if (name === undefined || !Object.hasOwn(distributions, name)) return fromUpstream(text)
    const release = fromBase(name)
    return release instanceof UnknownKernel ? release : { ...release, name: text }
  }
  const base = fromUpstream(known.upstream)
  if (base instanceof UnknownKernel) return base
  return {
    ...base,
    name: text,
    features: new Set([...base.features, ...(known.plus ?? [])]),
    uncertain: proposal !== undefined
      ? proposal.uncertain
      : [...base.uncertain, {
        feature: "vmemmap-dedup",
        why: `${text} is taken as ${known.upstream} with known backports; override with +feature or -feature`
      }]
  }
}

interface Override {
  readonly add: boolean
  readonly feature: Feature
}

/** Takes `+feature` and `-feature` off the end until none is left; the first override comes first. */
const peelOverrides = (
  text: string,
  overrides: ReadonlyArray<Override>
): { readonly base: string; readonly overrides: ReadonlyArray<Override> } => {
  const feature = Object.keys(catalogue)
    .filter((name) => text.endsWith(`+${name}`) || text.endsWith(`-${name}`))
    .toSorted((a, b) => b.length - a.length)[0]
  if (feature === undefined || !isFeature(feature)) return { base: text, overrides }
  const at = text.length - feature.length - 1
  return peelOverrides(text.slice(0, at), [{ add: text[at] === "+", feature }, ...overrides])
}

/** What was parsed lately: fleets name a handful of kernels a hundred thousand times. */
const recent = new Map<string, Result.Result<KernelRelease, UnknownKernel>>()

/**
 * Reads `6.1`, `6.1.176`, `6.12.8-amd64`, `rhel-9.4`, `proposed-2026`, each with overrides such as `+dedup-head-only` or
 * `-vmemmap-dedup` appended.
 *
 * @category constructors
 * @since 0.1.0
 */
export const parse = (text: string): Result.Result<KernelRelease, UnknownKernel> => {
  const known = recent.get(text)
  if (known !== undefined) return known
  const parsed = read(text)
  if (recent.size >= 64) recent.clear()
  recent.set(text, parsed)
  return parsed
}

/** A kernel that is known, with a feature that is not. */
const unknownFeature = (text: string): UnknownKernel | null => {
  const plus = text.indexOf("+")
  return plus < 1 || fromBase(text.slice(0, plus)) instanceof UnknownKernel ? null : new UnknownKernel({
    text,
    problem: `${text.slice(plus)} is none of the features ${Object.keys(catalogue).join(", ")}`
  })
}

const read = (text: string): Result.Result<KernelRelease, UnknownKernel> => {
  const { base, overrides } = peelOverrides(text.trim().slice(0, 200), [])
  const release = fromBase(base)
  if (release instanceof UnknownKernel) return Result.fail(unknownFeature(base) ?? release)
  const features = new Set(release.features)
  for (const { add, feature } of overrides) {
    if (add) features.add(feature)
    else features.delete(feature)
  }
  return Result.succeed({
    ...release,
    name: text.trim(),
    features,
    uncertain: release.uncertain.filter((u) => !overrides.some((o) => o.feature === u.feature))
  })
}

/**
 * Whether the kernel behaves so.
 *
 * @category queries
 * @since 0.1.0
 */
export const has = (release: KernelRelease, feature: Feature): boolean => release.features.has(feature)
