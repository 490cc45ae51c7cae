import { assert, describe, it } from "@effect/vitest"
import * as CpuInfo from "../../src/inputs/CpuInfo.ts"

describe("CpuInfo", () => {
  it("GEO-15: a flag tells a virtual machine, not a word elsewhere", () => {
    assert.isTrue(CpuInfo.isVirtual("processor\t: 0\nflags\t\t: fpu vme hypervisor lahf_lm\n"))
    assert.isFalse(CpuInfo.isVirtual("model name\t: hypervisor\nflags\t\t: fpu vme\n"))
    assert.isFalse(CpuInfo.isVirtual(""))
  })
})
