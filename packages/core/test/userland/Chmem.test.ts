import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import type { Errno } from "../../src/kernel/Errno.ts"
import { KernelError } from "../../src/kernel/KernelError.ts"
import * as DryRun from "../../src/records/DryRun.ts"
import type * as Recorder from "../../src/records/Recorder.ts"
import * as Modules from "../../src/sysfs/Modules.ts"
import * as SysfsTree from "../../src/sysfs/SysfsTree.ts"
import * as Chmem from "../../src/userland/Chmem.ts"
import { noModules } from "./noModules.ts"

const input = { stdin: new Uint8Array(), onTerminal: false, freshUuid: () => "" }

interface Block {
  state: string
  zones?: string
  /** Zones once it is offline. */
  free?: string
  refuses?: Errno
}

const machine = (blocks: ReadonlyMap<number, Block>, size = "8000000") => {
  const block = (found: Block) => {
    const zones = () => found.state === "offline" ? found.free ?? found.zones ?? "" : found.zones ?? ""
    const write = (text: string) =>
      found.refuses === undefined ? Effect.sync(() => void (found.state = text)) : Effect.fail(
        new KernelError({ errno: found.refuses, rule: "HOT-20", problem: "refused", remedy: "none" })
      )
    return SysfsTree.directory({
      state: SysfsTree.writable(() => found.state, write),
      ...(found.zones === undefined ? {} : { valid_zones: SysfsTree.attribute(zones) })
    })
  }
  const memory = SysfsTree.directory({
    block_size_bytes: SysfsTree.attribute(() => size),
    auto_online_blocks: SysfsTree.attribute(() => "offline"),
    ...Object.fromEntries([...blocks].toReversed().map(([number, found]) => [`memory${number}`, block(found)]))
  })
  const under = (...names: ReadonlyArray<string>) =>
    names.reduceRight<SysfsTree.Directory>((inner, name) => SysfsTree.directory({ [name]: inner }), memory)
  const tree = { root: under("sys", "devices", "system", "memory") }
  const chmem = (words: string) =>
    Chmem.run(words.split(" ").filter((word) => word !== ""), input).pipe(
      Effect.provideService(SysfsTree.SysfsTree, tree),
      Effect.provideService(Modules.Modules, noModules)
    )
  return { chmem, states: () => [...blocks.values()].map(({ state }) => state) }
}

const zoned = (states: ReadonlyArray<string>) =>
  machine(new Map(states.map((state, i) => [i, { state, zones: "Normal", free: "Normal Movable" }])))

