/**
 * Generated programs as scenarios, and the search through them.
 *
 * @since 0.1.0
 */
import { Faults } from "@vmemmap/core/frames/Faults"
import * as Alignment from "@vmemmap/core/geometry/Alignment"
import * as PfnRange from "@vmemmap/core/geometry/PfnRange"
import { GiB, MiB } from "@vmemmap/core/geometry/Units"
import { MemoryHotplug } from "@vmemmap/core/hotplug/MemoryHotplug"
import * as Pagemap from "@vmemmap/core/hotplug/Pagemap"
import { Pagemaps } from "@vmemmap/core/hotplug/Pagemaps"
import { BackgroundInit } from "@vmemmap/core/init/BackgroundInit"
import type { KernelError } from "@vmemmap/core/kernel/KernelError"
import * as Steps from "@vmemmap/core/kernel/Steps"
import type * as MachineSpec from "@vmemmap/core/machine/MachineSpec"
import * as Arbitrary from "effect/Arbitrary"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Semaphore from "effect/Semaphore"
import type * as Execution from "../explore/Execution.ts"
import * as Explore from "../explore/Explore.ts"
import * as Seeded from "../explore/Seeded.ts"
import { device as plain, pageSize, usePage, withAltmap } from "./Devices.ts"
import * as Disturbances from "./Disturbances.ts"
import * as Findings from "./Findings.ts"
import * as GeneratedProgram from "./GeneratedProgram.ts"
import { strategy } from "./InitScenarios.ts"
import type * as Mutant from "./Mutant.ts"
import * as Scenario from "./Scenario.ts"
import * as Walkers from "./Walkers.ts"

type Program = GeneratedProgram.Program

const blockSize = 128 * MiB

/** Boot's RAM of node 0, whose last section is half full. */
const ram = 192 * MiB

/** Where its last section ends. */
const endOfRam = Alignment.up(ram, blockSize)

/** RAM of node 1, a memory block. */
const secondBlock = 4

const machineOf = ({ kernel, ownMemmap, poison, second }: Program): MachineSpec.MachineSpec => ({
  kernel,
  ranges: [
    { kind: "ram", start: 0, size: ram, node: 0 },
    ...(second === "with RAM"
      ? [{ kind: "ram" as const, start: secondBlock * blockSize, size: blockSize, node: 1 }]
      : [])
  ],
  ...(second === "no" ? {} : { nodes: [{ node: 0, cpus: 1 }, { node: 1, cpus: second === "empty" ? 0 : 1 }] }),
  ...(ownMemmap ? { cmdline: "memory_hotplug.memmap_on_memory=1" } : {}),
  ...(poison ? { debugPoison: true } : {})
})

/** So much of a device is kept for its memmap: all that it needs in whole blocks and the info block, or too little. */
const keptOf = (size: number, altmap: "fits" | "short"): number =>
  altmap === "short" ? 2 * MiB : Alignment.up(size / 64, 2 * MiB) + 2 * MiB

const nodeOf = (second: Program["second"], node: number): number => second === "no" ? 0 : node

const callbacks = { pageFree: () => Effect.void, migrateToRam: () => Effect.void }

/** What drivers ask for, one behind the other, and where they end. */
const requestsOf = ({ beside, devices, second }: Program) => {
  // Behind the second node's RAM devices have sections of their own anyway.
  let at = beside && second !== "with RAM" ? ram : GiB
  const requests = devices.map(({ altmap, background, gapMiB, node, order, sizeMiB, type }, i): Pagemap.Request => {
    const [start, size] = [at + gapMiB * MiB, sizeMiB * MiB]
    at = start + size
    const name = `dev${i}`
    const request = altmap === "none" || size < 64 * MiB
      ? plain(name, start, size)
      : withAltmap(name, start, size, keptOf(size, altmap))
    const needsOps = type === "private" || type === "coherent"
    return {
      ...request,
      type,
      // A device's node is online: firmware's drivers see to it, and the kernel looks no more when it maps.
      node: second === "with RAM" ? node : 0,
      ...(background === "no" ? {} : { background }),
      // Of compounds beside RAM kernels initialise too little (BUG-14), which scenarios of its own are about.
      ...(type === "generic" && start >= endOfRam ? { order } : {}),
      ...(needsOps ? { owner: name, ops: callbacks } : {})
    }
  })
  return { requests, end: at }
}

