/**
 * Memory groups: blocks that came with one device, for policies that treat them as one (HOT-15).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Alignment from "../geometry/Alignment.ts"
import * as KernelError from "../kernel/KernelError.ts"
import type * as ZoneChoice from "../zones/ZoneChoice.ts"
import { MemoryBlocks } from "./MemoryBlocks.ts"
import { Nodes } from "./Nodes.ts"

/**
 * A group of memory on a node: static ones hold at most `maxPages`, dynamic ones grow in units of `unitPages`.
 *
 * @category models
 * @since 0.1.0
 */
export type Request =
  & { readonly node: number }
  & ({ readonly kind: "static"; readonly maxPages: number } | { readonly kind: "dynamic"; readonly unitPages: number })

/**
 * A registered group; `kernel` and `movable` are its online pages in kernel zones and in Movable.
 *
 * @category models
 * @since 0.1.0
 */
export type Group = ZoneChoice.Group & { readonly id: number; readonly node: number }

/**
 * - `register` answers the group's number; EINVAL without pages, with a unit that is no power of two of at least one block,
 *   or on an impossible node
 * - `unregister` fails with EINVAL for an unknown group, EBUSY while it has blocks
 * - `account` adds (or takes) online pages of a zone kind
 *
 * @category services
 * @since 0.1.0
 */
export class MemoryGroups extends Context.Service<MemoryGroups, {
  readonly register: (request: Request) => Result.Result<number, KernelError.KernelError>
  readonly unregister: (id: number) => Result.Result<void, KernelError.KernelError>
  readonly find: (id: number) => Group | undefined
  readonly all: () => ReadonlyArray<Group>
  readonly account: (id: number, kind: "kernel" | "movable", pages: number) => void
}>()("@vmemmap/core/hotplug/MemoryGroups") {}

const refuse = (errno: "EINVAL" | "EBUSY", step: string, problem: string, remedy: string) =>
  KernelError.fail({ errno, rule: "HOT-15", step, problem, remedy })

/**
 * @category constructors
 * @since 0.1.0
 */
export const make = Effect.gen(function*() {
  const blocks = yield* MemoryBlocks
  const nodes = yield* Nodes
  const groups = new Map<number, Group>()
  let next = 0

  const unregister = (id: number) => {
    const step = "memory_group_unregister"
    if (!groups.has(id)) return refuse("EINVAL", step, `there is no memory group ${id}`, "name a registered group")
    if (blocks.runs().some(({ value }) => value.group === id)) {
      return refuse("EBUSY", step, `memory group ${id} still has blocks`, "remove its memory first")
    }
    groups.delete(id)
    return Result.succeed(undefined)
  }

  return MemoryGroups.of({
    register: (request) => {
      const step = "memory_group_register"
      if (!nodes.isPossible(request.node)) {
        return refuse("EINVAL", step, `node ${request.node} is not possible`, "use a node that firmware names")
      }
      if (request.kind === "static" && request.maxPages <= 0) {
        return refuse("EINVAL", step, "a static group without pages", "give the pages of the device")
      }
      if (
        request.kind === "dynamic" &&
        (!Alignment.isPowerOfTwo(request.unitPages) || request.unitPages < blocks.pages)
      ) {
        return refuse(
          "EINVAL",
          step,
          `a unit of ${request.unitPages} pages`,
          `give a power of two of at least ${blocks.pages} pages, one memory block`
        )
      }
      const id = next++
      groups.set(id, { ...request, id, kernel: 0, movable: 0 })
      return Result.succeed(id)
    },
    unregister,
    find: (id) => groups.get(id),
    all: () => [...groups.values()],
    account: (id, kind, pages) => {
      const group = groups.get(id)
      if (group !== undefined) groups.set(id, { ...group, [kind]: group[kind] + pages })
    }
  })
})

/**
 * @category layers
 * @since 0.1.0
 */
export const layer: Layer.Layer<MemoryGroups, never, MemoryBlocks | Nodes> = Layer.effect(MemoryGroups, make)
