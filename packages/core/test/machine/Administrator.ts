/** What an administrator does to a machine with device memory to get an option of a plan, and what the machine then holds. */
import { Effect, Result } from "effect"
import { DaxDevices } from "../../src/devices/DaxDevices.ts"
import * as DaxRegion from "../../src/devices/DaxRegion.ts"
import { Hmem } from "../../src/devices/Hmem.ts"
import * as InfoBlock from "../../src/devices/InfoBlock.ts"
import * as Labels from "../../src/devices/Labels.ts"
import { Media } from "../../src/devices/Media.ts"
import { NvdimmBus } from "../../src/devices/NvdimmBus.ts"
import * as NvdimmState from "../../src/devices/NvdimmState.ts"
import * as Alignment from "../../src/geometry/Alignment.ts"
import type { PfnRange } from "../../src/geometry/PfnRange.ts"
import { MemoryBlocks } from "../../src/hotplug/MemoryBlocks.ts"
import { MemoryHotplug } from "../../src/hotplug/MemoryHotplug.ts"
import { Pagemaps } from "../../src/hotplug/Pagemaps.ts"
import { type Errno, Errno as Errnos, number } from "../../src/kernel/Errno.ts"
import { KernelError } from "../../src/kernel/KernelError.ts"
import { KernelLog } from "../../src/kernel/KernelLog.ts"
import type { Choice } from "../../src/planning/PlanOption.ts"
import type { Target } from "../../src/planning/Target.ts"
import { Kernel } from "../../src/release/Kernel.ts"
import { has } from "../../src/release/KernelRelease.ts"
import type * as ZoneChoice from "../../src/zones/ZoneChoice.ts"
import { Zones } from "../../src/zones/Zones.ts"
import * as Books from "./Books.ts"

/** What an option turned out to be, in the words of a plan. */
export interface Outcome {
  readonly usable: number
  readonly dataoff: number
  readonly endTrunc: number
  readonly npfns: number
  /** Struct pages written by going online; what mapping wrote is in the books. */
  readonly initialised: number | null
  /** Physical bytes whose struct pages were asked for. */
  readonly mapped: ReadonlyArray<PfnRange>
  /** Pages of the device: taken for the memmap, lost to block alignment, and never used. */
  readonly altmap: { readonly alloc: number; readonly align: number; readonly left: number } | null
  readonly blocks:
    | { readonly size: number; readonly count: number; readonly head: number; readonly tail: number }
    | null
}

type Step = Effect.Effect<void, KernelError>

const refusal = (errno: Errno, problem: string) =>
  new KernelError({ errno, rule: "24.1", problem, remedy: "see the log" })

const nothing = { dataoff: 0, endTrunc: 0, npfns: 0, initialised: null, mapped: [], altmap: null, blocks: null }

