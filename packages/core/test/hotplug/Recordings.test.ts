/** Memory hotplug against what 6.1 did: `docs/kernel-facts.md`. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import { MemoryBlocks } from "../../src/hotplug/MemoryBlocks.ts"
import * as StructPage from "../../src/memmap/StructPage.ts"
import { bases } from "../../src/sections/PageAddress.ts"
import * as Harness from "./Harness.ts"
import * as Replay from "./Replay.ts"

const vmemmap = bases(Harness.memoryOf(Harness.small).kernel.arch)?.vmemmap ?? 0n

const casesOf = (category: KernelFacts.Category) =>
  KernelFacts.index.filter((entry) => entry.category === category).map((entry) => entry.case)

const errnoTexts: ReadonlyArray<readonly [string, string]> = [
  ["Invalid argument", "EINVAL"],
  ["Device or resource busy", "EBUSY"],
  ["No such file or directory", "ENOENT"]
]

const zonelists = (lines: ReadonlyArray<string>) =>
  lines.flatMap((line) => /Built ([0-9]+) zonelists/.exec(line)?.[1] ?? [])

const byZone = <A extends { readonly node: number; readonly zone: string }>(zones: ReadonlyArray<A>) =>
  zones.toSorted((a, b) =>
    a.node - b.node || StructPage.zones.findIndex((z) => z === a.zone) - StructPage.zones.findIndex((z) => z === b.zone)
  )

const comparePhase = (observed: Replay.Observed, replayed: Replay.Replayed, name: string) => {
  const shown = replayed.phases.get(name)
  assert.isDefined(shown, name)
  const expected = Replay.seen(observed, name, replayed)
  assert.deepStrictEqual({ ...shown, zones: byZone(shown?.zones ?? []) }, {
    ...expected,
    zones: byZone(expected.zones)
  })
}

const zeros = (words: ReadonlyArray<string>) => words.every((word) => word === "0x0")

/** Contents of online pages cannot be predicted; node and zone of each, and pages nobody allocates, can. */
const compareImages = ({ structPages: { images } }: Replay.Snapshot, shown: Replay.Shown) => {
  const never = images.filter(({ words }) => zeros(words)).reduce((sum, { count }) => sum + count, 0)
  assert.strictEqual(shown.neverWritten, never)
  const selfHosted = (flags: number) => (flags & StructPage.PageFlag.ownerPriv1) !== 0
  assert.strictEqual(
    shown.census.reduce(
      (n, { count, page }) => page._tag === "Initialised" && selfHosted(page.flags) ? n + count : n,
      0
    ),
    images.filter(({ words }) => (words[0] ?? "").endsWith("1400")).reduce((sum, { count }) => sum + count, 0)
  )
  for (const { firstPfn, lastPfn, words } of images) {
    if (zeros(words)) continue
    for (const pfn of [firstPfn, lastPfn]) {
      const page = shown.read(pfn)
      if (page._tag === "InUse") continue
      const flags = StructPage.words(page, pfn, vmemmap)?.[0] ?? 0n
      assert.strictEqual(flags >> 51n, BigInt(words[0] ?? 0) >> 51n, `node and zone of ${pfn}`)
    }
  }
}

const compareSnapshot = (recorded: Replay.Snapshot, shown: Replay.Shown) => {
  const { backing, leafCounts, tablePages } = recorded.vmemmap
  assert.deepStrictEqual(shown.leafCounts, leafCounts)
  assert.deepStrictEqual(
    shown.backing,
    Object.fromEntries(Object.entries(backing).map(([memory, { distinctBytes }]) => [memory, distinctBytes]))
  )
  assert.deepStrictEqual([shown.pmd, shown.pte], [tablePages.pmd, tablePages.pte])
  compareImages(recorded, shown)
}

