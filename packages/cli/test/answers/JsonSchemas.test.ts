import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ChildProcess from "node:child_process"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { root } from "../run.ts"

const folder = Path.join(root, "docs", "json")

interface Node {
  readonly type?: string
  readonly description?: string
  readonly properties?: Readonly<Record<string, Node & { readonly $ref?: string }>>
  readonly $defs?: Readonly<Record<string, Node>>
}

/** Every property of an object and of the objects it refers to, by path. */
const properties = (node: Node, path: string): ReadonlyArray<readonly [string, Node & { readonly $ref?: string }]> =>
  Object.entries(node.properties ?? {}).flatMap(([name, property]) => [
    [`${path}.${name}`, property] as const,
    ...properties(property, `${path}.${name}`)
  ])

describe("docs/json", () => {
  const files = Fs.readdirSync(folder).filter((name) => name.endsWith(".schema.json"))

  it("has a schema for every command that prints JSON", () => {
    const commands = [
      "plan",
      "size",
      "grow",
      "carve",
      "infoblock",
      "inspect",
      "try",
      "simulate",
      "check",
      "bench",
      "verify"
    ]
    const names = [...commands, "plan-fleet-line", "simulate-machines", "check-list"]
    assert.sameMembers(files, names.map((name) => `${name}.schema.json`))
  })

  for (const file of files) {
    it(`${file} describes every field`, () => {
      const schema = JSON.parse(Fs.readFileSync(Path.join(folder, file), "utf8")) as Node
      const definitions = Object.entries(schema.$defs ?? {})
      assert.isNotEmpty(schema.description)
      const fields = [["", schema] as const, ...definitions].flatMap(([name, node]) => properties(node, name))
      assert.isAtLeast(fields.length, 5)
      for (const [path, { $ref, description }] of fields) {
        const text = description ?? schema.$defs?.[$ref?.replace("#/$defs/", "") ?? ""]?.description
        assert.isNotEmpty(text, path)
      }
    })
  }

  it.effect("is what the schemas of the commands say", () =>
    Effect.gen(function*() {
      const script = Path.join(root, "scripts", "json-schemas.ts")
      const { status, stderr } = yield* Effect.sync(() =>
        ChildProcess.spawnSync(process.execPath, [script, "--check"], { cwd: root, encoding: "utf8" })
      )
      assert.deepStrictEqual([status, stderr], [0, ""])
    }))
})
