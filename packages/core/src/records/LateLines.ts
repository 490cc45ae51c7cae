/**
 * Lines of work that goes on after the command that asked for it: ACPI ejects in a queue of its own (HOT-22), and devices a module
 * finds are probed on their own (23.7); both may still go on when the recorder takes the lines of the command.
 *
 * @since 0.1.0
 */
import * as JsonTree from "../inputs/JsonTree.ts"
import * as LeafPath from "./LeafPath.ts"
import * as LineComparison from "./LineComparison.ts"

type Observed = Readonly<Record<string, unknown>>

const begins = /\/eject$|^modprobe /

const listOf = (value: unknown): ReadonlyArray<unknown> => Array.isArray(value) ? value : []

/** How many lines a list has that are or may have been of this subject. */
const heard = (lines: unknown): number =>
  LineComparison.lines(lines, true).filter(({ key, time }) => key !== undefined || time === undefined).length

/** A list of lines: of a command, or of a phase. */
type Place = readonly [holder: "commands" | "phases", key: number | string, field: "dmesg" | "dmesg_new"]

const linesAt = (observed: unknown, [holder, key, field]: Place): ReadonlyArray<unknown> =>
  listOf(LeafPath.member(LeafPath.member(LeafPath.member(observed, holder), key), field))

const withLines = (observed: unknown, [holder, key, field]: Place, lines: ReadonlyArray<unknown>): unknown => {
  const entry = LeafPath.member(LeafPath.member(observed, holder), key)
  return LeafPath.set(observed, [holder, key], JsonTree.isRecord(entry) ? { ...entry, [field]: lines } : entry)
}

/** Where lines of a command may be heard later: with the next commands, or in the last phases. */
const later = (kernel: Observed, engine: Observed, command: number): ReadonlyArray<Place> => [
  ...[...listOf(kernel["commands"]).keys()].slice(command + 1).map((i): Place => ["commands", i, "dmesg"]),
  ...Object.keys(JsonTree.isRecord(engine["phases"]) ? engine["phases"] : {}).toReversed().map((
    name
  ): Place => ["phases", name, "dmesg_new"])
]

/**
 * The engine's side with such lines moved from their command to where the kernel's were heard: the first later list with more
 * lines than the engine has for it. Lines heard nowhere stay.
 *
 * @category conversions
 * @since 0.1.0
 */
export const settle = (kernel: Observed, engine: Observed): Observed => {
  let settled: unknown = engine
  for (const [i, entry] of listOf(engine["commands"]).entries()) {
    if (!begins.test(String(LeafPath.member(entry, "command")))) continue
    const from: Place = ["commands", i, "dmesg"]
    const said = linesAt(settled, from)
    const kept = heard(linesAt(kernel, from))
    if (said.length <= kept) continue
    const to = later(kernel, engine, i).find((place) => heard(linesAt(kernel, place)) > linesAt(settled, place).length)
    if (to === undefined) continue
    const moved = [...said.slice(kept), ...linesAt(settled, to)]
    settled = withLines(withLines(settled, from, said.slice(0, kept)), to, moved)
  }
  return settled as Observed
}
