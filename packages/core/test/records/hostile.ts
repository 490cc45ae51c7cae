/** Records and scripts for whole machines, damaged by chance. */
import { Result } from "effect"
import * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import { GiB, MiB } from "../../src/geometry/Units.ts"
import type { MachineSpec } from "../../src/machine/MachineSpec.ts"
import type { KernelRecord } from "../../src/records/KernelRecord.ts"
import * as LeafPath from "../../src/records/LeafPath.ts"
import * as RecordText from "../../src/records/RecordText.ts"
import type { Next } from "../random.ts"
import * as ScriptMutations from "../userland/ScriptMutations.ts"
import * as Observed from "./observed.ts"

const pick = <A>(values: ReadonlyArray<A>, next: Next): A => values[next(values.length)] as A

/** Machines that scripts are tried on: devices of every kind, memory devices, several nodes, odd sizes. */
export const machines: ReadonlyArray<MachineSpec> = [
  {
    name: "guest",
    kernel: "6.1",
    hypervisor: true,
    ranges: [
      { start: MiB, size: 3 * GiB - MiB, kind: "ram", node: 0 },
      { start: 4 * GiB, size: 5 * GiB, kind: "ram", node: 0 }
    ],
    devices: [
      { name: "region0", kind: "pmem", start: 16 * GiB, size: 16 * GiB, node: 0, targetNode: 1, labels: true },
      { name: "region1", kind: "pmem", start: 32 * GiB, size: 6 * GiB + 16 * MiB, node: 0, targetNode: 2 }
    ],
    dimms: [{ start: 12 * GiB, size: 2 * GiB, node: 0 }]
  },
  {
    name: "server",
    kernel: "6.9",
    ranges: [
      { start: MiB, size: 2 * GiB - MiB, kind: "ram", node: 0 },
      { start: 4 * GiB, size: 28 * GiB, kind: "ram", node: 0 },
      { start: 32 * GiB, size: 32 * GiB, kind: "ram", node: 1 }
    ],
    devices: [
      {
        name: "region0",
        kind: "pmem",
        start: 128 * GiB,
        size: 512 * GiB,
        node: 0,
        targetNode: 2,
        labels: true,
        configured: [{ name: "namespace0.0", mode: "devdax", map: "dev", align: GiB, size: 64 * GiB }]
      },
      { name: "region1", kind: "dax", start: 1024 * GiB, size: 64 * GiB, node: 1, targetNode: 3 }
    ]
  }
]

/** What administrators type on such machines. */
const typed: ReadonlyArray<string> = [
  "ndctl create-namespace -m devdax -s 2G -a 2M; daxctl reconfigure-device -m system-ram dax0.0; lsmem",
  "ndctl list -RNDvvv | tee /dev/null; daxctl list -DRi; cat /proc/iomem /proc/zoneinfo /proc/vmstat",
  "for i in 96 97 98 99; do echo online_movable > /sys/devices/system/memory/memory$i/state; done; chmem -d 1G; chmem -e -z Movable 128M",
  "ndctl disable-namespace all; ndctl destroy-namespace -f all; ndctl create-namespace -m fsdax -M mem; dd if=/dev/zero of=/dev/pmem0 bs=1M count=4",
  "modprobe -r kmem; rmmod dax_pmem; modprobe kmem; echo 1 > /sys/bus/nd/devices/region0/init_namespaces; ndctl init-labels -f all",
  "ndctl write-infoblock -m devdax -a 1G all; ndctl read-infoblock -j namespace0.0; ndctl enable-namespace all; daxctl online-memory all",
  "echo online > /sys/devices/system/memory/auto_online_blocks; daxctl reconfigure-device -m system-ram --no-online all; daxctl offline-memory all",
  "echo 0x80000000 > /sys/devices/system/memory/probe; echo region0 > /sys/bus/nd/drivers/nd_region/unbind; cat /sys/bus/nd/devices/region0/*"
]

