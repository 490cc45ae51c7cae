import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import packageJson from "../package.json" with { type: "json" }
import * as PlanAnswer from "../src/answers/PlanAnswer.ts"
import { answer, example, folderWith, run } from "./run.ts"

const commands = [
  ["plan"],
  ["size"],
  ["grow"],
  ["carve"],
  ["try"],
  ["simulate"],
  ["verify"],
  ["inspect"],
  ["infoblock"],
  ["infoblock", "read"],
  ["infoblock", "write"]
]

describe("vmemmap", () => {
  it.effect("without arguments it shows its commands", () =>
    Effect.gen(function*() {
      for (const args of [[], ["--help"]]) {
        const { status, stdout } = yield* run(args)
        assert.strictEqual(status, 0)
        for (const [name] of commands) assert.match(stdout, new RegExp(`^ +${name} `, "m"))
      }
    }))

  it.effect("--version is the version of the package", () =>
    Effect.gen(function*() {
      const { status, stdout } = yield* run(["--version"])
      assert.deepStrictEqual([status, stdout.trim()], [0, `vmemmap v${packageJson.version}`])
    }))

  for (const path of commands) {
    const name = ["vmemmap", ...path].join(" ")
    it.effect(`${name} --help has an example that starts with the command`, () =>
      Effect.gen(function*() {
        const { status, stderr, stdout } = yield* run([...path, "--help"])
        assert.deepStrictEqual([status, stderr], [0, ""])
        const examples = stdout.split("EXAMPLES")[1] ?? ""
        assert.match(examples, new RegExp(`^ +(.*\\| )?${name}( |$)`, "m"))
      }))
  }

  for (const shell of ["bash", "zsh", "fish"]) {
    it.effect(`--completions ${shell} knows every command`, () =>
      Effect.gen(function*() {
        const { status, stdout } = yield* run(["--completions", shell])
        assert.strictEqual(status, 0)
        for (const name of [...commands.flat(), "compare-kernels", "memmap-on-memory", "hardware"]) {
          assert.include(stdout, name)
        }
      }))
  }

  for (
    const [args, said] of [
      [["pla"], "plan"],
      [["plan", "--bogus"], "--bogus"],
      [["plan", "--range"], "--range"],
      [["plan", "--mode", "foo"], "system-ram"],
      [["infoblock", "erase"], "erase"],
      [["infoblock", "write", "--jason"], "--json"],
      [["size", "--want"], "--want"]
    ] as const
  ) {
    it.effect(`wrong use '${args.join(" ")}' is status 2, a hint to --help, and a clean standard output`, () =>
      Effect.gen(function*() {
        const { status, stderr, stdout } = yield* run(args)
        assert.deepStrictEqual([status, stdout], [2, ""])
        assert.include(stderr, said)
        assert.match(stderr, /try 'vmemmap.* --help'$/)
      }))
  }
})

describe("sources", () => {
  const cases: ReadonlyArray<readonly [name: string, content: string | Uint8Array, said: string]> = [
    ["empty", "", "is empty"],
    ["blank", "\n \n", "is empty"],
    ["binary", Uint8Array.from({ length: 4096 }, (_, i) => i * 37), "is no text"],
    ["prose.txt", "the quick brown fox\n", "give 'ndctl list'"],
    ["cut.json", "[{\"dev\":\"region0\",\"size\":", "cut.json: line 1"],
    ["list.json", "[1, 2, 3]", "list.json"],
    ["machine.yaml", "devices: [{ name: region0, kind: floppy, size: 1G }]\n", "kind"]
  ]
  for (const [name, content, said] of cases) {
    it.effect(`${name} is refused with its name and what would be right: status 2`, () =>
      Effect.gen(function*() {
        const from = yield* folderWith({ [name]: content })
        for (const command of [["plan", name], ["plan", name, "--json"], ["carve", name, "--size", "4G"]]) {
          const { status, stderr, stdout } = yield* run(command, { from })
          assert.deepStrictEqual([status, stdout], [2, ""])
          assert.match(stderr, new RegExp(`^vmemmap: ${name}: `))
          assert.include(stderr, said)
        }
      }))
  }

  it.effect("a name that leads nowhere, and a folder, are refused: status 2", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({ "folder/file": "" })
      for (const [name, said] of [["nowhere.json", "no such file"], ["folder", "folder: "]] as const) {
        const { status, stderr, stdout } = yield* run(["plan", name], { from })
        assert.deepStrictEqual([status, stdout], [2, ""])
        assert.include(stderr, said)
      }
    }))

  it.effect("relative names start where the user typed the command", () =>
    Effect.gen(function*() {
      const { json } = yield* answer(PlanAnswer.PlanAnswer, ["plan", "eight-socket.yaml"], { from: example(".") })
      assert.strictEqual(json.name, "eight-socket")
    }))

  it.effect("- is standard input, alone or joined with a file", () =>
    Effect.gen(function*() {
      const machine = JSON.stringify({
        name: "typed",
        kernel: "6.12",
        devices: [{ name: "region0", kind: "pmem", start: 2 ** 32, size: 2 ** 37 }]
      })
      const alone = yield* answer(PlanAnswer.PlanAnswer, ["plan", "-"], { stdin: machine })
      assert.deepStrictEqual([alone.json.name, alone.json.kernel, alone.json.devices.length], ["typed", "6.12", 1])
      const from = yield* folderWith({
        "iomem.txt": "00100000-bfffffff : System RAM\n100000000-20ffffffff : Persistent Memory\n"
      })
      const joined = yield* answer(PlanAnswer.PlanAnswer, ["plan", "iomem.txt", "-"], { from, stdin: machine })
      assert.deepStrictEqual(joined.json.devices[0]?.options, alone.json.devices[0]?.options)
    }))

  it.effect("standard input is read once: naming it twice is refused", () =>
    Effect.gen(function*() {
      for (
        const args of [
          ["plan", "-", "-"],
          ["inspect", "-", "-"],
          ["verify", "-", "-"],
          ["try", "-", "--with", "-", "--command", "ndctl list"],
          ["simulate", "-", "--with", "-"],
          ["simulate", "-", "--hardware", "-"]
        ]
      ) {
        const { status, stderr, stdout } = yield* run(args, { stdin: "{}" })
        assert.deepStrictEqual([status, stdout], [2, ""], args.join(" "))
        assert.include(stderr, "standard input is named twice")
      }
    }))

  it.effect("an architecture that names its page size takes no other", () =>
    Effect.gen(function*() {
      const asked = (...args: ReadonlyArray<string>) => run(["plan", "--range", "4G+16G", ...args])
      const refused = yield* asked("--arch", "arm64-4k", "--page-size", "64K")
      assert.deepStrictEqual([refused.status, refused.stdout], [2, ""])
      assert.include(refused.stderr, "--page-size: arm64-4k has pages of 4K, not 64K")
      for (const arch of ["arm64", "arm64-64k"]) {
        assert.include((yield* asked("--arch", arch, "--page-size", "64K")).stdout, "arm64-64k")
      }
    }))
})
