/** Answers that are read as they come. */
import * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import * as ApiErrors from "./ApiErrors.js"
import type { Asked, Extra, StatusError } from "./ApiErrors.js"
import * as ApiRequest from "./ApiRequest.js"
import type { Call, Wiring } from "./ApiRequest.js"
import * as Pull from "./Pull.js"
import * as TimeLimit from "./TimeLimit.js"

/** an open answer: the status is known to be good, the body is still to be read */
interface Opened {
  readonly asked: Asked
  readonly response: ApiRequest.Response
}

/** each try has its own scope, closed when it fails; that of the last one ends with the caller's */
const open = <X extends Extra>(wiring: Wiring, call: Call<X>): Effect.Effect<Opened, StatusError<X>, Scope.Scope> =>
  ApiRequest.again(wiring, call)(Effect.uninterruptibleMask((restore) =>
    Effect.gen(function*() {
      const outer = yield* Effect.scope
      const scope = yield* Scope.make()
      const opened = yield* restore(
        ApiRequest.attempt(
          wiring,
          call,
          ApiRequest.isOk,
          (response, asked) => Effect.succeed<Opened>({ asked, response }),
          HttpClient.withScope(wiring.client)
        )
      ).pipe(
        Scope.extend(scope),
        Effect.onError((cause) => Scope.close(scope, Exit.failCause(cause)))
      )
      yield* Scope.addFinalizerExit(outer, (exit) => Scope.close(scope, exit))
      return opened
    })
  ))

/** The chunks of an open answer; it fails when not one comes for the idle timeout. */
const pulled = <X extends Extra>(
  wiring: Wiring,
  { asked, response }: Opened
): Pull.Pulled<Uint8Array, StatusError<X>> => {
  const idle = () => Option.some(ApiErrors.timedOut(asked, "idle", "no byte came within the idle timeout"))
  // Some clients call no body at all an error.
  const said = Option.flatMap((error: HttpClientError.ResponseError) =>
    error.reason === "EmptyBody" ? Option.none() : Option.some(ApiErrors.fromHttp(asked, wiring.scrub)(error))
  )
  return Effect.map(
    Pull.fromStream(response.stream),
    (pull) => TimeLimit.within(Effect.mapError(pull, said), wiring.idleTimeout, idle)
  )
}

/**
 * The bytes of an answer as they come; it fails when not one comes for the idle timeout. `check` sees all of them on their
 * way.
 */
export const chunks = <X extends Extra, E = never>(
  wiring: Wiring,
  call: Call<X>,
  check: (
    body: Pull.Pull<Uint8Array, StatusError<X>>,
    opened: Opened
  ) => Pull.Pull<Uint8Array, StatusError<X> | E> = (body) => body
): Pull.Pulled<Uint8Array, StatusError<X> | E, StatusError<X>> =>
  Effect.flatMap(open(wiring, call), (opened) => Effect.map(pulled<X>(wiring, opened), (body) => check(body, opened)))
