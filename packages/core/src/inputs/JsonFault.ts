/**
 * Where JSON text goes wrong, said so that a person can repair it.
 *
 * A strict reader of the grammar that builds nothing: it runs only after `JSON.parse` refused, or when keys are known to be
 * duplicated.
 *
 * @since 0.1.0
 */

/**
 * What is wrong at an offset, in UTF-16 units.
 *
 * @category models
 * @since 0.1.0
 */
export interface JsonFault {
  readonly offset: number
  readonly problem: string
  /** The text stops before the value is complete. */
  readonly truncated: boolean
}

const white = /[ \t\r\n]*/y
const numeral = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const word = /true|false|null/y
// oxlint-disable-next-line no-control-regex
const plain = /[^"\\\u0000-\u001f]*/y
const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y

const length = (pattern: RegExp, text: string, at: number): number => {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0].length ?? 0
}

const show = (text: string, at: number): string => {
  const code = text.codePointAt(at) ?? 0
  return code > 0x20 && code < 0x7f
    ? `'${String.fromCodePoint(code)}'`
    : code === 0x20
    ? "a blank"
    : `the character U+${code.toString(16).toUpperCase().padStart(4, "0")}`
}

/**
 * `line 3, column 17`, both counted from 1.
 *
 * @category printing
 * @since 0.1.0
 */
export const position = (text: string, offset: number): string => {
  let line = 1
  let start = 0
  for (let at = text.indexOf("\n"); at !== -1 && at < offset; at = text.indexOf("\n", at + 1)) {
    line++
    start = at + 1
  }
  return `line ${line}, column ${offset - start + 1}`
}

/** A cursor over the text; every method advances it, and returns whether to go on. */
const cursor = (text: string) => {
  let at = 0
  let fault: JsonFault | undefined

  const fail = (offset: number, problem: string): false => {
    fault ??= { offset, problem, truncated: false }
    return false
  }
  const end = (what: string, opened: number): false => {
    fault ??= {
      offset: text.length,
      problem: `ends in the middle of ${what} that begins at ${position(text, opened)}`,
      truncated: true
    }
    return false
  }
  const skip = () => {
    at += length(white, text, at)
  }

  const string = (): boolean => {
    const opened = at
    at++
    for (;;) {
      at += length(plain, text, at)
      if (at >= text.length) return end("a string", opened)
      const c = text.charAt(at)
      if (c === "\"") break
      if (c !== "\\") return fail(at, `has ${show(text, at)} inside a string, which must be escaped`)
      const size = length(escape, text, at)
      if (size === 0) {
        return /^\\(?:u[0-9a-fA-F]{0,3})?$/.test(text.slice(at, at + 6))
          ? end("a string", opened)
          : fail(at, "has an unknown escape")
      }
      at += size
    }
    at++
    return true
  }

  const number = (): boolean => {
    const size = length(numeral, text, at)
    if (size === 0) return at + 1 >= text.length ? end("a number", at) : fail(at, "has '-' without digits")
    at += size
    return true
  }

  const literal = (): boolean => {
    const size = length(word, text, at)
    if (size > 0) {
      at += size
      return true
    }
    const rest = text.slice(at, at + 5)
    return rest.length > 0 && at + rest.length === text.length &&
        ["true", "false", "null"].some((w) => w.startsWith(rest))
      ? end("a word", at)
      : fail(at, `has ${show(text, at)} where a value should begin`)
  }

  /** Elements up to `close`, separated by commas; `element` reads one. */
  const sequence = (what: string, close: string, element: () => boolean): boolean => {
    const opened = at
    at++
    skip()
    if (text.charAt(at) === close) {
      at++
      return true
    }
    for (;;) {
      skip()
      if (at >= text.length) return end(what, opened)
      if (!element()) return false
      skip()
      if (at >= text.length) return end(what, opened)
      const c = text.charAt(at)
      if (c !== "," && c !== close) return fail(at, `has ${show(text, at)} where ',' or '${close}' should be`)
      at++
      if (c === close) return true
    }
  }

  const member = (opened: number, seen: Set<unknown>): boolean => {
    const start = at
    if (text.charAt(at) !== "\"") return fail(at, `has ${show(text, at)} where a key in double quotes should be`)
    if (!string()) return false
    const key: unknown = JSON.parse(text.slice(start, at))
    if (seen.has(key)) {
      return fail(start, `has the key ${text.slice(start, Math.min(at, start + 60))} twice in one object`)
    }
    seen.add(key)
    skip()
    if (at >= text.length) return end("an object", opened)
    if (text.charAt(at) !== ":") return fail(at, `has ${show(text, at)} where ':' should be`)
    at++
    skip()
    return at >= text.length ? end("an object", opened) : value()
  }

  const value = (): boolean => {
    const c = text.charAt(at)
    if (c === "{") {
      const opened = at
      const seen = new Set<unknown>()
      return sequence("an object", "}", () => member(opened, seen))
    }
    if (c === "[") return sequence("an array", "]", value)
    if (c === "\"") return string()
    return /[-0-9]/.test(c) ? number() : literal()
  }

  /** One value, or with `several` any number of objects and arrays one after the other. */
  const documents = (several: boolean): JsonFault | undefined => {
    skip()
    if (at >= text.length) return { offset: 0, problem: "is empty", truncated: true }
    for (;;) {
      if (several && !"{[".includes(text.charAt(at))) {
        return { offset: at, problem: `has ${show(text, at)} where '{' or '[' should be`, truncated: false }
      }
      if (!value()) return fault
      skip()
      if (at >= text.length) return undefined
      if (!several) return { offset: at, problem: `has ${show(text, at)} after the end of the value`, truncated: false }
    }
  }
  return { documents }
}

/**
 * The first fault of the text, or `undefined` when it is JSON without duplicate keys.
 *
 * The caller has made sure that the text does not nest too deep to be read recursively.
 *
 * @category constructors
 * @since 0.1.0
 */
export const find = (text: string, several: boolean): JsonFault | undefined => cursor(text).documents(several)
