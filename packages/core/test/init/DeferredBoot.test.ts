import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as Alignment from "../../src/geometry/Alignment.ts"
import * as Architecture from "../../src/geometry/Architecture.ts"
import * as PfnRange from "../../src/geometry/PfnRange.ts"
import * as DeferredBoot from "../../src/init/DeferredBoot.ts"
import * as Kernel from "../../src/release/Kernel.ts"
import * as KernelRelease from "../../src/release/KernelRelease.ts"
import * as BootZones from "../../src/zones/BootZones.ts"
import { random } from "../random.ts"
import * as Recordings from "../records/recordings.ts"
import * as ByPage from "./byPage.ts"

const x86 = Architecture.presets.x86_64
const section = 32768
const perGiB = 2 ** 30 / 4096

const kernel = (release: string, arch: Architecture.Architecture = x86) =>
  Kernel.make({ arch, release: Result.getOrThrow(KernelRelease.parse(release)) })

const pages = (start: number, length: number) => PfnRange.fromLength(start, length)

/** Nodes as boot makes them of RAM. */
const booted = (...ram: ReadonlyArray<ReadonlyArray<PfnRange.PfnRange>>): ReadonlyArray<DeferredBoot.BootNode> => {
  const nodes = ram.map((ranges, node) => ({ node, ram: ranges }))
  const zones = BootZones.make(x86, nodes)
  return nodes.map((node, at) => ({ ...node, zones: zones[at]?.zones ?? [] }))
}

const firsts = (release: string, nodes: ReadonlyArray<DeferredBoot.BootNode>) =>
  DeferredBoot.make(kernel(release), nodes).map(({ firstDeferred }) => firstDeferred)

/** The only node of a machine. */
const only = (release: string, ...ram: ReadonlyArray<PfnRange.PfnRange>): DeferredBoot.Deferral =>
  DeferredBoot.make(kernel(release), booted(ram))[0] ?? assert.fail("no node")

const free = (first: number | null, ...ranges: ReadonlyArray<PfnRange.PfnRange>): DeferredBoot.Pending => ({
  node: 0,
  end: ranges.at(-1)?.end ?? 0,
  firstDeferred: first,
  free: ranges
})

