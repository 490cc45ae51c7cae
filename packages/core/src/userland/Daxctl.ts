/**
 * `daxctl` (76): lists, reconfigures, makes and destroys dax devices (27.1 … 27.3, OBS-28).
 *
 * It sees a machine through its files and modules only.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Errno from "../kernel/Errno.ts"
import * as Reasons from "../kernel/Reasons.ts"
import type { Modules } from "../sysfs/Modules.ts"
import * as SysfsTree from "../sysfs/SysfsTree.ts"
import * as DaxctlChanges from "./DaxctlChanges.ts"
import * as DaxctlInput from "./DaxctlInput.ts"
import * as DaxctlListing from "./DaxctlListing.ts"
import * as DaxctlModes from "./DaxctlModes.ts"
import * as DaxDeviceJson from "./DaxDeviceJson.ts"
import * as DaxTree from "./DaxTree.ts"
import * as JsonC from "./JsonC.ts"
import { type Input, NotModelled, type Outcome, outcome, type Tool } from "./Tool.ts"
import * as ToolFailure from "./ToolFailure.ts"
import * as ToolFront from "./ToolFront.ts"
import * as ToolOptions from "./ToolOptions.ts"
import * as ToolSize from "./ToolSize.ts"

/** What `daxctl version` prints. */
const version = "76.1"

const base = [
  ToolOptions.text("region", "r", "region-id"),
  ToolOptions.flag("human", "u"),
  ToolOptions.flag("verbose", "v")
]

const shape = [
  ToolOptions.text("size", "s", "size"),
  ToolOptions.text("align", "a", "align"),
  ToolOptions.text("input", undefined, "input")
]

const force = ToolOptions.flag("force", "f")

const mode = [
  ToolOptions.text("mode", "m", "mode"),
  ToolOptions.flag("no-online", "N"),
  force,
  ToolOptions.flag("check-config", "C")
]

const noMovable = ToolOptions.flag("no-movable")

type Code = 0 | 1

/** `printed`: the device as JSON goes to standard output, unless a later one takes its place. */
interface Done {
  readonly code: Code
  readonly printed?: DaxTree.Device | undefined
}

type Act = Effect.Effect<Done, ToolFailure.ToolFailure, Modules>

interface Request {
  readonly run: DaxctlModes.Run
  readonly wanted: DaxctlChanges.Wanted
  readonly mode: string | undefined
}

/**
 * A subcommand that changes something: what it is said to do without a device (`verb`), when it fails (`doing`) and at its end
 * (`done`, before the count).
 */
interface Change extends ToolOptions.Command {
  readonly verb: string
  readonly doing: string
  readonly done: string
}

/** Over devices. */
interface DeviceChange extends Change {
  readonly act: (request: Request, device: DaxTree.Device) => Act
}

const plain = (operation: Effect.Effect<Code, ToolFailure.ToolFailure, Modules>): Act =>
  Effect.map(operation, (code) => ({ code }))

const reconfigure = Effect.fnUntraced(
  function*({ mode, run, wanted: { align, size } }: Request, device: DaxTree.Device): Effect.fn.Return<
    Done,
    ToolFailure.ToolFailure,
    Modules
  > {
    yield* DaxctlChanges.setAlign(run, device, align)
    if (size !== undefined && size >= 0) {
      yield* DaxctlChanges.setSize(run, device, size)
      return { code: 0 }
    }
    if (mode === "system-ram") yield* DaxctlModes.toSystemRam(run, device)
    else if (mode === "devdax") yield* DaxctlModes.toDevdax(run, device)
    else {
      run.say(`${device.name}: unknown mode requested: 0`)
      return yield* ToolFailure.fail("EINVAL")
    }
    return { code: 0, printed: device }
  }
)

const changes: Readonly<Record<string, DeviceChange>> = {
  "reconfigure-device": {
    usage: ["daxctl reconfigure-device <device> [<options>]"],
    options: [...base, ...shape, ...mode, noMovable],
    verb: "reconfigure",
    doing: "reconfiguring devices",
    done: "reconfigured",
    act: reconfigure
  },
  "online-memory": {
    usage: ["daxctl online-memory <device> [<options>]"],
    options: [...base, noMovable],
    verb: "online memory for",
    doing: "onlining memory",
    done: "onlined memory for",
    act: ({ run }, device) => plain(DaxctlModes.changeMemory(run, device, "online"))
  },
  "offline-memory": {
    usage: ["daxctl offline-memory <device> [<options>]"],
    options: base,
    verb: "offline memory for",
    doing: "offlining memory",
    done: "offlined memory for",
    act: ({ run }, device) => plain(DaxctlModes.changeMemory(run, device, "offline"))
  },
  "disable-device": {
    usage: ["daxctl disable-device <device>"],
    options: base,
    verb: "disable",
    doing: "disabling device",
    done: "disabled",
    act: ({ run }, device) => plain(DaxctlModes.changeStatus(run, device, "disabled"))
  },
  "enable-device": {
    usage: ["daxctl enable-device <device>"],
    options: base,
    // the tool says so
    verb: "disable",
    doing: "enabling device",
    done: "enabled",
    act: ({ run }, device) => plain(DaxctlModes.changeStatus(run, device, "enabled"))
  },
  "destroy-device": {
    usage: ["daxctl destroy-device <device> [<options>]"],
    options: [...base, force],
    verb: "destroy",
    doing: "destroying devices",
    done: "destroyed",
    act: ({ run }, device) => plain(DaxctlChanges.destroy(run, device))
  }
}

