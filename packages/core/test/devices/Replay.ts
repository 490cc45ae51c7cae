/** Runs the `create-namespace` lines of a recorded script against the pure rooms, and keeps what should then be on media. */
import { Result } from "effect"
import * as Btt from "../../src/devices/Btt.ts"
import * as CreateNamespace from "../../src/devices/CreateNamespace.ts"
import * as Namespace from "../../src/devices/Namespace.ts"
import * as PfnLayout from "../../src/devices/PfnLayout.ts"
import * as Region from "../../src/devices/Region.ts"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as KernelRelease from "../../src/release/KernelRelease.ts"
import * as NamespaceOptions from "../../src/userland/NamespaceOptions.ts"
import * as ToolSize from "../../src/userland/ToolSize.ts"

export const arch = Architecture.presets.x86_64
export const release = Result.getOrThrow(KernelRelease.parse("6.1.176"))

export interface Input {
  readonly pmem?: ReadonlyArray<
    { readonly addr: number; readonly size: number; readonly labelArea: number; readonly unarmed?: boolean }
  >
  readonly virtioPmem?: ReadonlyArray<{ readonly addr: number; readonly size: number }>
  readonly cmdline: string
  readonly script: ReadonlyArray<string>
}

type Block =
  | { readonly _tag: "Pfn"; readonly layout: PfnLayout.PfnLayout; readonly signature: "PFN" | "DAX" }
  | { readonly _tag: "Btt"; readonly layout: Btt.Layout }

export interface Made extends CreateNamespace.Existing {
  readonly region: string
  readonly labelled: boolean
  readonly usable: number
  readonly map: PfnLayout.Map | null
  readonly block: Block | null
}

/** The answer to one line; `made` on success. */
interface Step {
  readonly line: string
  readonly exit: number
  readonly stderr: string
  readonly made: Made | null
}

export interface Replayed {
  readonly steps: ReadonlyArray<Step>
  readonly namespaces: ReadonlyMap<string, Made>
  readonly regions: ReadonlyMap<string, Region.Region>
  /** The whole script was understood. */
  readonly complete: boolean
}

const page = arch.pageSize

const region = (at: number, start: number, size: number, rest: Partial<Region.Region>): Region.Region => ({
  name: `region${at}`,
  start,
  size,
  align: Region.defaultAlign(size, rest.mappings ?? 0, page),
  mappings: 0,
  labels: "none",
  pagemap: false,
  allocations: [],
  ...rest
})

/** OBS-17: the order in which the firmware table lists two or three NVDIMMs. */
const firmwareOrder = [[], [0], [1, 0], [1, 0, 2]]

export const regions = (input: Input): ReadonlyArray<Region.Region> => {
  const legacy = [...input.cmdline.matchAll(/\bmemmap=(\w+)!(\w+)/g)].map(([, size = "", start = ""]) => ({
    start: Number(ToolSize.parse(start)?.value),
    size: Number(ToolSize.parse(size)?.value)
  })).toSorted((a, b) => a.start - b.start)
  const pmem = input.pmem ?? []
  return [
    ...legacy.map(({ size, start }) => ({ start, size, rest: { pagemap: true } })),
    ...(firmwareOrder[pmem.length] ?? []).flatMap((i) => pmem[i] ?? []).map(({ addr, labelArea, size, unarmed }) => ({
      start: addr,
      size,
      rest: { mappings: 1, labels: labelArea > 0 ? "empty" as const : "none" as const, readOnly: unarmed === true }
    })),
    ...(input.virtioPmem ?? []).map(({ addr, size }) => ({ start: addr, size, rest: { pagemap: true } }))
  ].map(({ rest, size, start }, at) => region(at, start, size, rest))
}

const option = (words: ReadonlyArray<string>, name: string): string | undefined => {
  const at = words.indexOf(name)
  return at < 0 ? undefined : words[at + 1]
}

const requestOf = (
  words: ReadonlyArray<string>,
  existing: CreateNamespace.Existing | undefined
): CreateNamespace.Request => {
  const size = option(words, "-s")
  const parsed = size === undefined ? undefined : ToolSize.parse(size)
  const align = option(words, "-a")
  const mode = option(words, "-m")
  const map = option(words, "-M")
  return {
    existing,
    mode: mode === undefined ? undefined : NamespaceOptions.modeOf(mode),
    map: map === "mem" || map === "dev" ? map : undefined,
    size: parsed === undefined ? undefined : { bytes: Number(parsed.value), unit: parsed.unit },
    align: align === undefined ? undefined : { bytes: Number(ToolSize.parse(align)?.value), text: align },
    sectorSize: option(words, "-l") === undefined ? undefined : Number(option(words, "-l")),
    force: words.includes("-f")
  }
}

/** What the kernel makes of a settled request; `null` when it refuses. */
const bind = (settled: CreateNamespace.Settled): { readonly usable: number; readonly block: Block | null } | null => {
  switch (settled.instance) {
    case null:
      return { usable: settled.size, block: null }
    case "btt":
      return Result.match(Btt.layout(settled.size, settled.sectorSize ?? 4096, "1.1"), {
        onFailure: () => null,
        onSuccess: (layout) => ({ usable: layout.usable, block: { _tag: "Btt", layout } })
      })
    default: {
      const layout = PfnLayout.create({ ...settled, map: settled.map ?? "dev", arch, release, structPage: 64 })
      const signature = settled.instance === "pfn" ? "PFN" : "DAX"
      return Result.match(layout, {
        onFailure: () => null,
        onSuccess: (layout) => ({ usable: layout.usable, block: { _tag: "Pfn", layout, signature } })
      })
    }
  }
}