describe("DeferredBoot: what is deferred", () => {
  it("DEF-3: one section of pages stays, up to a section boundary", () => {
    const aligned = only("6.1", pages(1048576, 64 * perGiB))
    assert.strictEqual(aligned.firstDeferred, 1081344)
    assert.deepStrictEqual(aligned.upFront, [pages(1048576, 32768)])
    assert.deepStrictEqual(aligned.deferred, [{ start: 1081344, end: 1048576 + 64 * perGiB }])
    const shifted = only("6.1", pages(1048676, 64 * perGiB))
    assert.strictEqual(shifted.firstDeferred, 1114112)
    assert.deepStrictEqual(shifted.upFront, [pages(1048676, 65436)])
  })

  it("DEF-3: lower zones are complete: 8 GiB defer only above 4 GiB", () => {
    const { deferred, firstDeferred, upFront } = only(
      "6.1",
      { start: 1, end: 0x9f },
      { start: 256, end: 3 * perGiB },
      pages(4 * perGiB, 5 * perGiB)
    )
    assert.strictEqual(firstDeferred, 4 * perGiB + section)
    assert.deepStrictEqual(upFront, [
      { start: 1, end: 0x9f },
      { start: 256, end: 3 * perGiB },
      pages(4 * perGiB, section)
    ])
    assert.deepStrictEqual(deferred, [{ start: 4 * perGiB + section, end: 9 * perGiB }])
  })

  it("DEF-3: only pages that exist are counted", () => {
    const hole = only("6.1", pages(1048576, 100), pages(1048576 + 10 * section, 4 * section))
    assert.strictEqual(hole.firstDeferred, 1048576 + 11 * section)
    assert.deepStrictEqual(hole.upFront, [pages(1048576, 100), pages(1048576 + 10 * section, section)])
  })

  it("DEF-2: later ranges of the zone are deferred from their first page, wherever it lies", () => {
    const { deferred, upFront } = only("6.1", pages(1048576, 2 * section), pages(1048576 + 3 * section + 7, 50))
    assert.deepStrictEqual(upFront, [pages(1048576, section)])
    assert.deepStrictEqual(deferred, [pages(1081344, section), pages(1048576 + 3 * section + 7, 50)])
  })

  it("DEF-1, DEF-2: nothing is deferred of a section or less, nor without a boundary after it", () => {
    for (const ram of [pages(1048576, 1), pages(1048576, section), pages(1048676, 65436), pages(256, 25344)]) {
      const { deferred, firstDeferred, upFront } = only("6.1", ram)
      assert.deepStrictEqual({ deferred, firstDeferred, upFront }, {
        deferred: [],
        firstDeferred: null,
        upFront: [ram]
      })
    }
    assert.strictEqual(only("6.1", pages(1048576, section + 1)).firstDeferred, 1081344)
  })

  it("DEF-2: users of page extension that need early pages never defer", () => {
    const nodes = booted([pages(1048576, 64 * perGiB)])
    const [node] = DeferredBoot.make(kernel("6.1"), nodes, { earlyPageExtension: true })
    assert.deepStrictEqual(node, {
      node: 0,
      end: 1048576 + 64 * perGiB,
      firstDeferred: null,
      upFront: nodes[0]?.ram ?? [],
      deferred: []
    })
  })

  it("DEF-2: the movable zone is the highest if there is one", () => {
    const ram = [pages(1048576, 8 * perGiB)]
    const zones = BootZones.make(x86, [{ node: 0, ram }], { kernelcore: { kind: "bytes", bytes: 2 ** 31 } })
    const [node] = DeferredBoot.make(kernel("6.1"), [{ node: 0, ram, zones: zones[0]?.zones ?? [] }])
    assert.strictEqual(node?.firstDeferred, 1048576 + 2 * perGiB + section)
  })

  it("DEF-4: up to 4.16 it was 2 GiB of pages; from 4.6 on 1/256 of nodes above 512 GiB", () => {
    const ram = pages(1048576, 64 * perGiB)
    assert.strictEqual(only("4.2", ram).firstDeferred, 1572864)
    assert.strictEqual(only("4.16", ram).firstDeferred, 1572864)
    assert.strictEqual(only("4.17", ram).firstDeferred, 1081344)
    const large = pages(1048576, 1024 * perGiB)
    assert.strictEqual(only("4.5", large).firstDeferred, 1572864)
    assert.strictEqual(only("4.6", large).firstDeferred, 1048576 + 1024 * perGiB / 256)
    const arm = Architecture.presets["arm64-64k"]
    const [node] = DeferredBoot.make(kernel("4.16", arm), [{
      node: 0,
      ram: [pages(65536, 262144)],
      zones: [{ name: "Normal", start: 65536, spanned: 262144, present: 262144 }]
    }])
    assert.strictEqual(node?.firstDeferred, 65536 + 2 ** 31 / 65536)
  })

  it("DEF-2: every node counts for itself", () => {
    const nodes = booted([pages(256, 8 * perGiB)], [pages(9 * perGiB, 8 * perGiB)], [pages(18 * perGiB, section)])
    assert.deepStrictEqual(firsts("6.1", nodes), [4 * perGiB + section, 9 * perGiB + section, null])
  })

  it("DEF-2, INI-5: where nodes alternate, the count restarts; up to 5.13 they came one after the other", () => {
    const at = (n: number, length: number) => pages(1048576 + n * section, length * section)
    const nodes = booted([at(0, 1), at(2, 3)], [at(1, 1), at(5, 3)])
    assert.deepStrictEqual(firsts("5.14", nodes), [1048576 + 3 * section, 1048576 + 6 * section])
    assert.deepStrictEqual(firsts("5.13", nodes), [1048576 + 2 * section, 1048576 + 5 * section])
  })

  it("DEF-5, INI-6: reserved pages of the deferred part come first, by themselves", () => {
    const node = only("6.1", pages(1048576, 3 * section), pages(1048576 + 4 * section, section))
    const reserved = [{ start: 1081340, end: 1081350 }, { start: 1048576 + 5 * section - 10, end: 2 ** 24 }]
    assert.deepStrictEqual(DeferredBoot.reservedEarly(node, reserved), [
      { start: 1081344, end: 1081350 },
      pages(1048576 + 5 * section - 10, 10)
    ])
    assert.deepStrictEqual(DeferredBoot.pending(node, reserved), {
      node: 0,
      end: 1048576 + 5 * section,
      firstDeferred: 1081344,
      free: [
        { start: 1081350, end: 1048576 + 3 * section },
        { start: 1048576 + 4 * section, end: 1048576 + 5 * section - 10 }
      ]
    })
    assert.deepStrictEqual(DeferredBoot.pending(node).free, node.deferred)
  })
})