describe("memory-block recordings", () => {
  for (const name of casesOf("memory-block")) {
    const { facts, layer, spec } = Harness.recorded(name)
    it.effect(`HOT-4 … HOT-23: ${name}`, () =>
      Effect.gen(function*() {
        const observed = Replay.observedOf(facts)
        const replayed = yield* Replay.replay(facts, spec)
        assert.deepStrictEqual(
          replayed.results,
          observed.commands.map(({ exit, stderr }) =>
            exit === 0 ? null : errnoTexts.find(([text]) => stderr.includes(text))?.[1] ?? stderr
          )
        )
        for (const phase of replayed.phases.keys()) comparePhase(observed, replayed, phase)
        for (const [label, table] of replayed.sections) {
          assert.deepStrictEqual(table, observed.sections[label] ?? [], label)
        }
        for (const [label, shown] of replayed.snapshots) {
          const recorded = observed.snapshots?.[label]
          assert.isDefined(recorded)
          if (recorded !== undefined) compareSnapshot(recorded, shown)
        }
        const boot = observed.phases["before-drivers"]?.dmesg_new ?? []
        const later = observed.commands.flatMap(({ dmesg = [] }) => dmesg)
        assert.deepStrictEqual(zonelists(replayed.lines), zonelists([...boot, ...later]).slice(1))
        const unaligned = [...boot, ...later].filter((line) => line.includes("unaligned hotplug range"))
        assert.deepStrictEqual(
          replayed.lines.filter((line) => line.includes("unaligned hotplug range")),
          unaligned.map((line) => line.replace(/^\[ *[0-9.]+\] /, ""))
        )
      }).pipe(Effect.provide(layer)))
  }

  it.effect("SPW-4: onlined without anything allocated, all struct pages are as recorded", () =>
    Effect.gen(function*() {
      const { facts, layer, spec } = Harness.recorded("block-dimm-big-block")
      const replayed = yield* Replay.replay(facts, spec).pipe(Effect.provide(layer))
      const [recorded] = Object.values(Replay.observedOf(facts).snapshots ?? {})
      const [shown] = [...replayed.snapshots.values()]
      assert.deepStrictEqual(
        shown?.census.map(({ count, first, last }) => [count, first, last]),
        recorded?.structPages.images.map(({ count, firstPfn, lastPfn }) => [count, firstPfn, lastPfn])
      )
      for (const { firstPfn, words } of recorded?.structPages.images ?? []) {
        const page = shown?.read(firstPfn)
        const own = page === undefined ? [] : StructPage.words(page, firstPfn, vmemmap) ?? []
        const text = own.map((word, i) => {
          if (words[i] === "page") return "page"
          return word === vmemmap + BigInt(firstPfn) * 64n + 8n ? "self+8" : `0x${word.toString(16)}`
        })
        assert.deepStrictEqual(text, words)
      }
    }))
})

describe("kmem recordings", () => {
  const names = KernelFacts.index.map((entry) => entry.case).filter((name) => name.includes("kmem")).filter((name) => {
    const observed = Replay.observedOf(Result.getOrThrow(KernelFacts.load(name)))
    return Object.values(observed.phases).some(({ iomem = [] }) => iomem.some((r) => r.name === "System RAM (kmem)"))
  })

  it("there are enough of them", () => assert.isAbove(names.length, 10))

  for (const name of names) {
    const { facts, layer, spec } = Harness.recorded(name)
    it.effect(`25.8: zones and blocks of ${name}`, () =>
      Effect.gen(function*() {
        const observed = Replay.observedOf(facts)
        const replayed = yield* Replay.replay(facts, spec)
        const added = (phase: string) =>
          Replay.phaseOf(observed, phase).iomem.some((resource) => resource.name === "System RAM (kmem)")
        for (const phase of replayed.phases.keys()) if (added(phase)) comparePhase(observed, replayed, phase)
        for (const label of ["ram", "online", "offline"]) {
          const table = replayed.sections.get(label)
          if (table !== undefined) assert.deepStrictEqual(table, observed.sections[label] ?? [], label)
        }
      }).pipe(Effect.provide(layer)))
  }
})

describe("boot blocks", () => {
  it.effect("GEO-17, HOT-17: blocks, zones and nodes of every recorded machine", () =>
    Effect.forEach(
      KernelFacts.index.filter(({ category }) => category !== "host" && category !== "infoblock-tool"),
      (entry) =>
        Effect.gen(function*() {
          const { facts, layer, spec } = Harness.recorded(entry.case)
          const first = Math.min(...(spec.dimms ?? []).map(({ start }) => start), Infinity)
          yield* Effect.gen(function*() {
            const { size } = yield* MemoryBlocks
            const { blocks } = yield* Replay.phase
            const recorded = Replay.phaseOf(Replay.observedOf(facts), "before-drivers").memory_blocks
            assert.strictEqual(blocks.blockSizeBytes, recorded.blockSizeBytes, entry.case)
            assert.deepStrictEqual(
              blocks.runs as ReadonlyArray<unknown>,
              recorded.runs.filter((run) => (run["first"] as number) * size < first),
              entry.case
            )
          }).pipe(Effect.provide(layer))
        }),
      { discard: true }
    ))
})
