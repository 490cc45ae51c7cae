/**
 * The tools of an administrator, by name.
 *
 * @since 0.1.0
 */
import * as Chmem from "./Chmem.ts"
import * as Daxctl from "./Daxctl.ts"
import * as LsmemTool from "./LsmemTool.ts"
import * as Ndctl from "./Ndctl.ts"
import type { Tool } from "./Tool.ts"

/**
 * Every tool there is.
 *
 * @category constants
 * @since 0.1.0
 */
export const all: ReadonlyMap<string, Tool> = new Map<string, Tool>([
  ["ndctl", Ndctl.run],
  ["daxctl", Daxctl.run],
  ["chmem", Chmem.run],
  ["lsmem", LsmemTool.run]
])
