/**
 * What `vmemmap infoblock read --json` and `--human` print: the fields of `ndctl read-infoblock`, in its order and spelling.
 *
 * The text is the tool's, digit for digit. Words of 64 bits may exceed what a JSON reader can hold in a double.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

const word = (description: string) =>
  Schema.Union([Schema.Finite, Schema.String]).annotate({
    description: `${description} A number, or hexadecimal text with --human.`
  })

const integer = (description: string) => Schema.Int.annotate({ description })

/** Fields all blocks begin with. */
const envelope = {
  file: Schema.String.annotate({ description: "Image file the block was read from, or <stdin>." }),
  signature: Schema.String.annotate({ description: "NVDIMM_PFN_INFO, NVDIMM_DAX_INFO or BTT_ARENA_INFO." }),
  uuid: Schema.String.annotate({ description: "Identity of the instance." }),
  parent_uuid: Schema.String.annotate({ description: "Identity of the namespace; zeros when it has none." }),
  flags: word("Flags."),
  version: Schema.String.annotate({ description: "Version of the block, major and minor." })
}

/**
 * The block of an fsdax or devdax namespace (22.1).
 *
 * @category models
 * @since 0.1.0
 */
export const PfnBlock = Schema.Struct({
  ...envelope,
  dataoff: word("Bytes from the start of the namespace to the data."),
  npfns: word("Pages of data."),
  mode: integer("Where struct pages live: 1 is RAM, 2 the device."),
  start_pad: word("Bytes left out at the start."),
  end_trunc: word("Bytes left out at the end."),
  align: word("Alignment in bytes."),
  page_size: word("Bytes of a page when the block was written."),
  page_struct_size: word("Bytes set aside for a struct page.")
}).annotate({ identifier: "PfnBlock", description: "Info block of an fsdax or devdax namespace." })
/** @since 0.1.0 */
export interface PfnBlock extends Schema.Schema.Type<typeof PfnBlock> {}

/**
 * The block of a sector-mode namespace (21.8).
 *
 * @category models
 * @since 0.1.0
 */
export const BttBlock = Schema.Struct({
  ...envelope,
  external_lbasize: integer("Bytes of a sector as the user sees it."),
  external_nlba: integer("Number of sectors."),
  internal_lbasize: integer("Bytes of a sector as stored."),
  internal_nlba: integer("Number of stored sectors, the free ones included."),
  nfree: integer("Number of free sectors kept for atomic writes."),
  infosize: integer("Bytes of the block."),
  nextoff: word("Bytes to the next arena; 0 in the last."),
  dataoff: word("Bytes from the start of the arena to the data."),
  mapoff: word("Bytes to the map."),
  logoff: word("Bytes to the log."),
  info2off: word("Bytes to the second copy of the block.")
}).annotate({ identifier: "BttBlock", description: "Info block of a sector-mode namespace." })
/** @since 0.1.0 */
export interface BttBlock extends Schema.Schema.Type<typeof BttBlock> {}

/**
 * A block of either kind; `signature` tells which.
 *
 * @category models
 * @since 0.1.0
 */
export const Block = Schema.Union([PfnBlock, BttBlock])
/** @since 0.1.0 */
export type Block = typeof Block.Type

/**
 * All blocks found; with `--human` a single block is printed without the list around it, as the tool does.
 *
 * @category models
 * @since 0.1.0
 */
export const InfoblockAnswer = Schema.Union([Schema.Array(Block), Block]).annotate({
  title: "vmemmap infoblock read --json",
  description: "The blocks found; with --human a single block stands alone."
})
/** @since 0.1.0 */
export type InfoblockAnswer = typeof InfoblockAnswer.Type
