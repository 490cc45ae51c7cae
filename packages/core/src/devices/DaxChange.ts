/**
 * Writes to the attributes of dax regions and devices, under the locks sysfs takes for them (24.3).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { FrameAllocator } from "../frames/FrameAllocator.ts"
import type { Architecture } from "../geometry/Architecture.ts"
import type { PfnRange } from "../geometry/PfnRange.ts"
import type { Errno } from "../kernel/Errno.ts"
import { KernelError } from "../kernel/KernelError.ts"
import type { KernelLog } from "../kernel/KernelLog.ts"
import { has, type KernelRelease } from "../release/KernelRelease.ts"
import * as MemmapOnMemory from "../vmemmap/MemmapOnMemory.ts"
import * as DaxBinding from "./DaxBinding.ts"
import * as DaxRegion from "./DaxRegion.ts"

/**
 * What is written to an attribute: `create` and `delete` are the region's, the others the device's (24.3, 25.6).
 *
 * @category models
 * @since 0.1.0
 */
export type Change =
  | { readonly _tag: "Create"; readonly region: number }
  | { readonly _tag: "Delete"; readonly region: number; readonly name: string }
  | { readonly _tag: "Size"; readonly name: string; readonly size: number }
  | { readonly _tag: "Align"; readonly name: string; readonly align: number }
  | { readonly _tag: "Mapping"; readonly name: string; readonly range: PfnRange }
  | { readonly _tag: "MemmapOnMemory"; readonly name: string; readonly value: boolean }

type Answer<A> = Result.Result<A, KernelError>

const fail = (errno: Errno, rule: string, step: string, problem: string, remedy: string) =>
  Effect.fail(new KernelError({ errno, rule, step, problem, remedy }))

/**
 * The writes to the devices of `parents`. `attachDriver` lets the drivers try a new device.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = ({ attachDriver, kernel: { arch, frames, log, release }, parents, refusesOwnMemmap }: {
  readonly kernel: {
    readonly arch: Architecture
    readonly release: KernelRelease
    readonly frames: FrameAllocator["Service"]
    readonly log: KernelLog["Service"]
  }
  readonly parents: ReadonlySet<DaxBinding.Parent>
  readonly attachDriver: (node: DaxBinding.Node) => Effect.Effect<void>
  /** `mhp_supports_memmap_on_memory()`: why no memory block can hold its own memmap, `null` where it can. */
  readonly refusesOwnMemmap: () => string | null
}): (change: Change) => Effect.Effect<string, KernelError> => {
  /** The region's lock, then the device's; nothing is written once the region is being removed. */
  const locked = <A>(
    parent: DaxBinding.Parent,
    name: string,
    body: (node: DaxBinding.Node | undefined) => Effect.Effect<A, KernelError>
  ) =>
    parent.lock.withPermits(1)(Effect.suspend(() => {
      if (parent.isGone) {
        return fail("ENXIO", "24.3", "write", "the region has no driver any more", "attach the region again")
      }
      const node = parent.nodes.get(name)
      const effect = Effect.suspend(() => body(node))
      return node === undefined ? effect : node.lock.withPermits(1)(effect)
    }))

  const absent = (name: string) =>
    fail("ENOENT", "24.3", "write", `there is no ${name}, or it has no such attribute`, "list the dax devices")

  const onDevice = (
    name: string,
    body: (node: DaxBinding.Node) => Effect.Effect<void, KernelError>
  ): Effect.Effect<string, KernelError> =>
    Effect.suspend(() => {
      const parent = [...parents].find(({ nodes }) => nodes.has(name))
      return parent === undefined
        ? absent(name)
        : locked(parent, name, (node) => node === undefined ? absent(name) : Effect.as(body(node), name))
    })

  const write = (
    name: string,
    apply: (region: DaxRegion.Region, isBound: boolean) => Answer<DaxRegion.Region>
  ): Effect.Effect<string, KernelError> =>
    onDevice(
      name,
      ({ binding, parent }) =>
        Effect.fromResult(Result.map(apply(parent.region, binding !== null), (region) => {
          parent.region = region
        }))
    )

  const setMemmapOnMemory = (name: string, value: boolean): Effect.Effect<string, KernelError> =>
    onDevice(name, (node) => {
      if (!has(release, "kmem-memmap-on-memory")) return absent(name)
      const why = value ? refusesOwnMemmap() : null
      if (why !== null) {
        return fail(
          "EOPNOTSUPP",
          "25.6",
          "memmap_on_memory",
          why,
          `boot with ${MemmapOnMemory.bootOption}, where a block can hold its memmap`
        )
      }
      if (node.memmapOnMemory !== value && node.binding?.driver.name === "kmem") {
        return fail("EBUSY", "25.6", "memmap_on_memory", `${name} is System RAM`, "unbind it from kmem first")
      }
      node.memmapOnMemory = value
      return Effect.void
    })

  const dynamic = (id: number) =>
    Effect.suspend(() => {
      const parent = [...parents].find(({ region }) => region.id === id && !region.isStatic)
      return parent === undefined
        ? fail("ENOENT", "24.1", "write", `there is no dynamic region ${id}`, "static regions cannot be divided")
        : Effect.succeed(parent)
    })

  const create = Effect.fnUntraced(function*(id: number) {
    const parent = yield* dynamic(id)
    const node = yield* locked(parent, "", () => {
      const made = DaxRegion.create(parent.region)
      if (Result.isSuccess(made) && !frames.small("dax device")) {
        return fail("ENOMEM", "24.1", "devm_create_dev_dax", "no memory for the device", "free memory")
      }
      return Effect.fromResult(Result.map(made, ({ instance, region }) => {
        parent.region = region
        const added = DaxBinding.add(parent, instance.name)
        parent.seed ??= added
        parent.youngest = added
        return added
      }))
    })
    yield* attachDriver(node)
    return node.name
  })

  const remove = Effect.fnUntraced(function*(id: number, name: string) {
    const parent = yield* dynamic(id)
    return yield* locked(parent, name, (node) =>
      Effect.fromResult(
        Result.map(DaxRegion.destroy(parent.region, name, node !== undefined && node.binding !== null), (region) => {
          parent.region = region
          parent.nodes.delete(name)
          if (parent.seed === node) parent.seed = null
          if (parent.youngest === node) parent.youngest = null
          return name
        })
      ))
  })

  const addMapping = (name: string, range: PfnRange) =>
    write(name, (region, isBound) => {
      const done = DaxRegion.addMapping(arch, region, name, range)
      if (isBound && Result.isSuccess(done)) {
        log.emit({
          _tag: "Hazard",
          rule: "24.3",
          text: `${name}: a mapping was added to a bound device; its driver has not mapped these bytes`
        })
      }
      return done
    })

  return (change) => {
    switch (change._tag) {
      case "Create":
        return create(change.region)
      case "Delete":
        return remove(change.region, change.name)
      case "Size":
        return write(
          change.name,
          (region, isBound) => DaxRegion.resize(arch, region, change.name, change.size, isBound)
        )
      case "Align":
        return write(
          change.name,
          (region, isBound) => DaxRegion.setAlign(arch, region, change.name, change.align, isBound)
        )
      case "Mapping":
        return addMapping(change.name, change.range)
      case "MemmapOnMemory":
        return setMemmapOnMemory(change.name, change.value)
    }
  }
}
