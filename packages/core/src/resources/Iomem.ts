/**
 * The resource tree while the machine runs (spec 20.1).
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import type { KernelError } from "../kernel/KernelError.ts"
import * as ResourceTree from "./ResourceTree.ts"

/**
 * `request`, `insert`, `release` and `remove` are those of `ResourceTree` on the machine's own tree; a refusal changes nothing.
 *
 * @category services
 * @since 0.1.0
 */
export class Iomem extends Context.Service<Iomem, {
  readonly tree: () => ResourceTree.Resource
  readonly request: (asked: ResourceTree.Request) => Result.Result<ResourceTree.Resource, KernelError>
  readonly insert: (asked: ResourceTree.Request) => Result.Result<ResourceTree.Resource, KernelError>
  readonly release: (start: number, size: number) => Result.Result<void, KernelError>
  readonly remove: (
    asked: Pick<ResourceTree.Request, "start" | "size" | "name">
  ) => Result.Result<void, KernelError>
}>()("@vmemmap/core/resources/Iomem") {}

/**
 * The tree from what boot left.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (boot: ResourceTree.Resource): Layer.Layer<Iomem> =>
  Layer.sync(Iomem, () => {
    let tree = boot
    const place = (placed: Result.Result<ResourceTree.Placed, KernelError>) =>
      Result.map(placed, (done) => {
        tree = done.tree
        return done.resource
      })
    return Iomem.of({
      tree: () => tree,
      request: (asked) => place(ResourceTree.request(tree, asked)),
      insert: (asked) => place(ResourceTree.insert(tree, asked)),
      release: (start, size) =>
        Result.map(ResourceTree.release(tree, start, size), (next) => {
          tree = next
        }),
      remove: (asked) =>
        Result.map(ResourceTree.remove(tree, asked), (next) => {
          tree = next
        })
    })
  })
