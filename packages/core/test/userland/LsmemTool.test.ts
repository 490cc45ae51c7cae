import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import { execFileSync } from "node:child_process"
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import * as CapturedTree from "../../src/sysfs/CapturedTree.ts"
import * as Modules from "../../src/sysfs/Modules.ts"
import * as SysfsTree from "../../src/sysfs/SysfsTree.ts"
import * as LsmemTool from "../../src/userland/LsmemTool.ts"
import * as UtilSize from "../../src/userland/UtilSize.ts"
import { noModules } from "./noModules.ts"

const input = { stdin: new Uint8Array(), onTerminal: false, freshUuid: () => "" }

const lsmem = (files: CapturedTree.Files, ...words: ReadonlyArray<string>) =>
  LsmemTool.run(words, input).pipe(
    Effect.provideService(SysfsTree.SysfsTree, { root: Result.getOrThrow(CapturedTree.fromFiles("tree", files)) }),
    Effect.provideService(Modules.Modules, noModules)
  )

const folder = "sys/devices/system/memory"

interface Block {
  readonly state: string
  readonly removable?: string
  readonly zones?: string
  readonly node?: number
}

const treeOf = (blocks: Readonly<Record<string, Block>>, size = "8000000"): CapturedTree.Files =>
  new Map([
    [`${folder}/block_size_bytes`, `${size}\n`],
    ...Object.entries(blocks).flatMap(([number, { node, removable, state, zones }]) => [
      [`${folder}/memory${number}/state`, `${state}\n`] as const,
      ...(removable === undefined ? [] : [[`${folder}/memory${number}/removable`, `${removable}\n`] as const]),
      ...(zones === undefined ? [] : [[`${folder}/memory${number}/valid_zones`, `${zones}\n`] as const]),
      ...(node === undefined ? [] : [[`${folder}/memory${number}/node${node}/`, ""] as const])
    ])
  ])

const small = treeOf({
  0: { state: "online", removable: "1", zones: "none", node: 0 },
  1: { state: "offline", removable: "0", zones: "Normal Movable", node: 0 },
  2: { state: "going-offline", removable: "0", zones: "Movable Normal", node: 1 },
  3: { state: "online", removable: "1", zones: "Device", node: 1 },
  4: { state: "weird" },
  5: { state: "offline", removable: "0", zones: "Foo", node: 1 },
  6: { state: "offline", removable: "0", zones: "Foo", node: 1 },
  10: { state: "online", removable: "1", zones: "HighMem", node: 12 },
  9: { state: "online", removable: "1", zones: "DMA DMA32 Normal Highmem Movable Device None X Y", node: 0 }
})

