import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as PlanAnswer from "../../src/answers/PlanAnswer.ts"
import { answer, decode, example, folderWith, run } from "../run.ts"

const GiB = 1024 ** 3

const twoSocket = [example("two-socket/ndctl.json"), example("two-socket/iomem.txt")]
const eightSocket = example("eight-socket.yaml")

const plan = (...args: ReadonlyArray<string>) => answer(PlanAnswer.PlanAnswer, ["plan", ...args])

/** The arguments as typed. */
const typed = (line: string) => plan(...line.split(" "))

type Option = PlanAnswer.PlanAnswer["devices"][number]["options"][number]

const only = ({ devices }: PlanAnswer.PlanAnswer): Option => {
  assert.strictEqual(devices.length, 1)
  assert.strictEqual(devices[0]?.options.length, 1)
  return devices[0]?.options[0] as Option
}

const addsUp = (answer: PlanAnswer.PlanAnswer) => {
  for (const device of answer.devices) {
    for (const option of device.options) {
      const { alignmentHead, alignmentTail, metadata, trimmed, unusedReserve } = option.lost
      const sum = option.usable + alignmentHead + alignmentTail + metadata + trimmed + unusedReserve
      assert.strictEqual(sum, device.size, `${device.name} ${JSON.stringify(option)}`)
    }
  }
}

describe("vmemmap plan --range", () => {
  it.effect("28.3: 128 GiB fsdax/dev at 2 MiB has 126 GiB for the user", () =>
    Effect.gen(function*() {
      const { json, status, stderr } = yield* typed(
        "--range 0x100000000+128G --mode fsdax --map dev --align 2M"
      )
      const option = only(json)
      assert.deepStrictEqual([status, stderr], [0, ""])
      assert.deepStrictEqual(
        [option.usable, option.dataoff, option.npfns, option.ram, option.device],
        [135289372672, 2149580800, 33029632, 0, 2147483648]
      )
      assert.deepStrictEqual(
        [json.totals.size, json.totals.usable, json.totals.lost],
        [128 * GiB, 135289372672, 2149580800]
      )
    }))

  for (
    const [mode, align, ram, total] of [
      ["fsdax", "2M", 16 * GiB, 17179934720],
      ["devdax", "2M", 4 * GiB, 4328587264],
      ["devdax", "1G", 8 * 1024 ** 2, 42008576]
    ] as const
  ) {
    it.effect(`CMP-7: 1 TiB ${mode}/mem at ${align} costs ${total} bytes of RAM`, () =>
      Effect.gen(function*() {
        const { json } = yield* typed(
          `--range 0x100000000+1T --mode ${mode} --map mem --align ${align} --kernel 6.1`
        )
        const option = only(json)
        assert.deepStrictEqual([option.ram, option.ram + option.pageTables, option.device], [ram, total, 0])
        assert.deepStrictEqual(json.totals.nodes, [
          { node: 0, ram, pageTables: total - ram, available: null, fits: null }
        ])
      }))
  }

  it.effect("28.7: usable and the five losses are the size, whatever the range and the answer", () =>
    Effect.gen(function*() {
      const ranges = [
        "4G+128G",
        "0x210000000+4G",
        "4G+1073750016",
        "4G+4292870144",
        "4K+4G",
        "4G+16M",
        "0xdeadb000+4095"
      ]
      for (const range of ranges) addsUp((yield* plan("--range", range)).json)
      addsUp((yield* plan("--range", "4G+8G", "--range", "64G+1T", "--kernel", "5.10")).json)
      addsUp((yield* plan("--range", "4G+64G", "--arch", "arm64-64k")).json)
    }))

  it.effect("22.3: what the kernel refuses has its errno, rule, reason and remedy", () =>
    Effect.gen(function*() {
      const { json } = yield* plan("--range", "4K+4G", "--mode", "fsdax", "--map", "dev", "--align", "2M")
      const option = only(json)
      assert.deepStrictEqual([option.error?.errno, option.error?.rule], ["EINVAL", "22.3 step 2"])
      assert.deepStrictEqual([json.devices[0]?.recommended, json.totals.usable], [null, 0])
    }))

  it.effect("27.2: what only ndctl refuses is still an answer (status 0), what the kernel refuses is a no (status 1)", () =>
    Effect.gen(function*() {
      const asked = (range: string) =>
        run(["plan", "--range", range, "--mode", "fsdax", "--map", "dev", "--align", "2M"])
      const tool = yield* asked("4G+4094M")
      assert.deepStrictEqual([tool.status, tool.stderr], [0, ""])
      assert.include(tool.stdout, "the kernel would take what was asked for, ndctl refuses all of it")
      const unwise = yield* run("plan --range 4G+100G --mode system-ram --map dev --align 4K".split(" "))
      assert.deepStrictEqual([unwise.status, unwise.stderr], [0, ""])
      assert.include(unwise.stdout, "what was asked for is possible, and none of it is recommended")
      assert.include(unwise.stdout, "waste [25.3] pays twice")
      const kernel = yield* asked("0x100001000+1G")
      assert.strictEqual(kernel.status, 1)
      assert.include(kernel.stderr, "nothing that was asked for is possible")
    }))

  it.effect("a device of another kind than asked about is no reason for status 1, unless there is no other", () =>
    Effect.gen(function*() {
      const pmem = `{"name":"region0","kind":"pmem","start":4294967296,"size":137438953472}`
      const dax = `{"name":"region1","kind":"dax","start":1099511627776,"size":137438953472}`
      const asked = (devices: string, mode: string) =>
        run(["plan", "-", "--mode", mode], { stdin: `{"devices":[${devices}]}` })
      assert.strictEqual((yield* asked(`${pmem},${dax}`, "fsdax")).status, 0)
      assert.strictEqual((yield* asked(dax, "fsdax")).status, 1)
      const { stdout } = yield* asked(dax, "system-ram")
      assert.include(stdout, "daxctl reconfigure-device -m system-ram $DAX\n")
    }))

  it.effect("SEC-9: a range beyond the address bits is refused for every choice, and nothing is recommended", () =>
    Effect.gen(function*() {
      const { json } = yield* plan("--range", "1P+8G")
      assert.deepStrictEqual([...new Set(json.devices[0]?.options.map((o) => o.error?.rule))], ["SEC-9"])
      assert.isNull(json.devices[0]?.recommended)
    }))
})

