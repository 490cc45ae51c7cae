/**
 * The totals a kernel prints about its memory while it boots, of any release from 2.6 on: what it says of itself, to be held
 * against what the firmware map implies (OBS-7 … OBS-9, OBS-32 … OBS-34).
 *
 * Pages are base pages, ranges half-open bytes.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type * as PfnRange from "../geometry/PfnRange.ts"
import { KiB } from "../geometry/Units.ts"
import * as BootLog from "./BootLog.ts"
import * as BootMap from "./BootMap.ts"
import * as Decoding from "./Decoding.ts"
import type { InputError } from "./InputError.ts"
import * as JsonText from "./JsonText.ts"
import * as OldLogLine from "./OldLogLine.ts"

/**
 * A number of pages of a zone of a node.
 *
 * @category models
 * @since 0.1.0
 */
export interface ZonePages {
  readonly node: number
  readonly zone: string
  readonly pages: number
}

/**
 * The line `Memory: available/total (… absent, … reserved)`, in bytes; `absent` is 0 where it is not printed.
 *
 * @category models
 * @since 0.1.0
 */
export interface MemoryLine {
  readonly available: number
  readonly total: number
  readonly absent: number
  readonly reserved: number
}

/**
 * What the last boot in a log printed. Lists are empty and members `undefined` where it printed nothing.
 *
 * @category models
 * @since 0.1.0
 */
export interface BootTotals {
  /** The last table printed, after every update: RAM not cut to what the nodes have. */
  readonly map: ReadonlyArray<BootMap.Entry>
  readonly lastPfns: ReadonlyArray<number>
  readonly maxArchPfn: number | undefined
  /** `null` is an empty zone. */
  readonly zoneRanges: ReadonlyArray<{ readonly zone: string; readonly range: PfnRange.PfnRange | null }>
  readonly nodeRanges: ReadonlyArray<BootMap.OnNode>
  readonly nodeSpans: ReadonlyArray<BootMap.OnNode>
  readonly nodePages: ReadonlyArray<{ readonly node: number; readonly pages: number }>
  readonly zonePages: ReadonlyArray<ZonePages>
  readonly zoneMemmap: ReadonlyArray<ZonePages>
  readonly zoneReserved: ReadonlyArray<ZonePages>
  readonly unavailable: ReadonlyArray<ZonePages>
  /** One sum for all gaps, as 4.17 to 5.10 print it. */
  readonly unavailableTotal: number | undefined
  readonly zonelists: { readonly nodes: number; readonly pages: number } | undefined
  readonly memory: MemoryLine | undefined
  /** Pages initialised late, by node; `pages` is `undefined` where only the time was printed. */
  readonly deferred: ReadonlyArray<{ readonly node: number; readonly pages: number | undefined }>
  /** Pages that stay to be initialised on demand. */
  readonly lazy: number | undefined
}

type Open = {
  -readonly [K in keyof BootTotals]: BootTotals[K] extends ReadonlyArray<infer A> ? Array<A> : BootTotals[K]
}

const begin = (): Open & { node: number; table: string } => ({
  map: [],
  lastPfns: [],
  maxArchPfn: undefined,
  zoneRanges: [],
  nodeRanges: [],
  nodeSpans: [],
  nodePages: [],
  zonePages: [],
  zoneMemmap: [],
  zoneReserved: [],
  unavailable: [],
  unavailableTotal: undefined,
  zonelists: undefined,
  memory: undefined,
  deferred: [],
  lazy: undefined,
  node: 0,
  table: ""
})

type State = ReturnType<typeof begin>

const range = (first: string | undefined, last: string | undefined): PfnRange.PfnRange => ({
  start: Number.parseInt(first ?? "", 16),
  end: Number.parseInt(last ?? "", 16) + 1
})

const mem = String.raw`\[mem 0x([0-9a-f]{1,16})-0x([0-9a-f]{1,16})\]`

type Match = ReadonlyArray<string | undefined>

const zoneName = "(DMA|DMA32|Normal|HighMem|Movable|Device)"

