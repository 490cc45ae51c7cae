/**
 * A region and a request as create-namespace weighs them (OBS-25), from what libndctl reads and what was typed.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as CreateNamespace from "../devices/CreateNamespace.ts"
import type * as Namespace from "../devices/Namespace.ts"
import type * as Region from "../devices/Region.ts"
import * as Uuid from "../devices/Uuid.ts"
import * as PfnRange from "../geometry/PfnRange.ts"
import { MiB } from "../geometry/Units.ts"
import type * as SysfsTree from "../sysfs/SysfsTree.ts"
import * as NamespaceOptions from "./NamespaceOptions.ts"
import * as NdctlView from "./NdctlView.ts"
import * as ToolOptions from "./ToolOptions.ts"
import * as ToolSize from "./ToolSize.ts"

const bytes = (text: string): number => Number(ToolSize.parse(text)?.value ?? 0n)

const existing = (found: NdctlView.Namespace): CreateNamespace.Existing => ({
  name: found.name,
  start: found.start ?? 0,
  size: found.size,
  mode: found.mode,
  align: found.claim?.align,
  sectorSize: found.claim?.kind === "btt" ? found.claim.sectorSize : undefined,
  active: found.active
})

/**
 * The options, whose texts are known to be good. `mode` is a default for a new namespace.
 *
 * @category conversions
 * @since 0.1.0
 */
export const request = (
  options: ToolOptions.Parsed,
  found: NdctlView.Namespace | undefined
): CreateNamespace.Request => {
  const { texts } = options
  const size = ToolSize.parse(texts.get("size") ?? "no size")
  const align = texts.get("align")
  const map = texts.get("map")
  const sectors = texts.get("sector-size")
  return {
    existing: found === undefined ? undefined : existing(found),
    mode: NamespaceOptions.modeOf(texts.get("mode") ?? ""),
    map: map === "mem" || map === "dev" ? map : undefined,
    align: align === undefined ? undefined : { bytes: bytes(align), text: align },
    size: size === undefined ? undefined : { bytes: Number(size.value), unit: size.unit },
    sectorSize: sectors === undefined ? undefined : bytes(sectors),
    force: ToolOptions.has(options, "force")
  }
}

/** An unclaimed namespace says whether it is mapped with struct pages; regions without DIMMs are. */
const isMapped = ({ mappings, namespaces }: NdctlView.Region): boolean => {
  const unclaimed = namespaces.find(({ claim }) => claim === null)
  return unclaimed === undefined ? mappings.length === 0 : unclaimed.mode === "fsdax"
}

const space = (found: NdctlView.Region, pageSize: number): Region.Region => {
  const start = found.start ?? 0
  const ways = Math.max(1, found.mappings.length)
  const mappingStart = found.mappings[0]?.offset ?? 0
  const taken = found.namespaces.flatMap(({ size, start: at }) =>
    at === undefined || size === 0
      ? []
      : [PfnRange.fromLength(mappingStart + (at - start) / ways, size / ways)]
  )
  return {
    name: found.name,
    start,
    size: found.size,
    align: found.align ?? pageSize,
    mappings: found.mappings.length,
    mappingStart,
    labels: found.labelled ? "initialised" : "none",
    pagemap: isMapped(found),
    readOnly: found.readOnly,
    allocations: PfnRange.normalise(taken)
  }
}

/** Neither active nor, with labels, configured. */
const isIdle = ({ active, size, type, uuid }: NdctlView.Namespace): boolean =>
  !active && (type === "io" || size === 0 || uuid === Uuid.zero)

/**
 * The namespace a new one would become: id 0 if it is idle, else the seed; `undefined` when neither is.
 *
 * @category queries
 * @since 0.1.0
 */
export const candidate = ({ namespaces, seeds }: NdctlView.Region): NdctlView.Namespace | undefined => {
  const idle = namespaces.filter(isIdle)
  return idle.find(({ id }) => id === 0) ?? idle.find(({ name }) => name === seeds.namespace)
}

/**
 * The region as `CreateNamespace` wants it, for a namespace of `mode`.
 *
 * @category conversions
 * @since 0.1.0
 */
export const place = Effect.fnUntraced(function*(
  tree: SysfsTree.SysfsTree["Service"],
  found: NdctlView.Region,
  mode: Namespace.Mode
): Effect.fn.Return<CreateNamespace.Place> {
  const pageSize = yield* NdctlView.pageSize(tree)
  const seed = yield* NdctlView.instance(tree, (mode === "devdax" ? found.seeds.dax : found.seeds.pfn) ?? "")
  return {
    region: space(found, pageSize),
    pageSize,
    supportedAligns: seed?.aligns ?? [],
    seedAlign: seed?.align ?? 2 * MiB,
    candidate: candidate(found)?.name ?? null,
    disabled: !found.enabled
  }
})
