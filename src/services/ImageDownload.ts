/**
 * From an image to the local file system: a file, or a folder with all that is in it.
 *
 * @since 0.1.0
 */
import type { PlatformError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Path from "@effect/platform/Path"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import * as LocalFile from "../internal/LocalFile.js"
import * as LocalFolder from "../internal/LocalFolder.js"
import * as TarExtract from "../internal/TarExtract.js"
import type { TarError } from "../internal/TarHeader.js"
import * as Errors from "../schemas/Errors.js"
import type { DownloadDirectoryOptions, DownloadOptions } from "./ImageOptions.js"

/** what a download fails with, and needs */
type Download = Effect.Effect<string, Errors.ReadError | PlatformError, FileSystem.FileSystem | Path.Path>

const invalid = (method: string, argument: string, description: string): Errors.InvalidArgumentError =>
  new Errors.InvalidArgumentError({ method, argument, description })

/** The last name of a path in an image; nothing where that can only be a folder. */
const baseName = (remote: string): string | undefined => {
  const name = remote.slice(remote.lastIndexOf("/") + 1)
  return name === "" || name === "." || name === ".." ? undefined : name
}

/** Where a file goes: `to`, or into it under the file's own name. */
const place = (
  method: string,
  remote: string,
  to: string | undefined
): Effect.Effect<string, Errors.InvalidArgumentError, FileSystem.FileSystem | Path.Path> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const name = baseName(remote)
    if (name === undefined) {
      return yield* invalid(method, "path", "it can only be a folder: downloadDirectory gets those")
    }
    if (to === "") return yield* invalid(method, "to", "it is empty: leave it out for the current folder")
    const isFolder = to === undefined || to.endsWith("/") || to.endsWith(path.sep)
      ? Effect.succeed(true)
      : Effect.orElseSucceed(Effect.map(fs.stat(to), ({ type }) => type === "Directory"), () => false)
    if (to !== undefined && !(yield* isFolder)) return to
    if (path.basename(name) !== name || (path.sep === "\\" && name.includes(":"))) {
      return yield* invalid(method, "path", "no local file can be called so: say what it shall be called, with `to`")
    }
    return to === undefined ? name : path.join(to, name)
  })

/**
 * @internal
 */
export const file = (
  method: string,
  remote: string,
  options: DownloadOptions | undefined,
  content: Stream.Stream<Uint8Array, Errors.ReadError>
): Download =>
  Effect.flatMap(
    place(method, remote, options?.to),
    (to) => Effect.as(Stream.run(content, LocalFile.sink(method, to, options)), to)
  )

/** The names in an archive are whatever a command made them. */
const unpacked = (method: string, remote: string, scrub: (text: string) => string) => (error: TarError) => {
  const about = scrub(`the archive of ${JSON.stringify(remote)} cannot be unpacked: ${error.description}`)
  switch (error.reason) {
    case "Cut":
      return new Errors.TransportError({ method, description: about, retryable: true })
    case "NotAFolder":
      return invalid(method, "path", `${error.description}: download gets files`)
    case "Broken":
      return new Errors.DecodeError({ method, description: about })
  }
}

const maxListed = 20

const sayLeftOut = (remote: string, names: ReadonlyArray<string>): Effect.Effect<void> => {
  if (names.length === 0) return Effect.void
  const listed = names.slice(0, maxListed).map((name) => JSON.stringify(name)).join(", ")
  const more = names.length > maxListed ? ` and ${names.length - maxListed} more` : ""
  return Effect.logWarning(
    `Of ${JSON.stringify(remote)} these were left out, since they are devices or FIFOs: ${listed}${more}`
  )
}

/**
 * @internal
 */
export const folder = (
  method: string,
  remote: string,
  options: DownloadDirectoryOptions,
  archive: Stream.Stream<Uint8Array, Errors.ReadError>,
  scrub: (text: string) => string
): Download =>
  Effect.gen(function*() {
    const path = yield* Path.Path
    if (options.to === "") return yield* invalid(method, "to", "it is empty: name the folder to be made")
    const to = path.join(options.to, ".")
    const words = LocalFile.say(method, to)
    const leftOut = yield* LocalFolder.make(
      to,
      options.overwrite === true,
      words,
      (into) =>
        TarExtract.extract(archive, remote, into).pipe(
          Effect.catchTag("TarError", (e) => Effect.fail(unpacked(method, remote, scrub)(e)))
        )
    )
    yield* sayLeftOut(scrub(remote), leftOut.map(scrub))
    return to
  })
