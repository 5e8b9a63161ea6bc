/**
 * Reading from a registry: the pull half of the OCI distribution protocol, with its two ways of asking who one is.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import type * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Challenge from "./Challenge.js"
import type { ImportError } from "./ImportError.js"
import { shown } from "./ImportError.js"
import * as Manifest from "./Manifest.js"
import { type Failed, final, passing, patiently } from "./Patience.js"
import type * as Source from "./Source.js"
import * as Transport from "./Transport.js"

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
  /** told of each failure that is tried again */
  readonly onTrouble: (error: ImportError) => void
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
   * The bytes of a blob, from `from` on, tried once; `restarted` when the registry begins at 0 all the same. A stream
   * that breaks off fails with what may pass.
   */
  readonly blob: (
    digest: string,
    from: number
  ) => Effect.Effect<
    { readonly restarted: boolean; readonly bytes: Stream.Stream<Uint8Array, Failed> },
    Failed,
    Scope.Scope
  >
  /** told of each failure that is tried again */
  readonly onTrouble: (error: ImportError) => void
}

const retryAfter = (response: HttpClientResponse.HttpClientResponse): Duration.Duration | undefined => {
  const text = response.headers["retry-after"]
  return text !== undefined && /^\d{1,4}$/.test(text) ? Duration.seconds(Math.min(Number(text), 60)) : undefined
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

/** The text of `{"errors": [{"code", "message"}]}`, where there is one. */
const saidBy = (body: string): string => {
  try {
    const value = JSON.parse(body) as { readonly errors?: ReadonlyArray<{ code?: unknown; message?: unknown }> }
    const first = value.errors?.[0]
    return first === undefined ? "" : [first.code, first.message].filter((part) => typeof part === "string").join(": ")
  } catch {
    return ""
  }
}

/** Everything that must not come back out of what a registry says: in the forms that it was sent in, and its own. */
const formsOf = ({ password, username }: Credentials): ReadonlyArray<string> => {
  const secret = Redacted.value(password)
  return [secret, encodeURIComponent(secret), Buffer.from(`${username}:${secret}`).toString("base64")]
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = ({ client, credentials, insecure, onTrouble, source }: Options): Registry => {
  let authorization: Redacted.Redacted<string> | undefined
  const secrets = new Set(Option.match(credentials, { onNone: () => [], onSome: formsOf }))

  /** Some repeat what they were sent: then nothing of it is shown. */
  const quote = (text: string): string =>
    [...secrets].some((secret) => text.includes(secret)) ? "(words with a credential in them)" : shown(text)

  const transport = Transport.make({ client, registry: source.registry, insecure, quote })

  /** The body's beginning, for the text of an error. */
  const textOf = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<string> =>
    collect(transport.bytes("", response), maxErrorBytes).pipe(
      Effect.map(({ bytes }) => Buffer.from(bytes).toString("utf8")),
      // one that drips is no text
      Effect.timeoutTo({ duration: Transport.silence, onSuccess: (text) => text, onTimeout: () => "" }),
      Effect.orElseSucceed(() => "")
    )

  const document = (
    what: string,
    response: HttpClientResponse.HttpClientResponse
  ): Effect.Effect<Uint8Array, Failed> =>
    collect(transport.bytes(what, response), Manifest.maxDocumentBytes).pipe(
      Effect.timeoutFail({
        duration: Transport.silence,
        onTimeout: () => passing(`${what}: it does not come to an end`)
      }),
      Effect.filterOrFail(
        ({ cut }) => !cut,
        () => final("TooLarge", `${what}: it has more than ${Manifest.maxDocumentBytes} bytes`)
      ),
      Effect.map(({ bytes }) => bytes)
    )

  const failure = (what: string, response: HttpClientResponse.HttpClientResponse): Effect.Effect<never, Failed> =>
    Effect.flatMap(textOf(response), (body) => {
      const said = quote(saidBy(body))
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

  const basic = Option.map(
    credentials,
    ({ password, username }) =>
      Redacted.make(`Basic ${Buffer.from(`${username}:${Redacted.value(password)}`).toString("base64")}`)
  )

  /** A password may not go over a line that anybody reads, wherever the registry sends us. */
  const realmOf = (what: string, { realm, scope, service }: Challenge.Bearer): Effect.Effect<URL, Failed> => {
    const url = transport.address(realm)
    if (url === undefined) {
      const where = `${source.registry} sends to ${quote(realm)} for a token, which is not https`
      return Effect.fail(final("Refused", `${what}: ${where}`))
    }
    if (service !== undefined) url.searchParams.set("service", service)
    url.searchParams.set("scope", scope ?? `repository:${source.repository}:pull`)
    return Effect.succeed(url)
  }

  const fetchToken = (what: string, challenge: Challenge.Bearer): Effect.Effect<Redacted.Redacted<string>, Failed> =>
    Effect.gen(function*() {
      const asking = `${what}: asking for a token`
      const url = yield* realmOf(what, challenge)
      const response = yield* transport.get(asking, url, {}, Option.getOrUndefined(basic))
      if (response.status !== 200) return yield* failure(asking, response)
      const token = tokenOf(yield* document(asking, response))
      if (token === undefined) {
        return yield* Effect.fail(
          final("BadContent", `${what}: what ${source.registry} sends to for a token gives none`)
        )
      }
      secrets.add(token)
      return Redacted.make(`Bearer ${token}`)
    }).pipe(Effect.scoped)

  /** Answers a 401 once: a token that has run out is asked for anew. */
  const ask = (
    what: string,
    path: string,
    headers: Readonly<Record<string, string>>
  ): Effect.Effect<HttpClientResponse.HttpClientResponse, Failed, Scope.Scope> =>
    Effect.gen(function*() {
      const url = new URL(`${transport.origin}/v2/${source.repository}${path}`)
      const first = yield* transport.get(what, url, headers, authorization)
      if (first.status !== 401) return first
      const challenge = Challenge.parse(first.headers["www-authenticate"] ?? "")
      if (challenge === undefined || (challenge._tag === "Basic" && Option.isNone(basic))) {
        return yield* failure(what, first)
      }
      // its body is of no use, and its connection is
      yield* textOf(first)
      authorization = challenge._tag === "Bearer"
        ? yield* fetchToken(what, challenge)
        : Option.getOrUndefined(basic)
      return yield* transport.get(what, url, headers, authorization)
    })

  return {
    onTrouble,

    manifest: (reference) =>
      Effect.gen(function*() {
        const what = `the manifest ${reference} of ${source.repository}`
        const response = yield* ask(what, `/manifests/${reference}`, { accept: Manifest.accept })
        if (response.status !== 200) return yield* failure(what, response)
        return { bytes: yield* document(what, response), contentType: response.headers["content-type"] ?? "" }
      }).pipe(Effect.scoped, patiently(onTrouble)),

    blob: (digest, from) =>
      Effect.gen(function*() {
        const what = `the blob ${digest} of ${source.repository}`
        const response = yield* ask(what, `/blobs/${digest}`, from === 0 ? {} : { range: `bytes=${from}-` })
        const resumed = from > 0 && response.status === 206 &&
          (response.headers["content-range"] ?? "").startsWith(`bytes ${from}-`)
        if (response.status !== 200 && !resumed) return yield* failure(what, response)
        return { restarted: !resumed, bytes: transport.bytes(what, response) }
      })
  }
}