describe("vmemmap plan on described machines", () => {
  it.effect("two sources are one machine: 28.2 gives the size ndctl printed", () =>
    Effect.gen(function*() {
      const { json, status } = yield* plan(...twoSocket)
      assert.strictEqual(status, 0)
      addsUp(json)
      const [region0, region1] = json.devices
      assert.deepStrictEqual([region0?.name, region0?.start, region0?.node], ["region0", 0x1840000000, 0])
      assert.deepStrictEqual([region1?.name, region1?.start, region1?.node], ["region1", 0xed40000000, 1])
      const namespace = region0?.current?.namespaces[0]
      // 756 GiB, less a 64th for the memmap and 2 MiB
      assert.deepStrictEqual([namespace?.predicted, namespace?.usable], [799063146496, 799063146496])
      for (const one of region1?.current?.namespaces ?? []) assert.include([null, one.usable], one.predicted)
      assert.strictEqual(region1?.current?.free, 386547056640)
      // GEO-15: bare metal with more than 64 GiB of boot RAM
      assert.strictEqual(json.blockSize, 2 * GiB)
    }))

  it.effect("the order of sources does not matter", () =>
    Effect.gen(function*() {
      const [one, other] = [yield* plan(...twoSocket), yield* plan(...twoSocket.toReversed())]
      assert.deepStrictEqual(one.json, other.json)
    }))

  it.effect("28.3: the sizes of the eight-socket machine are those its namespaces have", () =>
    Effect.gen(function*() {
      const { json, status } = yield* plan(eightSocket)
      assert.strictEqual(status, 0)
      addsUp(json)
      const now = json.devices.flatMap((d) => d.current?.namespaces ?? [])
      assert.deepStrictEqual(
        now.map((n) => [n.name, n.predicted, n.usable, n.ram, n.device]),
        [
          ["namespace2.0", 1648193699840, 1648193699840, 12582912, 0],
          ["namespace3.0", 1623495540736, 1623495540736, 0, 25769803776]
        ]
      )
      assert.deepStrictEqual(json.totals.nodes.map((n) => n.fits === false), json.totals.nodes.map(() => false))
    }))

  it.effect("28.7 check 2: node 3, with 12 GiB available, cannot pay 24 GiB for fsdax/mem; the others can", () =>
    Effect.gen(function*() {
      const { json } = yield* plan(eightSocket, "--mode", "fsdax", "--map", "mem")
      assert.deepStrictEqual(json.totals.nodes.map((n) => [n.node, n.fits]), [
        ...[0, 1, 2].map((n) => [n, true]),
        [3, false],
        ...[4, 5, 6, 7].map((n) => [n, true])
      ])
      assert.deepStrictEqual(json.totals.nodes[3], {
        node: 3,
        ram: 25769803776,
        pageTables: 98304,
        available: 12 * GiB,
        fits: false
      })
      const text = yield* run(["plan", eightSocket, "--mode", "fsdax", "--map", "mem"])
      assert.strictEqual(text.stdout.split("\n").filter((line) => line.includes("does not fit")).length, 1)
    }))

  it.effect("--node-memory overrides the sources, for node 0 unless it names another", () =>
    Effect.gen(function*() {
      const fits = (...nodes: ReadonlyArray<string>) =>
        Effect.map(
          plan(eightSocket, "--mode", "fsdax", "--map", "mem", ...nodes.flatMap((n) => ["--node-memory", n])),
          ({ json }) => json.totals.nodes.filter((n) => n.fits === false).map((n) => n.node)
        )
      assert.deepStrictEqual(yield* fits("3=25G"), [])
      assert.deepStrictEqual(yield* fits("1G", "7=1M"), [0, 3, 7])
    }))
})

