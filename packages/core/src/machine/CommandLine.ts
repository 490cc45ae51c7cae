/**
 * The kernel command line, as far as memory at boot and memory hotplug depend on it.
 *
 * Words are read as the kernel reads them: later ones win, `-` and `_` are the same in names, quotes keep blanks, `--` ends the
 * kernel's part. Unknown words mean nothing here. A value the kernel cannot use has no effect, and is listed with the reason.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as MemParse from "../geometry/MemParse.ts"
import * as MemmapOption from "../resources/MemmapOption.ts"
import type * as MovableCore from "../zones/MovableCore.ts"
import * as ZoneChoice from "../zones/ZoneChoice.ts"
import * as FakeNuma from "./FakeNuma.ts"

/**
 * Values of `memory_hotplug.online_policy` (HOT-16).
 *
 * @category models
 * @since 0.1.0
 */
export type OnlinePolicy = "contig-zones" | "auto-movable"

/**
 * A word without effect, or with less than was meant.
 *
 * @category models
 * @since 0.1.0
 */
export interface Ignored {
  readonly word: string
  readonly why: string
}

/**
 * What the command line says. Sizes in bytes. What is absent is left to how the kernel was built.
 *
 * @category models
 * @since 0.1.0
 */
export interface CommandLine extends MovableCore.Options {
  readonly text: string
  /** What `memmap=` and `mem=` do to the firmware map of a PC, in order (20.3). */
  readonly actions: ReadonlyArray<MemmapOption.Action>
  /** The last `mem=`. */
  readonly memoryLimit?: number
  readonly movableNode: boolean
  /** `numa=off`, or `numa=noacpi`, which leaves no NUMA description either. */
  readonly numaOff: boolean
  readonly numaFake?: FakeNuma.Request
  /** `memory_hotplug.memmap_on_memory`; kernels from 6.6 on know `force`. */
  readonly memmapOnMemory: "off" | "on" | "force"
  readonly onlinePolicy: OnlinePolicy
  /** `memory_hotplug.auto_movable_ratio` in per cent. */
  readonly autoMovableRatio: number
  readonly autoMovableNumaAware: boolean
  /** `memhp_default_state`: what happens to memory that is added. */
  readonly defaultState?: "offline" | ZoneChoice.OnlineType
  /** `vm_debug`: whether a kernel built with CONFIG_DEBUG_VM poisons struct pages. */
  readonly pagePoisoning?: boolean
  readonly ignored: ReadonlyArray<Ignored>
}

type Settings = Omit<CommandLine, "text" | "actions" | "ignored">

/** What a word changes, or why it changes nothing; sometimes both. */
interface Read {
  readonly set?: Partial<Settings>
  readonly actions?: ReadonlyArray<MemmapOption.Action>
  readonly ignored?: ReadonlyArray<string>
}

/** Reads the value after `=`; `undefined` when there is no `=`. */
type Reader = (value: string | undefined) => Read

const refuse = (why: string): Read => ({ ignored: [why] })

const memmap: Reader = (value) => {
  if (value === undefined) return refuse("a value is missing (EINVAL)")
  const clauses = MemmapOption.parse(value)
  return {
    actions: MemmapOption.actions(clauses),
    ignored: clauses.flatMap(({ error }) => error === null ? [] : [error.message])
  }
}

const mem: Reader = (value) => {
  const size = MemmapOption.parseLimit(value ?? "")
  return size === null
    ? refuse("no size, or size 0 (EINVAL)")
    : { actions: [MemmapOption.Action.cases.Limit.make({ size })], set: { memoryLimit: size } }
}

const amount = (name: "kernelcore" | "movablecore"): Reader => (value) => {
  if (value === undefined) return refuse("a value is missing (EINVAL)")
  if (name === "kernelcore" && value === "mirror") return refuse("no firmware range is known to be mirrored")
  const none = { [name]: undefined }
  const split = MemParse.splitLeading(value)
  if (split === null) return { set: none, ignored: ["no number: the kernel reads 0, which asks for nothing"] }
  return Result.match(MemParse.parse(split.token), {
    onSuccess: (number): Read => ({
      set: {
        [name]: split.suffix === "" && split.rest.startsWith("%")
          ? { kind: "percent", percent: number }
          : { kind: "bytes", bytes: number }
      }
    }),
    onFailure: () => ({ set: none, ignored: ["larger than any memory: no ZONE_MOVABLE comes of it (ZON-12)"] })
  })
}