/** A memory block: the lock of who adds and removes it, and whether it was added. */
interface Block {
  readonly name: string
  readonly lock: Semaphore.Semaphore
  isAdded: boolean
}

/** A device: its lock, and the pagemap its driver has published, with the scope that unmaps it. */
interface Slot {
  readonly name: string
  readonly request: Pagemap.Request
  readonly lock: Semaphore.Semaphore
  bound: { readonly pagemap: Pagemap.Pagemap; readonly scope: Scope.Closeable } | null
}

/** The pfns users have of a device. */
const usable = ({ altmap, ranges }: Pagemap.Request): PfnRange.PfnRange => {
  const range = ranges.map(({ end, start }) => ({ start: start / pageSize, end: end / pageSize }))
  const { end } = range[0] ?? { end: 0 }
  return { start: Pagemap.first({ altmap: altmap === undefined ? null : { current: altmap }, ranges: range }, 0), end }
}

const endOf = ({ end, start }: PfnRange.PfnRange, which: "first" | "last"): number =>
  which === "first" ? start : end - 1

/** One page at an end, or 2 MiB in the middle. */
const pagesOf = (range: PfnRange.PfnRange, which: "first" | "middle" | "last"): PfnRange.PfnRange => {
  if (which !== "middle") return PfnRange.fromLength(endOf(range, which), 1)
  const middle = Math.floor((range.start + range.end) / 2)
  return { start: Math.max(range.start, middle - 256), end: Math.min(range.end, middle + 256) }
}

