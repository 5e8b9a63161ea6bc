/** One HTTP client, made to speak to one service as one user. */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as Effect from "effect/Effect"
import { constTrue, identity } from "effect/Function"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import { decoded } from "./HttpDecoded.js"
import type { Knowledge } from "./HttpDecoded.js"
import { neverFollowing } from "./HttpRedirects.js"
import { version } from "./Version.js"

export interface Settings {
  readonly token: Redacted.Redacted<string>
  readonly project: Option.Option<string>
  readonly baseUrl: string
  readonly userAgent: Option.Option<string>
  readonly transformClient: Option.Option<(client: HttpClient.HttpClient) => HttpClient.HttpClient>
}

/** on the own machine compression costs more than the bytes that it saves */
const acceptEncoding = (baseUrl: string): string =>
  /^https?:\/\/(?:localhost|127(?:\.\d+){3}|\[::1\])(?::|\/|$)/i.test(baseUrl) ? "identity" : "gzip"

const prepare = (settings: Settings) => {
  const agent = `effect-contree/${version}`
  const headers: Record<string, string> = {
    "accept-encoding": acceptEncoding(settings.baseUrl),
    "user-agent": Option.match(settings.userAgent, { onNone: () => agent, onSome: (who) => `${who} ${agent}` }),
    ...Option.match(settings.project, { onNone: () => ({}), onSome: (project) => ({ Project: project }) })
  }
  return (request: HttpClientRequest.HttpClientRequest): HttpClientRequest.HttpClientRequest =>
    request.pipe(
      HttpClientRequest.prependUrl(`${settings.baseUrl}/v1`),
      // What a request says itself stands.
      HttpClientRequest.setHeaders({ ...headers, ...request.headers }),
      HttpClientRequest.bearerToken(settings.token)
    )
}

/**
 * fetch follows redirects unless told otherwise: the look-up of a tag is one, and the token must go nowhere else.
 * What the caller set for fetch stays.
 */
const withoutRedirects =
  (own: typeof FetchHttpClient.RequestInit.Service | undefined) =>
  (client: HttpClient.HttpClient): HttpClient.HttpClient =>
    HttpClient.transformResponse(
      client,
      (response) =>
        Effect.flatMap(Effect.serviceOption(FetchHttpClient.RequestInit), (callers) =>
          Effect.provideService(response, FetchHttpClient.RequestInit, {
            ...own,
            ...Option.getOrUndefined(callers),
            redirect: "manual"
          }))
    )

/** No spans that list the headers of requests and answers, and so no trace headers either. */
const untraced = HttpClient.withTracerDisabledWhen(constTrue)

/** It lies within, and may turn either on. */
const transformed =
  (f: (client: HttpClient.HttpClient) => HttpClient.HttpClient) =>
  (client: HttpClient.HttpClient): HttpClient.HttpClient => HttpClient.withTracerPropagation(f(client), false)

export const configure = (settings: Settings): Effect.Effect<HttpClient.HttpClient, never, HttpClient.HttpClient> =>
  Effect.gen(function*() {
    const base = yield* HttpClient.HttpClient
    const own = yield* Effect.serviceOption(FetchHttpClient.RequestInit)
    const known: Knowledge = { decodes: undefined }
    const client = base.pipe(
      neverFollowing.has(base) ? identity : withoutRedirects(Option.getOrUndefined(own)),
      HttpClient.mapRequest(prepare(settings)),
      HttpClient.transformResponse(Effect.map((response) => decoded(response, known)))
    )
    return untraced(Option.match(settings.transformClient, {
      onNone: () => client,
      onSome: (transform) => transformed(transform)(client)
    }))
  })
