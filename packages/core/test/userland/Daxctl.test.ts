import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as Machine from "../../src/machine/Machine.ts"
import type { MachineSpec } from "../../src/machine/MachineSpec.ts"
import * as MachineTree from "../../src/sysfs/MachineTree.ts"
import { Modules } from "../../src/sysfs/Modules.ts"
import * as SysfsTree from "../../src/sysfs/SysfsTree.ts"
import * as Daxctl from "../../src/userland/Daxctl.ts"
import * as Harness from "../devices/Harness.ts"

const MiB = 1024 ** 2
const GiB = 1024 ** 3

const run = (words: string, stdin = "") =>
  Daxctl.run(words.split(" ").filter((word) => word !== ""), {
    stdin: new TextEncoder().encode(stdin),
    onTerminal: false,
    freshUuid: () => ""
  })

const write = Effect.fnUntraced(function*(path: string, text: string) {
  yield* SysfsTree.write(yield* SysfsTree.SysfsTree, path, text)
})

/** A machine with its drivers loaded. */
const on = <A, E, R>(spec: MachineSpec, body: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const modules = yield* Modules
    for (const name of MachineTree.bootModules) yield* modules.load(name)
    return yield* body
  }).pipe(Effect.scoped, Effect.provide(MachineTree.layer(spec).pipe(Layer.provideMerge(Machine.layer(spec)))))

/** 15 memory blocks of dax0.0, in devdax mode with its memmap in RAM. */
const onStatic = <A, E, R>(body: Effect.Effect<A, E, R>) =>
  on(
    Harness.machine([{ start: 8 * GiB, size: 2 * GiB, labelArea: 0 }]),
    Effect.gen(function*() {
      yield* write("/sys/bus/nd/drivers/nd_pmem/unbind", "namespace0.0")
      const dax = "/sys/bus/nd/devices/dax0.0"
      yield* write(`${dax}/mode`, "ram")
      yield* write(`${dax}/uuid`, "00000000-0000-4000-8000-000000000001")
      yield* write(`${dax}/namespace`, "namespace0.0")
      yield* write("/sys/bus/nd/drivers/dax_pmem/bind", "dax0.0")
      return yield* body
    })
  )

/** Soft reserved memory: dax0.0 with all of it. */
const onDynamic = <A, E, R>(body: Effect.Effect<A, E, R>) =>
  on({
    ...Harness.machine([]),
    devices: [{ name: "hmem", kind: "dax", start: 8 * GiB, size: GiB, node: 0, targetNode: 0 }]
  }, body)

const told = (
  outcome: { readonly exit: number; readonly stderr: string }
) => [outcome.exit, ...outcome.stderr.split("\n").slice(0, -1)]

const blocks = "/sys/devices/system/memory"

const race = [
  "dax0.0:",
  "  WARNING: detected a race while onlining memory",
  "  Some memory may not be in the expected zone. It is",
  "  recommended to disable any other onlining mechanisms,",
  "  and retry. If onlining is to be left to other agents,",
  "  use the --no-online option to suppress this warning"
]

