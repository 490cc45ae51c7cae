/**
 * Installs the workspace with the pinned pnpm when it is not installed as the lockfile says.
 *
 * Plain JavaScript, because it runs before anything is installed, with whichever Node (20 or later) started npm. It
 * writes to standard error only, so that the standard output of `npm start` belongs to the command alone.
 */
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  statSync,
  utimesSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { fileURLToPath } from "node:url"

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const stamp = join(root, "node_modules", ".bootstrap")
const lock = join(root, ".bootstrap.lock")
const heartbeatMs = 1_000
const staleMs = 15_000

const packages = () =>
  readdirSync(join(root, "packages"))
    .map((name) => join("packages", name))
    .filter((folder) => existsSync(join(root, folder, "package.json")))

/** What an installation depends on: the declared and locked dependencies, and the machine's kind. */
const fingerprint = () => {
  const hash = createHash("sha256").update(`${process.platform} ${process.arch}\n`)
  for (
    const file of ["package.json", "pnpm-lock.yaml", "pnpm-workspace.yaml"].concat(
      packages().map((folder) => join(folder, "package.json"))
    )
  ) {
    const text = readFileSync(join(root, file))
    hash.update(`${file} ${text.length}\n`).update(text)
  }
  return hash.digest("hex")
}

const installed = () =>
  existsSync(stamp) &&
  packages().every((folder) => existsSync(join(root, folder, "node_modules"))) &&
  readFileSync(stamp, "utf8") === fingerprint()

const run = (command, args, options) =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, { ...options, stdio: ["ignore", 2, 2] })
    const forward = (signal) => child.kill(signal)
    process.on("SIGINT", forward).on("SIGTERM", forward)
    child.once("error", reject)
    child.once("close", (code, signal) => {
      process.off("SIGINT", forward).off("SIGTERM", forward)
      resolve(code ?? signal)
    })
  })

/**
 * The environment of the installation: without this workspace's `node_modules/.bin` on the path, because the `node` there
 * is only being installed, and with npm's own errors shown even under `npm start --silent`.
 */
const environment = () => ({
  ...process.env,
  npm_config_loglevel: "error",
  PATH: [dirname(process.execPath)]
    .concat((process.env.PATH ?? "").split(delimiter).filter((entry) => entry !== join(root, "node_modules", ".bin")))
    .join(delimiter)
})

const install = async () => {
  const { config } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
  const pnpm = [`pnpm@${config.pnpm}`, "--dir", root, "install", "--frozen-lockfile", "--prefer-offline"]
    .concat(["--reporter=append-only", "--loglevel=error"])
  const options = { cwd: tmpdir(), env: environment() }
  const npm = process.env.npm_execpath ?? ""
  const status = npm.endsWith("npm-cli.js")
    ? await run(process.execPath, [npm, "exec", "--yes", "--", ...pnpm], options)
    : await run("npx", ["--yes", ...pnpm], options)
  if (status !== 0) throw new Error(`pnpm ended with ${status}`)
  const node = join(root, "node_modules", ".bin", "node")
  const works = await run(node, ["--eval", ""], options).catch((error) => error.message)
  if (works !== 0) throw new Error(`the installed ${node} does not run: ${works}`)
  writeFileSync(stamp, fingerprint())
}

const tryLock = () => {
  try {
    mkdirSync(lock)
    return true
  } catch (error) {
    if (error.code === "EEXIST") return false
    throw error
  }
}

/** Whether the process that holds the lock has stopped renewing it. */
const isStale = () => {
  const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
  return age > staleMs
}

const release = () => {
  try {
    rmdirSync(lock)
  } catch (error) {
    if (error.code !== "ENOENT") throw error
  }
}

/** One installation at a time: a second `npm start` waits for the first, then finds everything in place. */
const bootstrap = async () => {
  while (!installed()) {
    if (!tryLock()) {
      if (isStale()) release()
      await sleep(200)
      continue
    }
    const heartbeat = setInterval(() => utimesSync(lock, new Date(), new Date()), heartbeatMs)
    try {
      if (!installed()) await install()
    } finally {
      clearInterval(heartbeat)
      release()
    }
  }
}

bootstrap().catch((error) => {
  process.stderr.write(
    `bootstrap: the dependencies could not be installed (${error.message}).\n` +
      "It needs npm and access to the package registry, or a pnpm store that has every package; " +
      "run `npm run bootstrap` to try again.\n"
  )
  process.exitCode = 1
})
