/**
 * Sections, pagemaps and their users: device memory that comes and goes while somebody looks.
 *
 * @since 0.1.0
 */
import { Faults } from "@vmemmap/core/frames/Faults"
import { GiB, MiB } from "@vmemmap/core/geometry/Units"
import * as Effect from "effect/Effect"
import { apart, device, dump, mapOnce, mapped, pageSize, pfns, small, user, withAltmap } from "./Devices.ts"
import type { Scenario } from "./Scenario.ts"
import * as Walkers from "./Walkers.ts"

/** The first device page, and the last. */
const ends = (start: number, size: number): ReadonlyArray<number> => [start / pageSize, (start + size) / pageSize - 1]

/** Arms the allocator before somebody else goes on: the allocation after `succeed` others fails. */
const failing = (succeed: number) =>
  Effect.flatMap(Effect.service(Faults), (faults) => Effect.sync(() => faults.arm(succeed)))

/**
 * @category scenarios
 * @since 0.1.0
 */
export const devices: ReadonlyArray<Scenario> = [
  {
    name: "add-pfn-valid",
    about: "a device is mapped while somebody asks pfn_valid() of its pages",
    rules: ["SEC-10", "SEC-11", "LCK-6"],
    machine: small,
    setup: Effect.sync(() => {
      const request = device("pmem0", apart, 128 * MiB)
      return {
        map: mapOnce(request),
        walker: Effect.forEach([0, 1], (i) => Walkers.pfnValid(apart / pageSize + i), { discard: true })
      }
    }),
    preemptions: 3
  },
  {
    name: "remove-pfn-valid",
    about: "a device is unmapped while somebody asks pfn_valid() of its pages",
    rules: ["SEC-13", "LCK-7"],
    machine: small,
    setup: Effect.map(mapped(device("pmem0", apart, 128 * MiB)), ({ unmap }) => ({
      unmap,
      walker: Effect.forEach([0, 1], (i) => Walkers.pfnValid(apart / pageSize + i), { discard: true })
    }))
  },
  {
    name: "device-beside-ram",
    about: "a device is mapped and unmapped in a section that also holds RAM, while somebody walks online pages",
    rules: ["SEC-7", "ZON-4", "BUG-9", "BUG-11"],
    machine: small,
    setup: Effect.sync(() => {
      const request = device("pmem0", GiB - 64 * MiB, 64 * MiB)
      const { start } = pfns(request)
      return {
        map: mapOnce(request),
        walker: Effect.andThen(Walkers.ramWalker(start), Walkers.onlineWalker(start - 1))
      }
    }),
    preemptions: 3
  },
  {
    name: "two-in-one-section",
    about: "two namespaces that share a section are mapped and unmapped at the same time",
    rules: ["SEC-10", "SEC-13", "LCK-1"],
    machine: small,
    setup: Effect.sync(() => ({
      first: mapOnce(device("pmem0", apart, 64 * MiB)),
      second: mapOnce(device("pmem1", apart + 64 * MiB, 64 * MiB))
    })),
    preemptions: 2
  },
  {
    name: "get-unmap",
    about: "somebody looks a device page up and holds its pagemap while the device goes away",
    rules: ["MRP-7", "MRP-12", "LCK-10", "BUG-7"],
    machine: small,
    setup: Effect.gen(function*() {
      const request = device("pmem0", apart, 128 * MiB)
      const { unmap } = yield* mapped(request)
      return { unmap, user: user(apart / pageSize) }
    })
  },
  {
    name: "map-get",
    about:
      "somebody looks a device page up while the device is being mapped: what it gets is not initialised yet (MRP-7)",
    rules: ["MRP-7", "LCK-8"],
    machine: small,
    setup: Effect.sync(() => ({
      map: mapOnce(device("pmem0", apart, 128 * MiB)),
      lookup: Walkers.lookup(apart / pageSize)
    })),
    preemptions: 3
  },
  {
    name: "map-dump",
    about: "a debugger reads the first struct page of a device that comes and goes",
    rules: ["INI-8", "LCK-8"],
    machine: small,
    setup: Effect.sync(() => ({
      map: mapOnce(device("pmem0", apart, 128 * MiB)),
      debugger: dump(apart / pageSize)
    })),
    preemptions: 3
  },
  {
    name: "altmap-fails",
    about: "the memmap of a device does not fit into what it set aside, while another one is mapped",
    rules: ["SEC-10", "SEC-12", "ALT-6", "BUG-18", "BUG-21"],
    machine: small,
    setup: Effect.sync(() => ({
      short: Effect.ignore(mapOnce(withAltmap("pmem0", apart, 256 * MiB, 4 * MiB))),
      other: mapOnce(device("pmem1", apart + GiB, 128 * MiB))
    })),
    preemptions: 1
  },
  {
    name: "no-memory",
    about: "an allocation fails while a device is mapped, and somebody asks pfn_valid() meanwhile",
    rules: ["SEC-10", "SEC-12", "ERR-1"],
    machine: small,
    setup: Effect.map(failing(3), () => ({
      map: Effect.ignore(mapOnce(device("pmem0", apart, 128 * MiB))),
      walker: Effect.forEach(ends(apart, 128 * MiB), Walkers.pfnValid, { discard: true })
    })),
    preemptions: 2
  },
  {
    name: "altmap-unmap",
    about: "a device whose memmap lies on itself goes away while another one comes",
    rules: ["ALT-6", "INI-10", "BUG-8"],
    machine: small,
    setup: Effect.map(mapped(withAltmap("pmem0", apart, 128 * MiB)), ({ unmap }) => ({
      unmap,
      map: mapOnce(withAltmap("pmem1", apart + GiB, 128 * MiB))
    })),
    preemptions: 1
  },
  {
    name: "two-users",
    about: "two users look up pages of a device, drop them, and the device goes away",
    rules: ["MRP-10", "MRP-12", "LCK-11.9"],
    machine: small,
    setup: Effect.map(mapped(device("pmem0", apart, 128 * MiB)), ({ unmap }) => ({
      first: user(apart / pageSize),
      second: user(apart / pageSize + 1),
      unmap
    })),
    preemptions: 3
  },
  {
    name: "compounds",
    about: "a device of 2 MiB compounds comes and goes beside one of base pages",
    rules: ["CMP-2", "INI-8", "INI-9", "BUG-16"],
    machine: small,
    setup: Effect.map(mapped(device("dax0.0", apart, 128 * MiB, { type: "generic", order: 9 })), ({ unmap }) => ({
      unmap,
      map: mapOnce(device("pmem1", apart + GiB, 128 * MiB))
    })),
    preemptions: 1
  },
  {
    name: "compounds-of-1g",
    about: "a device of 1 GiB compounds is mapped while a device goes away beside it",
    rules: ["CMP-2", "INI-8", "BUG-16"],
    machine: small,
    setup: Effect.gen(function*() {
      yield* mapped(device("dax0.0", apart, GiB, { type: "generic", order: 18 }))
      const { unmap } = yield* mapped(device("pmem1", apart + 2 * GiB, 128 * MiB))
      return { unmap, user: user(apart / pageSize) }
    })
  },
  {
    name: "altmap-beside-ram-backed",
    about: "a device whose memmap is in RAM goes away beside one that holds its own",
    rules: ["ALT-6", "LCK-11.4", "BUG-22"],
    machine: small,
    setup: Effect.gen(function*() {
      yield* mapped(withAltmap("pmem0", apart, 128 * MiB))
      const { unmap } = yield* mapped(device("pmem1", apart + GiB, 128 * MiB))
      return { unmap, user: user(apart / pageSize + 1024) }
    })
  },
  {
    name: "compounds-on-device",
    about: "2 MiB compounds whose memmap lies on the device itself share nothing, while another device goes away",
    rules: ["CMP-10", "INI-9", "BUG-13"],
    machine: small,
    setup: Effect.gen(function*() {
      yield* mapped({ ...withAltmap("dax0.0", apart, 128 * MiB), type: "generic", order: 9 })
      const { unmap } = yield* mapped(device("pmem1", apart + GiB, 128 * MiB))
      return { unmap, user: user(apart / pageSize + 1024) }
    })
  },
  {
    name: "compounds-beside-ram",
    about: "2 MiB compounds in a section that also holds RAM, on a kernel that writes all their struct pages",
    rules: ["INI-9", "BUG-14"],
    machine: { ...small, kernel: "6.1+dedup-early-section-fix" },
    setup: Effect.gen(function*() {
      yield* mapped(device("dax0.0", GiB - 64 * MiB, 64 * MiB, { type: "generic", order: 9 }))
      return { user: user((GiB - 64 * MiB) / pageSize), walker: Walkers.onlineWalker((GiB - 64 * MiB) / pageSize - 1) }
    })
  },
  {
    name: "compounds-of-6.1-beside-ram",
    about: "the same on the recorded kernel, which does not (SPW-7)",
    rules: ["SPW-7", "INI-9", "BUG-14"],
    machine: small,
    setup: Effect.sync(() => ({
      map: mapOnce(device("dax0.0", GiB - 64 * MiB, 64 * MiB, { type: "generic", order: 9 })),
      walker: Walkers.onlineWalker((GiB - 64 * MiB) / pageSize - 1)
    })),
    preemptions: 1
  },
  {
    name: "misplaced-1g",
    about: "1 GiB compounds that do not begin on a section boundary, as the recorded kernel maps them (SPW-6)",
    rules: ["CMP-5", "SPW-6"],
    machine: small,
    setup: Effect.sync(() => ({
      map: mapOnce(device("dax0.0", apart + 16 * MiB, GiB, { type: "generic", order: 18 })),
      lookup: Walkers.lookup((apart + 16 * MiB) / pageSize)
    })),
    preemptions: 0
  }
]
