/**
 * A dax device changes drivers, and its memory goes online and offline, as daxctl 76 does it (25.4, 25.5, OBS-28).
 *
 * Each operation succeeds with 0, or with 1 where there was nothing to do.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Errno from "../kernel/Errno.ts"
import { Modules } from "../sysfs/Modules.ts"
import * as SysfsTree from "../sysfs/SysfsTree.ts"
import * as DaxMemory from "./DaxMemory.ts"
import * as DaxTree from "./DaxTree.ts"
import * as ToolFailure from "./ToolFailure.ts"

/**
 * What the operations look at: options as typed, and where complaints go.
 *
 * @category models
 * @since 0.1.0
 */
export interface Run {
  readonly tree: SysfsTree.SysfsTree["Service"]
  readonly say: ToolFailure.Say
  readonly noOnline: boolean
  readonly noMovable: boolean
  readonly force: boolean
  readonly verbose: boolean
}

type Operation<R = never> = Effect.Effect<0 | 1, ToolFailure.ToolFailure, R>

const drivers = "/sys/bus/dax/drivers"

const isEnabled = ({ tree }: Run, device: DaxTree.Device): boolean => DaxTree.driverOf(tree, device) !== undefined

const memoryOf = ({ say, tree }: Run, device: DaxTree.Device) => DaxMemory.of(tree, device, say)

const s = (count: number): string => count === 1 ? "" : "s"

/** Tells the driver the name, which usually makes it bind already; binding again then fails and does no harm. */
const bind = Effect.fnUntraced(function*({ tree }: Run, { name }: DaxTree.Device, driver: string) {
  if (!SysfsTree.list(tree, drivers).includes(driver)) return undefined
  yield* Effect.ignore(SysfsTree.write(tree, `${drivers}/${driver}/new_id`, name))
  return yield* Effect.match(SysfsTree.write(tree, `${drivers}/${driver}/bind`, name), {
    onFailure: ({ errno }): Errno.Errno | undefined => errno,
    onSuccess: () => undefined
  })
})

/**
 * Binds a device that has no driver to one; a device that has any stays. Whatever the writes answer, only the driver counts:
 * ENXIO or what `bind` answered where there is none afterwards.
 */
const enable = Effect.fnUntraced(
  function*(run: Run, device: DaxTree.Device, driver: "device_dax" | "kmem"): Effect.fn.Return<
    0,
    ToolFailure.ToolFailure,
    Modules
  > {
    if (isEnabled(run, device)) return 0
    const modules = yield* Modules
    yield* ToolFailure.fromKernel(modules.load(driver)).pipe(
      Effect.tapError(({ errno }) =>
        Effect.sync(() =>
          run.say(
            `libdaxctl: daxctl_insert_kmod_for_mode: ${device.name}: insert failure: -${Errno.number(errno)}`
          )
        )
      )
    )
    const refused = yield* bind(run, device, driver)
    if (isEnabled(run, device)) return 0
    run.say(`libdaxctl: daxctl_dev_enable: ${device.name}: failed to enable`)
    return yield* ToolFailure.fail(refused ?? "ENXIO")
  }
)

/**
 * Takes the driver away, and the name from the driver first. EBUSY when it is still there afterwards.
 *
 * @category operations
 * @since 0.1.0
 */
export const disable = Effect.fnUntraced(function*(run: Run, device: DaxTree.Device): Effect.fn.Return<
  0,
  ToolFailure.ToolFailure
> {
  const { say, tree } = run
  const { name, path } = device
  if (!isEnabled(run, device)) return 0
  yield* SysfsTree.write(tree, `${path}/driver/remove_id`, name).pipe(
    Effect.andThen(SysfsTree.write(tree, `${path}/driver/unbind`, name)),
    Effect.ignore
  )
  if (!isEnabled(run, device)) return 0
  say(`libdaxctl: daxctl_dev_disable: ${name}: failed to disable`)
  say(`${name}: disable failed: ${Errno.text("EBUSY")}`)
  return yield* ToolFailure.fail("EBUSY")
})

