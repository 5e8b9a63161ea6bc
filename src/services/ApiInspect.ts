/**
 * Looking into images. Protocol: section 2.5.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as ApiErrors from "../internal/ApiErrors.js"
import * as ApiPath from "../internal/ApiPath.js"
import * as ApiRequest from "../internal/ApiRequest.js"
import { nameOf, traced, tracedStream } from "../internal/ApiSpan.js"
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

/** the last part of the path that says something, whatever the prefix and the slash at the end */
const idOf = (location: string): string | undefined =>
  location.replace(/[?#].*$/s, "").split("/").filter((part) => part !== "").at(-1)

const inspected = (id: Ids.ImageId, route: string, path: string) => ({
  path: ["inspect", ApiPath.image(id), route],
  query: { path },
  expected: [404, 410, 422] as const
})

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
        const id = idOf(location)
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
    ApiRequest.json(
      wiring,
      { method: nameOf("listDirectory"), verb: "GET", ...inspected(id, "list", path) },
      Wire.DirectoryList
    ).pipe(traced(wiring, "listDirectory", { "image.id": id, path })),

  downloadFile: (id: Ids.ImageId, path: string) =>
    ApiRequest.bytes(wiring, {
      method: nameOf("downloadFile"),
      verb: "GET",
      ...inspected(id, "download", path)
    }).pipe(tracedStream(wiring, "downloadFile", { "image.id": id, path })),

  checkImageFile: (id: Ids.ImageId, path: string) =>
    ApiRequest.exists(wiring, { method: nameOf("checkImageFile"), ...inspected(id, "download", path) }).pipe(
      traced(wiring, "checkImageFile", { "image.id": id, path })
    ),

  archive: (id: Ids.ImageId, path: string) =>
    ApiRequest.bytes(
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
    ).pipe(tracedStream(wiring, "archive", { "image.id": id, path })),

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