/** The script of a recording as one types it: what is recorded is run. */
const asTyped = (lines: ReadonlyArray<unknown>): string =>
  lines.map(String).filter((line) => !/^(?:facts|snap|autosnap|infoblocks|ask|text)\b/.test(line)).map((line) =>
    line.replaceAll(/\bcmd /g, "").replace(/^w (\S+) (\S+)$/, "echo $1 > $2").replace(/^r /, "cat ").replace(
      /^labels$/,
      "ndctl disable-region all; ndctl init-labels -f all; ndctl enable-region all"
    )
  ).join("\n")

const recorded: ReadonlyArray<string> = KernelFacts.index.filter(({ category }) =>
  category !== "host" && category !== "infoblock-tool" && category !== "plain-boot"
).flatMap((entry) => {
  const { input } = Result.getOrThrow(KernelFacts.load(entry.case))
  return Array.isArray(input["script"]) ? [asTyped(input["script"])] : []
})

/** What takes a machine far: sizes, counts, loops. */
const excesses: ReadonlyArray<string> = [
  "for i in 1 2 3 4 5 6 7 8 9; do for j in 1 2 3 4 5 6 7 8 9; do for k in 1 2 3 4 5 6 7 8 9; do cat /proc/iomem; done; done; done\n",
  "for i in a b c d e f g h; do ndctl create-namespace -m devdax -s 1G; ndctl list; done\n",
  "for i in 1 2 3 4 5 6 7 8 9; do ndctl create-namespace -s 16M -m raw; done\n",
  "dd if=/dev/zero of=/dev/pmem0 bs=1G count=1000000\n",
  "dd if=/dev/pmem0 bs=1 count=99999999 of=/dev/null\n",
  "for i in 1 2 3 4 5 6 7 8 9; do dd if=/dev/zero of=/dev/null bs=1M count=16; done\n",
  "chmem -e 99999999T\n",
  "chmem -b -e 0-18446744073709551615\n",
  "chmem -d 0x0-0xffffffffffffffff\n",
  "ndctl create-namespace -s 18446744073709551615\n",
  "ndctl create-namespace -c\n",
  "daxctl create-device -s 2M; daxctl create-device -s 2M; daxctl create-device -r all\n",
  "sleep 999999999\n",
  "lsmem -a -b -J; lsmem -o RANGE,SIZE,STATE,BLOCK,NODE,ZONES -r\n",
  "ndctl list -RNDFHMXvvv | cat | cat | cat | tee /dev/null\n",
  "cat /proc/zoneinfo /proc/zoneinfo /proc/zoneinfo /proc/zoneinfo | tee /proc/iomem\n",
  "for i in 1 2 3 4 5 6 7 8 9; do daxctl reconfigure-device -m system-ram all; daxctl reconfigure-device -f -m devdax all; done\n"
]

/** A script for one of {@link machines}. */
export const script = (next: Next): string => {
  const sample = pick(next(3) === 0 ? typed : recorded, next)
  const cut = sample.split("\n")
  const at = next(cut.length + 1)
  const whole = next(4) === 0 ? cut.toSpliced(at, 0, pick(excesses, next)).join("\n") : sample
  switch (next(4)) {
    case 0:
      return whole
    case 1:
      return ScriptMutations.mutate(whole, next)
    case 2:
      return whole.replaceAll(
        /[0-9]+/g,
        (digits) =>
          next(4) === 0
            ? pick(["0", "1", "99999999999999999999", "-1", "0x7fffffffffffffff", `${digits}000`], next)
            : digits
      )
    default: {
      const lines = whole.split("\n")
      return lines.map((line) => next(3) === 0 ? pick(lines, next) : line).join("\n")
    }
  }
}

const deep = (depth: number): unknown => {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { a: value }
  return value
}

/** Many of a value, as long as the text of them all can still be written. */
const many = (value: unknown, times: number): ReadonlyArray<unknown> =>
  Array.from({ length: Math.min(times, Math.ceil(2 ** 20 / RecordText.print(value).length)) }, () => value)

/** Numbers that a record could hold. */
const numbers: ReadonlyArray<(was: number, next: Next) => number> = [
  () => 0,
  () => 1,
  () => 2 ** 31,
  () => 2 ** 52 - 4096,
  () => Number.MAX_SAFE_INTEGER,
  (was, next) => was * 2 ** next(20),
  (was, next) => was + 4096 * (next(100) - 50),
  (was, next) => was + 2 * MiB * (next(100) - 50),
  (was, next) => was + GiB * next(4096),
  (was, next) => Math.floor(was / 2 ** next(20))
]

