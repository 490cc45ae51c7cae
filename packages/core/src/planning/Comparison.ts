/**
 * The struct-page tax of the same devices under different kernels, next to what HugeTLB and a memory descriptor would cost
 * for as much memory.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as MemParse from "../geometry/MemParse.ts"
import { GiB, MiB } from "../geometry/Units.ts"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import * as Alternatives from "./Alternatives.ts"
import * as HugePages from "./HugePages.ts"
import type * as PlanOption from "./PlanOption.ts"
import * as Target from "./Target.ts"

/**
 * One kernel's cost for one way of using all devices. `possible` is false when the kernel refuses it on any device; bytes
 * are then 0. `share` is (ram + device + pageTables) / size.
 *
 * @category models
 * @since 0.1.0
 */
export const Cell = Schema.Struct({
  kernel: Schema.String.annotate({ description: "Kernel release." }),
  possible: Schema.Boolean.annotate({
    description: "Whether the kernel can do it on every device of the row; if not, the figures are 0."
  }),
  ram: Schema.Natural.annotate({ description: "Bytes of struct pages in RAM." }),
  device: Schema.Natural.annotate({ description: "Bytes of struct pages on devices." }),
  pageTables: Schema.Natural.annotate({ description: "Bytes of page tables, always RAM." }),
  usable: Schema.Natural.annotate({ description: "Usable bytes." }),
  share: Schema.Finite.annotate({ description: "(ram + device + pageTables) / size, from 0 to 1." })
}).annotate({ identifier: "Cell", description: "The cost under one kernel." })
/** @since 0.1.0 */
export interface Cell extends Schema.Schema.Type<typeof Cell> {}

/**
 * `hypothetical` marks rows that no choice on the device gives (HugeTLB on boot RAM, memdesc).
 *
 * @category models
 * @since 0.1.0
 */
export const Row = Schema.Struct({
  label: Schema.String.annotate({ description: "The way of using the devices, such as devdax mem 1G." }),
  hypothetical: Schema.Boolean.annotate({
    description: "No choice on the device gives it (HugeTLB on boot RAM, memdesc)."
  }),
  devices: Schema.Natural.annotate({ description: "Devices that can be used so; the row's figures are for these." }),
  cells: Schema.Array(Cell).annotate({ description: "One per kernel, in the order asked for." })
}).annotate({ identifier: "Row", description: "One way of using all devices, under each kernel." })
/** @since 0.1.0 */
export interface Row extends Schema.Schema.Type<typeof Row> {}

/**
 * How an option is named in tables: `devdax mem 1G`.
 *
 * @category printing
 * @since 0.1.0
 */
export const label = (choice: PlanOption.Choice): string =>
  [
    choice.mode,
    choice.map === "none" ? "" : choice.map,
    choice.align === null ? "" : MemParse.format(choice.align),
    choice.sectorSize === null ? "" : String(choice.sectorSize),
    choice.native ? "native" : "",
    choice.memmapOnMemory ? "memmap-on-memory" : ""
  ].filter((word) => word !== "").join(" ")

const cell = (kernel: Target.Kernel, size: number, parts: ReadonlyArray<PlanOption.PlanOption>): Cell => {
  const possible = parts.length > 0 && parts.every((o) => o.error === null)
  const sum = (pick: (o: PlanOption.PlanOption) => number) => possible ? parts.reduce((n, o) => n + pick(o), 0) : 0
  const [ram, device, pageTables] = [sum((o) => o.ram), sum((o) => o.device), sum((o) => o.pageTables)]
  return {
    kernel: kernel.release.name,
    possible,
    ram,
    device,
    pageTables,
    usable: sum((o) => o.usable),
    share: size === 0 ? 0 : (ram + device + pageTables) / size
  }
}

const hypothetical = (
  text: string,
  size: number,
  devices: number,
  kernels: ReadonlyArray<Target.Kernel>,
  bytes: (kernel: Target.Kernel) => { readonly ram: number; readonly possible: boolean }
): Row => ({
  label: text,
  hypothetical: true,
  devices,
  cells: kernels.map((kernel) => {
    const { possible, ram } = bytes(kernel)
    return {
      kernel: kernel.release.name,
      possible,
      ram: possible ? ram : 0,
      device: 0,
      pageTables: 0,
      usable: possible ? size : 0,
      share: possible && size > 0 ? ram / size : 0
    }
  })
})

/**
 * A row per way of using the devices that carries struct pages, then the hypothetical ones, a cell per kernel.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (
  spec: MachineSpec.MachineSpec,
  kernels: ReadonlyArray<Target.Kernel>,
  filter: Alternatives.Filter
): ReadonlyArray<Row> => {
  const targets = (spec.devices ?? []).map((device) => Target.fromDevice(device, kernels[0]?.arch.pageSize).target)
  const size = targets.reduce((n, t) => n + t.size, 0)
  const perKernel = kernels.map((kernel) => targets.map((target) => Alternatives.all(target, kernel, filter)))
  const labels = [
    ...new Set(
      perKernel.flat(2).filter((o) => o.mode !== "raw" && o.mode !== "sector").map((o) => label(o))
    )
  ]
  const rows = labels.map((text): Row => {
    const offers = (options: ReadonlyArray<PlanOption.PlanOption>) => options.some((o) => label(o) === text)
    const taking = targets.flatMap((_, i) => perKernel.some((devices) => offers(devices[i] ?? [])) ? [i] : [])
    const bytes = taking.reduce((n, i) => n + (targets[i]?.size ?? 0), 0)
    return {
      label: text,
      hypothetical: false,
      devices: taking.length,
      cells: kernels.map((kernel, k) => {
        const found = taking.map((i) => perKernel[k]?.[i]?.find((o) => label(o) === text))
        return cell(kernel, bytes, found.every((o) => o !== undefined) ? found : [])
      })
    }
  })
  const huge = [2 * MiB, GiB].map((page) =>
    hypothetical(
      `HugeTLB ${MemParse.format(page)} (boot RAM)`,
      size,
      targets.length,
      kernels,
      ({ arch, release, structPage }) => {
        const saving = HugePages.hugetlb(size, page, arch, release, structPage)
        return { ram: saving.kept, possible: saving.supported }
      }
    )
  )
  return [
    ...rows,
    ...huge,
    hypothetical("memdesc, 8 bytes a page (what-if)", size, targets.length, kernels, ({ arch }) => ({
      ram: HugePages.memdesc(size, arch),
      possible: true
    }))
  ]
}