const creation: Change = {
  usage: ["daxctl create-device [<options>]"],
  options: [...base, ...shape, ...mode, noMovable],
  verb: "create",
  doing: "creating devices",
  done: "created"
}

/** Complaints of these subcommands have no prefix. */
const misused = (command: ToolOptions.Command, complaints: ReadonlyArray<string>): Outcome =>
  outcome(129, "", `${complaints.map((line) => `${line}\n`).join("")}${ToolOptions.usage(command)}`)

/** Signed, as the tool keeps it; what it cannot parse is as if not given. */
const size = (text: string | undefined): number | undefined => {
  const parsed = text === undefined ? undefined : ToolSize.parse(text)?.value
  return parsed === undefined ? undefined : Number(BigInt.asIntN(64, parsed))
}

interface Run extends DaxctlModes.Run {
  readonly lines: Array<string>
}

const start = (tree: DaxctlModes.Run["tree"], parsed: ToolOptions.Parsed): Run => {
  const lines: Array<string> = []
  return {
    tree,
    lines,
    say: (line) => lines.push(`${line}\n`),
    noOnline: ToolOptions.has(parsed, "no-online"),
    noMovable: ToolOptions.has(parsed, "no-movable"),
    force: ToolOptions.has(parsed, "force"),
    verbose: ToolOptions.has(parsed, "verbose")
  }
}

/** Runs what there is to do, and tells how the last of it ended: ENXIO where there was nothing. */
const finish = Effect.fnUntraced(
  function*(change: Change, run: Run, parsed: ToolOptions.Parsed, acts: ReadonlyArray<Act>) {
    let end: Code | Errno.Errno = "ENXIO"
    let processed = 0
    let printed: DaxTree.Device | undefined
    for (const act of acts) {
      const done = yield* Effect.result(act)
      end = Result.isSuccess(done) ? done.success.code : done.failure.errno
      if (Result.isFailure(done)) continue
      if (end === 0) processed++
      printed = done.success.printed ?? printed
    }
    const human = ToolOptions.has(parsed, "human")
    const shown = printed === undefined ? "" : JsonC.display(
      [yield* DaxDeviceJson.device(run.tree, printed, { human }, run.say)],
      human
    )
    if (typeof end === "string") run.say(`error ${change.doing}: ${Errno.text(end)}`)
    run.say(`${change.done} ${processed} device${processed === 1 ? "" : "s"}`)
    return outcome(typeof end === "string" ? Errno.exit(end) : end, shown, run.lines.join(""))
  }
)

const extra = (words: ReadonlyArray<string>): ReadonlyArray<string> =>
  words.slice(1).map((word) => `unknown extra parameter "${word}"`)

/** The tool only says that there was nothing to do. */
const tellNone = (wanted: string | undefined) =>
  Reasons.tell({
    errno: "ENXIO",
    rule: "OBS-28",
    problem: wanted === undefined || wanted === "all" ? "there is no dax device" : `no dax device is called ${wanted}`,
    remedy: "daxctl list shows those there are; a pmem namespace has one in devdax mode only"
  })

/** What `-C` says of devices that are not there, where there are no configuration files. */
const unconfigured = (device: string): Outcome => {
  const missing = device === "all" ? "" : `no UUID match for ${device} found in config files\n`
  return outcome(0, "", `${missing}${device}: missing or malformed config section\n`)
}

