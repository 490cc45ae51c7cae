/** The worked sequences of the specification, by calling `sparse_add_section()` and `sparse_remove_section()` themselves. */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result } from "effect"
import * as KernelLog from "../../src/kernel/KernelLog.ts"
import * as Steps from "../../src/kernel/Steps.ts"
import * as Ledger from "../../src/machine/Ledger.ts"
import * as Machine from "../../src/machine/Machine.ts"
import * as Kernel from "../../src/release/Kernel.ts"
import * as PageAddress from "../../src/sections/PageAddress.ts"
import * as SectionTable from "../../src/sections/SectionTable.ts"
import * as Sparse from "../../src/sparse/Sparse.ts"
import type { Piece } from "../../src/vmemmap/Piece.ts"
import * as Survey from "../../src/vmemmap/Survey.ts"
import * as Vmemmap from "../../src/vmemmap/Vmemmap.ts"

const MiB = 2 ** 20
const GiB = 2 ** 30

const machine = Machine.layer({
  kernel: "6.1.176",
  ranges: [{ kind: "ram", start: MiB, size: 2 * GiB }, { kind: "ram", start: 3 * GiB, size: 64 * MiB }]
})

const piece = (start: number, pages: number, order = 0): Piece => ({
  start,
  end: start + pages,
  node: 0,
  altmap: null,
  compound: order === 0 ? null : { order, base: 2097152 },
  owner: 0,
  device: null
})

const run = Effect.fnUntraced(function*() {
  const sparse = yield* Sparse.Sparse
  const table = yield* SectionTable.SectionTable
  const vmemmap = yield* Vmemmap.Vmemmap
  const ledger = yield* Ledger.Ledger
  const log = yield* KernelLog.KernelLog
  const boot = ledger.total({ book: "ram", purpose: "memmap" })
  const add = (start: number, pages: number, order = 0) => {
    const added = Steps.drain(sparse.add(piece(start, pages, order), 1))
    return Result.isFailure(added) ? added.failure.errno : "added"
  }
  const remove = (start: number, pages: number) => Steps.drain(sparse.remove(piece(start, pages), 1))
  return {
    table,
    vmemmap,
    add,
    remove,
    pages: () => ledger.total({ book: "ram", purpose: "memmap" }) - boot,
    section: (nr: number) => `${SectionTable.flags(table, nr)} ${SectionTable.mapText(table, nr)}`,
    warns: Effect.map(log.recent, (events) => events.filter((event) => event._tag === "Warn").length)
  }
})

