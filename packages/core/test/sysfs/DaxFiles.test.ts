import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { DaxDevices } from "../../src/devices/DaxDevices.ts"
import { NvdimmBus } from "../../src/devices/NvdimmBus.ts"
import * as Machine from "../../src/machine/Machine.ts"
import * as DaxFiles from "../../src/sysfs/DaxFiles.ts"
import * as MachineTree from "../../src/sysfs/MachineTree.ts"
import { Modules } from "../../src/sysfs/Modules.ts"
import * as SysfsTree from "../../src/sysfs/SysfsTree.ts"
import * as Ndctl from "../../src/userland/Ndctl.ts"
import * as Harness from "../devices/Harness.ts"

const GiB = 2 ** 30

const spec = Harness.machine([{ start: 8 * GiB, size: 2 * GiB, labelArea: 131072 }])

let last = 0
const freshUuid = () => `10000000-0000-4000-8000-${String(++last).padStart(12, "0")}`

const ndctl = (words: string) => Ndctl.run(words.split(" "), { stdin: new Uint8Array(), onTerminal: false, freshUuid })

describe("DaxFiles", () => {
  it.effect("OBS-18: every device is found where its link leads, and one lookup never looks at all of them", () =>
    Effect.gen(function*() {
      const modules = yield* Modules
      for (const name of MachineTree.bootModules) yield* modules.load(name)
      for (const words of ["disable-region all", "init-labels -f all", "enable-region all"]) yield* ndctl(words)
      for (const mode of ["devdax", "fsdax", "devdax", "devdax"]) yield* ndctl(`create-namespace -m ${mode} -s 64M`)
      yield* ndctl("destroy-namespace -f namespace0.0")
      yield* ndctl("create-namespace -m devdax -s 96M")
      const tree = yield* SysfsTree.SysfsTree
      const names = SysfsTree.list(tree, "/sys/bus/dax/devices")
      assert.strictEqual(names.length, 3)
      const source = { dax: yield* DaxDevices, bus: yield* NvdimmBus }
      const listed = new Set(DaxFiles.places(source).paths())
      const one = DaxFiles.places({ ...source, dax: { ...source.dax, list: () => assert.fail("all were looked at") } })
      for (const name of names) {
        const path = SysfsTree.target(tree, `/sys/bus/dax/devices/${name}`) ?? assert.fail(name)
        const parent = path.slice(0, path.lastIndexOf("/"))
        assert.isTrue(listed.has(parent), parent)
        assert.deepStrictEqual(SysfsTree.list(tree, parent), ["dax_region", name])
        assert.deepStrictEqual(one.at(parent)?.names(), ["dax_region", name])
        assert.isTrue(one.isAbove(parent.slice(0, parent.lastIndexOf("/"))))
        assert.isUndefined(one.at(`${parent}9`))
      }
    }).pipe(Effect.scoped, Effect.provide(MachineTree.layer(spec).pipe(Layer.provideMerge(Machine.layer(spec))))))
})