const changeDevices = Effect.fnUntraced(function*(change: DeviceChange, words: ReadonlyArray<string>) {
  const tree = yield* SysfsTree.SysfsTree
  const read = ToolOptions.parse(change, words)
  if (Result.isFailure(read)) return read.failure
  const parsed = read.success
  const { rest, texts } = parsed
  const wrong = rest.length === 0 ? [`specify a device to ${change.verb}, or "all"`] : extra(rest)
  if (wrong.length > 0) return misused(change, wrong)
  const configured = ToolOptions.has(parsed, "check-config")
  if (
    configured && (texts.has("mode") || ToolOptions.has(parsed, "no-online") || ToolOptions.has(parsed, "no-movable"))
  ) {
    return misused(change, [`${rest[0]}: -C cannot be used with --mode, --(no-)movable, or --(no-)online`])
  }
  const resizes = texts.has("size") || texts.has("align")
  const mode = texts.get("mode")
  if (change.act === reconfigure && mode === undefined && !resizes && !configured) {
    return misused(change, ["error: a 'align', 'mode' or 'size' option is required"])
  }
  const run = start(tree, parsed)
  if (mode === "devdax" && !resizes && run.noOnline) {
    return misused(change, ["--no-online is incompatible with --mode=devdax"])
  }
  const request = {
    run,
    wanted: { size: size(texts.get("size")), align: size(texts.get("align")), mappings: [] },
    // a size or an alignment makes the tool forget the mode
    mode: resizes ? undefined : mode
  }
  const wanted = rest[0]?.split("/").at(-1)
  const regions = yield* DaxTree.regions(tree)
  if (configured) {
    const isThere = regions.some((region) => region.devices.some(({ name }) => name === wanted))
    if (!isThere) return unconfigured(rest[0] ?? "")
    run.say(`error parsing config file: ${Errno.text("ENOENT")}`)
  }
  const devices = regions.filter((region) => DaxTree.isRegion(region, texts.get("region")))
    .flatMap((region) => region.devices).filter((device) => DaxTree.isDevice(device, wanted))
  if (devices.length === 0) yield* tellNone(wanted)
  return yield* finish(change, run, parsed, devices.map((device) => change.act(request, device)))
})

/** Standard input, or a file of the machine. */
const readInput = Effect.fnUntraced(function*(tree: DaxctlModes.Run["tree"], path: string, { stdin }: Input) {
  if (path === "/dev/stdin") return new TextDecoder().decode(stdin)
  if (SysfsTree.lookup(tree, path) === undefined) {
    return yield* new NotModelled({
      what: `the file ${path}`,
      modelled: "give it as standard input, with --input /dev/stdin"
    })
  }
  return yield* Effect.orElseSucceed(SysfsTree.read(tree, path), () => "")
})

const createDevice = Effect.fnUntraced(function*(words: ReadonlyArray<string>, input: Input) {
  const tree = yield* SysfsTree.SysfsTree
  const read = ToolOptions.parse(creation, words)
  if (Result.isFailure(read)) return read.failure
  const parsed = read.success
  const { rest, texts } = parsed
  // the first word is overlooked
  const wrong = extra(rest)
  if (wrong.length > 0) return misused(creation, wrong)
  const path = texts.get("input")
  const file = path === undefined ? undefined : DaxctlInput.parse(yield* readInput(tree, path, input))
  if (path !== undefined && file === undefined) {
    return misused(creation, [`error: failed to parse device file: ${Errno.text("EINVAL")}`])
  }
  const run = start(tree, parsed)
  const wanted = {
    size: size(file?.size ?? texts.get("size")),
    align: size(file?.align ?? texts.get("align")),
    mappings: file?.mappings ?? []
  }
  const regions = yield* DaxTree.regions(tree)
  const acts = regions.filter((region) => DaxTree.isRegion(region, file?.region ?? texts.get("region")))
    .map((region): Act =>
      Effect.map(DaxctlChanges.create(run, region, wanted), (device) => ({ code: 0, printed: device }))
    )
  return yield* finish(creation, run, parsed, acts)
})

const unmodelled = new Set(["split-acpi", "migrate-device-model", "help"])

const names = [
  "version",
  "list",
  "help",
  "split-acpi",
  "migrate-device-model",
  "create-device",
  "destroy-device",
  "reconfigure-device",
  "online-memory",
  "offline-memory",
  "disable-device",
  "enable-device"
]

/**
 * Runs the tool. `--input` reads standard input as `/dev/stdin`; there are no configuration files for `-C`; `split-acpi`,
 * `migrate-device-model` and manual pages are not modelled.
 *
 * @category commands
 * @since 0.1.0
 */
export const run: Tool = (words, input) => {
  const front = ToolFront.answer({ tool: "daxctl", version, commands: names }, words)
  if (front !== undefined) return Effect.succeed(front)
  const [name = "", ...rest] = words
  const change = Object.hasOwn(changes, name) ? changes[name] : undefined
  if (change !== undefined) return changeDevices(change, rest)
  if (name === "create-device") return createDevice(rest, input)
  if (name === "list") return DaxctlListing.run(rest)
  return Effect.fail(
    new NotModelled({
      what: `daxctl ${name}`,
      modelled: `there are ${names.filter((one) => !unmodelled.has(one)).join(", ")}`
    })
  )
}
