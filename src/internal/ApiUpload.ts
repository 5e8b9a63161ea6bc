/** A stream as the body of a request: the caller's own error comes out as it is, and a stalled server is noticed. */
import * as HttpBody from "@effect/platform/HttpBody"
import type * as Cause from "effect/Cause"
import type * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

export interface Upload<E2> {
  /** in bytes; without it the body goes in pieces of unknown number */
  readonly size: number | undefined
  /** how long the server may take no byte */
  readonly idleTimeout: Duration.Duration
  /** how long its answer may take after the last byte */
  readonly answerTimeout: Duration.Duration
  readonly onTimeout: (timeout: "request" | "idle", what: string) => E2
  readonly onSize: (given: number, size: number) => E2
}

/** who is being waited for, since when; a caller may take as long as it likes */
interface Progress {
  waiting: "server" | "caller" | "answer"
  since: number
  bytes: number
}

const watch = <E2>(progress: Progress, upload: Upload<E2>): Effect.Effect<never, E2> =>
  Effect.gen(function*() {
    for (;;) {
      const limit = progress.waiting === "answer" ? upload.answerTimeout : upload.idleTimeout
      const now = yield* Clock.currentTimeMillis
      const left = Duration.toMillis(limit) - (progress.waiting === "caller" ? 0 : now - progress.since)
      if (left <= 0) {
        return yield* Effect.fail(
          progress.waiting === "answer"
            ? upload.onTimeout("request", "no answer within the request timeout after the last byte")
            : upload.onTimeout("idle", `the server took no byte within the idle timeout, after ${progress.bytes} bytes`)
        )
      }
      yield* Effect.sleep(left)
    }
  })

type Pull<E, R> = Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<E>, R>

const marked = <E, R, E2>(
  content: Stream.Stream<Uint8Array, E, R>,
  progress: Progress,
  upload: Upload<E2>
): Stream.Stream<Uint8Array, E | E2, R> => {
  const mark = (waiting: Progress["waiting"]) =>
    Effect.map(Clock.currentTimeMillis, (now) => {
      progress.waiting = waiting
      progress.since = now
    })
  const checkSize = (isEnd: boolean) =>
    upload.size !== undefined && (isEnd ? progress.bytes < upload.size : progress.bytes > upload.size)
      ? Effect.fail(Option.some(upload.onSize(progress.bytes, upload.size)))
      : Effect.void
  return Stream.unwrapScoped(
    Effect.map(Stream.toPull(content), (pull: Pull<E | E2, R>) =>
      Stream.repeatEffectChunkOption(
        mark("caller").pipe(
          Effect.zipRight(pull),
          Effect.tap((chunk) => {
            for (const bytes of chunk) progress.bytes += bytes.length
            return Effect.zipRight(checkSize(false), mark("server"))
          }),
          Effect.tapError((end) => Option.isNone(end) ? Effect.zipRight(checkSize(true), mark("answer")) : Effect.void)
        )
      ))
  )
}

/**
 * `send` gets a body that never fails: when the content does, the request is broken off, and the content's own failure
 * is the result. A client would wrap it, and some would take the end of the stream for the end of the body.
 */
export const withBody = <E, R, A, E2, R2>(
  content: Stream.Stream<Uint8Array, E, R>,
  upload: Upload<E2>,
  send: (body: HttpBody.HttpBody) => Effect.Effect<A, E2, R2>
): Effect.Effect<A, E | E2, R | R2> =>
  Effect.gen(function*() {
    const context = yield* Effect.context<R>()
    const failed = yield* Deferred.make<never, E | E2>()
    const progress: Progress = { waiting: "server", since: yield* Clock.currentTimeMillis, bytes: 0 }
    const body = marked(content, progress, upload).pipe(
      Stream.provideContext(context),
      // An empty piece would end a body that is sent in pieces.
      Stream.filter((bytes) => bytes.length > 0),
      Stream.catchAllCause((cause: Cause.Cause<E | E2>) =>
        Stream.fromEffect(Effect.zipRight(Deferred.failCause(failed, cause), Effect.never))
      )
    )
    return yield* send(HttpBody.stream(body, "application/octet-stream", upload.size)).pipe(
      Effect.raceFirst(Deferred.await(failed)),
      Effect.raceFirst(watch(progress, upload))
    )
  })
