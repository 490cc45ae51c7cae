import { assert, describe, it } from "@effect/vitest"
import * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import * as InfoBlock from "../../src/devices/InfoBlock.ts"
import * as ReadInfoblock from "../../src/userland/ReadInfoblock.ts"
import * as WriteInfoblock from "../../src/userland/WriteInfoblock.ts"

const uuid = "00112233-4455-6677-8899-aabbccddeeff"
const fresh: WriteInfoblock.Surroundings = { freshUuid: uuid }
const GiB = 1024 ** 3

const names: Readonly<Record<string, keyof WriteInfoblock.Options>> = {
  "-o": "output",
  "-m": "mode",
  "-M": "map",
  "-a": "align",
  "-s": "size",
  "-u": "uuid",
  "-p": "parentUuid",
  "-O": "offset"
}

/** The options of a recorded command line. */
const optionsOf = (command: string): WriteInfoblock.Options => {
  const words = command.split(" ").slice(1)
  const out: Record<string, string | boolean> = {}
  for (let i = 0; i < words.length; i++) {
    const word = words[i] ?? ""
    const name = names[word]
    if (word === "-c") out["stdout"] = true
    else if (name === undefined) out["namespace"] = word
    else out[name] = words[++i] ?? ""
  }
  return out
}

interface Read {
  readonly exit: number
  readonly stderr: string
  readonly json: ReadonlyArray<Record<string, unknown>> | null
}

interface ToolInput {
  readonly command: string
  readonly fileSize: number | null
  readonly infoblockHex?: string
}

interface ToolObserved {
  readonly exit: number
  readonly stderr: string
  readonly hex: string | null
  readonly fileSizeAfter: number | null
  readonly read: Read
}

const zeros = new Uint8Array(8192)

/** Recordings hold a bigint only where a number would not be exact. */
const safe = ([key, value]: readonly [string, ReadInfoblock.Value]) =>
  [key, typeof value === "bigint" && value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value] as const

/** What is read back: from the start of the image. */
const checkRead = (bytes: Uint8Array, file: string, recorded: Read) => {
  const answer = ReadInfoblock.run(bytes, { _tag: "File", name: file }, { json: true })
  assert.strictEqual(answer.exit, recorded.exit)
  assert.strictEqual(answer.stderr.trim(), recorded.stderr)
  assert.deepStrictEqual(
    answer.blocks?.map((block) => Object.fromEntries(Object.entries(block).map(safe))) ?? null,
    recorded.json
  )
  if (answer.blocks !== null && recorded.json !== null) {
    assert.deepStrictEqual(
      answer.blocks.map((block) => Object.keys(block)),
      recorded.json.map((block) => Object.keys(block))
    )
  }
}

const cases = KernelFacts.byCategory("infoblock-tool")

