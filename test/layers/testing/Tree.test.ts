import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck as fc } from "effect"
import { execFileSync } from "node:child_process"
import * as Tar from "../../../src/layers/testing/Tar.js"
import * as Tree from "../../../src/layers/testing/Tree.js"

const names = fc.constantFrom("a", "b", "c d", "\u00e9", "x".repeat(120))
const path = fc.array(names, { minLength: 1, maxLength: 4 }).map((parts) => `/${parts.join("/")}`)
const change: fc.Arbitrary<Tree.Change> = fc.record({ path, content: fc.oneof(fc.string(), fc.constant(null)) })

/** all that can be done of these changes */
const grown = (changes: ReadonlyArray<Tree.Change>): Tree.Tree =>
  changes.reduce<Tree.Tree>((tree, one) => Either.getOrElse(Tree.change(tree, [one], 7), () => tree), Tree.empty)

const parentOf = (at: string): string => at.slice(0, at.lastIndexOf("/")) || "/"

describe("Tree", () => {
  it("whatever is done to it, everything lies in a folder, and lists say all there is", () =>
    fc.assert(fc.property(fc.array(change), (changes) => {
      const tree = grown(changes)
      for (const at of tree.keys()) expect(tree.get(parentOf(at))?._tag).toBe("Folder")
      const listed = (folder: string): ReadonlyArray<string> =>
        Tree.list(tree, folder).flatMap((item) => {
          const at = `${folder === "/" ? "" : folder}/${item.path}`
          return item.is_dir ? [at, ...listed(at)] : [at]
        })
      expect(new Set(["/", ...listed("/")])).toEqual(new Set(tree.keys()))
    })))

  it("a change leaves the tree it was made from", () =>
    fc.assert(fc.property(fc.array(change), fc.array(change), (before, more) => {
      const tree = grown(before)
      const copy = new Map(tree)
      Tree.change(tree, more, 8)
      expect(new Map(tree)).toEqual(copy)
    })))

  it("what goes and comes back is the same, whenever it was", () =>
    fc.assert(fc.property(fc.array(change), (changes) => {
      const tree = grown(changes)
      const again = Tree.change(
        Tree.empty,
        [...tree].filter(([at]) => at !== "/").map(([at, node]): Tree.Change =>
          node._tag === "File" ? { path: at, content: node.bytes } : { path: `${at}/`, content: "" }
        ),
        99
      )
      expect(Either.isRight(again) && Tree.isSame(tree, again.right)).toBe(true)
    })))

  it("a mode, an owner, a byte, a folder more: another tree", () => {
    const of = (...changes: ReadonlyArray<Tree.Change>) => Either.getOrThrow(Tree.change(Tree.empty, changes, 1))
    const tree = of({ path: "/f", content: "x" })
    expect(Tree.isSame(tree, of({ path: "/f", content: "x", mode: 0o600 }))).toBe(false)
    expect(Tree.isSame(tree, of({ path: "/f", content: "x", uid: 1 }))).toBe(false)
    expect(Tree.isSame(tree, of({ path: "/f", content: "y" }))).toBe(false)
    expect(Tree.isSame(tree, of({ path: "/f", content: "x" }, { path: "/d/", content: "" }))).toBe(false)
    expect(Tree.isSame(tree, of({ path: "/f", content: "x" }))).toBe(true)
  })

  it("an archive is one to the system's tar, long and foreign names too", () => {
    const tree = Either.getOrThrow(Tree.change(
      Tree.empty,
      [
        { path: `/d/${"n".repeat(150)}`, content: "long" },
        { path: "/d/\u00e9\u4e16", content: "foreign", mode: 0o755 },
        { path: "/d/sub/", content: "" },
        { path: "/other", content: "not in it" }
      ],
      1_700_000_000
    ))
    const tar = Buffer.concat(Tar.archive(tree, "/d"))
    const run = (...args: ReadonlyArray<string>): string =>
      execFileSync("tar", args, { input: tar, env: { PATH: process.env["PATH"], LC_ALL: "C.UTF-8" } }).toString()
    expect(run("-t", "--quoting-style=literal").trim().split("\n").sort()).toEqual(
      ["d/", `d/${"n".repeat(150)}`, "d/sub/", "d/\u00e9\u4e16"].sort()
    )
    expect(run("-xO", "d/\u00e9\u4e16")).toBe("foreign")
    expect(run("-xO", `d/${"n".repeat(150)}`)).toBe("long")
  })
})
