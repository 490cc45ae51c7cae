/**
 * One file made of all modules of the command: it starts three times faster than the hundreds of modules it is made of.
 *
 * A bundle is only a cache of the sources. It is used when every source still has the very size and modification time it was
 * bundled from and none was added or removed; otherwise the sources run. An installed package has none.
 *
 * @since 0.1.0
 */
import * as Fs from "node:fs"
import * as Path from "node:path"
import * as Url from "node:url"

const here = Path.dirname(Url.fileURLToPath(import.meta.url))

const root = Path.join(here, "..", "..", "..")

const folder = Path.join(root, "node_modules", ".cache", "vmemmap")

/**
 * The bundled module.
 *
 * @category constants
 * @since 0.1.0
 */
export const file = Path.join(folder, "cli.mjs")

/**
 * The bundled thread, which the command starts from beside itself (`workers/Writers`).
 *
 * @category constants
 * @since 0.1.0
 */
export const writer = Path.join(folder, "writer.mjs")

const manifest = Path.join(folder, "cli.json")

/** What the bundle depends on, below the workspace: our sources and the installed dependencies. */
const inputs = (): ReadonlyArray<string> => [
  "pnpm-lock.yaml",
  "packages/cli/package.json",
  ...["packages/core/src", "packages/cli/src"].flatMap((folder) =>
    Fs.readdirSync(Path.join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => `${folder}/${name}`)
  )
]

/**
 * Sizes and modification times of everything a bundle is made from, as text to compare.
 *
 * @category queries
 * @since 0.1.0
 */
export const fingerprint = (): string =>
  JSON.stringify(
    inputs().toSorted().map((name) => {
      const { mtimeMs, size } = Fs.statSync(Path.join(root, name))
      return [name, size, mtimeMs]
    })
  )

/**
 * Records what the bundle was made from; call with the fingerprint taken before bundling.
 *
 * @category commands
 * @since 0.1.0
 */
export const record = (fingerprint: string): void => Fs.writeFileSync(manifest, fingerprint)

/**
 * URL of an up-to-date bundle; `undefined` when there is none or the sources have changed.
 *
 * @category queries
 * @since 0.1.0
 */
export const fresh = (): string | undefined => {
  if (!import.meta.url.endsWith(".ts")) return undefined
  try {
    return Fs.readFileSync(manifest, "utf8") === fingerprint() ? Url.pathToFileURL(file).href : undefined
  } catch {
    return undefined
  }
}
