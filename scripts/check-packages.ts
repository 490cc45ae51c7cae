/**
 * Checks the packages as their users get them: builds and packs each, installs the tarballs into an empty project
 * outside the workspace, and there type-checks and runs a program that imports every public module, and the command.
 *
 * The project is installed without hoisting, so a package that imports what it does not declare fails here, as does a
 * module left out of `exports` or `files`, an `internal` module that can be imported, and a path of the machine that
 * built it.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, relative } from "node:path"

interface Manifest {
  readonly name: string
  readonly version: string
  readonly exports: Readonly<Record<string, string | null>>
  readonly bin?: Readonly<Record<string, string>>
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

interface Package {
  readonly folder: string
  readonly manifest: Manifest
  /** Modules below `src`, without extension: `geometry/Pfn`. */
  readonly modules: ReadonlyArray<string>
}

const root = dirname(import.meta.dirname)

const readJson = <A>(file: string): A => JSON.parse(readFileSync(file, "utf8"))

const filesBelow = (folder: string): ReadonlyArray<string> =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .toSorted()

const readPackage = (folder: string): Package => ({
  folder,
  manifest: readJson<Manifest>(join(folder, "package.json")),
  modules: [
    ...new Set(filesBelow(join(folder, "src")).filter((file) => file.endsWith(".ts")).map((file) => file.slice(0, -3)))
      .add("index")
  ]
})

/** Internal modules, and programs, which `exports` withholds by name. */
const isPrivate = ({ manifest }: Package, module: string): boolean =>
  module.split("/").includes("internal") || manifest.exports[`./${module}`] === null

const specifier = ({ manifest }: Package, module: string): string =>
  module === "index" ? manifest.name : `${manifest.name}/${module}`

/** Runs a command that must succeed and answers its standard output; what it wrote is shown when it fails. */
const run = (cwd: string, command: string, args: ReadonlyArray<string>): string => {
  const result = spawnSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] })
  if (result.status === 0) return result.stdout
  throw new Error(
    `${command} ${args.join(" ")} ended with ${result.error?.message ?? result.status ?? result.signal}\n` +
      `${result.stdout ?? ""}${result.stderr ?? ""}`
  )
}

const pnpm = (cwd: string, args: ReadonlyArray<string>): string => {
  const { config } = readJson<{ readonly config: { readonly pnpm: string } }>(join(root, "package.json"))
  return run(cwd, "npx", ["--yes", `pnpm@${config.pnpm}`, ...args])
}

const tool = (name: string): string => join(root, "node_modules", ".bin", name)

/** Builds from nothing, so that no output of a module that has been removed is packed. */
const build = (packages: ReadonlyArray<Package>): void => {
  for (const { folder } of packages) {
    rmSync(join(folder, "dist"), { recursive: true, force: true })
    rmSync(join(folder, "tsconfig.tsbuildinfo"), { force: true })
  }
  run(root, tool("tsc"), ["-b", "tsconfig.packages.json"])
}

/** Packs into `folder` and answers the tarball of each package by its name. */
const pack = (packages: ReadonlyArray<Package>, folder: string): ReadonlyMap<string, string> =>
  new Map(packages.map(({ folder: source, manifest }) => {
    pnpm(source, ["pack", "--pack-destination", folder])
    const tarball = `${manifest.name.replace("@", "").replace("/", "-")}-${manifest.version}.tgz`
    if (!existsSync(join(folder, tarball))) throw new Error(`pnpm pack of ${manifest.name} made no ${tarball}`)
    return [manifest.name, `file:../${relative(dirname(folder), join(folder, tarball))}`]
  }))

