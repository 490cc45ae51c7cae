import { assert, describe, it } from "@effect/vitest"
import * as MachineText from "@vmemmap/core/inputs/MachineText"
import * as YamlText from "@vmemmap/core/inputs/YamlText"
import type { MachineSpec } from "@vmemmap/core/machine/MachineSpec"
import { expectRefused, ok } from "./expect.ts"

const GiB = 1024 ** 3
const read = (text: string) => MachineText.read("m.yaml", text)

const yaml = `# a machine
name: box
kernel: "6.1.176"
arch: x86_64
ranges:
  - { start: 0x100000000, size: 16G, kind: ram, node: 0 }
devices:
  - name: region0
    kind: pmem
    start: 0x1000000000
    size: 128GiB
    configured:
      - name: namespace0.0
        mode: fsdax
        map: dev
        size: 128G
`

describe("MachineText", () => {
  it("YAML and JSON describe the same machine, sizes as numbers or text", () => {
    const expected: MachineSpec = {
      name: "box",
      kernel: "6.1.176",
      arch: "x86_64",
      ranges: [{ start: 4 * GiB, size: 16 * GiB, kind: "ram", node: 0 }],
      devices: [{
        name: "region0",
        kind: "pmem",
        start: 64 * GiB,
        size: 128 * GiB,
        configured: [{ name: "namespace0.0", mode: "fsdax", map: "dev", size: 128 * GiB }]
      }]
    }
    assert.deepEqual(ok(read(yaml)), expected)
    assert.deepEqual(ok(read(JSON.stringify(expected))), expected)
  })

  it("a misspelt key is named, with its path and the keys that exist", () => {
    expectRefused(
      read(yaml.replace("    map: dev", "    mapp: dev").replace("        mapp", "        mapp")),
      "devices[0].configured[0].mapp",
      "not a known key",
      "map"
    )
    expectRefused(read(yaml.replace("kernel:", "kernal:")), "kernal", "known are", "kernel")
  })

  it("wrong values are named with their path and what was expected", () => {
    expectRefused(read(yaml.replace("kind: pmem", "kind: nvme")), "devices[0].kind", "\"legacy\"", "nvme")
    expectRefused(read(yaml.replace("128GiB", "128GB")), "devices[0].size", "decimal unit")
    expectRefused(read(yaml.replace("    size: 128GiB\n", "")), "devices[0].size", "is missing")
    expectRefused(read(`{"devices": 5}`), "devices", "expected array", "got 5")
    expectRefused(read("- a\n- b\n"), "expected object")
  })

  it("broken YAML, merge keys and multiplying aliases are refused", () => {
    expectRefused(read("name: [1, 2"), "is not YAML")
    expectRefused(read("name: a\nname: b\n"), "Duplicate key")
    expectRefused(read("devices:\n  - &a { name: x }\n  - { <<: *a, kind: pmem }\n"), "merge key")
    const bomb = Array.from(
      { length: 20 },
      (_, i) => `k${i}: &a${i} [${i === 0 ? "1" : `*a${i - 1}, *a${i - 1}, *a${i - 1}`}]`
    ).join("\n")
    expectRefused(read(bomb), "multiplies itself")
    expectRefused(read(`name: ${"[".repeat(100000)}`), "m.yaml")
    expectRefused(read(`name: ${"x".repeat(YamlText.sizeLimit)}`), "larger than 1 MiB")
  })
})
