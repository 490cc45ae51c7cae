/**
 * ndctl (76.1) over the files of a machine (21.6, 22.7, 27.1 to 27.3, OBS-20 to OBS-27).
 *
 * It sees and changes nothing but files: attributes, `bind` and `unbind`, block devices; so it runs over any tree that has them.
 * `-v` of commands that change something adds nothing: the lines it adds in the tool name its own functions and lines.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as NdctlCreate from "./NdctlCreate.ts"
import * as NdctlInfoblock from "./NdctlInfoblock.ts"
import * as NdctlLabels from "./NdctlLabels.ts"
import * as NdctlList from "./NdctlList.ts"
import * as NdctlNamespaces from "./NdctlNamespaces.ts"
import * as NdctlRegions from "./NdctlRegions.ts"
import * as NdctlSession from "./NdctlSession.ts"
import * as Tool from "./Tool.ts"
import * as ToolFront from "./ToolFront.ts"

type Command = (
  session: NdctlSession.Session,
  words: ReadonlyArray<string>
) => Effect.Effect<Tool.Outcome, Tool.NotModelled>

/** The release whose behaviour this is. */
const version = "76.1"

const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  ["list", NdctlList.run],
  ["create-namespace", NdctlCreate.run],
  ["destroy-namespace", NdctlNamespaces.destroy],
  ["enable-namespace", NdctlNamespaces.enable],
  ["disable-namespace", NdctlNamespaces.disable],
  ["enable-region", NdctlRegions.enable],
  ["disable-region", NdctlRegions.disable],
  ["init-labels", NdctlLabels.init],
  ["zero-labels", NdctlLabels.zero],
  ["check-labels", NdctlLabels.check],
  ["read-infoblock", NdctlInfoblock.read],
  ["write-infoblock", NdctlInfoblock.write]
])

/** What the real tool has, in its order. */
const names: ReadonlyArray<string> = [
  "version",
  "enable-namespace",
  "disable-namespace",
  "create-namespace",
  "destroy-namespace",
  "read-infoblock",
  "write-infoblock",
  "check-namespace",
  "clear-errors",
  "enable-region",
  "disable-region",
  "enable-dimm",
  "disable-dimm",
  "zero-labels",
  "read-labels",
  "write-labels",
  "init-labels",
  "check-labels",
  "inject-error",
  "update-firmware",
  "inject-smart",
  "wait-scrub",
  "activate-firmware",
  "start-scrub",
  "setup-passphrase",
  "update-passphrase",
  "remove-passphrase",
  "freeze-security",
  "sanitize-dimm",
  "load-keys",
  "wait-overwrite",
  "list",
  "monitor",
  "help"
]

/**
 * Runs a subcommand. What the tool has and the model has not is `NotModelled`; a word that is no subcommand ends with status 1.
 *
 * @category commands
 * @since 0.1.0
 */
export const run: Tool.Tool = Effect.fnUntraced(function*(words, input) {
  const front = ToolFront.answer({ tool: "ndctl", version, commands: names }, words)
  if (front !== undefined) return front
  const [name = "", ...rest] = words
  const command = commands.get(name)
  if (command !== undefined) return yield* command(yield* NdctlSession.make(input), rest)
  return yield* new Tool.NotModelled({
    what: `ndctl ${name}`,
    modelled: `subcommands of ndctl that are: ${[...commands.keys()].join(", ")}`
  })
})
