import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import { MemmapState } from "../../src/init/MemmapState.ts"
import * as SysfsTree from "../../src/sysfs/SysfsTree.ts"
import * as Harness from "../devices/Harness.ts"
import { on, typed } from "./Shell.ts"

const GiB = 1024 ** 3

const machine = (kernel: string) => ({ ...Harness.machine([{ start: 8 * GiB, size: GiB }]), kernel })

const folder = "/sys/bus/nd/devices"

const fsdax = typed("ndctl create-namespace -f -e namespace0.0 -m fsdax -M mem --no-autolabel")

describe("NdFiles", () => {
  it.effect("26.4: only kernels of the 2018 series have memmap_state, on pfn and dax devices", () =>
    Effect.gen(function*() {
      const having = (kernel: string) =>
        on(
          machine(kernel),
          Effect.map(SysfsTree.SysfsTree, (tree) =>
            SysfsTree.list(tree, folder).filter((name) =>
              SysfsTree.list(tree, `${folder}/${name}`).includes("memmap_state")
            ))
        )
      assert.deepStrictEqual(yield* having("async-2018-v1"), ["dax0.0", "pfn0.0"])
      assert.deepStrictEqual(yield* having("async-2018-v2"), ["dax0.0", "pfn0.0"])
      assert.deepStrictEqual(yield* having("6.1"), [])
    }))

  it.effect("26.4: what is initialised is idle, and there is nothing to wait for", () =>
    on(
      machine("async-2018-v2"),
      Effect.gen(function*() {
        yield* fsdax
        const file = `${folder}/pfn0.0/memmap_state`
        const invalid = "sh: write error: Invalid argument\n"
        assert.deepStrictEqual(
          yield* typed(
            `cat ${file}\necho sync > ${file}\nprintf sync > ${file}\necho synced > ${file}\nprintf 'sync\\n\\n' > ${file}`
          ),
          [[0, "idle\n", ""], [0, "", ""], [0, "", ""], [1, "", invalid], [1, "", ""]]
        )
      })
    ))

  it.effect("26.4: it reads active while struct pages of the data are written, and sync waits for them", () =>
    on(
      machine("async-2018-v2"),
      Effect.gen(function*() {
        yield* fsdax
        const tree = yield* SysfsTree.SysfsTree
        const file = `${folder}/pfn0.0/memmap_state`
        const data = { start: 8 * GiB / 4096 + 512, end: 9 * GiB / 4096 }
        const done = yield* Deferred.make<void>()
        let active = true
        const asked: Array<unknown> = []
        const background = {
          isActive: (pfns: unknown) => {
            asked.push(pfns)
            return active
          },
          finished: (pfns: unknown) => {
            asked.push(pfns)
            return Deferred.await(done)
          }
        }
        yield* Effect.gen(function*() {
          assert.strictEqual(yield* SysfsTree.read(tree, file), "active\n")
          const waiting = yield* Effect.forkChild(SysfsTree.write(tree, file, "sync\n"), { startImmediately: true })
          assert.isUndefined(waiting.pollUnsafe())
          active = false
          yield* Deferred.succeed(done, undefined)
          yield* Fiber.join(waiting)
          assert.strictEqual(yield* SysfsTree.read(tree, file), "idle\n")
        }).pipe(Effect.provideService(MemmapState, background))
        assert.deepStrictEqual(asked, [data, data, data])
      })
    ))
})
