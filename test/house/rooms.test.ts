import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"

/** Each arrow is one file of a small tree in the shape of this repository, which the real rule judges. */
interface Arrow {
  readonly from: string
  readonly to: string
  readonly rule?: string | undefined
}

const allowed = (from: string, ...to: ReadonlyArray<string>): ReadonlyArray<Arrow> => to.map((to) => ({ from, to }))

const forbidden = (rule: string, from: string, ...to: ReadonlyArray<string>): ReadonlyArray<Arrow> =>
  to.map((to) => ({ from, to, rule }))

/** Specifiers as they are written in src/X/file.ts; `*` has one file to aim at in every room. */
const schemas = "../schemas/Target.js"
const services = "../services/Target.js"
const layers = "../layers/Target.js"
const internal = "../internal/Target.js"
const node = "../node/Target.js"
const barrel = "../index.js"
const testing = "../testing.js"
const engine = "../../engine/src/Target.js"
const engineByName = "contree-local"
const effect = "effect/Effect"
const platform = "@effect/platform/HttpClient"
const outsiders = [
  barrel,
  testing,
  engine,
  engineByName,
  "left-pad",
  "node:fs",
  "fs",
  "undici",
  "@effect/platform-node"
]
const outsidersOfNode = [barrel, testing, engine, engineByName, "left-pad", "@effect/platform-node"]

const arrows: ReadonlyArray<Arrow> = [
  ...allowed("src/schemas", effect, schemas),
  ...forbidden("room-schemas", "src/schemas", services, layers, internal, node, platform, ...outsiders),

  ...allowed("src/services", effect, platform, schemas, internal, services),
  ...forbidden("room-services", "src/services", layers, node, ...outsiders),

  ...allowed("src/layers", effect, platform, schemas, services, internal, layers),
  ...forbidden("room-layers", "src/layers", node, ...outsiders),

  ...allowed("src/internal", effect, platform, schemas, internal),
  ...forbidden("room-internal", "src/internal", services, layers, node, ...outsiders),

  ...allowed("src/node", effect, platform, schemas, internal, node, "node:fs", "fs", "undici"),
  ...forbidden("room-node", "src/node", services, layers, ...outsidersOfNode),

  ...forbidden("no-file-outside-the-rooms", "src/helpers", effect, schemas),

  ...allowed(
    "engine/src",
    effect,
    platform,
    "@effect/platform-node",
    "libsql",
    "node:fs",
    "./Target.js",
    "effect-contree/SchemaTarget",
    "../../src/schemas/Target.js"
  ),
  ...forbidden(
    "engine-sees-schemas",
    "engine/src",
    "effect-contree",
    "effect-contree/ServiceTarget",
    "effect-contree/LayerTarget",
    "effect-contree/testing",
    "effect-contree/node",
    "../../src/internal/Target.js",
    "../../test/Target.js"
  ),
  ...forbidden("no-import-of-tests", "engine/src", "../test/Target.js"),
  ...forbidden("engine-declares-its-packages", "engine/src", "left-pad", "undici"),

  ...allowed(
    "engine/src/ContreeLocal.ts",
    "effect-contree/LayerTarget",
    "effect-contree/SchemaTarget",
    "effect-contree/node",
    "./Target.js"
  ),
  ...forbidden(
    "engine-layer-sees-layers",
    "engine/src/ContreeLocal.ts",
    "effect-contree",
    "effect-contree/ServiceTarget",
    "effect-contree/testing",
    "../../src/internal/Target.js"
  ),

  ...allowed("src/index.ts", "./schemas/Target.js", "./services/Target.js", "./layers/Target.js"),
  ...forbidden("barrel", "src/index.ts", "./internal/Target.js", "./node/Target.js", "./testing.js", "node:fs", effect),
  ...allowed("src/testing.ts", "./layers/Target.js"),
  ...forbidden("testing-entry", "src/testing.ts", "./schemas/Target.js", "./services/Target.js", "node:fs"),

  ...allowed("test", "../src/internal/Target.js", "node:fs", "left-pad", "../engine/src/Target.js"),
  ...forbidden("not-found", "test", "../src/schemas/Absent.js")
]

const root = fileURLToPath(new URL("../..", import.meta.url))

/** An arrow from a folder starts in a file of its own; one from a file is a line among others of that file. */
const fileOf = (arrow: Arrow, index: number): string =>
  arrow.from.endsWith(".ts") ? arrow.from : `${arrow.from}/From${index}.ts`

const write = (directory: string, path: string, text: string): void => {
  mkdirSync(dirname(join(directory, path)), { recursive: true })
  writeFileSync(join(directory, path), text, { flag: "a" })
}

const writePackage = (directory: string, name: string, files: ReadonlyArray<string>): void => {
  write(directory, `node_modules/${name}/package.json`, JSON.stringify({ name, version: "1.0.0", main: "index.js" }))
  for (const file of ["index", ...files]) write(directory, `node_modules/${name}/${file}.js`, "module.exports = {}\n")
}

