import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, FileSystem, Layer, PlatformError } from "effect"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import * as Path from "node:path"
import * as WriteFile from "../../src/commands/WriteFile.ts"
import { folderWith, run } from "../run.ts"

// Nobody here measures anything: not one thread is started.
let threads = 0
const count = () => {
  threads++
}
process.on("worker", count)
afterAll(() => {
  process.off("worker", count)
})

const refused = Effect.fnUntraced(function*(args: ReadonlyArray<string>, problem: string | RegExp, from?: string) {
  const { status, stderr, stdout } = yield* run(["bench", ...args], from === undefined ? {} : { from })
  assert.deepStrictEqual([status, stdout], [2, ""], args.join(" "))
  if (typeof problem === "string") assert.include(stderr, problem)
  else assert.match(stderr, problem)
  assert.strictEqual(threads, 0)
})

describe("vmemmap bench, wrong use", () => {
  it.effect("flags that exclude each other, with what to leave out", () =>
    Effect.gen(function*() {
      yield* refused(["--compare", "--align", "2M"], "vmemmap: --compare measures all of them: leave out --align")
      yield* refused(["--compare", "--map", "dev", "--kind", "ram"], "leave out --map, --kind")
      for (const flag of [["--align", "4K"], ["--map", "mem"]]) {
        yield* refused(["--kind", "ram", ...flag], "--kind ram: RAM has pages of 4K and its memmap in RAM: leave out")
      }
      yield* refused(
        ["--calibrate", "here.json", "--kind", "device", "--compare", "--fresh", "--strategy", "all"],
        "--calibrate measures all that it needs: leave out --kind, --compare, --fresh, --strategy"
      )
    }))

  it.effect("values out of range, with the range", () =>
    Effect.gen(function*() {
      for (const value of ["0", "-1", "65", "1000000000000"]) {
        yield* refused([`--threads=${value}`], `--threads: ${value} is not from 1 to 64`)
      }
      for (const value of ["0", "1001"]) yield* refused(["--rounds", value], `--rounds: ${value} is not from 1 to 1000`)
      yield* refused(["--threads", "two"], /--threads/)
      yield* refused(["--align", "3M"], /--align.*"4K" \| "2M" \| "1G"|4K.*2M.*1G/s)
    }))

  it.effect("sizes that no machine has, or not this one, before anything is allocated", () =>
    Effect.gen(function*() {
      yield* refused(["--size", "many"], "--size: ")
      yield* refused(
        ["--size", "65MiB", "--kind", "ram"],
        "--size: the size must be a multiple of 2 MiB: 68157440 bytes are not"
      )
      for (const more of [[], ["--compare"], ["--align", "2M", "--map", "dev"]]) {
        yield* refused(
          ["--size", "100M", ...more],
          "--size: the size of a device must be a multiple of 16 MiB: 104857600 bytes are not"
        )
      }
      yield* refused(["--size", "48MiB"], "--size: the size must be at least 64 MiB")
      yield* refused(["--size", "62MiB", "--kind", "ram"], "--size: the size must be at least 64 MiB")
      yield* refused(["--size", "1GiB", "--align", "1G"], "--size: the size must be at least 2048 MiB")
      yield* refused(["--size", "1GiB", "--calibrate", "here.json"], "--size: the size must be at least 2048 MiB")
      yield* refused(["--size", "32TiB"], "--size: the size must be at most 16 TiB")
      for (const more of [[], ["--compare"], ["--kind", "ram"], ["--calibrate", "here.json"]]) {
        yield* refused(
          ["--size", "16TiB", ...more],
          /the struct pages can take 2[56][0-9.]+ GiB, of which this machine can spare [0-9.]+ [GM]iB: give a smaller --size/
        )
      }
    }))

  it.effect("strategies that nobody knows, or none", () =>
    Effect.gen(function*() {
      for (const none of [",", "", " , ,"]) {
        yield* refused([`--strategy=${none}`], "--strategy: '' is no strategy: presets are ")
      }
      yield* refused(
        ["--strategy", "linux-6.1,nonsense"],
        "--strategy: 'nonsense' is no strategy: presets are rfc-2015,"
      )
      yield* refused(["--strategy", "vmemmap:workers=many"], "--strategy: 'vmemmap:workers=many' is no strategy: ")
    }))

  it.effect("--calibrate: a file that cannot be written is refused before anything is measured", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({ "file": "is none", "folder/file": "" })
      const small = ["--size", "2GiB", "--rounds", "1", "--calibrate"]
      yield* refused(
        [...small, "no/where.json"],
        "--calibrate: no/where.json cannot be written: there is no such",
        from
      )
      yield* refused([...small, "folder"], "--calibrate: folder cannot be written: it is a folder; name", from)
      yield* refused(
        [...small, "file/here.json"],
        "--calibrate: file/here.json cannot be written: a part of its path is no folder; name",
        from
      )
      assert.sameMembers(readdirSync(from), ["file", "folder"])
    }))

  it.effect("--help: every flag and its range of values, and examples", () =>
    Effect.gen(function*() {
      const { status, stdout } = yield* run(["bench", "--help"])
      assert.strictEqual(status, 0)
      for (
        const flag of ["size", "align", "map", "kind", "compare", "threads", "strategy", "rounds", "fresh", "calibrate"]
      ) assert.match(stdout, new RegExp(`^ +--${flag}\\b`, "m"))
      assert.include(stdout, "--no-wasm")
      for (
        const example of [
          "vmemmap bench --compare --size 32GiB",
          "vmemmap bench --calibrate here.json && vmemmap simulate here.json --published"
        ]
      ) assert.include(stdout, example)
      const all = yield* run(["--help"])
      assert.match(all.stdout, /^ +bench +How long struct pages take on this machine, written for real$/m)
    }))
})

