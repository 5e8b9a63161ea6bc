/**
 * Packs both packages as they would be published, has the tarballs judged, and installs them the way a user does,
 * outside this repository, where no alias and no workspace link can help.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { root, run, tool, ToolFailed } from "./run.js"

interface Manifest {
  readonly name: string
  readonly version: string
  readonly exports: Record<string, unknown>
}

const manifest = (path: string): Manifest => JSON.parse(readFileSync(`${root}/${path}/package.json`, "utf8"))

const folders = [".", "engine"]

const packs = `${root}/.check/packs`

const tarball = ({ name, version }: Manifest): string => `${packs}/${name}-${version}.tgz`

/** Subpaths that lead to code, as a user writes them after the package's name. */
const entryPoints = ({ exports }: Manifest): ReadonlyArray<string> =>
  Object.keys(exports).filter((key) => exports[key] !== null && key !== "./package.json")

const specifiers = (of: Manifest): ReadonlyArray<string> => entryPoints(of).map((key) => `${of.name}${key.slice(1)}`)

/** What was built is what gets packed: no hook builds it a second time. */
export const pack = (): void => {
  rmSync(packs, { recursive: true, force: true })
  mkdirSync(packs, { recursive: true })
  for (const folder of folders) {
    run("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", packs], `${root}/${folder}`)
    const files = run("tar", ["-tzf", tarball(manifest(folder))]).trim().split("\n")
    const strangers = files.filter((file) =>
      !/^package\/(dist|src)\/|^package\/(package\.json|README\.md|LICENSE)$/.test(file)
    )
    const absent = ["README.md", "LICENSE", "dist/index.js", "dist/index.d.ts", "src/index.ts"]
      .filter((file) => !files.includes(`package/${file}`))
    if (strangers.length > 0) throw new ToolFailed(`${folder} would publish ${strangers.join(", ")}`)
    if (absent.length > 0) throw new ToolFailed(`${folder} would be published without ${absent.join(", ")}`)
  }
}

export const publint = (): void => {
  for (const folder of folders) tool("publint", "run", tarball(manifest(folder)), "--strict")
}

/** Every entry point by name: left to itself attw skips what a pattern covers. */
export const attw = (): void => {
  for (const folder of folders) {
    const of = manifest(folder)
    const names = entryPoints(of).map((key) => (key === "." ? "." : key.slice(2)))
    tool("attw", tarball(of), "--profile", "esm-only", "--no-emoji", "--no-definitely-typed", "--entrypoints", ...names)
  }
}

const versionOf = (name: string): string => `${name}@${manifest(`node_modules/${name}`).version}`

const compilerOptions = {
  target: "ES2022",
  lib: ["ES2022", "DOM", "DOM.Iterable", "ESNext.Disposable"],
  module: "NodeNext",
  moduleResolution: "NodeNext",
  strict: true,
  exactOptionalPropertyTypes: true,
  noEmit: true,
  types: ["node"]
}

const program = `import { Effect } from "effect"
import { Command, Images } from "effect-contree"
import { ContreeLocal } from "contree-local"

export const program: Effect.Effect<string, unknown> = Effect.gen(function*() {
  const base = yield* (yield* Images.Images).use("busybox")
  return (yield* base.run(Command.shell\`echo \${"hello"}\`)).stdout.text
}).pipe(Effect.provide(ContreeLocal.layer()))
`

const closed = (specifier: string): string =>
  `await import("${specifier}").then(
  () => { throw new Error("${specifier} should be closed") },
  (error) => { if (error.code !== "ERR_PACKAGE_PATH_NOT_EXPORTED") throw error })
`

/** Installs, imports every entry point with plain Node, and compiles a program against the declarations. */
export const smoke = (): void => {
  const directory = mkdtempSync(`${tmpdir()}/effect-contree-smoke-`)
  const inside = (command: string, ...args: ReadonlyArray<string>): string => run(command, args, directory)
  const install = (...packages: ReadonlyArray<string>): string =>
    inside("npm", "install", "--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error", ...packages)
  try {
    const [sdk, engine] = [manifest("."), manifest("engine")]
    const all = [...specifiers(sdk), ...specifiers(engine)]
    writeFileSync(`${directory}/package.json`, JSON.stringify({ name: "smoke", private: true, type: "module" }))

    // First the SDK alone: it may not live on what the engine happens to bring along.
    install(versionOf("effect"), versionOf("@effect/platform"), tarball(sdk))
    const portable = specifiers(sdk).filter((name) => name !== "effect-contree/node")
    writeFileSync(`${directory}/portable.js`, portable.map((name) => `await import("${name}")\n`).join(""))
    inside("node", "portable.js")
    if (readdirSync(`${directory}/node_modules`).includes("undici")) {
      throw new ToolFailed("the SDK installs undici, which only users of effect-contree/node need")
    }

    install(versionOf("undici"), versionOf("@types/node"), tarball(engine))
    const helper = readdirSync(`${root}/dist/internal`).find((name) => name.endsWith(".js")) ?? "x.js"
    writeFileSync(
      `${directory}/all.js`,
      all.map((name) => `await import("${name}")\n`).join("")
        + [`internal/${helper.slice(0, -3)}`, `internal/${helper}`, `dist/internal/${helper}`, "dist/index.js"]
          .map((path) => closed(`effect-contree/${path}`)).join("")
    )
    inside("node", "all.js")
    inside("node_modules/.bin/contree-local", "--help")

    writeFileSync(`${directory}/program.ts`, program)
    writeFileSync(
      `${directory}/everything.ts`,
      all.map((name, index) => `export * as M${index} from "${name}"\n`).join("")
    )
    const compile = (name: string, options: object, files: ReadonlyArray<string>): void => {
      writeFileSync(
        `${directory}/${name}.json`,
        JSON.stringify({ compilerOptions: { ...compilerOptions, ...options }, files })
      )
      inside(`${root}/node_modules/.bin/tsc`, "--pretty", "false", "-p", `${name}.json`)
    }
    compile("program", { skipLibCheck: false }, ["program.ts"])
    compile("everything", { skipLibCheck: false }, ["everything.ts"])
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
