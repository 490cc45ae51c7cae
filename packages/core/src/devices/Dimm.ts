/**
 * NVDIMMs as the bus knows them, and the cookie of the set they form (OBS-17, OBS-21).
 *
 * Serial numbers, vendor and handles are those of the reference machine: a description of a machine names none.
 *
 * @since 0.1.0
 */
import * as Fletcher64 from "./Fletcher64.ts"
import type { Region } from "./NvdimmState.ts"

/** PCI vendor in the NFIT control region, little-endian. */
const vendor = 0x8086

const firstSerial = 0x123456

/**
 * @category queries
 * @since 0.1.0
 */
export const serial = (dimm: number): number => firstSerial + dimm

/**
 * The NFIT handle.
 *
 * @category queries
 * @since 0.1.0
 */
export const handle = (dimm: number): number => dimm + 1

const hexBytes = (value: number, count: number): string =>
  Array.from({ length: count }, (_, i) => Math.floor(value / 2 ** (8 * i)) % 256)
    .map((byte) => byte.toString(16).padStart(2, "0")).join("")

/**
 * The `id` attribute: vendor and serial number, low byte first (`8680-56341200`).
 *
 * @category queries
 * @since 0.1.0
 */
export const id = (dimm: number): string => `${hexBytes(vendor, 2)}-${hexBytes(serial(dimm), 4)}`

/** `struct nfit_set_info` of labels 1.1: region offset (u64), serial (u32), padding. */
const infoWords = (dimm: number): ReadonlyArray<number> => [0, 0, serial(dimm), 0]

/** `struct nfit_set_info2` of labels 1.2: offset, serial, vendor and date, place, 31 reserved bytes. */
const info2Words = (dimm: number): ReadonlyArray<number> => [
  0,
  0,
  serial(dimm),
  vendor,
  ...Array.from({ length: 8 }, () => 0)
]

/**
 * The cookie of a region's interleave set, by the version of its labels (OBS-17). `null` where there is no set, and where it is
 * not known: which share of a set of several DIMMs comes first is firmware's secret.
 *
 * @category queries
 * @since 0.1.0
 */
export const setCookie = ({ description: { mappings, setCookie }, version }: Region): bigint | null => {
  if (setCookie !== undefined) return setCookie
  const [only, ...others] = mappings
  if (only === undefined || others.length > 0) return null
  const words = version === "1.1" ? infoWords(only.dimm) : info2Words(only.dimm)
  const bytes = new Uint8Array(words.length * 4)
  const view = new DataView(bytes.buffer)
  for (const [i, word] of words.entries()) view.setUint32(i * 4, word, true)
  return Fletcher64.make(bytes)
}
