/** What the ndctl commands of the recorded scripts write to sysfs, in their order (21.6, OBS-25): no texts, no exit statuses. */
import { Effect, Result } from "effect"
import * as CreateNamespace from "../../src/devices/CreateNamespace.ts"
import * as Labels from "../../src/devices/Labels.ts"
import { Media } from "../../src/devices/Media.ts"
import type * as Namespace from "../../src/devices/Namespace.ts"
import { NvdimmBus } from "../../src/devices/NvdimmBus.ts"
import * as NvdimmState from "../../src/devices/NvdimmState.ts"
import * as NvdimmSysfs from "../../src/devices/NvdimmSysfs.ts"
import * as PmemDisk from "../../src/devices/PmemDisk.ts"
import { Iomem } from "../../src/resources/Iomem.ts"
import * as WriteInfoblock from "../../src/userland/WriteInfoblock.ts"
import * as Replay from "./Replay.ts"

const modes = { raw: "raw", safe: "sector", memory: "fsdax", dax: "devdax" } as const

const classes = { raw: "", sector: "btt", fsdax: "pfn", devdax: "dax" } as const

export const make = Effect.gen(function*() {
  const bus = yield* NvdimmBus
  const media = yield* Media
  const iomem = yield* Iomem
  let fresh = 0
  const uuid = () => `00000000-0000-4000-8000-${(++fresh).toString(16).padStart(12, "0")}`

  const write = (device: string, attribute: string, text: string) =>
    Effect.result(bus.write(device, attribute, `${text}\n`))
  const bind = (name: string) => Effect.result(bus.bind(name))
  const unbind = (name: string) => Effect.result(bus.unbind(name))
  const namespaces = () => bus.regions().flatMap((region) => [...region.namespaces.values()])
  const named = (name: string) => namespaces().find((namespace) => namespace.name === name)
  const isActive = (namespace: NvdimmState.Namespace) => namespace.bound !== null || namespace.claim !== null

  /** `ndctl_namespace_disable_invalidate()`: a holder is unbound and deleted. */
  const disable = Effect.fnUntraced(function*(namespace: NvdimmState.Namespace) {
    const holder = namespace.claim
    if (holder === null) {
      yield* unbind(namespace.name)
      return
    }
    yield* unbind(holder.name)
    yield* write(holder.name, "namespace", "")
  })

  const raw = Effect.fnUntraced(
    function*(namespace: NvdimmState.Namespace, bytes: Uint8Array | null, onlyIfChanged: boolean) {
      yield* write(namespace.name, "force_raw", "1")
      yield* bind(namespace.name)
      const disk = namespace.bound?.disk
      if (disk !== null && disk !== undefined && bytes !== null) {
        const at = PmemDisk.address(disk, 0)
        const old = Result.getOrThrow(media.read(at, bytes.byteLength))
        if (!onlyIfChanged || old.some((byte) => byte !== 0)) Result.getOrThrow(media.write(at, bytes))
      }
      yield* write(namespace.name, "force_raw", "0")
      yield* unbind(namespace.name)
    }
  )

  /** `namespace_prep_reconfig()` */
  const prepare = Effect.fnUntraced(function*(namespace: NvdimmState.Namespace) {
    yield* disable(namespace)
    yield* write(namespace.name, "holder_class", "")
    yield* raw(namespace, new Uint8Array(8192), true)
  })

  const configure = Effect.fnUntraced(function*(
    namespace: NvdimmState.Namespace,
    settled: CreateNamespace.Settled,
    sectorSize: number,
    stop: boolean
  ) {
    const { region } = namespace
    if (namespace.type === "pmem") {
      yield* write(namespace.name, "uuid", uuid())
      yield* write(namespace.name, "alt_name", "")
      yield* write(namespace.name, "size", String(settled.size))
      yield* write(namespace.name, "sector_size", String(sectorSize))
    }
    yield* write(namespace.name, "holder_class", classes[settled.mode])
    if (stop) return false
    if (settled.instance === null) return Result.isSuccess(yield* bind(namespace.name))
    const seed = region.seeds[settled.instance]
    if (seed === null) return false
    yield* write(seed.name, "uuid", uuid())
    if (settled.instance === "btt") yield* write(seed.name, "sector_size", String(settled.sectorSize))
    else {
      yield* write(seed.name, "mode", settled.map === "mem" ? "ram" : "pmem")
      yield* write(seed.name, "align", String(settled.align))
    }
    yield* write(seed.name, "namespace", namespace.name)
    const bound = yield* bind(seed.name)
    if (Result.isFailure(bound)) yield* write(seed.name, "namespace", "")
    return Result.isSuccess(bound)
  })

  const sizeOf = (namespace: NvdimmState.Namespace): CreateNamespace.Existing => {
    const mode: Namespace.Mode = modes[NvdimmSysfs.mode(namespace, iomem)]
    const { end, start } = NvdimmState.resource(namespace)
    const { claim } = namespace
    return {
      name: namespace.name,
      start,
      size: end - start,
      mode,
      align: claim !== null && claim.kind !== "btt" ? claim.align : undefined,
      sectorSize: claim !== null && claim.kind === "btt" ? claim.lbasize : undefined,
      active: isActive(namespace)
    }
  }

  const candidateOf = (region: NvdimmState.Region): NvdimmState.Namespace | null => {
    const zero = region.namespaces.get(0)
    const found = zero !== undefined && !isActive(zero) ? zero : region.seeds.namespace
    return found === null || isActive(found) ? null : found
  }

  /** One region; the row that refused, or whether it worked. */
  const attempt = Effect.fnUntraced(function*(
    region: NvdimmState.Region,
    words: ReadonlyArray<string>,
    namespace: NvdimmState.Namespace | undefined
  ) {
    const existing = namespace === undefined ? undefined : sizeOf(namespace)
    const request = Replay.requestOf(words, existing)
    const mode = request.mode ?? existing?.mode ?? "fsdax"
    const target = namespace ?? candidateOf(region)
    const place: CreateNamespace.Place = {
      region: region.space,
      pageSize: Replay.arch.pageSize,
      supportedAligns: Replay.arch.daxAligns,
      seedAlign: (mode === "devdax" ? region.seeds.dax : region.seeds.pfn)?.align ?? Replay.arch.pmdSize,
      candidate: target?.name ?? null
    }
    const settled = CreateNamespace.settle(request, place)
    const sectorSize = (use: CreateNamespace.Settled) =>
      use.mode === "sector" ? use.sectorSize ?? 4096 : request.sectorSize ?? (namespace?.lbasize || 512)
    const isMisaligned = Result.isFailure(settled) && settled.failure.row === 12
    const use = isMisaligned ? CreateNamespace.settle({ ...request, force: true }, place) : settled
    if (Result.isFailure(use) || target === null) {
      return Result.isFailure(settled) && settled.failure.kind === "skip"
        ? "skip"
        : "refused"
    }
    if (namespace !== undefined) yield* prepare(namespace)
    const done = yield* configure(target, use.success, sectorSize(use.success), isMisaligned)
    if (done) return "done"
    if (namespace === undefined) {
      yield* write(target.name, "holder_class", "")
      if (target.type === "pmem") yield* write(target.name, "size", "0")
    }
    return "failed"
  })

  const create = Effect.fnUntraced(function*(words: ReadonlyArray<string>) {
    const name = Replay.option(words, "-e")
    const namespace = name === undefined ? undefined : named(name)
    if (name !== undefined && namespace === undefined) return "refused"
    const wanted = Replay.option(words, "-r")
    const tried = ["region1", "region0", "region2"].filter((region) =>
      namespace === undefined ? wanted === undefined || region === wanted : region === namespace.region.name
    )
    let last = "refused"
    for (const region of tried.flatMap((id) => bus.regions().find((r) => r.name === id) ?? [])) {
      last = yield* attempt(region, words, namespace)
      if (last !== "skip") return last
    }
    return last
  })

  const destroy = Effect.fnUntraced(function*(words: ReadonlyArray<string>) {
    const wanted = words.at(-1)
    for (const namespace of namespaces().filter(({ name }) => wanted === "all" || name === wanted)) {
      if (isActive(namespace) && !words.includes("-f")) continue
      if (namespace.type === "pmem" && NvdimmState.capacity(namespace) === 0) continue
      yield* prepare(namespace)
      if (namespace.type === "pmem") yield* write(namespace.name, "size", "0")
    }
  })

  const writeInfoblock = Effect.fnUntraced(function*(words: ReadonlyArray<string>) {
    const namespace = named(words.find((word) => word.startsWith("namespace")) ?? "")
    if (namespace === undefined || isActive(namespace)) return
    const options = Object.fromEntries(
      ([["mode", "-m"], ["map", "-M"], ["size", "-s"], ["align", "-a"], ["uuid", "-u"], ["parentUuid", "-p"], [
        "offset",
        "-O"
      ]] as const).flatMap(([key, flag]) => {
        const value = Replay.option(words, flag)
        return value === undefined ? [] : [[key, value]]
      })
    )
    const answer = WriteInfoblock.run(
      { ...options, namespace: namespace.name },
      { _tag: "Namespace", size: NvdimmState.capacity(namespace), active: false, uuid: namespace.uuid ?? undefined },
      { freshUuid: uuid() }
    )
    if (answer.bytes !== null) yield* raw(namespace, answer.bytes, false)
  })

  /** `dd of=/dev/pmem0`: through the block device. */
  const writeDisk = (at: number, bytes: Uint8Array) => {
    const disk = namespaces().flatMap(({ bound }) => bound?.disk ?? []).find(({ name }) => name === "pmem0")
    if (disk !== undefined) Result.getOrThrow(media.write(PmemDisk.address(disk, at), bytes))
  }

  const labels = Effect.fnUntraced(function*() {
    for (const { name } of bus.regions()) yield* unbind(name)
    for (const region of bus.regions()) Labels.init(region)
    for (const { name } of bus.regions()) yield* bind(name)
  })

  /** Runs a line of a script; `false`: it is not one of this module. */
  const run = Effect.fnUntraced(function*(line: string) {
    const words = line.split(/\s+/)
    const command = words.slice(1, 3).join(" ")
    const target = words.at(-1) ?? ""
    const sysfs = /^(?:sys)?w (.*) \/sys\/bus\/nd\/devices\/([^/]+)\/(\w+)$/.exec(line)
    if (/^(|facts.*|snap.*|autosnap.*|ask.*|text.*|sync|r .*|sleep .*)$/.test(line)) return true
    if (line === "labels") yield* labels()
    else if (sysfs !== null) yield* write(sysfs[2] ?? "", sysfs[3] ?? "", sysfs[1] ?? "")
    else if (command === "ndctl read-infoblock") {
      const namespace = named(words.find((word) => word.startsWith("namespace")) ?? "")
      if (namespace !== undefined && !isActive(namespace)) yield* raw(namespace, null, false)
    } else if (line.startsWith("cmd ndctl list") || line.startsWith("cmd daxctl list")) return true
    else if (line.startsWith("cmd dd if=/dev/zero of=/dev/pmem0 bs=4096 seek=1 ")) writeDisk(4096, new Uint8Array(4096))
    else if (line.startsWith("cmd sh -c \"printf 'X' | dd of=/dev/pmem0 bs=1 seek=$((4096+0)) ")) {
      writeDisk(4096, new TextEncoder().encode("X"))
    } else if (command === "ndctl create-namespace") yield* create(words)
    else if (command === "ndctl destroy-namespace") yield* destroy(words)
    else if (command === "ndctl write-infoblock") yield* writeInfoblock(words)
    else if (command === "ndctl disable-namespace" || command === "ndctl enable-namespace") {
      const namespace = named(target)
      if (namespace === undefined) return true
      if (command === "ndctl disable-namespace") yield* disable(namespace)
      else if (!isActive(namespace)) yield* bind(target)
    } else if (line === "cmd ndctl disable-region all") { for (const { name } of bus.regions()) yield* unbind(name) }
    else if (line === "cmd ndctl enable-region all") { for (const { name } of bus.regions()) yield* bind(name) }
    else if (/^cmd ndctl (init|zero)-labels all$/.test(line)) {
      for (const region of bus.regions()) {
        if (command.startsWith("ndctl init")) Labels.init(region)
        else Labels.zero(region)
      }
    } else if (line === "cmd rmmod dax_pmem nd_pmem") {
      yield* bus.unload("dax_pmem")
      yield* bus.unload("nd_pmem")
    } else if (line === "cmd modprobe nd_pmem") yield* bus.load("nd_pmem")
    else if (line === "cmd modprobe dax_pmem") yield* bus.load("dax_pmem")
    else return false
    return true
  })

  return { run }
})
