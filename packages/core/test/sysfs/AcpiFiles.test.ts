import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { MachineSpec } from "../../src/machine/MachineSpec.ts"
import * as Harness from "../devices/Harness.ts"
import { on, typed } from "./Shell.ts"

const GiB = 1024 ** 3
const MiB = 1024 ** 2

const machine = (dimms: NonNullable<MachineSpec["dimms"]>): MachineSpec => ({ ...Harness.machine([]), dimms })

const file = (slot: string) => `/sys/bus/acpi/devices/PNP0C80:${slot}/eject`

const eject = (text: string, slot: string) => `echo ${text} > ${file(slot)}`

describe("AcpiFiles", () => {
  it.effect("HOT-22: devices are called by their slots; an empty one answers ENODEV, before that only 1 is taken", () =>
    on(
      machine([{ start: 16 * GiB, size: 256 * MiB, slot: 2 }, { start: 8 * GiB, size: 192 * MiB, slot: 3 }]),
      Effect.gen(function*() {
        const outcomes = yield* typed(
          [eject("0", "02"), eject("1", "00"), eject("1", "03"), eject("1", "02"), eject("1", "02"), eject("x", "0f")]
            .join("\n")
        )
        const none = "sh: write error: No such device\n"
        const invalid = "sh: write error: Invalid argument\n"
        assert.deepStrictEqual(outcomes.map(([, , stderr]) => stderr), [invalid, none, none, "", none, invalid])
      })
    ))

  it.effect("HOT-22: without slots the devices are numbered as listed", () =>
    on(
      machine([{ start: 16 * GiB, size: 256 * MiB }]),
      Effect.gen(function*() {
        assert.deepStrictEqual(yield* typed(`test -e ${file("01")}\n${eject("1", "00")}`), [[1, "", ""], [0, "", ""]])
      })
    ))
})
