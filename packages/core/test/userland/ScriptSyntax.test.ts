import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import type * as ScriptError from "../../src/userland/ScriptError.ts"
import * as ScriptSyntax from "../../src/userland/ScriptSyntax.ts"
import * as ScriptTokens from "../../src/userland/ScriptTokens.ts"

const parsed = (text: string): ScriptSyntax.Script => {
  const result = ScriptSyntax.parse(text)
  return Result.isSuccess(result) ? result.success : assert.fail(`${text}: ${result.failure.message}`)
}

const refused = (text: string): ScriptError.ScriptError => {
  const result = ScriptSyntax.parse(text)
  return Result.isFailure(result) ? result.failure : assert.fail(`accepted: ${text}`)
}

const wordText = (word: ScriptTokens.Word): string =>
  word.pieces.map((piece) =>
    piece._tag === "Text" ? piece.text : piece._tag === "Variable" ? `<${piece.name}>` : "<arithmetic>"
  ).join("")

/** A script in a form that shows its structure: commands are lists of words. */
const outline = (script: ScriptSyntax.Script): ReadonlyArray<unknown> =>
  script.map((chain) =>
    chain.flatMap(({ command, condition }) => [
      ...(condition === null ? [] : [condition]),
      command._tag === "For"
        ? { for: command.name, in: command.words.map(wordText), do: outline(command.body) }
        : command.commands.map(({ assignments, redirects, words }) => [
          ...assignments.map(({ name, value }) => `${name}:=${wordText(value)}`),
          ...words.map(wordText),
          ...redirects.map((redirect) =>
            redirect._tag === "Duplicate"
              ? `${redirect.fd}>&${redirect.target}`
              : `${redirect.fd}${redirect.operator}${wordText(redirect.target)}`
          )
        ])
    ])
  )

