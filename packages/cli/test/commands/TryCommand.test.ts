import { assert, describe, it } from "@effect/vitest"
import * as RecordText from "@vmemmap/core/records/RecordText"
import * as KernelFacts from "@vmemmap/test-utils/KernelFacts"
import { Effect, Result } from "effect"
import { readdirSync, readFileSync } from "node:fs"
import * as Path from "node:path"
import * as TryAnswer from "../../src/answers/TryAnswer.ts"
import { answer, decode, example, folderWith, run } from "../run.ts"

const guest = example("try/guest.yaml")

const lines = (...commands: ReadonlyArray<string>) => commands.flatMap((command) => ["-c", command])

describe("vmemmap try", () => {
  it.effect("OBS-25 row 3: a refusal is status 0 of the dry run; exit status, closing line and reason are shown", () =>
    Effect.gen(function*() {
      const { status, stderr, stdout } = yield* run(["try", guest, ...lines("ndctl create-namespace -s 9G")])
      assert.deepStrictEqual([status, stderr], [0, ""])
      assert.strictEqual(
        stdout.split("\nmemory afterwards\n")[0],
        [
          "$ ndctl create-namespace -s 9G",
          "failed to create namespace: No space left on device",
          "exit status 237",
          "why [OBS-25 row 3] the largest free piece of region0 is 8 GiB (8589934592 bytes); ask for no more than that: " +
          "a namespace is one piece of one region",
          ""
        ].join("\n")
      )
    }))

  it.effect("without a script: the machine as it boots", () =>
    Effect.gen(function*() {
      const { status, stdout } = yield* run(["try", guest])
      assert.strictEqual(status, 0)
      assert.isTrue(stdout.startsWith("\nmemory afterwards\n00100000-bfffffff : System RAM\n"))
      assert.include(stdout, "struct pages: 1048576 mapped, 1048576 times one was written; in RAM 64 MiB of node 0")
    }))

  it.effect("OBS-3: the record of a live machine is a machine to try things on", () =>
    Effect.gen(function*() {
      const host = KernelFacts.index.find(({ category }) => category === "host")
      assert.isDefined(host)
      const from = yield* folderWith({ "host.json": KernelFacts.textOf(host) })
      const { status, stdout } = yield* run(["try", "host.json", ...lines("cat /proc/cmdline")], { from })
      assert.strictEqual(status, 0)
      assert.include(stdout, "00001000-0009fbff : System RAM\n")
    }))

  it.effect("GEO-1: zones have the size their pages have on that architecture", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({
        "arm.yaml": "arch: arm64-64k\nkernel: \"6.6\"\nranges:\n  - {kind: ram, start: 0, size: 4294967296}\n"
      })
      const { stdout } = yield* run(["try", "arm.yaml"], { from })
      assert.match(stdout, /^ {3}0 {2}DMA +4 GiB +4 GiB +4 GiB$/m)
    }))

  it.effect("HOT-2, 21.4: what boot refuses is shown before the first command, with its reason", () =>
    Effect.gen(function*() {
      const dimms = yield* run(["try", example("try/dimms.yaml"), ...lines("true")])
      assert.isTrue(dimms.stdout.startsWith(
        "boot\nkernel: Block size [0x8000000] unaligned hotplug range: start 0x100000000, size 0xc000000\nwhy [HOT-2] "
      ))
      const { json } = yield* answer(TryAnswer.TryAnswer, ["try", example("try/odd-end.yaml")])
      assert.strictEqual(json.boot.length, 2)
      assert.deepStrictEqual(json.refusals.map(({ errno, n, rule }) => [n, errno, rule]), [[0, "EOPNOTSUPP", "21.4"]])
    }))

  it.effect("a script from a file, standard input and options gives the same", () =>
    Effect.gen(function*() {
      const script = "# a comment\nfor i in 1 2; do ndctl create-namespace -m raw -s ${i}G; done\n"
      const from = yield* folderWith({ "a.sh": script })
      const file = yield* run(["try", guest, "a.sh"], { from })
      const piped = yield* run(["try", guest, "-"], { stdin: script })
      const typed = yield* run([
        "try",
        guest,
        ...lines("ndctl create-namespace -m raw -s 1G", "ndctl create-namespace -m raw -s 2G")
      ])
      assert.strictEqual(file.status, 0)
      assert.deepStrictEqual([piped, typed], [file, file])
    }))

  it.effect("a line that is not modelled: status 2, named with what is modelled; what came before is shown", () =>
    Effect.gen(function*() {
      const cases: ReadonlyArray<readonly [string, string]> = [
        ["lsblk", "line 2: the command 'lsblk' is not modelled; there are cat, chmem, daxctl"],
        ["cat /etc/fstab", "line 2: the file '/etc/fstab' is not modelled"],
        ["daxctl split-acpi", "line 2: daxctl split-acpi is not modelled"]
      ]
      for (const [line, message] of cases) {
        const { status, stderr, stdout } = yield* run(["try", guest, ...lines("cat /proc/cmdline", line, "true")])
        assert.strictEqual(status, 2, line)
        assert.include(stderr, message)
        assert.isTrue(stdout.startsWith("$ cat /proc/cmdline\n"))
        assert.include(stdout, "memory afterwards")
        assert.notInclude(stdout, "$ true")
      }
    }))

  it.effect("a script that is none: status 2 with line and column, and nothing is run", () =>
    Effect.gen(function*() {
      for (
        const [script, message] of [
          ["true\necho \"", "line 2, column 6: a double quote is not closed"],
          ["if true; then true; fi", "line 1, column 1: if is not modelled"],
          ["for i in 1 2; do true", "line 1"]
        ] as const
      ) {
        const { status, stderr, stdout } = yield* run(["try", guest, "-"], { stdin: script })
        assert.deepStrictEqual([status, stdout], [2, ""], script)
        assert.include(stderr, message)
      }
    }))

  it.effect("--json: the record, refusals by command, memory; a line that stops it is in the status", () =>
    Effect.gen(function*() {
      const script = lines("ndctl create-namespace -m devdax -M mem -s 1G -a 1G", "ndctl list", "lsblk")
      const { json, status, stderr } = yield* answer(TryAnswer.TryAnswer, ["try", guest, ...script])
      assert.strictEqual(status, 2)
      assert.include(stderr, "line 3: the command 'lsblk' is not modelled")
      assert.match(json.observed.status, /^line 3: the command 'lsblk' is not modelled/)
      assert.deepStrictEqual(json.observed.commands.map(({ exit, n }) => [n, exit]), [[1, 237], [2, 0]])
      assert.deepStrictEqual(json.refusals.map(({ n, rule }) => [n, rule]), [[1, "22.3 step 6"]])
      assert.deepStrictEqual([json.case, json.category], ["guest", "try"])
      assert.deepStrictEqual(json.memory.ram, [{ node: "0", bytes: 64 * 1024 ** 2 }])
    }))

  it.effect("SEC-12: a defect of the kernel that the script runs into is named", () =>
    Effect.gen(function*() {
      const args = ["try", example("try/cxl.yaml"), example("try/system-ram.sh")]
      const { json } = yield* answer(TryAnswer.TryAnswer, args)
      assert.deepStrictEqual(json.defects.map(({ rule }) => rule), ["SEC-12"])
      assert.include((yield* run(args)).stdout, "\nkernel defect [SEC-12] ")
    }))

  it.effect("--record writes what verify finds no difference in, and what try takes as a machine", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({})
      const made = yield* run(["try", guest, example("try/2g-align-1g.sh"), "--record", "r.json"], { from })
      assert.strictEqual(made.status, 0)
      assert.deepStrictEqual(readdirSync(from), ["r.json"])
      const { json } = yield* answer(TryAnswer.TryAnswer, ["try", guest, example("try/2g-align-1g.sh")])
      const written = JSON.parse(readFileSync(Path.join(from, "r.json"), "utf8")) as { readonly observed: unknown }
      assert.deepStrictEqual(written.observed, JSON.parse(JSON.stringify(json.observed)))
      assert.strictEqual((yield* run(["verify", "r.json"], { from })).status, 0)
      const again = yield* run(["try", "r.json", example("try/2g-align-1g.sh")], { from })
      assert.strictEqual(again.stdout, made.stdout)
      const nowhere = yield* run(["try", guest, "--record", "no/r.json"], { from })
      assert.strictEqual(nowhere.status, 2)
      assert.include(nowhere.stderr, "--record: no/r.json cannot be written")
    }))

  it.effect("--terminal: ndctl prints for people; --kernel: another release", () =>
    Effect.gen(function*() {
      const create = lines("ndctl create-namespace -s 2G")
      assert.include((yield* run(["try", guest, ...create])).stdout, "\"size\":2111832064")
      assert.include(
        (yield* run(["try", guest, "--terminal", ...create])).stdout,
        "\"size\":\"2014.00 MiB (2111.83 MB)\""
      )
      const { json } = yield* answer(TryAnswer.TryAnswer, ["try", guest, "--kernel", "6.12"])
      assert.strictEqual(json.input.spec["kernel"], "6.12")
    }))

  it.effect("machines of other sources: a record, /proc/iomem, ndctl's own list; what they leave open is assumed, and said", () =>
    Effect.gen(function*() {
      const record = RecordText.print(Result.getOrThrow(KernelFacts.load("mode-fsdax-dev-2m")))
      const ofRecord = yield* run(["try", "-", ...lines("ndctl list -R")], { stdin: record })
      assert.include(ofRecord.stdout, "\"dev\":\"region0\"")
      const iomem = "00100000-7fffffff : System RAM\n100000000-1ffffffff : Persistent Memory (legacy)\n"
      const ofIomem = yield* run(["try", "-", ...lines("ndctl list -N")], { stdin: iomem })
      assert.include(ofIomem.stdout, "\"size\":4294967296")
      const list =
        "[{\"dev\":\"region0\",\"size\":8589934592,\"available_size\":8589934592,\"type\":\"pmem\",\"iset_id\":1}]"
      const ofList = yield* answer(TryAnswer.TryAnswer, ["try", "-", ...lines("ndctl create-namespace -s 1G")], {
        stdin: list
      })
      assert.deepStrictEqual(ofList.json.observed.commands.map(({ exit }) => exit), [0])
      assert.isTrue(ofList.json.assumptions.some((text) => text.includes("boot RAM of 3 GiB")))
      assert.isTrue(ofList.json.assumptions.some((text) => text.includes("region0 begins at 0x")))
    }))

  it.effect("28.6: namespaces that ndctl lists are made again where /proc/iomem says they are; raw sizes are inferred, and said", () =>
    Effect.gen(function*() {
      const sources = [example("two-socket/ndctl.json"), "--with", example("two-socket/iomem.txt")]
      const { status, stdout } = yield* run(["try", ...sources, ...lines("cat /proc/iomem")])
      assert.strictEqual(status, 0)
      const pmem = readFileSync(example("two-socket/iomem.txt"), "utf8").split("\n")
        .filter((line) => /Persistent|namespace|dax/.test(line))
      assert.isAbove(pmem.length, 5)
      assert.include(stdout, pmem.slice(0, 2).join("\n"))
      assert.include(stdout, pmem.slice(2).join("\n"))
      assert.include(stdout, "assumed: namespace1.0 has 300 GiB: the least that gives its usable bytes\n")
    }))

  it.effect("wrong use: status 2, and nothing on standard output", () =>
    Effect.gen(function*() {
      const cases: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
        [[], "machine"],
        [["nowhere"], "no such file"],
        [[guest, "nowhere.sh"], "no such file"],
        [[guest, "-", "-c", "true"], "give one of them"],
        [["-", "-"], "standard input is named twice"],
        [["-"], "is empty"],
        [[guest, "--kernel", "1.2"], "--kernel: unknown kernel"]
      ]
      for (const [args, message] of cases) {
        const { status, stderr, stdout } = yield* run(["try", ...args])
        assert.deepStrictEqual([status, stdout], [2, ""], args.join(" "))
        assert.include(stderr, message)
      }
    }))

  it.effect("--json prints one document and nothing else, also where the tools complain", () =>
    Effect.gen(function*() {
      const { stderr, stdout } = yield* run(["try", guest, ...lines("ndctl create-namespace -s 1"), "--json"])
      assert.strictEqual(stderr, "")
      yield* decode(TryAnswer.TryAnswer, stdout)
    }))
})
