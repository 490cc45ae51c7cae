/**
 * Info blocks as bytes: the engine's with the kernel's uuids in place of those it made up, and the checksum that follows (22.1,
 * 22.2).
 *
 * @since 0.1.0
 */
import * as InfoBlock from "../devices/InfoBlock.ts"
import * as Uuid from "../devices/Uuid.ts"
import * as BlockText from "./BlockText.ts"
import type { Given } from "./Given.ts"

/** Bytes of a block written as hexadecimal digits. */
const decode = (hex: string): Uint8Array | undefined => {
  if (hex === BlockText.zeros) return new Uint8Array(InfoBlock.blockSize)
  return hex.length === 2 * InfoBlock.blockSize && /^[0-9a-f]*$/.test(hex) ? BlockText.bytes(hex) : undefined
}

/** Where both kinds of block keep their uuid and that of their parent. */
const uuidsAt = [16, 32]
const checksumAt = InfoBlock.blockSize - 8

const sameBytes = (one: Uint8Array, other: Uint8Array, end: number): boolean =>
  one.subarray(0, end).every((byte, index) => byte === other[index])

const isWiped = (block: Uint8Array): boolean => block.subarray(0, 48).every((byte) => byte === 0)

const half = 0xffffffffn

/**
 * The stored checksum once uuids have changed. The sum is linear in its words, so what the change adds to it is known even
 * where the block was damaged after it had been sealed.
 */
const checksumAfter = (before: Uint8Array, after: Uint8Array): bigint => {
  const [stored, was, is] = [
    InfoBlock.storedChecksum(before),
    InfoBlock.checksumOf(before),
    InfoBlock.checksumOf(after)
  ]
  const high = ((stored >> 32n) + (is >> 32n) - (was >> 32n)) & half
  const low = ((stored & half) + (is & half) - (was & half)) & half
  return (high << 32n) | low
}

const checksumBytes = (checksum: bigint): Uint8Array => {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setBigUint64(0, checksum, true)
  return bytes
}

/** Whether every byte of the two checksums is either right for its block or was overwritten with the same one. */
const isDamagedAlike = (kernel: Uint8Array, engine: Uint8Array): boolean => {
  const [ours, theirs] = [checksumBytes(InfoBlock.checksumOf(engine)), checksumBytes(InfoBlock.checksumOf(kernel))]
  return ours.every((right, index) => {
    const [mine, other] = [engine[checksumAt + index], kernel[checksumAt + index]]
    return mine === other || (mine === right && other === theirs[index])
  })
}

/**
 * Whether two blocks are the same but for uuids that the input does not name, and their part in the checksum.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isSame = ({ uuids }: Given, kernelHex: string, engineHex: string): boolean => {
  if (kernelHex === engineHex) return true
  const [kernel, engine] = [decode(kernelHex), decode(engineHex)]
  // a block of zeros is written in one way only
  const isZero = kernelHex === BlockText.zeros || engineHex === BlockText.zeros
  if (kernel === undefined || engine === undefined || isZero) return false
  const expected = Uint8Array.from(engine)
  for (const at of uuidsAt) {
    if (uuids.has(Uuid.fromBytes(kernel, at)) || uuids.has(Uuid.fromBytes(engine, at))) continue
    expected.set(kernel.subarray(at, at + 16), at)
  }
  if (!sameBytes(expected, kernel, checksumAt)) return false
  const stored = InfoBlock.storedChecksum(kernel)
  // what is left of a block whose uuids were wiped: nothing tells which uuid the sum once covered
  if (isWiped(kernel) && isWiped(engine)) return stored !== 0n && InfoBlock.storedChecksum(engine) !== 0n
  return stored === checksumAfter(engine, expected) || isDamagedAlike(kernel, engine)
}
