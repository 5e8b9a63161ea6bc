import { assert, describe, it } from "@effect/vitest"
import { execFileSync } from "node:child_process"
import { readFileSync } from "node:fs"
import { fileURLToPath } from "node:url"

const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "")
const read = (path: string): string => readFileSync(`${root}/${path}`, "utf8")

/**
 * A path below these folders belongs to one person's machine. /root and /tmp are not among them: tests and examples
 * of the product speak of such paths inside images.
 */
const machinePaths = "(/home/[a-z][a-z0-9_-]*/[A-Za-z.]|/Users/[A-Za-z]|[A-Z]:.Users.|file:///(home|root|Users)/)"

/** Homes that are nobody's: of accounts that images usually have, or that a script makes. */
const nobodys = /\/home\/(user|agent|app|node|ubuntu|new|me|alice|bob|you)\b/g

/** What tools make, and what is no text of ours. */
const madeFolders = ["node_modules", "dist", ".git", ".check", "coverage", "modules", "house"]

/** Not `git grep`: a machine that runs the tests need not have git. `-I` leaves binary files out. */
const grep = (kind: "-E" | "-F", pattern: string): ReadonlyArray<string> => {
  const left = [...madeFolders.map((name) => `--exclude-dir=${name}`), "--exclude=package-lock.json"]
  try {
    return execFileSync("grep", ["-rnI", kind, ...left, "-e", pattern, "."], { cwd: root, encoding: "utf8" })
      .trim()
      .split("\n")
  } catch (error) {
    // 1: nothing was found
    if (error instanceof Error && "status" in error && error.status === 1) return []
    throw error
  }
}

describe("the lock file", () => {
  interface Locked {
    readonly resolved?: string | undefined
  }
  const silent = { funding: undefined, deprecated: undefined }
  const lock: { readonly packages: Record<string, Locked> } = JSON.parse(read("package-lock.json"))

  it("names no host that a package is fetched from", () => {
    const fetched = Object.entries(lock.packages)
      .filter(([, locked]) => locked.resolved !== undefined && /^[a-z+]+:/.test(locked.resolved))
      .map(([name, locked]) => `${name}: ${locked.resolved}`)
    assert.deepStrictEqual(fetched, [])
  })

  it("names hosts nowhere else but where authors ask for funds or explain a deprecation", () => {
    const rest = { ...lock, packages: Object.values(lock.packages).map((locked) => ({ ...locked, ...silent })) }
    assert.deepStrictEqual(JSON.stringify(rest, null, 1).split("\n").filter((line) => line.includes("://")), [])
  })

  it("stays so, since .npmrc says it and names no host either", () => {
    const npmrc = read(".npmrc")
    assert.match(npmrc, /^omit-lockfile-registry-resolved=true$/m)
    assert.notMatch(npmrc, /\/\/|registry=|_auth|token/i)
  })
})

describe("the files", () => {
  it("name no path of a developer's machine", () => {
    const found = grep("-E", machinePaths).filter((line) => new RegExp(machinePaths).test(line.replace(nobodys, "")))
    assert.deepStrictEqual(found, [])
  })

  it("do not name the folder that this checkout lies in", () => {
    for (const name of ["src", "engine", "test", "scripts", "node_modules", "package.json"]) {
      assert.deepStrictEqual(grep("-F", `${root}/${name}`), [])
    }
  })

  it("hold no key or token", () => {
    const secrets = "(BEGIN [A-Z ]*PRIVATE KEY|gh[pousr]_[A-Za-z0-9]{30}|npm_[A-Za-z0-9]{36}|AKIA[0-9A-Z]{16})"
    assert.deepStrictEqual(grep("-E", secrets), [])
  })
})

describe("the two packages", () => {
  interface Manifest {
    readonly version: string
    readonly exports: Record<string, unknown>
    readonly engines: unknown
    readonly peerDependencies: Record<string, string>
    readonly dependencies?: Record<string, string> | undefined
    readonly peerDependenciesMeta?: Record<string, { readonly optional?: boolean }> | undefined
  }
  const sdk: Manifest = JSON.parse(read("package.json"))
  const engine: Manifest = JSON.parse(read("engine/package.json"))

  it("agree on versions", () => {
    assert.strictEqual(engine.dependencies?.["effect-contree"], sdk.version)
    assert.deepStrictEqual(engine.engines, sdk.engines)
    for (const [name, range] of Object.entries(engine.peerDependencies)) {
      assert.strictEqual(sdk.peerDependencies[name], range)
    }
  })

  it("ask of a user of the SDK for effect and its platform alone", () => {
    const required = Object.keys(sdk.peerDependencies).filter((name) => !sdk.peerDependenciesMeta?.[name]?.optional)
    assert.deepStrictEqual(required.sort(), ["@effect/platform", "effect"])
    assert.deepStrictEqual(sdk.dependencies ?? {}, {})
  })

  it("carry the same licence", () => assert.strictEqual(read("engine/LICENSE"), read("LICENSE")))
})
