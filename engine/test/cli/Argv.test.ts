import { describe, expect, it } from "@effect/vitest"
import { Either } from "effect"
import * as fc from "effect/FastCheck"
import * as Argv from "../../src/cli/Argv.js"

const kinds = new Map<string, Argv.Kind>([["--tag", "value"], ["--store", "value"], ["--env", "list"], [
  "--keep",
  "flag"
]])

describe("the words of a command line", () => {
  it("end at the first --, and what follows is left alone", () => {
    expect(Argv.split(["run", "x", "--", "cmd", "--version", "--", "-x"])).toEqual({
      own: ["run", "x"],
      rest: ["cmd", "--version", "--", "-x"]
    })
    expect(Argv.split(["images"])).toEqual({ own: ["images"], rest: undefined })
    expect(Argv.split(["--"])).toEqual({ own: [], rest: [] })
  })

  const option = fc.oneof(
    // what looks like an option of ours would be one that was forgotten
    fc.tuple(fc.constantFrom("--tag", "--store"), fc.string({ minLength: 1 }).filter((text) => !text.startsWith("--"))),
    fc.tuple(fc.constant("--env"), fc.string({ minLength: 1 }).filter((text) => !text.startsWith("--"))),
    fc.tuple(fc.constant("--keep"), fc.constant(undefined))
  )

  it.prop(
    "mean the same in every form and order",
    [fc.uniqueArray(option, { selector: ([name]) => name }), fc.boolean(), fc.array(fc.constantFrom("a", "-", "b c"))],
    ([options, inline, operands]) => {
      const written = options.flatMap(([name, value]) =>
        value === undefined ? [name] : inline ? [`${name}=${value}`] : [name, value]
      )
      const wanted = options.flatMap(([name, value]) =>
        value === undefined ? [name, "true"] : [name, name === "--env" ? JSON.stringify(value) : value]
      )
      const expected = Either.right({ options: wanted, operands })
      expect(Argv.normalize([...written, ...operands], kinds)).toEqual(expected)
      expect(Argv.normalize([...operands, ...written], kinds)).toEqual(expected)
    }
  )

  it.each([
    [["--tag"], "needs something after `--tag`"],
    [["--tag", ""], "needs something after `--tag`"],
    [["--tag="], "needs something after `--tag`"],
    [["--tag", "--keep"], "needs something after `--tag`"],
    [["--env"], "needs something after `--env`"],
    [["--tag", "s3cret", "--tag=s3cret"], "was given `--tag` twice"],
    [["--keep=s3cret"], "takes no value after `--keep`"],
    [["--tags=s3cret"], "does not know the option `--tags`; did you mean `--tag`?"],
    [["--nothing-like-it"], "does not know the option `--nothing-like-it`"],
    [["-x"], "does not know the option `-x`"]
  ])("%j are not understood", (argv, says) => {
    const why = Either.getOrThrow(Either.flip(Argv.normalize(argv, kinds)))
    expect(why).toContain(says)
    expect(why).not.toContain("s3cret")
  })

  it("may repeat a flag, and a list", () => {
    expect(Argv.normalize(["--keep", "--env", " a ", "--keep", "--env=b="], kinds)).toEqual(
      Either.right({ options: ["--keep", "true", "--env", "\" a \"", "--env", "\"b=\""], operands: [] })
    )
  })
})
