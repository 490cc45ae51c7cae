/** One option of a plan held against the engine that carries it out. */
import { assert } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as Capacity from "../../src/planning/Capacity.ts"
import type * as PlanOption from "../../src/planning/PlanOption.ts"
import type * as Target from "../../src/planning/Target.ts"
import * as KernelRelease from "../../src/release/KernelRelease.ts"
import * as Altmap from "../../src/vmemmap/Altmap.ts"
import * as CompoundVmemmap from "../../src/vmemmap/CompoundVmemmap.ts"
import type * as Administrator from "./Administrator.ts"
import type * as Books from "./Books.ts"

type Admin = Effect.Success<typeof Administrator.make>
type Accounts = Effect.Success<typeof Books.make>

export const describe = ({ align, map, memmapOnMemory, mode, native, sectorSize }: PlanOption.Choice): string =>
  [mode, native ? "native" : map, align, sectorSize, memmapOnMemory ? "memmap_on_memory" : null]
    .filter((part) => part !== null).join("/")

/** The devdax mapping of an option, which System RAM is made of as well, shares its tails. */
const isShared = (kernel: Target.Kernel, { align, map, mode }: PlanOption.PlanOption): boolean =>
  (mode === "devdax" || mode === "system-ram") &&
  CompoundVmemmap.isShared(kernel, Capacity.compoundOrder(kernel, align ?? kernel.arch.pmdSize), map === "dev")

/**
 * Up to 6.3 tails were shared on every architecture (BUG-13). What becomes of them is undefined where the memmap is mapped in
 * blocks of another kind, and where a subsection does not fill pages of the vmemmap.
 */
const isUndefined = (kernel: Target.Kernel, option: PlanOption.PlanOption): boolean => {
  const { arch, release, structPage } = kernel
  return isShared(kernel, option) && KernelRelease.has(release, "dedup-any-arch") &&
    (arch.vmemmap === "blocks" || Architecture.pagesPerSubsection(arch) * structPage % arch.pageSize !== 0)
}

/**
 * Whether something stays when the option is taken back: sections of a failed add (SEC-12), what {@link isUndefined}, and on
 * ppc64 the tail of a compound that begins below the range, which lies below it too (CMP-9).
 */
export const leavesTraces = (
  kernel: Target.Kernel,
  target: Target.Target,
  option: PlanOption.PlanOption
): boolean =>
  option.error?.errno === "ENOMEM" || isUndefined(kernel, option) ||
  (kernel.arch.name === "ppc64-radix" && isShared(kernel, option) && target.start % (option.align ?? 1) !== 0)

/** 28.7: where the bytes went that nobody can use, by what the engine set aside and left unused. */
const lossesOf = (
  { arch }: Target.Kernel,
  target: Target.Target,
  { mode }: PlanOption.PlanOption,
  { altmap, blocks, dataoff, endTrunc, mapped, usable }: Administrator.Outcome,
  device: number
): PlanOption.Losses => {
  const none = { metadata: 0, alignmentHead: 0, alignmentTail: 0, trimmed: 0, unusedReserve: 0 }
  const page = arch.pageSize
  if (mode === "sector" || mode === "raw") return { ...none, metadata: target.size - usable }
  const trimmed = blocks === null ? 0 : blocks.head + blocks.tail
  if (dataoff === 0) {
    return { ...none, metadata: device, alignmentTail: target.size - trimmed - device - usable, trimmed }
  }
  const taken = altmap === null ? 0 : altmap.alloc * page
  const left = altmap === null ? 0 : altmap.left * page
  // System RAM ignores the altmap: what was taken from it is given back, and set aside for nothing.
  const memmap = blocks === null ? taken : 0
  const startPad = blocks === null ? (mapped[0]?.start ?? 0) - target.start : 0
  return {
    metadata: Altmap.reserveBytes + memmap + (blocks === null ? 0 : device),
    unusedReserve: left + taken - memmap,
    alignmentHead: startPad + dataoff - Altmap.reserveBytes - taken - left,
    alignmentTail: endTrunc,
    trimmed
  }
}

/** BTT's own structures and its unusable tail are one here. */
const together = (losses: PlanOption.Losses, mode: PlanOption.Mode): PlanOption.Losses =>
  mode === "sector"
    ? { ...losses, metadata: losses.metadata + losses.alignmentTail, alignmentTail: 0 }
    : losses

/** SPW-2, SPW-10: the node that pays; `nodes` are those with RAM, the nearest is the nearest by number. */
const payer = (target: Target.Target, { mode }: PlanOption.PlanOption, nodes: ReadonlyArray<number>): number => {
  const wanted = mode === "system-ram" ? target.targetNode : target.node
  return nodes.toSorted((a, b) => Math.abs(a - wanted) - Math.abs(b - wanted) || a - b)[0] ?? 0
}

/** A figure, or several by name. */
type Figures = { readonly [name: string]: number | null | Figures }