/** Operations of a program on the machine in context; devices stay bound until the scope ends. */
const operations = Effect.fnUntraced(function*(program: Program) {
  const { memremap, get } = yield* Pagemaps
  const { await: wait, finished, isActive } = yield* BackgroundInit
  const hotplug = yield* MemoryHotplug
  const faults = yield* Faults
  const outer = yield* Effect.scope
  const { end, requests } = requestsOf(program)
  const slots = requests.map((request): Slot => ({
    name: request.name,
    request,
    lock: Semaphore.makeUnsafe(1),
    bound: null
  }))
  const isBoots = (block: number) => block === 2 && program.second === "with RAM"

  const blocks = [0, 1, 2].map((block): Block => ({
    name: `block${block}`,
    lock: Semaphore.makeUnsafe(1),
    isAdded: isBoots(block)
  }))
  const firstBlock = Math.ceil(end / blockSize)

  const slotOf = (device: number): Slot => slots[device % slots.length] as Slot

  const numberOf = (block: number) => PfnRange.fromLength(isBoots(block) ? secondBlock : firstBlock + block, 1)

  const bytesOf = (block: number) => ({ start: numberOf(block).start * blockSize, size: blockSize })

  const pfnsOf = (block: number) => PfnRange.fromLength(bytesOf(block).start / pageSize, blockSize / pageSize)

  /** Nobody interrupts a driver that binds or unbinds. */
  const locked = <A, E, R>({ lock, name }: Slot | Block, effect: Effect.Effect<A, E, R>) =>
    Steps.run(function*() {
      yield Steps.write("device.lock", `device:${name}`)
    }).pipe(Effect.andThen(lock.withPermits(1)(Effect.uninterruptible(effect))))

  const bind = (slot: Slot) =>
    locked(
      slot,
      Effect.suspend(() => {
        if (slot.bound !== null) return Effect.void
        return Effect.flatMap(Scope.fork(outer), (scope) =>
          memremap(slot.request).pipe(
            Scope.provide(scope),
            Effect.map((pagemap) => {
              slot.bound = { pagemap, scope }
            }),
            Effect.onError(() => Scope.close(scope, Exit.void))
          ))
      })
    )

  const unbind = (slot: Slot) =>
    locked(
      slot,
      Effect.suspend(() => {
        const { bound } = slot
        slot.bound = null
        return bound === null ? Effect.void : Scope.close(bound.scope, Exit.void)
      })
    )

  /** Drivers remove what they added, and nothing else. */
  const changing = (block: number, isAdded: boolean, change: Effect.Effect<void, KernelError>) => {
    const slot = blocks[block] as Block
    return locked(
      slot,
      Effect.suspend(() =>
        slot.isAdded === isAdded
          ? Effect.void
          : Effect.map(change, () => {
            slot.isAdded = isAdded
          })
      )
    )
  }

  /** Whoever found the pagemap may use its pages once its driver has published it, and they are there (MRP-7, ASY-6). */
  const using = (
    slot: Slot,
    pages: PfnRange.PfnRange,
    ready: Effect.Effect<void, unknown>
  ) =>
    Effect.scoped(Effect.gen(function*() {
      const found = yield* get(pages.start)
      if (Option.isNone(found) || slot.bound?.pagemap !== found.value) return
      yield* ready
      for (const end of ["first", "last"] as const) yield* usePage(endOf(pages, end), `a user of ${slot.name}`)
    }))

  const use = (slot: Slot, which: "first" | "middle" | "last") => {
    const pages = pagesOf(usable(slot.request), which)
    return using(slot, pages, wait(pages))
  }

  /** Nobody works on its pages any more: all are done, unless it goes away, which ends the work where it is (26.5). */
  const sync = (slot: Slot) => {
    const pages = usable(slot.request)
    const idle = Effect.suspend(() =>
      isActive(pages) ? Findings.report("ASY-8", `${slot.name} is active, but nobody works any more`) : Effect.void
    )
    const stays = Effect.suspend(() =>
      slot.bound?.pagemap.isLive() === true ? Effect.void : Effect.fail("it goes away")
    )
    return using(slot, pages, Effect.andThen(finished(pages), Effect.andThen(idle, stays)))
  }

  const read = (reader: "pfn_valid" | "online" | "ram", { end, index, what }: GeneratedProgram.Place) => {
    const range = what === "device"
      ? usable(slotOf(index).request)
      : what === "block"
      ? pfnsOf(index)
      : { start: 0, end: ram / pageSize }
    const pfn = what === "ram" ? range.end - 1 : endOf(range, end)
    if (reader === "pfn_valid") return Walkers.pfnValid(pfn)
    return reader === "online" && what !== "device" ? Walkers.onlineWalker(pfn) : Walkers.ramWalker(pfn)
  }

  const run = (operation: GeneratedProgram.Operation): Effect.Effect<unknown, unknown, Scenario.Services> => {
    switch (operation._tag) {
      case "Bind":
        return bind(slotOf(operation.device))
      case "Unbind":
        return unbind(slotOf(operation.device))
      case "Use":
        return use(slotOf(operation.device), operation.end)
      case "Sync":
        return sync(slotOf(operation.device))
      case "Find":
        return Walkers.lookup(endOf(usable(slotOf(operation.device).request), operation.end))
      case "Read":
        return read(operation.reader, operation.place)
      case "Add": {
        const { block, node, own } = operation
        const request = { ...bytesOf(block), node: nodeOf(program.second, node), memmapOnMemory: own }
        return changing(block, true, hotplug.addMemory(request))
      }
      case "Online":
        return hotplug.online(numberOf(operation.block), operation.type)
      case "Offline":
        return hotplug.offline(numberOf(operation.block))
      case "Remove":
        return changing(operation.block, false, hotplug.removeMemory(bytesOf(operation.block)))
      case "Fail":
        return Effect.sync(() => faults.arm(operation.succeed))
    }
  }

  return (list: ReadonlyArray<GeneratedProgram.Operation>) =>
    Effect.forEach(list, (operation) => Effect.ignore(run(operation)), { discard: true })
})

