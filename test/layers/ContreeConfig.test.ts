import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { describe, it } from "@effect/vitest"
import { Config, ConfigProvider, Context, Duration, Effect, Layer, Option, Redacted, Schedule } from "effect"
import * as ContreeConfig from "effect-contree/ContreeConfig"
import type * as Errors from "effect-contree/Errors"
import { expect } from "vitest"

const token = Redacted.make("t0ken")

const read = <E, R>(layer: Layer.Layer<ContreeConfig.ContreeConfig, E, R>) =>
  Effect.scoped(Effect.map(Layer.build(layer), Context.get(ContreeConfig.ContreeConfig)))

const inEnv = (env: Record<string, string>) =>
  Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(env))))

const refused = <A, R>(effect: Effect.Effect<A, Errors.ConfigurationError, R>) => Effect.flip(effect)

describe("layer", () => {
  it.effect("fills in the defaults", () =>
    Effect.gen(function*() {
      const config = yield* read(ContreeConfig.layer({ token }))
      expect(config.baseUrl).toBe("https://api.tokenfactory.nebius.com/sandboxes")
      expect(config.concurrency).toEqual({ runs: 50, imports: 8, uploads: 4 })
      expect(Duration.toMillis(config.requestTimeout)).toBe(300_000)
      expect(Duration.toMillis(config.idleTimeout)).toBe(60_000)
      expect([config.project, config.userAgent, config.transformClient]).toEqual([
        Option.none(),
        Option.none(),
        Option.none()
      ])
    }))

  it.effect("takes a base URL as people write it", () =>
    Effect.gen(function*() {
      const urls = {
        "http://127.0.0.1:8080": "http://127.0.0.1:8080",
        "http://127.0.0.1:8080/": "http://127.0.0.1:8080",
        "https://a.test/sandboxes///": "https://a.test/sandboxes",
        "https://a.test/sandboxes/v1": "https://a.test/sandboxes",
        "https://a.test/sandboxes/v1/": "https://a.test/sandboxes",
        "https://a.test/v1": "https://a.test",
        "https://a.test/dev1": "https://a.test/dev1",
        " HTTP://A.test ": "http://a.test",
        "http://[::1]:80/x": "http://[::1]/x"
      }
      for (const [given, expected] of Object.entries(urls)) {
        expect((yield* read(ContreeConfig.layer({ token, baseUrl: given }))).baseUrl).toBe(expected)
      }
    }))

  it.effect("refuses what cannot be used, names it, and repeats no value", () =>
    Effect.gen(function*() {
      const cases: ReadonlyArray<readonly [string, Partial<ContreeConfig.Options>]> = [
        ["token", { token: Redacted.make(" \n") }],
        ["token", { token: Redacted.make("se\ncret") }],
        ["baseUrl", { baseUrl: "ftp://secret" }],
        ["baseUrl", { baseUrl: "secret" }],
        ["baseUrl", { baseUrl: "http://" }],
        ["baseUrl", { baseUrl: "http:///secret" }],
        ["baseUrl", { baseUrl: "http://secret:secret@a" }],
        ["baseUrl", { baseUrl: "http://a?secret" }],
        ["baseUrl", { baseUrl: "http://a#secret" }],
        ["baseUrl", { baseUrl: "http://a:99999999" }],
        ["project", { project: "sec\nret" }],
        ["userAgent", { userAgent: "sécret" }],
        ["concurrency.runs", { concurrency: { runs: 0 } }],
        ["concurrency.uploads", { concurrency: { uploads: 1.5 } }],
        ["requestTimeout", { requestTimeout: 0 }],
        ["idleTimeout", { idleTimeout: "-1 seconds" }]
      ]
      for (const [place, options] of cases) {
        const error = yield* refused(read(ContreeConfig.layer({ token, ...options })))
        expect([place, error._tag, error.tried]).toEqual([place, "ConfigurationError", [place]])
        expect(error.message).not.toMatch(/secret|sécret/)
      }
    }))

  it.effect("drops the line break that a file leaves behind a token", () =>
    Effect.gen(function*() {
      const config = yield* read(ContreeConfig.layer({ token: Redacted.make("t0ken\n"), project: "" }))
      expect(Redacted.value(config.token)).toBe("t0ken")
      expect(config.project).toEqual(Option.none())
    }))
})

