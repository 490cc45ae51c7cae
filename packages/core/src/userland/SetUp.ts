/**
 * The commands that give a machine the namespaces and devices its description names, from fresh media on.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { InputError } from "../inputs/InputError.ts"
import * as MachineSpec from "../machine/MachineSpec.ts"
import * as SysfsTree from "../sysfs/SysfsTree.ts"
import type { Input, Tool } from "./Tool.ts"

/**
 * Labels written to the DIMMs of a region, or a command line as words with the name of the device that should come of it.
 *
 * @category models
 * @since 0.1.0
 */
export type Step =
  | { readonly _tag: "Labels"; readonly region: string }
  | { readonly _tag: "Run"; readonly words: ReadonlyArray<string>; readonly expect: string | null }

const step = (words: ReadonlyArray<string>, expect: string | null): Step => ({ _tag: "Run", words, expect })

type Device = MachineSpec.Device
type Configured = MachineSpec.Configured

const refuse = (at: string, problem: string, remedy: string) =>
  Result.fail(new InputError({ source: "machine", at, problem, remedy }))

/** Namespaces that are there without anybody making them: the whole of a region without labels. */
const isUntouched = (device: Device, { map, mode, size, usable }: Configured): boolean =>
  device.kind !== "pmem"
    ? mode === "fsdax" && map !== "dev" && (size ?? usable) === device.size
    : mode === "raw" && (size ?? usable) === device.size && !MachineSpec.hasLabels(device)

/** The options that describe a namespace, apart from its size. */
const modeWords = ({ align, map, mode, sectorSize }: Configured): ReadonlyArray<string> => [
  "-m",
  mode === "system-ram" ? "devdax" : mode,
  ...(map === undefined || map === "none" ? [] : ["-M", map]),
  ...(align === undefined || mode === "raw" || mode === "sector" ? [] : ["-a", String(align)]),
  ...(sectorSize === undefined || mode !== "sector" ? [] : ["-l", String(sectorSize)])
]

const create = (device: Device, configured: Configured): Result.Result<ReadonlyArray<string>, InputError> => {
  const base = ["ndctl", "create-namespace", "-f", ...modeWords(configured)]
  if (!MachineSpec.hasLabels(device)) return Result.succeed([...base, "-e", configured.name])
  return configured.size === undefined
    ? refuse(
      `${device.name}: ${configured.name}`,
      "its raw size is not known, so it cannot be set up",
      "give its size in a machine description, or a list that is not rounded (without -u)"
    )
    : Result.succeed([...base, "-r", device.name, "-s", String(configured.size)])
}

/** What follows a device that is no namespace any more, or not in use. */
const after = ({ chardev, disabled, mode, movable, name, onlineBlocks }: Configured): ReadonlyArray<Step> => {
  if (mode === "system-ram") {
    const offline = onlineBlocks === 0 ? ["-N"] : []
    const kernel = movable === false ? ["--no-movable"] : []
    const device = chardev ?? name.replace(/^namespace/, "dax")
    return [step(["daxctl", "reconfigure-device", "-m", "system-ram", ...offline, ...kernel, device], null)]
  }
  return disabled === true ? [step(["ndctl", "disable-namespace", name], null)] : []
}

const ofRegion = (device: Device): Result.Result<ReadonlyArray<Step>, InputError> =>
  Result.gen(function*() {
    const steps: Array<Step> = MachineSpec.hasLabels(device) ? [{ _tag: "Labels", region: device.name }] : []
    const wanted = MachineSpec.byNumber(device.configured ?? [])
    for (const configured of wanted) {
      if (!isUntouched(device, configured)) {
        steps.push(step(yield* create(device, configured), configured.name))
      }
      steps.push(...after(configured))
    }
    return steps
  })

/** Instances of a dax region: the first has all bytes at boot. */
const ofDax = ({ configured = [] }: Device): ReadonlyArray<Step> =>
  configured.flatMap((one) => after({ ...one, chardev: one.chardev ?? one.name }))

/**
 * What has to be done once the drivers of the machine are loaded, in order. Refuses namespaces whose raw size is not known.
 *
 * @category constructors
 * @since 0.1.0
 */
export const steps = (spec: MachineSpec.MachineSpec): Result.Result<ReadonlyArray<Step>, InputError> =>
  Result.map(
    Result.all(
      (spec.devices ?? []).map((device) => device.kind === "dax" ? Result.succeed(ofDax(device)) : ofRegion(device))
    ),
    (each) => each.flat()
  )

/** Labels can only be written while the region is disabled. */
const writeLabels = Effect.fnUntraced(function*(tree: SysfsTree.SysfsTree["Service"], region: string) {
  const drivers = "/sys/bus/nd/drivers/nd_region"
  const path = `/sys/bus/nd/devices/${region}`
  yield* SysfsTree.write(tree, `${drivers}/unbind`, region)
  for (const name of SysfsTree.list(tree, path).filter((one) => /^mapping[0-9]+$/.test(one))) {
    const dimm = (yield* SysfsTree.read(tree, `${path}/${name}`)).split(",")[0] ?? ""
    yield* SysfsTree.write(tree, `/sys/bus/nd/devices/${dimm}/init_labels`, "1")
  }
  yield* SysfsTree.write(tree, `${drivers}/bind`, region)
})

const failed = (at: string, problem: string) =>
  new InputError({
    source: "machine",
    at,
    problem: `cannot be set up: ${problem}`,
    remedy: "describe a configuration that this kernel and these tools can make, or leave it out"
  })

/**
 * Carries out {@link steps} on a machine whose drivers are loaded. Fails where a step fails; answers notes on devices that got
 * another name than the described one.
 *
 * @category operations
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(
  function*(spec: MachineSpec.MachineSpec, tools: ReadonlyMap<string, Tool>, input: Input) {
    const tree = yield* SysfsTree.SysfsTree
    const notes: Array<string> = []
    for (const one of yield* Effect.fromResult(steps(spec))) {
      if (one._tag === "Labels") {
        yield* Effect.mapError(writeLabels(tree, one.region), (error) => failed(one.region, error.message))
        continue
      }
      const [name = "", ...words] = one.words
      const tool = tools.get(name)
      if (tool === undefined) return yield* failed(one.words.join(" "), `${name} is not modelled`)
      const { exit, stderr, stdout } = yield* tool(words, input)
      if (exit !== 0) return yield* failed(one.words.join(" "), stderr.trim().split("\n")[0] ?? `exit status ${exit}`)
      const made = /"dev":"([^"]*)"/.exec(stdout)?.[1]
      if (one.expect !== null && made !== undefined && made !== one.expect) {
        notes.push(`${one.expect} of the description is called ${made} here`)
      }
    }
    return notes
  }
)
