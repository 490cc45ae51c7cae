import { assert, describe, it } from "@effect/vitest"
import * as OutOfMemory from "../../src/records/OutOfMemory.ts"
import type * as Recorder from "../../src/records/Recorder.ts"

const command = (n: number): Recorder.Command => ({
  n,
  command: `command ${n}`,
  exit: 0,
  stdout: "",
  stderr: "",
  dmesg: [`line ${n}`]
})

const phase = {
  iomemText: "a",
  zoneinfo: [],
  memory_blocks: {},
  nodes: "b",
  meminfo: {},
  ndctl_list: [],
  dmesg_new: ["c"]
}

describe("OutOfMemory", () => {
  it("SEC-12: after the shortage only what does not depend on free memory is kept", () => {
    const cut = OutOfMemory.cut({
      commands: [1, 2, 3].map(command),
      phases: { boot: phase, final: phase },
      snapshots: { early: 1, late: 2 },
      sections: { early: 1, late: 2 },
      infoblocks: { late: 2 }
    }, { commands: 1, phases: new Set(["boot"]), labels: new Set(["early"]) })
    assert.deepStrictEqual(cut.commands, [
      command(1),
      { n: 2, command: "command 2", dmesg: ["line 2"] },
      { n: 3, command: "command 3" }
    ])
    const { dmesg_new: _, ndctl_list: __, ...stays } = phase
    assert.deepStrictEqual(cut.phases, { boot: phase, final: stays })
    assert.deepStrictEqual([cut.snapshots, cut.sections, cut.infoblocks], [{ early: 1 }, { early: 1 }, {}])
  })
})
