/**
 * Bundles the command into one file when its sources have changed since the last time; see `packages/cli/src/Bundle.ts`.
 */
import { renameSync, rmSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { rolldown } from "rolldown"
import * as Bundle from "../packages/cli/src/Bundle.ts"

const write = async (input: string, file: string) => {
  const bundle = await rolldown({
    input: fileURLToPath(new URL(`../packages/cli/src/${input}`, import.meta.url)),
    platform: "node",
    // The recordings stay where they are, beside the module that reads them.
    external: [/^node:/, /^@vmemmap\/test-utils/],
    logLevel: "silent"
  })
  await bundle.write({ file, format: "esm", codeSplitting: false })
  await bundle.close()
}

if (Bundle.fresh() === undefined) {
  const fingerprint = Bundle.fingerprint()
  // A name of its own and a rename: two runs at once never see half a file.
  const temporary = Bundle.file.replace(/\.mjs$/, `.${process.pid}.mjs`)
  try {
    await write("workers/writer.ts", temporary)
    renameSync(temporary, Bundle.writer)
    await write("main.ts", temporary)
    renameSync(temporary, Bundle.file)
    Bundle.record(fingerprint)
  } catch (error) {
    // Only a cache: the sources run without it.
    rmSync(temporary, { force: true })
    process.stderr.write(`the command was not bundled and starts slower: ${String(error)}\n`)
  }
}
