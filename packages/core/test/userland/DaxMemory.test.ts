/** Memory blocks that fail, and attributes that lie: a tree made by hand. */
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Errno } from "../../src/kernel/Errno.ts"
import { KernelError } from "../../src/kernel/KernelError.ts"
import * as Modules from "../../src/sysfs/Modules.ts"
import * as SysfsTree from "../../src/sysfs/SysfsTree.ts"
import * as Daxctl from "../../src/userland/Daxctl.ts"

interface Block {
  state: string
  readonly removable?: number
  readonly refuses?: Errno
  readonly node?: number
}

const noModules: Modules.Modules["Service"] = {
  known: [],
  builtin: [],
  needs: () => [],
  loaded: () => [],
  load: (name) => Effect.fail(new KernelError({ errno: "ENOENT", rule: "29", problem: `no ${name}`, remedy: "none" })),
  unload: () => Effect.void
}

const nested = (path: string, inner: SysfsTree.Entry): Record<string, SysfsTree.Entry> => {
  const [name = "", ...rest] = path.split("/")
  return { [name]: rest.length === 0 ? inner : SysfsTree.directory(nested(rest.join("/"), inner)) }
}

const place = "/sys/devices/platform/hmem.0"

const block = (found: Block): SysfsTree.Directory =>
  SysfsTree.directory({
    state: SysfsTree.writable(() => found.state, (text) =>
      found.refuses === undefined ?
        Effect.sync(() => void (found.state = text)) :
        Effect.fail(
          new KernelError({ errno: found.refuses, rule: "HOT-20", problem: "refused", remedy: "none" })
        )),
    removable: SysfsTree.attribute(() => found.removable ?? 1),
    valid_zones: SysfsTree.attribute(() => "Movable"),
    [`node${found.node ?? 0}`]: SysfsTree.directory({})
  })

const run = (
  words: string,
  blocks: Readonly<Record<number, Block>>,
  attributes: Readonly<Record<string, string | number>> = {},
  driver: string | null = "kmem"
) => {
  const device = SysfsTree.directory({
    ...Object.fromEntries(
      Object.entries({ size: "0x20000000", align: 2097152, resource: "0x40000000", target_node: 0, ...attributes })
        .map(([name, value]) => [name, SysfsTree.attribute(() => value)])
    ),
    ...(driver === null ? {} : { driver: { _tag: "Link", target: `/sys/bus/dax/drivers/${driver}` } as const })
  })
  const sys = SysfsTree.directory({
    bus: SysfsTree.directory(nested("dax/devices/dax0.0", { _tag: "Link", target: `${place}/dax0.0` })),
    devices: SysfsTree.directory({
      ...nested("platform/hmem.0/dax0.0", device),
      ...nested(
        "system/memory",
        SysfsTree.directory({
          block_size_bytes: SysfsTree.attribute(() => String(attributes["block"] ?? "8000000")),
          ...Object.fromEntries(Object.entries(blocks).map(([number, found]) => [`memory${number}`, block(found)]))
        })
      )
    })
  })
  return Daxctl.run(words.split(" "), { stdin: new Uint8Array(), onTerminal: false, freshUuid: () => "" }).pipe(
    Effect.provideService(SysfsTree.SysfsTree, { root: SysfsTree.directory({ sys }) }),
    Effect.provideService(Modules.Modules, noModules)
  )
}

const lines = (
  { exit, stderr }: { readonly exit: number; readonly stderr: string }
) => [exit, ...stderr.split("\n").slice(0, -1)]

describe("DaxMemory", () => {
  it.effect("25.5: the first block that does not go offline ends it, in the order of the directory", () =>
    Effect.gen(function*() {
      const blocks: Record<number, Block> = {
        8: { state: "online" },
        9: { state: "online" },
        10: { state: "online" },
        11: { state: "online", refuses: "EBUSY" },
        12: { state: "online" }
      }
      assert.deepStrictEqual(lines(yield* run("offline-memory dax0.0", blocks)), [
        240,
        "libdaxctl: offline_one_memblock: dax0.0: Failed to offline /sys/devices/system/node/node0/memory11/state: " +
        "Device or resource busy",
        "dax0.0: failed to offline memory: Device or resource busy",
        "error offlining memory: Device or resource busy",
        "offlined memory for 0 devices"
      ])
      // 10, 8, 11, 9 is their order (OBS-20); block 12 lies behind the device
      assert.deepStrictEqual(Object.values(blocks).map(({ state }) => state), [
        "offline",
        "online",
        "offline",
        "online",
        "online"
      ])
    }))

  it.effect("25.5: a block that says it cannot go is not tried", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        lines(yield* run("offline-memory dax0.0", { 8: { state: "online", removable: 0 } })).slice(0, 3),
        [
          161,
          "libdaxctl: offline_one_memblock: dax0.0: memory8 is unremovable",
          "dax0.0: failed to offline memory: Operation not supported"
        ]
      )
    }))

  it.effect("25.4: a block that does not go online is told with what the kernel answered", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        lines(yield* run("online-memory dax0.0", { 8: { state: "offline", refuses: "ENOMEM" } })),
        [
          244,
          "dax0.0: failed to online memory: Cannot allocate memory",
          "error onlining memory: Cannot allocate memory",
          "onlined memory for 0 devices"
        ]
      )
    }))

  it.effect("27.1: blocks of other nodes, before and behind the device are not counted", () =>
    Effect.gen(function*() {
      const { stdout } = yield* run("list", {
        7: { state: "online" },
        8: { state: "online" },
        9: { state: "offline", node: 1 },
        11: { state: "online" },
        12: { state: "online" }
      })
      assert.include(stdout, "\"online_memblocks\":2,\n    \"total_memblocks\":2,\n    \"movable\":true")
    }))

  it.effect("what cannot be known is told; counts are then negative error numbers", () =>
    Effect.gen(function*() {
      const blocks = { 8: { state: "online" } }
      const size = yield* run("list", blocks, { block: "nonsense" })
      assert.include(size.stdout, "\"online_memblocks\":-6")
      assert.include(size.stderr, "libdaxctl: memblock_in_dev: dax0.0: Unable to determine memory block size\n")
      const node = yield* run("list", blocks, { target_node: -1 })
      assert.include(node.stdout, "\"total_memblocks\":-6")
      assert.notInclude(node.stdout, "target_node")
      const resource = yield* run("list", blocks, { resource: "?" })
      assert.notInclude(resource.stdout, "memblocks")
      assert.deepStrictEqual(yield* run("list -i", blocks, { size: "?" }), { exit: 0, stdout: "", stderr: "" })
      assert.deepStrictEqual(yield* run("list", blocks, { size: 0 }), { exit: 0, stdout: "", stderr: "" })
    }))

  it.effect("29.8: where there is no module there is no driver", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(lines(yield* run("enable-device dax0.0", {}, {}, null)), [
        254,
        "libdaxctl: daxctl_insert_kmod_for_mode: dax0.0: insert failure: -2",
        "dax0.0: enable failed: No such file or directory",
        "error enabling device: No such file or directory",
        "enabled 0 devices"
      ])
    }))

  it.effect("--input names a file of the machine or standard input", () =>
    Effect.gen(function*() {
      const { _tag, message } = yield* Effect.flip(run("create-device --input /root/dev.json", {}))
      assert.strictEqual(_tag, "NotModelled")
      assert.include(message, "/root/dev.json")
    }))
})