const others: ReadonlyArray<(was: unknown) => unknown> = [
  () => -1,
  () => 0.5,
  () => 1e308,
  () => 123_456_789_012_345_678_901_234_567_890n,
  () => null,
  () => true,
  () => "",
  () => "\u0000",
  () => "x".repeat(100_000),
  () => "9".repeat(400),
  () => [],
  () => ({}),
  (was) => [was],
  (was) => ({ __proto__: was, constructor: was }),
  (was) => many(was, 300),
  () => deep(60),
  () => deep(900)
]

const texts: ReadonlyArray<(was: string, next: Next) => string> = [
  ScriptMutations.mutate,
  (was) => was.repeat(200),
  (was, next) => was.replaceAll(/[0-9]+/g, (digits) => next(3) === 0 ? String(next(2 ** 31)) : digits)
]

const hostile = (was: unknown, next: Next): unknown => {
  if (next(3) === 0) return pick(others, next)(was)
  if (typeof was === "number") return pick(numbers, next)(was, next)
  return typeof was === "string" ? pick(texts, next)(was, next) : pick(others, next)(was)
}

/** Every path of a value, also those of objects and arrays. */
const paths = (value: unknown): ReadonlyArray<LeafPath.LeafPath> => {
  const all = LeafPath.leaves(value).flatMap(({ path }) => path.map((_, i) => path.slice(0, i + 1)))
  return [...new Map(all.map((path) => [LeafPath.print(path), path])).values()]
}

const replace = (record: unknown, next: Next): unknown => {
  const part = next(4) === 0 ? "observed" : "input"
  const path = pick(paths(LeafPath.member(record, part)), next) ?? []
  const whole = LeafPath.inside([part], ...path)
  const was = whole.reduce<unknown>((value, key) => LeafPath.member(value, key), record)
  if (Array.isArray(was) && next(2) === 0) {
    const at = next(was.length + 1)
    const piece: unknown = was[Math.min(at, was.length - 1)]
    return LeafPath.set(record, whole, was.toSpliced(at, 0, ...many(piece, pick([1, 2, 20, 100], next))))
  }
  return LeafPath.set(record, whole, hostile(was, next))
}

/** Bytes flipped, pieces cut, doubled, or taken from elsewhere. */
const damage = (text: string, next: Next): string => {
  const at = next(text.length)
  const to = Math.min(text.length, at + 1 + next(60))
  switch (next(6)) {
    case 0:
      return text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ (1 << next(8))) + text.slice(at + 1)
    case 1:
      return next(8) === 0 ? text.slice(0, at) : text.slice(0, at) + text.slice(to)
    case 2:
      return text.slice(0, at) + text.slice(at, to).repeat(1 + next(500)) + text.slice(to)
    case 3: {
      const from = next(text.length)
      return text.slice(0, at) + text.slice(from, from + next(60)) + text.slice(at)
    }
    case 4:
      return text.replace(/: [0-9"]/, `: ${"[".repeat(9000)}1${"]".repeat(9000)}, "x": $&`)
    default:
      return text.replaceAll(/[0-9]+/g, (digits) => next(40) === 0 ? String(next(2 ** 31)) : digits)
  }
}

/** Records that are replayed fast, and a dry run of each machine. */
const samples = (dryRuns: ReadonlyArray<KernelRecord>): ReadonlyArray<KernelRecord> => [
  ...Observed.all.filter(({ category }) => category !== "large-device" && category !== "region-placement"),
  ...Array.from({ length: 40 }, () => dryRuns).flat()
]

/** The text of a record: one of the samples, damaged. */
export const recordsOf = (dryRuns: ReadonlyArray<KernelRecord>) => {
  const all = samples(dryRuns)
  return (next: Next): string => {
    let record: unknown = pick(all, next)
    if (next(5) === 0) return damage(RecordText.print(record), next)
    for (let change = 0; change <= next(3); change++) record = replace(record, next)
    const text = RecordText.print(record)
    return next(10) === 0 ? damage(text, next) : text
  }
}
