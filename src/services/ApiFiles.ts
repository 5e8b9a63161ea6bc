/**
 * Uploaded files. Protocol: section 2.2.
 *
 * @since 0.1.0
 */
import * as HttpBody from "@effect/platform/HttpBody"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Stream from "effect/Stream"
import type * as Errors from "../schemas/Errors.js"
import type * as Ids from "../schemas/Ids.js"
import * as Wire from "../schemas/Wire.js"
import * as ApiErrors from "../internal/ApiErrors.js"
import { pageOf } from "./ApiImages.js"
import type { Page, Service } from "./ContreeApi.js"
import * as ApiPath from "../internal/ApiPath.js"
import * as ApiRequest from "../internal/ApiRequest.js"
import type { Wiring } from "../internal/ApiRequest.js"
import { nameOf, traced } from "../internal/ApiSpan.js"
import { withBody } from "../internal/ApiUpload.js"

/** who sends a whole in one piece cannot see it move: a slow line of 64 KiB a second is allowed for */
const slowestMillis = (bytes: number): Duration.Duration => Duration.millis(bytes / 64)

const upload = (wiring: Wiring) => {
  const method = nameOf("uploadFile")
  const asked: ApiErrors.Asked = { method, verb: "POST", url: `${wiring.baseUrl}/v1/files` }

  const send = (
    body: HttpBody.HttpBody,
    options: { readonly timeout: Duration.Duration | "none"; readonly once: boolean }
  ): Effect.Effect<Wire.UploadedFile, Errors.UploadError> =>
    ApiRequest.json(
      wiring,
      { method, verb: "POST", path: ["files"], body, expected: [], ...options },
      Wire.UploadedFile
    )

  return <E = never, R = never>(
    content: Uint8Array | Stream.Stream<Uint8Array, E, R>,
    options: { readonly size?: number | undefined } = {}
  ): Effect.Effect<Wire.UploadedFile, Errors.UploadError | E, R> =>
    Predicate.isUint8Array(content)
      ? send(HttpBody.uint8Array(content), {
        timeout: Duration.sum(wiring.requestTimeout, slowestMillis(content.length)),
        once: false
      })
      : withBody<E, R, Wire.UploadedFile, Errors.UploadError, never>(content, {
        size: options.size,
        idleTimeout: wiring.idleTimeout,
        answerTimeout: wiring.requestTimeout,
        onTimeout: (timeout, what) => ApiErrors.timedOut(asked, timeout, what),
        onSize: (given, size) =>
          ApiErrors.brokenOff(
            asked,
            given > size
              ? `the stream had ${given} bytes and went on, where size says ${size}`
              : `the stream ended after ${given} bytes, where size says ${size}`
          )
      }, (body) => send(body, { timeout: "none", once: true }))
}

/** @internal */
export const make = (wiring: Wiring): Pick<Service, "listFiles" | "uploadFile" | "getFile" | "checkFile"> => {
  const uploadFile = upload(wiring)
  return {
    listFiles: (query: Page = {}) =>
      ApiRequest.json(wiring, {
        method: nameOf("listFiles"),
        verb: "GET",
        path: ["files"],
        query: { ...pageOf(query) },
        expected: []
      }, Wire.FileList).pipe(Effect.map(({ files }) => files), traced(wiring, "listFiles")),

    uploadFile: <E = never, R = never>(
      content: Uint8Array | Stream.Stream<Uint8Array, E, R>,
      options?: { readonly size?: number | undefined }
    ): Effect.Effect<Wire.UploadedFile, Errors.UploadError | E, R> =>
      uploadFile(content, options).pipe(traced(wiring, "uploadFile", { "file.size": options?.size })),

    getFile: (sha256: Ids.Sha256) =>
      ApiRequest.json(wiring, {
        method: nameOf("getFile"),
        verb: "GET",
        path: ["files", ApiPath.sha256(sha256)],
        expected: [404]
      }, Wire.File).pipe(traced(wiring, "getFile", { "file.sha256": sha256 })),

    checkFile: (sha256: Ids.Sha256) =>
      ApiRequest.exists(wiring, {
        method: nameOf("checkFile"),
        path: ["files", ApiPath.sha256(sha256)],
        expected: []
      }).pipe(traced(wiring, "checkFile", { "file.sha256": sha256 }))
  }
}
