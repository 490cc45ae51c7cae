/**
 * What a program can not be held to: the leaves of `observed` that do not follow from `input`.
 *
 * This is the one place that says so. A comparison leaves out a leaf only by naming an entry of this list, and every leaf it
 * leaves out is at one of the places the entry names.
 *
 * @since 0.1.0
 */

/**
 * A reason to leave leaves out.
 *
 * `leaves`: where, as paths in which `*` stands for any key or index and `**` for any number of them. Where `only` says more,
 * not all leaves at these places are left out. `held`: what is compared all the same.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  readonly id: string
  readonly leaves: ReadonlyArray<string>
  readonly only: string
  readonly why: string
  readonly held: string
}

const entry = (
  id: string,
  leaves: ReadonlyArray<string>,
  why: string,
  { held = "", only = "" }: { readonly held?: string; readonly only?: string } = {}
): Entry => ({ id, leaves, only, why, held })

const lineLists = ["commands.*.dmesg.*", "phases.*.dmesg_new.*", "phases.*.dmesg_tail.*"]

/**
 * Every entry by name.
 *
 * @category constants
 * @since 0.1.0
 */
export const entries = {
  given: entry("given", ["phases.before-drivers.**"], "what firmware and boot left is given, not derived"),
  seconds: entry("seconds", ["commands.*.seconds"], "times differ from run to run"),
  console: entry("console", ["console.*"], "last lines of the console of a guest that died"),
  recorder: entry(
    "recorder",
    ["snapshotErrors.*", "infoblocks.**"],
    "the recorder could not read the guest: nothing is said about the kernel",
    { only: "snapshotErrors, and the blocks they name" }
  ),
  pcpPages: entry("pcpPages", ["phases.*.pcp_pages"], "state of the page allocator"),
  meminfo: entry("meminfo", ["phases.*.meminfo.*"], "state of the page allocator and of caches", {
    only: "figures other than MemTotal",
    held: "MemTotal: what was given of boot, plus the changes since (OBS-10)"
  }),
  freeMemory: entry(
    "freeMemory",
    ["delta.freeIncludingPcp", "delta.MemFree", "delta.PageTables"],
    "state of the page allocator",
    {
      held: "delta.MemTotal and DirectMap1G exactly; DirectMap2M and DirectMap4k up to 2 MiB entries that modules split"
    }
  ),
  managed: entry(
    "managed",
    ["phases.*.zoneinfo.*.managed"],
    "depends on kernel image, initramfs and boot-time allocations",
    {
      only: "zones that contain RAM of boot",
      held: "spanned, present and start_pfn of every zone; managed of zones that hold only hot-added memory (OBS-10)"
    }
  ),
  iomem: entry("iomem", ["phases.*.iomem.*.*", "iomem.*.*"], "firmware, buses and the kernel image", {
    only: "entries that are not System RAM, Reserved, Persistent Memory, namespaceX.Y, daxX.Y or System RAM (kmem)",
    held: "in iomemText the lines of the same names"
  }),
  lines: entry("lines", lineLists, "about other subjects, or stack traces", {
    only: "kernel lines that are none of OBS-9 (zonelists) and OBS-29, no WARN and no dumped page",
    held: "of the others all but the time in brackets, milliseconds, pids, code addresses, totals and page addresses"
  }),
  placement: entry("placement", ["snapshots.*.vmemmap.runs.*.2"], "which free pages of RAM the allocator had", {
    only: "physical addresses of leaves in RAM",
    held:
      "virtual start, leaf size, memory and contiguous coverage of every run; runs backed by devices exactly (SPW-10)"
  }),
  sampling: entry(
    "sampling",
    ["snapshots.*.vmemmap.runs.*.0", "snapshots.*.vmemmap.runs.*.2", "snapshots.*.vmemmap.runs.*.3"],
    "how runs of RAM leaves split depends on physical placement, and the record leaves runs out here",
    { only: "count and start of runs in RAM next to where runs were left out" }
  ),
  runsTotal: entry(
    "runsTotal",
    ["snapshots.*.vmemmap.runsTotal"],
    "how runs of RAM leaves split depends on physical placement",
    {
      only: "snapshots with a leaf in RAM"
    }
  ),
  tableNode: entry("tableNode", ["snapshots.*.vmemmap.tablePages.pteIn.*"], "order of the zonelists", {
    only: "machines with RAM on several nodes"
  }),
  onlinePages: entry(
    "onlinePages",
    [
      "snapshots.*.structPages.images.*.**",
      "snapshots.*.structPages.imagesTotal",
      "snapshots.*.structPages.compound.**",
      "snapshots.*.structPages.samples.*",
      "phases.*.kpageflags:*"
    ],
    "page allocator, caches and lists use memory that is or was online",
    {
      only: "snapshots of such memory",
      held: "pages, unmapped, partial; node and zone in the flags; images that are still as boot or hotplug left them"
    }
  ),
  usage: entry("usage", ["commands.*.stderr", "stderr", "read.stderr"], "the tool's own help", {
    only: "the text below a usage line",
    held: "message and usage line; known help texts by length and checksum"
  }),
  outOfMemory: entry("outOfMemory", ["**"], "after a failed allocation all depends on the memory free at that moment", {
    only: "what the engine leaves open in a record in which an allocation failed"
  }),
  runningHost: entry(
    "runningHost",
    ["**"],
    "a live machine: depends on what runs on it, and its memory is given by its own iomem",
    {
      only: "records of hosts",
      held:
        "block size and runs of memory blocks; node, name, spanned, present and start_pfn of zones; nr_memmap_boot_pages (OBS-12)"
    }
  )
} as const satisfies Readonly<Record<string, Entry>>

/**
 * Every entry, for printing.
 *
 * @category constants
 * @since 0.1.0
 */
export const all: ReadonlyArray<Entry> = Object.values(entries)

/**
 * What is not compared inside a leaf that is: a part of its text that has to be there in the same form only.
 *
 * @category constants
 * @since 0.1.0
 */
export const withinLeaves: ReadonlyArray<{ readonly what: string; readonly why: string }> = [
  { what: "uuids that the input does not contain", why: "made at random; both sides must have one" },
  { what: "checksums of info blocks over such uuids", why: "computed anew over the kernel's uuids" },
  { what: "kptr#K", why: "numbered by address; the same K must be the same pointer throughout a snapshot" },
  { what: "kernel pointers in samples", why: "addresses of kernel objects; both sides must have one" },
  {
    what: "MemFree in nodes; figures of a printed /proc/meminfo",
    why: "state of the page allocator, and the kernel image"
  },
  {
    what: "a printed /proc/zoneinfo but for zones, spanned, present and start_pfn",
    why: "state of the page allocator"
  },
  { what: "lines of a page migration that failed and is tried again", why: "what other programs use at that moment" },
  { what: "iomemText: lines of other names than iomem is held to", why: "firmware, buses and the kernel image" },
  { what: "times, pids, code and page addresses, totals in kernel lines", why: "differ from run to run" }
]
