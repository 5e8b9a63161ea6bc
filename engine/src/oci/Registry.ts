/**
 * Reading from a registry: the pull half of the OCI distribution protocol, with its two ways of asking who one is.
 *
 * @since 0.1.0
 */
import * as Headers from "@effect/platform/Headers"
import type * as HttpClient from "@effect/platform/HttpClient"
import type { RequestError, ResponseError } from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Challenge from "./Challenge.js"
import type { ImportError, Reason } from "./ImportError.js"
import { importError, shown } from "./ImportError.js"
import * as Manifest from "./Manifest.js"
import type * as Source from "./Source.js"

/**
 * Both, or the registry is asked without.
 *
 * @since 0.1.0
 * @category models
 */
export interface Credentials {
  readonly username: string
  readonly password: Redacted.Redacted<string>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly client: HttpClient.HttpClient
  readonly source: Source.Registry
  readonly credentials: Option.Option<Credentials>
  /** hosts (with their port) that are spoken to without TLS, besides this machine itself */
  readonly insecure: ReadonlyArray<string>
}

/**
 * One repository of a registry.
 *
 * @since 0.1.0
 * @category models
 */
export interface Registry {
  /** An index or a manifest, by tag or digest, and what the registry says that it is. */
  readonly manifest: (
    reference: string
  ) => Effect.Effect<{ readonly bytes: Uint8Array; readonly contentType: string }, ImportError>
  /**
   * The bytes of a blob, from `from` on; `restarted` when the registry begins at 0 all the same. A stream that breaks off
   * fails with `Unreachable`.
   */
  readonly blob: (
    digest: string,
    from: number
  ) => Effect.Effect<
    { readonly restarted: boolean; readonly bytes: Stream.Stream<Uint8Array, ImportError> },
    ImportError,
    Scope.Scope
  >
}

const isThisMachine = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/.test(host)

/** Docker Hub's name is not the host that serves it. */
const hostOf = (registry: string): string => registry === "docker.io" ? "registry-1.docker.io" : registry

/** A registry that says nothing for so long is asked again. */
const silence = Duration.seconds(60)

const codeOf = (cause: unknown): string => {
  const inner = cause instanceof Error && cause.cause !== undefined ? cause.cause : cause
  if (!(inner instanceof Error)) return "no answer"
  const code = "code" in inner && typeof inner.code === "string" ? inner.code : ""
  return shown(code === "" || inner.message.includes(code) ? inner.message : `${code}: ${inner.message}`)
}

interface Failed {
  readonly retryable: boolean
  readonly after: Duration.Duration | undefined
  readonly error: ImportError
}

/** another try would end the same way */
const final = (reason: Reason, description: string): Failed => ({
  retryable: false,
  after: undefined,
  error: importError(reason, description)
})

const passing = (description: string, after?: Duration.Duration): Failed => ({
  retryable: true,
  after,
  error: importError("Unreachable", description)
})

const retryAfter = (response: HttpClientResponse.HttpClientResponse): Duration.Duration | undefined => {
  const text = response.headers["retry-after"]
  return text !== undefined && /^\d{1,4}$/.test(text) ? Duration.seconds(Math.min(Number(text), 60)) : undefined
}

/** The text of `{"errors": [{"code", "message"}]}`, where there is one. */
const saidBy = (body: string): string => {
  try {
    const value = JSON.parse(body) as { readonly errors?: ReadonlyArray<{ code?: unknown; message?: unknown }> }
    const first = value.errors?.[0]
    return first === undefined
      ? ""
      : shown([first.code, first.message].filter((part) => typeof part === "string").join(": "))
  } catch {
    return ""
  }
}

const maxErrorBytes = 64 * 1024

interface Collected {
  readonly bytes: Uint8Array
  readonly cut: boolean
}

/** At most so many bytes, however many come. */
const collect = <E>(bytes: Stream.Stream<Uint8Array, E>, max: number): Effect.Effect<Collected, E> =>
  Effect.suspend(() => {
    const pieces: Array<Uint8Array> = []
    let left = max
    return Stream.runForEachWhile(bytes, (piece) =>
      Effect.sync(() => {
        pieces.push(piece.subarray(0, left))
        left -= piece.length
        return left >= 0
      })).pipe(Effect.map(() => ({ bytes: Buffer.concat(pieces), cut: left < 0 })))
  })

