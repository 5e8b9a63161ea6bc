/**
 * The names of images: set so that a scratch that closes meanwhile takes them away, and read as they are shown.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Insistence from "../internal/Insistence.js"
import * as RunAttempt from "../internal/RunAttempt.js"
import * as RunGate from "../internal/RunGate.js"
import { shielded } from "../internal/RunShielded.js"
import type * as Errors from "../schemas/Errors.js"
import type * as Ids from "../schemas/Ids.js"
import * as Timestamp from "../schemas/Timestamp.js"
import type * as Wire from "../schemas/Wire.js"
import type { Info } from "./Image.js"
import type { Gated } from "./Machine.js"
import * as RunRequest from "./RunRequest.js"

/**
 * Noted before it is set: were it the other way, an interruption between the two would leave a tag that no scope removes.
 * The gate waits for it, since a tag that is set after the tags were removed would stay.
 *
 * @internal
 */
export const put = (
  method: string,
  { api, gate }: Gated,
  id: Ids.ImageId,
  tag: Ids.Tag
): Effect.Effect<void, Errors.TagError> =>
  gate.check(method).pipe(
    Effect.zipRight(gate.tagged(id, tag)),
    Effect.zipRight(api.setImageTag(id, tag)),
    Effect.tapError((error) => wasRefused(error) ? gate.untagged(id, tag) : Effect.void),
    Effect.asVoid,
    RunGate.awaited(gate, RunAttempt.grace)
  )

/** Only such an answer says that the tag was not set: what broke, or failed in the server, may have set it. */
const wasRefused = (error: Errors.TagError): boolean =>
  "status" in error && error.status !== undefined && error.status >= 400 && error.status < 500

/**
 * Names the image that was kept. The run has succeeded and cannot be taken back, so a conflict says what is there.
 *
 * @internal
 */
export const set = (
  deps: Gated,
  id: Ids.ImageId,
  tag: Ids.Tag,
  say: (description: string) => Errors.FailedOperationError
): Effect.Effect<void, Errors.FailedOperationError | Errors.LookupError> =>
  put("Image.run", deps, id, tag).pipe(
    Effect.catchTags({
      ConflictError: (e) =>
        say(
          `the image ${id} was kept, but could not be tagged ${tag}: ${
            e.description ?? "a conflict"
          }; tagAs tries again`
        ),
      DisposableImageRunError: (e) =>
        say(`the image ${id} was kept, but not tagged ${tag}: ${e.description ?? "closed"}`)
    })
  )

/**
 * What the end of a scope can do about a tag, in bounded time; one that is gone or has moved on is well.
 *
 * @internal
 */
export const remove = (api: Gated["api"]) => (id: Ids.ImageId, tag: string): Effect.Effect<void> =>
  shielded(
    Effect.catchTag(
      Insistence.insisting(api.deleteImageTag(id, tag)),
      "NotFoundError",
      "ConflictError",
      () => Effect.void
    ),
    removeTimeout
  ).pipe(
    Effect.matchEffect({
      onFailure: (e) => tagStays(id, tag, e.message),
      onSuccess: (answer) => Option.isSome(answer) ? Effect.void : tagStays(id, tag, "the server did not answer")
    })
  )

const tagStays = (id: Ids.ImageId, tag: string, why: string): Effect.Effect<void> =>
  Effect.logWarning(`The tag ${tag}, set in a scratch, stays on image ${id}: ${why}`)

const removeTimeout = Duration.seconds(10)

/**
 * A tag as a listing shows it; one we could not send back is none.
 *
 * @internal
 */
export const read = (text: string | null | undefined): Option.Option<Ids.Tag> =>
  text === null || text === undefined ? Option.none() : Option.getRight(RunRequest.tag("Image", text))

/**
 * @internal
 */
export const infoOf = (image: Wire.Image): Info => ({
  id: image.uuid,
  tag: read(image.tag),
  createdAt: Option.map(Option.fromNullable(image.created_at), Timestamp.toDateTime),
  operationId: Option.fromNullable(image.operation_uuid)
})
