/**
 * The text of `/proc/iomem` as a tree (20.1): indentation is depth, ends are inclusive, siblings are disjoint and sorted, a
 * child lies inside its parent.
 *
 * @since 0.1.0
 */
import * as Result from "effect/Result"
import * as Pfn from "../geometry/Pfn.ts"
import * as Check from "./Check.ts"
import * as Decoding from "./Decoding.ts"
import type { InputError } from "./InputError.ts"

/**
 * `[start, start + size)`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Resource {
  readonly start: number
  readonly size: number
  readonly name: string
  /** Number of the line, from 1. */
  readonly line: number
  readonly children: ReadonlyArray<Resource>
}

interface Open extends Resource {
  readonly children: Array<Open>
}

/**
 * Deepest nesting read; real trees have five levels.
 *
 * @category constants
 * @since 0.1.0
 */
export const depthLimit = 64

const lineForm = /^( *)([0-9a-f]{1,16})-([0-9a-f]{1,16}) : (.*)$/

const errorAt = (source: string, line: number, problem: string, remedy: string): Result.Result<never, InputError> =>
  Decoding.failAt({ source, at: `line ${line}` }, problem, remedy)

const unchanged = "give the unchanged text of /proc/iomem"

const readLine = (source: string, text: string, line: number): Result.Result<[depth: number, Open], InputError> => {
  const match = lineForm.exec(text)
  if (match === null) {
    return errorAt(source, line, `'${text.slice(0, 60)}' is no resource`, "a line is 'START-END : NAME' in hexadecimal")
  }
  const [, indent = "", first = "", last = "", name = ""] = match
  const start = Number.parseInt(first, 16)
  const end = Number.parseInt(last, 16)
  if (end < start) return errorAt(source, line, `${name.slice(0, 60)} ends before it starts`, unchanged)
  if (end >= Pfn.addressLimit) {
    return errorAt(source, line, "ends above 2^52", "addresses and sizes must stay below 4 PiB (2^52 bytes)")
  }
  return Result.succeed([indent.length, {
    start,
    size: end + 1 - start,
    name: name.trim().slice(0, 200),
    line,
    children: []
  }])
}

const overlapping = (
  source: string,
  parent: Open | undefined,
  siblings: ReadonlyArray<Open>,
  resource: Open
): Result.Result<void, InputError> => {
  const range = Check.showRange(resource.start, resource.size)
  if (
    parent !== undefined &&
    (resource.start < parent.start || resource.start + resource.size > parent.start + parent.size)
  ) {
    return errorAt(source, resource.line, `${range} lies outside its parent of line ${parent.line}`, unchanged)
  }
  const before = siblings.at(-1)
  return before !== undefined && resource.start < before.start + before.size
    ? errorAt(source, resource.line, `${range} overlaps or precedes line ${before.line}, its sibling`, unchanged)
    : Result.succeed(undefined)
}

const isHidden = (resource: Resource): boolean => resource.start === 0 && resource.size === 1

/**
 * The top-level resources, each with its children.
 *
 * Addresses that are all zero (what an unprivileged reader gets) are refused, and so are trees the kernel cannot print.
 *
 * @category parsing
 * @since 0.1.0
 */
export const parse = (source: string, text: string): Result.Result<ReadonlyArray<Resource>, InputError> =>
  Result.gen(function*() {
    const top: Array<Open> = []
    const path: Array<Open> = []
    const indents: Array<number> = []
    const lines = text.split("\n")
    const hidden: Array<Open> = []
    let visible = false
    for (let index = 0; index < lines.length; index++) {
      const content = (lines[index] ?? "").replace(/\r$/, "")
      if (content.trim() === "") continue
      const [indent, resource] = yield* readLine(source, content, index + 1)
      if (isHidden(resource)) {
        hidden.push(resource)
        continue
      }
      visible = true
      while (indents.length > 0 && (indents.at(-1) ?? 0) >= indent) {
        indents.pop()
        path.pop()
      }
      if (path.length >= depthLimit) {
        return yield* errorAt(source, index + 1, `nests deeper than ${depthLimit} levels`, unchanged)
      }
      const parent = path.at(-1)
      const siblings = parent?.children ?? top
      yield* overlapping(source, parent, siblings, resource)
      siblings.push(resource)
      path.push(resource)
      indents.push(indent)
    }
    const first = hidden[0]
    if (first !== undefined) {
      return yield* (visible
        ? errorAt(source, first.line, "has the address zero among real ones", unchanged)
        : Decoding.failAt(
          { source, at: "" },
          "all addresses are zero, as the kernel shows them to unprivileged readers",
          "read it as root: sudo cat /proc/iomem"
        ))
    }
    return visible ? top : yield* Decoding.failAt({ source, at: "" }, "is empty", unchanged)
  })
