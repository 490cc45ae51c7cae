import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import * as BttInfoBlock from "../../src/devices/BttInfoBlock.ts"
import * as InfoBlock from "../../src/devices/InfoBlock.ts"
import type * as Validation from "../../src/devices/InfoBlockValidation.ts"
import * as NamespaceClaim from "../../src/devices/NamespaceClaim.ts"
import * as Uuid from "../../src/devices/Uuid.ts"
import * as Replay from "./Replay.ts"

interface Command {
  readonly command: string
  readonly exit: number
  readonly stderr: string
  readonly json?: Readonly<Record<string, unknown>>
}

interface Observed {
  readonly status: string
  readonly commands: ReadonlyArray<Command>
  readonly infoblocks?: Readonly<Record<string, { readonly namespaceStart: number; readonly hex: string }>>
}

const kernel: Validation.Kernel = {
  pageSize: 4096,
  structPage: 64,
  supportedAligns: Replay.arch.daxAligns,
  compatAlign: Replay.arch.compatAlign
}

const cases = KernelFacts.index
  .filter(({ category }) => category !== "host" && category !== "infoblock-tool" && category !== "plain-boot")
  .flatMap(({ case: name }) => {
    const recorded = Result.getOrThrow(KernelFacts.load(name))
    const input = recorded.input as unknown as Replay.Input
    return input.script.some((line) => line.includes("create-namespace"))
      ? [{ name, input, observed: recorded.observed as unknown as Observed }]
      : []
  })

/** Which instance's number a message names depends on devices that came and went: not a matter of these rooms. */
const unnumbered = (text: string) => text.replace(/((?:pfn|dax|btt)_enable: (?:pfn|dax|btt))\d+\.\d+/, "$1")

/** Both kinds of block keep their uuids at the same place. */
const uuids = (hex: string) => {
  const bytes = Uint8Array.from(Buffer.from(hex, "hex"))
  return { uuid: Uuid.fromBytes(bytes, 16), parentUuid: Uuid.fromBytes(bytes, 32) }
}

/** The block a namespace should carry, with the uuids of the recorded one. */
const expectedHex = (made: Replay.Made, hex: string): string => {
  if (made.block === null) return "zeros"
  const { parentUuid, uuid } = uuids(hex)
  const given = { uuid, parentUuid: made.labelled ? parentUuid : undefined }
  const bytes = made.block._tag === "Pfn"
    ? InfoBlock.encode(
      InfoBlock.fromLayout(made.block.layout, { ...given, signature: made.block.signature, pageSize: 4096 })
    )
    : BttInfoBlock.encode(BttInfoBlock.fromLayout(made.block.layout, 0, given) as BttInfoBlock.BttInfoBlock)
  return Buffer.from(bytes).toString("hex")
}

describe("recorded create-namespace", () => {
  it("covers the recordings: most scripts to the end, and a hundred blocks on media", () => {
    const complete = cases.map(({ input, observed }) => ({ replayed: Replay.run(input), observed }))
      .filter(({ replayed }) => replayed.complete)
    assert.isAbove(complete.length, 115)
    const blocks = complete.flatMap(({ observed }) => Object.values(observed.infoblocks ?? {}).map(({ hex }) => hex))
    assert.isAbove(blocks.filter((hex) => hex !== "zeros").length, 80)
    assert.isAbove(blocks.filter((hex) => hex === "zeros").length, 20)
  })

  for (const { input, name, observed } of cases) {
    if (name === "refuse-no-ram-fsdax") continue
    it(`OBS-25, 22.3: ${name} is answered as recorded, and leaves the recorded bytes`, () => {
      const created = observed.commands.filter(({ command }) => command.startsWith("ndctl create-namespace"))
      const misspelt = new Set(created.filter(({ exit }) => exit === 129).map(({ command }) => command))
      const recorded = created.filter(({ exit }) => exit !== 129)
      const { complete, namespaces, regions, steps } = Replay.run(input, misspelt)
      if (complete) assert.strictEqual(steps.length, recorded.length)
      for (const [at, step] of steps.entries()) {
        const command = recorded[at]
        assert.strictEqual(step.line, command?.command)
        if (command === undefined) continue
        assert.deepStrictEqual(
          [step.line, step.exit, step.stderr],
          [step.line, command.exit, unnumbered(command.stderr)]
        )
        if (step.made === null) continue
        const { map, mode, name: dev, usable } = step.made
        const expected = { dev, mode, size: usable, ...(mode === "fsdax" || mode === "devdax" ? { map } : {}) }
        assert.deepInclude(command.json, expected)
        assert.strictEqual(command.json?.["align"], step.made.align)
      }
      if (!complete) return
      for (const [key, { hex, namespaceStart }] of Object.entries(observed.infoblocks ?? {})) {
        const made = namespaces.get(key.replace("@final", ""))
        assert.isDefined(made, key)
        if (made === undefined) continue
        assert.strictEqual(made.start, namespaceStart)
        assert.strictEqual(hex, expectedHex(made, hex))
        if (made.block === null) continue
        // 21.5: the kernel would find at the next boot what was created
        const media = new Uint8Array(8192)
        media.set(Buffer.from(hex, "hex"), 4096)
        const uuid = made.labelled ? uuids(hex).parentUuid : undefined
        const found = NamespaceClaim.detect({ start: made.start, size: made.size, uuid, media }, kernel)
        const claimer = made.mode === "sector" ? "btt" : made.mode === "devdax" ? "dax" : "pfn"
        assert.strictEqual(Result.getOrThrow(found), claimer)
      }
      assert.isAbove(regions.size, 0)
    })
  }
})

describe("recorded info blocks, damaged or written by hand", () => {
  for (const recorded of KernelFacts.byCategory("infoblock-validate")) {
    it(`22.4, 21.5: ${recorded.case} is detected as the kernel did`, () => {
      const observed = recorded.observed as unknown as Observed & {
        readonly phases: Readonly<
          Record<string, { readonly nd_sysfs: Readonly<Record<string, Readonly<Record<string, unknown>>>> }>
        >
      }
      const attributes = observed.phases["final"]?.nd_sysfs["namespace0.0"] ?? {}
      const block = observed.infoblocks?.["namespace0.0@final"]
      const media = new Uint8Array(8192)
      if (block !== undefined && block.hex !== "zeros") media.set(Buffer.from(block.hex, "hex"), 4096)
      const found = NamespaceClaim.detect(
        {
          start: block?.namespaceStart ?? 0,
          size: attributes["size"] as number,
          uuid: attributes["uuid"] as string,
          // labels of version 1.1 do not keep the class, the running kernel does (OBS-14)
          claimClass: attributes["holder_class"] as NamespaceClaim.Class,
          media
        },
        kernel
      )
      const kernelSaid = attributes["holder"] !== ""
        ? "pfn"
        : attributes["driver"] === undefined
        ? "EOPNOTSUPP"
        : "raw"
      assert.strictEqual(
        Result.match(found, { onFailure: ({ errno }) => errno, onSuccess: (claimer) => claimer }),
        kernelSaid
      )
    })
  }
})
