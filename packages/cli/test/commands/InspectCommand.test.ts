import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as RecordText from "@vmemmap/core/records/RecordText"
import * as KernelFacts from "@vmemmap/test-utils/KernelFacts"
import { Effect, FileSystem, Result } from "effect"
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync } from "node:fs"
import * as Path from "node:path"
import * as InspectAnswer from "../../src/answers/InspectAnswer.ts"
import { answer, example, folderWith, root, run } from "../run.ts"

const MiB = 1024 ** 2

const recordOf = (name: string) => RecordText.print(Result.getOrThrow(KernelFacts.load(name)))

const zoneinfo = [
  "Node 0, zone      DMA",
  "  pages free     3975",
  "        spanned  4095",
  "        present  3998",
  "        managed  3840",
  "  start_pfn:           1",
  "Node 0, zone    DMA32",
  "  pages free     1000",
  "        spanned  520192",
  "        present  520192",
  "        managed  500000",
  "  start_pfn:           4096",
  ""
].join("\n")

const iomem = "00001000-0009efff : System RAM\n00100000-7fffffff : System RAM\n"

const block = (number: number, zone: string) => ({
  [`sys/devices/system/memory/memory${number}/state`]: "online\n",
  [`sys/devices/system/memory/memory${number}/removable`]: "1\n",
  [`sys/devices/system/memory/memory${number}/valid_zones`]: `${zone}\n`
})

const tree = {
  "proc/iomem": iomem,
  "proc/zoneinfo": zoneinfo,
  "proc/meminfo": `MemTotal: ${(3840 + 500000) * 4} kB\nMemFree: 100 kB\n`,
  "proc/version": "Linux version 6.1.0-50-amd64 (x) (gcc) #1 SMP Debian 6.1.176-1\n",
  "proc/cmdline": "root=/dev/vda quiet mem=2G password=secret\n",
  "sys/devices/system/memory/block_size_bytes": "8000000\n",
  ...block(0, "none"),
  ...Object.assign({}, ...Array.from({ length: 15 }, (_, i) => block(i + 1, "DMA32")))
}

