/**
 * What an import request asks for, checked before anything is begun. Protocol: sections 2.1 and 3.2.
 *
 * @since 0.1.0
 */
import { OperationId } from "effect-contree/Ids"
import type * as Wire from "effect-contree/Wire"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { randomUUID } from "node:crypto"
import type * as Import from "../oci/Import.js"
import type { Credentials } from "../oci/Registry.js"
import * as Source from "../oci/Source.js"
import { badRequest } from "./Refusal.js"
import type { Refusal } from "./Refusal.js"

/**
 * How long an import may take, in seconds: where a request is silent, and at most.
 *
 * @since 0.1.0
 * @category defaults
 */
export const limits = { defaultTimeoutSeconds: 300, maxTimeoutSeconds: 3_600 }

/**
 * @since 0.1.0
 * @category models
 */
export interface ImportRequest extends Import.Request {
  readonly tag: Option.Option<string>
  readonly timeoutSeconds: number
  /** what the operation shows of the request: never the password */
  readonly echo: Readonly<Record<string, unknown>>
}

/**
 * Tags of images, as the service takes them.
 *
 * @since 0.1.0
 * @category predicates
 */
export const isTag = (tag: string): boolean => /^[A-Za-z0-9_./:-]{1,256}$/.test(tag)

const credentialsOf = (
  { credentials }: Wire.ImageImportRequest["registry"]
): Effect.Effect<Option.Option<Credentials>, Refusal> => {
  const username = credentials?.username ?? ""
  const password = credentials?.password ?? ""
  if (username === "" && password === "") return Effect.succeed(Option.none())
  return username === "" || password === ""
    ? Effect.fail(badRequest("registry.credentials need both username and password, or neither"))
    : Effect.succeed(Option.some({ username, password: Redacted.make(password) }))
}

const timeoutOf = (seconds: number | null | undefined): Effect.Effect<number, Refusal> => {
  const timeout = seconds ?? limits.defaultTimeoutSeconds
  return timeout < 1 || timeout > limits.maxTimeoutSeconds
    ? Effect.fail(badRequest(`timeout must be 1 to ${limits.maxTimeoutSeconds} seconds`))
    : Effect.succeed(timeout)
}

/** A URL may be written with credentials in it, where no client looks for them: they are nobody's to see. */
const withoutUserInfo = (url: string): string => url.replace(/^([A-Za-z][A-Za-z0-9+.-]*:\/\/)[^/@]*@/, "$1<MASKED>@")

/**
 * Fails with 400 and says why; nothing was begun.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (wire: Wire.ImageImportRequest): Effect.Effect<ImportRequest, Refusal> =>
  Effect.gen(function*() {
    const { registry } = wire
    const source = yield* Effect.mapError(
      Source.parse(registry.url),
      (error) => badRequest(`registry.url: ${error.description}`)
    )
    const credentials = yield* credentialsOf(registry)
    const timeoutSeconds = yield* timeoutOf(wire.timeout)
    const tag = Option.fromNullable(wire.tag)
    if (Option.isSome(tag) && !isTag(tag.value)) {
      return yield* badRequest("tag must be 1 to 256 of A-Z a-z 0-9 _ - . : /")
    }
    const shown = Option.match(credentials, {
      onNone: () => null,
      onSome: ({ username }) => ({ username, password: "<MASKED>" })
    })
    return {
      operationId: OperationId.make(randomUUID()),
      source,
      credentials,
      tag,
      timeoutSeconds,
      echo: {
        registry: { url: withoutUserInfo(registry.url), credentials: shown },
        tag: Option.getOrNull(tag),
        timeout: timeoutSeconds
      }
    }
  })
