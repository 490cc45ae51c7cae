/**
 * The kernel that runs: release, architecture and the configuration its memory model depends on.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import type { Architecture } from "../geometry/Architecture.ts"
import type { KernelRelease } from "./KernelRelease.ts"

/**
 * `structPage` is `sizeof(struct page)` in bytes. `poison`: new struct pages are filled with 0xff (CONFIG_DEBUG_VM and not
 * `vm_debug=-`, SEC-10). `sectionEntry` is `sizeof(struct mem_section)`: 32 with PAGE_EXTENSION, as distributions build it,
 * else 16 (GEO-7).
 *
 * @category models
 * @since 0.1.0
 */
export interface Config {
  readonly arch: Architecture
  readonly release: KernelRelease
  readonly structPage: number
  readonly poison: boolean
  readonly sectionEntry: 16 | 32
}

/**
 * The configuration every room below reads.
 *
 * @category services
 * @since 0.1.0
 */
export class Kernel extends Context.Service<Kernel, Config>()("@vmemmap/core/release/Kernel") {}

/**
 * A configuration with the usual answers for what is left out: 64-byte struct pages, no poisoning, page extension.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (config: Pick<Config, "arch" | "release"> & Partial<Config>): Config => ({
  structPage: 64,
  poison: false,
  sectionEntry: 32,
  ...config
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer = (config: Config): Layer.Layer<Kernel> => Layer.succeed(Kernel, config)