describe("lsmem", () => {
  it.effect("rows begin where a printed column changes, blocks of unknown zones stand alone", () =>
    Effect.gen(function*() {
      const { exit, stdout } = yield* lsmem(small, "--raw", "--output-all")
      assert.strictEqual(exit, 0)
      assert.strictEqual(
        stdout,
        `RANGE SIZE STATE REMOVABLE BLOCK NODE ZONES
0x0000000000000000-0x0000000007ffffff 128M online yes 0 0 None
0x0000000008000000-0x000000000fffffff 128M offline  1 0 Normal/Movable
0x0000000010000000-0x0000000017ffffff 128M on->off  2 1 Movable/Normal
0x0000000018000000-0x000000001fffffff 128M online yes 3 1 Device
0x0000000020000000-0x0000000027ffffff 128M ?  4 -1${" "}
0x0000000028000000-0x000000002fffffff 128M offline  5 1 Unknown
0x0000000030000000-0x0000000037ffffff 128M offline  6 1 Unknown
0x0000000048000000-0x000000004fffffff 128M online yes 9 0 DMA/DMA32/Normal/Highmem/Movable/Device/None/Unknown
0x0000000050000000-0x0000000057ffffff 128M online yes 10 12 Highmem
`
      )
    }))

  it.effect("without the column, or with --split none, nothing but a gap splits; the first block speaks for the row", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        (yield* lsmem(small, "-r", "-S", "none")).stdout,
        `RANGE SIZE STATE REMOVABLE BLOCK
0x0000000000000000-0x0000000037ffffff 896M online yes 0-6
0x0000000048000000-0x0000000057ffffff 256M online yes 9-10
`
      )
      assert.strictEqual((yield* lsmem(small, "-rno", "BLOCK")).stdout, "0-6\n9-10\n")
      assert.strictEqual(
        (yield* lsmem(small, "-rno", "NODE,BLOCK")).stdout,
        "0 0-1\n1 2-3\n-1 4\n1 5-6\n0 9\n12 10\n"
      )
    }))

  it.effect("JSON has numbers for nodes and plain bytes, true and false, null for nothing", () =>
    Effect.gen(function*() {
      const { stdout } = yield* lsmem(treeOf({ 3: { state: "offline" } }, "40000000"), "-Jb", "--output-all")
      assert.strictEqual(
        stdout,
        `{
   "memory": [
      {
         "range": "0x00000000c0000000-0x00000000ffffffff",
         "size": 1073741824,
         "state": "offline",
         "removable": false,
         "block": "3",
         "node": null,
         "zones": null
      }
   ]
}
`
      )
    }))

  it.effect("pairs have every value in quotes and no headings", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        (yield* lsmem(small, "-P", "-o", "state,REMOVABLE,Block")).stdout.split("\n")[1],
        "STATE=\"offline\" REMOVABLE=\"\" BLOCK=\"1\""
      )
    }))

  it.effect("the summary counts what is not online as offline; alone it has no line before it", () =>
    Effect.gen(function*() {
      const totals = (label: string, size: string) => `${label.padEnd(32)} ${size}\n`
      const expected = totals("Memory block size:", " 128M") + totals("Total online memory:", " 512M") +
        totals("Total offline memory:", " 640M")
      assert.strictEqual((yield* lsmem(small, "--summary")).stdout, expected)
      assert.strictEqual((yield* lsmem(small, "--summary=only", "-a")).stdout, expected)
      assert.isTrue((yield* lsmem(small)).stdout.endsWith(`\n\n${expected}`))
      assert.notInclude((yield* lsmem(small, "--summary=never")).stdout, "Total")
      assert.notInclude((yield* lsmem(small, "-r", "--summary=always")).stdout, "Total")
    }))

  it.effect("wrong use: message, hint, status 1", () =>
    Effect.gen(function*() {
      const hint = "\nTry 'lsmem --help' for more information.\n"
      const cases: ReadonlyArray<readonly [string, string]> = [
        ["-o FOO,SIZE", "lsmem: unknown column: FOO,SIZE\n"],
        ["-o RANGE,", "lsmem: unknown column: RANGE,\n"],
        ["-o ,RANGE", ""],
        ["-o RANGE,,SIZE", ""],
        ["-S STATE,none", "lsmem: unknown column: none\n"],
        ["-S SIZE,SIZE,SIZE,SIZE,SIZE,SIZE,SIZE,SIZE", ""],
        [`-o +${Array(10).fill("SIZE").join(",")}`, ""],
        ["-a -S none", "lsmem: mutually exclusive arguments: --split --all\n"],
        ["-J -P -x", "lsmem: mutually exclusive arguments: --json --pairs --raw\n"],
        ["--foo=3", `lsmem: unrecognized option '--foo=3'${hint}`],
        ["-x", `lsmem: invalid option -- 'x'${hint}`],
        ["a b", `lsmem: bad usage${hint}`],
        ["-o", `lsmem: option requires an argument -- 'o'${hint}`],
        ["--out RANGE", `lsmem: option '--out' is ambiguous; possibilities: '--output' '--output-all'${hint}`],
        ["--raw=", `lsmem: option '--raw' doesn't allow an argument${hint}`],
        ["--summary=foo", "lsmem: unsupported --summary argument\n"],
        ["-r --summary", "lsmem: options --{raw,json,pairs} and --summary=only are mutually exclusive\n"],
        ["-s nowhere -o FOO", "lsmem: cannot open /sys/devices/system/memory: No such file or directory\n"]
      ]
      for (const [words, stderr] of cases) {
        assert.deepStrictEqual(yield* lsmem(small, ...words.split(" ")), { exit: 1, stdout: "", stderr }, words)
      }
    }))

  it.effect("hostile trees are listed as the tool lists them: wrapped addresses, sizes that are none", () =>
    Effect.gen(function*() {
      const odd = treeOf({ "99999999999999999999999999": { state: "online" } }, "zz")
      assert.include((yield* lsmem(odd, "-r")).stdout, "0x0000000000000000-0xffffffffffffffff 0B online no")
      assert.strictEqual(
        (yield* lsmem(new Map([[`${folder}/x`, ""]]))).stderr,
        "lsmem: This system does not support memory blocks\n"
      )
    }))

  it("sizes have one decimal, rounded from cut thousandths", () => {
    const M = 2n ** 20n
    const shown: ReadonlyArray<readonly [bigint, string]> = [
      [0n, "0B"],
      [1023n, "1023B"],
      [1024n, "1K"],
      [128n * M, "128M"],
      [1600n * M, "1.6G"],
      [1024n * 1024n * M - 1n, "1024G"],
      [2n ** 64n - 1n, "16E"]
    ]
    for (const [bytes, text] of shown) assert.strictEqual(UtilSize.format(bytes), text)
  })
})

const dumps = fileURLToPath(new URL("../../../../../shared/real-dumps/util-linux", import.meta.url))
const why = existsSync(dumps) ? "" : " (skipped: no files of real machines here)"

/** Files below the first folder of a tar archive, and its links as directories. */
const untar = (archive: string): CapturedTree.Files => {
  const at = mkdtempSync(join(tmpdir(), "lsmem-"))
  try {
    execFileSync("tar", ["xjf", archive, "-C", at, "--strip-components=1"])
    return new Map(
      readdirSync(at, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory()).map((entry) => {
        const file = join(entry.parentPath, entry.name)
        const path = relative(at, file)
        return entry.isFile() ? [path, readFileSync(file, "utf8")] : [`${path}/`, ""]
      })
    )
  } finally {
    rmSync(at, { recursive: true })
  }
}

describe.skipIf(why !== "")(`lsmem of a real machine${why}`, () => {
  it.effect("the nine invocations on a 16 GiB machine, byte for byte", () =>
    Effect.gen(function*() {
      const files = untar(`${dumps}/x86_64-16g.tar.bz2`)
      const runs = readFileSync(`${dumps}/lsmem-x86_64-16g`, "utf8").split(/\n?---\n/).flatMap((part) => {
        const match = /^\n\$ lsmem ?([^\n]*)\n([^]*)$/.exec(part)
        return match === null ? [] : [{ words: match[1] ?? "", output: match[2] ?? "" }]
      })
      assert.strictEqual(runs.length, 9)
      for (const { output, words } of runs) {
        const { exit, stdout } = yield* lsmem(files, ...words.split(" ").filter((word) => word !== ""))
        assert.strictEqual(exit, 0)
        assert.strictEqual(stdout, output, words)
      }
    }))
})
