/**
 * `ndctl list` (76): what is shown, and in which shape (OBS-21, OBS-22).
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Errno from "../kernel/Errno.ts"
import * as SysfsTree from "../sysfs/SysfsTree.ts"
import type { Json, JsonObject } from "./JsonC.ts"
import * as JsonC from "./JsonC.ts"
import * as NamespaceOptions from "./NamespaceOptions.ts"
import * as NdctlFilter from "./NdctlFilter.ts"
import * as NdctlJson from "./NdctlJson.ts"
import * as NdctlOptions from "./NdctlOptions.ts"
import * as NdctlSession from "./NdctlSession.ts"
import * as NdctlView from "./NdctlView.ts"
import type { Outcome } from "./Tool.ts"
import * as ToolOptions from "./ToolOptions.ts"

type Session = NdctlSession.Session

/** What the options come to. */
interface Choice {
  readonly buses: boolean
  readonly dimms: boolean
  readonly regions: boolean
  readonly namespaces: boolean
  readonly idle: boolean
  readonly configured: boolean
  readonly mode: string | undefined
  readonly node: number | undefined
  readonly texts: ToolOptions.Parsed["texts"]
  readonly flags: NdctlJson.Flags
}

/** A filter shows what it filters, unless told what to show; `-v` adds more with each. */
const choose = (options: ToolOptions.Parsed): Choice => {
  const { counts, texts } = options
  const verbose = counts.get("verbose") ?? 0
  const has = (long: string) => ToolOptions.has(options, long)
  const asked = ["buses", "dimms", "regions", "namespaces"].some(has)
  const shows = (long: string, filter: string) => (asked ? has(long) : texts.has(filter)) || verbose > 1
  const buses = shows("buses", "bus")
  const dimms = shows("dimms", "dimm")
  const regions = shows("regions", "region")
  const node = texts.get("numa-node")
  return {
    buses,
    dimms,
    regions,
    namespaces: has("namespaces") || verbose > 0 || !(buses || dimms || regions),
    idle: has("idle") || verbose > 2,
    configured: has("configured"),
    mode: texts.get("mode") ?? (!asked && has("device-dax") ? "dax" : undefined),
    node: node === undefined || node === "all" ? undefined : Number(node),
    texts,
    flags: {
      human: has("human"),
      verbose: verbose > 0,
      dax: has("device-dax") || verbose > 0,
      capabilities: has("capabilities") || verbose > 2,
      idle: has("idle") || verbose > 2
    }
  }
}

/** Filters the tool looks at when it begins. */
const complaint = ({ tree }: Session, { mode, texts }: Choice): string | undefined => {
  const type = texts.get("type")
  const node = texts.get("numa-node")
  if (type !== undefined && type !== "pmem" && type !== "blk") return `unknown type "${type}" must be "pmem" or "blk"\n`
  if (mode !== undefined && NamespaceOptions.modeOf(mode) === undefined) return `invalid mode: '${mode}'\n`
  if (node === undefined || node === "all") return undefined
  if (SysfsTree.lookup(tree, "/sys/devices/system/node") === undefined) return "This system does not support NUMA"
  return /^\s*[+-]?(0x[0-9a-f]+|[0-9]+)$/i.test(node) ? undefined : `invalid numa_node: '${node}'\n`
}

/** A bus with its DIMMs and regions. */
interface Branch {
  readonly bus: NdctlView.Bus
  readonly dimms: ReadonlyArray<NdctlView.Dimm>
  readonly regions: ReadonlyArray<NdctlView.Region>
}

const isShownRegion = (region: NdctlView.Region, dimms: ReadonlySet<string>, { node, texts }: Choice): boolean =>
  NdctlFilter.isRegion(region, texts.get("region")) &&
  (isAny(texts.get("dimm")) || region.mappings.some(({ dimm }) => dimms.has(dimm))) &&
  (isAny(texts.get("namespace")) ||
    region.namespaces.some((found) => NdctlFilter.isNamespace(found, texts.get("namespace")))) &&
  (node === undefined || region.node === node) && texts.get("type") !== "blk"

const isAny = (wanted: string | undefined): boolean => wanted === undefined || wanted === "all"

/** What the filters leave of a bus; `undefined`: not even the bus. */
const branch = Effect.fnUntraced(function*(session: Session, bus: NdctlView.Bus, choice: Choice) {
  const { node, texts } = choice
  if (!NdctlFilter.isBus(bus, texts.get("bus"))) return undefined
  const every = yield* NdctlView.dimms(session.tree, bus.name)
  const regions = yield* NdctlView.regions(session.tree, bus.name)
  const meant = every.filter((dimm) => NdctlFilter.isDimm(dimm, texts.get("dimm")))
  const isEmpty = (filter: string, some: boolean) => !isAny(texts.get(filter)) && !some
  if (
    isEmpty("dimm", meant.length > 0) ||
    isEmpty("region", regions.some((region) => NdctlFilter.isRegion(region, texts.get("region")))) ||
    isEmpty(
      "namespace",
      regions.some(({ namespaces }) =>
        namespaces.some((found) => NdctlFilter.isNamespace(found, texts.get("namespace")))
      )
    )
  ) return undefined
  const isOn = ({ name }: NdctlView.Dimm, has: (region: NdctlView.Region) => boolean) =>
    regions.some((region) => has(region) && region.mappings.some(({ dimm }) => dimm === name))
  const found: Branch = {
    bus,
    dimms: meant.filter((dimm) =>
      (isAny(texts.get("region")) || isOn(dimm, (region) => NdctlFilter.isRegion(region, texts.get("region")))) &&
      (isAny(texts.get("namespace")) ||
        isOn(
          dimm,
          ({ namespaces }) => namespaces.some((one) => NdctlFilter.isNamespace(one, texts.get("namespace")))
        )) &&
      (node === undefined || isOn(dimm, (region) => region.node === node))
    ),
    regions: regions.filter((region) => isShownRegion(region, new Set(meant.map(({ name }) => name)), choice))
  }
  return found
})

