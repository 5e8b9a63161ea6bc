import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import * as fc from "effect/FastCheck"
import * as Args from "../../src/cli/Args.js"
import * as Specs from "../../src/cli/Specs.js"

const serve = (...argv: ReadonlyArray<string>) => Args.parse(Specs.serve, argv)
const run = (...argv: ReadonlyArray<string>) => Args.parse(Specs.run, argv)

const silent = { host: undefined, port: undefined, token: undefined, localImages: [], insecure: [], store: undefined }

describe("what commands are given", () => {
  it.effect("is read in either form and any order, and may be left out", () =>
    Effect.gen(function*() {
      expect((yield* serve()).options).toEqual({ ...silent, json: false })
      const all = { ...silent, host: "::1", port: 8080, store: "/a b", token: "t=o=k", json: true }
      const apart = yield* serve("--json", "--host", "::1", "--port", "8080", "--store", "/a b", "--token", "t=o=k")
      expect(apart.options).toEqual(all)
      const joined = yield* serve("--token=t=o=k", "--store=/a b", "--port=8080", "--json", "--host=::1")
      expect(joined.options).toEqual(all)
    }))

  it.effect("has an operand, and what follows -- is untouched", () =>
    Effect.gen(function*() {
      const { operand, options, rest } = yield* run(
        ...["--keep", "yes", "--env", "A= x ", "--timeout", "5", "--env=B==", "--network=host", "--", "sh", "--help"]
      )
      expect([operand, rest]).toEqual(["yes", ["sh", "--help"]])
      expect(options).toMatchObject({ keep: true, env: ["A= x ", "B=="], timeout: 5, network: "host", tag: undefined })
    }))

  it.effect.prop(
    "arrives as it was written",
    [fc.array(fc.string({ minLength: 1, unit: "grapheme" }), { maxLength: 4 }), fc.string({ minLength: 1 })],
    ([values, dir]) =>
      Effect.gen(function*() {
        const words = values.map((text) => `--env=${text}`)
        const { options } = yield* run(...words, `--cwd=${dir}`, "image", "--", "true")
        expect(options.env).toEqual(values)
        expect(options.cwd).toBe(dir)
      }),
    { fastCheck: { numRuns: 30 } }
  )

  const cases: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
    [["--port"], "something after `--port`"],
    [["--port", ""], "something after `--port`"],
    [["--port", "x"], "a number from 0 to 65535 after `--port`"],
    [["--port", "-1"], "a number from 0 to 65535 after `--port`"],
    [["--port", "65536"], "a number from 0 to 65535 after `--port`"],
    [["--host", "a", "--host", "b"], "`--host` twice"],
    [["--token", "s3cret", "--token", "s3cret"], "`--token` twice"],
    [["--tokens=s3cret"], "`--tokens`"],
    [["s3cret"], "no option"],
    [["--", "s3cret"], "nothing after `--`"]
  ]
  for (const [argv, says] of cases) {
    it.effect(`serve ${argv.join(" ")} is not understood`, () =>
      Effect.gen(function*() {
        const why = yield* Effect.flip(serve(...argv))
        expect(why).toContain(says)
        expect(why).not.toContain("s3cret")
      }))
  }

  const runs: ReadonlyArray<readonly [ReadonlyArray<string>, string]> = [
    [[], "needs an IMAGE"],
    [["busybox"], "needs COMMAND [ARG...] after `--`"],
    [["busybox", "--"], "needs COMMAND [ARG...] after `--`"],
    [["busybox", "ls"], "takes one IMAGE: COMMAND [ARG...] comes after `--`"],
    [["busybox", "ls", "-l"], "option `-l`; COMMAND [ARG...] comes after `--`, as in"],
    [["busybox", "-l", "--", "ls"], "option `-l`"],
    [["--", "ls"], "needs an IMAGE"],
    [["--network", "bridge", "busybox", "--", "ls"], "none or host after `--network`"],
    [["--timeout", "0", "busybox", "--", "ls"], "a number from 1 to 3600"],
    [["--tag", "no spaces", "busybox", "--", "ls"], "after `--tag`"]
  ]
  for (const [argv, says] of runs) {
    it.effect(`run ${argv.join(" ")} is not understood`, () =>
      Effect.gen(function*() {
        expect(yield* Effect.flip(run(...argv))).toContain(says)
      }))
  }
})
