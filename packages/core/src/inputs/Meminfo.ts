/**
 * Reads `/proc/meminfo` and `/sys/devices/system/node/nodeN/meminfo` (one or several after one another).
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import * as Check from "./Check.ts"
import { InputError } from "./InputError.ts"
import * as JsonText from "./JsonText.ts"

const lineForm = /^(?:Node ([0-9]{1,6}) )?(MemTotal|MemFree|MemAvailable):\s+([0-9]{1,12}) kB\s*$/

/**
 * Node of `/proc/meminfo`, which does not name one: right on machines with a single node.
 *
 * @category constants
 * @since 0.1.0
 */
export const wholeMachine = 0

/**
 * Nodes with `total` (MemTotal) and `available` (MemAvailable where printed, else MemFree), in bytes.
 *
 * @category parsing
 * @since 0.1.0
 */
export const read = (source: string, text: string): Result.Result<MachineSpec.MachineSpec, InputError> =>
  Result.gen(function*() {
    const nodes = new Map<number, Map<string, number>>()
    for (const line of (yield* JsonText.checkSize(source, text)).split("\n")) {
      const match = lineForm.exec(line)
      if (match === null) continue
      const node = match[1] === undefined ? wholeMachine : Number(match[1])
      const facts = nodes.get(node) ?? new Map<string, number>()
      const key = match[2] ?? ""
      if (facts.has(key)) {
        return yield* Result.fail(
          new InputError({
            source,
            at: `node ${node}`,
            problem: `has ${key} twice`,
            remedy: "give the text once, and not /proc/meminfo together with that of the nodes"
          })
        )
      }
      nodes.set(node, facts.set(key, Number(match[3]) * 1024))
    }
    const read = [...nodes].toSorted(([a], [b]) => a - b).flatMap(([node, facts]): ReadonlyArray<MachineSpec.Node> => {
      const total = facts.get("MemTotal")
      const available = facts.get("MemAvailable") ?? facts.get("MemFree")
      return total === undefined ? [] : [{ node, total, ...(available === undefined ? {} : { available }) }]
    })
    if (read.length === 0) {
      return yield* Result.fail(
        new InputError({
          source,
          at: "",
          problem: "has no line 'MemTotal: … kB'",
          remedy: "give the text of /proc/meminfo"
        })
      )
    }
    return yield* Check.machine(source, { nodes: read })
  })
