/**
 * `ls`, as BusyBox has it: names in byte order, one a line.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as SysfsTree from "../sysfs/SysfsTree.ts"
import * as OpenFile from "./OpenFile.ts"
import * as ShellCommand from "./ShellCommand.ts"
import * as Tool from "./Tool.ts"

const lines = (names: ReadonlyArray<string>): string => names.map((name) => `${name}\n`).join("")

const isDirectory = (tree: SysfsTree.SysfsTree["Service"], path: string): boolean =>
  OpenFile.find(tree, path)?._tag === "Directory"

/**
 * `ls [-1] [-d] PATH…`: files first, then what directories hold, each under its name where there are several.
 *
 * @category tools
 * @since 0.1.0
 */
export const ls: ShellCommand.Program = Effect.fnUntraced(function*(words) {
  const option = words.find((word) => /^-./.test(word) && !/^-[1d]+$/.test(word))
  if (option !== undefined) {
    return yield* new Tool.NotModelled({ what: `ls ${option}`.slice(0, 60), modelled: "ls [-1] [-d] PATH … is" })
  }
  const paths = words.filter((word) => !word.startsWith("-"))
  if (paths.length === 0) {
    return yield* new Tool.NotModelled({ what: "ls of the current directory", modelled: "ls PATH … is" })
  }
  const tree = yield* SysfsTree.SysfsTree
  const missing = paths.filter((path) => OpenFile.find(tree, path) === undefined)
  const found = paths.filter((path) => !missing.includes(path)).toSorted()
  const isWhole = words.some((word) => /^-1*d/.test(word))
  const folders = isWhole ? [] : found.filter((path) => isDirectory(tree, path))
  const files = found.filter((path) => !folders.includes(path))
  const blocks = [
    ...(files.length === 0 ? [] : [lines(files)]),
    ...folders.map((path) =>
      `${paths.length > 1 ? `${path}:\n` : ""}${lines([...SysfsTree.list(tree, path)].toSorted())}`
    )
  ]
  return ShellCommand.printed(
    missing.length === 0 ? 0 : 1,
    blocks.join("\n"),
    missing.map((path) => `ls: ${path}: No such file or directory\n`).join("")
  )
})
