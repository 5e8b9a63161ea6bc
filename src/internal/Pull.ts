/**
 * A stream as the effect that gives its next chunk. Each operator of `Stream` is a machine of its own that every chunk goes
 * through; what handles the bytes and events of every connection works on this instead, and becomes a stream once.
 */
import * as Cause from "effect/Cause"
import * as Channel from "effect/Channel"
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as ExecutionStrategy from "effect/ExecutionStrategy"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Tracer from "effect/Tracer"
import * as TimeLimit from "./TimeLimit.js"

/** fails with nothing at the end; not to be asked again after that, nor by two at once */
export type Pull<A, E, R = never> = Effect.Effect<Chunk.Chunk<A>, Option.Option<E>, R>

/** Begins to pull, for as long as the scope lasts. What can begin twice is read from its beginning each time. */
export type Pulled<A, E, E2 = never, R = never> = Effect.Effect<Pull<A, E, R>, E2, R | Scope.Scope>

export const ended: Effect.Effect<never, Option.Option<never>> = Effect.fail(Option.none())

/** the next chunk; `undefined` at the end */
export const nextOf = <A, E, R>(
  pull: Effect.Effect<Chunk.Chunk<A>, Option.Option<E>, R>
): Effect.Effect<Chunk.Chunk<A> | undefined, E, R> =>
  Effect.catchAll(
    pull,
    Option.match({ onNone: () => Effect.succeed(undefined), onSome: (error: E) => Effect.fail(error) })
  )

type Chunks<A, E, R> = Channel.Channel<Chunk.Chunk<A>, unknown, E, unknown, unknown, unknown, R>

const channelOf = <A, E, R>(pull: Pull<A, E, R>): Chunks<A, E, R> => {
  const next = nextOf(pull)
  const loop: Chunks<A, E, R> = Channel.flatMap(
    Channel.fromEffect(next),
    (chunk) => chunk === undefined ? Channel.void : Channel.flatMap(Channel.write(chunk), () => loop)
  )
  return loop
}

/** One machine, where `Channel.unwrapScoped` is two of them. */
const scoped = <A, E, E2, R = never, R2 = never>(
  pulled: Effect.Effect<Pull<A, E, R>, E2, R2>
): Chunks<A, E | E2, R | Exclude<R2, Scope.Scope>> =>
  Channel.flatMap(Channel.fromEffect(Scope.make()), (scope) =>
    Channel.ensuringWith(
      Channel.flatMap(Channel.fromEffect(Scope.extend(pulled, scope)), channelOf),
      (exit) => Scope.close(scope, exit)
    ))

/** what streams were made of */
const origins = new WeakMap<object, unknown>()

export const toStream = <A, E, E2, R = never, R2 = never>(
  pulled: Effect.Effect<Pull<A, E, R>, E2, R2>
): Stream.Stream<A, E | E2, R | Exclude<R2, Scope.Scope>> => {
  const stream = Stream.fromChannel(scoped(pulled))
  origins.set(stream, Effect.mapError(pulled, Option.some))
  return stream
}

/** What a stream was made of, or the stream itself in that shape: so a body goes through no machine on its way to us. */
export const fromStream = <A, E, R>(
  stream: Stream.Stream<A, E, R>
): Pulled<A, E, never, R> => {
  const origin = origins.get(stream) as Pulled<A, E, Option.Option<E>> | undefined
  return origin === undefined ? Stream.toPull(stream) : began(origin)
}

/** What fails to begin fails when it is asked for the first time. */
const began = <A, E>(pulled: Pulled<A, E, Option.Option<E>>): Pulled<A, E> =>
  Effect.scopeWith((scope) => {
    let pull: Pull<A, E> | undefined
    const begin = Effect.flatMap(Scope.extend(pulled, scope), (made) => pull = made)
    return Effect.succeed(Effect.suspend(() => pull ?? begin))
  })

/** What `change` makes of it, anew for each reading: it may keep state. */
export const through = <A, E, R, B, E2>(
  stream: Stream.Stream<A, E, R>,
  change: (pull: Pull<A, E, R>) => Pull<B, E2, R>
): Stream.Stream<B, E2, R> => toStream(Effect.map(fromStream(stream), change))

/** Every chunk of it. */
export const forEachChunk = <A, E, E2>(
  pulled: Pulled<A, E, E2>,
  use: (chunk: Chunk.Chunk<A>) => void
): Effect.Effect<void, E | E2> =>
  Effect.scoped(Effect.flatMap(pulled, (pull) => {
    const next = nextOf(pull)
    const loop: Effect.Effect<void, E> = Effect.flatMap(next, (chunk) => {
      if (chunk === undefined) return Effect.void
      use(chunk)
      return loop
    })
    return loop
  }))

