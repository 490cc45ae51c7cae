/**
 * Values of options that ndctl (76) checks before it looks at any device, the same for create-namespace and write-infoblock
 * (OBS-25 row 1).
 *
 * @since 0.1.0
 */
import type * as Namespace from "../devices/Namespace.ts"
import * as Uuid from "../devices/Uuid.ts"
import * as ToolSize from "./ToolSize.ts"

/**
 * The options as typed; `mode` is the one in force, a default included. `reconfig` is any name given with `-e`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Values {
  readonly type?: string | undefined
  readonly mode?: string | undefined
  readonly map?: string | undefined
  readonly size?: string | undefined
  readonly offset?: string | undefined
  readonly align?: string | undefined
  readonly uuid?: string | undefined
  readonly parentUuid?: string | undefined
  readonly sectorSize?: string | undefined
  readonly reconfig?: string | undefined
}

const modes: ReadonlyMap<string, Namespace.Mode> = new Map([
  ["memory", "fsdax"],
  ["fsdax", "fsdax"],
  ["sector", "sector"],
  ["safe", "sector"],
  ["dax", "devdax"],
  ["devdax", "devdax"],
  ["raw", "raw"]
])

/**
 * The modes the tool knows, by any of their spellings, in any case.
 *
 * @category parsing
 * @since 0.1.0
 */
export const modeOf = (text: string): Namespace.Mode | undefined => modes.get(text.toLowerCase())

/** The map option goes by the spelling of the mode. */
const isDaxText = (mode: string): boolean => mode === "fsdax" || mode === "devdax"

const unparsable = (text: string | undefined): boolean => text !== undefined && ToolSize.parse(text) === undefined

const modeComplaints = ({ map, mode, reconfig, type }: Values): ReadonlyArray<string> => {
  const out: Array<string> = []
  if (type !== undefined && type !== "pmem" && type !== "blk") {
    out.push(`invalid type '${type}', must be either 'pmem' or 'blk'`)
  }
  if (mode !== undefined && modeOf(mode) === undefined) out.push(`invalid mode '${mode}'`)
  return [...out, ...mapComplaints({ map, mode, reconfig, type })]
}

const mapComplaints = ({ map, mode, reconfig, type }: Values): ReadonlyArray<string> => {
  const out: Array<string> = []
  if (map !== undefined) {
    if (map !== "mem" && map !== "dev") out.push(`invalid map location '${map}'`)
    if (reconfig === undefined && mode !== undefined && !isDaxText(mode)) {
      out.push("--map only valid for an devdax mode pmem namespace")
    }
  }
  if (type === "blk" && mode !== undefined && isDaxText(mode)) out.push("only 'pmem' namespaces support dax operation")
  return out
}

const alignComplaint = (align: string | undefined, pageSize: number): ReadonlyArray<string> => {
  if (align === undefined) return []
  const value = ToolSize.parse(align)?.value
  if (value === undefined) return [`failed to parse namespace alignment '${align}'`]
  return value < BigInt(pageSize) || (value & (value - 1n)) !== 0n
    ? [`align must be a power-of-2 greater than ${pageSize}`]
    : []
}

/**
 * Complaints about the values, in the tool's order; it checks all of them before it gives up. `onlyDax`: modes without struct
 * pages are refused (write-infoblock).
 *
 * @category validation
 * @since 0.1.0
 */
export const complaints = (values: Values, pageSize: number, onlyDax = false): ReadonlyArray<string> => {
  const known = modeOf(values.mode ?? "")
  const isUnsupported = onlyDax && known !== undefined && !isDaxText(known)
  const badSize = unparsable(values.size) ? [`failed to parse namespace size '${values.size}'`] : []
  return [
    ...(isUnsupported ? [`unsupported mode '${values.mode}'`] : []),
    ...modeComplaints(values),
    ...badSize,
    ...(unparsable(values.offset) ? [`failed to parse physical offset'${values.offset}'`] : []),
    ...alignComplaint(values.align, pageSize),
    // the size is looked at a second time, after the alignment
    ...badSize,
    ...[values.uuid, values.parentUuid].filter((uuid) => uuid !== undefined && !Uuid.isUuid(uuid))
      .map((uuid) => `failed to parse uuid: '${uuid}'`),
    ...(unparsable(values.sectorSize) ? [`invalid sector size: ${values.sectorSize}`] : [])
  ]
}
