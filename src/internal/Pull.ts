/**
 * A stream as the effect that gives its next chunk. Each operator of `Stream` is a machine of its own that every chunk goes
 * through; what handles the bytes of every connection works on this instead, and becomes a stream once.
 */
import * as Channel from "effect/Channel"
import type * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

/** fails with nothing at the end */
export type Pull<A, E> = Effect.Effect<Chunk.Chunk<A>, Option.Option<E>>

/** the next chunk; `undefined` at the end */
export const nextOf = <A, E, R>(
  pull: Effect.Effect<Chunk.Chunk<A>, Option.Option<E>, R>
): Effect.Effect<Chunk.Chunk<A> | undefined, E, R> =>
  Effect.catchAll(
    pull,
    Option.match({ onNone: () => Effect.succeed(undefined), onSome: (error: E) => Effect.fail(error) })
  )

export const toStream = <A, E>(pull: Pull<A, E>): Stream.Stream<A, E> => {
  const next = nextOf(pull)
  const loop: Channel.Channel<Chunk.Chunk<A>, unknown, E> = Channel.flatMap(
    Channel.fromEffect(next),
    (chunk) => chunk === undefined ? Channel.void : Channel.flatMap(Channel.write(chunk), () => loop)
  )
  return Stream.fromChannel(loop)
}

/** `Stream.runForEachChunk` without its sink, which costs as much as the rest of a short stream. */
export const forEachChunk = <A, E, R>(
  self: Stream.Stream<A, E, R>,
  use: (chunk: Chunk.Chunk<A>) => void
): Effect.Effect<void, E, R> =>
  Effect.scoped(Effect.flatMap(Stream.toPull(self), (pull) => {
    const loop: Effect.Effect<void, E, R> = Effect.flatMap(nextOf(pull), (chunk) => {
      if (chunk === undefined) return Effect.void
      use(chunk)
      return loop
    })
    return loop
  }))
