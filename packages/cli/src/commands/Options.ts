/**
 * Flags shared by the commands: which kernel, which architecture, how to print.
 *
 * @since 0.1.0
 */
import * as Architecture from "@vmemmap/core/geometry/Architecture"
import * as MemParse from "@vmemmap/core/geometry/MemParse"
import * as StructPageSize from "@vmemmap/core/geometry/StructPageSize"
import type { MachineSpec } from "@vmemmap/core/machine/MachineSpec"
import * as Target from "@vmemmap/core/planning/Target"
import * as KernelRelease from "@vmemmap/core/release/KernelRelease"
import * as Flag from "effect/cli/Flag"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
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
 * @category flags
 * @since 0.1.0
 */
export const json = Flag.Boolean("json").pipe(
  Flag.withDescription("Print JSON (bytes, pages and nanoseconds as integers) and nothing else"),
  Flag.withDefault(false)
)

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

const architecture = Effect.fnUntraced(function*(flags: KernelFlags, spec: MachineSpec) {
  const name = Option.getOrUndefined(flags.arch) ?? spec.arch ?? "x86_64"
  const arch = Architecture.fromName(name)
  if (arch === undefined) {
    return yield* new WrongUse({
      problem: `--arch: unknown architecture '${name}'; use one of ${Object.keys(Architecture.presets).join(", ")}`
    })
  }
  const pageSize = yield* bytesOf("page-size", flags.pageSize)
  if (pageSize === undefined || pageSize === arch.pageSize) return arch
  const family = arch.name.replace(/-.*$/, "")
  const sibling = Object.values(Architecture.presets).find((a) => a.name.startsWith(family) && a.pageSize === pageSize)
  return sibling ?? (yield* new WrongUse({ problem: `--page-size: ${family} has no ${pageSize}-byte base pages` }))
})

/**
 * The release named by `--kernel`, else by the machine, else the baseline of the specification.
 *
 * @category constructors
 * @since 0.1.0
 */
export const releaseOf = (flags: Pick<KernelFlags, "kernel">, spec: MachineSpec) =>
  orWrongUse(
    KernelRelease.parse(Option.getOrElse(flags.kernel, () => spec.kernel ?? KernelRelease.baseline)),
    Option.isSome(flags.kernel) ? "--kernel" : undefined
  )

/**
 * The planner's kernel for a machine under these flags.
 *
 * @category constructors
 * @since 0.1.0
 */
export const kernelOf = Effect.fnUntraced(function*(
  flags: KernelFlags,
  spec: MachineSpec,
  release?: KernelRelease.KernelRelease
) {
  const arch = yield* architecture(flags, spec)
  const structPage = yield* bytesOf("struct-page", flags.structPage)
  if (structPage !== undefined && !StructPageSize.isLegal(structPage)) {
    return yield* new WrongUse({ problem: `--struct-page: ${structPage} is not a multiple of 8 from 56 to 96` })
  }
  const blockSize = yield* bytesOf("block-size", flags.blockSize)
  if (blockSize !== undefined && (blockSize < arch.sectionSize || !Number.isInteger(Math.log2(blockSize)))) {
    return yield* new WrongUse({
      problem: `--block-size: must be a power of two of at least a section (${arch.sectionSize} bytes on ${arch.name})`
    })
  }
  return Target.kernelOf(spec, release ?? (yield* releaseOf(flags, spec)), { arch, structPage, blockSize })
})
