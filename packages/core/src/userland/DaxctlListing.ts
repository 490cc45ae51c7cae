/**
 * `daxctl list` (27.1, OBS-20, OBS-21, OBS-23).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as SysfsTree from "../sysfs/SysfsTree.ts"
import * as DaxDeviceJson from "./DaxDeviceJson.ts"
import * as DaxTree from "./DaxTree.ts"
import type { Json } from "./JsonC.ts"
import * as JsonC from "./JsonC.ts"
import { outcome } from "./Tool.ts"
import * as ToolOptions from "./ToolOptions.ts"

const listing: ToolOptions.Command = {
  usage: ["daxctl list [<options>]"],
  options: [
    ToolOptions.text("region", "r", "region-id"),
    ToolOptions.text("dev", "d", "dev-id"),
    ToolOptions.flag("devices", "D"),
    ToolOptions.flag("regions", "R"),
    ToolOptions.flag("mappings", "M"),
    ToolOptions.flag("idle", "i"),
    ToolOptions.flag("human", "u")
  ]
}

/**
 * Runs the subcommand on the words after its name. Without `-R` and `-D` a filter decides what is listed, devices where there is
 * none.
 *
 * @category commands
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function*(words: ReadonlyArray<string>) {
  const tree = yield* SysfsTree.SysfsTree
  const read = ToolOptions.parse(listing, words)
  if (Result.isFailure(read)) return read.failure
  const parsed = read.success
  const { rest, texts } = parsed
  if (rest.length > 0) return ToolOptions.wrong(listing, rest.map((word) => `unknown parameter "${word}"`))
  const given = ToolOptions.has(parsed, "regions") || ToolOptions.has(parsed, "devices")
  const ofRegions = given ? ToolOptions.has(parsed, "regions") : texts.has("region")
  const options = {
    human: ToolOptions.has(parsed, "human"),
    path: true,
    devices: given ? ToolOptions.has(parsed, "devices") : texts.has("dev"),
    only: texts.get("dev"),
    idle: ToolOptions.has(parsed, "idle"),
    mappings: ToolOptions.has(parsed, "mappings")
  }
  const lines: Array<string> = []
  const say = (line: string) => lines.push(`${line}\n`)
  const found: Array<Json> = []
  for (const region of yield* DaxTree.regions(tree)) {
    if (!DaxTree.isRegion(region, texts.get("region"))) continue
    if (ofRegions) found.push(yield* DaxDeviceJson.region(tree, region, options, say))
    else found.push(...yield* DaxDeviceJson.devices(tree, region, options, say))
  }
  return outcome(0, found.length === 0 ? "" : JsonC.display(found, options.human), lines.join(""))
})
