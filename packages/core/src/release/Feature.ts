/**
 * Behaviours that differ between kernels, each with the upstream release that brought (and perhaps dropped) it.
 *
 * Code asks for a feature, never for a version: distributions backport.
 *
 * @since 0.1.0
 */

/**
 * A name of the {@link catalogue}.
 *
 * @category models
 * @since 0.1.0
 */
export type Feature = keyof typeof catalogue

/**
 * `since` and `until` are upstream releases as `major.minor`; `until` is the first release without it. `since` `null`: not
 * in any release. What stable series and distributions backport is said where they are read, in `KernelRelease`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  readonly since: string | null
  readonly until?: string
  /** `rule` of the specification. */
  readonly rule: string
  readonly what: string
}

const entry = (since: string | null, rule: string, what: string, until?: string): Entry => ({
  since,
  rule,
  what,
  ...(until === undefined ? {} : { until })
})

/**
 * Every feature a kernel may have, by the name under which code asks for it and `+feature`, `-feature` name it.
 *
 * @category catalogue
 * @since 0.1.0
 */
export const catalogue = {
  "zone-device": entry("4.3", "23.2", "device memory can have struct pages at all"),
  "altmap": entry("4.5", "ALT-15", "the memmap can live on the device (map=dev)"),
  "altmap-rfc-2015": entry(null, "ALT-15", "the altmap as first posted: the reserve not added, nothing given back"),
  "dax-mount-probe": entry("4.12", "23.4", "mounting with DAX asks for the pfn of the first page", "5.17"),
  "dax-mount-probe-last": entry("5.1", "23.4", "mounting with DAX asks for the pfn of the last page too", "5.17"),
  "dax-mount-probe-debug": entry(null, "23.4", "mounting with DAX asks for pfns only with DAX_DRIVER_DEBUG=y"),
  "memmap-state": entry(null, "26.4", "pfn and dax devices tell whether their struct pages are initialised (2018)"),
  "kmem": entry("5.1", "25.1", "device-dax memory can become System RAM"),
  "sub-sections": entry("5.3", "SEC-8", "namespaces are mapped in 2 MiB units instead of whole sections"),
  "info-block-1.4": entry("5.4", "22.1", "new info blocks record page and struct page size (minor 4)"),
  "memmap-counters": entry("6.11", "OBS-12", "/proc/vmstat counts the pages of the memmap"),
  "auto-movable": entry("5.15", "HOT-16", "the auto-movable online policy"),
  "memmap-on-memory": entry("5.13", "HOT-11", "ACPI memory of one block can hold its own memmap"),
  "compound-devmaps": entry("5.17", "CMP-1", "device-dax maps compound pages (vmemmap_shift)"),
  "vmemmap-dedup": entry("5.19", "CMP-1", "compound device-dax shares its tail vmemmap pages"),
  "dedup-any-arch": entry("5.19", "BUG-13", "sharing is applied on every architecture, safe or not", "6.4"),
  "dedup-above-reserve": entry("6.6", "CMP-1", "sharing needs more vmemmap pages per compound than are kept"),
  "dedup-ppc64-radix": entry("6.5", "CMP-9", "ppc64 with the radix MMU shares tail vmemmap pages"),
  "dedup-head-only": entry(null, "CMP-12", "one vmemmap page kept per compound, tails shared per order and zone"),
  "dedup-early-section-fix": entry(
    null,
    "INI-9",
    "compounds in an early section get all their struct pages initialised"
  ),
  "reserve-128": entry("6.1", "22.3", "new map=dev blocks set 128 bytes aside per page", "6.3"),
  "vmemmap-generic-pmd": entry("6.2", "ALT-10", "arm64 no longer falls back to base pages of an exhausted altmap"),
  "vmemmap-loongarch64": entry("6.2", "GEO-10", "loongarch64 has a virtual memmap, PMD-mapped"),
  "hotplug-riscv64": entry("6.11", "GEO-10", "riscv64 can hot-add memory"),
  "memmap-on-memory-relaxed": entry(
    "6.6",
    "HOT-12",
    "memmap_on_memory without the whole-PMD rule where the arch allows"
  ),
  "memmap-on-memory-split": entry("6.8", "HOT-12", "memmap_on_memory for any number of blocks, one altmap each"),
  "kmem-memmap-on-memory": entry("6.8", "25.6", "kmem devices can hold their own memmap, block by block"),
  "block-size-advice": entry("6.14", "GEO-15", "CXL windows advise the memory block size"),
  "compound-metadata-first-tail": entry("6.2", "INI-3", "compounds of two pages get their head metadata as well"),
  "zone-device-refcount-zero": entry("6.15", "INI-2", "free fsdax and p2pdma pages have reference count 0"),
  "single-pass-init": entry("4.20", "INI-7", "device struct pages are written once, outside the hotplug lock"),
  "hotplug-page-offline": entry(
    "6.11",
    "INI-4",
    "added pages are PageOffline instead of reserved until they are online"
  ),
  "boot-memmap-by-address": entry("5.14", "INI-5", "boot initialises RAM in the order of addresses, not node by node"),
  "deferred-scaled-up-front": entry("4.6", "DEF-4", "deferred boot init starts with 1/256 of large nodes"),
  "deferred-section-up-front": entry("4.17", "DEF-2", "deferred boot init starts with one section instead of 2 GiB"),
  "deferred-unlocked": entry("5.8", "DEF-11", "deferred boot init runs without the node's lock, interrupts enabled"),
  "deferred-padata": entry("5.8", "DEF-10", "deferred boot init is shared among the CPUs of a node (x86)"),
  "deferred-padata-any-arch": entry("6.11", "DEF-10", "deferred boot init is shared among CPUs on every architecture"),
  "deferred-by-zone": entry("6.18", "DEF-10", "deferred boot init goes by sections of the zone, not by free ranges"),
  "hugetlb-vmemmap": entry("5.14", "CMP-11", "HugeTLB frees the tail vmemmap pages of its huge pages"),
  "hugetlb-vmemmap-head-only": entry("5.18", "CMP-11", "HugeTLB keeps one vmemmap page per huge page"),
  "memdesc": entry(null, "27.4", "what-if: 8 bytes per page instead of a struct page")
} as const satisfies Readonly<Record<string, Entry>>

/**
 * Whether `text` names a feature of the {@link catalogue}.
 *
 * @category guards
 * @since 0.1.0
 */
export const isFeature = (text: string): text is Feature => Object.hasOwn(catalogue, text)
