/**
 * The modules of a modelled machine: which there are, what uses what, and what loading them does (OBS-31).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { DaxDevices } from "../devices/DaxDevices.ts"
import { Hmem } from "../devices/Hmem.ts"
import { NvdimmBus } from "../devices/NvdimmBus.ts"
import { KernelError } from "../kernel/KernelError.ts"
import { Modules } from "./Modules.ts"

/** What each module uses, those first that use others. */
const uses = {
  nfit: ["libnvdimm"],
  nd_e820: ["libnvdimm"],
  virtio_pmem: ["libnvdimm"],
  nd_pmem: ["nd_btt", "libnvdimm"],
  dax_pmem: ["libnvdimm"],
  libnvdimm: [],
  nd_btt: ["libnvdimm"],
  dax: [],
  device_dax: [],
  kmem: [],
  dax_hmem: []
} as const satisfies Readonly<Record<string, ReadonlyArray<string>>>

type Name = keyof typeof uses

const isKnown = (name: string): name is Name => Object.hasOwn(uses, name)

/** The providers, by the name of the bus they register. */
const registered: Readonly<Record<string, Name>> = {
  "ACPI.NFIT": "nfit",
  e820: "nd_e820",
  "virtio-pmem": "virtio_pmem"
}

const builtin: ReadonlyArray<string> = ["dax"]

/**
 * Modules in the order in which a machine loads them when it boots.
 *
 * @category constants
 * @since 0.1.0
 */
export const atBoot = [
  "nfit",
  "nd_e820",
  "virtio_pmem",
  "nd_pmem",
  "dax_pmem",
  "device_dax",
  "dax_hmem"
] as const satisfies ReadonlyArray<Name>

/** `-` and `_` are the same in names of modules. */
const canonical = (name: string): string => name.replaceAll("-", "_")

const fail = (errno: "EAGAIN" | "ENOENT", problem: string, remedy: string) =>
  Effect.fail(new KernelError({ errno, rule: "OBS-31", problem, remedy }))

/**
 * Nothing is loaded yet. Modules that only have to be there do nothing: what they bind is matched by name, or comes with
 * another one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.gen(function*() {
  const bus = yield* NvdimmBus
  const hmem = yield* Hmem
  const dax = yield* DaxDevices
  yield* dax.unload("kmem")
  const known = Object.keys(uses)
  const loaded = new Set<Name>()
  const needs = (name: string): ReadonlyArray<Name> => isKnown(name) ? uses[name] : []

  const begin = (name: Name): Effect.Effect<void, KernelError> => {
    if (loaded.has(name) || builtin.includes(name)) return Effect.void
    loaded.add(name)
    switch (name) {
      case "dax_hmem":
        return hmem.load
      case "nfit":
      case "nd_e820":
      case "virtio_pmem":
      case "nd_pmem":
      case "dax_pmem":
        return bus.load(name)
      case "device_dax":
      case "kmem":
        return dax.load(name)
      default:
        return Effect.void
    }
  }

  const end = (name: Name): Effect.Effect<void, KernelError> => {
    const user = [...loaded].find((other) => needs(other).includes(name)) ??
      bus.regions().find(({ bus: { provider }, enabled }) => enabled && registered[provider] === name)?.name
    if (user !== undefined) {
      return fail(
        "EAGAIN",
        `${name} is in use by ${user}`,
        user.startsWith("region") ? "disable it" : "unload it first"
      )
    }
    loaded.delete(name)
    switch (name) {
      case "dax_hmem":
        return hmem.unload
      case "nfit":
      case "nd_e820":
      case "virtio_pmem":
      case "nd_pmem":
      case "dax_pmem":
        return bus.unload(name)
      case "device_dax":
      case "kmem":
        return dax.unload(name)
      default:
        return Effect.void
    }
  }

  return Modules.of({
    known,
    builtin,
    needs,
    loaded: () => [...loaded],
    load: (given) =>
      Effect.suspend(() => {
        const name = canonical(given)
        return isKnown(name)
          ? Effect.forEach([...needs(name).toReversed(), name], begin, { discard: true })
          : fail("ENOENT", `there is no module ${name.slice(0, 40)}`, `modelled are ${known.join(", ")}`)
      }),
    unload: (given) =>
      Effect.suspend(() => {
        const name = canonical(given)
        return isKnown(name) && loaded.has(name)
          ? end(name)
          : fail("ENOENT", `${name.slice(0, 40)} is not loaded`, `loaded are ${[...loaded].join(", ")}`)
      })
  })
})
