/**
 * Which kernel a `Linux version …` line stands for.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as KernelRelease from "../release/KernelRelease.ts"

/**
 * The name `KernelRelease.parse` reads, from the rest of the line after `Linux version `.
 *
 * `uname -r` of distributions is not the release they are based on: `.el8_4` is `rhel-8.4`; Debian's `6.1.0-50-amd64` names
 * the ABI and the banner ends with the true `Debian 6.1.176-1`; Ubuntu's ends with the upstream release. Kernels this
 * project has no rules for (before 4.2) yield `undefined`.
 *
 * @category parsing
 * @since 0.1.0
 */
export const kernel = (banner: string): string | undefined => {
  const release = /^\S{1,200}/.exec(banner)?.[0] ?? ""
  const enterprise = /\.el([0-9]{1,2})(?:_([0-9]{1,2}))?(?:\.|$)/.exec(release)
  const candidate = enterprise === null
    ? (/\bDebian ([0-9]+\.[0-9]+\.[0-9]+)-/.exec(banner) ??
      /\(Ubuntu [^)]{0,100} ([0-9]+\.[0-9]+\.[0-9]+)\)/.exec(banner) ??
      /^([0-9]+\.[0-9]+(?:\.[0-9]+)?)/.exec(release))?.[1]
    : `rhel-${enterprise[1]}${enterprise[2] === undefined ? "" : `.${enterprise[2]}`}`
  return candidate !== undefined && Result.isSuccess(KernelRelease.parse(candidate)) ? candidate : undefined
}

/**
 * `x86_64` where the banner says so; the other architectures have several page sizes, which it does not tell.
 *
 * @category parsing
 * @since 0.1.0
 */
export const arch = (banner: string): string | undefined =>
  /^\S*(?:\.x86_64|-amd64)(?:\s|$)/.test(banner) ? "x86_64" : undefined
