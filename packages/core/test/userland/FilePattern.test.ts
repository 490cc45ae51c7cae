import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as SysfsTree from "../../src/sysfs/SysfsTree.ts"
import * as FilePattern from "../../src/userland/FilePattern.ts"
import { outcomes } from "./ScriptHarness.ts"

const file = SysfsTree.attribute(() => 1)
const block = SysfsTree.directory({ state: file, ".hidden": file })
const tree = {
  root: SysfsTree.directory({
    sys: SysfsTree.directory({
      memory2: block,
      memory10: block,
      memory1: block,
      "a*b": file,
      node0: SysfsTree.directory({ meminfo: file })
    })
  })
}

const expand = (pattern: string, limit = 100) => FilePattern.expand(tree, pattern, limit)

describe("FilePattern", () => {
  it("*, ? and brackets match within a name, paths come in byte order", () => {
    assert.deepStrictEqual(expand("/sys/memory*/state"), [
      "/sys/memory1/state",
      "/sys/memory10/state",
      "/sys/memory2/state"
    ])
    assert.deepStrictEqual(expand("/sys/memory?"), ["/sys/memory1", "/sys/memory2"])
    assert.deepStrictEqual(expand("/sys/memory[2-9]"), ["/sys/memory2"])
    assert.deepStrictEqual(expand("/sys/memory[!2]"), ["/sys/memory1"])
    assert.deepStrictEqual(expand("/s*/n*0/m*o"), ["/sys/node0/meminfo"])
    assert.deepStrictEqual(expand("/sys/*/meminfo"), ["/sys/node0/meminfo"])
  })

  it("what is escaped means itself; hidden names are not meant by a star", () => {
    assert.deepStrictEqual(expand(`/sys/${FilePattern.escape("a*b")}`), ["/sys/a*b"])
    assert.deepStrictEqual(expand("/sys/memory1/*"), ["/sys/memory1/state"])
    assert.deepStrictEqual(expand("/sys/memory1/.*"), ["/sys/memory1/.hidden"])
    assert.isFalse(FilePattern.isPattern(FilePattern.escape("a*?[x]\\")))
    assert.isTrue(FilePattern.isPattern("a[0-9]"))
    assert.isFalse(FilePattern.isPattern("a["))
  })

  it("nothing matches a relative path or what is not there; no more than the limit is found", () => {
    assert.deepStrictEqual(expand("sys/*"), [])
    assert.deepStrictEqual(expand("/proc/*"), [])
    assert.lengthOf(expand("/sys/*", 2), 2)
  })

  it("many stars take no longer than the name times the pattern", () => {
    const long = { root: SysfsTree.directory({ ["a".repeat(250)]: file }) }
    assert.deepStrictEqual(FilePattern.expand(long, `/${"a*".repeat(200)}b`, 9), [])
  })

  it.effect("a script: matches are words, what matches nothing or is quoted stays as it is", () =>
    Effect.gen(function*() {
      const said = yield* outcomes(
        "echo /sys/memory/memory*/state; echo '/sys/*' /nothing/*; P=/sys/memory/memory[12]; echo $P; echo \"$P\"; ls $P/state"
      )
      assert.deepStrictEqual(said.map(([, stdout]) => stdout), [
        "/sys/memory/memory1/state /sys/memory/memory2/state /sys/memory/memory3/state\n",
        "/sys/* /nothing/*\n",
        "/sys/memory/memory1 /sys/memory/memory2\n",
        "/sys/memory/memory[12]\n",
        "/sys/memory/memory1/state\n/sys/memory/memory2/state\n"
      ])
    }))

  it.effect("ls: one name a line, directories under their names, what is missing said", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* outcomes("ls /sys/memory/memory1; ls /sys/memory/memory2 /proc/iomem /nothing; ls -d /sys/memory"),
        [
          [0, "removable\nstate\n", ""],
          [
            1,
            "/proc/iomem\n\n/sys/memory/memory2:\nremovable\nstate\n",
            "ls: /nothing: No such file or directory\n"
          ],
          [0, "/sys/memory\n", ""]
        ]
      )
    }))
})