/** The lines, and what each adds to a boot. */
const lines: ReadonlyArray<readonly [RegExp, (boot: State, match: Match) => void]> = [
  [
    new RegExp(`(?:^|\\s)(BIOS-e820|user|modified|extended): ${mem}\\s+(.+)$`),
    (boot, [, table = "", a, b, type = ""]) => {
      if (table !== boot.table) boot.map = []
      boot.table = table
      boot.map.push({ ...range(a, b), type: type.slice(0, 60) })
    }
  ],
  [new RegExp(`e820: (?:update|remove) ${mem} (.+?)(?: ==> (.+))?$`), (boot, [, a, b, from = "", to]) => {
    boot.map = [...BootMap.convert(boot.map, range(a, b), from, to)]
  }],
  [/(?:^|\s)last_pfn = 0x([0-9a-f]{1,12}) max_arch_pfn = 0x([0-9a-f]{1,12})/, (boot, [, last = "", most = ""]) => {
    boot.lastPfns.push(Number.parseInt(last, 16))
    boot.maxArchPfn = Number.parseInt(most, 16)
  }],
  [new RegExp(`(?:^|\\s)${zoneName} +(?:${mem}|empty)$`), (boot, [, zone = "", a, b]) => {
    boot.zoneRanges.push({ zone, range: a === undefined ? null : range(a, b) })
  }],
  [new RegExp(`(?:^|\\s)node +([0-9]{1,6}): ${mem}`), (boot, [, node, a, b]) => {
    boot.nodeRanges.push({ ...range(a, b), node: Number(node) })
  }],
  [new RegExp(`Initmem setup node ([0-9]{1,6}) ${mem}`), (boot, [, node, a, b]) => {
    boot.nodeSpans.push({ ...range(a, b), node: Number(node) })
  }],
  [/On node ([0-9]{1,6}) totalpages: ([0-9]{1,15})/, (boot, [, node, pages]) => {
    boot.node = Number(node)
    boot.nodePages.push({ node: boot.node, pages: Number(pages) })
  }],
  [new RegExp(`(?:^|\\s)${zoneName} zone: ([0-9]{1,15}) pages used for memmap`), (boot, [, zone = "", pages]) => {
    boot.zoneMemmap.push({ node: boot.node, zone, pages: Number(pages) })
  }],
  [new RegExp(`(?:^|\\s)${zoneName} zone: ([0-9]{1,15}) pages reserved`), (boot, [, zone = "", pages]) => {
    boot.zoneReserved.push({ node: boot.node, zone, pages: Number(pages) })
  }],
  [new RegExp(`(?:^|\\s)${zoneName} zone: ([0-9]{1,15}) pages, LIFO`), (boot, [, zone = "", pages]) => {
    boot.zonePages.push({ node: boot.node, zone, pages: Number(pages) })
  }],
  [
    new RegExp(`On node ([0-9]{1,6}), zone ${zoneName}: ([0-9]{1,15}) pages in unavailable ranges`),
    (boot, [, node, zone = "", pages]) => {
      boot.unavailable.push({ node: Number(node), zone, pages: Number(pages) })
    }
  ],
  [/Zeroed struct page in unavailable ranges: ([0-9]{1,15}) pages/, (boot, [, pages]) => {
    boot.unavailableTotal = Number(pages)
  }],
  [/\bBuilt ([0-9]{1,6}) zonelists\b.*Total pages: ([0-9]{1,15})/, (boot, [, nodes, pages]) => {
    // printed again whenever memory is brought online: the first is that of the boot
    boot.zonelists ??= { nodes: Number(nodes), pages: Number(pages) }
  }],
  [
    /(?:^|\s)Memory: ([0-9]{1,12})[kK]\/([0-9]{1,12})[kK] available \(([^)]*)/,
    (boot, [, available, total, rest = ""]) => {
      const part = (what: string) => Number(new RegExp(`([0-9]{1,12})[kK] ${what}`).exec(rest)?.[1] ?? 0) * KiB
      boot.memory = {
        available: Number(available) * KiB,
        total: Number(total) * KiB,
        absent: part("absent"),
        reserved: part("reserved")
      }
    }
  ],
  [/\bnode ([0-9]{1,6}) initialised, ([0-9]{1,15}) pages in/, (boot, [, node, pages]) => {
    boot.deferred.push({ node: Number(node), pages: Number(pages) })
  }],
  [/\bnode ([0-9]{1,6}) deferred pages initialised in/, (boot, [, node]) => {
    boot.deferred.push({ node: Number(node), pages: undefined })
  }],
  [/\bdeferred_init=lazy: ([0-9]{1,15}) pages left/, (boot, [, pages]) => {
    boot.lazy = Number(pages)
  }]
]

/** Words of which a line that matters has one: most lines of a log have none. */
const worth = /\[mem 0x|pfn = |empty$|totalpages|pages|available \(/

/**
 * Reads the totals of the last boot in a log. Fails when the text is too large or has more such lines than
 * {@link BootLog.lineLimit} a boot.
 *
 * @category parsing
 * @since 0.1.0
 */
export const read = (source: string, text: string): Result.Result<BootTotals, InputError> =>
  Result.gen(function*() {
    let boot = begin()
    let count = 0
    for (const [index, raw] of (yield* JsonText.checkSize(source, text)).split("\n").entries()) {
      const line = OldLogLine.modern(raw.trimEnd().slice(0, 8192))
      if (/(?:^|\s)Linux version /.test(line)) {
        boot = begin()
        count = 0
        continue
      }
      if (!worth.test(line)) continue
      for (const [form, take] of lines) {
        const match = form.exec(line)
        if (match === null) continue
        take(boot, match)
        count++
        break
      }
      if (count > BootLog.lineLimit) {
        return yield* Decoding.failAt(
          { source, at: `line ${index + 1}` },
          `has more than ${BootLog.lineLimit} lines about memory`,
          "give the log of one boot"
        )
      }
    }
    const { node: _node, table: _table, ...totals } = boot
    return totals
  })
