/**
 * What all errors have in common: their fields, their words, and how the one line is put together that a person reads.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"
import * as ExitStatus from "../ExitStatus.js"
import { OperationId } from "../Ids.js"

/**
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: unique symbol = Symbol.for("effect-contree/Errors")
/**
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

/**
 * The fields of every error. All but `method` have a default: a test that fails once should not have to fill in five.
 *
 * @internal
 */
export const common = {
  method: Schema.String,
  description: Schema.optional(Schema.String),
  retryable: Schema.propertySignature(Schema.Union(Schema.Boolean, Schema.Literal("unknown"))).pipe(
    Schema.withConstructorDefault(() => false as boolean | "unknown")
  )
}

/**
 * The fields of an error that came as a status.
 *
 * @internal
 */
export const http = {
  ...common,
  status: Schema.optional(Schema.Int),
  operationId: Schema.optional(OperationId),
  /** the server's name for the request: quote it when you ask for help */
  requestId: Schema.optional(Schema.String),
  /** how long the server asked to wait, in milliseconds */
  retryAfterMillis: Schema.optional(Schema.Number)
}

/**
 * The fields of an error of one operation.
 *
 * @internal
 */
export const operation = { ...common, operationId: OperationId }

interface Words {
  readonly title: string
  readonly hint: string
}

/**
 * What happened, and what to do next.
 *
 * @internal
 */
export const words = {
  BadRequestError: { title: "the server refused the request", hint: "what it says names the value to mend" },
  UnauthorizedError: {
    title: "the token was not accepted",
    hint: "check CONTREE_TOKEN or the profile; Contree.diagnose says more"
  },
  ForbiddenError: {
    title: "the token may not do this",
    hint: "ask for the permission, or check token and project: a wrong token is answered so too"
  },
  NotFoundError: {
    title: "not found",
    hint: "check the name; untagged images and old operations age out"
  },
  ConflictError: {
    title: "its present state does not allow this",
    hint: "it may have ended already: look at it again"
  },
  GoneError: {
    title: "the content is gone, or not there yet",
    hint: "try again shortly; if it stays so, it was removed"
  },
  UnprocessableError: {
    title: "the server cannot do this with what it was given",
    hint: "a folder is no file, and not every server honours every option"
  },
  TooEarlyError: {
    title: "the server was not ready and did nothing",
    hint: "it is safe to try again"
  },
  RateLimitedError: {
    title: "too much at once; the server did nothing",
    hint: "wait, or lower the concurrency in ContreeConfig"
  },
  ServerError: {
    title: "the server failed",
    hint: "try again; if it stays so, ask its operators and quote the request"
  },
  UnexpectedStatusError: {
    title: "the server gave an answer that the protocol does not have here",
    hint: "check the base URL, and any proxy on the way"
  },
  TransportError: {
    title: "the server could not be reached, or the connection broke",
    hint: "check the base URL and the network"
  },
  DecodeError: {
    title: "what came could not be read",
    hint: "check that the base URL is that of a ConTree service"
  },
  EventStreamError: {
    title: "the events of the operation broke off and could not be resumed",
    hint: "the operation may go on: operations.get tells its state, operations.attach takes it up again"
  },
  FailedOperationError: {
    title: "the operation failed on the server",
    hint: "the reason is the server's, not the command's exit code: mend that, then run it again"
  },
  CancelledOperationError: {
    title: "the operation was cancelled",
    hint: "somebody asked for it, here or elsewhere: run it again if that was not meant"
  },
  OperationTimedOutError: {
    title: "it was not over within waitTimeout",
    hint: "allow more with waitTimeout"
  },
  OutputTruncatedError: {
    title: "the server cut the output",
    hint: "raise truncateOutputAt (10 MiB at most), or write to a file and download it"
  },
  CommandFailedError: {
    title: "the command failed",
    hint: "its last output is in stdoutTail and stderrTail"
  },
  DisposableImageRunError: {
    title: "this handle has no image any more",
    hint: "run with { disposable: false } to keep one, and use a scratch within its scope"
  },
  InvalidReferenceError: {
    title: "this names no image",
    hint: "write an image id, tag:NAME, or [registry/]name[:tag][@digest]"
  },
  InvalidArgumentError: {
    title: "an argument cannot be used",
    hint: "mend the argument: nothing was sent"
  },
  ConfigurationError: {
    title: "the SDK is not configured",
    hint: "set one of the places that were tried"
  }
} as const satisfies Record<string, Words>

