/**
 * An info block as `read-infoblock` copies it to standard output, in a record: bytes read as UTF-8, where what is none has become
 * U+FFFD (22.1, OBS-27).
 *
 * Random uuids, and so the checksum, come out at lengths of their own; all else of a block does not.
 *
 * @since 0.1.0
 */

const signature = /(?:NVDIMM_(?:PFN|DAX)_INFO|BTT_ARENA_INFO)\0{1,2}/g

const signatureLength = 16

/** The uuid and that of the parent: as many characters as bytes where all of them are below 0x80, else fewer. */
const uuidsLength = 32

const checksumLength = 8

interface Parts {
  /** Everything up to the signature, and it. */
  readonly head: string
  /** uuids and fields, up to the last byte that is not zero. */
  readonly fields: string
  readonly padding: number
  readonly checksum: string
}

/** `undefined` for a text that is not one block. */
const split = (text: string): Parts | undefined => {
  const [found, another] = [...text.matchAll(signature)]
  if (found === undefined || another !== undefined) return undefined
  const begin = found.index + signatureLength
  const padding = /\0{1024,}/.exec(text.slice(begin))
  if (padding === null) return undefined
  const from = begin + padding.index
  return {
    head: text.slice(0, begin),
    fields: text.slice(begin, from),
    padding: padding[0].length,
    checksum: text.slice(from + padding[0].length)
  }
}

/**
 * Whether two texts are the same block but for uuids and checksum. The engine's own uuids are ASCII, so its fields begin where
 * they stand in the block.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isSame = (kernelText: string, engineText: string): boolean => {
  const [kernel, engine] = [split(kernelText), split(engineText)]
  if (kernel === undefined || engine === undefined) return false
  const fields = engine.fields.slice(uuidsLength)
  return kernel.head === engine.head &&
    kernel.fields.endsWith(fields) && kernel.fields.length <= engine.fields.length &&
    // a checksum may begin with zeros
    Math.abs(kernel.padding - engine.padding) < checksumLength &&
    kernel.checksum.length <= checksumLength && engine.checksum.length <= checksumLength
}
