import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted, Schedule, TestClock } from "effect"
import { Contree, ContreeConfig, Diagnosis } from "effect-contree"
import { inspect } from "node:util"
import { json, type Reply, stub, systemError } from "../support/httpStub.js"

const token = "secret-token-of-the-tests"

const diagnosed = (reply: (path: string) => Reply, options: Partial<ContreeConfig.Options> = {}) => {
  const server = stub((index) => reply(new URL(server.urls[index]!).pathname))
  const config = ContreeConfig.layer({
    token: Redacted.make(token),
    baseUrl: "https://service.test/sandboxes",
    retry: Schedule.stop,
    ...options
  })
  return Effect.map(
    Contree.diagnose.pipe(
      Effect.provide(Contree.layerWithoutConfig.pipe(Layer.provideMerge(config), Layer.provide(server.layer)))
    ),
    (found) => ({ found, paths: server.urls.map((url) => new URL(url).pathname) })
  )
}

const all = ["import", "spawn", "spawn_disposable", "list", "cancel", "set_image_tag"]
const me = (granted: ReadonlyArray<string>, more: object = {}) =>
  json(200, {
    token_uuid: "0000-token",
    token_expiration: null,
    permissions: Object.fromEntries(all.map((name) => [name, granted.includes(name)])),
    operations_stat: {},
    limits: { instance_max_concurrency: 50 },
    ...more
  })

const page = "<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1><hr>nginx</body></html>"
const html = (status: number) => new Response(page, { status, headers: { "content-type": "text/html" } })

describe("diagnose", () => {
  const cases: ReadonlyArray<readonly [string, () => Reply, string, RegExp]> = [
    [
      "no project",
      () => json(400, { status: 400, error: "Missing \"Project\" header" }),
      "MissingProject",
      /CONTREE_PROJECT/
    ],
    ["another 400", () => json(400, { error: "bad request" }), "Trouble", /characters/],
    ["a wrong token", () => json(401, { error: "unauthorized" }), "TokenRejected", /CONTREE_TOKEN/],
    ["a wrong token, as the gateway says it", () => json(403, { error: "forbidden" }), "TokenRejected", /check both/],
    ["a host without the service", () => html(404), "WrongBaseUrl", /CONTREE_URL/],
    ["a page of somebody else", () => html(200), "WrongBaseUrl", /CONTREE_URL/],
    [
      "a redirect",
      () => new Response(null, { status: 301, headers: { location: "/" } }),
      "WrongBaseUrl",
      /CONTREE_URL/
    ],
    ["nobody", () => systemError("ECONNREFUSED"), "Unreachable", /network/],
    ["a failing gateway", () => html(504), "Trouble", /try again/],
    ["too much at once", () => json(429, { error: "slow down" }), "Trouble", /try again/],
    ["no permission at all", () => me([]), "NoPermissions", /check the project/]
  ]
  it.effect.each(cases)("%s", ([, reply, reason, advice]) =>
    Effect.gen(function*() {
      const { found } = yield* diagnosed(reply)
      expect(found.isReady).toBe(false)
      expect(found.problems.map((problem) => problem.reason)).toEqual([reason])
      expect(found.problems[0]!.advice).toMatch(advice)
      const text = Diagnosis.format(found)
      expect(text).toContain("cannot be run as things stand")
      expect(text).toContain(found.problems[0]!.what)
      expect(text).toContain("https://service.test/sandboxes")
      expect(String(found)).toBe(text)
      for (const shown of [text, JSON.stringify(found), inspect(found, { depth: 9 })]) {
        expect(shown).not.toContain(token)
        expect(shown).not.toMatch(/<h1>/)
      }
    }))

  it.effect("all is well", () =>
    Effect.gen(function*() {
      const { found, paths } = yield* diagnosed(() => me(all, { token_expiration: 1_900_000_000 }), { project: "p-1" })
      expect(paths).toEqual(["/sandboxes/v1/whoami"])
      expect([found.isReady, found.problems]).toEqual([true, []])
      expect(Diagnosis.format(found)).toBe(`ConTree: ready to run commands
  service   https://service.test/sandboxes
  project   p-1
  token     0000-token, expires 2030-03-17T17:46:40.000Z
  may
    yes run commands, and throw the image away
    yes run commands, and keep the image
    yes import images from registries
    yes list and follow operations, which every run needs
    yes cancel operations
    yes give images tags
  limits
    instance_max_concurrency = 50`)
    }))

  it.effect("what is missing is named, and what it is for", () =>
    Effect.gen(function*() {
      const { found } = yield* diagnosed(() => me(["spawn_disposable", "list"]))
      expect(found.isReady).toBe(true)
      expect(found.problems.map((problem) => problem.permission)).toEqual([
        "spawn",
        "import",
        "cancel",
        "set_image_tag"
      ])
      expect(found.abilities.map(({ allowed }) => Option.getOrNull(allowed))).toEqual([
        true,
        false,
        false,
        true,
        false,
        false
      ])
      const deaf = yield* diagnosed(() => me(["spawn"]))
      expect(deaf.found.isReady).toBe(false)
      expect(deaf.found.problems.map((problem) => problem.permission)).toContain("list")
    }))

  it.effect("a token that is over", () =>
    Effect.gen(function*() {
      yield* TestClock.setTime(1_900_000_001_000)
      const { found } = yield* diagnosed(() => me(all, { token_expiration: 1_900_000_000 }))
      expect([found.isReady, found.problems[0]!.reason]).toEqual([false, "TokenExpired"])
    }))

  it.effect("a service without whoami is asked for a list", () =>
    Effect.gen(function*() {
      const there = yield* diagnosed((path) =>
        path.endsWith("/whoami") ? json(404, { error: "not found" }) : json(200, { images: [] })
      )
      expect(there.paths).toEqual(["/sandboxes/v1/whoami", "/sandboxes/v1/images"])
      expect([there.found.isReady, there.found.problems]).toEqual([true, []])
      expect(there.found.abilities.every(({ allowed }) => Option.isNone(allowed))).toBe(true)
      const shut = yield* diagnosed((path) => path.endsWith("/whoami") ? html(404) : json(403, { error: "no" }))
      expect(shut.found.problems[0]!.reason).toBe("TokenRejected")
    }))

  it.effect("needs the layer alone; the configuration says more", () =>
    Effect.gen(function*() {
      const server = stub(() => me(all))
      const layer = Contree.layer({ token: Redacted.make(token), baseUrl: "https://service.test" })
      const found = yield* Contree.diagnose.pipe(Effect.provide(Layer.provide(layer, server.layer)))
      expect([found.isReady, Option.isNone(found.baseUrl)]).toEqual([true, true])
    }))
})
