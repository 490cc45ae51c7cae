import { assert, describe, it } from "@effect/vitest"
import * as ToolSize from "../../src/userland/ToolSize.ts"

const value = (text: string) => ToolSize.parse(text)?.value

describe("ToolSize", () => {
  it("OBS-25 row 1: decimal, hexadecimal and octal numbers with one suffix", () => {
    assert.deepStrictEqual(
      ["4096", "0x1000", "010", "2M", "2m", "1G", "3T", "16K", "0", "1k"].map(value),
      [4096n, 4096n, 8n, 2097152n, 2097152n, 1073741824n, 3298534883328n, 16384n, 0n, 1024n]
    )
    assert.strictEqual(ToolSize.parse("3584M")?.unit, 1024 ** 2)
    assert.strictEqual(ToolSize.parse("4096")?.unit, 1)
  })

  it("OBS-25 row 1: everything else fails to parse", () => {
    for (
      const text of ["xyz", "1GiB", "1.5G", "2M ", "1P", "08", "0x", "0xg", "-", "+K", " ", " K", "G2", "1e3", "٣"]
    ) {
      assert.isUndefined(value(text), text)
    }
  })

  it("OBS-25 row 1: strtoull takes leading blanks, a sign, and no digits at all", () => {
    assert.deepStrictEqual([" 7", "+7", "", "K"].map(value), [7n, 7n, 0n, 0n])
    assert.strictEqual(value("-5"), 2n ** 64n - 5n)
  })

  it("OBS-25 row 1: a number or product that does not fit fails, where the tool notices", () => {
    for (const text of ["18446744073709551615", "18446744073709551616", "9".repeat(900), "-1"]) {
      assert.isUndefined(value(text), text.slice(0, 30))
    }
    assert.isUndefined(value(`${2n ** 24n}T`))
    assert.strictEqual(value(`${2n ** 24n - 1n}T`), 2n ** 64n - 2n ** 40n)
    // 2^62 + 2^60 kilobytes wrap to 0 plus a rest above the number itself: taken
    assert.strictEqual(value(String(2n ** 54n + 2n ** 53n) + "k"), 2n ** 63n)
  })
})
