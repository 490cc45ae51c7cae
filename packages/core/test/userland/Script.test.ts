import { assert, describe, it } from "@effect/vitest"
import { Clock, Effect, Fiber, Result } from "effect"
import { TestClock } from "effect/testing"
import * as OpenFile from "../../src/userland/OpenFile.ts"
import * as Script from "../../src/userland/Script.ts"
import { machine, outcomes, run, stops } from "./ScriptHarness.ts"

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

describe("Script", () => {
  it.effect("every command line is told as it ends: words after expansion, pipes and redirections as typed", () =>
    Effect.gen(function*() {
      const { executed } = yield* run(
        "N=2 # two\n\nfor i in 1 $N; do\n  echo on$i > /sys/memory/memory$i/state 2>&1\ndone\nndctl \"a b\"  c | cat"
      )
      assert.deepStrictEqual(executed, [
        { line: 4, command: "echo on1 > /sys/memory/memory1/state 2>&1", exit: 0, stdout: "", stderr: "" },
        { line: 4, command: "echo on2 > /sys/memory/memory2/state 2>&1", exit: 0, stdout: "", stderr: "" },
        { line: 6, command: "ndctl a b c | cat", exit: 0, stdout: "a b|c\n", stderr: "" }
      ])
    }))

  it.effect("&& and || look at the exit status, and so does $?", () =>
    Effect.gen(function*() {
      const said = yield* outcomes(
        "false && echo 1 || echo 2; true || echo 3 && echo 4; false; echo $?; ndctl fail; echo $?; false | true; echo $?"
      )
      assert.deepStrictEqual(said.map(([, stdout]) => stdout).join(""), "2\n4\n1\n240\n0\n")
      const { result } = yield* run("true; false")
      assert.deepStrictEqual(result, Result.succeed(1))
    }))

  it.effect("a file that refuses: the shell's words and the program's, exit status 1", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* outcomes([
          "echo bogus > /sys/memory/memory1/state",
          "printf bogus > /sys/memory/memory1/state",
          "printf bogus | cat > /sys/memory/memory1/state",
          "printf bogus | tee /sys/memory/memory1/state",
          "printf bogus | dd of=/sys/memory/memory1/state",
          "echo x > /sys/memory/memory9/state",
          "echo x > /sys/memory/none",
          "echo x > /sys/memory",
          "echo x > /sys/memory/memory1/removable",
          "echo x > /sys/memory/memory1/removable/x",
          "cat < /sys/memory/none",
          "cat /sys/memory/none /sys/memory /sys/memory/broken /sys/memory/probe",
          "echo x > /proc/iomem",
          "dd of=/sys/memory/none",
          "dd if=/sys/memory/none",
          "dd if=/sys/memory",
          "tee /sys/memory/none"
        ].join("\n")),
        [
          [1, "", "sh: write error: Invalid argument\n"],
          [1, "", ""],
          [1, "", "cat: write error: Invalid argument\n"],
          [1, "bogus", "tee: /sys/memory/memory1/state: I/O error\n"],
          [
            1,
            "",
            "dd: error writing '/sys/memory/memory1/state': Invalid argument\n0+1 records in\n0+0 records out\n"
          ],
          [1, "", "sh: can't create /sys/memory/memory9/state: nonexistent directory\n"],
          [1, "", "sh: can't create /sys/memory/none: Permission denied\n"],
          [1, "", "sh: can't create /sys/memory: Is a directory\n"],
          [1, "", "sh: can't create /sys/memory/memory1/removable: Permission denied\n"],
          [1, "", "sh: can't create /sys/memory/memory1/removable/x: Not a directory\n"],
          [1, "", "sh: can't open /sys/memory/none: no such file\n"],
          [
            1,
            "",
            "cat: can't open '/sys/memory/none': No such file or directory\ncat: read error: Is a directory\n" +
            "cat: read error: Input/output error\ncat: can't open '/sys/memory/probe': Permission denied\n"
          ],
          [1, "", "sh: write error: Input/output error\n"],
          [1, "", "dd: can't open '/sys/memory/none': Permission denied\n"],
          [1, "", "dd: can't open '/sys/memory/none': No such file or directory\n"],
          [1, "", "dd: /sys/memory: Is a directory\n"],
          [1, "", "tee: /sys/memory/none: Permission denied\n"]
        ]
      )
    }))

  it.effect("attributes get one write a command, with its newline, at most a page at a time; nothing for nothing", () =>
    Effect.gen(function*() {
      const on = machine()
      yield* outcomes(
        [
          "echo online > /sys/memory/memory1/state",
          "echo -n offline >> /sys/memory/link/state",
          "echo online | sudo tee /sys/memory/memory2/state",
          "sh -c \"echo offline > /sys/memory/memory2/state\"",
          "printf '' > /sys/memory/memory3/state",
          "> /sys/memory/memory3/state",
          "dd if=/dev/zero of=/sys/memory/probe bs=5000 count=1",
          "printf abc | dd of=/sys/memory/probe bs=2"
        ].join("\n"),
        on
      )
      assert.deepStrictEqual(on.writes.map(([path, text]) => [path, text.length > 10 ? text.length : text]), [
        ["memory1", "online\n"],
        ["memory3", "offline"],
        ["memory2", "online\n"],
        ["memory2", "offline\n"],
        ["probe", 4096],
        ["probe", 904],
        ["probe", "ab"],
        ["probe", "c"]
      ])
    }))

  it.effect("descriptors go where the ones before them went", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* outcomes([
          "cat /sys/none 2>&1",
          "cat /sys/none 2>/dev/null",
          "cat /sys/none 2>&1 | cat",
          "cat /sys/none 2>&1 > /dev/null",
          "cat /sys/none > /dev/null 2>&1",
          "echo x >&2",
          "echo x 2>/dev/null > /sys/none",
          "cat < /proc/iomem",
          "cat < /proc/iomem < /dev/null"
        ].join("\n")),
        [
          [1, "cat: can't open '/sys/none': No such file or directory\n", ""],
          [1, "", ""],
          [0, "cat: can't open '/sys/none': No such file or directory\n", ""],
          [1, "cat: can't open '/sys/none': No such file or directory\n", ""],
          [1, "", ""],
          [0, "", "x\n"],
          [1, "", ""],
          [0, "00000000-00000fff : Reserved\n", ""],
          [0, "", ""]
        ]
      )
    }))

  it.effect("sh -c is one command with variables of its own; sudo runs what follows", () =>
    Effect.gen(function*() {
      const { executed } = yield* run(
        "X=1\nsh -c 'echo a; Y=2; echo \"$X-$Y\"; false' && echo no\nsudo sudo ndctl list; printf 1 | sh -c cat; A=5 | true; echo $A"
      )
      assert.deepStrictEqual(
        executed.map(({ command, exit, stdout }) => [command, exit, stdout]),
        [
          ["sh -c echo a; Y=2; echo \"$X-$Y\"; false", 1, "a\n-2\n"],
          ["sudo sudo ndctl list", 0, "terminal list\n"],
          ["printf 1 | sh -c cat", 0, "1"],
          [" | true", 0, ""],
          ["echo ", 0, "\n"]
        ].map(([command, ...rest]) => [String(command).trimEnd(), ...rest])
      )
    }))

  it.effect("a program's output is on the terminal where it is neither piped nor redirected", () =>
    Effect.gen(function*() {
      const said = yield* outcomes(
        "ndctl a; ndctl a | cat; sh -c 'ndctl a'; sh -c 'ndctl a' | cat; ndctl a 2>/dev/null"
      )
      assert.deepStrictEqual(said.map(([, stdout]) => stdout), [
        "terminal a\n",
        "a\n",
        "terminal a\n",
        "a\n",
        "terminal a\n"
      ])
    }))

  it.effect("sleep lets the clock go on, and nothing else does", () =>
    Effect.gen(function*() {
      const fiber = yield* Effect.forkChild(outcomes("sleep 1 0.5; sleep 2m; sleep x; echo done"))
      yield* TestClock.adjust("121499 millis")
      assert.isUndefined(fiber.pollUnsafe())
      yield* TestClock.adjust("1 millis")
      assert.deepStrictEqual(yield* Fiber.join(fiber), [
        [0, "", ""],
        [0, "", ""],
        [1, "", "sleep: invalid number 'x'\n"],
        [0, "done\n", ""]
      ])
      assert.strictEqual(yield* Clock.currentTimeMillis, 121_500)
    }))

  it.effect("modprobe and rmmod say what BusyBox says", () =>
    Effect.gen(function*() {
      const on = machine()
      assert.deepStrictEqual(
        yield* outcomes(
          [
            "modprobe dax-pmem",
            "modprobe -a kmem none other",
            "modprobe -q none",
            "modprobe device_dax",
            "rmmod dax_pmem nd_pmem",
            "rmmod dax_pmem nd_pmem",
            "rmmod kmem",
            "modprobe -r kmem",
            "modprobe dax_pmem",
            "modprobe kmem",
            "modprobe -r dax_pmem",
            "modprobe -r dax_pmem nd_pmem",
            "modprobe -r nd_pmem",
            "modprobe dax",
            "modprobe -r dax"
          ].join("\n"),
          on
        ),
        [
          [0, "", ""],
          [1, "", "modprobe: module none not found in modules.dep\nmodprobe: module other not found in modules.dep\n"],
          [1, "", ""],
          [1, "", "modprobe: can't load module device_dax: Cannot allocate memory\n"],
          [0, "", ""],
          [1, "", "rmmod: can't unload module 'dax_pmem': No such file or directory\n"],
          [1, "", "rmmod: can't unload module 'kmem': Resource temporarily unavailable\n"],
          [1, "", "modprobe: can't unload module 'kmem': Resource temporarily unavailable\n"],
          [0, "", ""],
          [0, "", ""],
          [1, "", ""],
          [1, "", ""],
          [0, "", ""],
          [0, "", ""],
          [1, "", "modprobe: module dax is builtin\n"]
        ]
      )
      assert.deepStrictEqual([...on.loaded], ["kmem"])
    }))

  it.effect("test answers one condition", () =>
    Effect.gen(function*() {
      const asked: ReadonlyArray<readonly [string, number]> = [
        ["[ -e /sys/memory ]", 0],
        ["[ -f /sys/memory ]", 1],
        ["[ -d /sys/memory ]", 0],
        ["[ -b /dev/pmem0 ]", 0],
        ["test ! -e /sys/memory", 1],
        ["[ a = b ]", 1],
        ["[ a != b ]", 0],
        ["[ 10 -gt 9 ]", 0],
        ["[ 0 -eq 00 ]", 0],
        ["[ -z \"\" ]", 0],
        ["[ -n \"\" ]", 1],
        ["[ x ]", 0],
        ["[ ]", 1],
        ["[ x", 2],
        ["[ 1 -eq x ]", 2],
        ["[ 1 ~ x ]".replace("~", "b"), 2]
      ]
      const said = yield* outcomes(asked.map(([line]) => line).join("\n"))
      assert.deepStrictEqual(said.map(([exit]) => exit), asked.map(([, exit]) => exit))
    }))

  it.effect("what there is not stops the run with its line and what there is instead", () =>
    Effect.gen(function*() {
      const asked: ReadonlyArray<readonly [string, string]> = [
        ["mkfs.ext4 /dev/pmem0", "line 2: the command 'mkfs.ext4' is not modelled; there are cat, daxctl"],
        ["cat /etc/fstab", "line 2: the file '/etc/fstab' is not modelled"],
        ["echo x > /tmp/x", "line 2: the file '/tmp/x' is not modelled"],
        ["echo x > /sys/../tmp/x", "line 2: the file '/sys/../tmp/x' is not modelled"],
        ["cat state", "line 2: the file 'state' is not modelled"],
        ["dd of=/dev/pmem9", "line 2: the file '/dev/pmem9' is not modelled"],
        ["cat -n /proc/iomem", "line 2: cat -n is not modelled"],
        ["sh script", "line 2: sh script is not modelled"],
        ["sudo -u root true", "line 2: sudo -u is not modelled"],
        ["modprobe nd_pmem x=1", "line 2: giving parameters to a module is not modelled"],
        ["printf %f 1", "line 2: printf with %f is not modelled"],
        ["dd conv=swab", "line 2: dd with conv=swab is not modelled"],
        ["sh -c 'true; nothing'", "line 2: the command 'nothing' is not modelled"]
      ]
      for (const [line, message] of asked) {
        const error = yield* stops(`true\n${line}`)
        assert.strictEqual(error._tag, "NotModelled", line)
        assert.include(error.message, message.replace("daxctl", "dd"), line)
      }
      const error = yield* stops("true\nsh -c 'echo a\nif'")
      assert.include(error.message, "line 2, column 1: in the text of sh -c, line 2, column 1: if is not modelled")
    }))

  it.effect("loops, commands, data and nesting are bounded", () =>
    Effect.gen(function*() {
      const many = (count: number) => `${"x ".repeat(count)}`
      const limits: ReadonlyArray<readonly [string, string]> = [
        [
          `for i in ${many(101)}; do for j in ${many(100)}; do A=1; done; done`,
          `${Script.iterationLimit} iterations`
        ],
        [
          `for i in ${many(101)}; do ${"true;".repeat(100)} done`,
          `${Script.commandLimit} commands`
        ],
        [
          `for i in ${many(100)}; do dd if=/dev/zero of=/dev/null bs=16M count=1; done`,
          "256 MiB of data"
        ],
        [`${"sudo ".repeat(100)}true`, "nest deeper"],
        [`A=xxxxxxxxxx; for i in ${many(50)}; do A=$A$A; done`, "longer than"]
      ]
      for (const [script, problem] of limits) {
        const error = yield* stops(script)
        assert.strictEqual(error._tag === "ScriptError" && error.reason, "limit", script.slice(-60))
        assert.include(error.message, problem)
      }
      const large = [
        "cat /dev/zero",
        "cat < /dev/pmem1",
        "dd if=/dev/pmem1",
        "dd if=/dev/zero of=/dev/pmem1 bs=17M count=1"
      ]
      for (const line of large) assert.include((yield* stops(line)).message, "moving more than 16 MiB")
      assert.include((yield* stops("dd if=/dev/zero of=/sys/memory/probe bs=1 count=2000")).message, "1024 calls")
      assert.strictEqual(OpenFile.callLimit, 1024)
    }))
})

