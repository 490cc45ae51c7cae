import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Result } from "effect"
import * as Machine from "../../src/machine/Machine.ts"
import type { MachineSpec } from "../../src/machine/MachineSpec.ts"
import * as MachineTree from "../../src/sysfs/MachineTree.ts"
import { Modules } from "../../src/sysfs/Modules.ts"
import * as SysfsTree from "../../src/sysfs/SysfsTree.ts"
import * as Daxctl from "../../src/userland/Daxctl.ts"
import * as Ndctl from "../../src/userland/Ndctl.ts"
import * as Harness from "../devices/Harness.ts"

const GiB = 1024 ** 3

const uuid = "11111111-2222-4333-8444-555555555555"

const fresh = () => {
  let count = 0
  return () => `00000000-0000-4000-8000-${(++count).toString(16).padStart(12, "0")}`
}

const input = { stdin: new Uint8Array(), onTerminal: false, freshUuid: fresh() }

const split = (words: string) => words.split(" ").filter((word) => word !== "")

const run = (words: string) => Ndctl.run(split(words), input)

const told = Effect.fnUntraced(function*(words: string) {
  const { exit, stderr } = yield* run(words)
  return [exit, ...stderr.split("\n").filter((line) => line !== "")]
})

const printed = (words: string) =>
  Effect.map(run(words), ({ stdout }) => stdout === "" ? undefined : JSON.parse(stdout))

const read = Effect.fnUntraced(function*(path: string) {
  return (yield* SysfsTree.read(yield* SysfsTree.SysfsTree, `/sys/bus/nd/devices/${path}`)).trimEnd()
})

/** A machine with its drivers loaded. */
const on = <A, E, R>(spec: MachineSpec, body: Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const modules = yield* Modules
    for (const name of MachineTree.bootModules) yield* modules.load(name)
    return yield* body
  }).pipe(Effect.scoped, Effect.provide(MachineTree.layer(spec).pipe(Layer.provideMerge(Machine.layer(spec)))))

const labelled = Effect.gen(function*() {
  for (const words of ["disable-region all", "init-labels -f all", "enable-region all"]) yield* run(words)
})

const withLabels = Harness.machine([{ start: 8 * GiB, size: 2 * GiB, labelArea: 131072 }])

const withoutLabels = Harness.machine([{ start: 8 * GiB, size: 2 * GiB, labelArea: 0 }])

/** region0 on an NFIT bus, region1 of the command line on another. */
const twoBuses = Harness.machine([{ start: 8 * GiB, size: 2 * GiB, labelArea: 131072 }], "memmap=1G!12G")

