/** A machine of one range of RAM and one of persistent memory. */
import { Result } from "effect"
import { GiB } from "../../src/geometry/Units.ts"
import type { KernelError } from "../../src/kernel/KernelError.ts"
import * as ResourceTree from "../../src/resources/ResourceTree.ts"

const { Desc, Flag } = ResourceTree

export const done = <A>(result: Result.Result<A, KernelError>): A => Result.getOrThrow(result)

export const put = (tree: ResourceTree.Resource, ...asked: ReadonlyArray<ResourceTree.Request>) =>
  asked.reduce((t, a) => done(ResourceTree.insert(t, a)).tree, tree)

export const pmem = { start: 4 * GiB, size: GiB, name: "Persistent Memory", desc: Desc.persistentMemory }
export const ram = { start: GiB, size: GiB, name: "System RAM", flags: Flag.memory | Flag.systemRam, busy: true }
export const machine = put(ResourceTree.empty, ram, pmem)

export const errno = (result: Result.Result<unknown, KernelError>): string =>
  Result.match(result, { onSuccess: () => "ok", onFailure: (error) => error.errno })
