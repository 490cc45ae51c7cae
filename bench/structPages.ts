/**
 * Struct pages as real bytes, against a C loop that does the kernel's stores (`cc -O2`): 2 GiB of them, memory that was touched
 * before, medians of alternating rounds. Each side is a process that answers line by line. The yardstick is never a fill with
 * zeros, which hardware treats specially.
 */
import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import * as Past from "../packages/cli/src/workers/Past.ts"
import { median, row } from "./Measure.ts"

const bytes = 2 ** 31

const pages = bytes / 64

const rounds = 5

/** A process that is asked line by line. */
const asked = (command: string, args: ReadonlyArray<string>, env: NodeJS.ProcessEnv = process.env) => {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"], env })
  const answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    ask: async (line: string): Promise<number> => {
      child.stdin.write(`${line}\n`)
      const { value } = await answers.next()
      if (value === undefined) throw new Error(`${command} does not answer '${line}'`)
      return Number(value)
    },
    end: () => child.stdin.end()
  }
}

type Asked = ReturnType<typeof asked>

/** Medians of both and of their ratio; the first round only warms up. */
const compared = async (ours: Asked, work: string, other: Asked, otherWork: string, times = rounds) => {
  const pairs: Array<readonly [number, number]> = []
  for (let i = 0; i <= times; i++) pairs.push([await ours.ask(work), await other.ask(otherWork)])
  const warm = pairs.slice(1)
  return {
    ours: median(warm.map(([a]) => a)) / pages,
    other: median(warm.map(([, b]) => b)) / pages,
    times: median(warm.map(([a, b]) => a / b))
  }
}

const show = (what: string, { other, ours, times }: Awaited<ReturnType<typeof compared>>, yardstick: string): void =>
  row(what, `${ours.toFixed(2)} ns/page`, `${times.toFixed(2)} × ${yardstick} (${other.toFixed(2)} ns)`)

const program = fileURLToPath(new URL("structPages.writer.ts", import.meta.url))

export const structPages = async (): Promise<void> => {
  const folder = mkdtempSync(join(tmpdir(), "vmemmap-bench-"))
  const binary = join(folder, "struct_pages")
  const source = fileURLToPath(new URL("struct_pages.c", import.meta.url))
  try {
    if (spawnSync("cc", ["-O2", "-o", binary, source, "-lpthread"]).status !== 0) {
      process.stdout.write("struct-pages: skipped, there is no C compiler (cc) to compare with\n")
      return
    }
    const c = asked(binary, [`${bytes}`])
    const ours = asked(process.execPath, [program, `${bytes}`])
    const past = asked(process.execPath, [program, `${bytes}`], { ...process.env, [Past.variable]: Past.setting })
    const works = [["order0", "order-0"], ["ram", "RAM"], ["2M", "compound 2M"], ["2M-altmap", "compound 2M, altmap"]]
    for (const [work, name] of works) {
      show(`struct pages, ${name}`, await compared(ours, `${work} 1`, c, `${work} 1`), "C")
    }
    for (const [work, name] of works) {
      show(`  typed arrays, ${name}`, await compared(ours, `js ${work} 1`, c, `${work} 1`), "C")
    }
    show("  order-0, two threads", await compared(ours, "order0 2", c, "order0 2"), "C with two threads")
    show("  order-0, two threads", await compared(ours, "order0 2", ours, "order0 1"), "one thread")
    show("  order-0, memory never touched", await compared(ours, "fresh 1", c, "fresh 1", 3), "C on such memory")
    show("  order-0", await compared(ours, "order0 1", c, "past 1"), "C with non-temporal stores")
    show(
      "  order-0, copies past the cache",
      await compared(past, "order0 1", c, "past 1"),
      "C with non-temporal stores"
    )
    show("  a fill with 0x5a, as a measure", await compared(ours, "fill 1", c, "fill 1"), "memset in C")
    for (const one of [c, ours, past]) one.end()
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
