/**
 * What can go wrong between a client and its server, as plain data: a script of faults can be printed, kept, and played
 * again.
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

const bytes = Schema.NonNegativeInt
const millis = Schema.NonNegativeInt

/**
 * The kinds of requests. `other` is whatever has no kind of its own.
 *
 * @since 0.1.0
 * @category models
 */
export const Route = Schema.Literal(
  "spawn",
  "events",
  "operation",
  "cancel",
  "operations",
  "subprocess",
  "upload",
  "file",
  "download",
  "archive",
  "import",
  "other"
)

/**
 * @since 0.1.0
 * @category models
 */
export type Route = typeof Route.Type

/** The connection is reset as soon as the head of the request has come; the target never hears of it. */
const Refuse = Schema.TaggedStruct("Refuse", {})
/** The same once the whole body of the request has come. */
const ResetAfterBody = Schema.TaggedStruct("ResetAfterBody", {})
/** The target does what it was asked for, and its answer is dropped: the connection is reset instead. */
const DropAnswer = Schema.TaggedStruct("DropAnswer", {})
/** Nothing ever comes, though the connection stays; the target never hears of it. */
const HalfOpen = Schema.TaggedStruct("HalfOpen", {})
/** The answer is as it should be up to this byte of its body; then nothing comes any more, and the connection stays. */
const Stall = Schema.TaggedStruct("Stall", { bytes })
/** The answer ends at this byte of its body: the connection is reset, or closed in the middle of the message. */
const Cut = Schema.TaggedStruct("Cut", { bytes, how: Schema.Literal("reset", "close") })
/** The answer is late by so much. */
const Delay = Schema.TaggedStruct("Delay", { millis })
/** The answer comes in pieces of so many bytes, each so much after the one before. */
const Drip = Schema.TaggedStruct("Drip", { bytes: Schema.Positive.pipe(Schema.int()), millis })
/** This answer instead of the target's, which never hears of the request; `retryAfter` is the header, as it is. */
const Status = Schema.TaggedStruct("Status", {
  status: Schema.Int.pipe(Schema.between(400, 599)),
  retryAfter: Schema.optional(Schema.String)
})
/** A whole HTTP message whose gzip body lacks its end: what was in it up to this byte can be read. */
const TruncateGzip = Schema.TaggedStruct("TruncateGzip", { bytes })
/** Every frame of an event stream comes twice. */
const DuplicateFrames = Schema.TaggedStruct("DuplicateFrames", {})
/** The frame with this number of the connection, from 0, comes after the one that follows it. */
const ReorderFrames = Schema.TaggedStruct("ReorderFrames", { at: bytes })
/** After so many frames the server says in the stream that it broke, and ends it. */
const SseError = Schema.TaggedStruct("SseError", { frames: bytes })
/** The stream asks for a pause before the next connection. */
const Retry = Schema.TaggedStruct("Retry", { millis })
/** The answer is whole, and then the connection is closed though it was to be kept: the next request meets it dead. */
const CloseIdle = Schema.TaggedStruct("CloseIdle", {})

/** Nobody is there any more: every connection is reset, and for so long a new one is refused. */
const Unreachable = Schema.TaggedStruct("Unreachable", { millis })

/**
 * One thing that goes wrong with one request. Bytes are of the body as the target sent it, before any compression.
 *
 * @since 0.1.0
 * @category models
 */
export const Fault = Schema.Union(
  Refuse,
  ResetAfterBody,
  DropAnswer,
  HalfOpen,
  Stall,
  Cut,
  Delay,
  Drip,
  Status,
  TruncateGzip,
  DuplicateFrames,
  ReorderFrames,
  SseError,
  Retry,
  CloseIdle,
  Unreachable
)

/**
 * @since 0.1.0
 * @category models
 */
export type Fault = typeof Fault.Type

/**
 * The request of a kind that a fault is for: the `nth`, from 0, or with `onwards` that and all after it.
 *
 * @since 0.1.0
 * @category models
 */
export const Rule = Schema.Struct({
  route: Route,
  nth: Schema.NonNegativeInt,
  onwards: Schema.optional(Schema.Boolean),
  fault: Fault
})

/**
 * @since 0.1.0
 * @category models
 */
export type Rule = typeof Rule.Type

/**
 * Rules, of which the first that fits a request is followed; without one, the request goes through. `gzip` compresses
 * every answer, asked for or not, with a flush after each piece.
 *
 * @since 0.1.0
 * @category models
 */
export const Script = Schema.Struct({
  seed: Schema.optional(Schema.Int),
  gzip: Schema.optional(Schema.Boolean),
  rules: Schema.Array(Rule)
})

/**
 * @since 0.1.0
 * @category models
 */
export type Script = typeof Script.Type

const shapes: ReadonlyArray<readonly [string, RegExp, Route]> = [
  ["POST", /^\/v1\/instances$/, "spawn"],
  ["GET", /^\/v1\/operations\/[^/]+\/events$/, "events"],
  ["GET", /^\/v1\/operations\/[^/]+$/, "operation"],
  ["DELETE", /^\/v1\/operations\/[^/]+$/, "cancel"],
  ["GET", /^\/v1\/operations$/, "operations"],
  ["*", /^\/v1\/operations\/[^/]+\/subprocesses/, "subprocess"],
  ["POST", /^\/v1\/files$/, "upload"],
  ["*", /^\/v1\/files(?:\/[^/]+)?$/, "file"],
  ["*", /^\/v1\/inspect\/[^/]+\/download$/, "download"],
  ["*", /^\/v1\/inspect\/[^/]+\/archive$/, "archive"],
  ["POST", /^\/v1\/images\/import$/, "import"]
]

/**
 * The kind of a request; `url` is its path and query.
 *
 * @since 0.1.0
 * @category predicates
 */
export const routeOf = (method: string, url: string): Route => {
  const path = url.replace(/[?#].*$/s, "")
  return shapes.find(([verb, shape]) => (verb === "*" || verb === method) && shape.test(path))?.[2] ?? "other"
}

/**
 * The fault for the `nth` request of a kind, if there is one.
 *
 * @since 0.1.0
 * @category predicates
 */
export const faultFor = (script: Script, route: Route, nth: number): Fault | undefined =>
  script.rules.find((rule) => rule.route === route && (rule.onwards === true ? nth >= rule.nth : nth === rule.nth))
    ?.fault