describe("vmemmap inspect", () => {
  it.effect("ZON-11, OBS-10: a captured tree that agrees with the rules: status 0 and nothing to explain", () =>
    Effect.gen(function*() {
      const from = yield* folderWith(tree)
      const { json, status, stderr } = yield* answer(InspectAnswer.InspectAnswer, ["inspect", "--sysroot", "."], {
        from
      })
      assert.deepStrictEqual([status, stderr, json.disagreements], [0, "", []])
      assert.isAbove(json.checked, 8)
      assert.deepStrictEqual(json.sections, [{ first: 0, last: 15, kind: "boot", node: 0 }])
      assert.deepStrictEqual([json.memmap.ram, json.memmap.device, json.blockSize], [32 * MiB, 0, 128 * MiB])
    }))

  it.effect("a number nobody can explain: status 1, and the text names it", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({
        ...tree,
        "proc/zoneinfo": zoneinfo.replace("present  520192", "present  520191")
      })
      const { status, stderr, stdout } = yield* run(["inspect", "--sysroot", "."], { from })
      assert.strictEqual(status, 1)
      assert.match(stderr, /^vmemmap: 1 unexplained of [0-9]+ comparisons$/)
      assert.include(stdout, "node 0, zone DMA32: pages present (ZON-11)\n  expected 520192\n  said     520191")
      assert.include(stdout, "  unexplained\n")
    }))

  it.effect("addresses hidden from unprivileged readers are left out, which is said", () =>
    Effect.gen(function*() {
      const hidden = "00000000-00000000 : System RAM\n00000000-00000000 : System RAM\n"
      const from = yield* folderWith({ ...tree, "proc/iomem": hidden })
      const { json } = yield* answer(InspectAnswer.InspectAnswer, ["inspect", "--sysroot", "."], { from })
      assert.isTrue(json.notes.some((note) => note.includes("all addresses are zero") && note.includes("as root")))
      assert.deepStrictEqual(json.sections, [{ first: 0, last: 15, kind: "boot", node: 0 }])
      const alone = yield* run(["inspect", "iomem"], { from: yield* folderWith({ iomem: hidden }) })
      assert.strictEqual(alone.status, 2)
      assert.include(alone.stderr, "sudo cat /proc/iomem")
    }))

  it.effect("SEC-2, OBS-8: page frames by pfn and address, each with its rules", () =>
    Effect.gen(function*() {
      const { json, status } = yield* answer(
        InspectAnswer.InspectAnswer,
        ["inspect", "-", "pfn:0xa0", "0x200000000", "262144"],
        { stdin: recordOf("mode-fsdax-dev-2m") }
      )
      assert.strictEqual(status, 0)
      assert.deepStrictEqual(
        json.pfns.map(({ pfn, structPage, zone }) => [pfn, structPage, zone]),
        [
          [0xa0, "0xffffea0000002800", "DMA"],
          [0x200000, "0xffffea0008000000", "Device"],
          [262144, "0xffffea0001000000", "DMA32"]
        ]
      )
      assert.isTrue(json.pfns.every(({ rules }) => rules.length > 2))
      assert.deepStrictEqual([json.memmap.ram, json.memmap.device], [32 * MiB, 64 * MiB])
    }))

  it.effect("--record here, inspected elsewhere: the same zones, sections and blocks; nothing else of the command line", () =>
    Effect.gen(function*() {
      const from = yield* folderWith(tree)
      const here = yield* answer(InspectAnswer.InspectAnswer, ["inspect", "--sysroot", ".", "--record", "host.json"], {
        from
      })
      const there = yield* answer(InspectAnswer.InspectAnswer, ["inspect", "host.json"], { from })
      for (const key of ["zones", "sections", "blocks", "blockSize", "memmap", "kernel"] as const) {
        assert.deepStrictEqual(there.json[key], here.json[key], key)
      }
      const text = readFileSync(Path.join(from, "host.json"), "utf8")
      assert.include(text, "\"memoryOptions\": \"mem=2G\"")
      assert.notInclude(text, "secret")
    }))

  it.effect("GEO-1, OBS-10: what a dry run recorded agrees with the rules of its own architecture", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({
        "arm.yaml": "arch: arm64-64k\nkernel: \"6.6\"\nranges:\n  - {kind: ram, start: 0, size: 4294967296}\n"
      })
      yield* run(["try", "arm.yaml", "--record", "r.json"], { from })
      const { status, stdout } = yield* run(["inspect", "r.json"], { from })
      assert.strictEqual(status, 0)
      assert.match(stdout, /^kernel 6\.6, arm64-64k: all [0-9]+ comparisons agree$/m)
    }))

  it.effect("OBS-5: of a dry run it is known which memory came after boot", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({})
      yield* run(["try", example("try/dimms.yaml"), "--record", "r.json"], { from })
      const { status, stdout } = yield* run(["inspect", "r.json"], { from })
      assert.strictEqual(status, 0)
      assert.include(stdout, "comparisons agree")
      assert.include(stdout, "RAM added since")
    }))

  it.effect("links that leave the root are not followed", () =>
    Effect.gen(function*() {
      const outside = yield* folderWith({ secret: iomem, "memory0/state": "online\n" })
      const { "proc/iomem": _iomem, ...rest } = tree
      const from = yield* folderWith(rest)
      yield* Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        yield* fs.symlink(Path.join(outside, "secret"), Path.join(from, "proc/iomem"))
        yield* fs.symlink(outside, Path.join(from, "sys/devices/system/node"))
      }).pipe(Effect.provide(NodeFileSystem.layer))
      const { json } = yield* answer(InspectAnswer.InspectAnswer, ["inspect", "--sysroot", "."], { from })
      assert.isTrue(json.notes.some((note) => note.includes("proc/iomem (a link out of")))
    }))

  it.effect("--svg: a document of its own with a row for each node and region, and a legend", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({ "record.json": recordOf("multi-mixed") })
      const { status, stdout } = yield* run(["inspect", "record.json", "--svg", "map.svg"], { from })
      assert.strictEqual(status, 0)
      assert.match(stdout, /^node 0 +█+ +0x0-0x7fffffff +2 GiB$/m)
      assert.match(stdout, /^region0 +[▒░·#]+ +0x200000000-0x2ffffffff +4 GiB$/m)
      const svg = readFileSync(Path.join(from, "map.svg"), "utf8")
      assert.isTrue(svg.startsWith("<svg xmlns=\"http://www.w3.org/2000/svg\""))
      assert.isTrue(svg.endsWith("</svg>\n"))
      for (const text of [">node 0<", ">region0<", ">device memory that is free<"]) assert.include(svg, text)
      assert.strictEqual(svg.match(/<rect /g)?.length, (svg.match(/\/>|<\/rect>/g) ?? []).length)
      assert.notMatch(svg, /href|<script|url\(/)
    }))

  it.effect("what cannot be read: status 2 with the reason", () =>
    Effect.gen(function*() {
      const cases: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
        [["inspect", "--sysroot", "nowhere"], "no such folder"],
        [["inspect", "nowhere"], "no such file"],
        [["inspect", "-"], "is empty"],
        [["inspect", "zoneinfo"], "says nothing about where RAM is"],
        [["inspect", "iomem", "iomem"], "says again what"],
        [["inspect", "iomem", "0x400000000000"], "above MAX_PHYSMEM"]
      ]
      const from = yield* folderWith({ iomem, zoneinfo })
      for (const [args, reason] of cases) {
        const { status, stderr } = yield* run(args, { from })
        assert.strictEqual(status, 2, args.join(" "))
        assert.include(stderr, reason)
      }
    }))

  it.effect("--blocks is lsmem: its options, texts and statuses", () =>
    Effect.gen(function*() {
      const from = yield* folderWith(tree)
      const { status, stdout } = yield* run(["inspect", "--blocks", "-s", ".", "--raw", "-o", "RANGE,SIZE,ZONES"], {
        from
      })
      assert.strictEqual(status, 0)
      assert.strictEqual(
        stdout,
        "RANGE SIZE ZONES\n0x0000000000000000-0x0000000007ffffff 128M None\n" +
          "0x0000000008000000-0x000000007fffffff 1.9G DMA32\n"
      )
      const wrong = yield* run(["inspect", "--blocks", "-o", "FOO", "-s", "."], { from })
      assert.deepStrictEqual([wrong.status, wrong.stdout, wrong.stderr], [1, "", "lsmem: unknown column: FOO"])
      const absent = yield* run(["inspect", "--blocks", "-s", "nowhere"], { from })
      assert.strictEqual(absent.stderr, "lsmem: cannot open /sys/devices/system/memory: No such file or directory")
    }))
})

