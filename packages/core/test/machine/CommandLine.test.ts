import { assert, describe, it } from "@effect/vitest"
import * as CommandLine from "../../src/machine/CommandLine.ts"

const GiB = 2 ** 30

const { parse } = CommandLine

/** What is ignored in a line of one word. */
const why = (text: string) => parse(text).ignored.map((ignored) => ignored.why).join("; ")

describe("CommandLine", () => {
  it("says nothing by default, and unknown words mean nothing", () => {
    const plain = parse("console=ttyS0 root=/dev/sda memmaps=1G numactl nokaslr panic=-1")
    assert.deepStrictEqual(plain, {
      text: plain.text,
      actions: [],
      movableNode: false,
      numaOff: false,
      memmapOnMemory: "off",
      onlinePolicy: "contig-zones",
      autoMovableRatio: 301,
      autoMovableNumaAware: true,
      ignored: []
    })
  })

  it("20.3: memmap= and mem= act in order", () => {
    const { actions, memoryLimit } = parse("mem=8G memmap=1G!4G,64K$0x40000000 mem=6G")
    assert.deepStrictEqual(actions.map(({ _tag }) => _tag), ["Limit", "Add", "Add", "Limit"])
    assert.strictEqual(memoryLimit, 6 * GiB)
    assert.include(why("memmap=1G!"), "start")
    assert.deepStrictEqual(parse("mem=nopentium mem=0 mem").ignored.length, 3)
    assert.deepStrictEqual(parse("mem=0").actions, [])
  })

  it("ZON-12: kernelcore= and movablecore=, sizes and per cent; the last one counts", () => {
    assert.deepStrictEqual(parse("kernelcore=40%").kernelcore, { kind: "percent", percent: 40 })
    assert.deepStrictEqual(parse("kernelcore=40% kernelcore=1500M").kernelcore, {
      kind: "bytes",
      bytes: 1500 * 2 ** 20
    })
    assert.deepStrictEqual(parse("movablecore=0x40000000").movablecore, { kind: "bytes", bytes: GiB })
    // After a unit a % is only something that follows.
    assert.deepStrictEqual(parse("movablecore=1G%").movablecore, { kind: "bytes", bytes: GiB })
  })

  it("ZON-12: no number reads as 0 and takes an earlier one away; mirror needs firmware that says so", () => {
    const lost = parse("kernelcore=1G kernelcore=many")
    assert.isUndefined(lost.kernelcore)
    assert.include(lost.ignored[0]?.why, "reads 0")
    assert.include(why("kernelcore=mirror"), "mirrored")
    assert.deepStrictEqual(parse("kernelcore=1G kernelcore=mirror").kernelcore, { kind: "bytes", bytes: GiB })
    assert.include(why("movablecore=64P"), "larger than any memory")
    assert.include(why("movablecore"), "EINVAL")
  })

  it("ZON-13: numa=off and numa=fake= do not exclude each other", () => {
    const both = parse("numa=off numa=fake=2")
    assert.isTrue(both.numaOff)
    assert.deepStrictEqual(both.numaFake, { kind: "nodes", count: 2 })
    assert.isTrue(parse("numa=noacpi").numaOff)
    assert.deepStrictEqual(parse("numa=fake=512M:10,20").numaFake, { kind: "size", size: GiB / 2 })
    assert.include(why("numa=fake=all"), "ZON-13")
    assert.include(why("numa=on"), "neither")
  })

  it("HOT-12, HOT-16: module parameters of memory_hotplug, as the kernel reads booleans and numbers", () => {
    const line = parse(
      "memory_hotplug.memmap_on_memory=1 memory_hotplug.online_policy=auto-movable " +
        "memory-hotplug.auto-movable-ratio=0x200 memory_hotplug.auto_movable_numa_aware=N"
    )
    assert.strictEqual(line.memmapOnMemory, "on")
    assert.strictEqual(line.onlinePolicy, "auto-movable")
    assert.strictEqual(line.autoMovableRatio, 512)
    assert.isFalse(line.autoMovableNumaAware)
    const onMemory = (value: string) => parse(`memory_hotplug.memmap_on_memory${value}`).memmapOnMemory
    assert.deepStrictEqual(["", "=yes", "=on", "=off", "=0", "=force"].map(onMemory), [
      "on",
      "on",
      "on",
      "off",
      "off",
      "force"
    ])
    assert.include(why("memory_hotplug.memmap_on_memory=maybe"), "EINVAL")
    assert.include(why("memory_hotplug.online_policy=movable"), "EINVAL")
    for (const bad of ["300%", "-1", "3G", "4294967296", ""]) {
      assert.include(why(`memory_hotplug.auto_movable_ratio=${bad}`), "EINVAL", bad)
    }
  })

  it("HOT-5: memhp_default_state= takes the words of a block's state, others leave the built-in policy", () => {
    assert.strictEqual(parse("memhp_default_state=online_movable").defaultState, "online_movable")
    const kept = parse("memhp_default_state=online memhp_default_state=movable")
    assert.strictEqual(kept.defaultState, "online")
    assert.include(kept.ignored[0]?.why, "built-in")
    assert.isUndefined(parse("quiet").defaultState)
  })

  it("SEC-10: vm_debug switches page poisoning on; with options only P does", () => {
    const poisoning = (text: string) => parse(text).pagePoisoning
    assert.deepStrictEqual(
      ["quiet", "vm_debug", "vm_debug=", "vm_debug=P", "vm_debug=-", "vm_debug=x"].map(poisoning),
      [
        undefined,
        true,
        true,
        true,
        false,
        false
      ]
    )
    assert.include(why("vm_debug=xP"), "'x'")
  })

  it("words: quotes keep blanks, dashes are underscores in names, -- ends the kernel's part", () => {
    assert.isTrue(parse("movable-node").movableNode)
    assert.isFalse(parse("init=/bin/sh -- movable_node").movableNode)
    assert.isFalse(parse("dyndbg=\"file a movable_node\"").movableNode)
    assert.strictEqual(parse("\"memhp_default_state=online\"").defaultState, "online")
    assert.strictEqual(parse("").ignored.length, 0)
  })
})
