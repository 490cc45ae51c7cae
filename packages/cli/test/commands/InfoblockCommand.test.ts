import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import * as KernelFacts from "@vmemmap/test-utils/KernelFacts"
import { Effect, FileSystem, Schema } from "effect"
import * as Path from "node:path"
import * as InfoblockAnswer from "../../src/answers/InfoblockAnswer.ts"
import { decode, folderWith, run } from "../run.ts"

interface Input {
  readonly command: string
  readonly fileSize: number | null
  readonly infoblockHex?: string
}

interface Observed {
  readonly exit: number
  readonly stderr: string
  readonly hex: string | null
  readonly fileSizeAfter: number | null
}

interface Read {
  readonly exit: number
  readonly stderr: string
  readonly json: unknown
}

const head = 8192

/** Images above this would need file systems that hold sparse files of terabytes. */
const largestImage = 256 * 1024 ** 3

const recordings = KernelFacts.byCategory("infoblock-tool").map((recorded) => ({
  name: recorded.case,
  input: recorded.input as unknown as Input,
  observed: recorded.observed as unknown as Observed & { readonly read: Read }
})).filter(({ input }) => (input.fileSize ?? 0) <= largestImage)

const writes = recordings.filter(({ input }) => input.command.startsWith("write-infoblock"))
const reads = recordings.filter(({ input }) => input.command.startsWith("read-infoblock"))

/** `write-infoblock -o image …` as typed here: `write -o image …`. */
const argsOf = ({ command }: Input): ReadonlyArray<string> => [
  "infoblock",
  ...command.replace("-infoblock", "").split(" ")
]

const imageOf = ({ command }: Input): string | undefined => / -[oi] (\S+)/.exec(command)?.[1]

/** The recording keeps 64-bit words a number cannot hold as bigints. */
const exact = JSON.parse as (
  text: string,
  reviver: (k: string, v: unknown, c: { source?: string }) => unknown
) => unknown
const parse = (text: string) =>
  exact(
    text,
    (_key, value, { source = "" }) => typeof value === "number" && !Number.isSafeInteger(value) ? BigInt(source) : value
  )

/** Options that are refused are followed by the tool's own list of options; here by a hint. */
const complaint = (stderr: string): string => (stderr.split("\n\n\n usage:")[0] ?? "").trim()
const said = (stderr: string): string => stderr.replace(/try 'vmemmap infoblock write --help'$/, "").trim()

/** A sparse image of the recorded size, with a mark in its last bytes where there is room for one. */
const prepare = Effect.fnUntraced(function*(input: Input) {
  const fs = yield* FileSystem.FileSystem
  const folder = yield* folderWith({})
  const name = imageOf(input)
  const file = Path.join(folder, name ?? "none")
  if (name !== undefined && input.fileSize !== null) {
    yield* fs.writeFile(file, new Uint8Array())
    yield* fs.truncate(file, input.fileSize)
    yield* put(file, 4096, Buffer.from(input.infoblockHex ?? "", "hex"))
    if (input.fileSize > 2 * head) yield* put(file, input.fileSize - mark.length, mark)
  }
  return { folder, file }
})

const mark = new TextEncoder().encode("end of the image")

const put = Effect.fnUntraced(function*(path: string, at: number, bytes: Uint8Array) {
  if (bytes.length === 0) return
  const file = yield* (yield* FileSystem.FileSystem).open(path, { flag: "r+" })
  yield* file.seek(BigInt(at), "start")
  yield* file.writeAll(bytes)
}, Effect.scoped)

const take = Effect.fnUntraced(function*(path: string, at: number, length: number) {
  const file = yield* (yield* FileSystem.FileSystem).open(path)
  yield* file.seek(BigInt(at), "start")
  const bytes = yield* file.readAlloc(length)
  return Buffer.from(bytes._tag === "Some" ? bytes.value : new Uint8Array())
}, Effect.scoped)

const zeros = (length: number): string => "00".repeat(length)

