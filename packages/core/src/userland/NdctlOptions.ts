/**
 * The subcommands of ndctl (76) and the options each takes (OBS-24).
 *
 * @since 0.1.0
 */
import { type Command, flag, type Option, text } from "./ToolOptions.ts"

const bus = text("bus", "b", "bus-id")

const verbose = flag("verbose", "v")

const force = flag("force", "f")

const base: ReadonlyArray<Option> = [bus, text("region", "r", "region-id"), verbose]

const human = flag("human", "u")

const namespaceCommand = (name: string, ...more: ReadonlyArray<Option>): Command => ({
  usage: [`ndctl ${name} <namespace> [<options>]`],
  options: [...base, ...more]
})

const regionCommand = (name: string): Command => ({
  usage: [`ndctl ${name} <region> [<options>]`],
  options: [bus, text("type", "t", "region-type"), verbose]
})

const dimmCommand = (name: string, ...more: ReadonlyArray<Option>): Command => ({
  usage: [`ndctl ${name} <nmem0> [<nmem1>..<nmemN>] [<options>]`],
  options: [bus, verbose, ...more]
})

const blockOptions: ReadonlyArray<Option> = [
  text("mode", "m", "operation-mode"),
  text("size", "s", "size"),
  text("align", "a", "align"),
  text("uuid", "u", "uuid"),
  text("map", "M", "memmap-location")
]

/**
 * @category constants
 * @since 0.1.0
 */
export const list: Command = {
  usage: ["ndctl list [<options>]"],
  options: [
    bus,
    text("region", "r", "region-id"),
    text("dimm", "d", "dimm-id"),
    text("namespace", "n", "namespace-id"),
    text("mode", "m", "namespace-mode"),
    text("type", "t", "region-type"),
    text("numa-node", "U", "numa node"),
    flag("buses", "B"),
    flag("dimms", "D"),
    flag("firmware", "F"),
    flag("health", "H"),
    flag("regions", "R"),
    flag("namespaces", "N"),
    flag("device-dax", "X"),
    flag("capabilities", "C"),
    flag("idle", "i"),
    flag("configured", "c"),
    flag("media-errors", "M"),
    human,
    { long: "verbose", short: "v", kind: "count" }
  ]
}

/**
 * @category constants
 * @since 0.1.0
 */
export const createNamespace: Command = {
  usage: ["ndctl create-namespace [<options>]"],
  options: [
    ...base,
    text("reconfig", "e", "reconfig namespace"),
    text("uuid", "u", "uuid"),
    text("name", "n", "name"),
    text("size", "s", "size"),
    text("mode", "m", "operation-mode"),
    text("map", "M", "memmap-location"),
    text("sector-size", "l", "lba-size"),
    text("type", "t", "type"),
    text("align", "a", "align"),
    force,
    flag("autolabel", "L"),
    flag("continue", "c"),
    flag("autorecover", "R")
  ]
}

/**
 * @category constants
 * @since 0.1.0
 */
export const destroyNamespace: Command = namespaceCommand("destroy-namespace", force)

/**
 * @category constants
 * @since 0.1.0
 */
export const enableNamespace: Command = namespaceCommand("enable-namespace")

/**
 * @category constants
 * @since 0.1.0
 */
export const disableNamespace: Command = namespaceCommand("disable-namespace")

/**
 * @category constants
 * @since 0.1.0
 */
export const readInfoblock: Command = namespaceCommand(
  "read-infoblock",
  text("output", "o", "output-file"),
  text("input", "i", "input-file"),
  flag("verify", "V"),
  flag("json", "j"),
  human
)

/**
 * @category constants
 * @since 0.1.0
 */
export const writeInfoblock: Command = namespaceCommand(
  "write-infoblock",
  text("output", "o", "output-file"),
  flag("stdout", "c"),
  ...blockOptions,
  text("parent-uuid", "p", "parent-uuid"),
  text("offset", "O", "offset")
)

/**
 * @category constants
 * @since 0.1.0
 */
export const enableRegion: Command = regionCommand("enable-region")

/**
 * @category constants
 * @since 0.1.0
 */
export const disableRegion: Command = regionCommand("disable-region")

/**
 * @category constants
 * @since 0.1.0
 */
export const initLabels: Command = dimmCommand(
  "init-labels",
  force,
  text("label-version", "V", "version-number")
)

/**
 * @category constants
 * @since 0.1.0
 */
export const zeroLabels: Command = dimmCommand(
  "zero-labels",
  { long: "size", short: "s", kind: "number", placeholder: "label-size" },
  { long: "offset", short: "O", kind: "number", placeholder: "label-offset" }
)

/**
 * @category constants
 * @since 0.1.0
 */
export const checkLabels: Command = dimmCommand("check-labels")