describe("layerConfig", () => {
  it.effect("reads each value, skips what is undefined, and keeps the functions", () =>
    Effect.gen(function*() {
      const retry = Schedule.recurs(1)
      const values: Config.Config.Wrap<ContreeConfig.Values> = {
        token: Config.redacted("T"),
        concurrency: { runs: Config.integer("RUNS") },
        idleTimeout: Config.duration("IDLE")
      }
      // What a program compiled without exactOptionalPropertyTypes may pass.
      Object.assign(values, { baseUrl: undefined })
      const config = yield* read(ContreeConfig.layerConfig(values, { retry }))
      expect(config.concurrency).toEqual({ runs: 3, imports: 8, uploads: 4 })
      expect(Duration.toSeconds(config.idleTimeout)).toBe(7)
      expect(config.retry).toBe(retry)
    }).pipe(inEnv({ T: "x", RUNS: "3", IDLE: "7 seconds" })))

  it.effect("takes one Config of all", () =>
    Effect.gen(function*() {
      const all = Config.map(Config.redacted("T"), (token) => ({ token }))
      expect(Redacted.value((yield* read(ContreeConfig.layerConfig(all))).token)).toBe("x")
    }).pipe(inEnv({ T: "x" })))

  it.effect("fails as the Config does", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(read(ContreeConfig.layerConfig({ token: Config.redacted("T") })))
      expect(String(error)).toContain("T")
    }).pipe(inEnv({})))
})

describe("layerEnv", () => {
  const found = (env: Record<string, string>) =>
    read(ContreeConfig.layerEnv).pipe(
      Effect.map((config) => [Redacted.value(config.token), config.baseUrl, Option.getOrNull(config.project)]),
      inEnv(env)
    )

  it.effect("reads every name, the newer ones first; blank is missing", () =>
    Effect.gen(function*() {
      const old = {
        NEBIUS_API_KEY: "old",
        CONTREE_BASE_URL: "http://old",
        NEBIUS_PROJECT_ID: "oldest"
      }
      expect(yield* found(old)).toEqual(["old", "http://old", "oldest"])
      expect(yield* found({ ...old, NEBIUS_AI_PROJECT: "p-old" })).toEqual(["old", "http://old", "p-old"])
      const fresh = { CONTREE_TOKEN: "new", CONTREE_URL: "http://new/", CONTREE_PROJECT: "p" }
      expect(yield* found({ ...old, NEBIUS_AI_PROJECT: "x", ...fresh })).toEqual(["new", "http://new", "p"])
      const blank = { CONTREE_TOKEN: "", CONTREE_URL: "  ", CONTREE_PROJECT: "" }
      expect(yield* found({ ...old, ...blank })).toEqual(["old", "http://old", "oldest"])
      expect(yield* found({ CONTREE_TOKEN: "t", CONTREE_URL: "http://a" })).toEqual(["t", "http://a", null])
    }))

  it.effect("names every place that it tried", () =>
    Effect.gen(function*() {
      const none = yield* Effect.flip(found({}))
      expect(none.tried).toEqual(["CONTREE_TOKEN", "NEBIUS_API_KEY", "CONTREE_URL", "CONTREE_BASE_URL"])
      const noToken = yield* Effect.flip(found({ CONTREE_URL: "http://a", CONTREE_TOKEN: " " }))
      expect(noToken.tried).toEqual(["CONTREE_TOKEN", "NEBIUS_API_KEY"])
      const noUrl = yield* Effect.flip(found({ NEBIUS_API_KEY: "sesame" }))
      expect(noUrl.tried).toEqual(["CONTREE_URL", "CONTREE_BASE_URL"])
      expect(noUrl.message).toContain("https://api.tokenfactory.nebius.com/sandboxes")
      expect(noUrl.message).not.toContain("sesame")
    }))
})

