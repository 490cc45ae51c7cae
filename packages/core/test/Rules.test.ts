import { assert, describe, it } from "@effect/vitest"
import * as Fs from "node:fs"

const root = new URL("../../../", import.meta.url)

const spec = Fs.readdirSync(new URL("docs/spec/", root)).filter((file) => file.endsWith(".md"))
  .map((file) => ({ file, text: Fs.readFileSync(new URL(`docs/spec/${file}`, root), "utf8") }))

const all = (text: string, form: RegExp): ReadonlyArray<string> => [...text.matchAll(form)].map(([, id = ""]) => id)

/** Rules as they are defined: at the beginning of a line, in bold. */
const defined = spec.flatMap(({ text }) => all(text, /^\*\*([A-Z]{3}-[0-9]+)\*\*/gm))

const prefixes = new Set(defined.map((id) => id.slice(0, 3)))

/** Chapters and their sections: `29`, `29.10`. */
const sections = new Set(spec.flatMap(({ file, text }) => [
  ...all(file, /^([0-9]+)-/g),
  ...all(text, /^## ([0-9]+\.[0-9]+) /gm)
]))

const rule = new RegExp(`\\b((?:${[...prefixes].join("|")})-[0-9]+)\\b`, "g")

const sources = Fs.readdirSync(new URL("packages/", root)).flatMap((name) => {
  const folder = new URL(`packages/${name}/src/`, root)
  return Fs.readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"))
    .map((file) => ({ file: `${name}/src/${file}`, text: Fs.readFileSync(new URL(file, folder), "utf8") }))
})

const dangling = (
  texts: ReadonlyArray<{ readonly file: string; readonly text: string }>,
  form: RegExp,
  known: ReadonlySet<string>
) => texts.flatMap(({ file, text }) => all(text, form).filter((id) => !known.has(id)).map((id) => `${file}: ${id}`))

describe("Rules", () => {
  it("every rule is defined once", () => {
    assert.isAbove(defined.length, 200)
    assert.deepStrictEqual(defined.filter((id, i) => defined.indexOf(id) !== i), [])
  })

  it("every rule that the source or the specification cites is defined", () => {
    assert.isAbove(sources.length, 100)
    assert.deepStrictEqual(dangling([...sources, ...spec], rule, new Set(defined)), [])
  })

  it("every section that an error names as its rule is there", () => {
    assert.deepStrictEqual(dangling(sources, /\brule: "([0-9]+(?:\.[0-9]+)?)[" ]/g, sections), [])
  })
})
