/**
 * Files of a folder of `docs` that a script writes: with `--check` only says which are not as they should be.
 */
import * as Fs from "node:fs"
import * as Path from "node:path"

/** The script was asked only to compare. */
export const isCheck = process.argv.includes("--check")

const pathOf = (folder: string, name: string): string => Path.join(import.meta.dirname, "..", "docs", folder, name)

/** The text of a file as it is; `undefined` where there is none. */
export const current = (folder: string, name: string): string | undefined => {
  const path = pathOf(folder, name)
  return Fs.existsSync(path) ? Fs.readFileSync(path, "utf8") : undefined
}

/** Writes what differs, by name, or says that it is not what `source` says and how to mend that. */
export const settle = (
  folder: string,
  files: Readonly<Record<string, string>>,
  { source, script }: { readonly source: string; readonly script: string }
): void => {
  const differing = Object.entries(files).filter(([name, text]) => current(folder, name) !== text)
  for (const [name, text] of differing) {
    const shown = `docs/${folder}/${name}`
    if (isCheck) {
      process.stderr.write(`${shown} is not what ${source}; run 'npm run ${script}'\n`)
      process.exitCode = 1
    } else {
      Fs.mkdirSync(pathOf(folder, ""), { recursive: true })
      Fs.writeFileSync(pathOf(folder, name), text)
      process.stdout.write(`${shown}\n`)
    }
  }
}

/** Removes what is not named, or says that it is about nothing there is. */
export const removeOthers = (folder: string, names: ReadonlySet<string>, script: string): void => {
  const all = Fs.existsSync(pathOf(folder, "")) ? Fs.readdirSync(pathOf(folder, "")) : []
  for (const name of all.filter((name) => !names.has(name))) {
    if (isCheck) {
      process.stderr.write(`docs/${folder}/${name} is about nothing there is; run 'npm run ${script}'\n`)
      process.exitCode = 1
    } else Fs.rmSync(pathOf(folder, name))
  }
}