export const make = Effect.gen(function*() {
  const { arch, release } = yield* Kernel
  const bus = yield* NvdimmBus
  const hmem = yield* Hmem
  const dax = yield* DaxDevices
  const media = yield* Media
  const log = yield* KernelLog
  const pagemaps = yield* Pagemaps
  const blocks = yield* MemoryBlocks
  const hotplug = yield* MemoryHotplug
  const zones = yield* Zones
  const { books } = yield* Books.make
  const page = arch.pageSize
  let fresh = 0
  const uuid = () => `00000000-0000-4000-8000-${(++fresh).toString(16).padStart(12, "0")}`
  const dynamicAt = new Map<number, string>()
  /** By the physical start of a target: how what was made of it ends. */
  const none = { end: Effect.void, release: Effect.void }
  const active = new Map<number, { readonly end: Step; readonly release: Step }>()

  /** What probes said that only the log tells of. */
  const refused = new Map<string, Errno>()
  log.listen((event) => {
    const [, name, errno] = /probe of (\S+) failed with error -(\d+)$/.exec(event._tag === "Line" ? event.text : "") ??
      []
    const found = Errnos.literals.find((one) => number(one) === Number(errno))
    if (name !== undefined && found !== undefined) refused.set(name, found)
  })

  const write = (device: string, attribute: string, text: string) => bus.write(device, attribute, `${text}\n`)

  const namespaces = () => bus.regions().flatMap((region) => [...region.namespaces.values()])

  const namespaceAt = (start: number) => {
    const found = namespaces().find((namespace) =>
      NvdimmState.resource(namespace).start === start && NvdimmState.capacity(namespace) > 0
    )
    return found === undefined ? Effect.fail(refusal("ENODEV", `no namespace at ${start}`)) : Effect.succeed(found)
  }

  const regionAt = (start: number) => {
    const found = bus.regions().find(({ space }) => space.start === start)
    return found === undefined ? Effect.fail(refusal("ENODEV", `no region at ${start}`)) : Effect.succeed(found)
  }

  /** `ndctl init-labels`, then namespaces of these sizes, from the lowest address up; none is bound. */
  const divide = Effect.fnUntraced(function*(start: number, sizes: ReadonlyArray<number>) {
    const region = yield* regionAt(start)
    yield* bus.unbind(region.name)
    yield* Effect.fromResult(Labels.init(region))
    yield* bus.bind(region.name)
    for (const size of sizes) {
      const free = [...region.namespaces.values()].find((namespace) => NvdimmState.capacity(namespace) === 0)
      if (free === undefined) return yield* refusal("ENODEV", "no namespace seed")
      yield* write(free.name, "uuid", uuid())
      yield* write(free.name, "size", String(size))
      // Binding what claims it makes the next seed; here the raw namespace does.
      yield* bus.bind(free.name)
      yield* bus.unbind(free.name)
    }
  })

  /** Loads every driver, and unbinds what they bound: nothing but RAM has a memmap afterwards. */
  const loadAll = Effect.gen(function*() {
    for (const driver of ["nfit", "nd_e820", "virtio_pmem", "nd_pmem", "dax_pmem"] as const) yield* bus.load(driver)
    for (const namespace of namespaces()) if (namespace.bound !== null) yield* bus.unbind(namespace.name)
    yield* hmem.load
    for (const { driver, name, resource } of dax.list()) {
      if (driver !== null) yield* dax.unbind(driver, name)
      if (resource !== null) dynamicAt.set(resource, name)
    }
  })

  /** The memory blocks inside a byte range. */
  const runsOf = ({ end, start }: PfnRange) =>
    blocks.runs({ start: Math.floor(start / blocks.size), end: Math.ceil(end / blocks.size) })
      .filter(({ value }) => !value.isBoot)

  const managed = () => zones.all().reduce((sum, zone) => sum + zone.managed, 0)

  const driverOf = (name: string) => dax.list().find((device) => device.name === name)?.driver ?? null

  /** `device_dax` has it, or says why not. */
  const boundToDeviceDax = Effect.fnUntraced(function*(name: string) {
    if (driverOf(name) === "device_dax") return
    const logged = refused.get(name)
    if (logged !== undefined) return yield* refusal(logged, `probe of ${name}`)
    yield* dax.bind("device_dax", name)
  })

  /** A device-dax device becomes System RAM and goes online. */
  const systemRam = Effect.fnUntraced(function*(
    name: string,
    data: PfnRange,
    choice: Choice,
    base: Pick<Outcome, "dataoff" | "endTrunc" | "altmap">,
    type: ZoneChoice.OnlineType
  ) {
    if (has(release, "kmem-memmap-on-memory")) {
      yield* dax.change({ _tag: "MemmapOnMemory", name, value: choice.memmapOnMemory })
    }
    // The driver tries a device that has none at once, and only the log tells how that ended.
    yield* dax.newId("kmem", name)
    if (driverOf(name) === "device_dax") yield* dax.unbind("device_dax", name)
    if (driverOf(name) !== "kmem") yield* dax.bind("kmem", name)
    const before = { pages: managed(), ...books() }
    const runs = runsOf(data)
    for (const run of runs) yield* hotplug.online(run, type)
    const first = Math.min(...runs.map(({ start }) => start)) * blocks.size
    const last = Math.max(...runs.map(({ end }) => end)) * blocks.size
    const usable = (managed() - before.pages) * page
    const outcome: Outcome = {
      ...nothing,
      usable,
      dataoff: base.dataoff,
      endTrunc: base.endTrunc,
      npfns: usable / page,
      initialised: books().locked - before.locked,
      altmap: base.altmap,
      mapped: runs.map(({ end, start }) => ({ start: start * blocks.size, end: end * blocks.size })),
      blocks: {
        size: blocks.size,
        count: runs.reduce((sum, { end, start }) => sum + end - start, 0),
        head: first - data.start,
        tail: data.end - last
      }
    }
    const end = Effect.gen(function*() {
      for (const run of runs) yield* hotplug.offline(run)
      yield* dax.unbind("kmem", name)
      // Blocks may lie below where addresses end, and the device not.
      yield* Effect.ignore(dax.bind("device_dax", name))
    })
    return { outcome, end, zones: runsOf(data).map(({ value }) => value.zone) }
  })

  /** A dynamic dax device: all of its region, in whole granules of the alignment. */
  const dynamic = Effect.fnUntraced(function*(target: Target, align: number) {
    const name = dynamicAt.get(target.start)
    if (name === undefined) {
      const lines = (yield* log.recent).flatMap((event) => event._tag === "Line" ? [event.text] : [])
      const isRefused = lines.some((line) => line.startsWith("dax_hmem: probe of hmem.") && line.endsWith("error -12"))
      return yield* refusal(isRefused ? "ENOMEM" : "ENODEV", "no dax device was made")
    }
    yield* dax.change({ _tag: "Size", name, size: 0 })
    yield* dax.change({ _tag: "Align", name, align })
    const whole = Alignment.down(target.size, DaxRegion.granule(arch, align))
    yield* dax.change({ _tag: "Size", name, size: whole === 0 ? target.size : whole })
    return name
  })

  const createDax = Effect.fnUntraced(function*(target: Target, choice: Choice, type: ZoneChoice.OnlineType) {
    const before = pagemaps.all().length
    const name = yield* dynamic(target, choice.align ?? arch.pmdSize)
    const release = Effect.suspend(() => {
      const driver = driverOf(name)
      return driver === null ? Effect.void : dax.unbind(driver, name)
    })
    active.set(target.start, { end: Effect.void, release })
    if (choice.mode === "system-ram") {
      const made = yield* systemRam(
        name,
        { start: target.start, end: target.start + target.size },
        choice,
        nothing,
        type
      )
      return { ...made, release }
    }
    yield* dax.bind("device_dax", name)
    const size = dax.list().find((device) => device.name === name)?.size ?? 0
    const pagemap = pagemaps.all().slice(before).at(-1)
    return {
      outcome: {
        ...nothing,
        usable: size,
        npfns: size / page,
        mapped: (pagemap?.ranges ?? []).map(({ end, start }) => ({ start: start * page, end: end * page }))
      },
      end: Effect.void,
      release,
      zones: []
    }
  })

  /** Claims a namespace with a seed and binds that. */
  const claim = Effect.fnUntraced(function*(namespace: NvdimmState.Namespace, choice: Choice) {
    const kind = choice.mode === "sector" ? "btt" : choice.mode === "fsdax" ? "pfn" : "dax"
    yield* write(namespace.name, "holder_class", kind)
    const seed = namespace.region.seeds[kind]
    if (seed === null) return yield* refusal("ENODEV", `no ${kind} seed`)
    yield* write(seed.name, "uuid", uuid())
    if (kind === "btt") yield* write(seed.name, "sector_size", String(choice.sectorSize))
    else {
      yield* write(seed.name, "mode", choice.map === "dev" ? "pmem" : "ram")
      yield* write(seed.name, "align", String(choice.align))
    }
    yield* write(seed.name, "namespace", namespace.name)
    yield* bus.bind(seed.name).pipe(Effect.tapError(() => Effect.ignore(write(seed.name, "namespace", ""))))
    return seed
  })

  const blockOf = (namespace: NvdimmState.Namespace) =>
    media.read(NvdimmState.resource(namespace).start + InfoBlock.blockSize, InfoBlock.blockSize).pipe(
      Result.flatMap(InfoBlock.decode),
      Effect.fromResult,
      Effect.orDie
    )

  const altmapNow = (start: number): Outcome["altmap"] => {
    const found = pagemaps.all().find(({ ranges }) =>
      (ranges[0]?.start ?? 0) * page <= start && start < (ranges[0]?.end ?? 0) * page
    )
    const altmap = found?.altmap?.current
    return altmap === undefined
      ? null
      : { alloc: altmap.alloc, align: altmap.align, left: altmap.free - altmap.alloc - altmap.align }
  }

  const configure = Effect.fnUntraced(function*(target: Target, choice: Choice, type: ZoneChoice.OnlineType) {
    if (target.kind === "dax") return yield* createDax(target, choice, type)
    const namespace = yield* namespaceAt(target.start)
    if (choice.mode === "raw" || choice.native) {
      if (choice.mode === "raw") yield* write(namespace.name, "force_raw", "1")
      yield* bus.bind(namespace.name)
      const disk = namespace.bound?.disk
      const usable = disk?.capacity ?? 0
      const mapped = disk?.pagemap?.ranges ?? []
      if (choice.native && mapped.length === 0) return yield* refusal("ENXIO", "it comes up raw")
      return {
        outcome: {
          ...nothing,
          usable,
          npfns: choice.native ? usable / page : 0,
          mapped: mapped.map(({ end, start }) => ({ start: start * page, end: end * page }))
        },
        ...none,
        zones: []
      }
    }
    const holder = yield* claim(namespace, choice)
    if (holder.kind === "btt") {
      return { outcome: { ...nothing, usable: holder.bound?.disk?.capacity ?? 0 }, ...none, zones: [] }
    }
    const block = yield* blockOf(namespace)
    const whole = NvdimmState.resource(namespace)
    const range = { start: whole.start + block.startPad, end: whole.end - block.endTrunc }
    const data = holder.data ?? { start: 0, end: 0 }
    const name = `dax${namespace.region.id}.${namespace.id}`
    if (choice.mode !== "fsdax") yield* boundToDeviceDax(name)
    const usable = choice.mode === "fsdax"
      ? holder.bound?.disk?.capacity ?? 0
      : dax.list().find((device) => device.name === name)?.size ?? 0
    const outcome = {
      ...nothing,
      usable,
      dataoff: Number(block.dataoff),
      endTrunc: block.endTrunc,
      npfns: Number(block.npfns),
      mapped: [range],
      altmap: altmapNow(range.start)
    }
    return choice.mode === "system-ram"
      ? { ...(yield* systemRam(name, data, choice, outcome, type)), release: Effect.void }
      : { outcome, ...none, zones: [] }
  })

  /** Carries an option out; what it then is, or why the kernel refuses. */
  const create = Effect.fnUntraced(function*(
    target: Target,
    choice: Choice,
    type: ZoneChoice.OnlineType = "online_movable"
  ) {
    refused.clear()
    const done = yield* configure(target, choice, type)
    active.set(target.start, done)
    return { outcome: done.outcome, zones: done.zones }
  })

  const disable = Effect.fnUntraced(function*(namespace: NvdimmState.Namespace) {
    const holder = namespace.claim
    if (holder === null) {
      if (namespace.bound !== null) yield* bus.unbind(namespace.name)
      return
    }
    if (holder.bound !== null) yield* bus.unbind(holder.name)
    yield* write(holder.name, "namespace", "")
  })

  /** System RAM becomes a device-dax device again. */
  const back = Effect.fnUntraced(function*(target: Target) {
    const { end, release } = active.get(target.start) ?? none
    active.set(target.start, { end: Effect.void, release })
    yield* end
  })

  /** Takes back whatever was made of a target; its namespace, and the bytes it had, stay. */
  const destroy = Effect.fnUntraced(function*(target: Target) {
    const { end, release } = active.get(target.start) ?? none
    active.delete(target.start)
    yield* Effect.andThen(end, release)
    if (target.kind === "dax") return
    const namespace = yield* namespaceAt(target.start)
    yield* disable(namespace)
    yield* write(namespace.name, "holder_class", "")
    yield* write(namespace.name, "force_raw", "0")
    yield* Effect.fromResult(media.write(target.start, new Uint8Array(8192)))
  })

  return {
    loadAll,
    divide,
    create,
    destroy,
    back,
    disable: (target: Target) => Effect.flatMap(namespaceAt(target.start), disable),
    /** What the kernel finds on a disabled namespace. */
    enable: (target: Target) =>
      Effect.flatMap(namespaceAt(target.start), (namespace) => Effect.exit(bus.bind(namespace.name)))
  }
})
