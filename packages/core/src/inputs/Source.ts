/**
 * Sources recognised by content: the user names files, not formats.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import type * as MachineSpec from "../machine/MachineSpec.ts"
import * as BootLog from "./BootLog.ts"
import * as CxlList from "./CxlList.ts"
import * as DaxctlList from "./DaxctlList.ts"
import * as Decoding from "./Decoding.ts"
import type { InputError } from "./InputError.ts"
import * as Iomem from "./Iomem.ts"
import * as JsonText from "./JsonText.ts"
import * as JsonTree from "./JsonTree.ts"
import * as Lsmem from "./Lsmem.ts"
import * as MachineText from "./MachineText.ts"
import * as Meminfo from "./Meminfo.ts"
import * as NdctlList from "./NdctlList.ts"

export { merge } from "./Merge.ts"

/**
 * Longest source read, in bytes.
 *
 * @category constants
 * @since 0.1.0
 */
export const sizeLimit = JsonText.sizeLimit

/**
 * What a source may be.
 *
 * @category models
 * @since 0.1.0
 */
export type Kind = "ndctl" | "daxctl" | "cxl" | "lsmem" | "iomem" | "boot-log" | "meminfo" | "machine"

const has = (record: Record<string, unknown>, ...keys: ReadonlyArray<string>): boolean =>
  keys.some((key) => key in record)

const isCxlKey = (key: string): boolean =>
  /^(?:regions|decoders|ports|endpoints|memdevs|buses|root decoders|anon memdevs)(?::|$)/.test(key)

/** Kind of one object: by the keys only one tool prints, or by what its lists hold. */
const kindOfObject = (record: Record<string, unknown>): Kind | undefined => {
  if (Array.isArray(record["memory"])) return "lsmem"
  if (has(record, "chardev")) return "daxctl"
  if (has(record, "dev", "namespaces", "dimms")) return "ndctl"
  if (has(record, "region", "decoder", "memdev", "port", "endpoint", "bus")) return "cxl"
  if (has(record, "id") && has(record, "devices", "path")) return "daxctl"
  const first = Object.keys(record).find(isCxlKey)
  if (first === undefined) {
    return has(
        record,
        "devices",
        "ranges",
        "nodes",
        "kernel",
        "arch",
        "name",
        "cmdline",
        "blockSize",
        "structPage",
        "hypervisor"
      )
      ? "machine"
      : undefined
  }
  const inner = Array.isArray(record[first]) ? record[first][0] : record[first]
  return JsonTree.isRecord(inner) && "dev" in inner ? "ndctl" : "cxl"
}

/**
 * The kind of parsed JSON, by its keys.
 *
 * @category queries
 * @since 0.1.0
 */
export const kindOfDocuments = (documents: ReadonlyArray<unknown>): Kind | undefined => {
  for (const document of documents) {
    for (const entry of Array.isArray(document) ? document.slice(0, 64) : [document]) {
      const kind = JsonTree.isRecord(entry) ? kindOfObject(entry) : undefined
      if (kind !== undefined) return kind
    }
  }
  return undefined
}