describe("DeferredBoot: growing on demand", () => {
  const state = free(1081344, { start: 1081344, end: 1048576 + 64 * perGiB })

  it("DEF-7: one section for every order up to 10", () => {
    for (let order = 0; order <= 10; order++) {
      assert.deepStrictEqual(DeferredBoot.grow(kernel("6.1"), state, { order }), {
        initialised: [pages(1081344, section)],
        firstDeferred: 1114112,
        retry: true
      })
    }
  })

  it("DEF-7: as many sections as it takes to meet a section of free pages", () => {
    const half = free(0, ...[0, 1, 2, 3].map((n) => pages(n * section, section / 2)))
    for (const release of ["6.1", "6.18"]) {
      assert.deepStrictEqual(DeferredBoot.grow(kernel(release), half, { order: 0 }), {
        initialised: [pages(0, section / 2), pages(section, section / 2)],
        firstDeferred: 2 * section,
        retry: true
      })
    }
  })

  it("DEF-7: what begins later in the last section is taken along; the rest begins with the next free page", () => {
    const two = free(100, pages(100, section), pages(2 * section - 5, 4), pages(5 * section + 3, 7))
    const growth = (release: string) => DeferredBoot.grow(kernel(release), two, { order: 3 })
    assert.deepStrictEqual(growth("6.1"), {
      initialised: [pages(100, section), pages(2 * section - 5, 4)],
      firstDeferred: 5 * section + 3,
      retry: true
    })
    assert.strictEqual(growth("6.18").firstDeferred, 2 * section)
  })

  it("DEF-7: with the last free page nothing is deferred any more; from 6.18 on the next call finds out", () => {
    const little = free(0, pages(10, 20), pages(section, 5))
    const growth = (release: string) => DeferredBoot.grow(kernel(release), little, { order: 10 })
    assert.deepStrictEqual(growth("6.1"), { initialised: little.free, firstDeferred: null, retry: true })
    assert.deepStrictEqual(growth("6.18"), { initialised: little.free, firstDeferred: 2 * section, retry: true })
  })

  it("DEF-6: another zone, somebody came before, nothing left", () => {
    const answers = (release: string, pending: DeferredBoot.Pending, request: Omit<DeferredBoot.Request, "order">) => {
      const { firstDeferred, initialised, retry } = DeferredBoot.grow(kernel(release), pending, {
        order: 0,
        ...request
      })
      assert.deepStrictEqual(initialised, [])
      return [firstDeferred, retry]
    }
    for (const release of ["4.17", "6.1", "6.18"]) {
      assert.deepStrictEqual(answers(release, state, { isHighest: false }), [1081344, false])
      assert.deepStrictEqual(answers(release, state, { seen: 1048576 }), [1081344, true])
      assert.deepStrictEqual(answers(release, free(null), { seen: 1048576 }), [null, true])
      assert.deepStrictEqual(answers(release, free(null), {}), [null, false])
    }
    const done = free(20 * section, pages(0, section))
    assert.deepStrictEqual(answers("6.1", done, {}), [null, true])
    assert.deepStrictEqual(answers("6.18", done, {}), [null, false])
  })

  it("DEF-4: nothing grows before 4.17", () => {
    assert.deepStrictEqual(DeferredBoot.grow(kernel("4.16"), state, { order: 0 }), {
      initialised: [],
      firstDeferred: 1081344,
      retry: false
    })
  })
})

