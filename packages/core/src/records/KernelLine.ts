/**
 * Lines of the kernel log: which are of this subject (OBS-9, OBS-29), and what of them can be predicted.
 *
 * @since 0.1.0
 */

/**
 * `time`: the text in the brackets, where there are any. `key`: what the line says apart from what varies, for a line of this
 * subject.
 *
 * @category models
 * @since 0.1.0
 */
export interface KernelLine {
  readonly raw: string
  readonly time: string | undefined
  readonly key: string | undefined
}

type Instead = string | ((all: string, ...groups: ReadonlyArray<string>) => string)

/** Which page of a block stands in the way depends on the allocator; which section it is in does not. */
const section = (_: string, pfn = "") => `page of section ${Math.floor(Number.parseInt(pfn, 16) / 2 ** 15)}`

const dumped =
  /^page:[0-9a-f]{16} refcount:-?[0-9]+ mapcount:-?[0-9]+ mapping:[0-9a-f]{16} index:0x[0-9a-f]+ pfn:0x([0-9a-f]+)$/

/** Lines of this subject, and what varies in them. A line that begins like one but is none keeps all it has. */
const forms: ReadonlyArray<readonly [begins: RegExp, varies: RegExp, instead: Instead]> = [
  [/^memmap_init_zone_device initialised /, / in [0-9]+ms$/, " in ms"],
  [/^Built [0-9]+ zonelists, /, /Total pages: [0-9]+$/, "Total pages"],
  [
    /^WARNING: /,
    /^WARNING: (?:CPU: [0-9]+ PID: [0-9]+ )?(?:at )?(?:\S+:[0-9]+ )?([A-Za-z_]\w*)(?:\.\w+)*(?:\+0x[0-9a-f]+\/0x[0-9a-f]+(?: \[\w+\])?)?$/,
    "WARNING $1"
  ],
  [/^page:/, dumped, section],
  [/^page dumped because: /, /$^/, ""],
  [/^Block size \[/, /$^/, ""],
  [/^nfit \S+: Error found in NVDIMM /, /$^/, ""],
  [/^(?:nd_pmem|nd_btt|dax_pmem|device_dax|kmem)[: ]/, /$^/, ""],
  [/^(?:namespace|pfn|dax|btt)[0-9]+\.[0-9]+: /, /$^/, ""]
]

const replaced = (said: string, [, varies, instead]: (typeof forms)[number]): string =>
  typeof instead === "string" ? said.replace(varies, instead) : said.replace(varies, instead)

const bracket = /^\[ *([0-9]+\.[0-9]+)\] /

/**
 * Reads one line. The brackets are optional on the engine's side only: the kernel never leaves them out.
 *
 * @category parsing
 * @since 0.1.0
 */
export const read = (raw: string, needsTime: boolean): KernelLine => {
  const match = bracket.exec(raw)
  if (match === null && needsTime) return { raw, time: undefined, key: undefined }
  const said = raw.slice(match?.[0].length ?? 0).trimStart()
  const form = forms.find(([begins]) => begins.test(said))
  return { raw, time: match?.[1], key: form === undefined ? undefined : replaced(said, form) }
}

/**
 * How much the ends of two lines agree, without their times, in characters; more than any line is long for a line that has lost
 * its brackets, which can only be an altered one.
 *
 * @category queries
 * @since 0.1.0
 */
export const likeness = (kernel: KernelLine, engine: KernelLine): number => {
  if (kernel.time === undefined) return Number.MAX_SAFE_INTEGER
  const [a, b] = [kernel.raw.replace(bracket, "").trimStart(), engine.raw.replace(bracket, "").trimStart()]
  const shorter = Math.min(a.length, b.length)
  let head = 0
  while (head < shorter && a[head] === b[head]) head++
  let tail = 0
  while (tail < shorter - head && a.at(-1 - tail) === b.at(-1 - tail)) tail++
  return head + tail
}
