/**
 * Writes `packages/core/src/bytes/WasmModules.ts` from `packages/core/wasm/PageKernel.wat`, once for memories with addresses of 32 bits
 * and once for those of 64; with `--check` only says whether it is up to date.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import makeWabt from "wabt"

const core = Path.join(import.meta.dirname, "..", "packages", "core")
const source = Path.join(core, "wasm", "PageKernel.wat")
const target = Path.join(core, "src", "bytes", "WasmModules.ts")

const wabt = await makeWabt()

/** What an importing module may be given at most, in pages of 64 KiB. */
const limits = { i32: "1 65536 shared", i64: "i64 1 262144 shared" }

const compile = (text: string, address: "i32" | "i64"): string => {
  const expanded = text.replace("(memory limits)", `(memory ${limits[address]})`).replaceAll(/\baddress\b/g, address)
  const features = { simd: true, threads: true, bulk_memory: true, memory64: true }
  const module = wabt.parseWat(Path.basename(source), expanded, features)
  try {
    return Buffer.from(module.toBinary({}).buffer).toString("base64")
  } finally {
    module.destroy()
  }
}

const constant = (name: string, base64: string): string =>
  `export const ${name} =\n  "${(base64.match(/.{1,100}/g) ?? []).join("\" +\n  \"")}"\n`

const text = Fs.readFileSync(source, "utf8")
const generated = `/**
 * Written by \`npm run wasm\` from \`wasm/PageKernel.wat\`: modules in base64, for memories with addresses of 32 and of 64 bits.
 *
 * @since 0.1.0
 */

/**
 * @category constants
 * @since 0.1.0
 */
${constant("narrow", compile(text, "i32"))}/** @since 0.1.0 */
${constant("wide", compile(text, "i64"))}`

if (!process.argv.includes("--check")) Fs.writeFileSync(target, generated)
else if (!Fs.existsSync(target) || Fs.readFileSync(target, "utf8") !== generated) {
  process.stderr.write("WasmModules.ts is not what PageKernel.wat makes: run npm run wasm\n")
  process.exitCode = 1
}
