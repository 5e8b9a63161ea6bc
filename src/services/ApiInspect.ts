/**
 * Looking into images. Protocol: section 2.5.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as ApiErrors from "../internal/ApiErrors.js"
import * as ApiPath from "../internal/ApiPath.js"
import * as ApiRequest from "../internal/ApiRequest.js"
import * as ApiStream from "../internal/ApiStream.js"
import { nameOf, traced, tracedPull } from "../internal/ApiSpan.js"
import * as HttpDecoded from "../internal/HttpDecoded.js"
import * as Pull from "../internal/Pull.js"
import * as Tar from "../internal/TarEnd.js"
import * as Ids from "../schemas/Ids.js"
import * as Wire from "../schemas/Wire.js"
import type { GrepQuery, Service } from "./ContreeApi.js"

type Inspect = Pick<
  Service,
  | "findImageByTag"
  | "inspectImage"
  | "listDirectory"
  | "downloadFile"
  | "checkImageFile"
  | "archive"
  | "checkArchive"
  | "grep"
>

const isImageId = Schema.is(Ids.ImageId)

const inspected = (id: Ids.ImageId, route: string, path: string) => ({
  path: ["inspect", ApiPath.image(id), route],
  query: { path },
  expected: [404, 410, 422] as const
})

const list = (wiring: ApiRequest.Wiring, id: Ids.ImageId, path: string) =>
  ApiRequest.json(
    wiring,
    { method: nameOf("listDirectory"), verb: "GET", ...inspected(id, "list", path) },
    Wire.DirectoryList
  )

/** How long the listing says that a file is; what it does not say, of a link or of a path through one or up, is none. */
const sizeOf = (wiring: ApiRequest.Wiring, id: Ids.ImageId, path: string) => {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".")
  const name = parts.at(-1)
  if (name === undefined || parts.includes("..")) return Effect.succeedNone
  return list(wiring, id, `/${parts.slice(0, -1).join("/")}`).pipe(
    Effect.map(({ files }) =>
      Option.map(
        Option.fromNullable(files.find((file) => file.path === name && file.is_regular)),
        ({ size }) => size
      )
    ),
    Effect.catchTags({ NotFoundError: () => Effect.succeedNone, UnprocessableError: () => Effect.succeedNone })
  )
}

/** Fails where it ends before the size that it should have, which is looked up only where nobody else has checked that. */
const measured = <E, E2, E3>(
  body: Pull.Pull<Uint8Array, E>,
  isUnchecked: () => boolean,
  size: Effect.Effect<Option.Option<number>, E2>,
  cut: () => E3
): Pull.Pull<Uint8Array, E | E2 | E3> => {
  let read = 0
  const counted = Effect.map(body, (chunk) => {
    for (const bytes of chunk) read += bytes.length
    return chunk
  })
  const check = Effect.flatMap(
    Effect.suspend(() => isUnchecked() ? size : Effect.succeedNone),
    (wanted): Effect.Effect<void, E3> => Option.isSome(wanted) && read < wanted.value ? Effect.fail(cut()) : Effect.void
  )
  return Pull.concluded(counted, check)
}

/** @internal */
export const make = (wiring: ApiRequest.Wiring): Inspect => ({
  findImageByTag: (tag: string) => {
    const call = {
      method: nameOf("findImageByTag"),
      verb: "GET" as const,
      path: ["inspect", ""],
      query: { tag },
      expected: [404] as const
    }
    return ApiRequest.location(wiring, call).pipe(
      Effect.flatMap((location) => {
        const id = ApiPath.lastOf(location)
        if (isImageId(id)) return Effect.succeed(id)
        const asked = { ...call, url: `${wiring.baseUrl}/v1/inspect/` }
        return Effect.fail(ApiErrors.undecodable(asked, `no image id in the Location "${location}"`, wiring.scrub))
      }),
      traced(wiring, "findImageByTag", { "image.tag": tag })
    )
  },

  inspectImage: (id: Ids.ImageId) =>
    ApiRequest.json(wiring, {
      method: nameOf("inspectImage"),
      verb: "GET",
      path: ["inspect", ApiPath.image(id), ""],
      expected: [404]
    }, Wire.Image).pipe(traced(wiring, "inspectImage", { "image.id": id })),

  listDirectory: (id: Ids.ImageId, path: string) =>
    list(wiring, id, path).pipe(traced(wiring, "listDirectory", { "image.id": id, path })),

  downloadFile: (id: Ids.ImageId, path: string) =>
    ApiStream.chunks(
      wiring,
      {
        method: nameOf("downloadFile"),
        verb: "GET",
        ...inspected(id, "download", path),
        headers: { "accept-encoding": "identity" }
      },
      (body, { asked, response }) =>
        // compressed although it was asked not to be
        response.headers["content-encoding"] === undefined ? body : measured(
          body,
          () => HttpDecoded.isUnchecked(response),
          sizeOf(wiring, id, path),
          () => ApiErrors.transport(asked, { text: "the file was cut short", code: undefined }, wiring.scrub)
        )
    ).pipe(tracedPull(wiring, "downloadFile", { "image.id": id, path }), Pull.toStream),

  checkImageFile: (id: Ids.ImageId, path: string) =>
    ApiRequest.exists(wiring, { method: nameOf("checkImageFile"), ...inspected(id, "download", path) }).pipe(
      traced(wiring, "checkImageFile", { "image.id": id, path })
    ),

  archive: (id: Ids.ImageId, path: string) =>
    ApiStream.chunks(
      wiring,
      { method: nameOf("archive"), verb: "GET", ...inspected(id, "archive", path) },
      (body, { asked, response }) =>
        // Only what came compressed can have lost its end unnoticed: fetch says nothing of a missing trailer.
        response.headers["content-encoding"] === undefined ?
          body :
          Tar.complete(
            body,
            () => ApiErrors.transport(asked, { text: "the archive was cut short", code: undefined }, wiring.scrub)
          )
    ).pipe(tracedPull(wiring, "archive", { "image.id": id, path }), Pull.toStream),

  checkArchive: (id: Ids.ImageId, path: string) =>
    ApiRequest.exists(wiring, { method: nameOf("checkArchive"), ...inspected(id, "archive", path) }).pipe(
      traced(wiring, "checkArchive", { "image.id": id, path })
    ),

  grep: (id: Ids.ImageId, query: GrepQuery) =>
    ApiRequest.json(wiring, {
      method: nameOf("grep"),
      verb: "GET",
      path: ["inspect", ApiPath.image(id), "grep"],
      query: {
        pattern: query.pattern,
        path: query.path,
        glob: query.glob,
        max_count: query.max_count,
        max_total: query.max_total,
        case: query.case,
        before: query.before,
        after: query.after
      },
      expected: [404, 410, 422]
    }, Wire.GrepResult).pipe(traced(wiring, "grep", { "image.id": id }))
})
