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
 * Names as the description has them. Of several namespaces of a region, some of which are there, nobody knows which are not: those are
 * named by the region.
 *
 * @category queries
 * @since 0.1.0
 */
export const names = (
  { devices = [] }: MachineSpec.MachineSpec,
  pagemaps: ReadonlyArray<Pick<Pagemap, "ranges">>,
  pageSize: number
): ReadonlyArray<string> =>
  devices.flatMap((device) => {
    const wanted = expected(device)
    const there = pagemaps.filter(({ ranges }) => holds(device, (ranges[0]?.start ?? Infinity) * pageSize)).length
    const missing = wanted.length - there
    return missing <= 0 ? [] : there === 0 ? wanted : [`${missing} of ${wanted.length} namespaces of ${device.name}`]
  })

const inWords = ({ errno, problem, remedy, rule }: Reason): string => `${errno} (${rule}): ${problem}; ${remedy}`

/**
 * Why, as far as the kernel told.
 *
 * @category printing
 * @since 0.1.0
 */
export const why = (reasons: ReadonlyArray<Reason>, release: string): string =>
  reasons.length === 0
    ? `no driver of kernel ${release} makes struct pages for it as it is described`
    : [...new Set(reasons.map(inWords))].join("; ")
