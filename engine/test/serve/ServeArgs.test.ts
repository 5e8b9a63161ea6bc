import { Either } from "effect"
import { describe, expect, it } from "vitest"
import { parse } from "../../src/serve/ServeArgs.js"

describe("the options of serve", () => {
  it("are read in either form and any order, and may all be left out", () => {
    expect(parse([])).toEqual(Either.right({ json: false }))
    const all = { host: "::1", port: 8080, store: "/a b", token: "t=o=k", json: true }
    expect(parse(["--json", "--host", "::1", "--port", "8080", "--store", "/a b", "--token", "t=o=k"]))
      .toEqual(Either.right(all))
    expect(parse(["--token=t=o=k", "--store=/a b", "--port=8080", "--json", "--host=::1"])).toEqual(Either.right(all))
  })

  it.each([
    [["--port"], "something after `--port`"],
    [["--port", ""], "something after `--port`"],
    [["--port", "x"], "a number after `--port`"],
    [["--port", "-1"], "a number after `--port`"],
    [["--host", "a", "--host", "b"], "`--host` twice"],
    [["--tokens=s3cret"], "`--tokens`"],
    [["s3cret"], "no option"]
  ])("%j are not understood", (args, says) => {
    const why = Either.getOrThrow(Either.flip(parse(args)))
    expect(why).toContain(says)
    expect(why).not.toContain("s3cret")
  })
})
