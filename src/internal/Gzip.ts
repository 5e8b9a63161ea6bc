/**
 * gzip through `DecompressionStream`: it hands on what a flush made readable at once, reads all members, and fails on a
 * body without its trailer.
 */
import * as Cause from "effect/Cause"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

const ignore = (): void => undefined

/** is this the start of a gzip member? */
export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b

/**
 * `onCorrupt` makes the error of a body that is no gzip or ends early. What fails upstream fails here unchanged.
 */
export const gunzip = <E, R, E2>(
  self: Stream.Stream<Uint8Array, E, R>,
  onCorrupt: (reason: string) => E2
): Stream.Stream<Uint8Array, E | E2, R> =>
  Stream.unwrapScoped(Effect.gen(function*() {
    const codec = new DecompressionStream("gzip")
    const writer = codec.writable.getWriter()
    const reader = codec.readable.getReader()
    // Both promises reject beside the read and the write that report the failure already.
    writer.closed.catch(ignore)
    reader.closed.catch(ignore)
    let upstream: Cause.Cause<E> | undefined

    // Not awaited: an abort waits for a write that nobody will take any more.
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        reader.cancel().catch(ignore)
        writer.abort().catch(ignore)
      })
    )
    const write = (bytes: Uint8Array) =>
      // A failed write is reported by the reader; a copy, because a codec may keep what it is given.
      Effect.promise(() => writer.write(new Uint8Array(bytes)).catch(ignore))
    yield* self.pipe(
      Stream.runForEach(write),
      Effect.matchCauseEffect({
        onSuccess: () => Effect.promise(() => writer.close().catch(ignore)),
        onFailure: (cause) =>
          Effect.promise(() => {
            upstream = cause
            return writer.abort().catch(ignore)
          })
      }),
      Effect.forkScoped
    )
    const read = Effect.tryPromise({
      try: () => reader.read(),
      catch: (error) => onCorrupt(error instanceof Error ? error.message : String(error))
    })
    const pull = Effect.matchCauseEffect(read, {
      onSuccess: (next): Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<E | E2>> =>
        next.done ? Effect.fail(Option.none()) : Effect.succeed(Chunk.of(next.value)),
      onFailure: (cause): Effect.Effect<never, Option.Option<E | E2>> =>
        Effect.failCause(Cause.map<E | E2, Option.Option<E | E2>>(upstream ?? cause, Option.some))
    })
    return Stream.repeatEffectChunkOption(pull)
  }))