/**
 * Statuses of a server that cannot do it at all: it will not be able to in a moment either.
 *
 * @internal
 */
export const isNotOffered = (status: number | undefined): boolean => status === 501 || status === 505

/**
 * The words of this very error: some statuses, and the lack of one, mean something else than the rest of their class.
 *
 * @internal
 */
export const wordsOf = (self: { readonly _tag: keyof typeof words; readonly status?: number | undefined }): Words => {
  if (self._tag === "ServerError" && isNotOffered(self.status)) {
    return { title: "this server does not offer it", hint: "do without it, or use a server that has it" }
  }
  if (self._tag === "BadRequestError" && self.status === undefined) {
    return { ...words.BadRequestError, title: "the SDK refused the request" }
  }
  if (self._tag === "ConflictError" && self.status === undefined) {
    return { ...words.ConflictError, hint: "wait for what is going on, or do without" }
  }
  return words[self._tag]
}

interface Described {
  readonly _tag: keyof typeof words
  readonly method: string
  readonly description?: string | undefined
  readonly status?: number | undefined
  readonly operationId?: string | undefined
  readonly requestId?: string | undefined
}

const maxLength = 500

/**
 * Text from outside on one line: no line breaks, no control characters that a terminal would obey, no whole web page.
 *
 * @internal
 */
export const oneLine = (text: string): string => {
  // one more than fits is enough to know that it does not
  const line = text.slice(0, 8 * maxLength).replace(/[\s\p{Cc}\u2028\u2029]+/gu, " ").trim()
  return line.length <= maxLength ? line : `${line.slice(0, maxLength - 3)}...`
}

/**
 * `method: what happened (status) [operation] [request]: the description; what to do next`
 *
 * @internal
 */
export const describe = (
  self: Described,
  options: { readonly title?: string | undefined; readonly detail?: string | undefined; readonly hint?: string } = {}
): string => {
  const { hint, title } = { ...wordsOf(self), ...options }
  const where = [
    self.status === undefined ? "" : ` (status ${self.status})`,
    self.operationId === undefined ? "" : ` [operation ${self.operationId}]`,
    self.requestId === undefined ? "" : ` [request ${oneLine(self.requestId)}]`
  ].join("")
  const description = oneLine(self.description ?? "").replace(/[.;:,]+$/, "")
  const what = [`${oneLine(self.method)}: ${title}${where}`, description, options.detail ?? ""]
    .filter((part) => part !== "")
    .join(": ")
  return hint === "" ? what : `${what}; ${hint}`
}

/**
 * How a command ended and the last it wrote: stderr, or stdout where stderr is empty.
 *
 * @internal
 */
export const lastWords = (self: {
  readonly stdoutTail?: string | undefined
  readonly stderrTail?: string | undefined
}): string => {
  const [stderr, stdout] = [(self.stderrTail ?? "").trimEnd(), (self.stdoutTail ?? "").trimEnd()]
  const text = stderr.trim() === "" ? stdout : stderr
  return text.trim() === "" ? "" : `; its last output:\n${text}`
}

/**
 * @internal
 */
export const ended = (exit: ExitStatus.ExitStatus): string => `it ${ExitStatus.format(exit)}`

/**
 * The class of one error: `class X extends make<X>()("X", fields) {}`.
 *
 * @internal
 */
/* eslint-disable @typescript-eslint/explicit-module-boundary-types --
   its type has a part that Schema does not export: what to say to a class that forgets to name itself */
export const make = <Self>() =>
<const Tag extends keyof typeof words, Fields extends Schema.Struct.Fields>(
  tag: Tag,
  fields: Fields
) => Schema.TaggedError<Self>(`effect-contree/${tag}`)(tag, fields)
