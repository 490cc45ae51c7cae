/**
 * Block I/O: bytes of a disk read from its media and written to them (23.1, 21.8).
 *
 * In sector mode every block is read where a fresh translation table maps it. The kernel writes a block to a spare one of the
 * CPU that writes and swaps the two; here it is written where it is, which reads the same through the table.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as KernelError from "../kernel/KernelError.ts"
import * as PmemDisk from "./PmemDisk.ts"

type Answer<A> = Result.Result<A, KernelError.KernelError>

/** Bytes of the disk that lie together on the media. */
interface Piece {
  readonly address: number
  readonly length: number
}

/** The block that holds a byte of a disk in sector mode, from that byte on. */
const inBlock = ({ arenas, logicalBlock }: PmemDisk.PmemDisk, offset: number): Piece => {
  let block = Math.floor(offset / logicalBlock)
  const arena = arenas.find(({ blocks }) => {
    if (block < blocks) return true
    block -= blocks
    return false
  })
  const inside = offset % logicalBlock
  const { start, stride } = arena ?? { start: 0, stride: logicalBlock }
  return { address: start + block * stride + inside, length: logicalBlock - inside }
}

/** The pieces of a part of the disk, in order. */
const pieces = (disk: PmemDisk.PmemDisk, offset: number, length: number): ReadonlyArray<Piece> => {
  if (!disk.isBtt) return [{ address: PmemDisk.address(disk, offset), length }]
  const out: Array<Piece> = []
  for (let done = 0; done < length;) {
    const piece = inBlock(disk, offset + done)
    out.push({ ...piece, length: Math.min(piece.length, length - done) })
    done += piece.length
  }
  return out
}

/**
 * At most `length` bytes from `offset` on, fewer at the end of the disk; EIO where a sector is bad.
 *
 * @category operations
 * @since 0.1.0
 */
export const read = (disk: PmemDisk.PmemDisk, offset: number, length: number): Answer<Uint8Array> => {
  const wanted = Math.max(0, Math.min(length, disk.capacity - offset))
  const [first, ...others] = pieces(disk, offset, wanted)
  if (first === undefined) return Result.succeed(new Uint8Array(0))
  if (others.length === 0) return disk.media.read(first.address, first.length)
  const bytes = new Uint8Array(wanted)
  let done = 0
  for (const { address, length } of [first, ...others]) {
    const part = disk.media.read(address, length)
    if (Result.isFailure(part)) return Result.fail(part.failure)
    bytes.set(part.success, done)
    done += length
  }
  return Result.succeed(bytes)
}

/**
 * Writes `bytes` at `offset`: EPERM where the disk is read-only, ENOSPC beyond its end, EIO where a sector stays bad.
 *
 * @category operations
 * @since 0.1.0
 */
export const write = (disk: PmemDisk.PmemDisk, offset: number, bytes: Uint8Array): Answer<void> => {
  if (disk.readOnly) {
    return KernelError.fail({
      errno: "EPERM",
      rule: "23.1",
      problem: `${disk.name} is read-only`,
      remedy: "arm its DIMM"
    })
  }
  if (offset + bytes.byteLength > disk.capacity) {
    return KernelError.fail({
      errno: "ENOSPC",
      rule: "23.1",
      problem: `${disk.name} ends at ${disk.capacity}`,
      remedy: "write less"
    })
  }
  let done = 0
  for (const { address, length } of pieces(disk, offset, bytes.byteLength)) {
    const written = disk.media.write(address, bytes.subarray(done, done + length))
    if (Result.isFailure(written)) return Result.fail(written.failure)
    done += length
  }
  return Result.succeed(undefined)
}