/** A bracket that begins no time of a kernel log. */
const isJson = (text: string): boolean => /^\uFEFF?\s*(?:\{|\[(?! *[0-9]+\.[0-9]+\] ))/.test(text.slice(0, 4096))

/** A line only the kernel prints early, a time of `dmesg`, or a journal's prefix. */
const isLog = (head: string): boolean =>
  /BIOS-e820: |\bLinux version [0-9]|[Cc]ommand line: |\be820: |\[mem 0x|^\[ *[0-9]+\.[0-9]{6}\]/m.test(head) ||
  /^(?:[A-Z][a-z]{2} [ 0-9][0-9] |[0-9]{4}-[0-9]{2}-[0-9]{2}T).{0,200} kernel: /m.test(head)

/** Kind of text that is no JSON, by its beginning. */
const kindOfText = (text: string): Kind | undefined => {
  const head = text.slice(0, 64 * 1024)
  if (/^\s*[0-9a-f]{1,16}-[0-9a-f]{1,16} : /.test(head)) return "iomem"
  if (/^(?:Node [0-9]+ )?Mem(?:Total|Free):\s/m.test(head)) return "meminfo"
  if (/^\s*(?:\S+\s+)*RANGE(?:\s|$)/.test(head.slice(0, 400))) return "lsmem"
  if (isLog(head)) return "boot-log"
  return /^[A-Za-z]\w*:(?:\s|$)/m.test(head) ? "machine" : undefined
}

/** Share of control characters and of what was no UTF-8, above which a text is binary: nearly none. */
const isBinary = (text: string): boolean => {
  const head = text.slice(0, 8192)
  // oxlint-disable-next-line no-control-regex
  const odd = head.match(/[\u0000-\u0008\u000e-\u001a\u001c-\u001f\u007f\ufffd]/g)?.length ?? 0
  return head.includes("\u0000") || odd * 50 > head.length
}

/**
 * The kind of a text; `undefined` when it is none of those known, or no text. JSON is parsed for it.
 *
 * @category queries
 * @since 0.1.0
 */
export const detect = (text: string): Kind | undefined => {
  if (isBinary(text)) return undefined
  if (!isJson(text)) return kindOfText(JsonText.withoutMark(text))
  return Result.match(JsonText.parseDocuments("", text), {
    onSuccess: kindOfDocuments,
    onFailure: () => undefined
  })
}

const known =
  "'ndctl list', 'daxctl list', 'cxl list', 'lsmem -J', /proc/iomem, /proc/meminfo, the kernel log of a boot, or a " +
  "machine description in YAML or JSON"

const refuse = (source: string, problem: string): Result.Result<never, InputError> =>
  Decoding.failAt({ source, at: "" }, problem, `give ${known}`)

const show = (text: string): string => JSON.stringify(text.trimStart().slice(0, 40))

const readDocuments = (
  source: string,
  text: string,
  documents: ReadonlyArray<unknown>
): Result.Result<MachineSpec.MachineSpec, InputError> => {
  const kind = kindOfDocuments(documents)
  switch (kind) {
    case "ndctl":
      return NdctlList.fromDocuments(source, documents)
    case "daxctl":
      return DaxctlList.fromDocuments(source, documents)
    case "cxl":
      return CxlList.fromDocuments(source, documents)
    case "lsmem":
      return Lsmem.fromDocuments(source, documents)
    case "machine":
      return documents.length === 1
        ? MachineText.fromValue({ source, at: "" }, documents[0])
        : refuse(source, `has ${documents.length} machine descriptions, which is a fleet`)
    default:
      return refuse(source, `is JSON of no known kind, beginning ${show(text)}`)
  }
}

const readText = (source: string, text: string): Result.Result<MachineSpec.MachineSpec, InputError> => {
  switch (kindOfText(text)) {
    case "iomem":
      return Iomem.read(source, text)
    case "meminfo":
      return Meminfo.read(source, text)
    case "lsmem":
      return Lsmem.read(source, text)
    case "boot-log":
      return BootLog.read(source, text)
    case "machine":
      return MachineText.read(source, text)
    default:
      return refuse(source, text.trim() === "" ? "is empty" : `is not recognised: it begins ${show(text)}`)
  }
}

/**
 * Reads a source of any kind known; `source` is its name in errors.
 *
 * @category parsing
 * @since 0.1.0
 */
export const read = (source: string, text: string): Result.Result<MachineSpec.MachineSpec, InputError> =>
  Result.gen(function*() {
    yield* JsonText.checkSize(source, text)
    if (isBinary(text)) return yield* refuse(source, "is no text")
    if (!isJson(text)) return yield* readText(source, JsonText.withoutMark(text))
    return yield* readDocuments(source, text, yield* JsonText.parseDocuments(source, text))
  })
