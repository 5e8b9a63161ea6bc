/** One request: sent, bounded in time, its status judged, its answer read, and sent again where that is allowed. */
import type * as HttpBody from "@effect/platform/HttpBody"
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type * as Errors from "../schemas/Errors.js"
import * as ApiBody from "./ApiBody.js"
import * as ApiErrors from "./ApiErrors.js"
import type { Asked, Extra, StatusError } from "./ApiErrors.js"
import * as ApiPath from "./ApiPath.js"
import { readableText } from "./HttpText.js"
import type { Scrub } from "./HttpText.js"
import * as Insistence from "./Insistence.js"
import { retried } from "./Retry.js"
import * as TimeLimit from "./TimeLimit.js"

/** what all requests share */
export interface Wiring {
  readonly client: HttpClient.HttpClient
  readonly baseUrl: string
  readonly scrub: Scrub
  /** takes this out of what comes from now on, too */
  readonly learn: (secret: string) => void
  readonly retry: Schedule.Schedule<unknown, Errors.ContreeError>
  readonly requestTimeout: Duration.Duration
  readonly idleTimeout: Duration.Duration
}

export interface Call<X extends Extra> extends ApiPath.Target {
  /** the program's name for it */
  readonly method: string
  readonly verb: Asked["verb"]
  /** the statuses, beside those of every request, that the method has errors for */
  readonly expected: ReadonlyArray<X>
  readonly operationId?: Asked["operationId"]
  readonly idempotent?: Asked["idempotent"]
  readonly headers?: Readonly<Record<string, string>> | undefined
  readonly body?: HttpBody.HttpBody | undefined
  /** instead of the request timeout; `"none"` where somebody else keeps the time */
  readonly timeout?: Duration.Duration | "none" | undefined
  /** never sent again, whatever the answer */
  readonly once?: boolean | undefined
}

export type Response = HttpClientResponse.HttpClientResponse

/** anything longer is no answer of this API: the largest are lists of 1000 and two outputs of 10 MiB in base64 */
const maxJson = 128 * 1024 * 1024

export const isOk = (status: number): boolean => status >= 200 && status < 300

interface Prepared {
  readonly asked: Asked
  readonly request: HttpClientRequest.HttpClientRequest
}

const prepare = <X extends Extra>(wiring: Wiring, call: Call<X>): Either.Either<Prepared, Errors.BadRequestError> =>
  Either.mapBoth(ApiPath.build(call), {
    onLeft: (what) => ApiErrors.refused(call, what, wiring.scrub),
    onRight: ({ path, query }) => {
      const request = HttpClientRequest.make(call.verb)(`${path}${query}`, { headers: call.headers ?? {} })
      return {
        asked: {
          method: call.method,
          verb: call.verb,
          url: `${wiring.baseUrl}/v1${path}`,
          operationId: call.operationId,
          idempotent: call.idempotent
        },
        request: call.body === undefined ? request : HttpClientRequest.setBody(request, call.body)
      }
    }
  })

const failStatus = <X extends Extra>(wiring: Wiring, asked: Asked, expected: ReadonlyArray<X>, response: Response) =>
  Effect.flatMap(
    Effect.zip(ApiBody.errorText(response, wiring.scrub), Clock.currentTimeMillis),
    ([description, now]): Effect.Effect<never, StatusError<X>> => {
      const answer = { status: response.status, headers: response.headers, description, now }
      return Effect.fail(ApiErrors.fromStatus(asked, expected, answer, wiring.scrub))
    }
  )

/** Reads the body, or as much of it as it wants: what is left of it is given up then. */
type Read<X extends Extra, A> = (response: Response, asked: Asked) => Effect.Effect<A, StatusError<X>>

/**
 * The client gives the connection up when it is interrupted, also while the body is read. Where that is read later,
 * `client` does so when a scope closes.
 */
export const attempt = <X extends Extra, A, R = never>(
  wiring: Wiring,
  call: Call<X>,
  accepts: (status: number) => boolean,
  read: Read<X, A>,
  client: HttpClient.HttpClient.With<HttpClientError.HttpClientError, R>
): Effect.Effect<A, StatusError<X>, R> =>
  Effect.flatMap(prepare(wiring, call), ({ asked, request }) => {
    const exchange = client.execute(request).pipe(
      Effect.mapError(ApiErrors.fromHttp(asked, wiring.scrub)),
      Effect.flatMap((response) =>
        accepts(response.status)
          ? read(response, asked)
          : failStatus(wiring, asked, call.expected, response)
      )
    )
    const timeout = call.timeout ?? wiring.requestTimeout
    return timeout === "none" ? Effect.interruptible(exchange) : TimeLimit.within(
      exchange,
      timeout,
      () => ApiErrors.timedOut(asked, "request", "no complete answer within the request timeout")
    )
  })