const names = ["first", "second", "third"]

/**
 * A generated program as a scenario. An operation may fail as the kernel fails; its context goes on with the next.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (program: Program): Scenario.Scenario => ({
  name: "generated",
  about: GeneratedProgram.text(program),
  rules: [],
  machine: machineOf(program),
  ...(program.strategy === "at once" ? {} : { replace: strategy(program.strategy) }),
  setup: Effect.gen(function*() {
    const run = yield* operations(program)
    yield* run(program.before)
    return Object.fromEntries(program.contexts.map((list, i) => [names[i] ?? `${i}`, run(list)]))
  })
})

/**
 * So many programs of a seed, each under so many schedules by chance, every way of `Seeded` in turn; on a machine as it is, or with a
 * mistake. `disturbed`: something else goes wrong in each schedule besides.
 *
 * @category models
 * @since 0.1.0
 */
export interface Options {
  readonly seed: number | string
  readonly programs: number
  readonly schedules: number
  readonly mutant?: Mutant.Mutant | undefined
  readonly disturbed?: boolean | undefined
}

/**
 * A program that ends in violations, made smaller as long as one of the same rule is found, with its shortest schedule that was found, of
 * the `scenario` it was found in.
 *
 * @category models
 * @since 0.1.0
 */
export interface Found {
  readonly program: Program
  readonly scenario: Scenario.Scenario
  readonly text: string
  readonly schedule: string
  readonly violations: ReadonlyArray<Execution.Violation>
}

/**
 * What was run, and what was found first, if anything.
 *
 * @category models
 * @since 0.1.0
 */
export interface Search {
  readonly schedules: number
  readonly found: Found | null
}

const ways: ReadonlyArray<Seeded.How> = ["uniform", "preemptions", "pct"]

/** A scenario and how it ended. */
interface Ended {
  readonly scenario: Scenario.Scenario
  readonly execution: Execution.Execution
}

/**
 * Looks for a generated program and a schedule of it that end in a violation. The same options, the same answer.
 *
 * @category running
 * @since 0.1.0
 */
export const search = ({ disturbed = false, mutant, programs, schedules: each, seed }: Options): Search => {
  let rule: string | null = null
  let schedules = 0
  let disturbance = 0

  const explored = (scenario: Scenario.Scenario) => Scenario.program(scenario, mutant ?? null)

  /** The first of the schedules of a program that ends in a violation, of the rule that was found first. */
  const first = (program: Program, from: number): Ended | null => {
    const plain = make(program)
    const undisturbed = disturbed ? null : explored(plain)
    for (let i = 0; i < each; i++) {
      const scenario = disturbed
        ? Disturbances.byNumber(plain, names.slice(0, program.contexts.length), from + i)
        : plain
      const options = { seed: i, schedules: 1, how: ways[i % ways.length], preemptions: 3 }
      const { execution } = Seeded.first(undisturbed ?? explored(scenario), options)
      if (rule === null) schedules++
      if (execution === null) continue
      rule ??= execution.violations[0]?.rule ?? ""
      if (execution.violations.some((violation) => violation.rule === rule)) return { scenario, execution }
    }
    return null
  }

  /** Once something was found, programs are tried with the same disturbances. */
  const property = (program: Program) => {
    const found = first(program, disturbance)
    if (rule === null) disturbance += each
    return found === null
  }

  const options = { seed, runs: programs, size: GeneratedProgram.size, maxShrinks: 200 }
  const result = Effect.runSync(Arbitrary.checkEffect(GeneratedProgram.arbitrary, property, options))
  if (result._tag !== "Falsified") return { schedules, found: null }
  const program = result.shrunkInput
  const ended = first(program, disturbance)
  if (ended === null) return { schedules, found: null }
  const { execution, scenario } = ended
  const { schedule, violations } = Explore.finding(explored(scenario), execution)
  const text = `${scenario.name}\n${GeneratedProgram.text(program)}`
  return { schedules, found: { program, scenario, text, schedule, violations } }
}
