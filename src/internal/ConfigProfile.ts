/** Settings from the profile files that the command line tools of ConTree write. Protocol: section 1.5. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { ConfigurationError } from "../schemas/Errors.js"
import { first } from "./ConfigSource.js"
import type { Found } from "./ConfigSource.js"
import { defaultBaseUrl, failure, present } from "./ConfigValues.js"
import * as Ini from "./Ini.js"

const home = (method: string) => first(method, ["HOME", "USERPROFILE"])

/** `~` alone or before a slash, as a shell reads it; `~name` is somebody else's and stays as it is */
const expand = (method: string, path: string): Effect.Effect<string, ConfigurationError> =>
  /^~(?:[\\/]|$)/.test(path)
    ? Effect.flatMap(home(method), (at) =>
      at === undefined
        ? Effect.fail(failure(method, "CONTREE_HOME begins with ~, but HOME is not set", ["CONTREE_HOME", "HOME"]))
        : Effect.succeed(at + path.slice(1)))
    : Effect.succeed(path)

const directory = (method: string): Effect.Effect<string, ConfigurationError, Path.Path> =>
  Effect.gen(function*() {
    const path = yield* Path.Path
    const own = yield* first(method, ["CONTREE_HOME"])
    if (own !== undefined) return yield* expand(method, own)
    const shared = yield* first(method, ["XDG_CONFIG_HOME"])
    if (shared !== undefined) return path.join(shared, "contree")
    const at = yield* home(method)
    const places = ["CONTREE_HOME", "XDG_CONFIG_HOME", "HOME"]
    return at === undefined
      ? yield* Effect.fail(failure(method, "no directory for profiles is known", places))
      : path.join(at, ".config", "contree")
  })

/** a file that is not there holds nothing; one that is there must be readable */
const read = (
  method: string,
  file: string
): Effect.Effect<Ini.Ini, ConfigurationError, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.readFileString(file)).pipe(
    Effect.map(Ini.parse),
    Effect.catchAll((error) =>
      error._tag === "SystemError" && error.reason === "NotFound"
        ? Effect.succeed<Ini.Ini>(new Map())
        : Effect.fail(failure(
          method,
          `a profile file is there but cannot be read (${error._tag === "SystemError" ? error.reason : error._tag})`,
          [file]
        ))
    )
  )

const known = (ini: Ini.Ini): string => {
  const names = [...ini.keys()].filter((name) => name.startsWith("profile:")).map((name) => name.slice(8))
  return names.length === 0 ? "there is none" : `there are: ${names.sort().join(", ")}`
}

export const fromProfile = (
  method: string,
  wanted: string | undefined
): Effect.Effect<Found, ConfigurationError, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function*() {
    const path = yield* Path.Path
    const folder = yield* directory(method)
    const files = [path.join(folder, "cli.ini"), path.join(folder, "auth.ini")] as const
    const ini = Ini.merge(yield* read(method, files[0]), yield* read(method, files[1]))

    const chosen = present(wanted) ?? (yield* first(method, ["CONTREE_PROFILE"]))
    const name = chosen ?? present(ini.get("DEFAULT")?.["profile"]) ?? "default"
    const places = [
      ...(present(wanted) === undefined ? ["CONTREE_PROFILE"] : []),
      ...files.map((file) => `${file} [profile:${name}]`)
    ]
    const profile = Ini.lookup(ini, `profile:${name}`)
    if (profile === undefined) {
      return yield* Effect.fail(failure(method, `there is no profile "${name}"; ${known(ini)}`, places))
    }
    const token = present(profile["token"])
    if (token === undefined) {
      return yield* Effect.fail(failure(method, `the profile "${name}" has no token`, places))
    }
    const baseUrl = present(profile["url"])
    const isIam = profile["type"]?.toLowerCase() === "iam"
    if (baseUrl === undefined && !isIam) {
      const what = `the profile "${name}" has no url, and only profiles of type iam have a default`
      return yield* Effect.fail(failure(method, what, places))
    }
    return {
      token: Redacted.make(token),
      baseUrl: baseUrl ?? defaultBaseUrl,
      project: present(profile["project"])
    }
  })
