/**
 * Who gets a namespace: classes recorded in labels, the checks on a claim, and what a bound raw namespace is found to be
 * (21.3 to 21.5, 21.7).
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type { Errno } from "../kernel/Errno.ts"
import { KernelError } from "../kernel/KernelError.ts"
import * as BttInfoBlock from "./BttInfoBlock.ts"
import * as InfoBlock from "./InfoBlock.ts"
import * as InfoBlockValidation from "./InfoBlockValidation.ts"
import * as Namespace from "./Namespace.ts"
import * as Uuid from "./Uuid.ts"

/**
 * Devices that can claim a namespace.
 *
 * @category models
 * @since 0.1.0
 */
export type Claimer = "btt" | "pfn" | "dax"

/**
 * `claim_class`: which device may claim the namespace, as its label says; `none` without labels of version 1.2.
 *
 * @category models
 * @since 0.1.0
 */
export type Class = "none" | "btt" | "btt2" | "pfn" | "dax"

/**
 * The GUIDs by which labels name a class (21.7).
 *
 * @category constants
 * @since 0.1.0
 */
export const classGuids: Readonly<Record<Exclude<Class, "none">, string>> = {
  btt: "8aed63a2-29a2-4c66-8b12-f05d15d3922a",
  btt2: "18633bfc-1735-4217-8ac9-17239282d3f8",
  pfn: "266400ba-fb9f-4677-bcb0-968f11d0d225",
  dax: "97a86d9c-3cdd-4eda-986f-5068b4f80088"
}

/**
 * Whether a class leaves the namespace to a kind of device.
 *
 * @category predicates
 * @since 0.1.0
 */
export const admits = (claimClass: Class, claimer: Claimer): boolean =>
  claimClass === "none" || claimClass === claimer || (claimClass === "btt2" && claimer === "btt")

/**
 * A write of a namespace's name to `btt*`, `pfn*` or `dax*` `/namespace`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Claim {
  readonly claimer: Claimer
  /** The text written. */
  readonly text: string
  /** The claiming device is bound to a driver. */
  readonly bound?: boolean | undefined
  /** The claiming device already holds a namespace. */
  readonly holds?: boolean | undefined
  /** The namespaces of the region by name. */
  readonly siblings: ReadonlyMap<
    string,
    { readonly size: number; readonly claimClass?: Class | undefined; readonly claimedBy?: string | undefined }
  >
}

/**
 * What such a write answers, in order (21.4): the name of the namespace now claimed, or `null` when it was detached.
 *
 * @category claims
 * @since 0.1.0
 */
export const claim = (request: Claim): Result.Result<string | null, KernelError> => {
  const refuse = (errno: Errno, problem: string, remedy: string) =>
    Result.fail(new KernelError({ errno, rule: "21.4", problem, remedy }))
  const name = request.text.trim()
  if (request.bound === true) return refuse("EBUSY", `the ${request.claimer} device is bound`, "disable it first")
  if (name !== "" && !name.startsWith("namespace")) {
    return refuse("EINVAL", `'${name.slice(0, 80)}' names no namespace`, "write namespaceX.Y, or nothing to detach")
  }
  if (name === "") return Result.succeed(null)
  if (request.holds === true) {
    return refuse("EBUSY", `the ${request.claimer} device holds a namespace already`, "detach that one first")
  }
  const sibling = request.siblings.get(name)
  if (sibling === undefined) {
    return refuse("ENODEV", `${name.slice(0, 80)} is not in this region`, "use a namespace of the same region")
  }
  const claimClass = sibling.claimClass ?? "none"
  if (!admits(claimClass, request.claimer)) {
    return refuse("EBUSY", `${name} is reserved for ${claimClass}`, "write its holder_class first")
  }
  if (sibling.size < Namespace.claimMin) {
    return refuse("ENXIO", `${name} has ${sibling.size} bytes`, `at least ${Namespace.claimMin} are needed`)
  }
  if (sibling.claimedBy !== undefined) {
    return refuse("EBUSY", `${name} belongs to ${sibling.claimedBy}`, "disable that device first")
  }
  return Result.succeed(name)
}

/**
 * A raw namespace when it is bound. `media` are its first 8192 bytes.
 *
 * @category models
 * @since 0.1.0
 */
export interface Examined extends InfoBlockValidation.Namespace {
  readonly media: Uint8Array
  readonly claimClass?: Class | undefined
  readonly forceRaw?: boolean | undefined
}

/**
 * What autodetection makes of a namespace, examined for btt, pfn and dax in this order: the device that claims it, or `raw`. Fails with what a pfn or dax block that
 * belongs here but cannot be used answers (EOPNOTSUPP); every other refusal lets the next detector try (21.5).
 *
 * @category detection
 * @since 0.1.0
 */
export const detect = (
  namespace: Examined,
  kernel: InfoBlockValidation.Kernel
): Result.Result<Claimer | "raw", InfoBlockValidation.Refused> => {
  const claimClass = namespace.claimClass ?? "none"
  if (namespace.forceRaw === true || namespace.size < Namespace.claimMin) return Result.succeed("raw")
  if (admits(claimClass, "btt") && hasArena(namespace, claimClass === "btt2")) return Result.succeed("btt")
  const block = namespace.media.subarray(InfoBlock.blockSize)
  for (const [claimer, signature] of [["pfn", "PFN"], ["dax", "DAX"]] as const) {
    if (!admits(claimClass, claimer)) continue
    const found = InfoBlockValidation.validate(block, namespace, { signature }, kernel)
    if (Result.isSuccess(found)) return Result.succeed(claimer)
    if (found.failure.errno === "EOPNOTSUPP") return Result.fail(found.failure)
  }
  return Result.succeed("raw")
}

/** Version 2.0 at byte 0 for the class btt2, else 1.1 at byte 4096; a null parent is anyone's (21.8). */
const hasArena = (namespace: Examined, second: boolean): boolean => {
  const bytes = namespace.media.subarray(second ? 0 : InfoBlock.blockSize).subarray(0, InfoBlock.blockSize)
  const block = Result.getOrUndefined(BttInfoBlock.decode(bytes))
  return block !== undefined && InfoBlock.checksumOf(bytes) === InfoBlock.storedChecksum(bytes) &&
    (block.parentUuid === Uuid.zero || block.parentUuid === (namespace.uuid ?? Uuid.zero).toLowerCase()) &&
    block.versionMajor === (second ? 2 : 1) && block.versionMinor === (second ? 0 : 1)
}
