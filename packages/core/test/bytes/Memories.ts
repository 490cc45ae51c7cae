/** Memories of each kind with a kernel, and a window of lines to write to. */
import { assert } from "@effect/vitest"
import * as PageKernel from "../../src/bytes/PageKernel.ts"
import * as TypedArrayKernel from "../../src/bytes/TypedArrayKernel.ts"
import * as WasmKernel from "../../src/bytes/WasmKernel.ts"

export interface Memory {
  readonly name: string
  readonly kernel: PageKernel.PageKernel
  readonly buffer: SharedArrayBuffer
  /** Byte at which the window begins. */
  readonly at: number
  readonly lines: number
}

/** Bytes before and behind a kernel's own memory that are nobody's. */
export const gap = 4096

const wasm = (name: string, bytes: number, scratch: number, at: number, lines: number): Memory => {
  const memory = WasmKernel.memory(bytes)
  assert.isNotNull(memory)
  return { name, kernel: WasmKernel.make(memory, scratch), buffer: memory.buffer, at, lines }
}

/** The wide one reserves more than 4 GiB, touches little of it, and its window has 4 GiB in the middle. */
export const make = (lines: number): ReadonlyArray<Memory> => {
  const at = 2 * gap + PageKernel.ownBytes
  const bytes = at + lines * 64
  const plain = new SharedArrayBuffer(bytes)
  const four = 2 ** 32
  const high = four + lines * 64
  return [
    wasm("WebAssembly", bytes, gap, at, lines),
    wasm("WebAssembly of 64 bits", high + at, high, four - Math.floor(lines / 2) * 64, lines),
    { name: "typed arrays", kernel: TypedArrayKernel.make(plain, gap), buffer: plain, at, lines }
  ]
}

export const window = ({ at, buffer, lines }: Memory): Uint8Array => new Uint8Array(buffer, at, lines * 64)

/** A byte that no struct page is made of alone, where nothing was written. */
export const untouched = 0xc3

/** Whether the bytes are the same; the first that is not is named, for a difference of large arrays takes its time. */
export const same = (found: Uint8Array, expected: Uint8Array, message: string): void => {
  if (Buffer.compare(found, expected) === 0) return
  const at = expected.findIndex((byte, i) => byte !== found[i])
  assert.fail(`${message}: byte ${at % 64} of line ${Math.floor(at / 64)} is ${found[at]} and not ${expected[at]}`)
}
