/**
 * What `vmemmap simulate --help` says of strategies and of patterns of faults: a line for each word that can be typed.
 *
 * @since 0.1.0
 */
import * as HumanSize from "@vmemmap/core/geometry/HumanSize"
import * as InitStrategies from "@vmemmap/core/init/InitStrategies"
import * as InitStrategy from "@vmemmap/core/init/InitStrategy"
import * as FaultPattern from "@vmemmap/core/simulation/FaultPattern"
import * as Nanos from "@vmemmap/core/time/Nanos"
import * as Predicate from "effect/Predicate"

type Dimension = Exclude<keyof InitStrategy.InitStrategy, "name" | "about">

/** In the order in which they are shown; what they are, and their values where these are no words of the schema. */
const dimensions: Readonly<Record<Dimension, readonly [about: string, values?: string]>> = {
  kernel: ["the release that all else follows", "6.1, rhel-9.4, 6.12+vmemmap-dedup, …"],
  when: ["before the driver goes on, or by workers afterwards"],
  covers: ["which device memory workers take: namespaces with an info block, or all whose users wait"],
  underLock: ["what is written under the hotplug lock"],
  populate: ["when the memmap itself is mapped"],
  domains: ["in which jobs are queued: who waits for one waits for all that were queued before it there"],
  probe: ["on which processors devices are probed"],
  workers: ["workers of a range", "1 to 1024"],
  limit: ["workers that run at once in the whole machine", "none, 1 to 65536"],
  division: ["whether each worker has a part of its own or all take the next piece"],
  subRanges: ["pieces of a worker's part; none: subsections", "none, 1 to 1048576"],
  help: ["what somebody does who needs a page before it is initialised"],
  priority: ["whether workers leave processors and memory to whoever waits"],
  unload: ["whether an unloading driver waits for workers or stops them at the next piece"],
  writing: ["how a struct page is written"],
  vmemmap: ["what backs the struct pages of compound pages"],
  backing: ["where the struct pages are"],
  boot: ["who initialises RAM at boot"],
  flaws: ["known mistakes of the 2018 posting, joined by +", `none, ${InitStrategy.Flaw.literals.join(", ")}`]
}

const literals = (dimension: Dimension): string => {
  const field: unknown = InitStrategy.InitStrategy.fields[dimension]
  return Predicate.hasProperty(field, "literals") && Array.isArray(field.literals) ? field.literals.join(" | ") : ""
}

const kinds: Readonly<Record<FaultPattern.Kind, string>> = {
  first: "one fault on the first page of each device",
  uniform: "anywhere in the device",
  sequential: "one page after the other from the first on",
  hot: "nine of ten in one hundredth of the device, the others anywhere",
  all: "one by every processor of the device's node at the same time, anywhere"
}

const settings: ReadonlyArray<readonly [string, string]> = [
  ["count=N", `accesses to each device (${FaultPattern.usual.count})`],
  ["at=TIME", "when the first comes after the device has appeared (0), such as 10s"],
  ["every=TIME", "time from one to the next (1ms)"],
  ["size=SIZE", "bytes of each, rounded up to what the device maps (the largest page it can map)"],
  ["access=fault", "a page fault on a file or a character device"],
  ["access=io", "a block of the disk, which needs no struct page"],
  ["access=register", "memory registered for RDMA: faulted in and pinned"]
]

const rows = (items: ReadonlyArray<readonly [string, string]>): ReadonlyArray<string> => {
  const widest = Math.max(...items.map(([word]) => word.length))
  return items.map(([word, about]) => `    ${word.padEnd(widest)}  ${about}`)
}

const dimensionNames = Object.keys(dimensions) as ReadonlyArray<Dimension>

/**
 * The description of the command, lines after the first indented as the first will be.
 *
 * @category texts
 * @since 0.1.0
 */
export const description: string = [
  "Boots a machine under each strategy in virtual time, and says when it is ready: who initialises struct pages,",
  "  when, under which lock, and who has to wait. Without MACHINE: the bundled machines.",
  "",
  "  A strategy is a preset, or a preset with dimensions chosen otherwise: async-2018-v2:workers=16;help=none",
  "",
  "  presets",
  ...rows(InitStrategies.presets.map(({ about, name }) => [name, about])),
  "",
  "  dimensions",
  ...dimensionNames.flatMap((name) => {
    const [about, values = literals(name)] = dimensions[name]
    return [`    ${name.padEnd(9)}  ${about}`, `    ${"".padEnd(9)}  = ${values}`]
  }),
  "",
  "  A pattern of faults is a kind, and settings after commas: hot,count=1000,every=100us,size=2M",
  "",
  "  kinds",
  ...rows(Object.entries(kinds)),
  "",
  "  settings",
  ...rows(settings)
].join("\n")

const words: Readonly<Record<FaultPattern.Access, string>> = {
  fault: "fault",
  io: "block read",
  register: "registration for RDMA"
}

const where: Readonly<Record<FaultPattern.Kind, string>> = {
  first: "on the first page of",
  uniform: "anywhere on",
  sequential: "from the first page on of",
  hot: "nine of ten in one hundredth of",
  all: "anywhere on"
}

/**
 * A pattern in words: `16 faults anywhere on each device, one every 1.00 ms from when it appears`.
 *
 * @category texts
 * @since 0.1.0
 */
export const patternInWords = ({ access, at, count, every, kind, size }: FaultPattern.FaultPattern): string => {
  const from = at === 0 ? "when it appears" : `${Nanos.format(at)} after it appears`
  const pieces = size === null ? "" : ` of ${HumanSize.formatBinary(size)}`
  return kind === "all"
    ? `a ${words[access]}${pieces} by every processor of its node, ${where.all} each device, ${from}`
    : count === 1
    ? `a ${words[access]}${pieces} ${where[kind]} each device, ${from}`
    : `${count} ${words[access].replace(/^\w+/, "$&s")}${pieces} ${where[kind]} each device, one every ${
      Nanos.format(every)
    } from ${from}`
}
