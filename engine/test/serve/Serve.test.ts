import { describe, expect, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import type { Scope } from "effect"
import { type ChildProcess, spawn } from "node:child_process"
import * as Fs from "node:fs"
import * as Net from "node:net"
import { resolve } from "node:path"
import { bundle, bundleFolder } from "../support/Bundle.js"
import * as Local from "../support/LocalEngine.js"

const folder = bundleFolder()
Fs.copyFileSync(resolve("engine/package.json"), `${folder}/package.json`)
const contreeLocal = bundle("engine/src/bin.ts", folder)
const [detacher, attacher] = ["detacher", "attacher"].map((name) => bundle(`engine/test/serve/${name}.ts`))

interface Started {
  readonly child: ChildProcess
  readonly ended: Promise<number | null>
  readonly out: () => string
  readonly err: () => string
  /** until it has written what holds, or ended */
  readonly until: (holds: (out: string) => boolean) => Promise<string>
}

const start = (
  program: string,
  args: ReadonlyArray<string>,
  env: Record<string, string> = {}
): Effect.Effect<Started, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const { CONTREE_TOKEN: _, ...own } = process.env
      const child = spawn(process.execPath, [program, ...args], {
        env: { ...own, NO_COLOR: "1", ...env },
        stdio: ["ignore", "pipe", "pipe"]
      })
      let [out, err] = ["", ""]
      const watchers = new Set<() => void>()
      const tell = () => watchers.forEach((watcher) => watcher())
      child.stdout.on("data", (bytes: Buffer) => {
        out += bytes.toString("utf8")
        tell()
      })
      child.stderr.on("data", (bytes: Buffer) => {
        err += bytes.toString("utf8")
      })
      let isOver = false
      const ended = new Promise<number | null>((done) =>
        child.on("close", (code) => {
          isOver = true
          done(code)
          tell()
        })
      )
      const until: Started["until"] = (holds) =>
        new Promise((done, fail) => {
          const look = () => {
            if (holds(out)) done(out)
            else if (isOver) fail(new Error(`it ended: ${out}\n${err}`))
          }
          watchers.add(look)
          look()
        })
      return { child, ended, out: () => out, err: () => err, until }
    }),
    ({ child, ended }) =>
      Effect.promise(() => {
        child.kill("SIGKILL")
        return ended
      })
  )

const Announced = Schema.parseJson(Schema.Struct({ url: Schema.String, token: Schema.String, pid: Schema.Number }))

const served = (args: ReadonlyArray<string>, env?: Record<string, string>) =>
  Effect.gen(function*() {
    const server = yield* start(contreeLocal, ["serve", "--json", ...args], env)
    const line = yield* Effect.promise(() => server.until((out) => out.includes("\n")))
    return { ...server, announced: yield* Schema.decodeUnknown(Announced)(line.trimEnd()) }
  })

describe("contree-local serve", () => {
  it.scopedLive("carries a run from one program to another, and ends with nothing left", () =>
    Effect.gen(function*() {
      const store = yield* Local.storeFolder
      const { announced, child, ended, err, out } = yield* served(["--store", store])
      expect(announced.pid).toBe(child.pid)
      const env = { CONTREE_URL: announced.url, CONTREE_TOKEN: announced.token }
      const one = yield* start(detacher!, [], env)
      expect([yield* Effect.promise(() => one.ended), one.err()]).toEqual([0, ""])
      const operation = one.out().trim()
      const two = yield* start(attacher!, [operation], env)
      expect([yield* Effect.promise(() => two.ended), two.err()]).toEqual([0, ""])
      expect(two.out()).toBe("one two\n")
      // the second let it go as well, so it goes on
      expect(Local.processesOn(store, [operation]).length).toBeGreaterThan(1)
      child.kill("SIGTERM")
      expect(yield* Effect.promise(() => ended)).toBe(0)
      expect(Local.traces(store, [operation])).toEqual([])
      // one line and nothing else
      expect([out().split("\n").length, err()]).toEqual([2, ""])
    }))

  it.scopedLive("tells a person what to type, takes the token from the environment, and ends with Ctrl-C", () =>
    Effect.gen(function*() {
      const store = yield* Local.storeFolder
      const token = "it's-mine"
      const server = yield* start(contreeLocal, ["serve", "--store", store], {
        CONTREE_LOCAL_TOKEN: token,
        // the hosted service's, which is neither taken nor shown
        CONTREE_TOKEN: "of-the-service"
      })
      const text = yield* Effect.promise(() => server.until((out) => out.includes("Ctrl-C")))
      const [, url] = /export CONTREE_URL=(\S+) CONTREE_TOKEN='it'\\''s-mine'\n/.exec(text) ?? []
      expect(text).not.toContain("of-the-service")
      expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
      const answer = yield* Effect.promise(() => Local.connect(url!, token).call("GET", "/v1/whoami"))
      expect(answer.status).toBe(200)
      server.child.kill("SIGINT")
      expect([yield* Effect.promise(() => server.ended), server.err()]).toEqual([0, ""])
    }))

  it.scopedLive("says why it cannot start, with exit code 1", () =>
    Effect.gen(function*() {
      const store = yield* Local.storeFolder
      const taken = yield* Effect.acquireRelease(
        Effect.promise(() =>
          new Promise<Net.Server>((done) => {
            const server = Net.createServer().listen(0, "127.0.0.1", () => done(server))
          })
        ),
        (server) => Effect.sync(() => server.close())
      )
      const { port } = taken.address() as Net.AddressInfo
      const cases = [
        [["--port", String(port), "--store", store], /^contree-local: listening on .*EADDRINUSE.*choose another/],
        [["--store", "/dev/null/x"], /^contree-local: .*\/dev\/null\/x/],
        [["--host", "0.0.0.0", "--store", store], /^contree-local: the option --host .*token of your own/],
        [["--host", "192.0.2.1", "--token", "t", "--store", store], /^contree-local: .*no such address/]
      ] as const
      for (const [args, says] of cases) {
        const server = yield* start(contreeLocal, ["serve", "--json", ...args])
        expect([yield* Effect.promise(() => server.ended), server.out()]).toEqual([1, ""])
        expect(server.err()).toMatch(says)
      }
      const wrong = yield* start(contreeLocal, ["serve", "--prot", "1"])
      expect(yield* Effect.promise(() => wrong.ended)).toBe(2)
      expect(wrong.err()).toMatch(/`--prot`[^]*Usage:/)
    }))
})
