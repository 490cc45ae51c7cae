/**
 * `ndctl init-labels`, `zero-labels` and `check-labels` (76): label areas of DIMMs, texts and exit statuses of OBS-26.
 *
 * The tool reads and writes label areas by ioctl; here files of the DIMM stand in for that.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type * as Errno from "../kernel/Errno.ts"
import * as SysfsTree from "../sysfs/SysfsTree.ts"
import * as NdctlDevices from "./NdctlDevices.ts"
import * as NdctlFilter from "./NdctlFilter.ts"
import * as NdctlOptions from "./NdctlOptions.ts"
import * as NdctlSession from "./NdctlSession.ts"
import * as NdctlView from "./NdctlView.ts"
import * as Tool from "./Tool.ts"
import * as ToolFailure from "./ToolFailure.ts"
import * as ToolOptions from "./ToolOptions.ts"

type Session = NdctlSession.Session

interface Action {
  readonly command: ToolOptions.Command
  readonly past: string
  readonly noun: string
  readonly act: (
    session: Session,
    options: ToolOptions.Parsed,
    dimm: NdctlView.Dimm
  ) => Effect.Effect<void, ToolFailure.ToolFailure, never>
}

const versions: Readonly<Record<string, "1.1" | "1.2">> = { "1.1": "1.1", "v1.1": "1.1", "1.2": "1.2", "v1.2": "1.2" }

const versionOf = ({ texts }: ToolOptions.Parsed): "1.1" | "1.2" | undefined =>
  versions[texts.get("label-version") ?? "1.1"]

const isDimmName = (word: string): boolean => /^nmem\s*[+-]?[0-9]/.test(word)

/** Every DIMM meant by a word, once for each word; the first failure decides. */
const each = Effect.fnUntraced(function*(session: Session, options: ToolOptions.Parsed, words: ReadonlyArray<string>, {
  act
}: Action) {
  let count = 0
  let failed: Errno.Errno | undefined
  for (const word of words.filter((name) => name === "all" || isDimmName(name))) {
    for (const bus of yield* NdctlView.buses(session.tree)) {
      if (!NdctlFilter.isBus(bus, options.texts.get("bus"))) continue
      for (const dimm of yield* NdctlView.dimms(session.tree, bus.name)) {
        if (!NdctlFilter.isDimm(dimm, word)) continue
        const answer = yield* Effect.result(act(session, options, dimm))
        if (Result.isSuccess(answer)) count++
        else failed ??= answer.failure.errno
      }
    }
  }
  return { count, failed }
})

const make = (action: Action) =>
  Effect.fnUntraced(function*(
    session: Session,
    words: ReadonlyArray<string>
  ): Effect.fn.Return<Tool.Outcome, Tool.NotModelled> {
    const { command, noun, past } = action
    const parsed = ToolOptions.parse(command, words)
    if (Result.isFailure(parsed)) return parsed.failure
    const options = parsed.success
    if (options.texts.has("size") || options.texts.has("offset")) {
      return yield* new Tool.NotModelled({
        what: "zeroing a part of a label area",
        modelled: "zero-labels without -s and -O is"
      })
    }
    const wanted = options.rest.includes("all") ? ["all"] : options.rest
    const strangers = wanted.filter((word) => word !== "all" && !isDimmName(word))
    for (const word of strangers) NdctlSession.say(session, `'${word}' is not a valid dimm name`)
    if (strangers.length === wanted.length) {
      session.stderr.push(ToolOptions.usage(command))
      return NdctlSession.end(session, 129)
    }
    const isKnown = versionOf(options) !== undefined
    if (!isKnown) {
      NdctlSession.say(session, `'${options.texts.get("label-version")}' is not a valid label version`)
    }
    const { count, failed } = isKnown ? yield* each(session, options, wanted, action) : { count: 0, failed: "EINVAL" }
    NdctlSession.say(session, `${past} ${count} ${noun}${count > 1 ? "s" : ""}`)
    return NdctlSession.end(session, count > 0 || failed === undefined ? 0 : 1)
  })

const refuseActive = (session: Session, { active, name }: NdctlView.Dimm) => {
  if (!active) return Effect.void
  NdctlSession.say(session, `${name}: regions active, abort label write`)
  return ToolFailure.because(
    "EBUSY",
    "OBS-26",
    `a region that uses ${name} is enabled`,
    "ndctl disable-region first, and enable it again afterwards"
  )
}

/** Whether the label area of a DIMM holds an index. */
const hasLabels = ({ tree }: Session, { name }: NdctlView.Dimm): Effect.Effect<boolean> =>
  SysfsTree.read(tree, `${NdctlView.folder}/${name}/init_labels`).pipe(
    Effect.map((text) => text.trim() === "1"),
    Effect.orElseSucceed(() => false)
  )

/**
 * `ndctl init-labels`.
 *
 * @category commands
 * @since 0.1.0
 */
export const init = make({
  command: NdctlOptions.initLabels,
  past: "initialized",
  noun: "nmem",
  act: Effect.fnUntraced(function*(session, options, dimm) {
    if (!dimm.labelArea) return yield* ToolFailure.fail("ENXIO")
    yield* refuseActive(session, dimm)
    if (!ToolOptions.has(options, "force") && (yield* hasLabels(session, dimm))) {
      NdctlSession.say(session, `${dimm.name}: error: labels already initialized`)
      return yield* ToolFailure.fail("EBUSY")
    }
    yield* NdctlDevices.write(session, dimm.name, "init_labels", versionOf(options) ?? "1.1")
  })
})

/**
 * `ndctl zero-labels`.
 *
 * @category commands
 * @since 0.1.0
 */
export const zero = make({
  command: NdctlOptions.zeroLabels,
  past: "zeroed",
  noun: "nmem",
  act: Effect.fnUntraced(function*(session, _, dimm) {
    yield* refuseActive(session, dimm)
    yield* NdctlDevices.write(session, dimm.name, "zero_labels", "1")
  })
})

/**
 * `ndctl check-labels`.
 *
 * @category commands
 * @since 0.1.0
 */
export const check = make({
  command: NdctlOptions.checkLabels,
  past: "successfully verified",
  noun: "nmem label",
  act: Effect.fnUntraced(function*(session, _, dimm) {
    if (!dimm.labelArea || !(yield* hasLabels(session, dimm))) return yield* ToolFailure.fail("ENXIO")
  })
})