/** A token answers to either name; text of a header alone, since that is where it goes. */
const tokenOf = (bytes: Uint8Array): string | undefined => {
  try {
    const value = JSON.parse(Buffer.from(bytes).toString("utf8")) as {
      readonly token?: unknown
      readonly access_token?: unknown
    } | null
    const token = value?.token ?? value?.access_token
    return typeof token === "string" && /^[\x21-\x7e]+$/.test(token) ? token : undefined
  } catch {
    return undefined
  }
}

const tries = 5

/** Half a second, then twice as long each time, or what the registry asks for. */
const pauseOf = (failed: Failed, done: number): Duration.Duration =>
  failed.after ?? Duration.millis(500 * 2 ** (done - 1))

/** Failures that may pass are met with patience. */
const patiently = <A, R>(self: Effect.Effect<A, Failed, R>): Effect.Effect<A, ImportError, R> => {
  const attempt = (done: number): Effect.Effect<A, ImportError, R> =>
    Effect.catchAll(self, (failed) =>
      failed.retryable && done < tries
        ? Effect.zipRight(Effect.sleep(pauseOf(failed, done)), attempt(done + 1))
        : Effect.fail(failed.error))
  return attempt(1)
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = ({ client, credentials, insecure, source }: Options): Registry => {
  const host = hostOf(source.registry)
  const plain = isThisMachine(host) || insecure.includes(source.registry)
  const base = `${plain ? "http" : "https"}://${host}/v2/${source.repository}`
  let authorization: Redacted.Redacted<string> | undefined

  const unreachable = (what: string, cause: RequestError | ResponseError): Failed =>
    passing(
      `${what}: ${source.registry} cannot be reached (${codeOf(cause.cause)})${
        plain ? "" : "; a registry without TLS must be named in the option insecureRegistries"
      }`
    )

  const silent = (what: string): Failed =>
    passing(`${what}: ${source.registry} says nothing for ${Duration.format(silence)}`)

  /** The body's beginning, for the text of an error. */
  const textOf = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<string> =>
    collect(response.stream, maxErrorBytes).pipe(
      Effect.map(({ bytes }) => Buffer.from(bytes).toString("utf8")),
      Effect.timeoutTo({ duration: silence, onSuccess: (text) => text, onTimeout: () => "" }),
      Effect.orElseSucceed(() => "")
    )

  const body = (
    what: string,
    response: HttpClientResponse.HttpClientResponse,
    max: number
  ): Effect.Effect<Uint8Array, Failed> =>
    collect(response.stream, max).pipe(
      Effect.mapError((cause) => unreachable(what, cause)),
      Effect.timeoutFail({ duration: silence, onTimeout: () => silent(what) }),
      Effect.filterOrFail(({ cut }) => !cut, () => final("TooLarge", `${what}: it has more than ${max} bytes`)),
      Effect.map(({ bytes }) => bytes)
    )

  const send = (
    what: string,
    url: string,
    headers: Record<string, string>
  ): Effect.Effect<HttpClientResponse.HttpClientResponse, Failed, Scope.Scope> =>
    client.execute(HttpClientRequest.get(url, {
      headers: Headers.fromInput({
        ...headers,
        "accept-encoding": "identity",
        "user-agent": "contree-local"
      })
    })).pipe(
      Effect.mapError((cause) => unreachable(what, cause)),
      Effect.timeoutFail({ duration: silence, onTimeout: () => silent(what) })
    )

  const basic = Option.map(
    credentials,
    ({ password, username }) =>
      Redacted.make(`Basic ${Buffer.from(`${username}:${Redacted.value(password)}`).toString("base64")}`)
  )

  const failure = (
    what: string,
    response: HttpClientResponse.HttpClientResponse
  ): Effect.Effect<never, Failed> =>
    Effect.flatMap(textOf(response), (body) => {
      const said = saidBy(body)
      const note = said === "" ? "" : ` (${said})`
      const { status } = response
      if (status === 401 || status === 403) {
        const whom = Option.isSome(credentials)
          ? "these credentials"
          : "whoever has no credentials, or has no such image"
        return Effect.fail(final("Refused", `${what}: ${source.registry} refuses ${whom}${note}`))
      }
      if (status === 404) {
        return Effect.fail(final("NotFound", `${what}: ${source.registry} does not have it${note}`))
      }
      const answer = `${what}: ${source.registry} answers with ${status}${note}`
      return Effect.fail(
        status === 429 || status >= 500 ? passing(answer, retryAfter(response)) : final("Unreachable", answer)
      )
    })

  const fetchToken = (
    what: string,
    challenge: Extract<Challenge.Challenge, { readonly _tag: "Bearer" }>
  ): Effect.Effect<Redacted.Redacted<string>, Failed> =>
    Effect.gen(function*() {
      const url = yield* realmOf(what, challenge)
      const sent = Option.match(basic, {
        onNone: (): Record<string, string> => ({}),
        onSome: (value) => ({ authorization: Redacted.value(value) })
      })
      const response = yield* send(`${what}: asking for a token`, url, sent)
      if (response.status !== 200) return yield* failure(`${what}: asking for a token`, response)
      const bytes = yield* body(what, response, Manifest.maxDocumentBytes)
      const token = tokenOf(bytes)
      return token === undefined
        ? yield* Effect.fail(final("BadContent", `${what}: what ${source.registry} sends to for a token gives none`))
        : Redacted.make(`Bearer ${token}`)
    }).pipe(Effect.scoped)

  /** A password may not go over a line that anybody reads, wherever the registry sends us. */
  const realmOf = (
    what: string,
    { realm, scope, service }: Extract<Challenge.Challenge, { readonly _tag: "Bearer" }>
  ): Effect.Effect<string, Failed> => {
    const url = URL.canParse(realm) ? new URL(realm) : undefined
    const safe = url?.protocol === "https:" ||
      (url?.protocol === "http:" && (isThisMachine(url.host) || insecure.includes(url.host)))
    if (url === undefined || !safe) {
      const where = `${source.registry} sends to ${shown(realm)} for a token, which is not https`
      return Effect.fail(final("Refused", `${what}: ${where}`))
    }
    if (service !== undefined) url.searchParams.set("service", service)
    url.searchParams.set("scope", scope ?? `repository:${source.repository}:pull`)
    return Effect.succeed(url.toString())
  }

  /** Answers a 401 once: a token that has run out is asked for anew. */
  const ask = (
    what: string,
    path: string,
    headers: Record<string, string>
  ): Effect.Effect<HttpClientResponse.HttpClientResponse, Failed, Scope.Scope> =>
    Effect.gen(function*() {
      const withAuthorization = (): Record<string, string> =>
        authorization === undefined ? headers : { ...headers, authorization: Redacted.value(authorization) }
      const first = yield* send(what, base + path, withAuthorization())
      if (first.status !== 401) return first
      const challenge = Challenge.parse(first.headers["www-authenticate"] ?? "")
      if (challenge === undefined) return yield* failure(what, first)
      if (challenge._tag === "Bearer") authorization = yield* fetchToken(what, challenge)
      else if (Option.isSome(basic)) authorization = basic.value
      else return yield* failure(what, first)
      return yield* send(what, base + path, withAuthorization())
    })

  return {
    manifest: (reference) =>
      Effect.gen(function*() {
        const what = `the manifest ${reference} of ${source.repository}`
        const response = yield* ask(what, `/manifests/${reference}`, { accept: Manifest.accept })
        if (response.status !== 200) return yield* failure(what, response)
        const bytes = yield* body(what, response, Manifest.maxDocumentBytes)
        return { bytes, contentType: response.headers["content-type"] ?? "" }
      }).pipe(Effect.scoped, patiently),

    blob: (digest, from) =>
      Effect.gen(function*() {
        const what = `the blob ${digest} of ${source.repository}`
        const response = yield* ask(what, `/blobs/${digest}`, from === 0 ? {} : { range: `bytes=${from}-` })
        const resumed = from > 0 && response.status === 206 &&
          (response.headers["content-range"] ?? "").startsWith(`bytes ${from}-`)
        if (response.status !== 200 && !resumed) return yield* failure(what, response)
        const bytes = response.stream.pipe(
          Stream.mapError((cause) => unreachable(what, cause).error),
          Stream.timeoutFail(
            () => importError("Unreachable", `${what}: ${source.registry} stopped sending`),
            silence
          )
        )
        return { restarted: !resumed, bytes }
      }).pipe(patiently)
  }
}