const numa: Reader = (value = "") => {
  if (value.startsWith("off") || value.startsWith("noacpi")) return { set: { numaOff: true } }
  if (!value.startsWith("fake=")) return refuse("neither off, noacpi nor fake=")
  const numaFake = FakeNuma.parse(value.slice(5))
  return numaFake === null ? refuse("no number: the kernel leaves emulation off (ZON-13)") : { set: { numaFake } }
}

/** `kstrtobool()`; a parameter without a value is true. */
const boolean = (value: string | undefined): boolean | null =>
  value === undefined || /^(?:[yYtT1]|[oO][nN])/.test(value) ? true : /^(?:[nNfF0]|[oO][fF])/.test(value) ? false : null

const memmapOnMemory: Reader = (value) => {
  if (value === "force") return { set: { memmapOnMemory: "force" } }
  const on = boolean(value)
  return on === null ? refuse("neither Y, N nor force (EINVAL)") : { set: { memmapOnMemory: on ? "on" : "off" } }
}

const onlinePolicy: Reader = (value) =>
  value === "contig-zones" || value === "auto-movable"
    ? { set: { onlinePolicy: value } }
    : refuse("neither contig-zones nor auto-movable (EINVAL)")

const ratio: Reader = (value = "") => {
  const split = MemParse.splitLeading(value)
  const percent = split === null || split.suffix !== "" || split.rest !== "" ? NaN : Number(split.token)
  return percent < 2 ** 32
    ? { set: { autoMovableRatio: Number(percent) } }
    : refuse("no unsigned number below 2^32 (EINVAL or ERANGE)")
}

const numaAware: Reader = (value) => {
  const on = boolean(value)
  return on === null ? refuse("neither Y nor N (EINVAL)") : { set: { autoMovableNumaAware: on } }
}

const defaultState: Reader = (value) =>
  value === "offline" || value === "online" || value === "online_kernel" || value === "online_movable"
    ? { set: { defaultState: value } }
    : refuse("not offline, online, online_kernel or online_movable: the built-in policy stays")

const debug: Reader = (value) => {
  if (value === undefined || value === "") return { set: { pagePoisoning: true } }
  const unknown = value.startsWith("-") ? "" : value.replaceAll(/p/gi, "")
  return {
    set: { pagePoisoning: !value.startsWith("-") && /p/i.test(value) },
    ignored: unknown === "" ? [] : [`unknown vm_debug option '${unknown.slice(0, 20)}'`]
  }
}

const readers = new Map<string, Reader>([
  ["memmap", memmap],
  ["mem", mem],
  ["kernelcore", amount("kernelcore")],
  ["movablecore", amount("movablecore")],
  ["movable_node", () => ({ set: { movableNode: true } })],
  ["numa", numa],
  ["memory_hotplug.memmap_on_memory", memmapOnMemory],
  ["memory_hotplug.online_policy", onlinePolicy],
  ["memory_hotplug.auto_movable_ratio", ratio],
  ["memory_hotplug.auto_movable_numa_aware", numaAware],
  ["memhp_default_state", defaultState],
  ["vm_debug", debug]
])

/** The words before `--`, quotes taken away. */
const wordsOf = (text: string): ReadonlyArray<string> => {
  const words = (text.slice(0, 65536).match(/(?:[^\s"]|"[^"]*(?:"|$))+/g) ?? []).map((word) =>
    word.replaceAll("\"", "")
  )
  const end = words.indexOf("--")
  return end < 0 ? words : words.slice(0, end)
}

/**
 * Reads a command line; never fails.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (text: string): CommandLine => {
  const settings: Settings = {
    movableNode: false,
    numaOff: false,
    memmapOnMemory: "off",
    onlinePolicy: "contig-zones",
    autoMovableRatio: ZoneChoice.defaultRatio,
    autoMovableNumaAware: true
  }
  const actions: Array<MemmapOption.Action> = []
  const ignored: Array<Ignored> = []
  for (const word of wordsOf(text)) {
    const [, name = word, value] = /^([^=]*)=(.*)$/s.exec(word) ?? []
    const read = readers.get(name.replaceAll("-", "_"))?.(value)
    if (read === undefined) continue
    Object.assign(settings, read.set)
    actions.push(...read.actions ?? [])
    ignored.push(...(read.ignored ?? []).map((why) => ({ word: word.slice(0, 120), why })))
  }
  return { text, ...settings, actions, ignored }
}