const counted = (
  { say }: Run,
  { name }: DaxTree.Device,
  count: Effect.Effect<number, ToolFailure.ToolFailure>,
  what: string
) => Effect.tapError(count, ({ message }) => Effect.sync(() => say(`${name}: failed to ${what}: ${message}`)))

const census = Effect.fnUntraced(function*(run: Run, memory: DaxMemory.Memory) {
  const total = yield* counted(run, memory.device, DaxMemory.total(memory), "get number of memory sections")
  return { total, on: yield* countOnline(run, memory) }
})

const countOnline = (run: Run, memory: DaxMemory.Memory) =>
  counted(run, memory.device, DaxMemory.online(memory), "determine online state")

const race = (name: string): string =>
  [
    `${name}:`,
    "  WARNING: detected a race while onlining memory",
    "  Some memory may not be in the expected zone. It is",
    "  recommended to disable any other onlining mechanisms,",
    "  and retry. If onlining is to be left to other agents,",
    "  use the --no-online option to suppress this warning"
  ].join("\n")

const online = Effect.fnUntraced(function*(run: Run, memory: DaxMemory.Memory): Effect.fn.Return<
  0 | 1,
  ToolFailure.ToolFailure
> {
  const { say } = run
  const { device, device: { name } } = memory
  const { on, total } = yield* census(run, memory)
  if (on > 0) say(race(name))
  if (on === total) {
    say(`${name}: all memory sections (${on}) already online`)
    return 1
  }
  if (on > 0) say(`${name}: ${on} memory section${s(on)} already online`)
  const zone = run.noMovable ? "kernel" : "movable"
  const done = yield* counted(run, device, DaxMemory.putOnline(memory, zone), "online memory")
  if (run.verbose) say(`${name}: ${done} memory section${s(done)} onlined`)
  const after = yield* countOnline(run, memory)
  if (after >= total) return 0
  say(`${name}: failed to online ${total - after} memory sections`)
  return yield* ToolFailure.fail("ENXIO")
})

const offline = Effect.fnUntraced(function*(run: Run, memory: DaxMemory.Memory): Effect.fn.Return<
  0 | 1,
  ToolFailure.ToolFailure
> {
  const { say } = run
  const { device, device: { name } } = memory
  const { on, total } = yield* census(run, memory)
  const off = total - on
  if (on === 0) {
    say(`${name}: all memory sections (${off}) already offline`)
    return 1
  }
  if (off > 0) say(`${name}: ${off} memory section${s(off)} already offline`)
  const done = yield* counted(run, device, DaxMemory.putOffline(memory), "offline memory")
  if (run.verbose) say(`${name}: ${done} memory section${s(done)} offlined`)
  const left = yield* countOnline(run, memory)
  if (left === 0) return 0
  say(`${name}: failed to offline ${left} memory sections`)
  return yield* ToolFailure.fail("ENXIO")
})

/**
 * `online-memory` and `offline-memory` of one device. ENXIO unless it is in system-ram mode.
 *
 * @category operations
 * @since 0.1.0
 */
export const changeMemory = (run: Run, device: DaxTree.Device, state: "online" | "offline"): Operation =>
  Effect.suspend(() => {
    const memory = memoryOf(run, device)
    if (memory !== undefined) return state === "online" ? online(run, memory) : offline(run, memory)
    run.say(`${device.name}: memory operations are not applicable in devdax mode`)
    return ToolFailure.because(
      "ENXIO",
      "OBS-28",
      `${device.name} has no memory blocks`,
      "daxctl reconfigure-device -m system-ram makes them"
    )
  })

/**
 * `enable-device` and `disable-device` of one device. ENXIO in system-ram mode.
 *
 * @category operations
 * @since 0.1.0
 */
