import { assert, describe, it } from "@effect/vitest"
import * as Source from "@vmemmap/core/inputs/Source"
import { expectRefused, ok } from "./expect.ts"

const samples: Readonly<Record<Source.Kind, ReadonlyArray<string>>> = {
  ndctl: [
    `[{"dev":"region0","size":1073741824,"type":"pmem"}]`,
    `{"dev":"namespace0.0","mode":"raw","size":1073741824}`,
    `{"regions":[{"dev":"region0","size":1073741824}]}`,
    `{"dimms":[{"dev":"nmem0"}],"regions":[{"dev":"region0","size":1073741824}]}`,
    `[{"provider":"e820","dev":"ndbus0","regions":[{"dev":"region0","size":1073741824}]}]`,
    `[{"dev":"region0","size":1073741824}]\n[{"dev":"namespace0.0","mode":"raw","size":1073741824}]`
  ],
  daxctl: [
    `[{"chardev":"dax0.0","size":1073741824}]`,
    `[{"path":"/platform/hmem.0","id":0,"size":1073741824,"devices":[]}]`
  ],
  cxl: [
    `[{"region":"region0","resource":1073741824,"size":1073741824,"type":"ram"}]`,
    `{"regions":[{"region":"region0","resource":1073741824,"size":1073741824,"type":"ram"}]}`,
    `[{"bus":"root0","decoders:root0":[]}]`,
    `[{"memdev":"mem0","ram_size":1}]`
  ],
  lsmem: [
    `{"memory":[{"range":"0x0000000000000000-0x0000000007ffffff","size":"128M"}]}`,
    "RANGE                                 SIZE  STATE\n0x0000000000000000-0x0000000007ffffff 128M online\n"
  ],
  iomem: ["00000000-00000fff : Reserved\n00001000-0009fbff : System RAM\n"],
  "boot-log": [
    "[    0.000000] BIOS-e820: [mem 0x0000000000100000-0x00000000bfffffff] usable",
    "Jan 1 00:00:00 h kernel: Linux version 6.1\nJan 1 00:00:00 h kernel: BIOS-e820: [mem 0x0000000000100000-0x00000000bfffffff] usable"
  ],
  meminfo: [
    "MemTotal:        8164548 kB\nMemFree:          851960 kB\n",
    "\nNode 0 MemTotal: 8164548 kB\nNode 0 MemFree: 1 kB\n"
  ],
  machine: ["kernel: \"6.1\"\ndevices: []\n", "# mine\n---\nname: a\n", `{"devices":[]}`, `{"nodes":[{"node":0}]}`]
}

describe("Source", () => {
  it("recognises every kind by content, and reads it", () => {
    for (const [kind, texts] of Object.entries(samples)) {
      for (const text of texts) {
        assert.strictEqual(Source.detect(text), kind, text)
        assert.strictEqual(Source.detect(`\uFEFF${text}`), kind, text)
        ok(Source.read("f", `\uFEFF${text}`))
        ok(Source.read("f", text))
      }
    }
  })

  it("says what it looked at when it refuses", () => {
    expectRefused(Source.read("f", "hello world"), "f: is not recognised", "begins \"hello world\"", "'ndctl list'")
    expectRefused(Source.read("f", "  \n"), "is empty")
    expectRefused(Source.read("f", "[]"), "JSON of no known kind", "[]")
    expectRefused(Source.read("f", "[1,2]"), "JSON of no known kind")
    expectRefused(Source.read("f", `{"foo":{}}`), "JSON of no known kind", "foo")
    expectRefused(Source.read("f", `{"name":"a"}\n{"name":"b"}`), "2 machine descriptions", "fleet")
    expectRefused(Source.read("f", `[{"dev":"region0",`), "ends in the middle of an object")
  })

  it("refuses binary text quickly", () => {
    expectRefused(Source.read("f", "\u007fELF\u0002\u0001\u0000\u0000"), "is no text")
    const garbage = Array.from({ length: 4096 }, (_, i) => String.fromCharCode((i * 7919) % 256)).join("")
    expectRefused(Source.read("f", garbage), "is no text")
    expectRefused(Source.read("f", `[${"\ufffd".repeat(1000)}`), "is no text")
  })

  it("refuses more than 64 MiB", () => {
    expectRefused(Source.read("f", "x".repeat(Source.sizeLimit + 1)), "larger than 64 MiB")
  })
})