describe("Sparse", () => {
  it.effect("SEC-10, SEC-13, SEC-17: the worked sequence over section 40", () =>
    Effect.gen(function*() {
      const { add, pages, remove, section, table, warns } = yield* run()
      assert.strictEqual(add(1310720, 512), "added")
      assert.deepStrictEqual([section(40), pages()], ["3 0000000000000001", 8])
      assert.strictEqual(add(1343488 - 512, 512), "added")
      assert.deepStrictEqual([section(40), pages()], ["3 8000000000000001", 16])
      assert.strictEqual(add(1310720, 1024), "EEXIST")
      assert.deepStrictEqual([section(40), pages()], ["3 8000000000000001", 16])
      remove(1310720, 512)
      assert.deepStrictEqual([section(40), pages()], ["3 8000000000000000", 8])
      assert.isFalse(SectionTable.pfnValid(table, 1310720))
      assert.isTrue(SectionTable.pfnValid(table, 1342976))
      remove(1310720, 512)
      assert.deepStrictEqual([section(40), pages(), yield* warns], ["3 8000000000000000", 8, 1])
      remove(1342976, 512)
      assert.deepStrictEqual([section(40), pages()], ["0 0000000000000000", 0])
      assert.strictEqual(SectionTable.usage(table, 40), SectionTable.Usage.none)
    }).pipe(Effect.provide(machine)))

  it.effect("SEC-10c, SEC-13.4: a part of an early section takes nothing, and gives nothing back", () =>
    Effect.gen(function*() {
      const { add, pages, remove, section, table } = yield* run()
      const hole = (3 * GiB + 64 * MiB) / 4096
      assert.strictEqual(section(24), "15 00000000ffffffff")
      assert.strictEqual(add(hole, 16384), "added")
      assert.deepStrictEqual([section(24), pages()], ["15 ffffffffffffffff", 0])
      remove(hole, 16384)
      assert.deepStrictEqual([section(24), pages()], ["15 00000000ffffffff", 0])
      assert.isTrue(SectionTable.pfnValid(table, hole))
    }).pipe(Effect.provide(machine)))

  it.effect("SEC-14, BUG-6: the usage of a boot section outlives it, and its next life is not early", () =>
    Effect.gen(function*() {
      const { add, pages, remove, section, table } = yield* run()
      remove(3 * GiB / 4096, 16384)
      assert.deepStrictEqual([section(24), pages()], ["0 0000000000000000", -512])
      assert.strictEqual(SectionTable.usage(table, 24), SectionTable.Usage.boot)
      assert.strictEqual(add(3 * GiB / 4096, 32768), "added")
      assert.deepStrictEqual([section(24), pages()], ["3 ffffffffffffffff", 0])
      assert.strictEqual(SectionTable.usage(table, 24), SectionTable.Usage.boot)
    }).pipe(Effect.provide(machine)))

  it.effect("CMP-2, CMP-3: the chunk trace of a 1 GiB compound", () =>
    Effect.gen(function*() {
      const { add, pages, remove, vmemmap } = yield* run()
      const count = () => Survey.backing(vmemmap.tables, { start: 128 * MiB, end: 160 * MiB }, () => "ram")[0]
      assert.strictEqual(add(2097152, 32768, 18), "added")
      assert.strictEqual(pages(), 2)
      assert.strictEqual(add(2097152 + 32768, 7 * 32768, 18), "added")
      assert.deepStrictEqual([pages(), count()?.frames, count()?.references], [2, 2, 4096])
      assert.strictEqual([...vmemmap.tables.references.values()].at(-1), 4095)
      assert.strictEqual(add(2097152 + 262144, 32768, 18), "added")
      assert.strictEqual(pages(), 4)
      // The tail page goes with the last section that maps it.
      remove(2097152, 32768)
      assert.strictEqual(pages(), 3)
      remove(2097152 + 32768, 7 * 32768)
      assert.strictEqual(pages(), 2)
      remove(2097152 + 262144, 32768)
      assert.strictEqual(pages(), 0)
    }).pipe(Effect.provide(machine)))

  it("SEC-10, SEC-13: steps come in the kernel's order", () => {
    const program = Effect.gen(function*() {
      const sparse = yield* Sparse.Sparse
      const names = (op: Steps.Op<unknown>) => {
        const seen: Array<string> = []
        for (let next = op.next(); next.done !== true; next = op.next()) seen.push(next.value.name)
        return seen
      }
      return [names(sparse.add(piece(1310720, 512), 1)), names(sparse.remove(piece(1310720, 512), 1))]
    })
    const [added, removed] = Effect.runSync(Effect.provide(program, machine))
    assert.deepStrictEqual(added, [
      "section.root",
      "section.publish-usage",
      "section.set-bits",
      "vmemmap.populate",
      "section.set-present",
      "section.set-has-mem-map"
    ])
    assert.deepStrictEqual(removed, [
      "section.clear-bits",
      "section.clear-has-mem-map",
      "section.free-usage",
      "vmemmap.unmap",
      "section.clear-word"
    ])
  })

  it.effect("SEC-2, SEC-10, SEC-13, SEC-15: the word before each step of an addition and a removal", () =>
    Effect.gen(function*() {
      const sparse = yield* Sparse.Sparse
      const table = yield* SectionTable.SectionTable
      const kernel = yield* Kernel.Kernel
      const word = () => (PageAddress.sectionWord(kernel, table, 40) ?? 0n).toString(16)
      const words = (op: Steps.Op<unknown>) => {
        const seen: Array<string> = []
        for (const step of op) seen.push(`${step.name} ${word()}`)
        return [...seen, word()]
      }
      assert.deepStrictEqual(words(sparse.add({ ...piece(1310720, 512), node: 1 }, 1)), [
        "section.root 0",
        "section.publish-usage 0",
        "section.set-bits 0",
        "vmemmap.populate 0",
        "section.set-present 0",
        "section.set-has-mem-map 1",
        "ffffea0000000003"
      ])
      assert.deepStrictEqual(words(sparse.remove(piece(1310720, 512), 1)), [
        "section.clear-bits ffffea0000000003",
        "section.clear-has-mem-map ffffea0000000003",
        "section.free-usage ffffea0000000001",
        "vmemmap.unmap ffffea0000000001",
        "section.clear-word ffffea0000000001",
        "0"
      ])
    }).pipe(Effect.provide(machine)))
})
