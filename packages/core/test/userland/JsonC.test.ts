import { assert, describe, it } from "@effect/vitest"
import * as JsonC from "../../src/userland/JsonC.ts"

describe("JsonC", () => {
  it("OBS-21: objects and arrays as the tools lay them out", () => {
    assert.strictEqual(
      JsonC.print({ dev: "namespace0.0", size: 1, uuid: undefined, devices: [{ chardev: "dax0.0", movable: true }] }),
      `{
  "dev":"namespace0.0",
  "size":1,
  "devices":[
    {
      "chardev":"dax0.0",
      "movable":true
    }
  ]
}`
    )
  })

  it("OBS-21: slashes are escaped, 64-bit words printed digit for digit", () => {
    assert.strictEqual(JsonC.print("/platform/\"x\"\n"), `"\\/platform\\/\\"x\\"\\n"`)
    assert.strictEqual(
      JsonC.print({ iset_id: 2n ** 64n - 1n, none: null }),
      `{
  "iset_id":18446744073709551615,
  "none":null
}`
    )
  })

  it("OBS-22: for people a list of one is the bare thing and an empty one nothing", () => {
    assert.strictEqual(JsonC.display([1], true), "1\n")
    assert.strictEqual(JsonC.display([], true), "")
    assert.strictEqual(JsonC.display([1, 2], true), "[\n  1,\n  2\n]\n")
    assert.strictEqual(JsonC.display([1], false), "[\n  1\n]\n")
    assert.strictEqual(JsonC.display([], false), "[\n]\n")
  })
})
