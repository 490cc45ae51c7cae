import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const project = (name: string) => ({
  extends: true as const,
  test: { name, root: `packages/${name}`, include: ["test/**/*.test.ts"] }
})

export default defineConfig({
  test: {
    exclude: ["**/node_modules/**", "**/dist/**"],
    sequence: { concurrent: true },
    // no module has state of its own: files can share what they import
    isolate: false,
    // on two processors the default is one
    maxWorkers: 2,
    // programs that tests start share what the first of them compiled
    env: { NODE_COMPILE_CACHE: fileURLToPath(new URL("node_modules/.cache/compile", import.meta.url)) },
    testTimeout: process.env.VMEMMAP_LONG === "1" ? 600_000 : 30_000,
    projects: ["core", "test-utils", "cli"].map(project)
  }
})