const ignored = /^(|facts|snap|autosnap|ask|text|sync|r)( |$)|^cmd (daxctl|ndctl (list|read-infoblock)) /

/** `misspelt` are lines the tool refuses for their text alone (OBS-25 row 1): they change nothing. */
export const run = (input: Input, misspelt: ReadonlySet<string> = new Set()): Replayed => {
  const place = new Map(regions(input).map((r) => [r.name, r]))
  const made = new Map<string, Made>()
  const steps: Array<Step> = []
  const seedAlign = new Map<string, number>()
  for (const r of place.values()) {
    const mode = Namespace.nativeMode(r, arch)
    const name = `namespace${r.name.slice(6)}.0`
    made.set(name, {
      name,
      start: r.start,
      size: r.size,
      region: r.name,
      labelled: false,
      mode: Result.getOrElse(mode, () => "raw" as const),
      active: Result.isSuccess(mode),
      usable: r.size,
      map: null,
      block: null
    })
  }

  const attempt = (line: string, r: Region.Region, words: ReadonlyArray<string>, existing: Made | undefined): Step => {
    const request = requestOf(words, existing)
    const kind = request.mode ?? existing?.mode ?? "fsdax"
    const count = [...made.values()].filter((m) => m.region === r.name).length
    const settled = CreateNamespace.settle(request, {
      region: r,
      pageSize: page,
      supportedAligns: arch.daxAligns,
      seedAlign: seedAlign.get(`${r.name} ${kind}`) ?? arch.pmdSize,
      candidate: r.labels === "initialised" ? `namespace${r.name.slice(6)}.${count}` : null
    })
    if (Result.isFailure(settled)) {
      return { line, exit: settled.failure.exit, stderr: settled.failure.stderr, made: null }
    }
    const { align, map, mode, name, size, start } = settled.success
    const bound = bind(settled.success)
    if (bound === null) {
      seedAlign.set(`${r.name} ${kind}`, align)
      const device = settled.success.instance ?? ""
      if (existing !== undefined) {
        made.set(name, { ...existing, mode: r.pagemap ? "fsdax" : "raw", align: undefined, block: null, active: false })
      }
      return {
        line,
        exit: existing === undefined ? 237 : 250,
        stderr:
          `libndctl: ndctl_${device}_enable: ${device}: failed to enable\n  Error: ${name}: failed to enable\n\n` +
          `failed to ${existing === undefined ? "create" : "reconfigure"} namespace: No such device or address`,
        made: null
      }
    }
    seedAlign.delete(`${r.name} ${kind}`)
    const result: Made = {
      name,
      start,
      size,
      mode: settled.success.instance === null && r.pagemap ? "fsdax" : mode,
      align: settled.success.instance === "pfn" || settled.success.instance === "dax" ? align : undefined,
      active: true,
      region: r.name,
      labelled: r.labels === "initialised",
      map: map ?? (r.pagemap ? "mem" : null),
      ...bound
    }
    made.set(name, result)
    if (existing === undefined) {
      place.set(r.name, Region.allocate(r, { start: start - r.start, end: start - r.start + size }))
    }
    return { line, exit: 0, stderr: "", made: result }
  }

  for (const line of input.script) {
    const words = line.split(/\s+/)
    const align = /^w (\d+) \S*\/(region\d+)\/align$/.exec(line)
    const toggle = /^cmd ndctl (enable|disable)-namespace (namespace\S+)$/.exec(line)
    if (ignored.test(line) || misspelt.has(line.slice(4))) continue
    if (line === "labels") {
      for (const r of place.values()) {
        if (r.labels !== "none") {
          place.set(r.name, { ...r, labels: "initialised" })
          made.delete(`namespace${r.name.slice(6)}.0`)
        }
      }
    } else if (align !== null) {
      const r = place.get(align[2] ?? "")
      if (r === undefined) return { steps, namespaces: made, regions: place, complete: false }
      place.set(r.name, Result.getOrElse(Region.writeAlign(r, Number(align[1]), page), () => r))
    } else if (toggle !== null) {
      const namespace = made.get(toggle[2] ?? "")
      if (namespace !== undefined) made.set(namespace.name, { ...namespace, active: toggle[1] === "enable" })
    } else if (line.startsWith("cmd ndctl create-namespace")) {
      const target = option(words, "-e")
      const existing = target === undefined ? undefined : made.get(target)
      const wanted = option(words, "-r")
      // OBS-20: the order in which regions are tried
      const tried = (target === undefined ? ["region1", "region0", "region2"] : [existing?.region ?? ""])
        .flatMap((name) => place.get(name) ?? []).filter((r) => wanted === undefined || r.name === wanted)
      let last: Step | null = null
      for (const r of tried) {
        last = attempt(line.slice(4), r, words, existing)
        if (last.exit === 0 || !last.stderr.endsWith("No space left on device")) break
      }
      steps.push(
        last ?? {
          line: line.slice(4),
          exit: target === undefined ? 237 : 250,
          stderr: `failed to ${target === undefined ? "create" : "reconfigure"} namespace: No such device or address`,
          made: null
        }
      )
    } else {
      return { steps, namespaces: made, regions: place, complete: false }
    }
  }
  return { steps, namespaces: made, regions: place, complete: true }
}