export const again =
  <X extends Extra>(wiring: Wiring, call: Call<X>) =>
  <A, R>(self: Effect.Effect<A, StatusError<X>, R>): Effect.Effect<A, StatusError<X>, R> => {
    if (call.once === true) return self
    const idempotent = ApiErrors.isIdempotent(call)
    const tries = retried(wiring.retry, idempotent)
    return idempotent ? onNewConnection(self, tries) : tries(self)
  }

/**
 * A connection that was kept open may have been closed by the server while we took it for another request: that says
 * nothing about the server, so whatever the policy, it is not the only try.
 */
const onNewConnection = <A, E extends Errors.ContreeError, R>(
  self: Effect.Effect<A, E, R>,
  tries: (self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
): Effect.Effect<A, E, R> =>
  Effect.suspend(() => {
    let sent = 0
    const counted = Effect.suspend(() => {
      sent++
      return self
    })
    return Effect.catchAll(
      tries(counted),
      (error): Effect.Effect<A, E, R> => sent === 1 && ApiErrors.isLost(error) ? self : Effect.fail(error)
    )
  })

const exchanged = <X extends Extra, A>(
  wiring: Wiring,
  call: Call<X>,
  read: Read<X, A>,
  accepts: (status: number) => boolean = isOk
): Effect.Effect<A, StatusError<X>> =>
  again(wiring, call)(Insistence.exchange(attempt(wiring, call, accepts, read, wiring.client)))

/**
 * Only what came compressed can have lost its end unnoticed: fetch says nothing of a missing trailer. What was to be
 * JSON then breaks off in the middle, or before its beginning.
 */
const mayBeCut = (response: Response, text: string): boolean =>
  response.headers["content-encoding"] !== undefined && /^\s*(?:[[{]|$)/.test(text)

/** what a `Location` says of the answer, if it says it */
export type Named<A> = (location: string) => A | undefined

/** how long a body may take that says what its head has said already */
const repetition = Duration.seconds(5)

/** What the head of an answer has told is known, whatever becomes of its body. */
const orNamed = <A, E>(body: Effect.Effect<A, E>, known: A | undefined): Effect.Effect<A, E> =>
  known === undefined ? body : body.pipe(
    (read) => TimeLimit.within(read, repetition, () => known),
    Effect.catchAll(() => Effect.succeed(known))
  )

/**
 * an answer in JSON, decoded; properties that the schema does not name are dropped; `named` reads in the `Location` what
 * a body that breaks off, or does not come, would have said
 */
export const json = <X extends Extra, A, I>(
  wiring: Wiring,
  call: Call<X>,
  schema: Schema.Schema<A, I>,
  named: Named<A> = () => undefined
): Effect.Effect<A, StatusError<X>> => {
  const decode = Schema.decodeUnknownEither(schema)
  return exchanged(wiring, call, (response, asked) => {
    const undecodable = (what: string) =>
      Effect.fail(ApiErrors.undecodable(asked, `status ${response.status}, ${what}`, wiring.scrub))
    const read = Effect.flatMap(
      Effect.mapError(ApiBody.text(response, maxJson), ApiErrors.fromHttp(asked, wiring.scrub)),
      (text): Effect.Effect<A, StatusError<X>> => {
        if (text === undefined) return undecodable(`more than ${maxJson} bytes`)
        const parsed = Either.try((): unknown => JSON.parse(text))
        if (Either.isLeft(parsed) && mayBeCut(response, text)) {
          const reason = { text: "the answer was cut short", code: undefined }
          return Effect.fail(ApiErrors.transport(asked, reason, wiring.scrub))
        }
        if (text.trim() === "") return undecodable("but the body is empty")
        if (Either.isLeft(parsed)) return undecodable(`not JSON: ${readableText(text, wiring.scrub)}`)
        return Either.match(decode(parsed.right), {
          onLeft: (error) => undecodable(ApiErrors.issuesOf(error)),
          onRight: Effect.succeed
        })
      }
    )
    return orNamed(read, named(response.headers["location"] ?? ""))
  })
}

/** the status is the answer */
export const empty = <X extends Extra>(wiring: Wiring, call: Call<X>): Effect.Effect<void, StatusError<X>> =>
  exchanged(
    wiring,
    call,
    (response, asked) => Effect.mapError(ApiBody.drain(response), ApiErrors.fromHttp(asked, wiring.scrub))
  )

/** HEAD: is it there? */
export const exists = <X extends Extra>(
  wiring: Wiring,
  call: Omit<Call<X>, "verb">
): Effect.Effect<boolean, StatusError<X>> =>
  exchanged(
    wiring,
    { ...call, verb: "HEAD" },
    (response) => Effect.as(Effect.ignore(ApiBody.drain(response)), response.status !== 404),
    (status) => isOk(status) || status === 404
  )

/** the `Location` of a 302, and of nothing else */
export const location = <X extends Extra>(wiring: Wiring, call: Call<X>): Effect.Effect<string, StatusError<X>> =>
  exchanged(
    wiring,
    call,
    (response) => Effect.as(Effect.ignore(ApiBody.drain(response)), response.headers["location"] ?? ""),
    (status) => status === 302
  )
