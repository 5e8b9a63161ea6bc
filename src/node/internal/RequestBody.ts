/** Bodies of requests as undici takes them. */
import type * as HttpBody from "@effect/platform/HttpBody"
import * as Predicate from "effect/Predicate"
import type * as Runtime from "effect/Runtime"
import * as Stream from "effect/Stream"
import type { Dispatcher } from "undici"

export interface Prepared {
  readonly body: Exclude<Dispatcher.DispatchOptions["body"], undefined>
  /** what the body alone knows, as the boundary of a form */
  readonly contentType?: string | undefined
  /** ends what makes the body, when nobody reads it any more */
  readonly stop?: (() => Promise<unknown>) | undefined
}

/** Pulled as fast as the socket takes it; a failure of the stream is a failure of the request. */
const fromStream = (stream: Stream.Stream<Uint8Array, unknown>, runtime: Runtime.Runtime<never>): Prepared => {
  const iterator = Stream.toAsyncIterableRuntime(stream, runtime)[Symbol.asyncIterator]()
  return {
    body: iterable({ [Symbol.asyncIterator]: () => iterator }),
    stop: () => iterator.return?.() ?? Promise.resolve()
  }
}

/** undici takes any async iterable; its types name fewer. */
const iterable = (of: AsyncIterable<unknown>): Prepared["body"] => of as AsyncIterable<unknown> & Prepared["body"]

const fromWeb = (body: Blob | FormData): Prepared => {
  const { body: stream, headers } = new Response(body)
  return {
    body: stream === null ? null : iterable(stream as ReadableStream<Uint8Array> & AsyncIterable<Uint8Array>),
    contentType: headers.get("content-type") ?? undefined
  }
}

const isAsyncIterable = (u: unknown): u is AsyncIterable<unknown> =>
  Predicate.isObject(u) && Predicate.hasProperty(u, Symbol.asyncIterator)

const fromRaw = (body: unknown): Prepared | undefined => {
  if (typeof body === "string") return { body }
  if (body instanceof Uint8Array) return { body }
  if (body instanceof ArrayBuffer) return { body: new Uint8Array(body) }
  if (body instanceof Blob || body instanceof FormData) return fromWeb(body)
  if (body instanceof URLSearchParams) return { body: body.toString() }
  return isAsyncIterable(body) ? { body: iterable(body) } : undefined
}

/** Nothing when it is of a kind that cannot be sent. */
export const prepare = (body: HttpBody.HttpBody, runtime: Runtime.Runtime<never>): Prepared | undefined => {
  switch (body._tag) {
    case "Empty":
      return { body: null }
    case "Uint8Array":
      return { body: body.body }
    case "Stream":
      return fromStream(body.stream, runtime)
    case "FormData":
      return fromWeb(body.formData)
    case "Raw":
      return fromRaw(body.body)
  }
}
