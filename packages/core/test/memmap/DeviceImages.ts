/** Images of device memory, as plain as they come. */
import type { Image } from "../../src/memmap/Image.ts"

export const single = (refcount: number): Image => ({
  _tag: "Single",
  node: 0,
  zone: "Device",
  flags: 0x1000,
  refcount,
  links: { _tag: "Self" }
})

export const compound = (head: number, order: number, written: number): Image => ({
  _tag: "Compound",
  node: 0,
  zone: "Device",
  head,
  order,
  written,
  refcount: 1,
  pagemap: 7,
  metadata: true
})
