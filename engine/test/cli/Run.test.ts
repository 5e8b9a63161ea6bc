import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { randomBytes } from "node:crypto"
import * as Local from "../support/LocalEngine.js"
import { makeContreeLocal } from "./Program.js"

const { contreeLocal, start } = makeContreeLocal()

const sh = (store: string, script: string, options: ReadonlyArray<string> = []): ReadonlyArray<string> => [
  ...["run", "--store", store, ...options, "busybox", "--", "sh", "-c", script]
]

/** the operations of the store as `ps` tells programs */
const operations = (store: string, ...options: ReadonlyArray<string>) =>
  Effect.map(
    contreeLocal(["ps", "--json", "--store", store, ...options]),
    ({ out }) => JSON.parse(out.toString()) as ReadonlyArray<Record<string, unknown>>
  )

describe("contree-local run", () => {
  it.scopedLive("is the command: its input, its output byte for byte, and how it ended", () =>
    Effect.gen(function*() {
      const store = yield* Local.storeFolder
      const input = randomBytes(300_000)
      const cat = yield* contreeLocal(sh(store, "cat; echo to stderr >&2; exit 7"), { input })
      expect([cat.code, cat.out.equals(input), cat.err]).toEqual([7, true, "to stderr\n"])
      const [killed, args, env, late] = yield* Effect.all([
        contreeLocal(sh(store, "kill -TERM $$")),
        contreeLocal(["run", "--store", store, "busybox", "--", "echo", "--version", "--", "a  b"]),
        contreeLocal(sh(store, "pwd; echo \"$A|$B\"; cat", ["--env", "A= x=y ", "--env=B", "--cwd=/tmp"]), {
          env: { B: "ours" }
        }),
        contreeLocal(sh(store, "sleep 60", ["--timeout", "1"]))
      ], { concurrency: 2 })
      expect([killed.code, killed.err]).toEqual([143, ""])
      expect([args.code, args.out.toString(), args.err]).toEqual([0, "--version -- a  b\n", ""])
      expect([env.code, env.out.toString()]).toEqual([0, "/tmp\n x=y |ours\n"])
      expect([late.code, late.err]).toEqual([124, "contree-local: the command took longer than 1 s and was killed\n"])
      expect(Local.traces(store)).toEqual([])
    }))

  it.scopedLive("keeps an image when it is asked to, and tags what ended well", () =>
    Effect.gen(function*() {
      const store = yield* Local.storeFolder
      const made = yield* contreeLocal(sh(store, "echo kept > /file", ["--tag", "app/built"]))
      expect([made.code, made.out.toString()]).toEqual([0, ""])
      const [, id = ""] = /^contree-local: image ([0-9a-f-]{36}), tagged app\/built\n$/.exec(made.err) ?? []
      const failed = yield* contreeLocal([
        ...["run", "--store", store, "--tag", "app/built", "--keep", id.slice(0, 8)],
        ...["--", "sh", "-c", "echo x > /other; exit 3"]
      ])
      expect([failed.code, failed.err]).toEqual([3, expect.stringMatching(/not tagged app\/built, .* ended with 3\n$/)])
      const [same, disposable, images, tree] = yield* Effect.all([
        contreeLocal(["run", "--keep", "--store", store, "tag:app/built", "--", "cat", "/file"]),
        contreeLocal(["run", "--store", store, "app/built", "--", "rm", "/file"]),
        contreeLocal(["images", "--store", store]),
        contreeLocal(["tree", "--store", store])
      ], { concurrency: 2 })
      expect([same.out.toString(), same.err]).toEqual([
        "kept\n",
        `contree-local: the files are as they were: image ${id}\n`
      ])
      expect([disposable.code, disposable.err]).toEqual([0, ""])
      const [title, third, second, first] = images.out.toString().split("\n")
      expect(title).toMatch(/^ID +TAGS +AGE +SIZE +PARENT +MADE BY$/)
      expect(third).toMatch(/^[0-9a-f]{8} .* B +[0-9a-f]{8} +sh -c 'echo x > \/other; exit 3'$/)
      expect(second).toMatch(/^[0-9a-f]{8} +app\/built .* sh -c 'echo kept > \/file'$/)
      expect(first).toMatch(/^[0-9a-f]{8} +busybox, busybox:latest .* -$/)
      expect(tree.out.toString()).toMatch(
        /^● [0-9a-f]{8} busybox, busybox:latest\n● [0-9a-f]{8} app\/built {2}\$ sh -c .*\n● [0-9a-f]{8} \$ sh -c .*\n$/
      )
      const ended = yield* operations(store, "--all")
      expect(ended.map(({ request, status }) => [request, status]).at(-1)).toEqual([
        "sh -c 'echo kept > /file'",
        "SUCCESS"
      ])
      expect(yield* operations(store)).toEqual([])
    }))

  it.scopedLive("ends with Ctrl-C, or when nobody reads any more, and leaves nothing", () =>
    Effect.gen(function*() {
      const store = yield* Local.storeFolder
      const { child, ended, until } = yield* start(sh(store, "echo begun; sleep 600; echo never"), { input: "open" })
      yield* Effect.promise(() => until((out) => out === "begun\n"))
      const [going] = yield* operations(store)
      expect(going).toMatchObject({ status: "EXECUTING", engine_pid: child.pid, kind: "run" })
      child.kill("SIGINT")
      expect(yield* Effect.promise(() => ended)).toMatchObject({ code: 130, err: "" })
      expect((yield* operations(store, "--all"))[0]).toMatchObject({ uuid: going!["uuid"], status: "CANCELLED" })
      const endless = yield* start(sh(store, "yes"))
      yield* Effect.promise(() => endless.until((out) => out.startsWith("y\ny\n")))
      endless.child.stdout.destroy()
      expect(yield* Effect.promise(() => endless.ended)).toMatchObject({ code: 141, err: "" })
      expect(Local.traces(store)).toEqual([])
    }))

  it.scopedLive("says in a line or two why it cannot", () =>
    Effect.gen(function*() {
      const store = yield* Local.storeFolder
      const [unknown, cwd, variable, none] = yield* Effect.all([
        contreeLocal(["run", "--store", store, "python:3.12-slim", "--", "python3"]),
        contreeLocal(["run", "--store", store, "--cwd", "relative", "busybox", "--", "ls"]),
        contreeLocal(["run", "--store", store, "--env", "SURELY_NOT_SET", "busybox", "--", "ls"]),
        contreeLocal(["images", "--store", `${store}/nowhere`])
      ], { concurrency: 2 })
      for (const { code, err, out } of [unknown, cwd, variable, none]) {
        expect([code, out.toString()]).toEqual([1, ""])
        expect(err).toMatch(/^contree-local: .*\n(.*\n)?$/)
      }
      expect(unknown.err).toContain("contree-local import python:3.12-slim brings it")
      expect(cwd.err).toContain("cwd")
      expect(variable.err).toContain("SURELY_NOT_SET: it is not set")
      expect(none.err).toMatch(/there is no store in .*nowhere yet/)
    }))
})