export const changeStatus = (run: Run, device: DaxTree.Device, status: "enabled" | "disabled"): Operation<Modules> =>
  Effect.suspend(() => {
    if (memoryOf(run, device) !== undefined) {
      run.say(`${device.name}: status operations are only applicable in devdax mode`)
      return ToolFailure.because(
        "ENXIO",
        "OBS-28",
        `${device.name} is in system-ram mode`,
        "daxctl reconfigure-device -m devdax -f takes it back first"
      )
    }
    return status === "enabled" ? enableOrSay(run, device) : disable(run, device)
  })

/**
 * {@link enable} in devdax mode, with one complaint more.
 *
 * @category operations
 * @since 0.1.0
 */
export const enableOrSay = (run: Run, device: DaxTree.Device): Operation<Modules> =>
  Effect.tapError(
    enable(run, device, "device_dax"),
    ({ message }) => Effect.sync(() => run.say(`${device.name}: enable failed: ${message}`))
  )

/** `auto_online_blocks` says so; a kernel that does not tell is taken not to. */
const goesOnlineByItself = Effect.fnUntraced(function*({ say, tree }: Run, { name }: DaxTree.Device) {
  const policy = yield* Effect.result(SysfsTree.read(tree, "/sys/devices/system/memory/auto_online_blocks"))
  if (policy._tag === "Success") return policy.success.startsWith("online")
  say(
    `libdaxctl: daxctl_dev_will_auto_online_memory: ${name}: Unable to determine auto-online policy: ${
      Errno.text(policy.failure.errno)
    }`
  )
  return false
})

/**
 * `-m system-ram`: the device goes to `kmem`, its memory online unless `-N`. EBUSY where the kernel's policy would decide
 * otherwise, unless `-f`.
 *
 * @category operations
 * @since 0.1.0
 */
export const toSystemRam = Effect.fnUntraced(function*(run: Run, device: DaxTree.Device): Effect.fn.Return<
  0 | 1,
  ToolFailure.ToolFailure,
  Modules
> {
  const { name } = device
  if ((run.noOnline || !run.noMovable) && !run.force && (yield* goesOnlineByItself(run, device))) {
    run.say(`${name}: error: kernel policy will auto-online memory, aborting`)
    return yield* ToolFailure.because(
      "EBUSY",
      "OBS-28",
      "auto_online_blocks would put the memory online before daxctl can choose its zone",
      run.noOnline
        ? "write offline to /sys/devices/system/memory/auto_online_blocks first"
        : "write offline to /sys/devices/system/memory/auto_online_blocks first, or leave the zone to the kernel with --no-movable or -f"
    )
  }
  if (memoryOf(run, device) === undefined) {
    yield* disable(run, device)
    yield* enable(run, device, "kmem")
  } else run.say(`${name} was already in system-ram mode`)
  if (run.noOnline) return 0
  const memory = memoryOf(run, device)
  if (memory !== undefined) return yield* online(run, memory)
  run.say(`${name}: failed to get the memory object`)
  return yield* ToolFailure.fail("ENXIO")
})

/**
 * `-m devdax`: the device goes back to `device_dax`. EBUSY while memory is online; with `-f` it goes offline first.
 *
 * @category operations
 * @since 0.1.0
 */
export const toDevdax = Effect.fnUntraced(function*(run: Run, device: DaxTree.Device): Effect.fn.Return<
  0 | 1,
  ToolFailure.ToolFailure,
  Modules
> {
  const { name } = device
  const memory = memoryOf(run, device)
  if (memory !== undefined) {
    if (run.force) yield* offline(run, memory)
    const on = yield* countOnline(run, memory)
    if (on > 0) {
      if (run.verbose) run.say(`${name}: found ${on} memory sections online\n${name}: refusing to change modes`)
      return yield* ToolFailure.because(
        "EBUSY",
        "OBS-28",
        `${on} memory block${s(on)} of ${name} ${on === 1 ? "is" : "are"} online`,
        run.force ? "what holds their pages must let go first" : "-f takes them offline first"
      )
    }
    yield* disable(run, device)
  } else if (isEnabled(run, device)) {
    run.say(`${name} was already in devdax mode`)
    return 1
  }
  return yield* enable(run, device, "device_dax")
})