describe("dd", () => {
  const counted = (inward: string, outward: string) => `${inward} records in\n${outward} records out\n`

  it.effect("copies onto a device and counts whole and partial records", () =>
    Effect.gen(function*() {
      const on = machine()
      on.media.fill(0x61)
      assert.deepStrictEqual(
        yield* outcomes(
          [
            "printf 'X' | dd of=/dev/pmem0 bs=1 seek=$((4096+0)) conv=notrunc",
            "dd if=/dev/zero of=/dev/pmem0 bs=512 seek=1 count=1 conv=notrunc oflag=direct",
            "printf 12345 | dd bs=2",
            "printf 12345 | dd ibs=2 obs=3",
            "printf 12345 | dd ibs=3 obs=2",
            "printf 12345 | dd bs=2 skip=1 count=1 status=noxfer",
            "printf 12345 | dd iflag=skip_bytes,count_bytes skip=1 count=2 status=none",
            "printf 123 | dd bs=2 conv=sync of=/dev/null",
            "dd if=/dev/pmem0 bs=3 count=2 skip=1365",
            "dd if=/dev/pmem0 of=/dev/null bs=5000",
            "dd if=/dev/null"
          ].join("\n"),
          on
        ),
        [
          [0, "", counted("1+0", "1+0")],
          [0, "", counted("1+0", "1+0")],
          [0, "12345", counted("2+1", "2+1")],
          [0, "12345", counted("2+1", "1+1")],
          [0, "12345", counted("1+1", "2+1")],
          [0, "34", counted("1+0", "1+0")],
          [0, "23", ""],
          [0, "", counted("1+1", "2+0")],
          [0, "aXaaaa", counted("2+0", "2+0")],
          [0, "", counted("3+1", "3+1")],
          [0, "", counted("0+0", "0+0")]
        ]
      )
      assert.strictEqual(text(on.media.slice(510, 514)), "aa\0\0")
      assert.strictEqual(text(on.media.slice(1022, 1026)), "\0\0aa")
    }))

  it.effect("stops at the end of a device", () =>
    Effect.gen(function*() {
      const full = "dd: error writing '/dev/pmem0': No space left on device\n"
      assert.deepStrictEqual(
        yield* outcomes([
          "dd if=/dev/zero of=/dev/pmem0 bs=4096 count=5",
          "dd if=/dev/zero of=/dev/pmem0 bs=4096 seek=4 count=1",
          "dd if=/dev/zero of=/dev/pmem0 bs=5000 count=9",
          "dd if=/dev/zero of=/dev/pmem0 bs=5000 count=4",
          "dd if=/dev/zero of=/dev/pmem1 bs=1 count=1"
        ].join("\n")),
        [
          [1, "", full + counted("5+0", "4+0")],
          [1, "", full + counted("1+0", "0+0")],
          [1, "", full + counted("5+0", "3+1")],
          [0, "", counted("4+0", "3+1")],
          [1, "", `dd: error writing '/dev/pmem1': Operation not permitted\n${counted("1+0", "0+0")}`]
        ]
      )
    }))

  it.effect("takes numbers with units and says which it does not take", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(
        yield* outcomes([
          "printf 12345 | dd bs=2w",
          "printf 12345 | dd bs=1kB count=1 of=/dev/null",
          "dd bs=0",
          "dd bs=1MiB",
          "dd bs=0x10",
          "dd count=",
          "dd count=-1",
          "dd bs=99999999999999999999",
          "dd status=progress",
          "dd conv=fdatasync"
        ].join("\n")),
        [
          [0, "12345", counted("1+1", "1+1")],
          [0, "", counted("0+1", "0+1")],
          [1, "", "dd: number 0 is not in 1..9223372036854775807 range\n"],
          [1, "", "dd: invalid number '1MiB'\n"],
          [1, "", "dd: invalid number '0x10'\n"],
          [1, "", "dd: invalid number ''\n"],
          [1, "", "dd: invalid number '-1'\n"],
          [1, "", "dd: invalid number '99999999999999999999'\n"],
          [1, "", "dd: invalid argument 'progress' to 'status'\n"],
          [1, "", "dd: invalid argument 'fdatasync' to 'conv'\n"]
        ]
      )
    }))
})