describe("vmemmap plan --compare-kernels", () => {
  it.effect("CMP-7, CMP-11: a cell per kernel, in the order asked for", () =>
    Effect.gen(function*() {
      const { json } = yield* typed("--range 0x100000000+1T --compare-kernels 5.10,6.1,6.12,proposed-2026")
      const cells = (label: string) => json.comparison?.find((row) => row.label === label)?.cells ?? []
      const cost = (label: string) => cells(label).map((c) => c.ram + c.pageTables + c.device)
      assert.deepStrictEqual(cells("devdax mem 1G").map((c) => c.kernel), ["5.10", "6.1", "6.12", "proposed-2026"])
      const [old, linux61, linux612, proposed] = cost("devdax mem 1G")
      assert.deepStrictEqual([old, linux61, linux612], [17179934720, 42008576, 42008576])
      assert.isBelow(proposed as number, linux61 as number)
      assert.deepStrictEqual(cost("devdax mem 2M").slice(0, 2), [17179934720, 4328587264])
      assert.deepStrictEqual([...new Set(cost("fsdax mem 2M"))], [17179934720])
      assert.deepStrictEqual(
        cells("system-ram mem 2M memmap-on-memory").map((c) => c.possible),
        [false, false, true, true]
      )
      assert.deepStrictEqual(cells("HugeTLB 1G (boot RAM)").map((c) => c.possible), [false, true, true, true])
      for (const { share, ...c } of cells("devdax mem 2M")) {
        assert.strictEqual(share, (c.ram + c.device + c.pageTables) / 1024 ** 4)
      }
    }))

  it.effect("without it there is no comparison; a kernel nobody knows is wrong use", () =>
    Effect.gen(function*() {
      assert.notProperty((yield* plan("--range", "4G+4G")).json, "comparison")
      const { status, stderr, stdout } = yield* run(["plan", "--range", "4G+4G", "--compare-kernels", "6.1,banana"])
      assert.deepStrictEqual([status, stdout], [2, ""])
      assert.include(stderr, "--compare-kernels: unknown kernel 'banana'")
    }))
})

