/**
 * Struct pages written by a small WebAssembly module with vectors of 16 bytes (`wasm/PageKernel.wat`).
 *
 * @since 0.1.0
 */
import * as Base64 from "effect/encoding/Base64"
import * as Result from "effect/Result"
import { blockLines, type PageKernel, scratchLines } from "./PageKernel.ts"
import * as WasmModules from "./WasmModules.ts"

/**
 * What of the JavaScript interface of WebAssembly is used here; every runtime has it.
 *
 * @category models
 * @since 0.1.0
 */
export interface SharedMemory {
  readonly buffer: SharedArrayBuffer
}

interface WebAssemblyInterface {
  readonly Memory: new(
    descriptor: {
      readonly initial: number | bigint
      readonly maximum: number | bigint
      readonly shared: true
      readonly address?: "i64"
    }
  ) => SharedMemory
  readonly Module: new(bytes: Uint8Array) => object
  readonly Instance: new(module: object, imports: object) => { readonly exports: object }
  readonly validate: (bytes: Uint8Array) => boolean
}

type Address = number | bigint

interface Exports {
  readonly fill: (at: Address, blocks: number, template: Address) => void
  readonly tails: (at: Address, blocks: number, template: Address, every: number, left: number, step: number) => void
  readonly spread: (at: Address, count: number, stride: Address, template: Address, step: number) => void
  readonly self: (at: Address, blocks: number, template: Address) => void
  readonly copy: (to: Address, from: Address, bytes: Address) => void
  readonly flood: (at: Address, bytes: Address) => void
  readonly sum: (at: Address, bytes: Address, template: Address) => void
}

const wasmPage = 65536

/** Memories beyond this have addresses of 64 bits. */
const small = 2 ** 32

/**
 * The most a memory may have.
 *
 * @category constants
 * @since 0.1.0
 */
export const largest = 16 * 2 ** 30

const webAssembly = (): WebAssemblyInterface | undefined =>
  (globalThis as { readonly WebAssembly?: WebAssemblyInterface }).WebAssembly

const moduleBytes = (bytes: number): Uint8Array =>
  Result.getOrThrow(Base64.decode(bytes > small ? WasmModules.wide : WasmModules.narrow))

/**
 * Whether this runtime has what a memory of so many bytes needs.
 *
 * @category queries
 * @since 0.1.0
 */
export const isSupported = (bytes: number): boolean => webAssembly()?.validate(moduleBytes(bytes)) === true

/**
 * A memory that several threads can share, whole pages of 64 KiB; `null` where it is not to be had. It never grows: views of a shared
 * memory that has grown end where it ended before, and each look at its buffer makes a new one.
 *
 * @category constructors
 * @since 0.1.0
 */
export const memory = (bytes: number): SharedMemory | null => {
  const api = webAssembly()
  if (api === undefined || bytes > largest) return null
  const pages = Math.ceil(bytes / wasmPage)
  try {
    return bytes > small
      ? new api.Memory({ initial: BigInt(pages), maximum: BigInt(pages), shared: true, address: "i64" })
      : new api.Memory({ initial: pages, maximum: pages, shared: true })
  } catch {
    return null
  }
}

/** Where the template and the table of pieces lie, behind the scratch lines. */
const templateAt = scratchLines * 64

/**
 * The kernel of one thread on a memory made by {@link memory}; `scratch` is `PageKernel.ownBytes` of its own.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (memory: SharedMemory, scratch: number): PageKernel => {
  const api = webAssembly() as WebAssemblyInterface
  const { byteLength } = memory.buffer
  const module = new api.Module(moduleBytes(byteLength))
  const exports = new api.Instance(module, { memory: { memory } }).exports as Exports
  const address: (position: number) => Address = byteLength > small ? BigInt : Number
  const words = new BigInt64Array(memory.buffer)
  const template = address(scratch + templateAt)
  const templateWord = (scratch + templateAt) / 8

  const one = (at: number, line: BigInt64Array): void => {
    const to = at / 8
    for (let i = 0; i < 8; i++) words[to + i] = line[i] as bigint
  }

  const prepare = (line: BigInt64Array): void => one(scratch + templateAt, line)

  return {
    name: "wasm",
    scratch,
    fill: (at, lines, line) => {
      const blocks = Math.floor(lines / blockLines)
      if (blocks > 0) {
        prepare(line)
        exports.fill(address(at), blocks, template)
      }
      for (let i = blocks * blockLines; i < lines; i++) one(at + i * 64, line)
    },
    self: (at, lines, line, first) => {
      const blocks = Math.floor(lines / blockLines)
      if (blocks > 0) {
        prepare(line)
        words[templateWord + 1] = first
        exports.self(address(at), blocks, template)
      }
      for (let i = blocks * blockLines; i < lines; i++) {
        one(at + i * 64, line)
        const own = BigInt.asIntN(64, first + BigInt(i * 64))
        words[at / 8 + i * 8 + 1] = own
        words[at / 8 + i * 8 + 2] = own
      }
    },
    tails: (at, blocks, line, { every, left, step }) => {
      if (blocks === 0) return
      prepare(line)
      exports.tails(address(at), blocks, template, every, left, step)
    },
    spread: (at, count, stride, line, step) => {
      if (count === 0) return
      prepare(line)
      exports.spread(address(at), count, address(stride), template, step)
    },
    copy: (to, from, bytes) => exports.copy(address(to), address(from), address(bytes)),
    flood: (at, bytes) => exports.flood(address(at), address(bytes)),
    sum: (at, bytes) => {
      if (bytes === 0) return 0n
      exports.sum(address(at), address(bytes), template)
      return BigInt.asUintN(64, words[templateWord] as bigint)
    }
  }
}
