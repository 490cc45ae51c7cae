import type { Details, Entry } from "@vmemmap/core/time/Timeline"

export const span = (
  group: string,
  lane: string,
  name: string,
  start: number,
  end: number,
  details: Details = {}
): Entry => ({ kind: "span", group, lane, name, start, end, details })

export const instant = (group: string, lane: string, name: string, at: number, details: Details = {}): Entry => ({
  ...span(group, lane, name, at, at, details),
  kind: "instant"
})

/** Devices brought up one after the other: a lock, a probe, workers and faults. Times in milliseconds. */
export const bringUp = (devices: number, workers: number): ReadonlyArray<Entry> =>
  [
    span("boot", "cpu 0", "memmap_init", 0, 400),
    ...Array.from({ length: devices }, (_, d) => {
      const start = 400 + d * 300
      return [
        span("mem_hotplug_lock", `nd_pmem ${d}`, "waits", 400, start),
        span("mem_hotplug_lock", `nd_pmem ${d}`, "holds", start, start + 300),
        span(`pmem${d}`, "probe", "adds pages", start, start + 300),
        span(`pmem${d}`, "probe", "waits for workers", start + 300, start + 1300),
        ...Array.from({ length: workers }, (_, w) => [
          span(`pmem${d}`, `worker ${w}`, "initialises", start + 300, start + 800 + 20 * w, { pages: 32768 }),
          span(`pmem${d}`, `worker ${w}`, "yields", start + 800 + 20 * w, start + 820 + 20 * w),
          span(`pmem${d}`, `worker ${w}`, "initialises", start + 820 + 20 * w, start + 1300)
        ]).flat(),
        instant(`pmem${d}`, "faults", "fault waits", start + 500, { pfn: 0x100000 }),
        instant(`pmem${d}`, "faults", "fault is served", start + 700)
      ]
    }).flat()
  ].map((entry) => ({ ...entry, start: entry.start * 1e6, end: entry.end * 1e6 }))

/** Quotes, tags, control characters, a change of writing direction, half a character, wide ones, and more than fits anywhere. */
export const hostile = `"><script>&amp;'\u0000\u001b[31m\n\t\u202e${String.fromCharCode(0xd800)}]]>\u{1f600}${
  "漢x".repeat(5000)
}7`

/** Lines of a text that ends with a newline. */
export const linesOf = (text: string): ReadonlyArray<string> => text.split("\n").slice(0, -1)
