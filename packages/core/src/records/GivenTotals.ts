/**
 * Memory totals as a recording shows them: what boot left is given, changes since are the model's (OBS-10).
 *
 * How much of its RAM a kernel keeps for itself does not follow from the description of a machine.
 *
 * @since 0.1.0
 */
import * as JsonTree from "../inputs/JsonTree.ts"
import { givenPhase } from "./KernelRecord.ts"

type Phase = Readonly<Record<string, unknown>>

const total = (phase: Phase | undefined): number => {
  const meminfo = phase?.["meminfo"]
  const value = JsonTree.isRecord(meminfo) ? meminfo["MemTotal"] : undefined
  return typeof value === "number" ? value : 0
}

const line = /^(Node ([0-9]+) MemTotal: *)([0-9]+) kB$/gm

const byNode = (phase: Phase | undefined): ReadonlyMap<string, number> => {
  const text = phase?.["nodes"]
  return new Map(
    typeof text === "string"
      ? [...text.matchAll(line)].map(([, , node = "", kilobytes]) => [node, Number(kilobytes)])
      : []
  )
}

const rebased = (text: string, change: (node: string) => number): string =>
  text.replace(line, (_, head: string, node: string, kilobytes: string) => {
    const width = head.length + kilobytes.length
    const figure = String(Number(kilobytes) + change(node))
    return `${head.trimEnd()}${figure.padStart(Math.max(figure.length + 1, width - head.trimEnd().length))} kB`
  })

/**
 * The phases with `MemTotal`, of the machine and of each node, as far above or below the given one as they are above or below
 * the model's own `before-drivers`. Where nothing is given, of a machine that is only described, the model's own stand.
 *
 * @category conversions
 * @since 0.1.0
 */
export const complete = (
  phases: Readonly<Record<string, Phase>>,
  given: Phase
): Readonly<Record<string, Phase>> => {
  if (!JsonTree.isRecord(given["meminfo"]) && typeof given["nodes"] !== "string") return phases
  const own = phases[givenPhase]
  const [givenNodes, ownNodes] = [byNode(given), byNode(own)]
  const change = total(given) - total(own)
  const nodeChange = (node: string) => (givenNodes.get(node) ?? 0) - (ownNodes.get(node) ?? 0)
  return Object.fromEntries(
    Object.entries(phases).map(([name, phase]) => {
      const { meminfo, nodes } = phase
      return [name, {
        ...phase,
        ...(JsonTree.isRecord(meminfo) ? { meminfo: { ...meminfo, MemTotal: total(phase) + change } } : {}),
        ...(typeof nodes === "string" ? { nodes: rebased(nodes, nodeChange) } : {})
      }]
    })
  )
}
