import { assert, describe, it } from "@effect/vitest"
import { Arbitrary, Result, Schema } from "effect"
import { GiB, MiB } from "../../src/geometry/Units.ts"
import * as ResourceTree from "../../src/resources/ResourceTree.ts"
import { done, errno, machine, pmem, put } from "./iomem.ts"

const { Desc, Flag } = ResourceTree

describe("ResourceTree", () => {
  it("20.1 (a): a non-busy pmem range is a parent; flags and desc are inherited, BUSY is added", () => {
    const { resource, tree } = done(
      ResourceTree.request(machine, { start: 4 * GiB, size: 18 * MiB, name: "namespace0.0" })
    )
    assert.strictEqual(resource.flags, Flag.memory | Flag.busy)
    assert.strictEqual(resource.desc, Desc.persistentMemory)
    assert.strictEqual(
      ResourceTree.toText(tree),
      "40000000-7fffffff : System RAM\n100000000-13fffffff : Persistent Memory\n  100000000-1011fffff : namespace0.0"
    )
  })

  it("20.1 (b): a request that straddles two non-busy parents fails", () => {
    const two = put(machine, { ...pmem, start: 5 * GiB })
    assert.strictEqual(errno(ResourceTree.request(two, { start: 4 * GiB + 512 * MiB, size: GiB, name: "x" })), "EBUSY")
  })

  it("20.1 (c): two namespaces over the same bytes fail the second time", () => {
    const asked = { start: 4 * GiB, size: GiB, name: "namespace0.0" }
    const once = done(ResourceTree.request(machine, asked)).tree
    assert.strictEqual(errno(ResourceTree.request(once, asked)), "EBUSY")
    assert.strictEqual(errno(ResourceTree.request(machine, { ...asked, start: GiB })), "EBUSY")
  })

  it("20.2: kmem clears BUSY and marks System RAM, so a busy child that covers it can be added", () => {
    const start = 4 * GiB + 128 * MiB
    const size = GiB - 128 * MiB
    const kmem = done(
      ResourceTree.request(machine, { start, size, name: "dax0.0", flags: Flag.systemRam, busy: false })
    ).tree
    const added = done(
      ResourceTree.request(kmem, { start, size, name: "System RAM (kmem)", flags: Flag.driverManaged })
    )
    assert.strictEqual(added.resource.flags, Flag.memory | Flag.systemRam | Flag.driverManaged | Flag.busy)
    assert.include(
      ResourceTree.toText(added.tree),
      "  108000000-13fffffff : dax0.0\n    108000000-13fffffff : System RAM (kmem)"
    )
  })

  it("25.1: a resource that is not busy is removed by range and name; what is inside it moves up", () => {
    const start = 4 * GiB + 128 * MiB
    const kmem = { start, size: 256 * MiB, name: "dax0.0", flags: Flag.systemRam, busy: false }
    const parent = done(ResourceTree.request(machine, kmem)).tree
    const child = { start, size: 128 * MiB, name: "System RAM (kmem)" }
    const tree = done(ResourceTree.request(parent, child)).tree
    assert.strictEqual(
      ResourceTree.toText(done(ResourceTree.remove(tree, kmem))).split("\n").at(-1),
      "  108000000-10fffffff : System RAM (kmem)"
    )
    assert.deepStrictEqual(done(ResourceTree.remove(parent, kmem)), machine)
    assert.strictEqual(errno(ResourceTree.remove(tree, { ...kmem, name: "dax0.1" })), "EINVAL")
  })

  it("20.1: release takes exactly the busy resource of that range", () => {
    const { tree } = done(ResourceTree.request(machine, { start: 4 * GiB, size: GiB, name: "namespace0.0" }))
    assert.deepStrictEqual(done(ResourceTree.release(tree, 4 * GiB, GiB)), machine)
    assert.strictEqual(errno(ResourceTree.release(tree, 4 * GiB, GiB / 2)), "EINVAL")
    assert.strictEqual(errno(ResourceTree.release(machine, 4 * GiB, GiB)), "EINVAL")
  })

  it("20.1: insert becomes the parent of what it covers, and refuses partial overlap", () => {
    const over = done(ResourceTree.insert(machine, { start: 0, size: 8 * GiB, name: "window" })).tree
    assert.strictEqual(over.children.length, 1)
    assert.deepStrictEqual(over.children[0]?.children.map((c) => c.name), ["System RAM", "Persistent Memory"])
    assert.strictEqual(errno(ResourceTree.insert(machine, { start: 0, size: GiB + 1, name: "half" })), "EBUSY")
  })

  it("20.1: intersects tells DISJOINT, INTERSECTS over holes, and MIXED", () => {
    const sysram = Flag.memory | Flag.systemRam
    const ask = (start: number, size: number) => ResourceTree.intersects(machine, start, size, sysram)
    assert.strictEqual(ask(4 * GiB, GiB), "DISJOINT")
    assert.strictEqual(ask(0, 2 * GiB), "INTERSECTS")
    assert.strictEqual(ask(GiB, 4 * GiB), "MIXED")
    assert.strictEqual(
      ResourceTree.intersects(machine, 4 * GiB, GiB, Flag.memory, Desc.persistentMemory),
      "INTERSECTS"
    )
  })

  it("20.1: matching descendants stand for the part of a non-matching resource they cover", () => {
    const sysram = Flag.memory | Flag.systemRam
    const half = put(machine, { start: 4 * GiB, size: GiB / 2, name: "System RAM", flags: sysram, busy: true })
    assert.strictEqual(ResourceTree.intersects(half, 4 * GiB, GiB / 2, sysram), "INTERSECTS")
    assert.strictEqual(ResourceTree.intersects(half, 4 * GiB, GiB, sysram), "MIXED")
    const gap = put(machine, { start: 4 * GiB + MiB, size: GiB - MiB, name: "System RAM", flags: sysram, busy: true })
    assert.strictEqual(ResourceTree.intersects(gap, 4 * GiB, GiB, sysram), "MIXED")
  })

  it("20.1: empty, negative and fractional ranges are refused", () => {
    for (const [start, size] of [[0, 0], [-1, 4096], [0.5, 1], [2 ** 53, 1], [0, Number.NaN]] as const) {
      assert.strictEqual(errno(ResourceTree.request(machine, { start, size, name: "x" })), "EINVAL")
    }
  })

  const Asked = Schema.Struct({
    start: Schema.Natural.check(Schema.isLessThan(64)),
    size: Schema.Natural.check(Schema.isBetween({ minimum: 1, maximum: 24 })),
    busy: Schema.Boolean
  })

  it.prop(
    "20.1: siblings stay sorted and disjoint, children inside their parent, and release undoes request",
    { asked: Arbitrary.array(Arbitrary.schema(Asked), { maxLength: 24 }) },
    ({ asked }) => {
      const sound = (node: ResourceTree.Resource): boolean =>
        node.children.every((child, i) =>
          child.start >= node.start && child.end <= node.end && sound(child) &&
          (i === 0 || (node.children[i - 1]?.end ?? 0) < child.start)
        )
      let tree = ResourceTree.empty
      for (const [i, one] of asked.entries()) {
        const placed = ResourceTree.request(tree, { ...one, name: `r${i}` })
        if (Result.isFailure(placed)) continue
        if (one.busy) assert.deepStrictEqual(done(ResourceTree.release(placed.success.tree, one.start, one.size)), tree)
        tree = placed.success.tree
        assert.isTrue(sound(tree))
      }
    },
    { arbitrary: { runs: 200, seed: "resources" } }
  )
})