describe("layerProfile", () => {
  type Files = { readonly "cli.ini"?: string; readonly "auth.ini"?: string }

  /** writes the files into a new home, below it, and reads the profile */
  const profile = (
    files: Files,
    options: {
      readonly name?: string
      readonly folder?: string
      readonly env?: (home: string) => Record<string, string>
    } = {}
  ) =>
    Effect.scoped(Effect.gen(function*() {
      const fs = yield* FileSystem.FileSystem
      const home = yield* fs.makeTempDirectoryScoped()
      const folder = `${home}/${options.folder ?? ".config/contree"}`
      yield* fs.makeDirectory(folder, { recursive: true })
      for (const [name, text] of Object.entries(files)) yield* fs.writeFileString(`${folder}/${name}`, text)
      return yield* read(ContreeConfig.layerProfile(options.name)).pipe(
        Effect.map((config) => [Redacted.value(config.token), config.baseUrl, Option.getOrNull(config.project)]),
        inEnv({ HOME: home, ...options.env?.(home) })
      )
    })).pipe(Effect.provide(NodeContext.layer))

  const simple = "[profile:default]\ntoken = t\nurl = http://a\n"

  it.effect("merges cli.ini and auth.ini, and inherits from [DEFAULT]", () =>
    Effect.gen(function*() {
      const files = {
        "cli.ini": "\ufeff# comment\n[DEFAULT]\nprofile = work\nproject = shared\n\n; comment\n[profile:work]\r\n" +
          "URL = http://cli\nTOKEN: overwritten\ntype=jwt\n",
        "auth.ini": "[profile:work]\ntoken = a=b:c;#d\n[profile:other]\ntoken = o\ntype = IAM\nproject = own\n"
      }
      expect(yield* profile(files)).toEqual(["a=b:c;#d", "http://cli", "shared"])
      expect(yield* profile(files, { name: "other" }))
        .toEqual(["o", "https://api.tokenfactory.nebius.com/sandboxes", "own"])
      expect(yield* profile(files, { env: () => ({ CONTREE_PROFILE: "other" }) })).toContain("o")
      expect(yield* profile(files, { name: "work", env: () => ({ CONTREE_PROFILE: "other" }) })).toContain("a=b:c;#d")
    }))

  it.effect("looks in CONTREE_HOME, else XDG_CONFIG_HOME, else the home", () =>
    Effect.gen(function*() {
      expect(yield* profile({ "auth.ini": simple })).toEqual(["t", "http://a", null])
      const inFolder = (folder: string, env: (home: string) => Record<string, string>) =>
        profile({ "cli.ini": simple }, { folder, env })
      expect(yield* inFolder("xdg/contree", (home) => ({ XDG_CONFIG_HOME: `${home}/xdg` }))).toContain("t")
      expect(yield* inFolder("own dir", (home) => ({ CONTREE_HOME: `${home}/own dir` }))).toContain("t")
      expect(yield* inFolder("own", () => ({ CONTREE_HOME: "~/own", XDG_CONFIG_HOME: "/nowhere" }))).toContain("t")
      const lost = yield* Effect.flip(profile({ "cli.ini": simple }, { env: () => ({ HOME: "" }) }))
      expect(lost).toMatchObject({ tried: ["CONTREE_HOME", "XDG_CONFIG_HOME", "HOME"] })
    }))

  it.effect("says what is missing and where it looked", () =>
    Effect.gen(function*() {
      const cases: ReadonlyArray<readonly [Files, RegExp]> = [
        [{}, /no profile "default"; there is none/],
        [{ "cli.ini": "[DEFAULT]\nprofile = x\n[profile:b]\n[profile:a]\n" }, /no profile "x"; there are: a, b/],
        [{ "cli.ini": "[profile:default]\nurl = http://a\n" }, /has no token/],
        [{ "cli.ini": simple, "auth.ini": "[profile:default]\ntoken =\n" }, /has no token/],
        [{ "auth.ini": "[profile:default]\ntoken = sesame\n" }, /has no url/]
      ]
      for (const [files, words] of cases) {
        const error = yield* Effect.flip(profile(files))
        expect(error._tag).toBe("ConfigurationError")
        expect(error.message).toMatch(words)
        expect(error.message).toMatch(/CONTREE_PROFILE, .*cli\.ini \[profile:\w+\], .*auth\.ini \[profile:\w+\]/)
        expect(error.message).not.toContain("sesame")
      }
    }))

  it.effect("fails on a file that is there but cannot be read", () =>
    Effect.gen(function*() {
      const error = yield* Effect.flip(profile({ "cli.ini": simple }, {
        folder: "own/auth.ini", // a folder where a file should be
        env: (home) => ({ CONTREE_HOME: `${home}/own` })
      }))
      expect(error.message).toMatch(/there but cannot be read/)
      expect(error).toMatchObject({ tried: [expect.stringMatching(/own\/auth\.ini$/)] })
    }))
})
