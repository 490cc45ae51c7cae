/** Scripts as recorded and as typed, damaged by chance. */
import * as KernelFacts from "../../../test-utils/src/KernelFacts.ts"
import { flip, type Next } from "../random.ts"

const samples: ReadonlyArray<string> = [
  ...KernelFacts.byCategory("memory-block"),
  ...KernelFacts.byCategory("infoblock-validate"),
  ...KernelFacts.byCategory("recreate")
].flatMap(({ input }) => Array.isArray(input["script"]) ? [input["script"].join("\n")] : []).concat(
  "A=1; B=\"x $A\"\nfor i in $A 2 3; do echo on$i > /sys/memory/memory$i/state && cat /sys/memory/memory$i/state | tee /dev/null; done",
  "printf '%05d|%s\\n' 1 a 2 b | dd of=/dev/pmem0 bs=512 seek=$((2*3)) conv=sync 2>&1 || echo \"failed $?\" >&2",
  "sh -c \"for i in 1 2; do for j in a b; do echo -e '\\x41'$i$j; done; done\" < /proc/iomem 2>/dev/null; [ -e /sys/memory ] && sleep 1",
  "modprobe -a kmem dax_pmem; rmmod kmem; sudo ndctl create-namespace -m fsdax; dd if=/dev/zero of=/dev/null bs=1M count=16"
)

const pieces: ReadonlyArray<string> = [
  ";",
  "&&",
  "||",
  "|",
  "\n",
  "\"",
  "'",
  "\\",
  "`",
  "$(",
  "$((",
  "))",
  "${",
  "}",
  "$",
  "(",
  ")",
  "<",
  ">",
  ">>",
  "2>&1",
  "&",
  "#",
  "*",
  "~",
  "\0",
  "\u0000",
  "é",
  "\ud800",
  "for i in 1 2 3; do ",
  " done",
  "sh -c ",
  "sudo ",
  "cmd ",
  "/dev/zero",
  "/dev/pmem0",
  "bs=1 ",
  "count=99999999 ",
  "skip=9223372036854775807 ",
  "seek=1G ",
  "A=$A$A;",
  "$i",
  "cat ",
  "tee ",
  "printf %4096s ",
  "9".repeat(400),
  "-9223372036854775808",
  "0xffffffffffffffff",
  "sleep 99999 ",
  "sleep 1e9 "
]

/** One to four changes of a script: characters, cuts, doubled and foreign pieces, deep nesting. */
export const mutate = (sample: string, next: Next): string => {
  let text = sample
  for (let change = 0; change <= next(4); change++) {
    const at = next(text.length + 1)
    const to = Math.min(text.length, at + 1 + next(40))
    switch (next(7)) {
      case 0:
        text = flip(text, at, 8, next)
        break
      case 1:
        text = next(2) === 0 ? text.slice(0, at) : text.slice(at)
        break
      case 2:
        text = text.slice(0, at) + text.slice(at, to).repeat(1 + next(60)) + text.slice(to)
        break
      case 3:
        text = text.slice(0, at) + text.slice(to)
        break
      case 4: {
        const other = samples[next(samples.length)] ?? ""
        const from = next(other.length)
        text = text.slice(0, at) + other.slice(from, from + next(100)) + text.slice(at)
        break
      }
      case 5:
        text = text.slice(0, at) + (pieces[next(pieces.length)] ?? "") + text.slice(at)
        break
      default:
        text = text.slice(0, at) + (pieces[next(pieces.length)] ?? "").repeat(1 + next(120)) + text.slice(at)
    }
  }
  return text
}

/** One of the samples, damaged. */
export const draw = (next: Next): string => mutate(samples[next(samples.length)] ?? "", next)