describe("DeferredBoot: the threads", () => {
  const example = free(1081344, { start: 1081344, end: 17825792 })

  it("DEF-10: [1081344, 17825792) and 16 CPUs: 16 works, 64 chunks of 8 sections", () => {
    const [job, ...others] = DeferredBoot.jobs(kernel("6.1"), example, 16)
    assert.deepStrictEqual(job, { start: 1081344, end: 17825792, works: 16, chunk: 262144 })
    assert.deepStrictEqual(others, [])
    if (job === undefined) return
    assert.strictEqual(DeferredBoot.chunkCount(job), 64)
    assert.deepStrictEqual(DeferredBoot.chunkAt(job, 0), { start: 1081344, end: 1310720 })
    assert.deepStrictEqual(DeferredBoot.chunkAt(job, 63), { start: 17563648, end: 17825792 })
    assert.isUndefined(DeferredBoot.chunkAt(job, 64))
    assert.isUndefined(DeferredBoot.chunkAt(job, -1))
  })

  it("DEF-10: threads by release and architecture", () => {
    const arm = Architecture.presets["arm64-4k"]
    const threads = (release: string, arch: Architecture.Architecture) =>
      [16, 1, 0].map((cpus) => DeferredBoot.maxThreads(kernel(release, arch), cpus))
    assert.deepStrictEqual(threads("5.7", x86), [1, 1, 1])
    assert.deepStrictEqual(threads("5.8", x86), [16, 1, 1])
    assert.deepStrictEqual(threads("5.8", Architecture.presets["x86_64-5level"]), [16, 1, 1])
    assert.deepStrictEqual(threads("6.10", arm), [1, 1, 1])
    assert.deepStrictEqual(threads("6.11", arm), [16, 1, 1])
  })

  it("DEF-10: with one work, inline, there is one chunk", () => {
    const jobs = (release: string, pending: DeferredBoot.Pending, cpus: number) =>
      DeferredBoot.jobs(kernel(release), pending, cpus).map((job) => ({ ...job, chunks: DeferredBoot.chunkCount(job) }))
    const whole = { start: 1081344, end: 17825792, works: 1, chunk: 16744448, chunks: 1 }
    assert.deepStrictEqual(jobs("6.1", example, 1), [whole])
    assert.deepStrictEqual(jobs("5.7", example, 16), [whole])
    assert.deepStrictEqual(jobs("4.2", example, 16), [whole])
    // Less than two sections, and the end is rounded up.
    assert.deepStrictEqual(jobs("6.1", free(0, pages(section / 2, section + 1)), 16), [
      { start: section / 2, end: 2 * section, works: 1, chunk: 1.5 * section, chunks: 1 }
    ])
  })

  it("DEF-10: a job for each free range; before 5.8 one, from 6.18 on one for the rest of the zone", () => {
    const ranges = free(
      100,
      pages(200, 2 * section),
      pages(3 * section - 5, 5),
      pages(3 * section, 2 * section),
      pages(9 * section - 20, 40)
    )
    const jobs = (release: string) =>
      DeferredBoot.jobs(kernel(release), ranges, 2).map(({ end, start }) => ({ start, end }))
    assert.deepStrictEqual(jobs("6.1"), [
      { start: 200, end: 3 * section },
      { start: 3 * section, end: 5 * section },
      { start: 9 * section - 20, end: 10 * section }
    ])
    assert.deepStrictEqual(jobs("5.7"), [{ start: 200, end: 9 * section + 20 }])
    assert.deepStrictEqual(jobs("6.18"), [{ start: 100, end: 10 * section }])
    for (const release of ["4.17", "6.1", "6.18"]) {
      assert.deepStrictEqual(DeferredBoot.jobs(kernel(release), free(null, pages(0, section)), 2), [])
      assert.deepStrictEqual(DeferredBoot.jobs(kernel(release), free(section, pages(0, section)), 2), [])
    }
  })

  it("DEF-11: the lock is held from 4.17 to 5.7", () => {
    const locked = (release: string) => DeferredBoot.isLocked(kernel(release))
    assert.deepStrictEqual(["4.16", "4.17", "5.7", "5.8", "6.1"].map(locked), [false, true, true, false, false])
  })

  it("DEF-9: a node prints if something is left when its thread begins", () => {
    const node = only("6.1", pages(1048576, 2 * section))
    assert.deepStrictEqual(DeferredBoot.prints([node]), [0])
    const { firstDeferred } = DeferredBoot.grow(kernel("6.1"), DeferredBoot.pending(node), { order: 0 })
    assert.deepStrictEqual(DeferredBoot.prints([{ ...node, firstDeferred }]), [])
  })

  it("DEF-9, DEF-15: 184 recordings print for exactly these nodes", () => {
    assert.strictEqual(Recordings.all.length, 184)
    for (const { lines, memory, name } of Recordings.all) {
      const printed = lines.flatMap((line) => /\bnode ([0-9]+) deferred pages initialised in/.exec(line)?.[1] ?? [])
      const nodes = DeferredBoot.prints(DeferredBoot.make(memory.kernel, memory.nodes))
      assert.deepStrictEqual(nodes, printed.map(Number).toSorted((a, b) => a - b), name)
    }
  })
})

const releases = ["4.5", "4.16", "4.17", "5.13", "6.1", "6.18"] as const

