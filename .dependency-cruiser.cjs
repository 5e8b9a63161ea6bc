/**
 * The rooms of the house: who may import whom, as arrows between folders. CONTRIBUTING.md has the table for readers;
 * test/house/rooms.test.ts proves each arrow. Imports of types count: a room that names another's types knows it.
 */
const { readFileSync } = require("node:fs")

const engine = JSON.parse(readFileSync("engine/package.json", "utf8"))
const engineMayImport = Object.keys({ ...engine.dependencies, ...engine.peerDependencies }).map((name) =>
  `(^|/)node_modules/${name}/`
)

const effect = "(^|/)node_modules/effect/"
const platform = "(^|/)node_modules/@effect/platform/"
const undici = "(^|/)node_modules/undici/"

/** A room may import itself and what is listed, and nothing else: no package, no folder, no `node:`. */
const room = (name, mayImport, why) => ({
  name: `room-${name}`,
  comment: why,
  severity: "error",
  from: { path: `^src/${name}/` },
  to: { pathNot: [`^src/${name}/`, ...mayImport] }
})

const nodeRoom = room(
  "node",
  ["^src/(schemas|internal)/", effect, platform, undici],
  "src/node adapts Node: it sees schemas, internal, undici and `node:`, and no room of the SDK sees it."
)

module.exports = {
  forbidden: [
    room("schemas", [effect], "Schemas are pure values: `effect` and other schemas only."),
    room(
      "services",
      ["^src/(schemas|internal)/", effect, platform],
      "A service sees schemas and internal; how it is wired is the business of layers."
    ),
    room(
      "layers",
      ["^src/(services|schemas|internal)/", effect, platform],
      "Layers wire services; they know neither Node nor the engine."
    ),
    room("internal", ["^src/schemas/", effect, platform], "Mechanisms know the schemas and nothing above them."),
    { ...nodeRoom, to: { ...nodeRoom.to, dependencyTypesNot: ["core"] } },
    {
      name: "barrel",
      comment: "src/index.ts re-exports the public rooms and holds nothing of its own.",
      severity: "error",
      from: { path: "^src/index\\.ts$" },
      to: { pathNot: "^src/(schemas|services|layers)/" }
    },
    {
      name: "testing-entry",
      comment: "src/testing.ts re-exports the test double, which is a layer.",
      severity: "error",
      from: { path: "^src/testing\\.ts$" },
      to: { pathNot: "^src/layers/" }
    },
    {
      name: "no-file-outside-the-rooms",
      comment: "Put the file in a room; only the entry points index.ts and testing.ts lie in src itself.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/((schemas|services|layers|internal|node)/|(index|testing)\\.ts$)" },
      to: {}
    },
    {
      name: "engine-sees-schemas",
      comment: "The engine speaks the wire: of the SDK it knows the schemas only.",
      severity: "error",
      from: { path: "^engine/src/", pathNot: "^engine/src/ContreeLocal\\.ts$" },
      to: { path: "^(src|dist|test|examples|bench|scripts)/", pathNot: "^src/schemas/" }
    },
    {
      name: "engine-layer-sees-layers",
      comment:
        "ContreeLocal.ts alone joins engine and SDK: it sees the schemas, the layers and the client for Node of the SDK.",
      severity: "error",
      from: { path: "^engine/src/ContreeLocal\\.ts$" },
      to: { path: "^(src|dist|test|examples|bench|scripts)/", pathNot: "^src/(schemas|layers|node)/" }
    },
    {
      name: "no-import-of-tests",
      comment: "What ships does not know the tests.",
      severity: "error",
      from: { path: "^engine/src/" },
      to: { path: "^engine/test/" }
    },
    {
      name: "engine-declares-its-packages",
      comment:
        "Whoever installs contree-local gets its dependencies and peers and nothing else: add it to engine/package.json.",
      severity: "error",
      from: { path: "^engine/src/" },
      to: { path: "(^|/)node_modules/", pathNot: engineMayImport }
    },
    {
      name: "no-cycle",
      comment: "Two modules that need each other at run time are one module, or miss a third one.",
      severity: "error",
      from: {},
      // Two interfaces may name each other (an image makes sessions, a session has images): no code depends on it.
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } }
    },
    {
      name: "not-found",
      comment: "This import leads nowhere. (The consumer programs name what is still to come.)",
      severity: "error",
      from: { pathNot: "^test/types/programs/" },
      to: { couldNotResolve: true }
    }
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "(^|/)node_modules/" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "types", "node", "default"]
    }
  }
}
