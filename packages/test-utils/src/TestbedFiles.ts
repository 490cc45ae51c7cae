/**
 * The texts of the bundled testbeds, for whoever has a reader of his own: this module loads nothing else. `Testbeds` reads them.
 *
 * @since 0.1.0
 */
import * as Fs from "node:fs"

const folder = new URL("../data/testbeds/", import.meta.url)

/**
 * What there is, in alphabetical order.
 *
 * @category queries
 * @since 0.1.0
 */
export const names = (): ReadonlyArray<string> =>
  Fs.readdirSync(folder).filter((name) => name.endsWith(".yaml")).map((name) => name.slice(0, -".yaml".length))
    .toSorted()

/**
 * The YAML of one of {@link names}; `undefined` for every other name.
 *
 * @category queries
 * @since 0.1.0
 */
export const text = (name: string): string | undefined =>
  names().includes(name) ? Fs.readFileSync(new URL(`${name}.yaml`, folder), "utf8") : undefined
