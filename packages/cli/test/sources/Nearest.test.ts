import { assert, describe, it } from "@effect/vitest"
import * as Nearest from "../../src/sources/Nearest.ts"

const names = ["two-users", "two-nodes", "no-memory", "BUG-3", "BUG-13"]

describe("Nearest", () => {
  for (
    const [text, name] of [
      ["two-user", "two-users"],
      ["tow-users", "two-users"],
      ["twonodes", "two-nodes"],
      ["NO_MEMORY", "no-memory"],
      ["bug-3", "BUG-3"],
      ["BUG-133", "BUG-13"],
      ["two-users", "two-users"]
    ] as const
  ) {
    it(`'${text}' may be '${name}'`, () => {
      assert.strictEqual(Nearest.find(text, names), name)
    })
  }

  for (const text of ["", "x", "race.yaml", "-", "two", "z".repeat(100_000)]) {
    it(`'${text.slice(0, 20)}' is near to nothing`, () => {
      assert.isUndefined(Nearest.find(text, names))
      assert.strictEqual(Nearest.question(text, names), "")
    })
  }

  it("is asked in a sentence", () => {
    assert.strictEqual(Nearest.question("two-user", names), " (did you mean 'two-users'?)")
  })
})