describe("echo and printf", () => {
  it.effect("print what the shell of BusyBox prints", () =>
    Effect.gen(function*() {
      const asked: ReadonlyArray<readonly [string, string]> = [
        ["echo", "\n"],
        ["echo -n x", "x"],
        ["echo 'a\\tb'", "a\\tb\n"],
        ["echo -e 'a\\tb\\x41\\0101\\c z'", "a\tbAA"],
        ["echo -e '\\1012 \\x4 \\xzz \\08'", "A2 \u0004 \\xzz \u00008\n"],
        ["echo -ne 'a\\n'", "a\n"],
        ["echo -nx a", "-nx a\n"],
        ["echo - a; echo -- a", "- a\n"],
        ["printf '%s\\n' a b c", "a\nb\nc\n"],
        [
          "printf '%d %x %o %u %c|%5s|%-5s|%05d|%i %X\\n' 12 255 8 7 hello ab ab 42 5 255",
          "12 ff 10 7 h|   ab|ab   |00042|5 FF\n"
        ],
        ["printf '%x %d\\n' -1 0x10", "ffffffffffffffff 16\n"],
        ["printf '%b|' 'a\\tb' '\\x41'", "a\tb|A|"],
        ["printf '\\x41\\101\\0101\\n'", "AA\b1\n"],
        ["printf '%%\\n'", "%\n"],
        ["printf 'a\\c b'", "a"],
        ["printf '%s %s\\n' a", "a \n"],
        ["printf 'x\\n' a b", "x\n"],
        ["printf '%5.2s|%.3d|%+d|%#x\\n' abcdef 5 3 255", "   ab|005|+3|0xff\n"],
        ["printf '%d %d\\n' \"'A\" 010", "65 8\n"],
        ["printf -- '-%lld\\n' 5", "-5\n"]
      ]
      for (const [line, stdout] of asked) {
        assert.strictEqual((yield* outcomes(line))[0]?.[1], stdout, line)
      }
    }))

  it.effect("bytes stay bytes on their way to a device", () =>
    Effect.gen(function*() {
      const on = machine()
      yield* outcomes("printf '\\xff\\0\\376é' | dd of=/dev/pmem0", on)
      assert.deepStrictEqual(on.media.slice(0, 6), Uint8Array.of(0xff, 0, 0xfe, 0xc3, 0xa9, 0))
    }))

  it.effect("say what they cannot print", () =>
    Effect.gen(function*() {
      assert.deepStrictEqual(yield* outcomes("printf '%d\\n' abc 12x; printf; printf '%z'; printf %"), [
        [1, "0\n0\n", "sh: invalid number 'abc'\nsh: invalid number '12x'\n"],
        [2, "", "sh: usage: printf FORMAT [ARGUMENT...]\n"],
        [1, "", "sh: %: invalid format\n"],
        [1, "", "sh: %: invalid format\n"]
      ])
    }))
})
