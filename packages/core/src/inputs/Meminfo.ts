/**
 * Reads `/proc/meminfo` and `/sys/devices/system/node/nodeN/meminfo` (one or several after one another).
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import { KiB } from "../geometry/Units.ts"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import * as Check from "./Check.ts"
import * as Decoding from "./Decoding.ts"
import type { InputError } from "./InputError.ts"
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
 * Nodes with `total` (MemTotal) and `available` (MemAvailable where printed, else MemFree), in bytes, ascending.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (source: string, text: string): Result.Result<ReadonlyArray<MachineSpec.Node>, InputError> =>
  Result.gen(function*() {
    const nodes = new Map<number, Map<string, number>>()
    for (const line of (yield* JsonText.checkSize(source, text)).split("\n")) {
      const match = lineForm.exec(line)
      if (match === null) continue
      const node = match[1] === undefined ? wholeMachine : Number(match[1])
      const facts = nodes.get(node) ?? new Map<string, number>()
      const key = match[2] ?? ""
      if (facts.has(key)) {
        return yield* Decoding.failAt(
          { source, at: `node ${node}` },
          `has ${key} twice`,
          "give the text once, and not /proc/meminfo together with that of the nodes"
        )
      }
      nodes.set(node, facts.set(key, Number(match[3]) * KiB))
    }
    const found = [...nodes].toSorted(([a], [b]) => a - b).flatMap(([node, facts]): ReadonlyArray<MachineSpec.Node> => {
      const total = facts.get("MemTotal")
      const available = facts.get("MemAvailable") ?? facts.get("MemFree")
      return total === undefined ? [] : [{ node, total, ...(available === undefined ? {} : { available }) }]
    })
    return found.length === 0
      ? yield* Decoding.failAt({ source, at: "" }, "has no line 'MemTotal: … kB'", "give the text of /proc/meminfo")
      : found
  })

/**
 * The same as a description of nothing but nodes.
 *
 * @category parsing
 * @since 0.1.0
 */
export const read = (source: string, text: string): Result.Result<MachineSpec.MachineSpec, InputError> =>
  Result.flatMap(parse(source, text), (nodes) => Check.machine(source, { nodes }))