describe("write-infoblock", () => {
  for (const recorded of cases) {
    const input = recorded.input as unknown as ToolInput
    if (!input.command.startsWith("write-infoblock")) continue
    it(`22.7, OBS-24: ${recorded.case} is answered byte for byte`, () => {
      const observed = recorded.observed as unknown as ToolObserved
      const answer = WriteInfoblock.run(
        optionsOf(input.command),
        input.fileSize === null ? { _tag: "None" } : { _tag: "Image", size: input.fileSize },
        fresh
      )
      assert.strictEqual(answer.exit, observed.exit)
      const [complaint, usage] = observed.stderr.split("\n\n\n usage: ndctl write-infoblock")
      assert.strictEqual(answer.stderr.trim(), complaint)
      assert.strictEqual(answer.usage, usage !== undefined)
      assert.strictEqual(answer.sizeAfter ?? input.fileSize, observed.fileSizeAfter)
      const written = answer.bytes === null ? null : Buffer.from(answer.bytes).toString("hex")
      if (observed.hex === null || observed.hex === "zeros") assert.isNull(written)
      else assert.strictEqual(written, "00".repeat(4096) + observed.hex)
      const size = answer.sizeAfter ?? input.fileSize ?? 0
      checkRead((answer.bytes ?? zeros).subarray(0, Math.min(8192, size)), "image", observed.read)
    })
  }

  it("OBS-24: all complaints are made, in the tool's order, and nothing is written", () => {
    const answer = WriteInfoblock.run(
      { mode: "sector", map: "dev", size: "xyz", offset: "-", align: "3M", uuid: "1", parentUuid: "2", stdout: true },
      { _tag: "None" },
      fresh
    )
    assert.deepStrictEqual([answer.exit, answer.usage, answer.bytes], [129, true, null])
    assert.deepStrictEqual(answer.stderr.split("\n\n").slice(0, -1), [
      "  Error: unsupported mode 'sector'",
      "  Error: --map only valid for an devdax mode pmem namespace",
      "  Error: failed to parse namespace size 'xyz'",
      "  Error: failed to parse physical offset'-'",
      "  Error: align must be a power-of-2 greater than 4096",
      "  Error: failed to parse namespace size 'xyz'",
      "  Error: failed to parse uuid: '1'",
      "  Error: failed to parse uuid: '2'"
    ])
  })

  it("OBS-24: without a place to write, and with two, the options are refused", () => {
    assert.include(
      WriteInfoblock.run({}, { _tag: "None" }, fresh).stderr,
      "specify a namespace to write-infoblock, or \"all\""
    )
    assert.include(
      WriteInfoblock.run({ output: "x", namespace: "namespace0.0" }, { _tag: "None" }, fresh).stderr,
      "specify only one of a namespace filter, --output, or --stdout"
    )
  })

  it("22.7: an image that does not exist is created even when the block does not fit", () => {
    const answer = WriteInfoblock.run({ output: "new" }, { _tag: "Image", size: null }, fresh)
    assert.deepStrictEqual([answer.exit, answer.sizeAfter, answer.bytes], [250, 0, null])
    const sized = WriteInfoblock.run({ output: "new", size: "1G" }, { _tag: "Image", size: null }, fresh)
    assert.deepStrictEqual([sized.exit, sized.sizeAfter], [0, 8192])
  })

  it("22.7: standard output needs a size, and takes what it describes from it", () => {
    const answer = WriteInfoblock.run({ stdout: true, size: "1G" }, { _tag: "None" }, fresh)
    assert.deepStrictEqual([answer.exit, answer.stderr, answer.sizeAfter], [0, "wrote 1 infoblock", null])
    assert.strictEqual(answer.bytes?.byteLength, 8192)
    assert.strictEqual(WriteInfoblock.run({ stdout: true, size: "0" }, { _tag: "None" }, fresh).exit, 250)
  })

  it("22.7: fields are cut to their width, 64-bit arithmetic wraps, nothing hangs or throws", () => {
    const align = WriteInfoblock.run({ stdout: true, size: "16G", align: "4G", map: "mem" }, { _tag: "None" }, fresh)
    const view = new DataView((align.bytes ?? new Uint8Array(8192)).buffer, 4096)
    assert.deepStrictEqual([view.getUint32(84, true), view.getBigUint64(56, true)], [0, BigInt(4 * GiB)])
    for (const size of ["-4096", "-2", "4096", "1", "16777215T"]) {
      for (const offset of ["0", "-4096", "16777215T", "1"]) {
        for (const wide of ["8388608T", "4K", "1G"]) {
          const { exit } = WriteInfoblock.run({ stdout: true, size, offset, align: wide }, { _tag: "None" }, fresh)
          assert.include([0, 250], exit)
        }
      }
    }
  })

  it("22.7: the reserve counts the pages behind the first 8 KiB", () => {
    const dataoff = (size: number) => {
      const { bytes } = WriteInfoblock.run({ output: "x" }, { _tag: "Image", size }, fresh)
      return new DataView((bytes ?? zeros).buffer, 4096).getBigUint64(56, true)
    }
    const last = 8192 + 4096 * ((2 * 1024 ** 2 - 8192) / 64)
    assert.deepStrictEqual([dataoff(last), dataoff(last + 4096)], [2097152n, 4194304n])
  })

  it("22.7: the default mode is fsdax, other spellings of modes are known in any case", () => {
    const signature = (options: WriteInfoblock.Options) =>
      InfoBlock.signatureOf(
        WriteInfoblock.run({ ...options, output: "x" }, { _tag: "Image", size: GiB }, fresh).bytes?.subarray(4096) ??
          zeros
      )
    assert.deepStrictEqual(
      [{}, { mode: "fsdax" }, { mode: "Memory" }, { mode: "DAX" }, { mode: "devdax" }].map(signature),
      ["PFN", "PFN", "PFN", "DAX", "DAX"]
    )
  })

  it("OBS-26: a namespace must exist, be disabled, and -s must be a multiple of the alignment", () => {
    const idle = { _tag: "Namespace", size: GiB, active: false, uuid } as const
    const on = (options: WriteInfoblock.Options, target: WriteInfoblock.Target) => {
      const { exit, stderr } = WriteInfoblock.run({ ...options, namespace: "namespace0.0" }, target, fresh)
      return [exit, stderr]
    }
    assert.deepStrictEqual(on({}, { _tag: "None" }), [
      250,
      "error checking infoblocks: No such device or address\nwrote 0 infoblocks"
    ])
    assert.deepStrictEqual(on({ size: "6K" }, idle), [
      234,
      "  Error: --size=6K not aligned to 4096\n\nerror checking infoblocks: Invalid argument\nwrote 0 infoblocks"
    ])
    assert.deepStrictEqual(on({ size: "1M", align: "2M" }, idle)[0], 234)
  })
})

