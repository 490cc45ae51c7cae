import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Modules } from "../../src/sysfs/Modules.ts"
import * as Harness from "../devices/Harness.ts"
import { on, typed } from "./Shell.ts"

const GiB = 1024 ** 3

const nfit = Harness.machine([{ start: 8 * GiB, size: GiB }])

const legacy = Harness.machine([], "memmap=1G!8G memmap=1G!10G")

const busy = (module: string) =>
  [1, "", `rmmod: can't unload module '${module}': Resource temporarily unavailable\n`] as const

const fine = [0, "", ""] as const

describe("MachineModules", () => {
  it.effect("OBS-31: a module goes once no other one uses it", () =>
    on(
      nfit,
      Effect.gen(function*() {
        const outcomes = yield* typed(
          "rmmod nd_btt\nrmmod libnvdimm\nrmmod nd_pmem\nrmmod nd_btt\nrmmod kmem\nrmmod dax"
        )
        assert.deepStrictEqual(outcomes, [
          busy("nd_btt"),
          busy("libnvdimm"),
          fine,
          fine,
          [1, "", "rmmod: can't unload module 'kmem': No such file or directory\n"],
          [1, "", "rmmod: can't unload module 'dax': No such file or directory\n"]
        ])
        const { loaded } = yield* Modules
        assert.isFalse(loaded().includes("nd_btt"))
        yield* typed("modprobe nd-pmem")
        assert.isTrue(["nd_pmem", "nd_btt"].every((name) => loaded().includes(name)))
      })
    ))

  it.effect("OBS-31: the module of a bus stays while a region on it is enabled", () =>
    on(
      legacy,
      Effect.gen(function*() {
        const script =
          "rmmod nd_e820\nndctl disable-region region0\nrmmod nd_e820\nndctl disable-region all\nrmmod nd_e820"
        assert.deepStrictEqual(yield* typed(`${script}\nrmmod nfit`), [
          busy("nd_e820"),
          [0, "", "disabled 1 region\n"],
          busy("nd_e820"),
          [0, "", "disabled 2 regions\n"],
          fine,
          fine
        ])
      })
    ))

  it.effect("OBS-31: modprobe -r takes what is loaded and says of the rest only that something stayed", () =>
    on(
      nfit,
      Effect.gen(function*() {
        assert.deepStrictEqual(
          yield* typed("modprobe -r nd_pmem\nmodprobe -r nfit\nmodprobe -r kmem\nmodprobe -r dax"),
          [
            [1, "", ""],
            [1, "", "modprobe: can't unload module 'nfit': Resource temporarily unavailable\n"],
            fine,
            [1, "", "modprobe: module dax is builtin\n"]
          ]
        )
        assert.deepStrictEqual((yield* Modules).loaded().filter((name) => name.startsWith("nd_")), ["nd_e820"])
      })
    ))

  it.effect("OBS-31: kmem lets go of its devices when it is unloaded; online memory keeps its region enabled (OBS-28)", () =>
    on(
      nfit,
      Effect.gen(function*() {
        yield* typed(
          "ndctl create-namespace -f -e namespace0.0 -m devdax -M mem --no-autolabel\ndaxctl reconfigure-device -m system-ram dax0.0"
        )
        const modes = Effect.map(
          typed("daxctl list -i"),
          ([list]) => /"mode":"(.*)"|"state":"(.*)"/g.exec(list?.[1] ?? "")?.[1]
        )
        assert.deepStrictEqual(yield* typed("ndctl disable-region region0"), [[0, "", "disabled 0 regions\n"]])
        assert.strictEqual(yield* modes, "system-ram")
        assert.deepStrictEqual(yield* typed("rmmod kmem"), [fine])
        assert.strictEqual(yield* modes, "devdax")
        const bind = "/sys/bus/dax/drivers/kmem/bind"
        assert.deepStrictEqual(yield* typed(`test -e ${bind}\nmodprobe kmem\ntest -e ${bind}`), [
          [1, "", ""],
          fine,
          fine
        ])
      })
    ))

  it.effect("21.4: a driver of the nd bus takes only what it is for", () =>
    on(
      nfit,
      Effect.gen(function*() {
        const none = [1, "", "sh: write error: No such device\n"]
        const write = (name: string, file: string) => `echo ${name} > /sys/bus/nd/drivers/${file}`
        assert.deepStrictEqual(
          yield* typed(
            [
              write("namespace0.0", "dax_pmem/bind"),
              write("region0", "nd_pmem/unbind"),
              write("dax0.0", "nd_pmem/bind")
            ]
              .join("\n")
          ),
          [none, none, none] as never
        )
      })
    ))
})
