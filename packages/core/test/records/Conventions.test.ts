/** What may differ between two sides without being a difference, and what may not. */
import { assert, describe, it } from "@effect/vitest"
import { Option } from "effect"
import * as InfoBlock from "../../src/devices/InfoBlock.ts"
import * as Uuid from "../../src/devices/Uuid.ts"
import type { KernelRecord } from "../../src/records/KernelRecord.ts"
import * as LeafPath from "../../src/records/LeafPath.ts"
import * as Pairing from "../../src/records/Pairing.ts"
import * as RecordComparison from "../../src/records/RecordComparison.ts"
import * as Totals from "../../src/records/Totals.ts"
import * as Observed from "./observed.ts"

type Path = LeafPath.LeafPath

const get = (value: unknown, ...path: Path): unknown =>
  Option.getOrElse(LeafPath.get(value, path), () => assert.fail(LeafPath.print(path)))

/** The recording against itself, the engine's side altered. */
const against = (name: string, ...changes: ReadonlyArray<readonly [Path, unknown]>) => {
  const record = Observed.load(name)
  const engine = changes.reduce<unknown>(
    (side, [path, value]) => LeafPath.set(side, path, value),
    Observed.asEngine(record)
  )
  return RecordComparison.compare(record, engine as Observed.Observed)
}

const paths = ({ different }: RecordComparison.Comparison) => different.map(({ path }) => path).toSorted()

/** Every leaf of the engine's side rewritten. */
const rewritten = (record: KernelRecord, rewrite: (path: Path, value: unknown) => unknown): Observed.Observed =>
  LeafPath.leaves(Observed.asEngine(record)).reduce<unknown>((side, { path, value }) => {
    const other = rewrite(path, value)
    return other === value ? side : LeafPath.set(side, path, other)
  }, Observed.asEngine(record)) as Observed.Observed

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g
const turned = (text: string) => text === Uuid.zero ? text : text.replaceAll(/[0-9a-f]/g, (c) => c === "3" ? "c" : "3")

/** Another run: uuids, times, physical placement and free memory are others. */
const otherRun = (record: KernelRecord): Observed.Observed =>
  rewritten(record, (path, value) => {
    const key = path.at(-1)
    if (path[1] === "before-drivers") return value
    if (
      path[3] === "runs" && key === 2 && typeof value === "number" &&
      get(record.observed, ...path.slice(0, -1), 5) === "ram"
    ) {
      return value + 4096
    }
    if (typeof value !== "string") return key === "seconds" || key === "MemFree" ? 1 : value
    if (path.some((part) => String(part).startsWith("dmesg"))) {
      return value.replace(/^\[ *[0-9.]+\]/, "[  999.000001]").replace(/in [0-9]+ms$/, "in 7ms").replace(
        /Total pages: [0-9]+$/,
        "Total pages: 5"
      )
    }
    if (key === "nodes") return value.replaceAll(/(MemFree:) +[0-9]+/g, "$1    12")
    return key === "hex" ? otherBlock(value) : value.replaceAll(uuid, turned)
  })