describe("Chmem", () => {
  it.effect("-b changes blocks by number, the lowest first; some: 64", () =>
    Effect.gen(function*() {
      const blocks = new Map<number, Block>([
        [2, { state: "online" }],
        [9, { state: "offline" }],
        [10, { state: "online", refuses: "EBUSY" }]
      ])
      const { chmem, states } = machine(blocks)
      assert.deepStrictEqual(yield* chmem("-dvb 2-10"), {
        exit: 64,
        stdout: "Memory Block 2 (0x0000000010000000-0x0000000017ffffff) disabled\n" +
          "Memory Block 9 (0x0000000048000000-0x000000004fffffff) already disabled\n",
        stderr:
          "chmem: Memory Block 10 (0x0000000050000000-0x0000000057ffffff) disable failed: Device or resource busy\n"
      })
      assert.deepStrictEqual(states(), ["offline", "offline", "online"])
      assert.strictEqual((yield* chmem("-d -b 10")).exit, 1)
      assert.strictEqual((yield* chmem("--enable --blocks 2-2")).exit, 0)
    }))

  it.effect("a size takes the highest blocks offline, and puts the lowest online, Movable where possible", () =>
    Effect.gen(function*() {
      const { chmem, states } = zoned(["online", "online", "online", "online"])
      assert.deepStrictEqual(yield* chmem("-d 256M"), { exit: 0, stdout: "", stderr: "" })
      assert.deepStrictEqual(states(), ["online", "online", "offline", "offline"])
      assert.strictEqual((yield* chmem("-e 128")).exit, 0)
      assert.deepStrictEqual(states(), ["online", "online", "online_movable", "offline"])
      assert.strictEqual((yield* chmem("-e -z normal 0x8000000-0x1fffffff")).exit, 0)
      assert.deepStrictEqual(states(), ["online", "online", "online_movable", "online_kernel"])
      assert.deepStrictEqual(yield* chmem("-d 1G"), {
        exit: 64,
        stdout: "",
        stderr: "chmem: Could only disable 512M of memory\n"
      })
    }))

  it.effect("zones select blocks", () =>
    Effect.gen(function*() {
      const { chmem, states } = zoned(["online", "offline"])
      assert.strictEqual((yield* chmem("-d -z Movable -b 0")).stderr.split("failed: ")[1], "Zone mismatch\n")
      assert.deepStrictEqual(yield* chmem("-e -z DMA 128M"), {
        exit: 1,
        stdout: "",
        stderr: "chmem: Could only enable 0B of memory\n"
      })
      assert.deepStrictEqual(states(), ["online", "offline"])
      const plain = machine(new Map([[0, { state: "offline" }]]))
      assert.deepStrictEqual(yield* plain.chmem("-e -z Movable -b 0"), {
        exit: 0,
        stdout: "",
        stderr: "chmem: zone ignored, no valid_zones sysfs attribute present\n"
      })
    }))

  it.effect("wrong use is told as the tool tells it, exit status 1, and changes nothing", () =>
    Effect.gen(function*() {
      const { chmem, states } = zoned(["online", "offline"])
      const hint = "\nTry 'chmem --help' for more information."
      const cases: Readonly<Record<string, string>> = {
        "": `bad usage${hint}`,
        "128M": `bad usage${hint}`,
        "-e 1 2": `bad usage${hint}`,
        "-e -d 1": "mutually exclusive arguments: --disable --enable",
        "-x": `invalid option -- 'x'${hint}`,
        "-e -z Foo 128M": `unknown memory zone: Foo${hint}`,
        "-e -b x": "Failed to parse block number: 'x'",
        "-e -b 0-x": "Failed to parse end: 'x'",
        "-e -b 99999999999999999999":
          "Failed to parse block number: '99999999999999999999': Numerical result out of range",
        "-e -b 1-0": "Invalid range: 1-0",
        "-e 1-2-3": "Invalid parameter: 1-2-3",
        "-e 100M": "Size must be aligned to memory block size (128M)",
        "-e 1Q": "Failed to parse size: '1Q': Invalid argument",
        "-e 99999999999999999999E": "Failed to parse size: '99999999999999999999E': Numerical result out of range",
        "-e 0-1": "Invalid start address format: 0",
        "-e 0x0-1": "Invalid end address format: 1",
        "-e 0x0-0xg": "Failed to parse end address: '0xg'",
        "-e 0x0-0x8000000": "Start address and (end address + 1) must be aligned to memory block size (128M)"
      }
      for (const [words, message] of Object.entries(cases)) {
        assert.deepStrictEqual(yield* chmem(words), { exit: 1, stdout: "", stderr: `chmem: ${message}\n` }, words)
      }
      assert.deepStrictEqual(states(), ["online", "offline"])
      assert.deepStrictEqual(yield* machine(new Map()).chmem("-e 1G"), {
        exit: 1,
        stdout: "",
        stderr: "chmem: Failed to read /sys/devices/system/memory: No such file or directory\n"
      })
    }))

  it.effect("sizes have units of 1024 or 1000 and fractions, whose digits are cut one by one", () =>
    Effect.gen(function*() {
      for (const [text, blocks] of [["256MiB", 2], ["256m", 2], ["0x100", 2], ["256", 2], ["0.5G", 4]] as const) {
        const { chmem, states } = zoned(["offline", "offline", "offline", "offline"])
        assert.strictEqual((yield* chmem(`-e ${text}`)).exit, 0, text)
        assert.strictEqual(states().filter((state) => state === "online_movable").length, blocks, text)
      }
      const { chmem } = zoned(["offline", "offline"])
      for (const text of ["0.25G", "256MB"]) {
        assert.strictEqual(
          (yield* chmem(`-e ${text}`)).stderr,
          "chmem: Size must be aligned to memory block size (128M)\n",
          text
        )
      }
      assert.include((yield* chmem("-e 268435456B")).stderr, "Invalid argument")
    }))
})

