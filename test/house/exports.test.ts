import { assert, describe, it } from "@effect/vitest"
import { exportsOf, modulesOf, problemsOf } from "../../scripts/exports.js"

const index = [
  "/** Ids. */",
  "export * as Ids from \"./schemas/Ids.js\"",
  "export * as Images from \"./services/Images.js\"",
  ""
].join("\n")

const right = exportsOf(modulesOf(index))
const problems = (text: string, actual = right, files: ReadonlyArray<string> = []) =>
  problemsOf(text, actual, (path) => files.includes(path)).join("\n")

describe("exports", () => {
  it("has the fixed entries and one for each module", () => {
    assert.deepStrictEqual(
      Object.keys(right),
      [".", "./Ids", "./Images", "./node", "./testing", "./internal/*", "./package.json"]
    )
    assert.strictEqual(right["./internal/*"], null)
    assert.strictEqual(
      JSON.stringify(right["./Images"]),
      JSON.stringify({
        types: "./dist/services/Images.d.ts",
        node: "./dist/joined/services/Images.js",
        default: "./dist/services/Images.js"
      })
    )
  })

  it("finds nothing wrong with what it writes", () => assert.strictEqual(problems(index), ""))

  it("reports a module that package.json lacks", () =>
    assert.include(
      problems(`${index}export * as Files from "./services/Files.js"\n`),
      "exports[\"./Files\"] is absent"
    ))

  it("reports an entry that the barrel lacks", () =>
    assert.include(problems(index.replace(/.*Images.*\n/, "")), "exports[\"./Images\"]"))

  it("reports an entry whose target moved", () =>
    assert.include(problems(index.replace("./services/Images", "./layers/Images")), "exports[\"./Images\"]"))

  it("reports types that do not come first", () =>
    assert.include(
      problems(index, {
        ...right,
        "./Ids": {
          default: "./dist/schemas/Ids.js",
          node: "./dist/joined/schemas/Ids.js",
          types: "./dist/schemas/Ids.d.ts"
        }
      }),
      "exports[\"./Ids\"]"
    ))

  it("reports another order", () => {
    const { ".": main, ...rest } = right
    assert.include(problems(index, { ...rest, ".": main! }), "order")
  })

  it("reports a barrel that holds code of its own", () =>
    assert.include(problems(`${index}export const x = 1\n`), "export const x = 1"))

  it("reports a namespace that is not named after its file", () =>
    assert.include(problems(index.replace("as Ids", "as Id")), "use the file's own name"))

  it("reports a module that development would resolve to another room's file", () =>
    assert.include(problems(index, right, ["src/layers/Images.ts", "src/services/Images.ts"]), "hides it"))
})