describe("DeferredBoot against a walk of all pages", () => {
  it("DEF-2, DEF-4, INI-5: first_deferred_pfn and the part up front of 6000 machines", () => {
    const next = random(6)
    let deferring = 0
    let machines = 0
    for (const release of releases) {
      for (let run = 0; run < 1000; run++) {
        const nodes = ByPage.machine(next)
        const found = DeferredBoot.make(ByPage.tiny(release), nodes)
        const seen = found.map(({ firstDeferred, upFront }) => ({ firstDeferred, upFront: ByPage.pfns(upFront) }))
        assert.deepStrictEqual(
          seen,
          ByPage.walk(ByPage.tiny(release), nodes),
          `${release}, run ${run}: ${JSON.stringify(nodes)}`
        )
        found.forEach(({ deferred, upFront }, at) => {
          assert.deepStrictEqual(
            PfnRange.normalise([...upFront, ...deferred]),
            PfnRange.normalise(nodes[at]?.ram ?? [])
          )
        })
        machines++
        if (found.some(({ firstDeferred }) => firstDeferred !== null)) deferring++
      }
    }
    assert.isAbove(deferring, machines / 4)
  })

  it("DEF-6, DEF-7: growing until nothing is left, 3000 machines", () => {
    const next = random(7)
    let grown = 0
    for (const release of ["4.17", "6.1", "6.18"]) {
      for (let run = 0; run < 1000; run++) {
        const config = ByPage.tiny(release)
        const order = next(2) === 0 ? 0 : next(6)
        const reserved = Array.from({ length: next(5) }, () => pages(next(150), 1 + next(20)))
        for (const node of DeferredBoot.make(config, ByPage.machine(next))) {
          const all = DeferredBoot.pending(node, reserved)
          const initialised: Array<number> = []
          let firstDeferred = all.firstDeferred
          for (let calls = 0; firstDeferred !== null; calls++) {
            const state = { ...all, firstDeferred }
            const growth = DeferredBoot.grow(config, state, { order })
            const seen = { ...growth, initialised: ByPage.pfns(growth.initialised) }
            assert.deepStrictEqual(seen, ByPage.grow(config, state, order), `${release}, run ${run}, call ${calls}`)
            initialised.push(...seen.initialised)
            firstDeferred = growth.firstDeferred
            grown++
          }
          assert.deepStrictEqual(initialised, ByPage.pfns(all.free))
          assert.deepStrictEqual(
            ByPage.pfns(DeferredBoot.reservedEarly(node, reserved)),
            ByPage.pfns(node.deferred).filter((pfn) => !initialised.includes(pfn))
          )
        }
      }
    }
    assert.isAbove(grown, 3000)
  })

  it("DEF-10: chunks as workers take them from a shared cursor, 3000 machines", () => {
    const next = random(10)
    let shared = 0
    for (const release of ["5.7", "6.1", "6.18"]) {
      for (let run = 0; run < 1000; run++) {
        const config = ByPage.tiny(release)
        const cpus = next(12)
        const state = free(
          next(30),
          ...PfnRange.normalise(
            Array.from({ length: 1 + next(4) }, () => pages(next(900), 1 + next(700)))
          )
        )
        const jobs = DeferredBoot.jobs(config, state, cpus)
        for (const job of jobs) {
          const chunks: Array<PfnRange.PfnRange> = []
          let at = job.start
          while (at < job.end) {
            const end = job.works === 1 ? job.end : Math.min(job.end, Alignment.up(at + 1, job.chunk))
            chunks.push({ start: at, end })
            at = end
          }
          const found = Array.from({ length: DeferredBoot.chunkCount(job) }, (_, n) => DeferredBoot.chunkAt(job, n))
          assert.deepStrictEqual(found, chunks, `${release}, run ${run}`)
          assert.isAtMost(job.works, Math.max(cpus, 1))
          if (job.works === 1) continue
          shared++
          assert.strictEqual(job.chunk % 8, 0)
          assert.strictEqual(job.works, Math.min(Math.floor((job.end - job.start) / 8), cpus))
        }
        // Together they are disjoint, ascending, and reach every free page that is left.
        const left = ByPage.pfns(state.free).filter((pfn) => pfn >= (state.firstDeferred ?? 0))
        assert.isTrue(left.every((pfn) => jobs.filter(({ end, start }) => start <= pfn && pfn < end).length === 1))
      }
    }
    assert.isAbove(shared, 1000)
  })
})
