/**
 * The version of the command.
 *
 * @since 0.1.0
 */
import packageJson from "../package.json" with { type: "json" }

/**
 * As `--version` prints it: that of the package.
 *
 * @category constants
 * @since 0.1.0
 */
export const version: string = packageJson.version
