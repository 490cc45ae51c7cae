import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as PlanAnswer from "../src/answers/PlanAnswer.ts"
import { small } from "./commands/testbeds.ts"
import { decode, example, folderWith, root, run } from "./run.ts"

const bin = Path.join(root, "packages", "cli", "src", "bin.ts")

interface Ended {
  readonly status: number | null
  readonly signal: string | null
  readonly stdout: string
  readonly stderr: string
}

interface Around {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly stdin?: string
  /** Called with what was read so far, whenever something was read. */
  readonly onStdout?: (child: ChildProcess.ChildProcessWithoutNullStreams, text: string) => void
}

/** The command as a process of its own, with nothing of the surroundings but PATH. */
const vmemmap = (args: ReadonlyArray<string>, { cwd = root, env = {}, onStdout, stdin }: Around = {}) =>
  Effect.callback<Ended>((resume) => {
    const child = ChildProcess.spawn(process.execPath, [bin, ...args], {
      cwd,
      env: { PATH: process.env.PATH ?? "", ...env }
    })
    let [stdout, stderr] = ["", ""]
    child.stdout.on("data", (data: Buffer) => {
      stdout += data.toString()
      onStdout?.(child, stdout)
    })
    child.stderr.on("data", (data: Buffer) => {
      stderr += data.toString()
    })
    child.stdin.on("error", () => {})
    if (stdin === undefined) child.stdin.end()
    else if (onStdout === undefined) child.stdin.end(stdin)
    else child.stdin.write(stdin)
    child.on("close", (status, signal) => resume(Effect.succeed({ status, signal, stdout, stderr })))
    return Effect.sync(() => child.kill("SIGKILL"))
  })

const range = ["plan", "--range", "4G+128G", "--mode", "fsdax", "--map", "dev"]

