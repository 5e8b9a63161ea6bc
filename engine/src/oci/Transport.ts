/**
 * How a registry is reached: over TLS, except where the engine's owner says otherwise; redirects are followed by the same
 * rule, and take no credential to another party.
 *
 * @since 0.1.0
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as Headers from "@effect/platform/Headers"
import * as HttpClient from "@effect/platform/HttpClient"
import type { RequestError, ResponseError } from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { shown } from "./ImportError.js"
import { type Failed, final, passing } from "./Patience.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly client: HttpClient.HttpClient
  /** as in the reference: `docker.io`, `localhost:5000` */
  readonly registry: string
  /** hosts (with their port) that are spoken to without TLS, besides this machine itself */
  readonly insecure: ReadonlyArray<string>
  /** what another party says, without what may not be shown */
  readonly quote: (text: string) => string
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Transport {
  /** of the registry, without a slash at its end */
  readonly origin: string
  /**
   * An address that the registry sends to, when it may be asked: https, or http to what is named insecure, or http to
   * this machine from a registry of this machine.
   */
  readonly address: (text: string, from?: URL) => URL | undefined
  /** Asks, and follows redirects. The body lives as long as the scope. */
  readonly get: (
    what: string,
    url: URL,
    headers: Readonly<Record<string, string>>,
    authorization: Redacted.Redacted<string> | undefined
  ) => Effect.Effect<HttpClientResponse.HttpClientResponse, Failed, Scope.Scope>
  /** The bytes of an answer; a silence is a failure that may pass. */
  readonly bytes: (
    what: string,
    response: HttpClientResponse.HttpClientResponse
  ) => Stream.Stream<Uint8Array, Failed>
}

const isThisMachine = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/.test(host)

/** As addresses have it: in small letters, and without the port that goes without saying. */
const asHost = (name: string): string => URL.canParse(`http://${name}`) ? new URL(`http://${name}`).host : name

/** Docker Hub's name is not the host that serves it. */
const hostOf = (registry: string): string => registry === "docker.io" ? "registry-1.docker.io" : registry

/**
 * A registry that says nothing for so long is asked again.
 *
 * @since 0.1.0
 * @category defaults
 */
export const silence = Duration.seconds(60)

const maxRedirects = 5

const isRedirect = (status: number): boolean => [301, 302, 303, 307, 308].includes(status)

const codeOf = (cause: unknown): string => {
  const inner = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause
  if (!(inner instanceof Error)) return "no answer"
  const code = "code" in inner && typeof inner.code === "string" ? inner.code : ""
  return shown(code === "" || inner.message.includes(code) ? inner.message : `${code}: ${inner.message}`)
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = ({ client: given, insecure, quote, registry }: Options): Transport => {
  const plainHosts = new Set(insecure.map(asHost))
  // a redirect is followed here, by the rule of this module
  const client = given.pipe(
    HttpClient.transformResponse(Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" })),
    // what is not read to its end is cut off with the scope
    HttpClient.withScope
  )
  const host = hostOf(registry)
  const isPlain = isThisMachine(host) || plainHosts.has(asHost(registry))
  const origin = `${isPlain ? "http" : "https"}://${host}`

  const unreachable = (what: string, url: URL, cause: RequestError | ResponseError): Failed =>
    passing(
      `${what}: ${url.host} cannot be reached (${codeOf(cause.cause)})${
        url.protocol === "http:"
          ? "; it was spoken to without TLS, as registries of this machine and insecure ones are"
          : "; a registry without TLS must be named in the option insecureRegistries"
      }`
    )

  const silent = (what: string): Failed => passing(`${what}: ${registry} says nothing for ${Duration.format(silence)}`)

  const address: Transport["address"] = (text, from) => {
    if (!URL.canParse(text, from?.href)) return undefined
    const url = new URL(text, from?.href)
    // a name in an address would be sent on as a credential
    if (url.username !== "" || url.password !== "") return undefined
    const isLocal = isThisMachine(host) && isThisMachine(url.host)
    return url.protocol === "https:" || (url.protocol === "http:" && (isLocal || plainHosts.has(url.host)))
      ? url
      : undefined
  }

  const get = (
    what: string,
    url: URL,
    headers: Readonly<Record<string, string>>,
    authorization: Redacted.Redacted<string> | undefined,
    left: number
  ): Effect.Effect<HttpClientResponse.HttpClientResponse, Failed, Scope.Scope> =>
    Effect.gen(function*() {
      const request = HttpClientRequest.get(url, {
        headers: Headers.fromInput({
          ...headers,
          ...(authorization === undefined ? {} : { authorization: Redacted.value(authorization) }),
          "accept-encoding": "identity",
          "user-agent": "contree-local"
        })
      })
      const response = yield* client.execute(request).pipe(
        Effect.mapError((cause) => unreachable(what, url, cause)),
        Effect.timeoutFail({ duration: silence, onTimeout: () => silent(what) })
      )
      if (!isRedirect(response.status)) return response
      const location = response.headers["location"] ?? ""
      const next = location === "" ? undefined : address(location, url)
      if (next === undefined) {
        return yield* Effect.fail(final(
          "Refused",
          `${what}: ${url.host} sends to ${quote(location) || "nowhere"}, which is not https; ` +
            "a host without TLS must be named in the option insecureRegistries"
        ))
      }
      if (left === 0) return yield* Effect.fail(final("Unreachable", `${what}: ${registry} sends from here to there`))
      return yield* get(what, next, headers, next.origin === url.origin ? authorization : undefined, left - 1)
    })

  return {
    origin,
    address,
    get: (what, url, headers, authorization) => get(what, url, headers, authorization, maxRedirects),
    bytes: (what, response) =>
      response.stream.pipe(
        Stream.mapError((cause) => unreachable(what, new URL(response.request.url), cause)),
        Stream.timeoutFail(() => silent(what), silence)
      )
  }
}
