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

const withLines = (holder: unknown, field: string, lines: ReadonlyArray<unknown>): unknown =>
  JsonTree.isRecord(holder) ? { ...holder, [field]: lines } : holder

/**
 * The engine's side with such lines moved from their command to where the kernel's were heard: the first later list with more
 * lines than the engine has for it. Lines heard nowhere stay.
 *
 * @category conversions
 * @since 0.1.0
 */
export const settle = (kernel: Observed, engine: Observed): Observed => {
  const commands = [...listOf(engine["commands"])]
  const theirs = listOf(kernel["commands"])
  const phases = { ...(JsonTree.isRecord(engine["phases"]) ? engine["phases"] : {}) }
  const phase = (observed: Observed, name: string) => LeafPath.member(observed["phases"], name)
  let isChanged = false
  for (const [i, entry] of commands.entries()) {
    if (!begins.test(String(LeafPath.member(entry, "command")))) continue
    const said = listOf(LeafPath.member(entry, "dmesg"))
    const late = said.slice(heard(LeafPath.member(theirs[i], "dmesg")))
    if (late.length === 0) continue
    const isMissed = (heardThere: unknown, saidThere: unknown) => heard(heardThere) > listOf(saidThere).length
    const next = theirs.findIndex((other, j) =>
      j > i && isMissed(LeafPath.member(other, "dmesg"), LeafPath.member(commands[j], "dmesg"))
    )
    const last = Object.keys(phases).findLast((name) =>
      isMissed(
        LeafPath.member(phase(kernel, name), "dmesg_new"),
        LeafPath.member(phases[name], "dmesg_new")
      )
    )
    if (next < 0 && last === undefined) continue
    isChanged = true
    commands[i] = withLines(entry, "dmesg", said.slice(0, said.length - late.length))
    if (next >= 0) {
      commands[next] = withLines(commands[next], "dmesg", [
        ...late,
        ...listOf(LeafPath.member(commands[next], "dmesg"))
      ])
    } else if (last !== undefined) {
      phases[last] = withLines(phases[last], "dmesg_new", [
        ...late,
        ...listOf(LeafPath.member(phases[last], "dmesg_new"))
      ])
    }
  }
  return isChanged ? { ...engine, commands, phases } : engine
}