describe("WriteFile.write", () => {
  it.effect.skipIf(!existsSync("/dev/full"))(
    "says that no space is left, of a text and of its parts",
    () =>
      Effect.gen(function*() {
        const [whole, parts] = yield* Effect.all([
          Effect.flip(WriteFile.write("--calibrate", "/dev/full", "text")),
          Effect.flip(WriteFile.writeParts("--trace", "/dev/full", ["te", "xt"]))
        ]).pipe(Effect.provide(Layer.merge(NodeFileSystem.layer, NodePath.layer)))
        const problem = "/dev/full cannot be written: no space is left there; make space, or name a file elsewhere"
        assert.deepStrictEqual([whole.message, parts.message], [`--calibrate: ${problem}`, `--trace: ${problem}`])
      })
  )

  it.effect("says the system's own word where it has none of its own", () =>
    Effect.gen(function*() {
      const fs = FileSystem.layerNoop({
        writeFileString: () =>
          Effect.fail(PlatformError.systemError({
            _tag: "Unknown",
            module: "FileSystem",
            method: "writeFile",
            cause: Object.assign(new Error("of the medium"), { code: "EIO" })
          }))
      })
      const { message } = yield* Effect.flip(WriteFile.write("--svg", "/a.svg", "")).pipe(
        Effect.provide(Layer.merge(fs, NodePath.layer))
      )
      assert.strictEqual(message, "--svg: /a.svg cannot be written: EIO; name a file in a folder you may write to")
    }))
})

describe("WriteFile.check", () => {
  it.effect("changes nothing: what is there stays, what is not does not come", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({ "there.json": "as it was" })
      yield* Effect.forEach(["there.json", "new.json"], (file) => WriteFile.check("--calibrate", file)).pipe(
        Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromUnknown({ INIT_CWD: from })),
        Effect.provide(Layer.merge(NodeFileSystem.layer, NodePath.layer))
      )
      assert.deepStrictEqual(readdirSync(from), ["there.json"])
      assert.strictEqual(readFileSync(Path.join(from, "there.json"), "utf8"), "as it was")
    }))
})
