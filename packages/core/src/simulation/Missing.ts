/**
 * Devices that are described with struct pages and are not there once all drivers have looked at them.
 *
 * @since 0.1.0
 */
import type { Pagemap } from "../hotplug/Pagemap.ts"
import type { Reason } from "../kernel/Reasons.ts"
import type * as MachineSpec from "../machine/MachineSpec.ts"

/** Bytes. */
const holds = ({ size, start }: MachineSpec.Device, address: number): boolean =>
  start !== undefined && address >= start && address < start + size

/** What of a device should have struct pages: its namespaces, or itself where it is a character device as it is. */
const expected = (device: MachineSpec.Device): ReadonlyArray<string> => {
  const { configured = [], disabled: isOff = false, kind, name } = device
  if (isOff) return []
  if (kind === "dax" && configured.length === 0) return [name]
  return configured
    .filter(({ disabled = false, mode, size }) => (mode === "fsdax" || mode === "devdax") && !disabled && size !== 0)
    .map(({ name }) => name)
}

/**
 * Names as the description has them; `isAnnounced`: firmware tells of the device at all. Of several namespaces of a region, some of
 * which are there, nobody knows which are not.
 *
 * @category models
 * @since 0.1.0
 */
export interface Missing {
  readonly name: string
  readonly isAnnounced: boolean
}

/**
 * What is missing where there are these pagemaps, and firmware announced devices that begin at some addresses; character devices it
 * always does.
 *
 * @category queries
 * @since 0.1.0
 */
export const find = (
  { devices = [] }: MachineSpec.MachineSpec,
  pagemaps: ReadonlyArray<Pick<Pagemap, "ranges">>,
  announced: ReadonlySet<number>,
  pageSize: number
): ReadonlyArray<Missing> =>
  devices.flatMap((device) => {
    const wanted = expected(device)
    const there = pagemaps.filter(({ ranges }) => holds(device, (ranges[0]?.start ?? Infinity) * pageSize)).length
    const missing = wanted.length - there
    const names = missing <= 0
      ? []
      : there === 0
      ? wanted
      : [`${missing} of ${wanted.length} namespaces of ${device.name}`]
    const isAnnounced = device.kind === "dax" || announced.has(device.start ?? 0)
    return names.map((name) => ({ name, isAnnounced }))
  })

const inWords = ({ errno, problem, remedy, rule }: Reason): string => `${errno} (${rule}): ${problem}; ${remedy}`

/** As many reasons are told. */
const most = 3

/**
 * Why one is missing, as far as anybody told: `reasons` are those of the whole machine, each told once whatever numbers are in it.
 *
 * @category printing
 * @since 0.1.0
 */
export const why = ({ isAnnounced }: Missing, reasons: ReadonlyArray<Reason>, release: string): string => {
  if (!isAnnounced) return "firmware does not announce it, so no driver finds it"
  const kinds = Map.groupBy(reasons.map(inWords), (text) => text.replace(/[0-9]+/g, "#"))
  const told = [...kinds.values()].flatMap(([first]) => first ?? [])
  return told.length === 0
    ? `no driver of kernel ${release} makes struct pages for it as it is described`
    : [...told.slice(0, most), ...(told.length > most ? [`${told.length - most} more`] : [])].join("; or ")
}