describe("vmemmap plan --fail-if", () => {
  const range = ["plan", "--range", "4G+128G", "--mode", "fsdax", "--map", "dev", "--align", "2M"]

  it.effect("a condition that holds is status 1, and the plan is printed all the same", () =>
    Effect.gen(function*() {
      const { json, status, stderr } = yield* answer(PlanAnswer.PlanAnswer, [...range, "--fail-if", "device>=2GiB"])
      assert.strictEqual(status, 1)
      assert.strictEqual(json.totals.device, 2 * GiB)
      assert.strictEqual(stderr, "vmemmap: device>=2GiB: device is 2147483648 bytes")
    }))

  it.effect("the limit itself is not above the limit", () =>
    Effect.gen(function*() {
      const { status, stderr } = yield* run([...range, "--fail-if", "device>2GiB", "--fail-if", "ram>0"])
      assert.deepStrictEqual([status, stderr], [0, ""])
    }))

  it.effect("one of several is enough", () =>
    Effect.gen(function*() {
      const { status } = yield* run([...range, "--fail-if", "ram>1T", "--fail-if", "usable<126GiB"])
      assert.strictEqual(status, 1)
    }))

  for (const condition of ["ram", "ram>>1", "weight>1G", "ram>1GB", ""]) {
    it.effect(`'${condition}' is no condition: status 2 and nothing on standard output`, () =>
      Effect.gen(function*() {
        const { status, stderr, stdout } = yield* run([...range, `--fail-if=${condition}`])
        assert.deepStrictEqual([status, stdout], [2, ""])
        assert.include(stderr, "--fail-if")
      }))
  }
})

describe("vmemmap plan --sysroot", () => {
  const tree = {
    "proc/iomem": [
      "00001000-0009ffff : System RAM",
      "00100000-bfffffff : System RAM",
      "100000000-23fffffff : System RAM",
      "240000000-43fffffff : Persistent Memory"
    ].join("\n"),
    "proc/cmdline": "root=/dev/vda quiet\n",
    "proc/cpuinfo": "processor\t: 0\nflags\t\t: fpu vme hypervisor\n",
    "proc/sys/kernel/osrelease": "6.12.8\n",
    "sys/devices/system/memory/block_size_bytes": "8000000\n",
    "sys/devices/system/node/node0/meminfo": [
      "Node 0 MemTotal:        8152000 kB",
      "Node 0 MemFree:         4194304 kB",
      ""
    ].join("\n"),
    "sys/bus/nd/devices/region0/size": "8589934592\n",
    "sys/bus/nd/devices/region0/resource": "0x240000000\n",
    "sys/bus/nd/devices/region0/mappings": "1\n",
    "sys/bus/nd/devices/region0/numa_node": "0\n",
    "sys/bus/nd/devices/region0/target_node": "1\n",
    "sys/bus/nd/devices/region0/nstype": "5\n",
    "sys/bus/nd/devices/region0/align": "16777216\n",
    "sys/bus/nd/devices/region0/available_size": "8589934592\n"
  }

  it.effect("a captured /proc and /sys is a machine", () =>
    Effect.gen(function*() {
      const from = yield* folderWith(tree)
      const { json, status } = yield* answer(PlanAnswer.PlanAnswer, ["plan", "--sysroot", from])
      assert.deepStrictEqual([status, json.kernel, json.blockSize], [0, "6.12.8", 128 * 1024 ** 2])
      assert.deepStrictEqual(
        json.devices.map((d) => [d.name, d.start, d.size, d.node, d.targetNode]),
        [["region0", 0x240000000, 8 * GiB, 0, 1]]
      )
      assert.deepStrictEqual(json.totals.nodes.map((n) => [n.node, n.available, n.fits]), [[0, 4 * GiB, true]])
      addsUp(json)
    }))

  it.effect("27.1: addresses that are all zero are refused, not planned from", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({ ...tree, "proc/iomem": "00000000-00000000 : System RAM\n".repeat(3) })
      const { status, stderr, stdout } = yield* run(["plan", "--sysroot", from])
      assert.deepStrictEqual([status, stdout], [2, ""])
      assert.include(stderr, "root")
    }))

  it.effect("a folder without /proc/iomem is wrong use", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({ "proc/meminfo": "MemTotal: 1 kB\n" })
      const { status, stderr, stdout } = yield* run(["plan", "--sysroot", from])
      assert.deepStrictEqual([status, stdout], [2, ""])
      assert.include(stderr, "proc/iomem cannot be read")
    }))
})

