import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as BootLog from "../../src/inputs/BootLog.ts"
import * as OldLogLine from "../../src/inputs/OldLogLine.ts"
import * as Capture from "../../src/inspection/Capture.ts"
import * as Disagreements from "../../src/inspection/Disagreements.ts"
import * as Expectation from "../../src/inspection/Expectation.ts"
import * as MachineView from "../../src/inspection/MachineView.ts"
import { ok } from "./expect.ts"

/** A machine of 1 GiB as a kernel of 2.6.32 tells of it, with struct pages of 56 bytes. */
const log = [
  "[    0.000000] Linux version 2.6.32-5-amd64 (unknown) (gcc version 4.3.5) #1 SMP",
  "[    0.000000] BIOS-provided physical RAM map:",
  "[    0.000000]  BIOS-e820: 0000000000000000 - 000000000009fc00 (usable)",
  "[    0.000000]  BIOS-e820: 000000000009fc00 - 00000000000a0000 (reserved)",
  "[    0.000000]  BIOS-e820: 00000000000f0000 - 0000000000100000 (reserved)",
  "[    0.000000]  BIOS-e820: 0000000000100000 - 000000003fffd000 (usable)",
  "[    0.000000]  BIOS-e820: 000000003fffd000 - 0000000040000000 (ACPI data)",
  "[    0.000000] e820 update range: 0000000000000000 - 0000000000001000 (usable) ==> (reserved)",
  "[    0.000000] e820 remove range: 00000000000a0000 - 0000000000100000 (usable)",
  "[    0.000000] last_pfn = 0x3fffd max_arch_pfn = 0x400000000",
  "[    0.000000] Zone PFN ranges:",
  "[    0.000000]   DMA      0x00000001 -> 0x00001000",
  "[    0.000000]   DMA32    0x00001000 -> 0x00100000",
  "[    0.000000]   Normal   0x00100000 -> 0x00100000",
  "[    0.000000] early_node_map[2] active PFN ranges",
  "[    0.000000]     0: 0x00000001 -> 0x0000009f",
  "[    0.000000]     0: 0x00000100 -> 0x0003fffd",
  "[    0.000000] On node 0 totalpages: 262043",
  "[    0.000000]   DMA zone: 56 pages used for memmap",
  "[    0.000000]   DMA zone: 100 pages reserved",
  "[    0.000000]   DMA zone: 3842 pages, LIFO batch:0",
  "[    0.000000]   DMA32 zone: 3528 pages used for memmap",
  "[    0.000000]   DMA32 zone: 254517 pages, LIFO batch:31",
  "[    0.000000] Built 1 zonelists in Zone order, mobility grouping on.  Total pages: 258359",
  "[    0.000000] Memory: 1025484k/1048564k available (3074k kernel code, 392k absent, 22688k reserved, 1897k data, 592k init)"
].join("\n")

describe("OldLogLine", () => {
  it("ranges of kernels before 3.6 in later words; other lines stay", () => {
    const lines: ReadonlyArray<readonly [string, string]> = [
      [" BIOS-e820: 0000000000000000 - 000000000009fc00 (usable)", "BIOS-e820: [mem 0x0-0x9fbff] usable"],
      [" modified: 0000000000000000 - 0000000000010000 type 9", "modified: [mem 0x0-0xffff] type 9"],
      ["  DMA32    0x00001000 -> 0x00100000", "  DMA32 [mem 0x1000000-0xffffffff]"],
      ["    1: 0x00100000 -> 0x00240000", "  node 1: [mem 0x100000000-0x23fffffff]"],
      ["SRAT: Node 0 PXM 0 0-a0000", "SRAT: Node 0 PXM 0 [mem 0x0-0x9ffff]"],
      ["Initmem setup node 0 0000000000000000-0000000240000000", "Initmem setup node 0 [mem 0x0-0x23fffffff]"],
      ["pci 0000:00:01.0: reg 10: [mem 0xf0000000-0xf7ffffff]", "pci 0000:00:01.0: reg 10: [mem 0xf0000000-0xf7ffffff]"]
    ]
    for (const [old, modern] of lines) assert.strictEqual(OldLogLine.modern(old), modern)
  })

  it("OBS-9, ZON-11: a log of 2.6.32 is read, and each number follows from its map or is explained", () => {
    const spec = ok(BootLog.read("log", log))
    assert.deepStrictEqual(
      spec.ranges?.filter(({ kind }) => kind === "ram").map(({ node, size, start }) => [node, start, start + size]),
      [[0, 0x1000, 0x9f000], [0, 0x100000, 0x3fffd000]]
    )
    const view = Result.getOrThrow(MachineView.join(Result.getOrThrow(Capture.read("log", log))))
    const checks = Disagreements.checks(view, Result.getOrThrow(Expectation.make(view)))
    assert.deepStrictEqual(Disagreements.unexplained(checks), [])
    const reasons = new Set(Disagreements.differing(checks).map(({ explanation }) => explanation))
    assert.isTrue(reasons.has("this kernel has struct pages of 56 bytes (GEO-5): say so with structPage"))
    assert.isTrue(reasons.has("this kernel takes memmap and reserve off before it prints"))
  })
})
