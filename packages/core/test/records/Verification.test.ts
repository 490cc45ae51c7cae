import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { KernelRecord } from "../../src/records/KernelRecord.ts"
import * as LeafPath from "../../src/records/LeafPath.ts"
import * as RecordComparison from "../../src/records/RecordComparison.ts"
import type * as Session from "../../src/records/Session.ts"
import * as Verification from "../../src/records/Verification.ts"
import * as Observed from "./observed.ts"

const isLong = process.env.VMEMMAP_LONG === "1"

/** What the recordings of a category hold the model to, with the chapters of its rules. */
const categories: ReadonlyArray<readonly [category: string, about: string]> = [
  ["plain-boot", "GEO, SEC, ZON, OBS-3: memory as boot leaves it"],
  ["ns-mode", "22, 23, 24, MAP, INI: namespaces of every mode, map and alignment"],
  ["ns-size", "21, 22, SEC-12: namespaces of odd sizes"],
  ["multi-ns", "21, SEC-8: neighbours in one section"],
  ["region-placement", "ALT, CMP, 22: regions at odd places"],
  ["legacy-memmap", "20, 23, SPW-7: memory that the command line takes away"],
  ["refuse", "ERR, 27: what kernel and tools refuse, with which words"],
  ["infoblock-validate", "22: info blocks damaged or written by hand"],
  ["sysfs", "21, 24, 29: attributes written directly"],
  ["kmem", "25, HOT, ZON: device memory as System RAM and back"],
  ["memory-block", "07, HOT, ZON: blocks online and offline, DIMMs"],
  ["recreate", "21, 23, LCK: made, destroyed and made again"],
  ["large-device", "VMM, CMP, INI: large devices"],
  ["virtio-pmem", "20, 23: virtio-pmem"],
  ["infoblock-tool", "22.1, 22.2: info blocks as ndctl writes and reads them on files"],
  ["host", "OBS-11, OBS-12: a live machine"]
]

interface Replayed {
  readonly record: KernelRecord
  readonly session: Session.Session
}

const replays = new Map<string, Effect.Effect<Replayed, Verification.Failure>>()

/** A case is replayed once, whoever asks for it. */
const replayed = (record: KernelRecord): Effect.Effect<Replayed, Verification.Failure> => {
  const known = replays.get(record.case) ??
    Effect.runSync(Effect.cached(Effect.map(Verification.replay(record), (session) => ({ record, session }))))
  replays.set(record.case, known)
  return known
}

const differencesOf = ({ different, notModelled }: RecordComparison.Comparison) => ({ different, notModelled })

const nothing = { different: [], notModelled: [] }

const altered = (record: KernelRecord, path: LeafPath.LeafPath, value: unknown): KernelRecord => ({
  ...record,
  observed: LeafPath.set(record.observed, path, value) as Observed.Observed
})

/** Alterations of a case: so many leaves in scope, drawn by its name. */
const alterations = function*({ record, session }: Replayed, count: number) {
  const random = Observed.random([...record.case].reduce((sum, char) => sum * 31 + char.charCodeAt(0), 7))
  const equal = RecordComparison.verdicts(record, session.observed).filter(({ _tag }) => _tag === "Equal")
  for (let i = 0; i < Math.min(count, equal.length); i++) {
    const { path } = equal[Math.floor(random() * equal.length)] ?? assert.fail(record.case)
    const was = path.reduce<unknown>((value, key) => LeafPath.member(value, key), record.observed)
    const values = Observed.alterations(was)
    const value = values[Math.floor(random() * values.length)]
    yield { path, was, value }
  }
}

/** The short suite holds the altered record against the replay of the unaltered one; the long one replays it again. */
const compare = ({ record, session }: Replayed, changed: KernelRecord) =>
  isLong || record.category === "host"
    ? Verification.run(changed)
    : Effect.succeed(RecordComparison.compare(changed, session.observed))

const perCase = isLong ? 8 : 2

describe("Verification", () => {
  it("every category is listed", () => {
    assert.deepStrictEqual(
      categories.map(([category]) => category).toSorted(),
      [...new Set(Observed.all.map(({ category }) => category))].toSorted()
    )
  })

  for (const [category, about] of categories) {
    const records = Observed.all.filter((record) => record.category === category)

    it.effect(
      `${category} (${about}): no difference in scope, nothing that is not modelled`,
      () =>
        Effect.forEach(records, (record) =>
          Effect.map(replayed(record), ({ session }) => {
            assert.deepStrictEqual(
              differencesOf(RecordComparison.compare(record, session.observed)),
              nothing,
              record.case
            )
          })),
      60_000
    )

    it.effect(
      `${category}: an altered leaf in scope is the one difference`,
      () =>
        Effect.forEach(records, (record) =>
          Effect.gen(function*() {
            const one = yield* replayed(record)
            for (const { path, value, was } of alterations(one, perCase)) {
              const { different } = yield* compare(one, altered(record, path, value))
              assert.deepStrictEqual(
                different.map((difference) => difference.path),
                [LeafPath.print(path)],
                `${record.case}: ${LeafPath.print(path)}: ${String(was)} is altered to ${JSON.stringify(String(value))}`
              )
            }
          })),
      600_000
    )
  }

  const named = (name: string, rule: string, text: RegExp) =>
    Effect.map(replayed(Observed.load(name)), ({ session: { defects } }) => {
      const [defect = assert.fail(name), ...others] = defects
      assert.strictEqual(defect.rule, rule)
      assert.match(defect.text, text)
      assert.deepStrictEqual(others, [])
    })

  it.effect("CMP-5: devdax of 1 GiB pages that do not begin on section boundaries is named as a defect of the kernel", () =>
    Effect.all([
      named("place-16m-devdax-mem-1g", "CMP-5", /^dax0\.0: compounds of 262144 pages/),
      named("place-64m-devdax-mem-1g", "CMP-5", /^dax0\.0: compounds of 262144 pages/)
    ]))

  it.effect("SPW-7: a mapping that begins in a section of boot RAM is named as a defect of the kernel", () =>
    named("legacy-start-4m", "SPW-7", /begins in a section of boot RAM/))

  it.effect("22.6: an info block smaller than its namespace is named as a defect of the kernel", () =>
    named("infoblock-write-smaller-than-namespace", "22.6", /does not fit into what the device set aside/))

  it.effect("SEC-12: running out of RAM for the memmap is named as a defect of the kernel", () =>
    named("refuse-no-ram-fsdax", "SEC-12", /does not fit into free memory: sections added before that stay/))

  it.effect("cases in which the kernel does nothing wrong name no defect", () =>
    Effect.forEach(
      ["boot-2g", "multi-mixed"],
      (name) => Effect.map(Verification.run(Observed.load(name)), ({ defects }) => assert.deepStrictEqual(defects, []))
    ))
})