describe("write-infoblock on namespaces of the recordings", () => {
  for (const recorded of [...KernelFacts.byCategory("infoblock-validate"), ...KernelFacts.byCategory("refuse")]) {
    const { commands, infoblocks } = recorded.observed as unknown as {
      readonly commands: ReadonlyArray<{ readonly command: string; readonly exit: number; readonly stderr: string }>
      readonly infoblocks: Readonly<Record<string, { readonly hex: string }>>
    }
    const command = commands.find((ran) => ran.command.startsWith("ndctl write-infoblock"))
    if (command === undefined) continue
    it(`22.7, OBS-26: ${recorded.case} is answered as recorded`, () => {
      const hex = infoblocks["namespace0.0@final"]?.hex ?? "zeros"
      const media = Uint8Array.from(Buffer.from(hex, "hex"))
      const active = recorded.category === "refuse"
      const uuidAt = (offset: number) => media.subarray(offset, offset + 16)
      const text = (bytes: Uint8Array) => {
        const digits = Buffer.from(bytes).toString("hex")
        return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)]
          .join("-")
      }
      const answer = WriteInfoblock.run(
        optionsOf(command.command.slice("ndctl ".length)),
        { _tag: "Namespace", size: 256 * 1024 ** 2, active, uuid: text(uuidAt(32)) },
        { freshUuid: text(uuidAt(16)) }
      )
      assert.deepStrictEqual([answer.exit, answer.stderr], [command.exit, command.stderr])
      if (!active) assert.strictEqual(Buffer.from(answer.bytes?.subarray(4096) ?? []).toString("hex"), hex)
    })
  }
})

describe("read-infoblock", () => {
  for (const recorded of cases) {
    const input = recorded.input as unknown as ToolInput
    if (!input.command.startsWith("read-infoblock")) continue
    it(`OBS-27: ${recorded.case} prints what was recorded`, () => {
      const observed = recorded.observed as unknown as ToolObserved
      const image = new Uint8Array(Math.min(8192, input.fileSize ?? 0))
      if (input.infoblockHex !== undefined) image.set(Buffer.from(input.infoblockHex, "hex"), 4096)
      checkRead(image, input.command.split(" ")[2] ?? "", observed.read)
    })
  }

  const image = (edit: (bytes: Uint8Array, view: DataView) => void): Uint8Array => {
    const { bytes } = WriteInfoblock.run({ output: "x", uuid }, { _tag: "Image", size: GiB }, fresh)
    const out = Uint8Array.from(bytes ?? [])
    edit(out.subarray(4096), new DataView(out.buffer, 4096))
    return out
  }
  const file = { _tag: "File", name: "a/b" } as const

  it("OBS-27: 64-bit words print digit for digit, as the tool lays its JSON out", () => {
    const bytes = image((_, view) => view.setBigUint64(64, 2n ** 64n - 1n, true))
    const text = ReadInfoblock.run(bytes, file, { json: true }).stdout
    assert.include(text, "\n    \"npfns\":18446744073709551615,\n")
    assert.include(text, "[\n  {\n    \"file\":\"a\\/b\",\n    \"signature\":\"NVDIMM_PFN_INFO\",\n")
  })

  it("OBS-27: the mode is a signed number, the version must have one digit each", () => {
    const mode = image((_, view) => view.setUint32(72, 4294967295, true))
    assert.strictEqual(ReadInfoblock.run(mode, file, { json: true }).blocks?.[0]?.["mode"], -1)
    const minor = ReadInfoblock.run(image((_, view) => view.setUint16(54, 10, true)), file, { json: true })
    assert.deepStrictEqual(minor.blocks, [])
    assert.strictEqual(minor.stderr, "  Warning: no matching devices found\n\nread 1 infoblock")
  })

  it("OBS-27: a BTT 2.0 block at byte 0 and a pfn block are both printed", () => {
    const bytes = image(() => {})
    bytes.set(new TextEncoder().encode("BTT_ARENA_INFO"))
    assert.deepStrictEqual(
      ReadInfoblock.run(bytes, file, { json: true }).blocks?.map((block) => block["signature"]),
      ["BTT_ARENA_INFO", "NVDIMM_PFN_INFO"]
    )
  })

  it("OBS-27: -V passes over a block with a wrong checksum", () => {
    assert.strictEqual(ReadInfoblock.run(image(() => {}), file, { json: true, verify: true }).blocks?.length, 1)
    const broken = image((bytes) => bytes.fill(1, 4000, 4001))
    assert.strictEqual(ReadInfoblock.run(broken, file, { json: true }).blocks?.length, 1)
    assert.strictEqual(ReadInfoblock.run(broken, file, { json: true, verify: true }).blocks?.length, 0)
  })

  it("OBS-27: without -j the bytes are copied, with -u numbers are hexadecimal, in a list all the same", () => {
    const bytes = image(() => {})
    const raw = ReadInfoblock.run(bytes, file, {})
    assert.deepStrictEqual([raw.exit, raw.blocks, raw.stdout], [0, null, ""])
    assert.deepStrictEqual(raw.raw, bytes)
    const human = ReadInfoblock.run(bytes, file, { human: true }).stdout
    assert.include(human, "[\n  {\n    \"file\":")
    assert.include(human, "\"dataoff\":\"0x1200000\"")
    assert.include(human, "\"flags\":\"0\"")
  })

  it("OBS-26: an active namespace answers EBUSY", () => {
    const answer = ReadInfoblock.run(zeros, { _tag: "Namespace", name: "namespace0.0", active: true }, { json: true })
    assert.deepStrictEqual(
      [answer.exit, answer.stderr],
      [240, "error reading infoblock data: Device or resource busy\nread 0 infoblocks"]
    )
  })
})