describe("vmemmap infoblock write", () => {
  it("the recordings cover what is written, refused options and a refused layout", () => {
    assert.isAtLeast(writes.filter(({ observed }) => observed.exit === 0).length, 20)
    assert.deepStrictEqual([...new Set(writes.map(({ observed }) => observed.exit))].toSorted(), [0, 129, 250])
    assert.include(reads.map(({ observed }) => observed.read.exit), 251)
  })

  for (const { input, name, observed } of writes) {
    it.effect(`22.7, OBS-24: ${name}: status ${observed.exit}, the image and the text are the tool's`, () =>
      Effect.gen(function*() {
        const fs = yield* FileSystem.FileSystem
        const { file, folder } = yield* prepare(input)
        const { status, stderr, stdout } = yield* run(argsOf(input), { from: folder })
        assert.deepStrictEqual([status, stdout], [observed.exit, ""])
        assert.strictEqual(said(stderr), complaint(observed.stderr))
        if (input.fileSize === null) return
        assert.strictEqual(Number((yield* fs.stat(file)).size), observed.fileSizeAfter)
        const written = observed.hex !== null && observed.hex !== "zeros"
        const first = (yield* take(file, 0, head)).toString("hex")
        assert.strictEqual(
          first,
          written ? zeros(4096) + (observed.hex as string) : zeros(Math.min(head, input.fileSize))
        )
        if (input.fileSize > 2 * head) {
          const tail = yield* take(file, input.fileSize - mark.length, mark.length)
          assert.strictEqual(tail.toString(), "end of the image")
        }
      }).pipe(Effect.provide(NodeFileSystem.layer)))
  }

  it.effect("22.7: of an existing image only the first 8192 bytes change", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const before = Uint8Array.from({ length: 16 * 1024 ** 2 }, (_, i) => i * 31 + (i >> 8))
      const from = yield* folderWith({ image: before })
      const uuid = "6f1b0a52-0e36-4c3b-9d0c-2d1f6a7b8c90"
      const { status } = yield* run(["infoblock", "write", "-o", "image", "-u", uuid, "-M", "mem"], { from })
      assert.strictEqual(status, 0)
      const after = yield* fs.readFile(Path.join(from, "image"))
      assert.strictEqual(Buffer.compare(after.subarray(head), before.subarray(head)), 0)
      assert.isTrue(after.subarray(0, 4096).every((byte) => byte === 0))
      const toStdout = yield* run(["infoblock", "write", "-c", "-s", "16M", "-u", uuid, "-M", "mem"])
      assert.deepStrictEqual([toStdout.status, toStdout.stderr], [0, "wrote 1 infoblock"])
      assert.strictEqual(Buffer.compare(toStdout.bytes, after.subarray(0, head)), 0)
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("22.7: an image shorter than 8192 bytes grows, a new one is created, a refused new one is left empty", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const from = yield* folderWith({ short: "x".repeat(5000) })
      const sizeAfter = Effect.fnUntraced(function*(name: string, status: number, ...args: ReadonlyArray<string>) {
        assert.strictEqual((yield* run(["infoblock", "write", "-o", name, ...args], { from })).status, status)
        return Number((yield* fs.stat(Path.join(from, name))).size)
      })
      assert.strictEqual(yield* sizeAfter("short", 0, "-s", "1G"), head)
      assert.strictEqual(yield* sizeAfter("new", 0, "-s", "1G"), head)
      assert.strictEqual(yield* sizeAfter("refused", 250), 0)
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("--json prints the block written as read would, and excludes -c", () =>
    Effect.gen(function*() {
      const file = Path.join(yield* folderWith({}), "image")
      const written = yield* run(["infoblock", "write", "-o", file, "-s", "1G", "--json"])
      const back = yield* run(["infoblock", "read", "-j", "-i", file])
      assert.deepStrictEqual([written.status, written.stdout], [0, back.stdout])
      assert.include(written.stdout, "\"dataoff\":18874368")
      assert.strictEqual((yield* run(["infoblock", "write", "-c", "-s", "1G", "--json"])).status, 2)
    }))

  it.effect("-c writes to standard output and touches no file, not even that of -o", () =>
    Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const from = yield* folderWith({ image: "kept" })
      const { bytes, status } = yield* run(["infoblock", "write", "-c", "-s", "1G", "-o", "image"], { from })
      assert.deepStrictEqual([status, bytes.length], [0, head])
      assert.strictEqual(yield* fs.readFileString(Path.join(from, "image")), "kept")
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.effect("a folder, and a file in a folder that is not there, are no images: status 2", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({ "folder/file": "" })
      for (const name of ["folder", "nowhere/image"]) {
        const { status, stderr, stdout } = yield* run(["infoblock", "write", "-o", name, "-s", "1G"], { from })
        assert.deepStrictEqual([status, stdout], [2, ""])
        assert.include(stderr, name)
      }
    }))
})

describe("vmemmap infoblock read", () => {
  for (const { input, name, observed: { read } } of reads) {
    it.effect(`OBS-26: ${name}: status ${read.exit}, blocks and text are the tool's`, () =>
      Effect.gen(function*() {
        const { folder } = yield* prepare(input)
        const { status, stderr, stdout } = yield* run(argsOf(input), { from: folder })
        assert.strictEqual(status, read.exit)
        assert.strictEqual(stderr.trim(), read.stderr.trim())
        if (read.json === null) assert.strictEqual(stdout, "")
        else {
          assert.deepStrictEqual(parse(stdout), read.json)
          yield* decode(InfoblockAnswer.InfoblockAnswer, stdout)
        }
      }).pipe(Effect.provide(NodeFileSystem.layer)))
  }

  it.effect("OBS-26: an image below 8192 bytes is an input/output error, 251", () =>
    Effect.gen(function*() {
      const from = yield* folderWith({ short: new Uint8Array(head - 1), just: new Uint8Array(head) })
      const short = yield* run(["infoblock", "read", "-j", "-i", "short"], { from })
      assert.deepStrictEqual([short.status, short.stdout], [251, ""])
      assert.strictEqual((yield* run(["infoblock", "read", "-j", "-i", "just"], { from })).status, 0)
    }))

  it.effect("standard input is read by default, and what is written is read back", () =>
    Effect.gen(function*() {
      const args = ["-s", "128G", "-m", "devdax", "-M", "dev", "-a", "1G"]
      const { bytes } = yield* run(["infoblock", "write", "-c", ...args])
      for (const source of [[], ["-i", "-"]]) {
        const { status, stdout } = yield* run(["infoblock", "read", "--json", ...source], { stdin: bytes })
        assert.strictEqual(status, 0)
        const blocks = yield* decode(InfoblockAnswer.InfoblockAnswer, stdout)
        assert.deepInclude(Array.isArray(blocks) ? blocks[0] : blocks, {
          file: "<stdin>",
          signature: "NVDIMM_DAX_INFO",
          dataoff: 3221225472,
          npfns: 32768000,
          align: 1024 ** 3
        })
      }
    }))

  it.effect("OBS-27: --human prints words in hexadecimal", () =>
    Effect.gen(function*() {
      const { bytes } = yield* run(["infoblock", "write", "-c", "-s", "1G"])
      const { stdout } = yield* run(["infoblock", "read", "--human"], { stdin: bytes })
      const [block] = yield* decode(Schema.Array(InfoblockAnswer.InfoblockAnswer), stdout)
      assert.deepInclude(block, { dataoff: "0x1200000", align: "0x200000", page_struct_size: "0x40" })
    }))

  it.effect("without --json the 8192 bytes are copied, without --verify even what is broken is shown", () =>
    Effect.gen(function*() {
      const { bytes } = yield* run(["infoblock", "write", "-c", "-s", "1G"])
      const image = Buffer.concat([bytes, Buffer.from("more")])
      assert.strictEqual(Buffer.compare((yield* run(["infoblock", "read"], { stdin: image })).bytes, bytes), 0)
      image[4096 + 60] = 0xff
      const blocks = (...flags: ReadonlyArray<string>) =>
        Effect.map(
          run(["infoblock", "read", "-j", ...flags], { stdin: image }),
          ({ stdout }) => JSON.parse(stdout).length
        )
      assert.deepStrictEqual([yield* blocks(), yield* blocks("-V")], [1, 0])
    }))
})
