/** From what a client reports to the errors that users meet: the one place that sees an `HttpClientError`. */
import type * as Headers from "@effect/platform/Headers"
import type * as HttpClientError from "@effect/platform/HttpClientError"
import * as ParseResult from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import { isNotOffered } from "../schemas/errors/Describe.js"
import * as Errors from "../schemas/Errors.js"
import type { OperationId } from "../schemas/Ids.js"
import { readableText } from "./HttpText.js"
import type { Scrub } from "./HttpText.js"

/** the statuses that only some methods have an error for; elsewhere they are unexpected */
const extras = {
  404: Errors.NotFoundError,
  409: Errors.ConflictError,
  410: Errors.GoneError,
  422: Errors.UnprocessableError,
  425: Errors.TooEarlyError
} as const

export type Extra = keyof typeof extras

export type StatusError<X extends Extra> = Errors.RequestError | InstanceType<(typeof extras)[X]>

/** what an error has to say of its request */
export interface Asked {
  /** as the program calls it */
  readonly method: string
  /** HTTP's word for it, and where it went, without the query */
  readonly verb: "GET" | "HEAD" | "POST" | "PATCH" | "DELETE"
  readonly url: string
  readonly operationId?: OperationId | undefined
  /** asking twice does what asking once does; default: of no POST and no PATCH */
  readonly idempotent?: boolean | undefined
}

export const isIdempotent = ({ idempotent, verb }: Pick<Asked, "idempotent" | "verb">): boolean =>
  idempotent ?? (verb !== "POST" && verb !== "PATCH")

export const tried = (asked: Asked): string => `${asked.verb} ${asked.url}`

// ------------------------------------------------------------------------------------------------------ transport

/** nothing was sent: the connection was never made */
const neverConnected = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"])
/** these too, when connecting; later they end a connection over which much may have gone */
const unreachable = new Set(["EHOSTUNREACH", "ENETUNREACH"])
/** doing it again does the same again */
const hopeless = /^(?:CERT_|ERR_TLS_|ERR_SSL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|ERR_INVALID_|UND_ERR_INVALID_)/

interface Reason {
  readonly text: string
  readonly code: string | undefined
  /** what the system was asked for when it failed */
  readonly syscall?: string | undefined
}

/** clients wrap what the system said in what they say; the innermost is the reason, and only text and code are kept */
const reasonOf = (cause: unknown): Reason => {
  let text = ""
  let code: string | undefined
  let syscall: string | undefined
  let at: unknown = cause
  for (let depth = 0; depth < 8 && Predicate.isObject(at); depth++) {
    if (Predicate.hasProperty(at, "message") && typeof at.message === "string" && at.message !== "") text = at.message
    if (Predicate.hasProperty(at, "code") && typeof at.code === "string" && /^[A-Z][A-Z0-9_]*$/.test(at.code)) {
      code = at.code
      syscall = Predicate.hasProperty(at, "syscall") && typeof at.syscall === "string" ? at.syscall : undefined
    }
    const several: unknown = Predicate.hasProperty(at, "errors") && Array.isArray(at.errors) ? at.errors[0] : undefined
    at = several ?? (Predicate.hasProperty(at, "cause") ? at.cause : undefined)
  }
  return { text: text === "" && Predicate.isString(cause) ? cause : text, code, syscall }
}

/** Did the request surely not leave? Then even what must not be done twice may be sent again. */
const wasNotSent = ({ code, syscall }: Reason): boolean =>
  code !== undefined && (neverConnected.has(code) || (unreachable.has(code) && syscall === "connect"))

const retryableOf = (asked: Asked, reason: Reason): boolean | "unknown" => {
  if (reason.code !== undefined && hopeless.test(reason.code)) return false
  if (wasNotSent(reason)) return true
  return isIdempotent(asked) ? true : "unknown"
}

/** why there is no answer, in the client's or our own words */
export const transport = (asked: Asked, reason: Reason, scrub: Scrub): Errors.TransportError =>
  new Errors.TransportError({
    method: asked.method,
    description: readableText(`${tried(asked)}: ${reason.text === "" ? "no reason given" : reason.text}`, scrub),
    retryable: retryableOf(asked, reason),
    ...(reason.code === undefined ? {} : { code: reason.code })
  })

/** one of our own limits is over: of a request and its answer, or of a connection that carries nothing */
export const timedOut = (asked: Asked, timeout: "request" | "idle", what: string): Errors.TransportError =>
  new Errors.TransportError({
    method: asked.method,
    description: `${tried(asked)}: ${what}`,
    retryable: isIdempotent(asked) ? true : "unknown",
    code: "ETIMEDOUT",
    timeout
  })