/** What `conclude` finds out when all was read: nothing more comes, or why the end is none. */
export const concluded = <A, E, E2>(pull: Pull<A, E>, conclude: Effect.Effect<void, E2>): Pull<A, E | E2> =>
  Effect.catchAll(
    pull,
    (error): Effect.Effect<never, Option.Option<E | E2>> =>
      Option.isSome(error) ? Effect.fail(error) : Effect.zipRight(Effect.mapError(conclude, Option.some), ended)
  )

/**
 * From now on all of it takes so long at most: what it waits for then is given up, and what is asked for later is refused.
 */
export const limited = <A, E, E2>(
  pull: Pull<A, E>,
  limit: Duration.Duration,
  onLimit: () => E2
): Effect.Effect<Pull<A, E | E2>> =>
  Effect.map(Clock.currentTimeMillis, (begun) =>
    Effect.flatMap(Clock.currentTimeMillis, (now): Pull<A, E | E2> => {
      const left = Duration.subtract(limit, Duration.millis(now - begun))
      const refusal = (): Option.Option<E2> => Option.some(onLimit())
      return Duration.equals(left, Duration.zero) ? Effect.fail(refusal()) : TimeLimit.within(pull, left, refusal)
    }))

/** `last` comes when nothing more comes. */
export const endingWith = <A, E, R>(pull: Pull<A, E, R>, last: () => Chunk.Chunk<A>): Pull<A, E, R> => {
  let isOver = false
  const close = Effect.sync(() => {
    isOver = true
    return last()
  })
  return Effect.suspend((): Pull<A, E, R> =>
    isOver
      ? ended
      : Effect.catchAll(pull, (error): Pull<A, E, R> => Option.isSome(error) ? Effect.fail(error) : close)
  )
}

/**
 * The span begins when reading does, and is the parent of all that it does. It ends with the scope; or with a failure,
 * which whoever reads may take for nothing but the end. It says not where it was made: that is always here.
 */
export const withSpan =
  (name: string, options: Tracer.SpanOptions) =>
  <A, E, E2, R>(self: Pulled<A, E, E2, R>): Pulled<A, E, E2, Exclude<R, Tracer.ParentSpan>> =>
    Effect.gen(function*() {
      const scope = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
      const span = yield* Scope.extend(Effect.makeSpanScoped(name, { captureStackTrace: false, ...options }), scope)
      const fail = (cause: Cause.Cause<unknown>) => Scope.close(scope, Exit.failCause(cause))
      const pull = yield* Effect.tapErrorCause(Effect.withParentSpan(self, span), fail)
      return Effect.catchAllCause(Effect.withParentSpan(pull, span), (cause) => {
        const why = Cause.flipCauseOption(cause)
        return Option.isNone(why) ? ended : Effect.zipRight(fail(why.value), Effect.failCause(cause))
      })
    })

/** these, and then the end */
export const fromArray = <A>(items: ReadonlyArray<A>, then: Effect.Effect<void> = Effect.void): Pulled<A, never> =>
  Effect.sync(() => {
    let isGiven = items.length === 0
    return Effect.suspend(() => {
      if (isGiven) return Effect.zipRight(then, ended)
      isGiven = true
      return Effect.succeed(Chunk.unsafeFromArray([...items]))
    })
  })

/**
 * One after the other, each in a scope of its own that closes before the next one is asked for. `next` gives what is to
 * be read, or nothing for now, and fails like a pull.
 */
export const sequence = <A, E>(
  next: Effect.Effect<Pulled<A, E> | undefined, Option.Option<E>>
): Pulled<A, E> =>
  Effect.map(Effect.scope, (outer) => {
    let current: { readonly pull: Pull<A, E>; readonly scope: Scope.CloseableScope } | undefined
    const open = (pulled: Pulled<A, E>): Effect.Effect<void> =>
      Effect.flatMap(Scope.fork(outer, ExecutionStrategy.sequential), (scope) =>
        Effect.map(Scope.extend(pulled, scope), (pull) => {
          current = { pull, scope }
        }))
    const close = (scope: Scope.CloseableScope, exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
      Effect.uninterruptible(Effect.suspend(() => {
        current = undefined
        return Scope.close(scope, exit)
      }))
    const step: Pull<A, E> = Effect.suspend(() => {
      if (current === undefined) {
        return Effect.flatMap(next, (pulled) =>
          pulled === undefined ? step : Effect.zipRight(open(pulled), step))
      }
      const { pull, scope } = current
      return Effect.catchAll(pull, (error) =>
        Option.isNone(error)
          ? Effect.zipRight(close(scope, Exit.void), step)
          : Effect.zipRight(close(scope, Exit.fail(error.value)), Effect.fail(error)))
    })
    return step
  })
