import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { root } from "./run.ts"

const sources = Path.join(root, "packages", "cli", "src")

/** What a module imports when it is loaded, from outside its package: neither types nor what is loaded when it is needed. */
const imported = (text: string): ReadonlyArray<string> =>
  [...text.matchAll(/^(?:import|export \*|export \{)(?! type)[^"=]*from "([^".][^"]*)"/gm)].map(([, name = ""]) => name)

describe("start-up", () => {
  it("nothing of test-utils, which has its own machine beside the bundle, is loaded before it is needed", () => {
    const files = Fs.readdirSync(sources, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"))
    const all = files.map((file) => ({ file, names: imported(Fs.readFileSync(Path.join(sources, file), "utf8")) }))
    assert.isTrue(all.some(({ names }) => names.includes("effect/Effect")))
    assert.deepStrictEqual(
      all.filter(({ names }) => names.some((name) => name.startsWith("@vmemmap/test-utils"))).map(({ file }) => file),
      []
    )
  })
})