const isShown = ({ active, mode, node, size }: NdctlView.Namespace, choice: Choice): boolean =>
  (choice.mode === undefined || NamespaceOptions.modeOf(choice.mode) === mode) &&
  (choice.node === undefined || node === choice.node) &&
  (active || choice.idle || (choice.configured && size > 0))

const namespaces = (session: Session, region: NdctlView.Region, choice: Choice) =>
  Effect.forEach(
    choice.namespaces
      ? region.namespaces.filter((found) =>
        NdctlFilter.isNamespace(found, choice.texts.get("namespace")) && isShown(found, choice)
      )
      : [],
    (found) => NdctlJson.namespace(session, found, choice.flags)
  )

/** What has been gathered, on one bus or without buses on all of them. `undefined`: nothing was ever put there. */
interface Gathered {
  dimms: Array<Json> | undefined
  regions: Array<Json> | undefined
  namespaces: ReadonlyArray<Json> | undefined
}

const gather = Effect.fnUntraced(function*(session: Session, found: Branch, choice: Choice, into: Gathered) {
  const isVisible = (enabled: boolean) => choice.configured || choice.idle || enabled
  const dimms = choice.dimms ? found.dimms.filter(({ enabled }) => isVisible(enabled)) : []
  if (dimms.length > 0) into.dimms = [...(into.dimms ?? []), ...dimms.map((dimm) => NdctlJson.dimm(dimm, choice.flags))]
  const visible = new Set(dimms.map(({ name }) => name))
  for (const region of found.regions) {
    const own = yield* namespaces(session, region, choice)
    const some = own.length === 0 ? undefined : own
    if (!choice.regions) into.namespaces = some === undefined ? into.namespaces : [...(into.namespaces ?? []), ...some]
    else if (isVisible(region.enabled)) {
      const mappings = region.mappings.filter(({ dimm }) => visible.has(dimm))
      const json: JsonObject = yield* NdctlJson.region(session.tree, region, mappings, choice.flags)
      into.regions = [...(into.regions ?? []), { ...json, namespaces: some }]
      into.namespaces = some
    }
  }
})

const nothing = (): Gathered => ({ dimms: undefined, regions: undefined, namespaces: undefined })

const inBus = ({ dimms, namespaces, regions }: Gathered): JsonObject => ({
  dimms,
  regions,
  namespaces: regions === undefined ? namespaces : undefined
})

/** Several kinds make an object; one kind is the list itself. */
const display = (found: Gathered, human: boolean): string => {
  const kinds = [found.dimms, found.regions, found.namespaces].flatMap((kind) => kind === undefined ? [] : [kind])
  const [only] = kinds
  if (only === undefined) return ""
  return kinds.length > 1 ? `${JsonC.print(inBus(found))}\n` : JsonC.display(only, human)
}

const listing = Effect.fnUntraced(function*(session: Session, choice: Choice) {
  const { flags: { human } } = choice
  const all = nothing()
  const perBus: Array<Json> = []
  for (const bus of yield* NdctlView.buses(session.tree)) {
    const found = yield* branch(session, bus, choice)
    if (found === undefined) continue
    const into = choice.buses ? nothing() : all
    yield* gather(session, found, choice, into)
    if (choice.buses) perBus.push({ ...NdctlJson.bus(bus), ...inBus(into) })
  }
  if (!choice.buses) return display(all, human)
  return perBus.length === 0 ? "" : JsonC.display(perBus, human)
})

/**
 * `ndctl list`.
 *
 * @category commands
 * @since 0.1.0
 */
export const run = Effect.fnUntraced(function*(
  session: Session,
  words: ReadonlyArray<string>
): Effect.fn.Return<Outcome> {
  const parsed = ToolOptions.parse(NdctlOptions.list, words)
  if (Result.isFailure(parsed)) return parsed.failure
  const options = parsed.success
  if (options.rest.length > 0) {
    return ToolOptions.wrong(NdctlOptions.list, options.rest.map((word) => `unknown parameter "${word}"`))
  }
  const choice = choose(options)
  const wrong = complaint(session, choice)
  if (wrong !== undefined) {
    NdctlSession.say(session, `  Error: ${wrong}`)
    return NdctlSession.end(session, Errno.exit("EINVAL"))
  }
  NdctlSession.print(session, yield* listing(session, choice))
  return NdctlSession.end(session, 0)
})
