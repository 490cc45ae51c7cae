/**
 * Flags shared by the commands: which kernel, which architecture, how to print.
 *
 * @since 0.1.0
 */
import * as Alignment from "@vmemmap/core/geometry/Alignment"
import * as Architecture from "@vmemmap/core/geometry/Architecture"
import * as MemParse from "@vmemmap/core/geometry/MemParse"
import * as StructPageSize from "@vmemmap/core/geometry/StructPageSize"
import type { MachineSpec } from "@vmemmap/core/machine/MachineSpec"
import * as Target from "@vmemmap/core/planning/Target"
import * as KernelRelease from "@vmemmap/core/release/KernelRelease"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import { orWrongUse, WrongUse } from "../Failure.ts"

/**
 * A flag whose value is a size such as `128GiB`, `2M` or `0x100000000`.
 *
 * @category flags
 * @since 0.1.0
 */
export const size = (name: string, description: string): Flag.Flag<Option.Option<string>> =>
  Flag.String(name).pipe(Flag.withMetavar("SIZE"), Flag.withDescription(description), Flag.optional)

/**
 * Parses the text of a {@link size} flag.
 *
 * @category flags
 * @since 0.1.0
 */
export const bytesOf = (flag: string, text: Option.Option<string>): Effect.Effect<number | undefined, WrongUse> =>
  Option.match(text, {
    onNone: () => Effect.succeed(undefined),
    onSome: (value) => orWrongUse(MemParse.parse(value), `--${flag}`)
  })

/**
 * Whether the answer is printed as one JSON document, as `docs/json` describes.
 *
 * @category flags
 * @since 0.1.0
 */
export const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print JSON (bytes and pages as integers) and nothing else"),
  Flag.withDefault(false)
)

/**
 * Where /proc and /sys are, when not those of this machine.
 *
 * @category flags
 * @since 0.1.0
 */
export const sysroot = Flag.String("sysroot").pipe(
  Flag.withMetavar("DIR"),
  Flag.withDescription("Read /proc and /sys below DIR instead of this machine's"),
  Flag.optional
)

/**
 * Refuses a {@link sysroot} next to sources: either names the machine.
 *
 * @category flags
 * @since 0.1.0
 */
export const oneMachine = (
  { sources, sysroot }: { readonly sources: ReadonlyArray<string>; readonly sysroot: Option.Option<string> }
): Effect.Effect<void, WrongUse> =>
  Option.isSome(sysroot) && sources.length > 0
    ? Effect.fail(new WrongUse({ problem: "--sysroot and SOURCE both name a machine: give one of them" }))
    : Effect.void

/**
 * Kernel and architecture, overriding what the sources say.
 *
 * @category flags
 * @since 0.1.0
 */
export const kernel = {
  kernel: Flag.String("kernel").pipe(
    Flag.withMetavar("RELEASE"),
    Flag.withDescription("Kernel: 6.1, 6.12.8, rhel-9.4, proposed-2026, with +feature or -feature appended"),
    Flag.optional
  ),
  arch: Flag.String("arch").pipe(
    Flag.withMetavar("ARCH"),
    Flag.withDescription(`Architecture: ${Object.keys(Architecture.presets).join(", ")}`),
    Flag.optional
  ),
  pageSize: size("page-size", "Base page size, where the architecture has several (arm64: 4K, 16K, 64K)"),
  structPage: size("struct-page", "sizeof(struct page): 56 to 96, 64 unless configured otherwise"),
  blockSize: size("block-size", "Memory block size (else from the machine, else computed)")
}

type KernelFlags = {
  readonly [K in keyof typeof kernel]: Option.Option<string>
}

/** Flags that do not depend on the machine, parsed once. */
interface Parsed {
  readonly release: KernelRelease.KernelRelease | undefined
  readonly arch: Architecture.Architecture | undefined
  readonly pageSize: number | undefined
  readonly structPage: number | undefined
  readonly blockSize: number | undefined
}

