/** `ndctl list` over files alone, laid out as a real kernel lays them out: no modelled machine behind them. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Modules } from "../../src/sysfs/Modules.ts"
import * as SysfsTree from "../../src/sysfs/SysfsTree.ts"
import * as Ndctl from "../../src/userland/Ndctl.ts"
import { noModules } from "./noModules.ts"

type Files = { readonly [name: string]: string | number | Files }

const tree = (files: Files): SysfsTree.Directory =>
  SysfsTree.directory(
    Object.fromEntries(
      Object.entries(files).map(([name, value]) => [
        name,
        typeof value === "object" ? tree(value) : SysfsTree.attribute(() => value)
      ])
    )
  )

const modules = Layer.succeed(Modules)(noModules)

const list = (words: string, devices: Files) =>
  Ndctl.run(["list", ...words.split(" ")], { stdin: new Uint8Array(), onTerminal: false, freshUuid: () => "" }).pipe(
    Effect.map(({ exit, stderr, stdout }) => {
      assert.deepStrictEqual([exit, stderr], [0, ""])
      return stdout
    }),
    Effect.provide(
      Layer.merge(modules, Layer.succeed(SysfsTree.SysfsTree)({ root: tree({ sys: { bus: { nd: { devices } } } }) }))
    )
  )

const nmem = (handle: string) => ({
  driver: {},
  flags: "alias",
  nfit: { id: "8089-a2-1234", handle, phys_id: "0x1c", flags: "save_fail not_armed" }
})

const region = {
  driver: {},
  size: "1082331758592",
  align: "33554432",
  available_size: "4294967296",
  max_available_extent: "2147483648",
  resource: "0x6080000000",
  nstype: "5",
  numa_node: "-1",
  target_node: "3",
  set_cookie: "0xfedcba9876543210",
  mappings: "2",
  mapping0: "nmem0,268435456,541165879296,0",
  mapping1: "nmem1,268435456,541165879296,1",
  persistence_domain: "memory_controller"
}

const interleaved: Files = {
  ndbus0: { provider: "ACPI.NFIT", nmem0: {}, nmem1: {}, region0: {} },
  nmem0: nmem("0x1"),
  nmem1: nmem("0x101"),
  region0: region,
  "namespace0.0": {
    driver: {},
    size: "2147483648",
    resource: "0x6080000000",
    nstype: "5",
    mode: "raw",
    holder: "",
    uuid: "11111111-2222-4333-8444-555555555555",
    alt_name: "a/b",
    sector_size: "512 [4096]",
    numa_node: "-1",
    target_node: "3",
    block: { pmem0: {} }
  }
}

describe("NdctlJson", () => {
  it.effect("OBS-21: an interleave set, its last DIMM first, 64-bit words exact", () =>
    Effect.gen(function*() {
      assert.strictEqual(
        yield* list("-DRNv", interleaved),
        `{
  "dimms":[
    {
      "dev":"nmem1",
      "id":"8089-a2-1234",
      "handle":257,
      "phys_id":28,
      "flag_failed_save":true,
      "flag_failed_arm":true
    },
    {
      "dev":"nmem0",
      "id":"8089-a2-1234",
      "handle":1,
      "phys_id":28,
      "flag_failed_save":true,
      "flag_failed_arm":true
    }
  ],
  "regions":[
    {
      "dev":"region0",
      "size":1082331758592,
      "align":33554432,
      "available_size":4294967296,
      "max_available_extent":2147483648,
      "type":"pmem",
      "target_node":3,
      "iset_id":18364758544493064720,
      "mappings":[
        {
          "dimm":"nmem1",
          "offset":268435456,
          "length":541165879296,
          "position":1
        },
        {
          "dimm":"nmem0",
          "offset":268435456,
          "length":541165879296,
          "position":0
        }
      ],
      "persistence_domain":"memory_controller",
      "namespaces":[
        {
          "dev":"namespace0.0",
          "mode":"raw",
          "size":2147483648,
          "uuid":"11111111-2222-4333-8444-555555555555",
          "sector_size":4096,
          "blockdev":"pmem0",
          "name":"a\\/b",
          "target_node":3
        }
      ]
    }
  ]
}
`
      )
    }))

  it.effect("OBS-23: for people: sizes, hexadecimal words, a bare region", () =>
    Effect.gen(function*() {
      const shown = JSON.parse(yield* list("-Ru", interleaved))
      assert.deepStrictEqual(
        [shown.size, shown.align, shown.iset_id],
        ["1008.00 GiB (1082.33 GB)", "32.00 MiB (33.55 MB)", "0xfedcba9876543210"]
      )
      const [dimm] = JSON.parse(yield* list("-Du", interleaved))
      assert.deepStrictEqual([dimm.handle, dimm.phys_id], ["0x101", "0x1c"])
    }))

  it.effect("OBS-21: attributes that are missing or no numbers", () =>
    Effect.gen(function*() {
      const odd: Files = {
        ndbus0: { nmem0: {}, region0: {}, provider: "x" },
        nmem0: {},
        region0: { size: "-5", mappings: "99999999999", mapping0: "nmem0", set_cookie: "q", nstype: "5" },
        "namespace0.0": { size: "1e9", mode: "?", holder: "pfn0.0", uuid: "?", sector_size: "[[x]] 512" }
      }
      assert.deepStrictEqual(JSON.parse(yield* list("-BDRNvvvi", odd)), [{
        provider: "x",
        dev: "ndbus0",
        dimms: [{ dev: "nmem0", state: "disabled" }],
        regions: [{
          dev: "region0",
          size: 0,
          available_size: 0,
          max_available_extent: 0,
          type: "pmem",
          iset_id: 0,
          state: "disabled",
          persistence_domain: "unknown",
          namespaces: [{ dev: "namespace0.0", mode: "raw", size: 0, sector_size: 512, state: "disabled" }]
        }]
      }])
    }))
})