const dumps = fileURLToPath(new URL("../../../../../shared/real-dumps/util-linux", import.meta.url))
const why = existsSync(dumps) ? "" : " (skipped: no files of real machines here)"

describe.skipIf(why !== "")(`chmem on the files of a real machine${why}`, () => {
  const file = (path: string) =>
    execFileSync("tar", ["xjOf", `${dumps}/chmem-x86_64_16g.tar.bz2`, `x86_64_16g/sys/devices/system/memory/${path}`])
      .toString().trim()
  const blocks = (free: Readonly<Record<number, string>>) =>
    machine(
      new Map(
        [0, 4].map((number) => [number, {
          state: file(`memory${number}/state`),
          zones: file(`memory${number}/valid_zones`),
          ...(free[number] === undefined ? {} : { free: free[number] })
        }])
      ),
      file("block_size_bytes")
    )
  const text = (name: string) => readFileSync(`${dumps}/${name}`, "utf8")

  it.effect("block 0 goes offline and comes back", () =>
    Effect.gen(function*() {
      const { chmem, states } = blocks({})
      const seen: Array<string> = []
      for (const words of ["-d -b 0", "-e -b 0"]) {
        assert.deepStrictEqual(yield* chmem(words), { exit: 0, stdout: "", stderr: "" })
        seen.push(`${states()[0]}\n`)
      }
      assert.strictEqual(seen.join(""), text("x86_64_16g-enable-disable-blocks"))
    }))

  it.effect("block 4 goes to Movable where it can, and is refused where it cannot", () =>
    Effect.gen(function*() {
      const { chmem, states } = blocks({ 4: "DMA32 Movable" })
      const seen: Array<string> = []
      for (const words of ["-v -d -b 4", "-v -e -b -z Movable 4", "-v -e -b -z Movable 4"]) {
        const { exit, stdout } = yield* chmem(words)
        assert.strictEqual(exit, 0)
        seen.push(stdout)
        if (!stdout.includes("already")) seen.push(`${states()[1]}\n`)
      }
      assert.strictEqual(seen.join("").trim(), text("x86_64_16g-enable-disable-zone").trim())
      const fixed = blocks({})
      yield* fixed.chmem("-d -b 4")
      const { exit, stderr } = yield* fixed.chmem("-e -b -z Movable 4")
      assert.strictEqual(exit, 1)
      assert.strictEqual(stderr, text("x86_64_16g-enable-disable-zone.err"))
    }))

  it.effect("a modelled machine of that size says the same through a script", () =>
    Effect.gen(function*() {
      const GiB = 2 ** 30
      const spec = {
        kernel: "6.1",
        ranges: [
          { kind: "ram", start: 0, size: 3 * GiB },
          { kind: "ram", start: 4 * GiB, size: 13 * GiB }
        ]
      } as const
      const state = "cat /sys/devices/system/memory/memory4/state"
      const script = [
        "chmem -v -d -b 4",
        state,
        "chmem -v -e -b -z Movable 4",
        state,
        "chmem -v -e -b -z Movable 4",
        "chmem -d -b 4",
        "chmem -e -b -z Normal 4"
      ].join("\n")
      const { observed } = yield* DryRun.run({ spec, script, onTerminal: false })
      // the files of that machine keep the word that was written; a kernel answers that it is online
      const expected = text("x86_64_16g-enable-disable-zone").replace("online_movable", "online")
      const commands = observed["commands"] as ReadonlyArray<Recorder.Command>
      assert.strictEqual(commands.slice(0, 5).map(({ stdout }) => stdout).join("\n").trim(), expected.trim())
      assert.strictEqual(commands.at(-1)?.exit, 1)
      assert.strictEqual(commands.at(-1)?.stderr.trim(), text("x86_64_16g-enable-disable-zone.err").trim())
    }))
})
