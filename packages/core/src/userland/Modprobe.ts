/**
 * `modprobe` and `rmmod` as BusyBox has them, over the modules of the machine.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Errno from "../kernel/Errno.ts"
import { Modules } from "../sysfs/Modules.ts"
import type { Program } from "./ShellCommand.ts"
import * as Tool from "./Tool.ts"

/** Dashes in the name of a module are underscores, as everywhere in the kernel. */
const moduleName = (word: string): string => word.replaceAll("-", "_")

const modprobeForm = "modelled are modprobe MODULE, modprobe -a MODULE … and modprobe -r MODULE …, also with -q"

const load = Effect.fnUntraced(function*(word: string) {
  const modules = yield* Modules
  const loading = yield* Effect.result(modules.load(moduleName(word)))
  return Result.isSuccess(loading)
    ? ""
    : `modprobe: can't load module ${word}: ${Errno.text(loading.failure.errno)}\n`
})

const unload = Effect.fnUntraced(function*(program: string, shown: string) {
  const modules = yield* Modules
  const unloading = yield* Effect.result(modules.unload(moduleName(shown)))
  return Result.isSuccess(unloading)
    ? ""
    : `${program}: can't unload module '${shown}': ${Errno.text(unloading.failure.errno)}\n`
})

/**
 * `modprobe -r`: takes away what is loaded of a module and of what it needs. Only the module itself is complained of, but the
 * last one decides the exit status (OBS-31).
 */
const withNeeds = Effect.fnUntraced(function*(word: string) {
  const modules = yield* Modules
  const name = moduleName(word)
  if (modules.builtin.includes(name)) return { failed: true, stderr: `modprobe: module ${word} is builtin\n` }
  let failed = false
  for (const one of [name, ...modules.needs(name)]) {
    const complaint = modules.loaded().includes(one) ? yield* unload("modprobe", one) : ""
    if (one === name && complaint !== "") return { failed: true, stderr: complaint }
    failed = complaint !== ""
  }
  return { failed, stderr: "" }
})

const modprobe: Program = Effect.fnUntraced(function*(words) {
  const options = words.filter((word) => word.startsWith("-")).join("").replaceAll("-", "")
  const names = words.filter((word) => !word.startsWith("-"))
  if (!/^[arq]*$/.test(options)) return yield* Tool.notModelled(`modprobe -${options}`, modprobeForm)
  const many = /[ar]/.test(options)
  if (!many && names.length > 1) return yield* Tool.notModelled("giving parameters to a module", modprobeForm)
  const known = (yield* Modules).known
  let failed = false
  let stderr = ""
  for (const word of names) {
    if (!known.includes(moduleName(word))) {
      failed = true
      if (!options.includes("q")) stderr += `modprobe: module ${word} not found in modules.dep\n`
      continue
    }
    if (options.includes("r")) {
      const removed = yield* withNeeds(word)
      failed ||= removed.failed
      stderr += removed.stderr
      continue
    }
    const complaint = yield* load(word)
    failed ||= complaint !== ""
    stderr += complaint
  }
  return Tool.outcome(failed ? 1 : 0, "", stderr)
})

const rmmod: Program = Effect.fnUntraced(function*(words) {
  const option = words.find((word) => word.startsWith("-"))
  if (option !== undefined || words.length === 0) {
    return yield* Tool.notModelled(`rmmod ${option ?? ""}`.trim(), "rmmod MODULE … is")
  }
  for (const word of words) {
    const complaint = yield* unload("rmmod", moduleName(word))
    if (complaint !== "") return Tool.outcome(1, "", complaint)
  }
  return Tool.outcome(0)
})

/**
 * The programs by name.
 *
 * @category tools
 * @since 0.1.0
 */
export const commands: ReadonlyMap<string, Program> = new Map([["modprobe", modprobe], ["rmmod", rmmod]])