const install = (consumer: string, tarballs: ReadonlyMap<string, string>): void => {
  const { version } = readJson<Manifest>(join(root, "node_modules", "effect", "package.json"))
  const own = Object.fromEntries(tarballs)
  writeFileSync(
    join(consumer, "package.json"),
    JSON.stringify({ name: "consumer", private: true, type: "module", dependencies: { ...own, effect: version } })
  )
  // A YAML file may be JSON. The overrides stand for the registry, which does not have these versions yet; `redis` is a
  // peer of @effect/platform-node that only its Redis module needs.
  writeFileSync(
    join(consumer, "pnpm-workspace.yaml"),
    JSON.stringify({
      overrides: own,
      hoist: false,
      autoInstallPeers: false,
      strictPeerDependencies: true,
      peerDependencyRules: { ignoreMissing: ["redis"] }
    })
  )
  pnpm(consumer, ["install", "--prefer-offline", "--no-frozen-lockfile", "--ignore-scripts", "--reporter=append-only"])
}

/** What is wrong with the installed files of a package: every module is built, nothing else is, no path of this machine. */
const faultsOfFiles = (consumer: string, { folder, manifest, modules }: Package): ReadonlyArray<string> => {
  const installed = join(consumer, "node_modules", manifest.name)
  const expected = modules.flatMap((module) =>
    [".js", ".js.map", ".d.ts", ".d.ts.map"].map((extension) => join("dist", `${module}${extension}`))
  ).concat(modules.map((module) => join("src", `${module}.ts`)))
  const data = join(folder, "data")
  const wanted = new Set(
    existsSync(data) ? expected.concat(filesBelow(data).map((file) => join("data", file))) : expected
  )
  const present = filesBelow(installed).filter((file) => /^(dist|src|data)\//.test(file))
  const here = new Set(present)
  return [
    ...[...wanted].filter((file) => !here.has(file)).map((file) => `${manifest.name} lacks ${file}`),
    ...present.filter((file) => !wanted.has(file)).map((file) =>
      `${manifest.name} has ${file}, which no source explains`
    ),
    ...present.filter((file) => readFileSync(join(installed, file), "utf8").includes(root))
      .map((file) => `${manifest.name}: ${file} names a path of this machine`)
  ]
}

const importOf = /^(?:(?:import|export|\})[^"\n]*\bfrom |import )"([^"]+)"|\bimport\("([^"]+)"\)/gm

/** Imports of packages that the package does not declare: they may still be found, because another one installs them. */
const faultsOfDependencies = (consumer: string, { manifest, modules }: Package): ReadonlyArray<string> => {
  const declared = new Set([
    manifest.name,
    ...Object.keys(manifest.dependencies ?? {}),
    ...Object.keys(manifest.peerDependencies ?? {})
  ])
  return modules.flatMap((module) =>
    [".js", ".d.ts"].flatMap((extension) => {
      const file = join("dist", `${module}${extension}`)
      const text = readFileSync(join(consumer, "node_modules", manifest.name, file), "utf8")
      return [...text.matchAll(importOf)]
        .map((match) => match[1] ?? match[2] ?? "")
        .filter((imported) => !/^(\.|#|node:)/.test(imported))
        .filter((imported) => !declared.has(imported.split("/").slice(0, imported.startsWith("@") ? 2 : 1).join("/")))
        .map((imported) => `${manifest.name}: ${file} imports ${imported}, which package.json does not declare`)
    })
  )
}

/** What the program writes when it has loaded everything, and nothing it loaded wrote anything. */
const loaded = "every public module is loaded\n"

/** A program that imports every public module, and sees that no private one lets itself be imported. */
const writeProgram = (consumer: string, packages: ReadonlyArray<Package>): void => {
  const open = packages.flatMap((each) =>
    each.modules.filter((module) => !isPrivate(each, module)).map((module) => specifier(each, module))
  )
  const closed = packages.flatMap((each) => [
    ...each.modules.filter((module) => isPrivate(each, module)).map((module) => specifier(each, module)),
    ...Object.keys(each.manifest.exports).filter((key) => each.manifest.exports[key] === null)
      .map((key) => specifier(each, key.replace("./", "").replace("*", "Probe")))
  ])
  writeFileSync(
    join(consumer, "program.ts"),
    [
      ...open.map((name, index) => `import * as m${index} from ${JSON.stringify(name)}`),
      `const modules: ReadonlyArray<object> = [${open.map((_, index) => `m${index}`).join(", ")}]`,
      `const closed: ReadonlyArray<string> = ${JSON.stringify(closed)}`,
      "for (const name of closed) {",
      "  const code = await import(name).then(() => \"it can be imported\", (error: { code?: string }) => error.code)",
      "  if (code !== \"ERR_PACKAGE_PATH_NOT_EXPORTED\") throw new Error(`${name} should be private: ${code}`)",
      "}",
      `if (modules.length === ${open.length}) process.stdout.write(${JSON.stringify(loaded)})`,
      ""
    ].join("\n")
  )
  writeFileSync(
    join(consumer, "tsconfig.json"),
    JSON.stringify({
      compilerOptions: {
        target: "ES2024",
        lib: ["ES2024", "ESNext.Disposable"],
        module: "NodeNext",
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        noEmit: true,
        typeRoots: [join(root, "node_modules", "@types")],
        types: ["node"]
      },
      files: ["program.ts"]
    })
  )
}

/** Type errors in the program and in the declarations of these packages; those of other packages are not ours to check. */
const faultsOfTypes = (consumer: string): ReadonlyArray<string> => {
  const { status, stdout } = spawnSync(tool("tsc"), ["-p", ".", "--pretty", "false"], {
    cwd: consumer,
    encoding: "utf8"
  })
  const errors = stdout.split("\n").filter((line) => /: error TS\d+|^error TS/.test(line))
  if (status !== 0 && errors.length === 0) return [`tsc ended with ${status}: ${stdout}`]
  return errors.filter((line) => !line.includes("node_modules/") || line.includes("node_modules/@vmemmap/"))
}

/** Loading the library does nothing by itself. */
const faultsOfLoading = (consumer: string): ReadonlyArray<string> => {
  const answer = run(consumer, tool("node"), ["program.ts"])
  return answer === loaded ? [] : [`a public module does something when it is loaded: ${JSON.stringify(answer)}`]
}

/** Each declared command answers `--version` with the version of its package. */
const faultsOfCommands = (consumer: string, { manifest }: Package): ReadonlyArray<string> =>
  Object.keys(manifest.bin ?? {}).flatMap((command) => {
    const answer = run(consumer, join(consumer, "node_modules", ".bin", command), ["--version"])
    return answer.includes(manifest.version) ? [] : [`${command} --version answers ${JSON.stringify(answer)}`]
  })

const main = (): number => {
  const packages = readdirSync(join(root, "packages")).map((name) => readPackage(join(root, "packages", name)))
  const temporary = mkdtempSync(join(tmpdir(), "vmemmap-packages-"))
  try {
    const tarballs = join(temporary, "tarballs")
    const consumer = join(temporary, "consumer")
    mkdirSync(tarballs)
    mkdirSync(consumer)
    build(packages)
    install(consumer, pack(packages, tarballs))
    writeProgram(consumer, packages)
    const faults = [...packages.flatMap((each) => faultsOfFiles(consumer, each)), ...faultsOfTypes(consumer)]
    if (faults.length === 0) faults.push(...packages.flatMap((each) => faultsOfDependencies(consumer, each)))
    if (faults.length === 0) faults.push(...faultsOfLoading(consumer))
    if (faults.length === 0) faults.push(...packages.flatMap((each) => faultsOfCommands(consumer, each)))
    for (const fault of faults) console.error(fault)
    if (faults.length > 0) return 1
    for (const { manifest, modules } of packages) {
      console.log(`${manifest.name} ${manifest.version}: ${modules.length} modules, built, packed and installed`)
    }
    return 0
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

try {
  process.exitCode = main()
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error))
  process.exitCode = 1
}