describe("ScriptSyntax", () => {
  it("one command a line; ; && || and | join them, comments and empty lines are nothing", () => {
    assert.deepStrictEqual(outline(parsed("# first\n\nndctl list -N # all\n a;b && c ||\n d | e |\n\n f;\n")), [
      [[["ndctl", "list", "-N"]]],
      [[["a"]]],
      [[["b"]], "&&", [["c"]], "||", [["d"], ["e"], ["f"]]]
    ])
    assert.deepStrictEqual(parsed(""), [])
    assert.deepStrictEqual(parsed(" \n# only this"), [])
  })

  it("quotes, backslashes and continued lines make one word; lines may end in CR LF", () => {
    assert.deepStrictEqual(outline(parsed("a'b c'\"d $e \\\" \\$ \\x\"\\ f g\\\nh i#j\r\n'' \"\"")), [
      [[["ab cd <e> \" $ \\x f", "gh", "i#j"]]],
      [[["", ""]]]
    ])
  })

  it("names after $ end where a name ends; a lone $ is a dollar", () => {
    assert.deepStrictEqual(outline(parsed("a$b.c ${d}e $? $ $% 5$ $((1 + $x))y")), [
      [[["a<b>.c", "<d>e", "<?>", "$", "$%", "5$", "<arithmetic>y"]]]
    ])
  })

  it("redirections stand anywhere and keep their order; assignments stand in front", () => {
    assert.deepStrictEqual(
      outline(parsed("echo 1 >F 2>&1 x 2>/dev/null >> G < H 1>&2; A=1 B=\"x y\"; C=*; echo a=b")),
      [
        [[["echo", "1", "x", "1>F", "2>&1", "2>/dev/null", "1>>G", "0<H", "1>&2"]]],
        [[["A:=1", "B:=x y"]]],
        [[["C:=*"]]],
        [[["echo", "a=b"]]]
      ]
    )
  })

  it("loops on one line and over several, one inside the other", () => {
    const loop = { for: "i", in: ["1", "2"], do: [[[["a", "<i>"]]], [[["b"]]]] }
    assert.deepStrictEqual(outline(parsed("for i in 1 2; do a $i; b; done")), [[loop]])
    assert.deepStrictEqual(outline(parsed("for i in 1 2\n\ndo\n a $i\n b\ndone && c")), [[loop, "&&", [["c"]]]])
    assert.deepStrictEqual(
      outline(parsed("for i in 1 2; do a $i; b; done;for i in; do for j in 1; do x; done; done")),
      [
        [loop],
        [{ for: "i", in: [], do: [[{ for: "j", in: ["1"], do: [[[["x"]]]] }]] }]
      ]
    )
    assert.deepStrictEqual(outline(parsed("echo for i in do done")), [[[["echo", "for", "i", "in", "do", "done"]]]])
  })

  it("places count lines and columns from 1, in words too", () => {
    const [, [second] = []] = parsed("a\n  b | c\n")
    assert.strictEqual(second?.command._tag, "Pipeline")
    assert.deepStrictEqual(second?.command.at, { line: 2, column: 3 })
  })

  const foreign: ReadonlyArray<readonly [text: string, what: string, line: number, column: number]> = [
    ["a\nif true; then b; fi", "if", 2, 1],
    ["while true; do a; done", "while", 1, 1],
    ["until a; do b; done", "until", 1, 1],
    ["case x in x) a;; esac", "case", 1, 1],
    ["f() { a; }", "defining a function", 1, 2],
    ["function f", "defining a function", 1, 1],
    ["{ a; }", "grouping", 1, 1],
    ["(a; b)", "a subshell", 1, 1],
    ["a &", "in the background", 1, 3],
    ["a &> F", "&>", 1, 3],
    ["a |& b", "|&", 1, 3],
    ["cat << E\nE", "a here document", 1, 5],
    ["cat <<< x", "a here string", 1, 5],
    ["cat <(a)", "process substitution", 1, 5],
    ["echo `a`", "command substitution", 1, 6],
    ["echo \"x $(a)\"", "command substitution", 1, 9],
    ["echo $(( $(a) ))", "command substitution", 1, 10],
    ["echo $(( $((1)) ))", "arithmetic inside arithmetic", 1, 10],
    ["echo ${a:-b}", "${a:-b}", 1, 6],
    ["echo $1 $@", "$1", 1, 6],
    ["echo $'a'", "quoting", 1, 6],
    ["for i in {1..3}; do a; done", "the brace expansion", 1, 10],
    ["echo a{b,c}", "the brace expansion", 1, 6],
    ["cat ~/x", "home directory", 1, 5],
    ["! a", "negating", 1, 1],
    ["[[ a ]]", "[[ ]]", 1, 1],
    ["((a))", "arithmetic", 1, 1],
    ["A=1 b", "a variable for one command", 1, 1],
    ["a 3> F", "redirecting descriptor 3", 1, 3],
    ["a 2>&3", ">&3", 1, 3],
    ["for i in 1; do a; done > F", "redirecting a loop", 1, 24],
    ["a | for i in 1; do b; done", "a loop in a pipe", 1, 5],
    ["for i in 1; do b; done | a", "a loop in a pipe", 1, 24],
    ["for i; do a; done", "the script's arguments", 1, 1]
  ]

  it("what a shell has besides is refused by name, with its place and what is modelled", () => {
    for (const [text, what, line, column] of foreign) {
      const error = refused(text)
      assert.strictEqual(error.reason, "not-modelled", text)
      assert.include(error.problem, what, text)
      assert.deepStrictEqual([error.line, error.column], [line, column], text)
      assert.isNotEmpty(error.remedy, text)
    }
  })

  const wrong: ReadonlyArray<readonly [text: string, problem: string, line: number, column: number]> = [
    ["a\n echo 'x", "a single quote is not closed", 2, 7],
    ["echo \"x\ny", "a double quote is not closed", 1, 6],
    ["echo $((1", "the arithmetic is not closed", 1, 6],
    ["echo $((1)", "the arithmetic is not closed", 1, 6],
    ["echo ${a", "${ is not closed", 1, 6],
    ["&& a", "'&&' cannot stand here", 1, 1],
    ["a && && b", "'&&' cannot stand here", 1, 6],
    ["a ; ; b", "';' cannot stand here", 1, 5],
    ["a |", "the end of the script cannot stand here", 1, 3],
    ["a >", "the end of the script cannot stand here", 1, 3],
    ["a >\nb", "the end of the line cannot stand here", 1, 4],
    ["for i in 1; b; done", "'b' cannot stand here", 1, 13],
    ["for i in 1; do done", "'done' cannot stand here", 1, 16],
    ["for i in 1; do a", "the end of the script cannot stand here", 1, 16],
    ["for 1 in 1; do a; done", "'1' cannot stand here", 1, 5],
    ["for i on 1; do a; done", "'on' cannot stand here", 1, 7],
    ["for i in 1; do a; done b", "'b' cannot stand here", 1, 24],
    ["done", "'done' cannot stand here", 1, 1],
    ["a \0", "NUL", 1, 3]
  ]

  it("what no shell takes is refused with its place", () => {
    for (const [text, problem, line, column] of wrong) {
      const error = refused(text)
      assert.strictEqual(error.reason, "syntax", text)
      assert.include(error.problem, problem, text)
      assert.deepStrictEqual([error.line, error.column], [line, column], text)
    }
  })

  it("size, lines and nesting are bounded", () => {
    assert.strictEqual(refused("a ".repeat(ScriptTokens.sizeLimit)).reason, "limit")
    assert.strictEqual(refused("\n".repeat(ScriptTokens.lineLimit)).reason, "limit")
    const nested = (depth: number) => `${"for i in 1; do ".repeat(depth)}a${"; done".repeat(depth)}`
    assert.strictEqual(parsed(nested(ScriptSyntax.depthLimit)).length, 1)
    assert.strictEqual(refused(nested(ScriptSyntax.depthLimit + 1)).reason, "limit")
    assert.strictEqual(refused(nested(10_000)).reason, "limit")
  })
})