const writeTree = (directory: string, typesOnly: boolean, arrows: ReadonlyArray<Arrow>): void => {
  write(
    directory,
    "package.json",
    JSON.stringify({
      peerDependencies: { effect: "1", "@effect/platform": "1", undici: "1" },
      devDependencies: { "left-pad": "1", "@effect/platform-node": "1" },
      peerDependenciesMeta: { undici: { optional: true } }
    })
  )
  write(
    directory,
    "engine/package.json",
    JSON.stringify({
      dependencies: { libsql: "1", "@effect/platform-node": "1" },
      peerDependencies: { effect: "1", "@effect/platform": "1" }
    })
  )
  write(
    directory,
    "tsconfig.json",
    JSON.stringify({
      compilerOptions: {
        module: "NodeNext",
        paths: {
          "effect-contree": ["./src/index.ts"],
          "effect-contree/*": [
            "./src/layers/*.ts",
            "./src/services/*.ts",
            "./src/schemas/*.ts",
            "./src/*.ts",
            "./src/*/index.ts"
          ],
          "contree-local": ["./engine/src/index.ts"]
        }
      }
    })
  )
  writePackage(directory, "effect", ["Effect"])
  writePackage(directory, "@effect/platform", ["HttpClient"])
  for (const name of ["@effect/platform-node", "libsql", "left-pad", "undici"]) writePackage(directory, name, [])
  const target = "export interface Target { readonly a: string }\nexport const a = 1\n"
  for (
    const room of [
      "src/schemas",
      "src/services",
      "src/layers",
      "src/internal",
      "src/node",
      "engine/src",
      "engine/test",
      "test"
    ]
  ) {
    write(directory, `${room}/Target.ts`, target)
  }
  for (const [room, name] of [["schemas", "Schema"], ["services", "Service"], ["layers", "Layer"]]) {
    write(directory, `src/${room}/${name}Target.ts`, target)
  }
  for (const entry of ["src/index.ts", "src/testing.ts", "src/node/index.ts", "engine/src/index.ts"]) {
    write(directory, entry, "export {}\n")
  }
  arrows.forEach((arrow, index) =>
    write(
      directory,
      fileOf(arrow, index),
      `${typesOnly ? "import type" : "import"} * as T${index} from "${arrow.to}"\n` +
        `export ${typesOnly ? `type X${index} = typeof T${index}` : `const x${index} = T${index}`}\n`
    )
  )
}

interface Violation {
  readonly from: string
  readonly to: string
  readonly rule: string
}

const judge = (directory: string): ReadonlyArray<Violation> => {
  const out = execFileSync(
    process.execPath,
    [
      join(root, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs"),
      "--config",
      join(root, ".dependency-cruiser.cjs"),
      "--output-type",
      "json",
      ...["src", "engine", "test"]
    ],
    { cwd: directory, encoding: "utf8", maxBuffer: 1 << 26 }
  )
  const report: {
    readonly modules: ReadonlyArray<{
      readonly source: string
      readonly dependencies: ReadonlyArray<{
        readonly module: string
        readonly protocol?: string | undefined
        readonly rules?: ReadonlyArray<{ readonly name: string }> | undefined
      }>
    }>
  } = JSON.parse(out)
  return report.modules.flatMap((module) =>
    module.dependencies.flatMap((dependency) =>
      (dependency.rules ?? []).map((rule) => ({
        from: module.source,
        to: `${dependency.protocol ?? ""}${dependency.module}`,
        rule: rule.name
      }))
    )
  )
}

const within = <A>(use: (directory: string) => A): A => {
  const directory = mkdtempSync(join(tmpdir(), "rooms-"))
  try {
    return use(directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

// Each judgement runs dependency-cruiser, which other tests may keep waiting for the processor.
describe("the rooms", () => {
  for (const typesOnly of [false, true]) {
    describe(typesOnly ? "imports of types" : "imports of values", () => {
      const violations = within((directory) => {
        writeTree(directory, typesOnly, arrows)
        return judge(directory)
      })
      arrows.forEach((arrow, index) => {
        const from = fileOf(arrow, index)
        const rules = violations.filter((found) => found.from === from && found.to === arrow.to)
          .map((found) => found.rule)
        if (arrow.rule === undefined) {
          it(`${arrow.from} may import ${arrow.to}`, () => assert.deepStrictEqual(rules, []))
        } else {
          const { rule } = arrow
          it(`${arrow.from} may not import ${arrow.to}`, () => assert.include(rules, rule))
        }
      })
    })
  }

  it("a cycle at run time is reported; two modules may name each other's types", () => {
    const violations = within((directory) => {
      writeTree(directory, false, [])
      for (const [one, other, second] of [["A", "B", "import"], ["C", "D", "import type"]]) {
        write(directory, `src/schemas/${one}.ts`, `import * as O from "./${other}.js"\nexport type O1 = typeof O\n`)
        write(directory, `src/schemas/${other}.ts`, `${second} * as O from "./${one}.js"\nexport type O1 = typeof O\n`)
      }
      return judge(directory).filter((found) => found.rule === "no-cycle").map((found) => found.from)
    })
    assert.includeMembers(["src/schemas/A.ts", "src/schemas/B.ts"], [...violations])
    assert.isAbove(violations.length, 0)
  })
})
