/**
 * The published systems as strategies, ours beside them, and strategies as people name them.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as KernelRelease from "../release/KernelRelease.ts"
import * as InitStrategy from "./InitStrategy.ts"

/**
 * Every published system, and ours, oldest first.
 *
 * @category strategies
 * @since 0.1.0
 */
export const presets: ReadonlyArray<InitStrategy.InitStrategy> = [
  {
    ...InitStrategy.synchronous,
    name: "rfc-2015",
    about:
      "device memory with struct pages and an altmap as first posted: RAM or device backing, one device after the other",
    kernel: "4.5+altmap-rfc-2015",
    underLock: "every page",
    probe: "any node",
    vmemmap: "base",
    boot: "one thread per node"
  },
  {
    ...InitStrategy.synchronous,
    name: "linux-4.19",
    about: "one pass over all struct pages under the hotplug lock, another outside it",
    kernel: "4.19",
    underLock: "every page",
    probe: "any node",
    vmemmap: "base",
    boot: "one thread per node"
  },
  {
    ...InitStrategy.synchronous,
    name: "async-2018-v1",
    about: "16 workers in the background, one device after the other; whoever needs a page waits for its worker",
    kernel: "async-2018-v1",
    when: "background",
    underLock: "nothing",
    populate: "one barrier",
    domains: "one",
    probe: "any node",
    workers: 16,
    help: "wait for the worker",
    vmemmap: "base",
    boot: "one thread per node"
  },
  {
    ...InitStrategy.synchronous,
    name: "async-2018-v2",
    about: "8 workers of 128 sub-ranges in the background; whoever needs a page initialises its 1/1024",
    kernel: "async-2018-v2",
    when: "background",
    underLock: "nothing",
    populate: "one barrier",
    domains: "two",
    probe: "any node",
    workers: 8,
    subRanges: 128,
    help: "steal sub-ranges",
    vmemmap: "base",
    boot: "one thread per node"
  },
  {
    ...InitStrategy.synchronous,
    name: "linux-4.20",
    about: "one pass outside the hotplug lock, devices side by side; each is probed wherever it happens to be",
    kernel: "4.20",
    probe: "any node",
    vmemmap: "base",
    boot: "one thread per node"
  },
  {
    ...InitStrategy.synchronous,
    name: "linux-5.1",
    about: "as posted for 4.20 and merged later: each device is probed on its own node as well",
    kernel: "5.1",
    vmemmap: "base",
    boot: "one thread per node"
  },
  {
    ...InitStrategy.synchronous,
    name: "deferred-boot",
    about: "RAM as since 5.8: one section up front, the rest by as many threads as a node has processors",
    kernel: "5.8",
    vmemmap: "base"
  },
  {
    ...InitStrategy.synchronous,
    name: "linux-6.1",
    about: "compound device-dax keeps two vmemmap pages per compound"
  },
  {
    ...InitStrategy.synchronous,
    name: "head-reuse",
    about: "announced with compound devmaps: the head's vmemmap page is shared as well",
    kernel: "6.1",
    vmemmap: "head only"
  },
  {
    ...InitStrategy.synchronous,
    name: "proposed-2026",
    about: "posted: one vmemmap page per compound, tails shared, struct pages copied from a template",
    kernel: "proposed-2026",
    writing: "template",
    vmemmap: "head only"
  },
  {
    ...InitStrategy.synchronous,
    name: "vmemmap",
    about:
      "ours: in the background from the faulting page on, exactly what is asked for first, cancelled at any subsection",
    kernel: "proposed-2026",
    when: "background",
    covers: "all that awaits",
    underLock: "nothing",
    populate: "section by section",
    workers: 4,
    subRanges: null,
    help: "steal exactly",
    priority: "who waits",
    unload: "cancel",
    writing: "template",
    vmemmap: "head only"
  }
]

/**
 * A text that names no strategy.
 *
 * @category errors
 * @since 0.1.0
 */
export class UnknownStrategy extends Schema.TaggedError<UnknownStrategy>("@vmemmap/core/init/UnknownStrategy")(
  "UnknownStrategy",
  { text: Schema.String, problem: Schema.String }
) {
  override get message() {
    return `'${this.text.slice(0, 100)}' is no strategy: ${this.problem}`
  }
}

const { about: _about, name: _name, ...dimensions } = InitStrategy.InitStrategy.fields

/**
 * What can be chosen of a strategy, by name.
 *
 * @category queries
 * @since 0.1.0
 */
export const dimensionNames: ReadonlyArray<string> = Object.keys(dimensions)

const decode = Schema.decodeUnknownResult(InitStrategy.InitStrategy)

const counts: ReadonlySet<string> = new Set(["workers", "limit", "subRanges"])

/** As it is written in a text: counts are numbers or, as `none`, `null`; flaws are separated by `+`. */
const valueOf = (dimension: string, text: string): unknown => {
  if (dimension === "flaws") return text === "none" ? [] : text.split("+").map((flaw) => flaw.trim())
  if (!counts.has(dimension)) return text
  return text === "none" ? null : /^[0-9]{1,9}$/.test(text) ? Number(text) : text
}

/** `help: expected "none" | …`, on one line. */
const inWords = ({ message }: Schema.SchemaError): string => {
  const [problem = "", at = ""] = message.split("\n")
  return `${/"([A-Za-z]+)"/.exec(at)?.[1] ?? "it"}: ${problem.charAt(0).toLowerCase()}${problem.slice(1)}`
}

/**
 * Reads the name of a preset, with dimensions chosen otherwise: `linux-6.1`, `async-2018-v2:workers=16;help=none`,
 * `async-2018-v2:flaws=straddle-miss+stuck-active`. The text is its name. Refuses kernels that nobody knows.
 *
 * @category constructors
 * @since 0.1.0
 */
export const parse = (text: string): Result.Result<InitStrategy.InitStrategy, UnknownStrategy> => {
  const [base = "", ...rest] = text.trim().split(":")
  const refuse = (problem: string) => Result.fail(new UnknownStrategy({ text, problem }))
  const preset = presets.find(({ name }) => name === base)
  if (preset === undefined) return refuse(`presets are ${presets.map(({ name }) => name).join(", ")}`)
  const changes: Record<string, unknown> = {}
  for (const word of rest.join(":").split(";").filter((one) => one !== "")) {
    const at = word.indexOf("=")
    const dimension = word.slice(0, Math.max(0, at)).trim()
    if (!dimensionNames.includes(dimension)) return refuse(`dimensions are ${dimensionNames.join(", ")}`)
    if (Object.hasOwn(changes, dimension)) return refuse(`${dimension} is chosen twice`)
    changes[dimension] = valueOf(dimension, word.slice(at + 1).trim())
  }
  if (Object.keys(changes).length === 0) return Result.succeed(preset)
  const decoded = decode({ ...preset, ...changes, name: text.trim() })
  if (Result.isFailure(decoded)) return refuse(inWords(decoded.failure))
  const kernel = KernelRelease.parse(InitStrategy.kernelText(decoded.success))
  return Result.isFailure(kernel) ? refuse(kernel.failure.message) : Result.succeed(decoded.success)
}