describe("the process", () => {
  it.effect("0: fine, the answer on standard output and nothing on standard error", () =>
    Effect.gen(function*() {
      const { status, stderr, stdout } = yield* vmemmap([...range, "--json"])
      assert.deepStrictEqual([status, stderr], [0, ""])
      assert.strictEqual((yield* decode(PlanAnswer.PlanAnswer, stdout)).totals.usable, 135289372672)
    }))

  it.effect.skipIf(!Fs.existsSync("/dev/full"))(
    "2: an answer that cannot be written is not passed over in silence",
    () =>
      Effect.gen(function*() {
        const full = yield* Effect.acquireRelease(
          Effect.sync(() => Fs.openSync("/dev/full", "w")),
          (descriptor) => Effect.sync(() => Fs.closeSync(descriptor))
        )
        const { status, stderr } = yield* Effect.sync(() =>
          ChildProcess.spawnSync(process.execPath, [bin, ...range], {
            encoding: "utf8",
            stdio: ["ignore", full, "pipe"]
          })
        )
        assert.strictEqual(status, 2)
        assert.include(stderr, "ENOSPC")
      })
  )

  it.effect("1: the answer is no, and it is printed", () =>
    Effect.gen(function*() {
      const { status, stderr, stdout } = yield* vmemmap([...range, "--json", "--fail-if", "device>1GiB"])
      assert.deepStrictEqual([status, stderr], [1, "vmemmap: device>1GiB: device is 2147483648 bytes\n"])
      yield* decode(PlanAnswer.PlanAnswer, stdout)
    }))

  it.effect("2: wrong use and unreadable input leave standard output empty", () =>
    Effect.gen(function*() {
      for (const args of [["plan", "--bogus"], ["plan", "nowhere.json"], ["size", "--want", "much"]]) {
        const { status, stderr, stdout } = yield* vmemmap(args)
        assert.deepStrictEqual([status, stdout], [2, ""], args.join(" "))
        assert.match(stderr, /^vmemmap.*: .*\n/)
        assert.notInclude(stderr, "    at ")
      }
    }))

  it.effect("129: the status of the imitated tool", () =>
    Effect.gen(function*() {
      const { status, stderr, stdout } = yield* vmemmap(["infoblock", "write", "-c"])
      assert.deepStrictEqual([status, stdout], [129, ""])
      assert.include(stderr, "--size required with --stdout")
    }))

  it.effect("130: interrupted half-way through a fleet", () =>
    Effect.gen(function*() {
      const machine = JSON.stringify({ devices: [{ name: "region0", kind: "pmem", start: 2 ** 32, size: 2 ** 37 }] })
      const { status, stderr, stdout } = yield* vmemmap(["plan", "-", "--json"], {
        stdin: `${machine}\n${machine}\n`,
        onStdout: (child) => child.kill("SIGINT")
      })
      assert.deepStrictEqual([status, stderr], [130, ""])
      yield* decode(PlanAnswer.FleetLine, stdout.split("\n")[0] ?? "")
    }))

  it.effect("simulate: the same seed gives the same bytes in another process, also as files", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({ "small.yaml": small })
      const args = ["simulate", "small.yaml", "--strategy", "async-2018-v2,vmemmap", "--json"]
      const inside = yield* run([...args, "--svg", "a.svg", "--trace", "a.json"], { from })
      const { status, stderr, stdout } = yield* vmemmap([...args, "--svg", "b.svg", "--trace", "b.json"], { cwd: from })
      assert.deepStrictEqual([status, stderr, stdout], [0, "", inside.stdout])
      for (const kind of ["svg", "json"]) {
        const [a, b] = [`a.${kind}`, `b.${kind}`].map((name) => Fs.readFileSync(Path.join(from, name), "utf8"))
        assert.strictEqual(a, b)
      }
    }))

  it.effect("130: simulate is interrupted, however long it computes", () =>
    Effect.gen(function*() {
      const args = [bin, "simulate", "pmem-8-sockets", "--strategy", "async-2018-v2", "--faults", "uniform,count=50000"]
      const { code, signal } = yield* Effect.callback<{ readonly code: number | null; readonly signal: string | null }>(
        (resume) => {
          const child = ChildProcess.spawn(process.execPath, args, {
            timeout: 3000,
            killSignal: "SIGINT",
            stdio: "ignore"
          })
          child.on("close", (code, signal) => resume(Effect.succeed({ code, signal })))
          return Effect.sync(() => child.kill("SIGKILL"))
        }
      )
      assert.isTrue(signal === "SIGINT" || code === 130, `${signal} ${code}`)
    }))

  it.effect("a reader that goes away early is no error", () =>
    Effect.gen(function*() {
      let read = 0
      const args = ["plan", example("eight-socket.yaml"), "--json"]
      const whole = yield* run(args)
      const { status, stderr } = yield* vmemmap(args, {
        onStdout: (child, text) => {
          read = text.length
          child.stdout.destroy()
        }
      })
      assert.deepStrictEqual([status, stderr], [0, ""])
      assert.isBelow(read, whole.stdout.length)
    }))

  it.effect("- is standard input", () =>
    Effect.gen(function*() {
      const stdin = Fs.readFileSync(example("eight-socket.yaml"), "utf8")
      const { status, stdout } = yield* vmemmap(["plan", "-", "--json"], { stdin })
      assert.strictEqual(status, 0)
      assert.strictEqual((yield* decode(PlanAnswer.PlanAnswer, stdout)).name, "eight-socket")
    }))

  it.effect("relative names start in INIT_CWD, else in the current folder", () =>
    Effect.gen(function*() {
      const from = example(".")
      for (const around of [{ cwd: root, env: { INIT_CWD: from } }, { cwd: from }]) {
        const { status, stdout } = yield* vmemmap(["plan", "eight-socket.yaml"], around)
        assert.strictEqual(status, 0)
        assert.match(stdout, /^eight-socket: kernel 6\.1, /)
      }
    }))

  it.effect("colour comes when it is forced, never with NO_COLOR, never into JSON, never into a pipe", () =>
    Effect.gen(function*() {
      const coloured = (args: ReadonlyArray<string>, env: Record<string, string>) =>
        Effect.map(vmemmap(args, { env }), ({ stdout }) => stdout.includes("\u001b"))
      assert.isTrue(yield* coloured(range, { FORCE_COLOR: "1" }))
      assert.isFalse(yield* coloured(range, { FORCE_COLOR: "1", NO_COLOR: "1" }))
      assert.isFalse(yield* coloured([...range, "--json"], { FORCE_COLOR: "1" }))
      assert.isFalse(yield* coloured(range, {}))
    }))

  it.effect.skipIf(process.getuid?.() === 0)(
    "a file the user may not read is refused: status 2",
    () =>
      Effect.gen(function*() {
        const from = yield* folderWith({ "iomem.txt": "" })
        Fs.chmodSync(Path.join(from, "iomem.txt"), 0)
        const { status, stderr, stdout } = yield* vmemmap(["plan", "iomem.txt"], { cwd: from })
        assert.deepStrictEqual([status, stdout], [2, ""])
        assert.include(stderr, "permission denied")
      })
  )

  it.effect("info blocks pass through a pipe byte for byte", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({})
      const write = yield* vmemmap(["infoblock", "write", "-o", "image", "-s", "16G", "-m", "devdax"], { cwd: from })
      assert.deepStrictEqual([write.status, write.stdout, write.stderr], [0, "", "wrote 1 infoblock\n"])
      const image = Fs.readFileSync(Path.join(from, "image"))
      assert.strictEqual(image.length, 8192)
      const read = yield* vmemmap(["infoblock", "read", "-j", "-i", "image"], { cwd: from })
      const blocks = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Array(Schema.Struct({ npfns: Schema.Int }))))
      assert.deepStrictEqual(blocks(read.stdout), [{ npfns: (16 * 1024 ** 3 * 63 / 64 - 2 * 1024 ** 2) / 4096 }])
    }))
})
