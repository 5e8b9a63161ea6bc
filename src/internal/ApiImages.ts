/** Images and what is in them. Protocol: sections 2.1 and 2.5. */
import * as HttpBody from "@effect/platform/HttpBody"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import type * as Errors from "../schemas/Errors.js"
import * as Ids from "../schemas/Ids.js"
import * as Wire from "../schemas/Wire.js"
import * as ApiErrors from "./ApiErrors.js"
import * as ApiPath from "./ApiPath.js"
import * as ApiRequest from "./ApiRequest.js"
import type { Wiring } from "./ApiRequest.js"
import { nameOf, traced, tracedStream } from "./ApiSpan.js"
import * as Tar from "./TarEnd.js"

export interface Page {
  readonly limit?: number | undefined
  readonly offset?: number | undefined
  readonly since?: string | undefined
  readonly until?: string | undefined
}

interface ImageQuery extends Page {
  readonly tagged?: boolean | undefined
  readonly tag?: string | undefined
  readonly uuid?: Ids.ImageId | undefined
}

interface GrepQuery {
  readonly pattern: ReadonlyArray<string>
  readonly path?: ReadonlyArray<string> | undefined
  readonly glob?: ReadonlyArray<string> | undefined
  readonly max_count?: number | undefined
  readonly max_total?: number | undefined
  readonly case?: "sensitive" | "insensitive" | "smart" | undefined
  readonly before?: number | undefined
  readonly after?: number | undefined
}

/** of a query, the parameters that the wire knows */
export const pageOf = (query: Page): Page => ({
  limit: query.limit,
  offset: query.offset,
  since: query.since,
  until: query.until
})

/** a body in JSON, checked before anything is sent */
export const jsonBody = <A, I>(
  wiring: Wiring,
  method: string,
  schema: Schema.Schema<A, I>,
  value: A
): Either.Either<HttpBody.HttpBody, Errors.BadRequestError> =>
  Either.mapBoth(Schema.encodeEither(schema)(value), {
    onLeft: (error) => ApiErrors.refused({ method }, ApiErrors.issuesOf(error), wiring.scrub),
    onRight: (encoded) => HttpBody.unsafeJson(encoded)
  })

export const make = (wiring: Wiring) => ({
  listImages: (query: ImageQuery = {}) =>
    ApiRequest.json(wiring, {
      method: nameOf("listImages"),
      verb: "GET",
      path: ["images"],
      query: { ...pageOf(query), tagged: query.tagged, tag: query.tag, uuid: query.uuid },
      expected: []
    }, Wire.ImageList).pipe(Effect.map(({ images }) => images), traced("listImages")),

  setImageTag: (id: Ids.ImageId, tag: string) =>
    Effect.flatMap(jsonBody(wiring, nameOf("setImageTag"), Wire.TagRequest, { tag }), (body) =>
      ApiRequest.json(wiring, {
        method: nameOf("setImageTag"),
        verb: "PATCH",
        path: ["images", ApiPath.image(id), "tag"],
        body,
        expected: [404, 409]
      }, Wire.Image)).pipe(traced("setImageTag", { "image.id": id, "image.tag": tag })),

  deleteImageTag: (id: Ids.ImageId, tag?: string) =>
    ApiRequest.empty(wiring, {
      method: nameOf("deleteImageTag"),
      verb: "DELETE",
      path: ["images", ApiPath.image(id), "tag"],
      query: { tag },
      expected: [404, 409]
    }).pipe(traced("deleteImageTag", { "image.id": id, "image.tag": tag })),

  importImage: (request: Wire.ImageImportRequest) =>
    Effect.flatMap(jsonBody(wiring, nameOf("importImage"), Wire.ImageImportRequest, request), (body) =>
      ApiRequest.json(wiring, {
        method: nameOf("importImage"),
        verb: "POST",
        path: ["images", "import"],
        body,
        expected: [404, 425]
      }, Wire.OperationCreated)).pipe(Effect.map(({ uuid }) => uuid), traced("importImage"))
})

const isImageId = Schema.is(Ids.ImageId)

/** the last part of the path that says something, whatever the prefix and the slash at the end */
const idOf = (location: string): string | undefined =>
  location.replace(/[?#].*$/s, "").split("/").filter((part) => part !== "").at(-1)

const inspected = (id: Ids.ImageId, route: string, path: string) => ({
  path: ["inspect", ApiPath.image(id), route],
  query: { path },
  expected: [404, 410, 422] as const
})

export const inspect = (wiring: Wiring) => ({
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
        const id = idOf(location)
        if (isImageId(id)) return Effect.succeed(id)
        const asked = { ...call, url: `${wiring.baseUrl}/v1/inspect/` }
        return Effect.fail(ApiErrors.undecodable(asked, `no image id in the Location "${location}"`, wiring.scrub))
      }),
      traced("findImageByTag", { "image.tag": tag })
    )
  },

  inspectImage: (id: Ids.ImageId) =>
    ApiRequest.json(wiring, {
      method: nameOf("inspectImage"),
      verb: "GET",
      path: ["inspect", ApiPath.image(id), ""],
      expected: [404]
    }, Wire.Image).pipe(traced("inspectImage", { "image.id": id })),

  listDirectory: (id: Ids.ImageId, path: string) =>
    ApiRequest.json(
      wiring,
      { method: nameOf("listDirectory"), verb: "GET", ...inspected(id, "list", path) },
      Wire.DirectoryList
    ).pipe(traced("listDirectory", { "image.id": id, path })),

  downloadFile: (id: Ids.ImageId, path: string) =>
    ApiRequest.bytes(wiring, {
      method: nameOf("downloadFile"),
      verb: "GET",
      ...inspected(id, "download", path)
    }).pipe(tracedStream("downloadFile", { "image.id": id, path })),

  checkImageFile: (id: Ids.ImageId, path: string) =>
    ApiRequest.exists(wiring, { method: nameOf("checkImageFile"), ...inspected(id, "download", path) }).pipe(
      traced("checkImageFile", { "image.id": id, path })
    ),

  archive: (id: Ids.ImageId, path: string) =>
    ApiRequest.bytes(
      wiring,
      { method: nameOf("archive"), verb: "GET", ...inspected(id, "archive", path) },
      (body, { asked, response }) =>
        // Only what came compressed can have lost its end unnoticed: fetch says nothing of a missing trailer.
        response.headers["content-encoding"] === undefined ? body : Tar.complete(body, () =>
          ApiErrors.transport(asked, { text: "the archive was cut short", code: undefined }, wiring.scrub))
    ).pipe(tracedStream("archive", { "image.id": id, path })),

  checkArchive: (id: Ids.ImageId, path: string) =>
    ApiRequest.exists(wiring, { method: nameOf("checkArchive"), ...inspected(id, "archive", path) }).pipe(
      traced("checkArchive", { "image.id": id, path })
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
    }, Wire.GrepResult).pipe(traced("grep", { "image.id": id }))
})

