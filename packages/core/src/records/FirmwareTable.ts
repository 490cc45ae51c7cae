/**
 * The order in which the firmware of a recorded machine lists its NVDIMMs: that of a hash table of all devices plugged in
 * (OBS-17).
 *
 * The table hashes names, so which DIMMs and virtio-pmem devices there are besides matters too.
 *
 * @since 0.1.0
 */

/** How many devices of each kind, in the order they are plugged. */
interface Plugged {
  readonly pmem: number
  readonly dimms: number
  readonly virtioPmem: number
}

const places = 8

/** The table grows when its last place is taken. */
const most = places - 1

const hashOf = (name: string): number => {
  let hash = 5381
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash, 33) + name.charCodeAt(i) >>> 0
  return hash
}

const named = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => ({ prefix, index }))

/**
 * NVDIMMs by their place in the input, in the order of the table; `null` when more devices are plugged in than there is a known
 * order for.
 *
 * @category queries
 * @since 0.1.0
 */
export const order = ({ dimms, pmem, virtioPmem }: Plugged): ReadonlyArray<number> | null => {
  const devices = [...named("nvd", pmem), ...named("dmd", dimms), ...named("vpd", virtioPmem)]
  // one NVDIMM has one order
  if (devices.length > most) return pmem < 2 ? named("nvd", pmem).map(({ index }) => index) : null
  const table: Array<(typeof devices)[number] | undefined> = []
  for (const device of devices) {
    let at = Math.imul(hashOf(`${device.prefix}${device.index}`), 11) >>> 0
    at %= most
    for (let step = 1; table[at] !== undefined; step++) at = (at + step) % places
    table[at] = device
  }
  return Array.from(table).flatMap((device) => device?.prefix === "nvd" ? [device.index] : [])
}