describe("Ndctl", () => {
  it.effect("OBS-26: labels are written while regions are disabled; init wants -f over labels there are", () =>
    on(
      withLabels,
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* told("init-labels nmem0"), [
          1,
          "nmem0: regions active, abort label write",
          "initialized 0 nmem"
        ])
        assert.deepStrictEqual(yield* told("check-labels all"), [1, "successfully verified 0 nmem label"])
        assert.deepStrictEqual(yield* told("disable-region region0"), [0, "disabled 1 region"])
        assert.deepStrictEqual(yield* told("init-labels nmem0"), [0, "initialized 1 nmem"])
        assert.deepStrictEqual(yield* told("init-labels all"), [
          1,
          "nmem0: error: labels already initialized",
          "initialized 0 nmem"
        ])
        assert.deepStrictEqual(yield* told("init-labels -V 2.0 all"), [
          1,
          "'2.0' is not a valid label version",
          "initialized 0 nmem"
        ])
        assert.deepStrictEqual(yield* told("init-labels nmem7"), [0, "initialized 0 nmem"])
        assert.deepStrictEqual((yield* told("init-labels region0")).slice(0, 2), [
          129,
          "'region0' is not a valid dimm name"
        ])
        assert.deepStrictEqual(yield* told("check-labels nmem0"), [0, "successfully verified 1 nmem label"])
        yield* run("disable-region all")
        yield* run("zero-labels nmem0")
        assert.deepStrictEqual(yield* told("check-labels nmem0"), [1, "successfully verified 0 nmem label"])
        assert.deepStrictEqual(yield* told("init-labels nmem0"), [0, "initialized 1 nmem"])
        assert.deepStrictEqual(yield* told("zero-labels nmem0 nmem0"), [0, "zeroed 2 nmems"])
        assert.deepStrictEqual(yield* told("enable-region 0"), [0, "enabled 1 region"])
        assert.deepStrictEqual(yield* told("enable-region 1"), [0, "enabled 0 regions"])
        assert.deepStrictEqual(yield* told("disable-region -t blk all"), [0, "disabled 0 regions"])
      })
    ))

  it.effect("OBS-26: without a label area nothing is written", () =>
    on(
      withoutLabels,
      Effect.gen(function*() {
        yield* run("disable-region all")
        assert.deepStrictEqual(yield* told("init-labels -f all"), [1, "initialized 0 nmem"])
        assert.deepStrictEqual(yield* told("zero-labels all"), [1, "zeroed 0 nmem"])
      })
    ))

  it.effect("OBS-26: -e gives labels to a region that could have some, unless told not to", () =>
    on(
      withLabels,
      Effect.gen(function*() {
        const made = yield* printed("create-namespace -f -e namespace0.0 -m fsdax -M mem --no-autolabel")
        assert.strictEqual(made.uuid.length, 36)
        assert.strictEqual(yield* read("region0/nstype"), "4")
        const again = yield* printed("create-namespace -f -e namespace0.0 -m fsdax -M mem -n data")
        assert.deepStrictEqual([again.dev, again.name, again.size], ["namespace0.0", "data", 2 * GiB - 2 * 1024 ** 2])
        assert.strictEqual(yield* read("region0/nstype"), "5")
        // labels of version 1.2 keep the class of a disabled namespace
        yield* run("disable-region all")
        yield* run("enable-region all")
        assert.strictEqual(yield* read("namespace0.0/holder_class"), "pfn")
      })
    ))

  it.effect("OBS-25: uuid, name and size are checked by the kernel; what fails is given up again", () =>
    on(
      withLabels,
      Effect.gen(function*() {
        yield* labelled
        const made = yield* printed(`create-namespace -m raw -s 64M -u ${uuid} -n logs`)
        assert.deepStrictEqual([made.uuid, made.name, made.blockdev], [uuid, "logs", "pmem0"])
        assert.deepStrictEqual(yield* told(`create-namespace -m raw -s 64M -u ${uuid}`), [
          234,
          "  Error: create namespace: namespace0.1: set_uuid failed: Invalid argument"
        ])
        assert.deepStrictEqual(yield* told(`create-namespace -s 64M -n ${"x".repeat(64)}`), [
          234,
          "  Error: create namespace: validate_namespace_options: alt name overflow"
        ])
        assert.strictEqual(yield* read("region0/available_size"), String(2 * GiB - 64 * 1024 ** 2))
        assert.deepStrictEqual(yield* told("create-namespace -t blk"), [
          237,
          "failed to create namespace: No such device or address"
        ])
        assert.deepStrictEqual(yield* told("create-namespace -s 4G"), [
          237,
          "failed to create namespace: No space left on device"
        ])
        yield* run("create-namespace")
        assert.deepStrictEqual(yield* told("create-namespace"), [
          237,
          "failed to create namespace: No such device or address"
        ])
      })
    ))

  it.effect("OBS-25 row 1: every bad value is complained about before any device is looked at", () =>
    on(
      withLabels,
      Effect.gen(function*() {
        const first = (words: string) =>
          Effect.map(
            told(words),
            (lines) => lines.slice(0, lines.indexOf(" usage: ndctl create-namespace [<options>]"))
          )
        assert.deepStrictEqual(yield* first("create-namespace -t x -m y -M z -s 1q -a 3 -u u -l q more"), [
          129,
          "  Error: invalid type 'x', must be either 'pmem' or 'blk'",
          "  Error: invalid mode 'y'",
          "  Error: invalid map location 'z'",
          "  Error: --map only valid for an devdax mode pmem namespace",
          "  Error: failed to parse namespace size '1q'",
          "  Error: align must be a power-of-2 greater than 4096",
          "  Error: failed to parse namespace size '1q'",
          "  Error: failed to parse uuid: 'u'",
          "  Error: invalid sector size: q",
          "  Error: unknown extra parameter \"more\""
        ])
        assert.deepStrictEqual(yield* first("create-namespace -t blk -m fsdax"), [
          129,
          "  Error: only 'pmem' namespaces support dax operation"
        ])
        assert.deepStrictEqual((yield* told("destroy-namespace")).slice(0, 2), [
          129,
          "  Error: specify a namespace to destroy, or \"all\""
        ])
        assert.deepStrictEqual((yield* told("enable-region a b")).slice(0, 2), [
          129,
          "  Error: unknown extra parameter \"b\""
        ])
        assert.deepStrictEqual((yield* told("list x")).slice(0, 2), [129, "  Error: unknown parameter \"x\""])
        assert.deepStrictEqual(yield* told("list -m x"), [234, "  Error: invalid mode: 'x'"])
      })
    ))

  it.effect("OBS-25: -c goes on over all regions", () =>
    on(
      Harness.machine([
        { start: 8 * GiB, size: GiB, labelArea: 131072 },
        { start: 12 * GiB, size: GiB, labelArea: 131072 }
      ]),
      Effect.gen(function*() {
        yield* labelled
        assert.deepStrictEqual(yield* told("create-namespace -c -m raw -s 64M"), [0, "created 2 namespaces"])
        assert.deepStrictEqual(yield* told("create-namespace -c -m raw -r region0"), [0, "created 1 namespace"])
        assert.deepStrictEqual(yield* told("create-namespace -c -m raw -s 512M"), [0, "created 1 namespace"])
        assert.deepStrictEqual(yield* told("create-namespace -c -m raw -s 2G"), [
          237,
          "created 0 namespaces",
          "failed to create namespace: No space left on device"
        ])
        assert.deepStrictEqual(yield* told("disable-namespace all"), [0, "disabled 4 namespaces"])
        assert.deepStrictEqual(yield* told("enable-namespace -r region1 all"), [0, "enabled 2 namespaces"])
        assert.deepStrictEqual(yield* told("destroy-namespace all"), [
          0,
          "  Error: namespace1.0 is active, specify --force for re-configuration",
          "  Error: namespace1.1 is active, specify --force for re-configuration",
          "destroyed 2 namespaces"
        ])
      })
    ))

  it.effect("OBS-26: a namespace of no capacity counts if it is named; one that is not there is complained about", () =>
    on(
      withLabels,
      Effect.gen(function*() {
        yield* labelled
        assert.deepStrictEqual(yield* told("disable-namespace namespace0.0"), [0, "disabled 1 namespace"])
        assert.deepStrictEqual(yield* told("disable-namespace all"), [0, "disabled 0 namespaces"])
        const disabled = "libndctl: ndctl_namespace_enable: namespace0.0: failed to enable"
        assert.deepStrictEqual(yield* told("destroy-namespace namespace0.0"), [
          0,
          disabled,
          "  Error: destroy namespace: namespace0.0 failed to enable for zeroing, continuing",
          "destroyed 1 namespace"
        ])
        assert.deepStrictEqual(yield* told("destroy-namespace -f all"), [0, "destroyed 0 namespaces"])
        assert.deepStrictEqual(yield* told("enable-namespace namespace0.0"), [
          250,
          disabled,
          "error enabling namespaces: No such device or address",
          "enabled 0 namespaces"
        ])
        assert.deepStrictEqual(yield* told("destroy-namespace namespace7.7"), [
          250,
          "error destroying namespaces: No such device or address",
          "destroyed 0 namespaces"
        ])
        assert.deepStrictEqual(yield* told("enable-namespace namespace7.7"), [
          250,
          "error enabling namespaces: No such device or address",
          "enabled 0 namespaces"
        ])
      })
    ))

  it.effect("OBS-26, 27.4: memory in use as System RAM is neither disabled nor destroyed", () =>
    on(
      withLabels,
      Effect.gen(function*() {
        yield* labelled
        yield* run("create-namespace -m devdax -M mem")
        yield* Daxctl.run(split("reconfigure-device -m system-ram dax0.0"), input)
        assert.deepStrictEqual(yield* told("disable-namespace namespace0.0"), [
          240,
          "error disabling namespaces: Device or resource busy",
          "disabled 0 namespaces"
        ])
        assert.deepStrictEqual(yield* told("destroy-namespace -f all"), [
          240,
          "error destroying namespaces: Device or resource busy",
          "destroyed 0 namespaces"
        ])
        yield* Daxctl.run(split("offline-memory dax0.0"), input)
        assert.deepStrictEqual(yield* told("destroy-namespace -f all"), [0, "destroyed 1 namespace"])
      })
    ))

  it.effect("OBS-26: destroying a label-less namespace counts only when there was something to zero", () =>
    on(
      withoutLabels,
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* told("destroy-namespace -f all"), [0, "destroyed 0 namespaces"])
        yield* run("create-namespace -f -e namespace0.0 -m sector")
        assert.strictEqual(yield* read("namespace0.0/mode"), "safe")
        assert.deepStrictEqual(yield* told("destroy-namespace -f namespace0.0"), [0, "destroyed 1 namespace"])
        assert.strictEqual(yield* read("namespace0.0/mode"), "raw")
        // a missing driver is loaded
        yield* (yield* Modules).unload("nd_pmem")
        assert.deepStrictEqual(yield* told("enable-namespace all"), [0, "enabled 1 namespace"])
      })
    ))

  it.effect("OBS-20 … OBS-22: options and filters of list", () =>
    on(
      twoBuses,
      Effect.gen(function*() {
        const names = (words: string) =>
          Effect.map(printed(words), (list) => JSON.stringify(list).match(/(?<="dev":")[^"]*/g))
        assert.strictEqual((yield* run("list -m sector")).stdout, "")
        assert.deepStrictEqual(yield* names("list"), ["namespace1.0", "namespace0.0"])
        assert.deepStrictEqual(yield* names("list -BDRN"), [
          "ndbus1",
          "region1",
          "namespace1.0",
          "ndbus0",
          "nmem0",
          "region0",
          "namespace0.0"
        ])
        assert.deepStrictEqual(yield* names("list -b e820"), ["ndbus1"])
        assert.deepStrictEqual(yield* names("list -N -b ACPI.NFIT"), ["namespace0.0"])
        assert.deepStrictEqual(yield* names("list -r 1"), ["region1"])
        assert.deepStrictEqual(yield* names("list -n 1.0"), ["namespace1.0"])
        assert.deepStrictEqual(yield* names("list -d nmem0"), ["nmem0"])
        assert.deepStrictEqual(yield* names("list -R -d nmem0"), ["region0"])
        assert.deepStrictEqual(yield* names("list -m fsdax"), ["namespace1.0"])
        const region = yield* printed("list -RCu -r region0")
        assert.deepStrictEqual([region.dev, region.capabilities.length], ["region0", 3])
        assert.deepStrictEqual(Object.keys(yield* printed("list -DN")), ["dimms", "namespaces"])
        yield* run("disable-namespace namespace1.0")
        assert.deepStrictEqual(yield* names("list"), ["namespace0.0"])
        assert.deepStrictEqual(yield* names("list -c"), ["namespace1.0", "namespace0.0"])
        yield* run("create-namespace -f -e namespace0.0 -m devdax")
        assert.strictEqual((yield* printed("list -n namespace0.0"))[0].chardev, "dax0.0")
      })
    ))

  it.effect("27.1: for people where output goes to a terminal", () =>
    on(
      withLabels,
      Effect.gen(function*() {
        yield* labelled
        const { stdout } = yield* Ndctl.run(["create-namespace", "-m", "raw", "-s", "64M"], {
          ...input,
          onTerminal: true
        })
        assert.include(stdout, "\"size\":\"64.00 MiB (67.11 MB)\"")
      })
    ))

  it.effect("22.7, OBS-27: info blocks of namespaces and on block devices", () =>
    on(
      withoutLabels,
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* told("write-infoblock -o /dev/pmem0 -m devdax -s 1G"), [0, "wrote 1 infoblock"])
        const [block] = yield* printed("read-infoblock -j -i /dev/pmem0")
        assert.deepStrictEqual([block.file, block.signature], ["/dev/pmem0", "NVDIMM_DAX_INFO"])
        const disk = SysfsTree.lookup(yield* SysfsTree.SysfsTree, "/dev/pmem0")
        const bytes = yield* disk?._tag === "Bytes" ? disk.read(0, 8192) : assert.fail("no disk")
        const copy = { exit: 0, stdout: new TextDecoder().decode(bytes), stderr: "read 1 infoblock\n", bytes }
        assert.deepStrictEqual(yield* run("read-infoblock -i /dev/pmem0"), copy)
        assert.deepStrictEqual(yield* told("read-infoblock -j all"), [
          240,
          "error reading infoblock data: Device or resource busy",
          "read 0 infoblocks"
        ])
        yield* run("disable-namespace all")
        assert.strictEqual((yield* printed("read-infoblock -u namespace0.0"))[0].dev, "namespace0.0")
        for (const words of ["read-infoblock namespace0.0", "read-infoblock all -V"]) {
          assert.deepStrictEqual(yield* run(words), copy, words)
        }
        assert.deepStrictEqual(yield* told("write-infoblock all -s 5000"), [
          234,
          "  Error: --size=5000 not aligned to 4096",
          "error checking infoblocks: Invalid argument",
          "wrote 0 infoblocks"
        ])
        assert.deepStrictEqual(yield* told("write-infoblock all -s 8K"), [
          250,
          "  Error: unable to satisfy requested alignment",
          "error checking infoblocks: No such device or address",
          "wrote 0 infoblocks"
        ])
        assert.deepStrictEqual((yield* told("read-infoblock a b -i c")).slice(0, 3), [
          129,
          "  Error: unknown extra parameter \"b\"",
          "  Error: specify a namespace, or --input, not both"
        ])
      })
    ))

  it.effect("27.3: what is not modelled is named", () =>
    on(
      withoutLabels,
      Effect.gen(function*() {
        for (
          const words of [
            "read-labels all",
            "monitor",
            "help list",
            "read-infoblock -o /tmp/block namespace0.0",
            "write-infoblock -c -s 1G"
          ]
        ) {
          const refused = Result.getOrThrow(Result.flip(yield* Effect.result(run(words))))
          assert.strictEqual(refused._tag, "NotModelled")
        }
        assert.deepStrictEqual(yield* told("make-namespace"), [1, "Unknown command: 'make-namespace'"])
        assert.strictEqual((yield* run("--version")).stdout, "76.1\n")
      })
    ))

  it.effect("OBS-24: three hundred seeded command lines end with a status or are not modelled", () =>
    on(
      twoBuses,
      Effect.gen(function*() {
        const words = split(
          "list create-namespace destroy-namespace enable-namespace disable-namespace enable-region disable-region init-labels " +
            "zero-labels check-labels read-infoblock write-infoblock -f -c -j -u -i -vvv -RNDXB -e -m -M -s -a -l -n -r -b -t -d -U -O -V -o " +
            "--no-autolabel --no-autorecover --size= --align=2M --mo -- all namespace0.0 namespace1.0 region0 nmem0 fsdax devdax " +
            `sector raw mem dev 64M 1G 0 -1 9999999999999999999T 4K 0x10 ${uuid} / \u0000 ${"x".repeat(100)}`
        )
        let seed = 20_24
        const next = (below: number) => {
          seed = (seed * 48_271) % 2_147_483_647
          return seed % below
        }
        let ended = 0
        for (let i = 0; i < 300; i++) {
          const line = [
            words[next(12)] ?? "",
            ...Array.from({ length: next(7) }, () => words[next(words.length)] ?? "")
          ]
          const answer = yield* Effect.result(Ndctl.run(line, input))
          if (Result.isFailure(answer)) assert.strictEqual(answer.failure._tag, "NotModelled")
          else {
            ended++
            assert.isTrue(Number.isInteger(answer.success.exit), line.join(" "))
          }
        }
        assert.isAbove(ended, 200)
      })
    ))
})
