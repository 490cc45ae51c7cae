/**
 * Records as sources: what was recorded of a live machine, or of a modelled or emulated one at the end of its script.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as BootLog from "../inputs/BootLog.ts"
import * as BootTotals from "../inputs/BootTotals.ts"
import * as Decoding from "../inputs/Decoding.ts"
import type { InputError } from "../inputs/InputError.ts"
import * as Iomem from "../inputs/Iomem.ts"
import * as JsonTree from "../inputs/JsonTree.ts"
import * as KernelBanner from "../inputs/KernelBanner.ts"
import * as Meminfo from "../inputs/Meminfo.ts"
import * as ResourceText from "../inputs/ResourceText.ts"
import * as Source from "../inputs/Source.ts"
import * as MachineSpec from "../machine/MachineSpec.ts"
import * as KernelRecord from "../records/KernelRecord.ts"
import * as KernelRelease from "../release/KernelRelease.ts"
import type { Part } from "./MachineView.ts"
import * as TreeDevices from "./TreeDevices.ts"

const Zone = Schema.Struct({
  node: Schema.Natural,
  zone: Schema.String,
  spanned: Schema.Natural,
  present: Schema.Natural,
  managed: Schema.Natural,
  start_pfn: Schema.optionalKey(Schema.Natural)
})

const Run = Schema.Struct({
  first: Schema.Natural,
  last: Schema.Natural,
  state: Schema.String,
  validZones: Schema.optionalKey(Schema.String),
  nodes: Schema.optionalKey(Schema.Array(Schema.String))
})

const Attributes = Schema.Record(
  Schema.String,
  Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Finite, Schema.BigInt]))
)

/** What this module reads of a phase; the rest is passed over. */
const Facts = Schema.Struct({
  meminfo: Schema.optionalKey(Schema.Record(Schema.String, Schema.Natural)),
  iomemText: Schema.optionalKey(Schema.String),
  zoneinfo: Schema.optionalKey(Schema.Array(Zone)),
  memory_blocks: Schema.optionalKey(
    Schema.Struct({ blockSizeBytes: Schema.optionalKey(Schema.Natural), runs: Schema.Array(Run) })
  ),
  nodes: Schema.optionalKey(Schema.Union([Schema.String, Schema.Record(Schema.String, Schema.String)])),
  vmstat: Schema.optionalKey(Schema.Record(Schema.String, Schema.Unknown)),
  nd_sysfs: Schema.optionalKey(Attributes),
  dax_sysfs: Schema.optionalKey(Attributes),
  dmesg: Schema.optionalKey(Schema.Array(Schema.String))
})
/** @since 0.1.0 */
export interface Facts extends Schema.Schema.Type<typeof Facts> {}

const remedy = "give a record as 'inspect --record' or 'try --record' writes it"
const decode = Decoding.make(Facts, { remedy })
const decodeLines = Decoding.make(Schema.Array(Schema.String), { remedy })

type Value = Readonly<Record<string, unknown>>

/** A value of a phase, or of the earlier phase that had the same, as often as one refers to the next. */
const valueIn = (phases: Value, name: string, key: string, wanted: string): unknown => {
  const seen = new Set<string>()
  let at = name
  while (!seen.has(at)) {
    seen.add(at)
    const phase = phases[at]
    if (!JsonTree.isRecord(phase)) return undefined
    if (phase[wanted] !== undefined) return phase[wanted]
    const same = phase["sameAs"]
    at = JsonTree.isRecord(same) ? String(same[key]) : at
  }
  return undefined
}

/** The last phase, with what it has in common with earlier ones put back, and the kernel lines of all. */
const lastPhase = (
  source: string,
  phases: Value
): Result.Result<Value, InputError> =>
  Result.gen(function*() {
    const lines: Array<string> = []
    for (const [name, phase] of Object.entries(phases)) {
      if (!JsonTree.isRecord(phase)) continue
      const place = { source, at: `observed.phases.${name}.dmesg_new` }
      if (phase["dmesg_new"] !== undefined) {
        for (const line of yield* decodeLines(place, phase["dmesg_new"])) lines.push(line)
      }
    }
    const name = Object.hasOwn(phases, "final") ? "final" : Object.keys(phases).at(-1) ?? ""
    const last = phases[name]
    if (!JsonTree.isRecord(last)) {
      return yield* Decoding.failAt({ source, at: "observed.phases" }, "has no phase that can be looked at", remedy)
    }
    const same = JsonTree.isRecord(last["sameAs"]) ? last["sameAs"] : {}
    const found: Record<string, unknown> = {}
    for (const key of Object.keys(same)) {
      // the text of iomem has no entry of its own: it is the same where the tree is
      for (const each of key === "iomem" ? ["iomem", "iomemText"] : [key]) {
        found[each] = valueIn(phases, name, key, each)
      }
    }
    return Object.fromEntries(
      Object.entries({ ...found, ...last, dmesg: lines }).filter(([, value]) => value !== undefined)
    )
  })

const maskForm = /^(online|possible|has_memory|has_normal_memory|has_cpu)=([0-9,-]*)$/gm

const nodeText = (nodes: Facts["nodes"]): string =>
  nodes === undefined ? "" : typeof nodes === "string" ? nodes : Object.values(nodes).join("\n")

