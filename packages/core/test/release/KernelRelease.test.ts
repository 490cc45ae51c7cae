import { assert, describe, it } from "@effect/vitest"
import * as Feature from "@vmemmap/core/release/Feature"
import * as KernelRelease from "@vmemmap/core/release/KernelRelease"
import { Result } from "effect"

const release = (text: string): KernelRelease.KernelRelease => Result.getOrThrow(KernelRelease.parse(text))
const has = (text: string, feature: Feature.Feature): boolean => KernelRelease.has(release(text), feature)

describe("KernelRelease", () => {
  it("SEC-8: namespaces are mapped by subsection from 5.3 on", () => {
    assert.isFalse(has("5.2", "sub-sections"))
    assert.isTrue(has("5.3", "sub-sections"))
  })

  it("22.3: 128 bytes a page were reserved by 6.1.0 and 6.2, not by late 6.1 nor 6.3", () => {
    assert.isTrue(has("6.1.0", "reserve-128"))
    assert.isTrue(has("6.2", "reserve-128"))
    assert.isFalse(has("6.1", "reserve-128"))
    assert.isFalse(has("6.1.176", "reserve-128"))
    assert.isFalse(has("6.3", "reserve-128"))
  })

  it("22.3: between 6.1.0 and 6.1.176 the answer is said to be uncertain", () => {
    assert.deepStrictEqual(release("6.1.50").uncertain.map((u) => u.feature), ["reserve-128"])
    assert.deepStrictEqual(release("6.1.176").uncertain, [])
    assert.deepStrictEqual(release("6.1.50+reserve-128").uncertain, [])
  })

  it("CMP-1: sharing of tails from 5.19, above the reserve from 6.6 and in late 6.1", () => {
    assert.isFalse(has("5.18", "vmemmap-dedup"))
    assert.isTrue(has("5.19", "vmemmap-dedup"))
    assert.isFalse(has("6.5", "dedup-above-reserve"))
    assert.isTrue(has("6.6", "dedup-above-reserve"))
    assert.isTrue(has("6.1", "dedup-above-reserve"))
  })

  it("CMP-12: only the proposal keeps the head page alone", () => {
    assert.isTrue(has("proposed-2026", "dedup-head-only"))
    assert.isFalse(has(KernelRelease.newest, "dedup-head-only"))
  })

  it("26.4, ASY-9: the postings of 2018 tell the state of the memmap and check no pfn when a filesystem is mounted", () => {
    for (const name of ["async-2018-v1", "async-2018-v2"]) {
      assert.strictEqual(release(name).upstream, "4.18")
      assert.isTrue(has(name, "memmap-state") && has(name, "dax-mount-probe-debug"))
      assert.deepStrictEqual(release(name).uncertain.map(({ feature }) => feature), ["memmap-state"])
    }
    assert.isFalse(has("4.18", "memmap-state"))
  })

  it("overrides add and remove features by name, also names that contain a minus", () => {
    assert.isTrue(has("5.15+vmemmap-dedup", "vmemmap-dedup"))
    const both = release("6.12-vmemmap-dedup+dedup-head-only")
    assert.isFalse(KernelRelease.has(both, "vmemmap-dedup"))
    assert.isTrue(KernelRelease.has(both, "dedup-head-only"))
    assert.strictEqual(both.upstream, "6.12")
  })

  it("every feature can be switched on and off on the baseline", () => {
    for (const name of Object.keys(Feature.catalogue)) {
      assert.isTrue(Feature.isFeature(name) && has(`6.1+${name}`, name), name)
      assert.isFalse(Feature.isFeature(name) && has(`6.1-${name}`, name), name)
    }
  })

  it("reads uname -r of upstream and enterprise kernels", () => {
    assert.strictEqual(release("6.12.8-amd64").upstream, "6.12")
    assert.strictEqual(release("4.18.0-553.el8_10.x86_64").upstream, "4.18")
    assert.isTrue(has("4.18.0-553.el8_10.x86_64", "sub-sections"))
    assert.isFalse(has("4.18.0", "sub-sections"))
    assert.strictEqual(release("rhel-9.4").upstream, "5.14")
  })

  it("says what is not known about distributions and about releases newer than the rules", () => {
    assert.isNotEmpty(release("ubuntu-24.04").uncertain)
    assert.isNotEmpty(release("7.3").uncertain)
    assert.isEmpty(release("6.12").uncertain)
  })

  it("a feature that does not exist is refused with those that do", () => {
    const refused = KernelRelease.parse("6.1+foo-bar")
    const problem = Result.isFailure(refused) ? refused.failure.problem : ""
    assert.isTrue(problem.startsWith("+foo-bar is none of the features zone-device, "), problem)
    for (const text of ["+foo", "7x+foo"]) {
      const other = KernelRelease.parse(text)
      assert.strictEqual(Result.isFailure(other) ? other.failure.problem : "", "not a release number", text)
    }
  })

  it("refuses what is no kernel, and kernels without device memory", () => {
    for (const text of ["", "bogus", "4.1", "3.10", "6", "6.1+bogus", "x".repeat(1000), "constructor", "__proto__"]) {
      assert.isTrue(Result.isFailure(KernelRelease.parse(text)), text)
    }
  })
})