const otherBlock = (hex: string): string => {
  if (hex === "zeros") return hex
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16))
  const wasSealed = InfoBlock.checksumOf(bytes) === InfoBlock.storedChecksum(bytes)
  const sign = bytes.slice(0, 6)
  // sealed as it was written, damaged afterwards
  bytes.set([78, 86, 68, 73, 77, 77])
  const wasDamaged = !wasSealed && InfoBlock.checksumOf(bytes) === InfoBlock.storedChecksum(bytes)
  for (const at of [16, 32]) bytes.set(Uuid.toBytes(turned(Uuid.fromBytes(bytes, at))), at)
  if (wasDamaged) bytes.set(InfoBlock.seal(bytes))
  bytes.set(sign)
  return [...(wasSealed ? InfoBlock.seal(bytes) : bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("")
}

describe("Comparison: what varies from run to run", () => {
  it("another run of the same case is equal: uuids, checksums, times, placement, free memory", () => {
    for (
      const name of [
        "multi-mixed",
        "infoblock-corrupt-signature",
        "large-128g-devdax-mem-2m",
        "mode-sector-520",
        "kmem-mem-no-online",
        "block-dimm-unaligned-size",
        "cycle-modes"
      ]
    ) {
      const record = Observed.load(name)
      const { different, equal } = RecordComparison.compare(record, otherRun(record))
      assert.deepStrictEqual(different, [], name)
      assert.isAbove(equal, 20)
    }
  })

  it("a uuid that is given is compared, and one that is not must be there", () => {
    const given = Observed.load("tool-devdax-dev-16m")
    const engine = rewritten(
      given,
      (_path, value) => typeof value === "string" ? value.replaceAll(uuid, turned) : value
    )
    const { different } = RecordComparison.compare(given, engine)
    assert.deepStrictEqual(different.map(({ path }) => path), ["read.json[0].uuid", "read.json[0].parent_uuid"])
    const path = ["phases", "final", "nd_sysfs", "namespace0.0", "uuid"]
    assert.deepStrictEqual(paths(against("multi-mixed", [path, Uuid.zero])), [LeafPath.print(path)])
    assert.deepStrictEqual(paths(against("multi-mixed", [path, ""])), [LeafPath.print(path)])
  })

  it("OBS-11: modules split entries of 2 MiB, and nothing else may move", () => {
    const change = (in2M: number, in4k: number) => {
      const { observed } = Observed.load("boot-2g")
      const [was2M, was4k] = ["DirectMap2M", "DirectMap4k"].map((key) => get(observed, "delta", key) as number)
      return paths(
        against("boot-2g", [["delta", "DirectMap2M"], (was2M ?? 0) + in2M], [
          ["delta", "DirectMap4k"],
          (was4k ?? 0) + in4k
        ])
      )
    }
    assert.deepStrictEqual(change(2 ** 22, -(2 ** 22)), [])
    assert.deepStrictEqual(change(-(2 ** 22), 2 ** 22), ["delta.DirectMap2M", "delta.DirectMap4k"])
    assert.deepStrictEqual(change(4096, -4096), ["delta.DirectMap2M", "delta.DirectMap4k"])
    assert.deepStrictEqual(change(2 ** 30, -(2 ** 30)), ["delta.DirectMap2M", "delta.DirectMap4k"])
    assert.deepStrictEqual(change(0, 2 ** 21).length, 1)
  })

  it("a printed /proc/meminfo is held to its form, another text to every character", () => {
    const at = ["phases", "final", "extra"]
    const compare = (kernel: string, engine: string) => {
      const record = Observed.load("boot-2g")
      const final = get(record.observed, "phases", "final") as Observed.Observed
      const side = (extra: string) =>
        LeafPath.set(record.observed, ["phases", "final"], { ...final, extra }) as Observed.Observed
      return paths(RecordComparison.compare({ ...record, observed: side(kernel) }, {
        ...side(engine),
        dmesg_all: Observed.asEngine(record)["dmesg_all"]
      }))
    }
    const meminfo = "MemTotal:         785908 kB\nMemFree:            1500 kB"
    assert.deepStrictEqual(compare("MemTotal:         640968 kB\nMemFree:           44816 kB\nPages: 3", meminfo), [])
    assert.deepStrictEqual(compare(`${meminfo}~`, meminfo), [LeafPath.print(at)])
    assert.deepStrictEqual(compare("", meminfo), [LeafPath.print(at)])
    assert.deepStrictEqual(compare("state 1", "state 2"), [LeafPath.print(at)])
    const tree = ["00001000-0009fbff : System RAM", "  01000000-01e01d31 : Kernel code"]
    assert.deepStrictEqual(compare(tree.join("\n"), tree.join("\n").replace("01e01d31", "01e01d41")), [])
    assert.deepStrictEqual(compare(tree.join("\n"), tree.join("\n").replace("fbff", "fbf0")), [LeafPath.print(at)])
  })

  it("SPW-10: runs in RAM may split otherwise, but cover the same", () => {
    const name = "kmem-mem-default"
    const at = ["snapshots", "namespace0.0@ram", "vmemmap"]
    const { observed } = Observed.load(name)
    const [hole, run] = get(observed, ...at, "runs") as ReadonlyArray<ReadonlyArray<number>>
    const [virt = 0, leaf = 0, phys = 0, count = 0] = run ?? []
    const split = [
      hole,
      [virt, leaf, phys, 4, leaf, "ram"],
      [virt + 4 * leaf, leaf, phys + 2 ** 30, count - 4, leaf, "ram"]
    ]
    assert.deepStrictEqual(paths(against(name, [[...at, "runs"], split], [[...at, "runsTotal"], 3])), [])
    const [start, end] = [virt, virt + count * leaf]
    const leafRuns = [[hole?.[0], virt, null, null], [start, end, leaf, "ram"]]
    const vmemmap = get(observed, ...at) as Observed.Observed
    assert.deepStrictEqual(paths(against(name, [at, { ...vmemmap, leafRuns }])), [])
    const short = [[hole?.[0], virt, null, null], [start, end - leaf, leaf, "ram"]]
    const runs = LeafPath.print([...at, "runs"])
    assert.deepStrictEqual(paths(against(name, [at, { ...vmemmap, leafRuns: short }])), [`${runs}[1][3]`])
    const small = [[hole?.[0], virt, null, null], [start, end, 4096, "ram"]]
    assert.include(paths(against(name, [at, { ...vmemmap, leafRuns: small }])), `${runs}[1][1]`)
  })

  it("kernel pointers may be numbered otherwise, but the same one stays the same", () => {
    const record = Observed.load("mode-fsdax-mem-2m")
    const at = ["snapshots", "namespace0.0@final", "structPages"]
    const pages = get(record.observed, ...at) as { readonly images: ReadonlyArray<Observed.Observed> }
    const words = (one: string, other: string) => ["0x1", one, other, "0x0", "0x0", "0x0", "0x0", "0x0"]
    const image = (lastPfn: number, one: string, other: string) => ({
      count: 1,
      firstPfn: 0,
      lastPfn,
      words: words(one, other)
    })
    const side = (...images: ReadonlyArray<unknown>): Observed.Observed =>
      LeafPath.set(record.observed, [...at, "images"], [...pages.images.slice(0, 0), ...images]) as Observed.Observed
    const compare = (kernel: Observed.Observed, engine: Observed.Observed) =>
      paths(
        RecordComparison.compare({ ...record, observed: kernel }, {
          ...engine,
          dmesg_all: Observed.asEngine(record)["dmesg_all"]
        })
      )
    const kernel = side(image(1, "kptr#0", "kptr#1"), image(2, "kptr#0", "kptr#0"), image(3, "kptr#1", "kptr#1"))
    const renamed = side(image(3, "kptr#0", "kptr#0"), image(1, "kptr#1", "kptr#0"), image(2, "kptr#1", "kptr#1"))
    assert.deepStrictEqual(compare(kernel, renamed), [])
    const mixed = side(image(1, "kptr#0", "kptr#1"), image(2, "kptr#0", "kptr#0"), image(3, "kptr#1", "kptr#0"))
    assert.deepStrictEqual(compare(kernel, mixed), [`${LeafPath.print(at)}.images[2].words[2]`])
  })
})

describe("Comparison: memory that was online", () => {
  const name = "block-dimm-online"
  const at = ["snapshots", "dimm"]
  const { observed } = Observed.load(name)
  const snapshot = get(observed, ...at) as {
    readonly structPages: { readonly images: ReadonlyArray<{ readonly words: ReadonlyArray<string> }> }
  }
  const never = snapshot.structPages.images.filter(({ words }) => words.every((word) => word === "0x0"))
  const own = (place: string) => ({
    count: 1,
    firstPfn: 1,
    lastPfn: 1,
    words: [place, "page", "page", "?", "?", "?", "?", "?"]
  })
  const online = (images: ReadonlyArray<unknown>) => ({
    ...snapshot,
    structPages: {
      pages: 262144,
      unmapped: 0,
      partial: false,
      images: [...images, own("0x17ffffc0000000"), own("0x1fffffc0000000")],
      imagesTotal: 3,
      samples: {},
      online: true,
      neverWritten: 98304,
      selfHosted: 0
    }
  })

  it("only what follows from the input is compared: totals, node and zone, blocks never onlined", () => {
    assert.strictEqual(never.length, 1)
    const whole = against(name, [at, online(never)])
    assert.deepStrictEqual(whole.different, [])
    assert.isAbove(whole.outOfScope, 100)
    const [image] = never
    assert.deepStrictEqual(paths(against(name, [at, online([{ ...image, lastPfn: 1 }])])), [
      "snapshots.dimm.structPages.images[1].lastPfn"
    ])
  })

  it("altering what is compared is found where it is", () => {
    const record = Observed.load(name)
    const engine = LeafPath.set(Observed.asEngine(record), at, online(never)) as Observed.Observed
    const alter = (path: Path, value: unknown) =>
      paths(
        RecordComparison.compare({
          ...record,
          observed: LeafPath.set(record.observed, [...at, ...path], value) as Observed.Observed
        }, engine)
      )
    assert.deepStrictEqual(alter(["structPages", "pages"], 1), ["snapshots.dimm.structPages.pages"])
    assert.deepStrictEqual(alter(["structPages", "images", 1, "count"], 98303), [
      "snapshots.dimm.structPages.images[1].count"
    ])
    assert.deepStrictEqual(alter(["structPages", "images", 0, "words", 0], "0x7ffffc0000000"), [
      "snapshots.dimm.structPages.images[0].words[0]"
    ])
    assert.deepStrictEqual(alter(["structPages", "images", 0, "words", 0], "0x17ffffc000000~"), [
      "snapshots.dimm.structPages.images[0].words[0]"
    ])
    assert.deepStrictEqual(alter(["structPages", "images", 0, "count"], 5), [])
    assert.deepStrictEqual(alter(["structPages", "imagesTotal"], 5), [])
  })
})

describe("Comparison: lines", () => {
  it("23.7: namespaces probed side by side may be done in either order", () => {
    const name = "legacy-three-unaligned"
    const at = ["phases", "boot", "dmesg_new"]
    const lines = get(Observed.load(name).observed, ...at) as ReadonlyArray<string>
    const swapped = [...lines.slice(3), ...lines.slice(0, 3)]
    assert.isAbove(lines.length, 3)
    assert.deepStrictEqual(paths(against(name, [at, swapped])), [])
    assert.strictEqual(paths(against(name, [at, swapped.slice(1)])).length, 1)
    const loaded = (command: string, dmesg: ReadonlyArray<string>) =>
      [["commands", 0], { command, n: 1, exit: 0, dmesg }] as const
    const compare = (command: string) => {
      const record = Observed.load(name)
      const observed = LeafPath.set(record.observed, ...loaded(command, lines)) as Observed.Observed
      const engine = LeafPath.set(Observed.asEngine(record), ...loaded(command, swapped)) as Observed.Observed
      return paths(RecordComparison.compare({ ...record, observed }, engine)).length
    }
    assert.strictEqual(compare("modprobe nd_pmem"), 0)
    assert.isAbove(compare("ndctl enable-namespace namespace0.0"), 0)
  })

  it("OBS-29: a line more, a line less, another function that warned", () => {
    const name = "infoblock-write-smaller-than-namespace"
    const { observed } = Observed.load(name)
    const commands = observed["commands"] as ReadonlyArray<{ readonly dmesg: ReadonlyArray<string> }>
    const index = commands.findIndex(({ dmesg }) => dmesg.some((line) => line.includes("WARNING")))
    const own = (commands[index]?.dmesg ?? []).filter((line) => /WARNING|probe of|persistence/.test(line))
    const at = ["commands", index, "dmesg"]
    const print = LeafPath.print(at)
    assert.deepStrictEqual(paths(against(name, [at, own])), [])
    const named = own.map((line) => line.replace(/^.*WARNING: .* (\w+)\+0x.*$/, "WARNING: $1"))
    assert.notDeepEqual(named, own)
    assert.deepStrictEqual(paths(against(name, [at, named])), [])
    assert.strictEqual(
      paths(against(name, [at, named.map((line) => line.replace("add_pages", "arch_add_memory"))])).length,
      1
    )
    assert.strictEqual(paths(against(name, [at, own.slice(1)])).length, 1)
    assert.deepStrictEqual(
      paths(against(name, [at, [...own, "nd_pmem namespace9.0: unable to guarantee persistence of writes"]])),
      [`${print}[${(commands[index]?.dmesg.length ?? 0) + own.length}]`]
    )
  })

  const eject = "block-dimm-eject-online"
  const ejecting: Path = ["commands", 2, "dmesg"]

  it("HOT-22: what an eject says may be heard after its command, but it must be heard", () => {
    const record = Observed.load(eject)
    const said = get(record.observed, ...ejecting)
    const silent = LeafPath.set(record.observed, ejecting, [])
    const final = get(record.observed, "phases", "final")
    const heard = (lines: unknown) => LeafPath.set(silent, ["phases", "final"], { ...Object(final), dmesg_new: lines })
    const late = heard(said)
    const against = (observed: unknown) =>
      paths(RecordComparison.compare({ ...record, observed: observed as Observed.Observed }, Observed.asEngine(record)))
    assert.deepStrictEqual(against(late), [])
    assert.deepStrictEqual(against(silent), ["commands[2].dmesg[0]"])
    const other = heard(["[    3.989874] Built 2 zonelists, mobility"])
    assert.deepStrictEqual(against(other), ["phases.final.dmesg_new[0]"])
  })

  it("a migration that fails and is tried again is nobody's to predict; an unmovable page is", () => {
    const record = Observed.load(eject)
    const page =
      "[    3.9] page:00000000edd8a813 refcount:2 mapcount:1 mapping:0000000000000000 index:0x7f pfn:0x208015"
    const said = get(record.observed, ...ejecting) as ReadonlyArray<string>
    const against = (why: string) =>
      paths(RecordComparison.compare({
        ...record,
        observed: LeafPath.set(record.observed, ejecting, [
          page,
          `[    3.9] page dumped because: ${why}`,
          ...said
        ]) as Observed.Observed
      }, Observed.asEngine(record)))
    assert.deepStrictEqual(against("migration failure"), [])
    assert.deepStrictEqual(against("unmovable page"), ["commands[2].dmesg[0]", "commands[2].dmesg[1]"])
  })

  it("dmesg_tail: the last lines of this subject are the last ones said", () => {
    const name = "legacy-three-unaligned"
    const { dmesg_all: all } = Observed.asEngine(Observed.load(name)) as { readonly dmesg_all: ReadonlyArray<string> }
    const more = [...all, "memmap_init_zone_device initialised 1 pages in 0ms"]
    assert.isAtLeast(paths(against(name, [["dmesg_all"], more])).length, 1)
    assert.isAtLeast(paths(against(name, [["dmesg_all"], all.slice(0, -1)])).length, 1)
  })
})

describe("Comparison: what one side lacks", () => {
  it("a resource, a command, a phase, a device more or less is one difference", () => {
    const { observed } = Observed.load("multi-mixed")
    const iomem = get(observed, "phases", "final", "iomem") as ReadonlyArray<{ readonly name: string }>
    const first = iomem.findIndex(({ name }) => name.startsWith("namespace"))
    assert.deepStrictEqual(paths(against("multi-mixed", [["phases", "final", "iomem"], iomem.toSpliced(first, 1)])), [
      `phases.final.iomem[${first}]`
    ])
    const commands = observed["commands"] as ReadonlyArray<unknown>
    assert.deepStrictEqual(paths(against("multi-mixed", [["commands"], commands.slice(1)])).length > 1, true)
    assert.deepStrictEqual(paths(against("multi-mixed", [["commands"], commands.slice(0, -1)])), [
      `commands[${commands.length - 1}]`
    ])
    const phases = observed["phases"] as Observed.Observed
    const { final: _, ...others } = phases
    assert.deepStrictEqual(paths(against("multi-mixed", [["phases"], others])), ["phases.final"])
    assert.deepStrictEqual(paths(against("multi-mixed", [["phases"], { ...phases, more: { iomemText: "x" } }])), [
      "phases.more"
    ])
  })

  it("a phase that is as the one before may be said in full, and the other way round", () => {
    const record = Observed.load("boot-2g")
    const full = (name: string): unknown => {
      const phase = get(record.observed, "phases", name) as { readonly sameAs?: Readonly<Record<string, string>> }
      const { sameAs = {}, ...fields } = phase
      return {
        ...fields,
        ...Object.fromEntries(
          Object.entries(sameAs).map(([key, other]) => [key, (full(other) as Observed.Observed)[key]])
        )
      }
    }
    const whole = { "before-drivers": full("before-drivers"), boot: full("boot"), final: full("final") }
    const engine = { ...Observed.asEngine(record), phases: whole }
    assert.deepStrictEqual(RecordComparison.compare(record, engine).different, [])
    assert.deepStrictEqual(
      RecordComparison.compare(
        { ...record, observed: { ...record.observed, phases: whole } },
        Observed.asEngine(record)
      )
        .different,
      []
    )
    const changed = LeafPath.set(engine, ["phases", "final", "zoneinfo", 0, "present"], 1) as Observed.Observed
    assert.deepStrictEqual(paths(RecordComparison.compare(record, changed)), ["phases.final.sameAs.zoneinfo"])
  })

  it("what is not modelled is counted apart", () => {
    const record = Observed.load("boot-2g")
    const { delta: _, ...engine } = Observed.asEngine(record)
    const notModelled = [{ path: "delta", why: "no direct map" }]
    const { different, notModelled: apart } = RecordComparison.compare(record, { ...engine, notModelled })
    assert.deepStrictEqual(different, [])
    assert.deepStrictEqual(apart, notModelled)
    assert.isTrue(Totals.isFailed(RecordComparison.compare(record, { ...engine, notModelled })))
    assert.deepStrictEqual([against("boot-2g"), against("boot-4g")].map(Totals.isFailed), [false, false])
  })

  it("29.10: after a failed allocation only what the engine says is compared", () => {
    const record = Observed.load("refuse-no-ram-fsdax")
    const { delta: _delta, snapshots: _snapshots, ...rest } = Observed.asEngine(record)
    const commands = rest["commands"] as ReadonlyArray<Observed.Observed>
    const { exit: _exit, stderr: _stderr, ...last } = commands.at(-1) ?? {}
    const engine = { ...rest, outOfMemory: {}, commands: [...commands.slice(0, -1), last] }
    assert.deepStrictEqual(RecordComparison.compare(record, engine).different, [])
    assert.isAbove(RecordComparison.compare(record, { ...engine, outOfMemory: undefined }).different.length, 2)
    const wrong = { ...engine, commands: [{ ...commands[0], exit: 9 }, ...commands.slice(1)] }
    assert.deepStrictEqual(paths(RecordComparison.compare(record, wrong)), ["commands[0].exit"])
  })
})

describe("Pairing", () => {
  it("pairs what is equal and leaves over what is not, on long lists too", () => {
    assert.deepStrictEqual(Pairing.align(["a", "b", "c"], ["a", "x", "c"]).map(({ left, right }) => [left, right]), [
      [0, 0],
      [1, 1],
      [2, 2]
    ])
    assert.deepStrictEqual(Pairing.align(["a", "c"], ["a", "b", "c"]).map(({ left, right }) => [left, right]), [
      [0, 0],
      [undefined, 1],
      [1, 2]
    ])
    assert.deepStrictEqual(Pairing.equals(["x", "a", "y", "b"], ["a", "z", "b", "x"]), [[1, 0], [3, 2]])
    const long = Array.from({ length: 20_000 }, (_, index) => `line ${index % 7} ${index}`)
    const other = long.toSpliced(10_000, 1).toSpliced(5, 0, "more").toReversed()
    assert.isAtMost(Pairing.align(long, other).length, 40_001)
    assert.strictEqual(Pairing.equals(long, ["y", ...long.toSpliced(10_000, 1), "z"]).length, 19_999)
  })
})