/** a connection that was there, and is not any more */
const lost = new Set(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET"])

export const isLost = (error: Errors.ContreeError): boolean =>
  error._tag === "TransportError" && error.code !== undefined && lost.has(error.code)

export const fromHttp =
  (asked: Asked, scrub: Scrub) => (error: HttpClientError.HttpClientError): Errors.TransportError => {
    const inner = reasonOf(error.cause)
    const text = error.description ?? (inner.text === "" ? `${error._tag}, ${error.reason}` : inner.text)
    const code = error.reason === "InvalidUrl" ? "ERR_INVALID_URL" : inner.code
    return transport(asked, { text, code, syscall: inner.syscall }, scrub)
  }

// --------------------------------------------------------------------------------------------------------- status

const maxWait = 24 * 60 * 60 * 1000

/** seconds or an HTTP date, as milliseconds from `now`; anything else is ignored, and a day is the longest */
export const retryAfterMillis = (value: string | undefined, now: number): number | undefined => {
  const text = value?.trim() ?? ""
  if (/^-?\d{1,15}(?:\.\d{1,9})?$/.test(text)) return Math.min(maxWait, Math.max(0, Math.round(Number(text) * 1000)))
  // Date.parse takes much else for a date ("1e3", "2"): an HTTP date begins with the name of a day.
  if (!/^[A-Z][a-z]{2,8}, ?\d/.test(text)) return undefined
  const at = Date.parse(text)
  return Number.isNaN(at) ? undefined : Math.min(maxWait, Math.max(0, at - now))
}

const requestIdOf = (headers: Headers.Headers, scrub: Scrub): string | undefined => {
  const id = headers["x-request-id"] ?? headers["request-id"] ?? headers["traceparent"]
  return id === undefined || id.trim() === "" ? undefined : readableText(id, scrub, 128)
}

export interface Answer {
  readonly status: number
  readonly headers: Headers.Headers
  /** the server's own words, already readable */
  readonly description: string
  readonly now: number
}

const whereTo = (answer: Answer, scrub: Scrub): string =>
  answer.status >= 300 && answer.status < 400 && answer.headers["location"] !== undefined
    ? `it points to ${readableText(answer.headers["location"], scrub)}, which is not followed`
    : ""

/** a 410 or a 5xx may be of the moment; 425 and 429 say that nothing was done; 501 and 505 stay as they are */
const retryableStatus = (asked: Asked, status: number, wait: number | undefined): boolean | "unknown" => {
  if (status === 425 || status === 429) return true
  if (status === 410) return wait === undefined ? "unknown" : true
  if (isNotOffered(status)) return false
  if (status >= 500) return isIdempotent(asked) ? true : "unknown"
  return false
}

export const fromStatus = <X extends Extra>(
  asked: Asked,
  expected: ReadonlyArray<X>,
  answer: Answer,
  scrub: Scrub
): StatusError<X> => {
  const { status } = answer
  const wait = retryAfterMillis(answer.headers["retry-after"], answer.now)
  const requestId = requestIdOf(answer.headers, scrub)
  const said = [answer.description, whereTo(answer, scrub)].filter((text) => text !== "").join("; ")
  const fields = {
    method: asked.method,
    status,
    description: said === "" ? tried(asked) : `${tried(asked)}: ${said}`,
    retryable: retryableStatus(asked, status, wait),
    ...(asked.operationId === undefined ? {} : { operationId: asked.operationId }),
    ...(requestId === undefined ? {} : { requestId }),
    ...(wait === undefined ? {} : { retryAfterMillis: wait })
  }
  const own = expected.find((extra) => extra === status)
  if (own !== undefined) return new extras[own](fields) as StatusError<X>
  if (status === 400) return new Errors.BadRequestError(fields)
  if (status === 401) return new Errors.UnauthorizedError(fields)
  if (status === 403) return new Errors.ForbiddenError(fields)
  if (status === 429) return new Errors.RateLimitedError(fields)
  return status >= 500 && status < 600 ? new Errors.ServerError(fields) : new Errors.UnexpectedStatusError(fields)
}

// --------------------------------------------------------------------------------------------------------- bodies

/** which fields are wrong, and what was expected there; never what stood there, which may be anybody's secret */
export const issuesOf = (error: ParseResult.ParseError): string => {
  const said = ParseResult.ArrayFormatter.formatErrorSync(error).map((issue) => {
    const path = issue.path.map((key) => typeof key === "number" ? `[${key}]` : `.${String(key)}`).join("")
    const message = issue.message.split(", actual")[0] ?? ""
    return `${path.replace(/^\./, "") || "the whole"}: ${message}`
  })
  return [...new Set(said)].slice(0, 3).join("; ")
}

export const undecodable = (asked: Asked, what: string, scrub: Scrub): Errors.DecodeError =>
  new Errors.DecodeError({
    method: asked.method,
    description: `${tried(asked)}: ${readableText(what, scrub, 600)}`,
    retryable: false
  })

/** an argument that no server should see: nothing was sent */
export const refused = (asked: Pick<Asked, "method">, what: string, scrub: Scrub): Errors.BadRequestError =>
  new Errors.BadRequestError({
    method: asked.method,
    description: `nothing was sent: ${readableText(what, scrub, 600)}`,
    retryable: false
  })

/** a body that cannot be what was said of it: broken off, though the server may have seen some of it */
export const brokenOff = (asked: Pick<Asked, "method">, what: string): Errors.BadRequestError =>
  new Errors.BadRequestError({ method: asked.method, description: `broken off: ${what}`, retryable: false })
