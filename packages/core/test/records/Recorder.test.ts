import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { GiB, MiB } from "../../src/geometry/Units.ts"
import { KernelLog } from "../../src/kernel/KernelLog.ts"
import * as MemoryNames from "../../src/records/MemoryNames.ts"
import * as Recorder from "../../src/records/Recorder.ts"
import * as MachineTree from "../../src/sysfs/MachineTree.ts"
import { Modules } from "../../src/sysfs/Modules.ts"
import * as Daxctl from "../../src/userland/Daxctl.ts"
import * as Ndctl from "../../src/userland/Ndctl.ts"
import * as Small from "./small.ts"

const start = Effect.fnUntraced(function*(settle?: Effect.Effect<void>) {
  const input = Small.input()
  const tools = { ndctl: Ndctl.run, daxctl: Daxctl.run, input }
  const recorder = yield* Recorder.make(tools, MemoryNames.ofMachine(Small.spec, 4096), settle)
  const ndctl = (...words: ReadonlyArray<string>) =>
    Effect.flatMap(
      Ndctl.run(words, input),
      (outcome) => recorder.command({ command: ["ndctl", ...words].join(" "), ...outcome })
    )
  return { recorder, ndctl }
})

const drivers = Effect.gen(function*() {
  const modules = yield* Modules
  for (const name of MachineTree.bootModules) yield* modules.load(name)
})

const labels = ["disable-region", "init-labels", "enable-region"]

describe("Recorder", () => {
  it.effect("a command has its number, trimmed output, parsed JSON and the lines said meanwhile", () =>
    Small.on(Effect.gen(function*() {
      const { ndctl, recorder } = yield* start()
      const log = yield* KernelLog
      yield* drivers
      yield* recorder.facts("boot")
      for (const verb of labels) yield* ndctl(verb, ...(verb === "init-labels" ? ["-f"] : []), "all")
      const made = yield* ndctl("create-namespace", "-m", "devdax", "-s", "1G")
      assert.strictEqual(made.n, labels.length + 1)
      assert.match(made.dmesg.join("\n"), /^memmap_init_zone_device initialised/m)
      assert.strictEqual((made.json as { readonly dev?: string }).dev, "namespace0.0")
      log.emit({ _tag: "Warn", where: "memremap_pages", rule: "MAP-1", text: "said" })
      const plain = yield* recorder.command({ command: "x", exit: 1, stdout: "\n\nout\n\n", stderr: "err\n" })
      assert.deepStrictEqual(plain, {
        n: labels.length + 2,
        command: "x",
        exit: 1,
        stdout: "out",
        stderr: "err",
        dmesg: ["WARNING: CPU: 0 PID: 1 at memremap_pages+0x0/0x0"]
      })
      assert.deepStrictEqual(recorder.observed().commands.length, labels.length + 2)
    })))

  it.effect("what is looked at belongs to the phase taken last", () =>
    Small.on(Effect.gen(function*() {
      const { ndctl, recorder } = yield* start()
      yield* drivers
      yield* recorder.facts("one")
      for (const verb of labels) yield* ndctl(verb, ...(verb === "init-labels" ? ["-f"] : []), "all")
      yield* ndctl("create-namespace", "-m", "devdax", "-s", "1G")
      yield* recorder.facts("two")
      yield* recorder.text("said", "text\n\n")
      yield* recorder.snap("part", 8 * GiB, 4 * MiB)
      yield* recorder.autosnap("end")
      yield* recorder.infoblocks("end")
      const { infoblocks, phases, sections, snapshots } = recorder.observed()
      const two = phases["two"] ?? {}
      assert.deepStrictEqual(Object.keys(phases), ["one", "two"])
      assert.strictEqual(two["said"], "text")
      assert.isUndefined(phases["one"]?.["said"])
      assert.includeMembers(Object.keys(two), [
        "kpageflags:part",
        "kpageflags:namespace0.0@end",
        "read_infoblock:namespace0.0"
      ])
      assert.deepStrictEqual(Object.keys(snapshots), ["part", "namespace0.0@end"])
      assert.deepStrictEqual(Object.keys(sections), ["end"])
      assert.deepInclude(infoblocks["namespace0.0@end"], { namespaceStart: 8 * GiB, signature: "NVDIMM_DAX_INFO" })
    })))

  it.effect("the kernel's own mistakes are kept once each; SEC-12 is a shortage, and the first one counts", () =>
    Small.on(Effect.gen(function*() {
      const { recorder } = yield* start()
      const log = yield* KernelLog
      yield* recorder.facts("boot")
      assert.isNull(recorder.shortage())
      log.emit({ _tag: "Hazard", rule: "CMP-5", text: "twice" })
      log.emit({ _tag: "Hazard", rule: "CMP-5", text: "twice" })
      log.emit({ _tag: "Hazard", rule: "SEC-12", text: "no room" })
      yield* recorder.command({ command: "x", exit: 0, stdout: "", stderr: "" })
      log.emit({ _tag: "Hazard", rule: "SEC-12", text: "no room again" })
      assert.deepStrictEqual(recorder.defects().map(({ rule, text }) => `${rule} ${text}`), [
        "CMP-5 twice",
        "SEC-12 no room",
        "SEC-12 no room again"
      ])
      assert.deepStrictEqual(recorder.shortage(), { commands: 0, phases: new Set(["boot"]), labels: new Set<string>() })
    })))

  it.effect("the machine settles after every command, before its lines are taken", () =>
    Small.on(Effect.gen(function*() {
      const log = yield* KernelLog
      const { recorder } = yield* start(Effect.sync(() => log.emit({ _tag: "Line", level: "info", text: "settled" })))
      const { dmesg } = yield* recorder.command({ command: "x", exit: 0, stdout: "", stderr: "" })
      assert.deepStrictEqual(dmesg, ["settled"])
    })))
})
