/** What the daxctl commands of the recorded scripts do to the dax bus and to memory blocks: no texts, no exit statuses. */
import { Effect } from "effect"
import { DaxDevices } from "../../src/devices/DaxDevices.ts"
import { MemoryBlocks } from "../../src/hotplug/MemoryBlocks.ts"
import { MemoryHotplug } from "../../src/hotplug/MemoryHotplug.ts"
import { OnlinePolicy } from "../../src/hotplug/OnlinePolicy.ts"
import { Iomem } from "../../src/resources/Iomem.ts"

export const make = Effect.gen(function*() {
  const devices = yield* DaxDevices
  const blocks = yield* MemoryBlocks
  const hotplug = yield* MemoryHotplug
  const policy = yield* OnlinePolicy
  const iomem = yield* Iomem

  /** Memory of a device that is System RAM now, by the resources its driver left. */
  const rangesOf = (name: string) => {
    const found: Array<{ readonly start: number; readonly end: number }> = []
    const visit = (resource: ReturnType<typeof iomem.tree>, isOwn: boolean): void => {
      if (isOwn && resource.name === "System RAM (kmem)") {
        found.push({ start: resource.start / blocks.size, end: (resource.end + 1) / blocks.size })
      }
      for (const child of resource.children) visit(child, resource.name === name)
    }
    visit(iomem.tree(), false)
    return found
  }

  const each = (
    name: string,
    act: (range: { readonly start: number; readonly end: number }) => Effect.Effect<unknown, unknown>
  ) => Effect.forEach(rangesOf(name), (range) => Effect.ignore(act(range)), { discard: true })

  const driverOf = (name: string) => devices.list().find((device) => device.name === name)?.driver ?? null

  const systemRam = Effect.fnUntraced(function*(name: string, words: ReadonlyArray<string>) {
    if (policy.parameters().defaultState !== "offline" || driverOf(name) === "kmem") return
    yield* Effect.ignore(devices.unbind("device_dax", name))
    yield* Effect.ignore(devices.newId("kmem", name))
    if (driverOf(name) !== "kmem") yield* Effect.ignore(devices.bind("kmem", name))
    if (words.includes("-N") || words.includes("--no-online")) return
    yield* each(name, (range) => hotplug.online(range, "online_movable"))
  })

  const devdax = Effect.fnUntraced(function*(name: string, words: ReadonlyArray<string>) {
    if (driverOf(name) !== "kmem") return
    const runs = rangesOf(name).flatMap((range) => blocks.runs(range))
    if (runs.some((run) => run.value.state === "online")) {
      if (!words.includes("-f")) return
      yield* each(name, (range) => hotplug.offline(range))
    }
    yield* Effect.ignore(devices.unbind("kmem", name))
    yield* Effect.ignore(devices.bind("device_dax", name))
  })

  /** Runs a line of a script; `false`: it is not one of this module. */
  return Effect.fnUntraced(function*(line: string) {
    const words = line.split(/\s+/)
    if (words[1] !== "daxctl") return false
    const last = words.at(-1) ?? ""
    const names = last === "all" ? devices.list().map(({ name }) => name) : [last]
    for (const name of names) {
      if (words[2] === "reconfigure-device") {
        yield* words.includes("devdax") ? devdax(name, words) : systemRam(name, words)
      } else if (words[2] === "online-memory") {
        yield* each(
          name,
          (range) => hotplug.online(range, words.includes("--no-movable") ? "online_kernel" : "online_movable")
        )
      } else if (words[2] === "offline-memory") {
        yield* each(name, (range) => hotplug.offline(range))
      }
    }
    return true
  })
})
