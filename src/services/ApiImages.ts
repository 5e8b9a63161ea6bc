/**
 * Images and their tags. Protocol: section 2.1.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { created, operationAt } from "../internal/ApiCreate.js"
import { jsonBody } from "../internal/ApiJson.js"
import * as ApiPath from "../internal/ApiPath.js"
import * as ApiRequest from "../internal/ApiRequest.js"
import { nameOf, traced } from "../internal/ApiSpan.js"
import { credentialScrubber, secretsOf } from "../internal/CredentialScrub.js"
import type * as Ids from "../schemas/Ids.js"
import * as Wire from "../schemas/Wire.js"
import type { ImageQuery, Page, Service } from "./ContreeApi.js"

/**
 * Of a query, the parameters that the wire knows.
 *
 * @internal
 */
export const pageOf = (query: Page): Page => ({
  limit: query.limit,
  offset: query.offset,
  since: query.since,
  until: query.until
})

/** @internal */
export const make = (
  wiring: ApiRequest.Wiring
): Pick<Service, "listImages" | "setImageTag" | "deleteImageTag" | "importImage"> => ({
  listImages: (query: ImageQuery = {}) =>
    ApiRequest.json(wiring, {
      method: nameOf("listImages"),
      verb: "GET",
      path: ["images"],
      query: { ...pageOf(query), tagged: query.tagged, tag: query.tag, uuid: query.uuid },
      expected: []
    }, Wire.ImageList).pipe(Effect.map(({ images }) => images), traced(wiring, "listImages")),

  setImageTag: (id: Ids.ImageId, tag: string) =>
    Effect.flatMap(
      jsonBody(wiring, nameOf("setImageTag"), Wire.TagRequest, { tag }),
      (body) =>
        ApiRequest.json(wiring, {
          method: nameOf("setImageTag"),
          verb: "PATCH",
          path: ["images", ApiPath.image(id), "tag"],
          body,
          expected: [404, 409],
          idempotent: true
        }, Wire.Image)
    ).pipe(traced(wiring, "setImageTag", { "image.id": id, "image.tag": tag })),

  deleteImageTag: (id: Ids.ImageId, tag?: string) =>
    ApiRequest.empty(wiring, {
      method: nameOf("deleteImageTag"),
      verb: "DELETE",
      path: ["images", ApiPath.image(id), "tag"],
      query: { tag },
      expected: [404, 409]
    }).pipe(traced(wiring, "deleteImageTag", { "image.id": id, "image.tag": tag })),

  importImage: (request: Wire.ImageImportRequest) => {
    const { scrub } = wiring
    const hide = credentialScrubber(request.registry.credentials)
    // what the server says of it, now or of the operation later, may repeat what it was sent
    for (const secret of secretsOf(request.registry.credentials)) wiring.learn(secret)
    const own: ApiRequest.Wiring = { ...wiring, scrub: (text) => hide(scrub(text)) }
    return Effect.flatMap(
      jsonBody(own, nameOf("importImage"), Wire.ImageImportRequest, request),
      (body) =>
        created(
          own,
          {
            method: nameOf("importImage"),
            path: ["images", "import"],
            body,
            expected: [404, 425]
          },
          Wire.OperationCreated,
          operationAt
        )
    ).pipe(Effect.map(({ uuid }) => uuid), traced(own, "importImage"))
  }
})
