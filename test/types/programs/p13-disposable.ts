import { Effect, Stream } from "effect"
import { Command, type Errors, type Image } from "effect-contree"

declare const kept: Image.KeptImage
declare const disposed: Image.DisposedImage
declare const either: Image.Image
const cmd = Command.exec("true")

/** A program whose every failure has been dealt with. */
type Settled<A> = Effect.Effect<A>

// what is left of a disposable run fails with this error and no other, and whoever goes on has to deal with it
// @ts-expect-error
export const unhandled: Settled<unknown> = disposed.run(cmd)
export const handled: Settled<string> = disposed.run(cmd).pipe(
  Effect.catchTag("DisposableImageRunError", (error) => Effect.succeed(error.message))
)
export const only: Effect.Effect<never, Errors.DisposableImageRunError> = disposed.readText("/a")
// @ts-expect-error there is nothing else to catch
disposed.run(cmd).pipe(Effect.catchTag("NotFoundError", () => Effect.void))

// the same through a chain, a stream, a scratch scope, and a handle that may be either
const chain = Effect.gen(function*() {
  const first = yield* kept.run(cmd)
  return yield* first.image.run(cmd)
})
// @ts-expect-error
export const chained: Effect.Effect<never, Exclude<Errors.RunError, Errors.DisposableImageRunError>> = chain
// @ts-expect-error
export const streamed: Stream.Stream<unknown> = disposed.stream(cmd)
// @ts-expect-error
export const scratched: Settled<unknown> = Effect.scoped(kept.scratch)
// @ts-expect-error
export const eitherOf: Settled<unknown> = either.run(cmd).pipe(
  Effect.catchAll((error) => error._tag === "DisposableImageRunError" ? Effect.fail(error) : Effect.void)
)

// a tag needs an image that stays
// @ts-expect-error
disposed.tagAs("a:1").pipe(Effect.catchTag("ConflictError", () => Effect.void))
// @ts-expect-error
disposed.id.value
// @ts-expect-error
export const asKept: Image.KeptImage = disposed