const parse = Effect.fnUntraced(function*(flags: KernelFlags) {
  const arch = Option.getOrUndefined(flags.arch)
  const structPage = yield* bytesOf("struct-page", flags.structPage)
  if (structPage !== undefined && !StructPageSize.isLegal(structPage)) {
    return yield* new WrongUse({ problem: `--struct-page: ${structPage} is not a multiple of 8 from 56 to 96` })
  }
  const parsed: Parsed = {
    release: Option.isSome(flags.kernel)
      ? yield* orWrongUse(KernelRelease.parse(flags.kernel.value), "--kernel")
      : undefined,
    arch: arch === undefined ? undefined : Architecture.fromName(arch),
    pageSize: yield* bytesOf("page-size", flags.pageSize),
    structPage,
    blockSize: yield* bytesOf("block-size", flags.blockSize)
  }
  const stated = /-(?:4|16|64)k$/i.test(arch ?? "") ? parsed.arch?.pageSize : undefined
  if (stated !== undefined && parsed.pageSize !== undefined && parsed.pageSize !== stated) {
    return yield* new WrongUse({
      problem: `--page-size: ${arch} has pages of ${MemParse.format(stated)}, not ${
        MemParse.format(parsed.pageSize)
      }: leave out one of the two`
    })
  }
  return arch !== undefined && parsed.arch === undefined
    ? yield* new WrongUse({
      problem: `--arch: unknown architecture '${arch}'; use one of ${Object.keys(Architecture.presets).join(", ")}`
    })
    : parsed
})

/** The architecture, in the variant with the page size asked for. */
const withPageSize = (
  arch: Architecture.Architecture,
  pageSize: number | undefined
): Result.Result<Architecture.Architecture, WrongUse> => {
  if (pageSize === undefined || pageSize === arch.pageSize) return Result.succeed(arch)
  const family = arch.name.replace(/-.*$/, "")
  const sibling = Object.values(Architecture.presets).find((a) => a.name.startsWith(family) && a.pageSize === pageSize)
  return sibling === undefined
    ? Result.fail(new WrongUse({ problem: `--page-size: ${family} has no ${pageSize}-byte base pages` }))
    : Result.succeed(sibling)
}

/**
 * What the flags make of a machine: the planner's kernel. Flags come first, then the machine, then x86_64 and the baseline of
 * the specification. The flags are parsed once, so that a fleet costs no more than its machines.
 *
 * @category constructors
 * @since 0.1.0
 */
export const kernels = Effect.fnUntraced(function*(flags: KernelFlags) {
  const { arch: named, blockSize, pageSize, release: asked, structPage } = yield* parse(flags)
  return (
    spec: MachineSpec,
    compared?: KernelRelease.KernelRelease
  ): Result.Result<Target.Kernel, { readonly message: string }> => {
    const own = named ?? Architecture.fromName(spec.arch ?? "x86_64") ?? Architecture.presets.x86_64
    const arch = withPageSize(own, pageSize)
    if (Result.isFailure(arch)) return Result.fail(arch.failure)
    const { name, sectionSize } = arch.success
    if (blockSize !== undefined && (blockSize < sectionSize || !Alignment.isPowerOfTwo(blockSize))) {
      return Result.fail(
        new WrongUse({
          problem: `--block-size: must be a power of two of at least a section (${sectionSize} bytes on ${name})`
        })
      )
    }
    const release = compared ?? asked
    return Result.map(
      release === undefined ? KernelRelease.parse(spec.kernel ?? KernelRelease.baseline) : Result.succeed(release),
      (release) => Target.kernelOf(spec, release, { arch: arch.success, structPage, blockSize })
    )
  }
})

/**
 * {@link kernels} for one machine.
 *
 * @category constructors
 * @since 0.1.0
 */
export const kernelOf = Effect.fnUntraced(function*(flags: KernelFlags, spec: MachineSpec) {
  return yield* orWrongUse((yield* kernels(flags))(spec))
})