const lines = (
  name: string,
  engine: number | null | Figures | undefined,
  plan: number | null | Figures
): ReadonlyArray<string> =>
  typeof plan === "object" && plan !== null && typeof engine === "object" && engine !== null
    ? Object.entries(plan).flatMap(([key, value]) => lines(`${name} ${key}`, engine[key], value))
    : engine === plan
    ? []
    : [`${name} is ${JSON.stringify(engine)}, planned ${JSON.stringify(plan)}`]

/** Says which figures differ. */
const same = (where: string, engine: Figures, plan: Figures): void => {
  const different = lines("", engine, plan)
  if (different.length > 0) assert.fail(`${where}:${different.join(";")}`)
}

/** Where a device is, as far as it matters: `apart` when nothing else is mapped by its page tables. */
export interface Place {
  readonly kernel: Target.Kernel
  readonly target: Target.Target
  readonly nodes: ReadonlyArray<number>
  readonly apart: boolean
}

const compareBooks = (
  { apart, kernel: { arch, release }, nodes, target }: Place,
  option: PlanOption.PlanOption,
  before: Books.Books,
  after: Books.Books,
  where: string
) => {
  // A tail that is shared already is not paid for again, one that devdax left behind is not System RAM's.
  const tail = option.shared && before.tails > 0 && after.tails === before.tails ? arch.pageSize : 0
  const ram = after.ram - before.ram - (option.shared ? 0 : after.tails - before.tails)
  same(
    where,
    { ram: option.ram === ram + tail ? option.ram : ram, device: after.device - before.device },
    { ram: option.ram, device: option.device }
  )
  for (const [node, bytes] of Object.entries(after.nodes)) {
    const paid = bytes - (before.nodes[node] ?? 0) > after.tails - before.tails
    assert.isTrue(!paid || Number(node) === payer(target, option, nodes), `${where}: paid by node ${node}`)
  }
  if (option.mode !== "system-ram") {
    const locked = after.locked - before.locked
    const outside = after.outside - before.outside
    // Up to 4.19 the second pass writes again what the first one wrote (INI-12).
    const initialised = KernelRelease.has(release, "single-pass-init") ? locked + outside : Math.max(locked, outside)
    assert.strictEqual(initialised, option.structPages.initialised, `${where}: struct pages written`)
  }
  const tables = after.tables - before.tables
  const shared = apart ? 0 : 2 * (arch.pteTable.bytes + arch.pmdTable.bytes)
  assert.isAtMost(Math.abs(option.pageTables - tables), shared, `${where}: ${tables} of ${option.pageTables} in tables`)
}

/** Carries an option out, holds every figure against the machine, and takes it back. */
export const compare = Effect.fnUntraced(function*(
  admin: Admin,
  accounts: Accounts,
  place: Place,
  option: PlanOption.PlanOption
) {
  const { kernel, nodes, target } = place
  if (option.error === null && isUndefined(kernel, option)) return
  // Memory that cannot exist; the engine reads and writes it without asking.
  if (option.error?.rule === "SEC-9" && (option.mode === "raw" || option.mode === "sector")) return
  const where = `${target.kind} ${target.start.toString(16)}+${target.size}: ${describe(option)}`
  const before = accounts.books()
  const type = option.map === "mem" ? "online" : "online_movable"
  const done = yield* Effect.result(admin.create(target, option, type))
  if (Result.isFailure(done)) {
    assert.strictEqual(done.failure.errno, option.error?.errno ?? "", `${where}: ${done.failure.message}`)
    yield* admin.destroy(target)
    return
  }
  assert.strictEqual(option.error?.errno ?? "", "", `${where}: ${option.error?.message} (${option.error?.rule})`)
  const { outcome, zones } = done.success
  const after = accounts.books()
  const { blocks, dataoff, endTrunc, npfns, usable } = option
  same(where, {
    usable: outcome.usable,
    dataoff: outcome.dataoff,
    endTrunc: outcome.endTrunc,
    npfns: outcome.npfns,
    mapped: outcome.mapped.reduce((sum, range) => sum + accounts.reachable(range), 0),
    blocks: outcome.blocks === null ? null : { ...outcome.blocks },
    lost: { ...lossesOf(kernel, target, option, outcome, after.device - before.device) }
  }, {
    usable,
    dataoff,
    endTrunc,
    npfns,
    mapped: option.structPages.mapped,
    blocks: blocks === null ? null : { size: blocks.size, count: blocks.count, head: blocks.head, tail: blocks.tail },
    lost: { ...together(option.lost, option.mode) }
  })
  if (outcome.initialised !== null) {
    assert.strictEqual(outcome.initialised, option.structPages.initialised, `${where}: struct pages written`)
  }
  // The plan takes all RAM to be on the node the memory joins.
  if (blocks !== null && nodes.length === 1 && target.targetNode === nodes[0]) {
    for (const zone of zones) assert.strictEqual(zone, blocks.zones[type], `${where}: zone`)
  }
  compareBooks(place, option, before, after, where)
  yield* admin.destroy(target)
  if (leavesTraces(kernel, target, option)) return
  const left = accounts.books()
  same(`${where}, taken back`, {
    ram: left.ram - left.tails,
    device: left.device,
    tables: left.tables
  }, { ram: before.ram - before.tails, device: before.device, tables: before.tables })
})