describe("vmemmap inspect SOURCE PFN", () => {
  const socket = (...files: ReadonlyArray<string>) =>
    Effect.map(
      run(["inspect", ...files.map((file) => example(`two-socket/${file}`)), "0x1840000000"]),
      ({ stdout }) => stdout
    )

  it.effect("OBS-6: /proc/iomem alone does not tell whether a namespace has struct pages", () =>
    Effect.gen(function*() {
      const alone = yield* socket("iomem.txt")
      assert.match(alone, /section +776, subsection 0: not known\n +struct page +not known\n/)
      assert.include(alone, "give 'ndctl list' as well")
      assert.match(yield* socket("iomem.txt", "ndctl.json"), /section +776, subsection 0: present, has-mem-map/)
    }))

  it.effect("names from files move no cursor", () =>
    Effect.gen(function*() {
      const place = { start: 8192 * MiB, size: 1024 * MiB }
      const configured = [{ name: "n\u001b[1m", mode: "fsdax", map: "dev", ...place }]
      const machine = {
        ranges: [{ start: 0, size: 4096 * MiB, kind: "ram" }],
        devices: [{ name: "a\u001b[31mred\nline", kind: "pmem", ...place, configured }]
      }
      const tree = `${iomem}200000000-23fffffff : Persistent Memory\n  200000000-23fffffff : x\u001b[2J\n`
      const from = yield* folderWith({ "m.json": JSON.stringify(machine), iomem: tree })
      for (const words of [["m.json"], ["m.json", "0x200000000"], ["iomem", "0x200000000"]]) {
        const { status, stdout } = yield* run(["inspect", ...words], { from })
        assert.strictEqual(status, 0)
        assert.notInclude(stdout, "\u001b")
      }
      assert.include((yield* run(["inspect", "m.json"], { from })).stdout, "[31mred line")
    }))
})

const dumps = Path.join(root, "..", "shared", "real-dumps", "util-linux")
const why = existsSync(dumps) ? "" : " (skipped: no files of real machines here)"

describe.skipIf(why !== "")(`vmemmap inspect --blocks of a real machine${why}`, () => {
  it.effect("the nine invocations, byte for byte", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({})
      execFileSync("tar", ["xjf", Path.join(dumps, "x86_64-16g.tar.bz2"), "-C", from])
      const runs = readFileSync(Path.join(dumps, "lsmem-x86_64-16g"), "utf8").split(/\n?---\n/).flatMap((part) => {
        const match = /^\n\$ lsmem ?([^\n]*)\n([^]*)$/.exec(part)
        return match === null ? [] : [{ words: match[1] ?? "", output: match[2] ?? "" }]
      })
      assert.strictEqual(runs.length, 9)
      for (const { output, words } of runs) {
        const args = [
          "inspect",
          "--blocks",
          "--sysroot",
          "x86_64-16g",
          ...words.split(" ").filter((word) => word !== "")
        ]
        const { status, stdout } = yield* run(args, { from })
        assert.deepStrictEqual([status, stdout], [0, output], words)
      }
    }))
})
