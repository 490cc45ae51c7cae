/**
 * Kernel modules: what `modprobe` and `rmmod` reach.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type { KernelError } from "../kernel/KernelError.ts"

/**
 * - `known` are the names of all modules there are, as `modprobe` takes them; `builtin` of them are part of the kernel, always
 *   there and never loaded
 * - `needs` lists the modules that one uses, those first that use others
 * - `load` loads one and what it needs; loading it again does nothing. ENOENT for a module there is not
 * - `unload` takes one away; ENOENT when it is not loaded, EAGAIN while it is in use: by another module, or by an enabled region
 *   of the bus it registered (OBS-31)
 *
 * @category services
 * @since 0.1.0
 */
export class Modules extends Context.Service<Modules, {
  readonly known: ReadonlyArray<string>
  readonly builtin: ReadonlyArray<string>
  readonly needs: (name: string) => ReadonlyArray<string>
  readonly loaded: () => ReadonlyArray<string>
  readonly load: (name: string) => Effect.Effect<void, KernelError>
  readonly unload: (name: string) => Effect.Effect<void, KernelError>
}>()("@vmemmap/core/sysfs/Modules") {}
