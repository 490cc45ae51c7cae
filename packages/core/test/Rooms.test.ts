import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"

const source = new URL("../src/", import.meta.url)

/** The rooms in the order of ARCHITECTURE.md. */
const rooms = Fs.readFileSync(new URL("../../../ARCHITECTURE.md", import.meta.url), "utf8")
  .split("packages/cli/src/")[0]?.match(/^ {2}[a-z]+(?=\/ )/gm)?.map((line) => line.trim()) ?? []

const imports = Fs.readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((file) => file.includes("/") && file.endsWith(".ts"))
  .flatMap((file) =>
    [...Fs.readFileSync(new URL(file, source), "utf8").matchAll(/ from "\.\.\/([a-z]+)\//g)]
      .map(([, to = ""]) => ({ file, from: file.split("/")[0] ?? "", to }))
  )

describe("Rooms", () => {
  it("ARCHITECTURE.md lists every folder of the source", () => {
    const folders = Fs.readdirSync(source, { withFileTypes: true }).filter((entry) => entry.isDirectory())
    assert.deepStrictEqual(rooms.toSorted(), folders.map(({ name }) => name).toSorted())
  })

  it("a room uses the rooms above it, never those below", () => {
    assert.isAbove(imports.length, 100)
    assert.deepStrictEqual(imports.filter(({ from, to }) => rooms.indexOf(to) >= rooms.indexOf(from)), [])
  })
})
