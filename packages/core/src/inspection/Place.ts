/**
 * A page frame as people name it: a pfn, a physical address, or the address of a struct page or of the direct map.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Decoding from "../inputs/Decoding.ts"
import type { InputError } from "../inputs/InputError.ts"
import type { BootKernel } from "../machine/BootMemory.ts"
import * as PageAddress from "../sections/PageAddress.ts"

/**
 * Whether a word names a page frame: a decimal pfn, a hexadecimal address, `pfn:` before either, as the kernel prints it.
 *
 * @category predicates
 * @since 0.1.0
 */
export const isPlace = (word: string): boolean => /^(?:pfn:)?(?:[0-9]{1,20}|0x[0-9a-fA-F]{1,16})$/.test(word)

const refuse = (word: string, problem: string): Result.Result<never, InputError> =>
  Decoding.failAt(
    { source: word.slice(0, 60), at: "" },
    problem,
    "give a decimal pfn, pfn:0x200402, or an address such as 0x100000000"
  )

/**
 * The pfn. Decimal numbers and what follows `pfn:` are pfns, hexadecimal ones physical addresses; from 2^63 on those of struct
 * pages or of the direct map, as long as the kernel does not randomise them.
 *
 * Fails with an `InputError` for what is no page frame, lies above MAX_PHYSMEM, or is a virtual address of something else.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (word: string, kernel: BootKernel): Result.Result<number, InputError> => {
  if (!isPlace(word)) return refuse(word, "is no page frame")
  const value = BigInt(word.replace(/^pfn:/, ""))
  const { arch, structPage } = kernel
  const end = BigInt(2 ** arch.physicalBits / arch.pageSize)
  const within = (pfn: bigint): Result.Result<number, InputError> =>
    pfn < end
      ? Result.succeed(Number(pfn))
      : refuse(word, `lies above MAX_PHYSMEM (2^${arch.physicalBits}) of ${arch.name}`)
  if (word.startsWith("pfn:") || !word.startsWith("0x")) return within(value)
  if (value < 2n ** 63n) return within(value / BigInt(arch.pageSize))
  const bases = PageAddress.bases(arch)
  if (bases === undefined) return refuse(word, `is a virtual address, whose base ${arch.name} chooses at boot`)
  const vmemmapEnd = bases.vmemmap + end * BigInt(structPage)
  if (value >= bases.vmemmap && value < vmemmapEnd) return within((value - bases.vmemmap) / BigInt(structPage))
  return value >= bases.linear && value < bases.linear + end * BigInt(arch.pageSize)
    ? within((value - bases.linear) / BigInt(arch.pageSize))
    : refuse(word, "is a virtual address outside struct pages and direct map")
}
