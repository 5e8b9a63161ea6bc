/**
 * Reading the filesystem of an image.
 *
 * @since 0.1.0
 */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { concat } from "../internal/Bytes.js"
import * as Errors from "../schemas/Errors.js"
import type * as Ids from "../schemas/Ids.js"
import type * as Wire from "../schemas/Wire.js"
import type { GrepQuery } from "./ContreeApi.js"
import type { GrepOptions, GrepResult, Image } from "./Image.js"
import * as ImageDownload from "./ImageDownload.js"
import * as ImageEntry from "./ImageEntry.js"
import type { Gated } from "./Machine.js"

/**
 * @internal
 */
export type Reader = Pick<
  Image,
  "ls" | "exists" | "read" | "readText" | "readStream" | "archive" | "grep" | "download" | "downloadDirectory"
>

/** before a path can be asked for */
type Refused = Errors.LookupError | Errors.DisposableImageRunError | Errors.InvalidArgumentError

/** A path of an image begins at its root, said or not; nothing can be at a path with NUL in it. */
const rooted = (method: string, path: string): Effect.Effect<string, Errors.InvalidArgumentError> =>
  path.includes("\0")
    ? Effect.fail(new Errors.InvalidArgumentError({ method, argument: "path", description: "it has a NUL character" }))
    : Effect.succeed(path.startsWith("/") ? path : `/${path}`)

const list = (value: string | ReadonlyArray<string> | undefined): ReadonlyArray<string> | undefined =>
  typeof value === "string" ? [value] : value

const toQuery = (pattern: string | NonEmptyReadonlyArray<string>, options: GrepOptions | undefined): GrepQuery => ({
  pattern: typeof pattern === "string" ? [pattern] : pattern,
  path: list(options?.path),
  glob: options?.glob,
  max_count: options?.maxCount,
  max_total: options?.maxTotal,
  case: options?.case,
  before: options?.before,
  after: options?.after
})

const toGrepResult = (result: Wire.GrepResult): GrepResult => ({
  path: result.path,
  patterns: result.patterns,
  matches: result.matches.map((match) => ({
    path: match.path,
    lineNumber: match.line_number,
    absoluteOffset: match.absolute_offset,
    lineText: match.line_text,
    lineBytes: match.line_bytes,
    submatches: match.submatches,
    type: match.type === "context" ? "context" : "match"
  })),
  truncated: result.truncated
})

/** a name nobody knows is the caller's mistake, and is said as one rather than thrown */
const decoder = (encoding: string): Effect.Effect<TextDecoder, Errors.InvalidArgumentError> =>
  Effect.try({
    try: () => new TextDecoder(encoding, { ignoreBOM: true }),
    catch: () =>
      new Errors.InvalidArgumentError({
        method: "Image.readText",
        argument: "encoding",
        description: `no encoding is called ${JSON.stringify(encoding)}: write one such as "utf-8" or "latin1"`
      })
  })

/** memory of one's own: a single piece may be a view of a buffer that the client uses on */
const joined = (pieces: ReadonlyArray<Uint8Array>): Uint8Array =>
  pieces.length === 1 ? new Uint8Array(pieces[0]!) : concat(pieces)

/**
 * @internal
 */
export const make = (
  deps: Gated,
  image: string,
  resolve: (method: string) => Effect.Effect<Ids.ImageId, Errors.LookupError | Errors.DisposableImageRunError>
): Reader => {
  const { api, gate, scrub } = deps
  const span = (method: string) => {
    return { name: `Contree.${method}`, options: { attributes: { "contree.image": scrub(image) } } }
  }
  const at = <A, E>(
    method: string,
    path: string,
    use: (id: Ids.ImageId, path: string) => Effect.Effect<A, E>
  ): Effect.Effect<A, E | Refused> => {
    const { name, options } = span(method)
    return Effect.zipWith(resolve(method), rooted(method, path), (id, rootedPath) => use(id, rootedPath)).pipe(
      Effect.flatten,
      Effect.withSpan(name, options)
    )
  }
  const streamAt = <A, E>(
    method: string,
    path: string,
    use: (id: Ids.ImageId, path: string) => Stream.Stream<A, E>
  ): Stream.Stream<A, E | Refused> => {
    const { name, options } = span(method)
    return Stream.unwrap(
      Effect.zipWith(resolve(method), rooted(method, path), (id, rootedPath) => use(id, rootedPath))
    ).pipe(Stream.withSpan(name, options))
  }
  /** asked for once it is clear that there is room for it */
  const contentOf = <E>(
    method: string,
    path: string,
    use: (id: Ids.ImageId, path: string) => Stream.Stream<Uint8Array, E>
  ) => Stream.unwrap(Effect.map(resolve(method), (id) => use(id, path)))
  const bytes = (id: Ids.ImageId, path: string) =>
    Effect.map(Stream.runCollect(api.downloadFile(id, path)), (pieces) => joined(Chunk.toReadonlyArray(pieces)))

  return {
    ls: (path = "/") =>
      at(
        "Image.ls",
        path,
        (id, folder) =>
          Effect.map(api.listDirectory(id, folder), ({ files }) => {
            const listed = make(deps, id, (method) => Effect.as(gate.check(method), id))
            return files.map(ImageEntry.make(listed, folder))
          })
      ),
    // A folder is no file to the one check, and a file no folder to the other.
    exists: (path) =>
      at("Image.exists", path, (id, rootedPath) => {
        const notOfThisKind = () => Effect.succeed(false)
        return api.checkImageFile(id, rootedPath).pipe(
          Effect.catchTag("UnprocessableError", notOfThisKind),
          Effect.flatMap((isFile) =>
            isFile
              ? Effect.succeed(true)
              : Effect.catchTag(api.checkArchive(id, rootedPath), "UnprocessableError", notOfThisKind)
          ),
          // a HEAD says of an image that is not there what it says of a path
          Effect.tap((isThere) => isThere ? Effect.void : api.inspectImage(id))
        )
      }),
    read: (path) => at("Image.read", path, bytes),
    readText: (path, encoding = "utf-8") =>
      at(
        "Image.readText",
        path,
        (id, rootedPath) =>
          Effect.flatMap(decoder(encoding), (text) => Effect.map(bytes(id, rootedPath), (all) => text.decode(all)))
      ),
    readStream: (path) => streamAt("Image.readStream", path, api.downloadFile),
    archive: (path) => streamAt("Image.archive", path, api.archive),
    download: (path, options) => {
      const { name, options: attributes } = span("Image.download")
      return rooted("Image.download", path).pipe(
        Effect.flatMap((rootedPath) =>
          ImageDownload.file(
            "Image.download",
            rootedPath,
            options,
            contentOf("Image.download", rootedPath, api.downloadFile)
          )
        ),
        Effect.withSpan(name, attributes)
      )
    },
    downloadDirectory: (path, options) => {
      const { name, options: attributes } = span("Image.downloadDirectory")
      return rooted("Image.downloadDirectory", path).pipe(
        Effect.flatMap((rootedPath) =>
          ImageDownload.folder(
            "Image.downloadDirectory",
            rootedPath,
            options,
            contentOf("Image.downloadDirectory", rootedPath, api.archive),
            scrub
          )
        ),
        Effect.withSpan(name, attributes)
      )
    },
    grep: (pattern, options) => {
      const { name, options: attributes } = span("Image.grep")
      return resolve("Image.grep").pipe(
        Effect.flatMap((id) => api.grep(id, toQuery(pattern, options))),
        Effect.map(toGrepResult),
        Effect.withSpan(name, attributes)
      )
    }
  }
}