const nodeOf = (names: ReadonlyArray<string> = []): number | null => {
  const digits = /^node([0-9]{1,6})$/.exec(names[0] ?? "")?.[1]
  return digits === undefined ? null : Number(digits)
}

const inputText = (input: Value, key: string): string | undefined =>
  typeof input[key] === "string" ? input[key] : undefined

/** A name that is none of a banner, as `rhel-9.4`. */
const nameOf = (text: string): string | undefined => Result.isSuccess(KernelRelease.parse(text)) ? text : undefined

/** What the input of a record says of the kernel; a dry run has a description of the whole machine there. */
const kernelOf = (given: Value): MachineSpec.MachineSpec => {
  const input = JsonTree.isRecord(given["spec"]) ? given["spec"] : given
  const banner = inputText(input, "kernel") ??
    / ([0-9]+\.[0-9]+\.[0-9]+)-/.exec(inputText(input, "kernelPackage") ?? "")?.[1]
  const kernel = banner === undefined ? undefined : KernelBanner.kernel(banner) ?? nameOf(banner)
  const cmdline = inputText(input, "memoryOptions") ?? inputText(input, "cmdline")
  const arch = inputText(input, "arch")
  return {
    ...(arch === undefined ? {} : { arch }),
    ...(kernel === undefined ? {} : { kernel }),
    ...(cmdline === undefined ? {} : { cmdline }),
    ...(typeof input["hypervisor"] === "boolean" ? { hypervisor: input["hypervisor"] } : {}),
    ...(typeof input["structPage"] === "number" ? { structPage: input["structPage"] } : {})
  }
}

const isBoot = (lines: ReadonlyArray<string>): boolean => lines.some((line) => line.includes("BIOS-e820: "))

/**
 * A record as sources: the kernel's lines, the resource tree, and the rest.
 *
 * Of a live machine everything observed is taken; of a script's record what its last phase shows, and the kernel's lines from the
 * first on.
 *
 * @category conversions
 * @since 0.1.0
 */
export const toParts = (
  source: string,
  record: KernelRecord.KernelRecord
): Result.Result<ReadonlyArray<Part>, InputError> =>
  Result.gen(function*() {
    const { input, observed } = record
    const phases = observed["phases"]
    const shown = JsonTree.isRecord(phases) ? yield* lastPhase(source, phases) : observed
    const facts = yield* decode({ source, at: "observed" }, shown)
    const at = (name: string) => `${source}: ${name}`
    const specs: Array<MachineSpec.MachineSpec> = [kernelOf(input)]
    const given = yield* KernelRecord.given(source, record)
    const log = facts.dmesg === undefined || !isBoot(facts.dmesg) ? undefined : facts.dmesg.join("\n")
    const nodes = nodeText(facts.nodes)
    const perNode = /^Node [0-9]+ MemTotal:/m.test(nodes) ? yield* Meminfo.parse(at("nodes"), nodes) : undefined
    const masks = new Map([...nodes.matchAll(maskForm)].map(([, name = "", set = ""]) => [name, set]))
    const bootMemmap = facts.vmstat?.["nr_memmap_boot_pages"]
    if (perNode !== undefined) specs.push({ nodes: perNode })
    const devices = TreeDevices.read(
      new Map([
        ...TreeDevices.fromAttributes("nd", facts.nd_sysfs ?? {}),
        ...TreeDevices.fromAttributes("dax", facts.dax_sysfs ?? {})
      ])
    )
    if (devices.length > 0) specs.push({ devices })
    const iomem = facts.iomemText
    const blocks = facts.memory_blocks
    const own: Part = {
      source,
      spec: yield* Source.merge(specs),
      ...(given._tag === "Described" ? { bootRam: MachineSpec.ram(given.input.spec) } : {}),
      ...(facts.zoneinfo === undefined ? {} : {
        zones: facts.zoneinfo.map(({ start_pfn, ...zone }) => ({ ...zone, start: start_pfn, free: undefined }))
      }),
      ...(facts.meminfo?.["MemTotal"] === undefined ? {} : { memTotal: facts.meminfo["MemTotal"] }),
      ...(perNode === undefined ? {} : { nodeTotals: new Map(perNode.map(({ node, total = 0 }) => [node, total])) }),
      ...(blocks?.blockSizeBytes === undefined ? {} : {
        blocks: {
          size: blocks.blockSizeBytes,
          runs: blocks.runs.map(({ first, last, nodes: names, state, validZones = "" }) => ({
            first,
            last,
            state,
            zone: validZones,
            node: nodeOf(names)
          }))
        }
      }),
      ...(typeof bootMemmap === "number" ? { bootMemmapPages: bootMemmap } : {}),
      ...(masks.size === 0 ? {} : { masks })
    }
    const ofLog = log === undefined ? [] : [{
      source: at("dmesg"),
      spec: yield* BootLog.read(at("dmesg"), log),
      log: yield* BootTotals.read(at("dmesg"), log)
    }]
    const ofTree = iomem === undefined ? [] : [{
      source: at("iomem"),
      spec: yield* Iomem.read(at("iomem"), iomem),
      iomem: yield* ResourceText.parse(at("iomem"), iomem)
    }]
    return [...ofLog, ...ofTree, own]
  })