describe("Daxctl", () => {
  it.effect("OBS-28: what there is nothing to do about is said, and ends with 0 or 1", () =>
    onStatic(Effect.gen(function*() {
      assert.deepStrictEqual(told(yield* run("reconfigure-device -m devdax dax0.0")), [
        0,
        "dax0.0 was already in devdax mode",
        "reconfigured 1 device"
      ])
      yield* run("reconfigure-device -m system-ram dax0.0")
      const again = yield* run("reconfigure-device -m system-ram dax0.0")
      assert.deepStrictEqual(told(again), [
        0,
        "dax0.0 was already in system-ram mode",
        ...race,
        "dax0.0: all memory sections (15) already online",
        "reconfigured 1 device"
      ])
      assert.include(again.stdout, "\"online_memblocks\":15")
      assert.deepStrictEqual(told(yield* run("online-memory dax0.0")), [
        1,
        ...race,
        "dax0.0: all memory sections (15) already online",
        "onlined memory for 0 devices"
      ])
      assert.deepStrictEqual(told(yield* run("offline-memory /dev/dax0.0")), [0, "offlined memory for 1 device"])
      assert.deepStrictEqual(told(yield* run("offline-memory 0.0")), [
        1,
        "dax0.0: all memory sections (15) already offline",
        "offlined memory for 0 devices"
      ])
    })))

  it.effect("OBS-28, 25.5: back to devdax only with everything offline, or -f", () =>
    onStatic(Effect.gen(function*() {
      yield* run("reconfigure-device -m system-ram dax0.0")
      const busy = [240, "error reconfiguring devices: Device or resource busy", "reconfigured 0 devices"] as const
      assert.deepStrictEqual(told(yield* run("reconfigure-device -m devdax all")), [...busy])
      yield* write(`${blocks}/memory70/state`, "offline")
      assert.deepStrictEqual(told(yield* run("reconfigure-device -v -m devdax dax0.0")), [
        240,
        "dax0.0: found 14 memory sections online",
        "dax0.0: refusing to change modes",
        ...busy.slice(1)
      ])
      const partly = yield* run("list")
      assert.include(partly.stdout, "\"online_memblocks\":14")
      assert.notInclude(partly.stdout, "movable")
      assert.deepStrictEqual(told(yield* run("reconfigure-device -fv -m devdax dax0.0")), [
        0,
        "dax0.0: 1 memory section already offline",
        "dax0.0: 14 memory sections offlined",
        "reconfigured 1 device"
      ])
      assert.include((yield* run("list")).stdout, "\"mode\":\"devdax\"\n")
    })))

  it.effect("25.4: --no-movable and zones found mixed; the kernel's policy, and -f against it", () =>
    onStatic(Effect.gen(function*() {
      yield* run("reconfigure-device -m system-ram --no-movable dax0.0")
      assert.include((yield* run("list -u")).stdout, "\"movable\":false")
      yield* write(`${blocks}/memory79/state`, "offline")
      assert.deepStrictEqual(told(yield* run("online-memory -v dax0.0")), [
        0,
        ...race,
        "dax0.0: 14 memory sections already online",
        "dax0.0: 1 memory section onlined",
        "onlined memory for 1 device"
      ])
      assert.include((yield* run("list -u")).stdout, "\"movable\":false")
      yield* run("reconfigure-device -m devdax -f dax0.0")
      yield* write(`${blocks}/auto_online_blocks`, "online_movable")
      const refused = [
        240,
        "dax0.0: error: kernel policy will auto-online memory, aborting",
        "error reconfiguring devices: Device or resource busy",
        "reconfigured 0 devices"
      ]
      assert.deepStrictEqual(told(yield* run("reconfigure-device -m system-ram -N dax0.0")), refused)
      assert.deepStrictEqual(told(yield* run("reconfigure-device -m system-ram -N --no-movable dax0.0")), refused)
      assert.deepStrictEqual(told(yield* run("reconfigure-device -m system-ram -f dax0.0")), [
        0,
        ...race,
        "dax0.0: all memory sections (15) already online",
        "reconfigured 1 device"
      ])
    })))

  it.effect("OBS-28: enable, disable, online and offline fit one mode each", () =>
    onStatic(Effect.gen(function*() {
      assert.deepStrictEqual(told(yield* run("online-memory dax0.0")), [
        250,
        "dax0.0: memory operations are not applicable in devdax mode",
        "error onlining memory: No such device or address",
        "onlined memory for 0 devices"
      ])
      assert.deepStrictEqual(told(yield* run("disable-device dax0.0")), [0, "disabled 1 device"])
      assert.include((yield* run("list")).stdout, "\"state\":\"disabled\"")
      assert.deepStrictEqual(told(yield* run("enable-device dax0.0")), [0, "enabled 1 device"])
      yield* run("reconfigure-device -m system-ram dax0.0")
      assert.deepStrictEqual(told(yield* run("disable-device dax0.0")), [
        250,
        "dax0.0: status operations are only applicable in devdax mode",
        "error disabling device: No such device or address",
        "disabled 0 devices"
      ])
    })))

  it.effect("27.1: options are checked first, status 129", () =>
    onStatic(Effect.gen(function*() {
      const first = Effect.fnUntraced(function*(words: string) {
        const { exit, stderr, stdout } = yield* run(words)
        assert.deepStrictEqual([exit, stdout], [129, ""], words)
        return stderr.split("\n")[0]
      })
      assert.strictEqual(yield* first("reconfigure-device -m devdax"), "specify a device to reconfigure, or \"all\"")
      assert.strictEqual(yield* first("enable-device"), "specify a device to disable, or \"all\"")
      assert.strictEqual(yield* first("online-memory dax0.0 dax0.1"), "unknown extra parameter \"dax0.1\"")
      assert.strictEqual(
        yield* first("reconfigure-device dax0.0"),
        "error: a 'align', 'mode' or 'size' option is required"
      )
      assert.strictEqual(
        yield* first("reconfigure-device -N -m devdax dax0.0"),
        "--no-online is incompatible with --mode=devdax"
      )
      assert.strictEqual(yield* first("list dax0.0"), "  Error: unknown parameter \"dax0.0\"")
      assert.strictEqual(
        yield* first("create-device --input /dev/stdin"),
        "error: failed to parse device file: Invalid argument"
      )
      assert.deepStrictEqual(told(yield* run("reconfigure-device -m ram dax0.0")), [
        234,
        "dax0.0: unknown mode requested: 0",
        "error reconfiguring devices: Invalid argument",
        "reconfigured 0 devices"
      ])
      assert.deepStrictEqual(told(yield* run("reconfigure-device -C dax0.0")), [
        234,
        "error parsing config file: No such file or directory",
        "dax0.0: unknown mode requested: 0",
        "error reconfiguring devices: Invalid argument",
        "reconfigured 0 devices"
      ])
      assert.deepStrictEqual(told(yield* run("reconfigure-device -C dax1.0")), [
        0,
        "no UUID match for dax1.0 found in config files",
        "dax1.0: missing or malformed config section"
      ])
      assert.deepStrictEqual(told(yield* run("reconfigure-device -C all")), [
        0,
        "all: missing or malformed config section"
      ])
      assert.strictEqual(
        yield* first("reconfigure-device -C -N dax0.0"),
        "dax0.0: -C cannot be used with --mode, --(no-)movable, or --(no-)online"
      )
      assert.deepStrictEqual(told(yield* run("frobnicate")), [1, "Unknown command: 'frobnicate'"])
      assert.strictEqual((yield* run("version")).stdout, "76.1\n")
      for (const words of ["split-acpi", "migrate-device-model", "help list"]) {
        assert.strictEqual((yield* Effect.flip(run(words)))._tag, "NotModelled", words)
      }
    })))

  it.effect("27.1, OBS-23: mappings, regions and sizes for people", () =>
    onStatic(Effect.gen(function*() {
      assert.strictEqual(
        (yield* run("list -DRMu")).stdout,
        `{
  "path":"\\/LNXSYSTM:00\\/LNXSYBUS:00\\/ACPI0012:00\\/ndbus0\\/region0\\/dax0.0",
  "id":0,
  "size":"2046.00 MiB (2145.39 MB)",
  "align":2097152,
  "devices":[
    {
      "chardev":"dax0.0",
      "size":"2046.00 MiB (2145.39 MB)",
      "target_node":0,
      "align":2097152,
      "mode":"devdax",
      "mappings":[
        {
          "page_offset":"0",
          "start":"0x200200000",
          "end":"0x27fffffff",
          "size":"2046.00 MiB (2145.39 MB)"
        }
      ]
    }
  ]
}
`
      )
      assert.notInclude((yield* run("list -r 0")).stdout, "devices")
      assert.strictEqual((yield* run("list -r region1")).stdout, "")
      assert.strictEqual((yield* run("list -d dax0.1")).stdout, "")
      assert.include((yield* run("list -d 0.0")).stdout, "\"chardev\":\"dax0.0\"")
    })))

  it.effect("24.1: a static device is neither made, resized nor destroyed", () =>
    onStatic(Effect.gen(function*() {
      assert.deepStrictEqual(told(yield* run("create-device")), [
        228,
        "error creating devices: No space left on device",
        "created 0 devices"
      ])
      yield* run("disable-device dax0.0")
      assert.deepStrictEqual(told(yield* run("reconfigure-device -s 1G dax0.0")), [
        250,
        "libdaxctl: daxctl_dev_set_size: dax0.0: failed to set size",
        "error reconfiguring devices: No such device or address",
        "reconfigured 0 devices"
      ])
    })))

  it.effect("24.3: devices of a dynamic region are resized, made and destroyed", () =>
    onDynamic(Effect.gen(function*() {
      assert.deepStrictEqual(told(yield* run("create-device")), [
        228,
        "error creating devices: No space left on device",
        "created 0 devices"
      ])
      assert.deepStrictEqual(told(yield* run("destroy-device dax0.0")), [
        250,
        "dax0.0 is active, specify --force for deletion",
        "error destroying devices: No such device or address",
        "destroyed 0 devices"
      ])
      yield* run("disable-device dax0.0")
      const { stdout: nothing, ...resized } = yield* run("reconfigure-device -s 512M dax0.0")
      assert.deepStrictEqual([nothing, ...told(resized)], ["", 0, "reconfigured 1 device"])
      yield* run("enable-device dax0.0")
      const made = yield* run("create-device -r 0 -s 256M -a 4K")
      assert.deepStrictEqual(told(made), [0, "created 1 device"])
      assert.include(made.stdout, `"size":${256 * MiB}`)
      assert.include(made.stdout, "\"align\":4096")
      assert.include((yield* run("list -R")).stdout, `"available_size":${256 * MiB}`)
      const name = /dax0\.[1-9][0-9]*/.exec(made.stdout)?.[0] ?? assert.fail(made.stdout)
      const kept = (yield* run(`list -M -d ${name}`)).stdout.trim().slice(1, -1)
      assert.deepStrictEqual(told(yield* run(`destroy-device -f ${name}`)), [0, "destroyed 1 device"])
      const again = yield* run("create-device --input /dev/stdin", kept)
      assert.deepStrictEqual(told(again), [0, "created 1 device"])
      assert.include(again.stdout, `"size":${256 * MiB}`)
      assert.strictEqual((yield* run(`list -M -d ${name}`)).stdout.trim().slice(1, -1), kept)
      // the kernel keeps device 0, without bytes
      assert.deepStrictEqual(told(yield* run("destroy-device -f dax0.0")), [
        240,
        "error destroying devices: Device or resource busy",
        "destroyed 0 devices"
      ])
      assert.notInclude((yield* run("list")).stdout, "dax0.0")
      assert.include((yield* run("list -i")).stdout, "dax0.0")
    })))
})
