/**
 * Where the input of a command comes from and its output goes: `< F`, `> F`, `2>&1`, and what the shell says when it cannot be.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as OpenFile from "./OpenFile.ts"
import type * as ScriptSyntax from "./ScriptSyntax.ts"
import * as ShellCommand from "./ShellCommand.ts"
import type * as Tool from "./Tool.ts"

/**
 * A redirection as it was typed.
 *
 * @category models
 * @since 0.1.0
 */
export type Redirect = ScriptSyntax.FileRedirect | ScriptSyntax.Duplicate

/**
 * Where a descriptor leads.
 *
 * @category models
 * @since 0.1.0
 */
export type Target = { readonly _tag: "Out" } | { readonly _tag: "Err" } | {
  readonly _tag: "File"
  readonly file: OpenFile.Writable
}

/**
 * How a command ended and what is shown of its output.
 *
 * @category models
 * @since 0.1.0
 */
export interface Done {
  readonly exit: number
  readonly stdout: Uint8Array
  readonly stderr: string
}

const none = new Uint8Array(0)

/**
 * Parts put together.
 *
 * @category conversions
 * @since 0.1.0
 */
export const concat = (parts: ReadonlyArray<Uint8Array>): Uint8Array => {
  const [only, ...rest] = parts
  if (rest.length === 0) return only ?? none
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** What the shell says when a file of a redirection cannot be opened. */
const cannotOpen = (redirect: ScriptSyntax.FileRedirect, path: string, { errno, text }: OpenFile.Refused): string => {
  const reading = redirect.operator === "<"
  const missing = reading ? "no such file" : "nonexistent directory"
  return `sh: can't ${reading ? "open" : "create"} ${path}: ${errno === "ENOENT" ? missing : text}\n`
}

/**
 * Where input comes from and output goes to. `complaint` is that of a redirection that failed, empty without one: the command is
 * not run then.
 *
 * @category models
 * @since 0.1.0
 */
export interface Plumbing {
  readonly stdin: Uint8Array
  readonly out: Target
  readonly err: Target
  readonly complaint: string
}

const out: Target = { _tag: "Out" }

const err: Target = { _tag: "Err" }

const readWhole = Effect.fnUntraced(function*(path: string) {
  const { read, size } = yield* OpenFile.forReading(path)
  if (size > OpenFile.dataLimit) return yield* OpenFile.tooMuch
  return yield* read(0, size)
})

/**
 * Opens the files of a command, in the order typed, up to the first that cannot be opened.
 *
 * @category operations
 * @since 0.1.0
 */
export const plumb = Effect.fnUntraced(function*(
  redirects: ReadonlyArray<readonly [redirect: Redirect, path: string]>,
  stdin: Uint8Array
): Effect.fn.Return<Plumbing, Tool.NotModelled, ShellCommand.Needs> {
  let plumbing: Plumbing = { stdin, out, err, complaint: "" }
  for (const [redirect, path] of redirects) {
    if (redirect._tag === "Duplicate") {
      const to = redirect.target === 1 ? plumbing.out : plumbing.err
      plumbing = redirect.fd === 1 ? { ...plumbing, out: to } : { ...plumbing, err: to }
      continue
    }
    const opened = yield* redirect.operator === "<"
      ? Effect.result(Effect.map(readWhole(path), (bytes) => ({ ...plumbing, stdin: bytes })))
      : Effect.result(
        Effect.map(OpenFile.forWriting(path), (file): Plumbing => {
          const target: Target = { _tag: "File", file }
          return redirect.fd === 1 ? { ...plumbing, out: target } : { ...plumbing, err: target }
        })
      )
    if (Result.isSuccess(opened)) plumbing = opened.success
    else if (opened.failure._tag === "NotModelled") return yield* opened.failure
    else return { ...plumbing, complaint: cannotOpen(redirect, path, opened.failure) }
  }
  return plumbing
})

/**
 * A redirection as it is shown.
 *
 * @category printing
 * @since 0.1.0
 */
export const redirectText = (redirect: Redirect, path: string): string => {
  if (redirect._tag === "Duplicate") return `${redirect.fd}>&${redirect.target}`
  const usual = redirect.operator === "<" ? 0 : 1
  return `${redirect.fd === usual ? "" : redirect.fd}${redirect.operator} ${path}`
}

/** What a program says when its output cannot be written; `printf` of the shell says nothing. */
const cannotWrite = (name: string, { text }: OpenFile.Refused): string =>
  name === "printf" ? "" : `${name === "echo" ? "sh" : name}: write error: ${text}\n`

/**
 * Hands what was printed to where it goes, and gives what is left to be shown. Errors are not held back by a program, so they go
 * first.
 *
 * @category operations
 * @since 0.1.0
 */
export const deliver = Effect.fnUntraced(function*(
  name: string,
  { err, out }: Plumbing,
  { exit, stderr, stdout }: Done
): Effect.fn.Return<Done, Tool.NotModelled> {
  const shown: { readonly Out: Array<Uint8Array>; readonly Err: Array<string> } = { Out: [], Err: [] }
  const write = (target: Target, bytes: Uint8Array) => {
    if (target._tag === "File") return OpenFile.writeAll(target.file, bytes)
    if (target._tag === "Out") shown.Out.push(bytes)
    else shown.Err.push(ShellCommand.textOf(bytes))
    return Effect.succeed<OpenFile.Written>({ bytes: bytes.length, refused: undefined })
  }
  if (stderr !== "") yield* write(err, ShellCommand.bytesOf(stderr))
  const { refused } = stdout.length === 0 ? { refused: undefined } : yield* write(out, stdout)
  if (refused !== undefined) yield* write(err, ShellCommand.bytesOf(cannotWrite(name, refused)))
  return { exit: refused === undefined ? exit : 1, stdout: concat(shown.Out), stderr: shown.Err.join("") }
})