describe("vmemmap plan on a fleet file", () => {
  const machine = (name: string | undefined, size: number) =>
    JSON.stringify({
      ...(name === undefined ? {} : { name }),
      kernel: "6.1",
      nodes: [{ node: 0, available: 64 * GiB }],
      devices: [{ name: "region0", kind: "pmem", start: 4 * GiB, size, node: 0 }]
    })
  const good = [machine("one", 128 * GiB), machine("two", 1024 * GiB), machine(undefined, 16 * GiB)]

  it.effect("a line per machine, in order, with the totals of its own plan", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({
        "fleet.ndjson": `${good.join("\n")}\n`,
        ...Object.fromEntries(good.map((text, i) => [`${i}.json`, text]))
      })
      const { status, stdout } = yield* run(["plan", "fleet.ndjson", "--json"], { from })
      assert.strictEqual(status, 0)
      const lines = stdout.trimEnd().split("\n")
      assert.strictEqual(lines.length, 3)
      for (const [i, line] of lines.entries()) {
        const fleet = yield* decode(PlanAnswer.FleetLine, line)
        const { json } = yield* answer(PlanAnswer.PlanAnswer, ["plan", `${i}.json`], { from })
        assert.deepStrictEqual(fleet, { name: json.name, kernel: json.kernel, totals: json.totals })
      }
    }))

  it.effect("an unreadable line ends the run with its number; the machines ahead of it are answered", () =>
    Effect.gen(function*() {
      for (
        const bad of ["{\"name\":", "{\"devices\":[{\"name\":\"r\",\"kind\":\"pmem\",\"size\":-4}]}", "no machine"]
      ) {
        const from = yield* folderWith({ "fleet.ndjson": [good[0], bad, good[2], ""].join("\n") })
        const { status, stderr, stdout } = yield* run(["plan", "fleet.ndjson", "--json"], { from })
        // a second line that is no object makes it no fleet: then the text is refused as a whole
        const isFleet = bad.startsWith("{")
        assert.strictEqual(status, 2, bad)
        assert.include(stderr, "fleet.ndjson: line 2", bad)
        assert.strictEqual(stdout.split("\n").length - 1, isFleet ? 1 : 0, bad)
      }
    }))

  it.effect("--fail-if counts the machines that meet it", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({ "fleet.ndjson": good.join("\n") })
      const { status, stderr, stdout } = yield* run(["plan", "fleet.ndjson", "--fail-if", "size>=128GiB"], { from })
      assert.deepStrictEqual([status, stderr], [1, "vmemmap: 2 of 3 machines meet size>=128GiB"])
      assert.strictEqual(stdout.split("\n").length - 1, 3)
    }))

  it.effect("names from files move no cursor", () =>
    Effect.gen(function*() {
      const device = { name: "a\u001b[31mred\nline", kind: "pmem", size: 16 * GiB }
      const from = yield* folderWith({ "m.json": JSON.stringify({ name: "h\u001b[2J", devices: [device] }) })
      const { status, stdout } = yield* run(["plan", "m.json"], { from })
      assert.strictEqual(status, 0)
      assert.notInclude(stdout, "\u001b")
      assert.include(stdout, "[31mred line")
    }))
})
