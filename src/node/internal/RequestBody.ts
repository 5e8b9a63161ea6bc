/** Bodies of requests as undici takes them. */
import type * as HttpBody from "@effect/platform/HttpBody"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type * as Runtime from "effect/Runtime"
import type * as Stream from "effect/Stream"
import { Readable } from "node:stream"
import type { Dispatcher } from "undici"
import * as SpareBytes from "../../internal/SpareBytes.js"
import { PulledBody } from "./PulledBody.js"

export interface Prepared {
  readonly body: Exclude<Dispatcher.DispatchOptions["body"], undefined>
  /** what the body alone knows, as the boundary of a form */
  readonly contentType?: string | undefined
  /** ends what makes the body, when nobody reads it any more */
  readonly stop?: (() => Promise<unknown>) | undefined
}

const nothing = (): void => {}

/** Pulled as fast as the socket takes it; a failure of what makes it is a failure of the request. */
const fromIterator = (iterator: AsyncIterator<unknown>): Prepared => ({
  body: iterable({ [Symbol.asyncIterator]: () => iterator }),
  // What fails at its end has nobody to tell: the request is over.
  stop: () => iterator.return?.().then(nothing, nothing) ?? Promise.resolve()
})

/**
 * Of what it asks for after it, undici has written all of it: a piece that is larger than what a socket keeps makes it
 * wait until the socket has nothing left. Smaller ones are never lent.
 */
const givingBack = (iterator: AsyncIterator<Uint8Array>): AsyncIterator<Uint8Array> => {
  let sent: Uint8Array | undefined
  return {
    next: async () => {
      if (sent !== undefined) SpareBytes.giveBack(sent)
      const next = await iterator.next()
      sent = next.done === true ? undefined : next.value
      return next
    },
    return: () => iterator.return?.() ?? Promise.resolve({ done: true, value: undefined })
  }
}

const fromStream = (stream: Stream.Stream<Uint8Array, unknown>, runtime: Runtime.Runtime<never>): Prepared =>
  fromIterator(givingBack(new PulledBody(stream, runtime)))

/** Not by its own iterator, which ends only when what was asked of it last has come. */
const fromReadable = (stream: ReadableStream<unknown>): Prepared => {
  const reader = stream.getReader()
  return fromIterator({
    next: () => reader.read() as Promise<IteratorResult<unknown>>,
    return: () => reader.cancel().then(() => ({ done: true, value: undefined }))
  })
}

/** A generator ends no sooner than what it waits for, and nobody is to wait for that. */
const fromAsyncIterable = (of: AsyncIterable<unknown>): Prepared => {
  const { body, stop } = fromIterator(of[Symbol.asyncIterator]())
  return {
    body,
    stop: () => {
      void stop?.()
      return Promise.resolve()
    }
  }
}

/** undici reads these by itself, but leaves one alone that it has not begun to read. */
const fromNode = (body: Readable): Prepared => ({ body, stop: () => Promise.resolve(void body.destroy()) })

/** undici takes any async iterable; its types name fewer. */
const iterable = (of: AsyncIterable<unknown>): Prepared["body"] => of as AsyncIterable<unknown> & Prepared["body"]

const fromWeb = (body: Blob | FormData): Prepared => {
  const { body: stream, headers } = new Response(body)
  return {
    ...(stream === null ? { body: null } : fromReadable(stream)),
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
  if (body instanceof Readable) return fromNode(body)
  if (body instanceof ReadableStream) return body.locked ? undefined : fromReadable(body)
  return isAsyncIterable(body) ? fromAsyncIterable(body) : undefined
}

/** Nothing when it is of a kind that cannot be sent, or others read it already. */
export const prepare = (body: HttpBody.HttpBody): Effect.Effect<Prepared | undefined> => {
  switch (body._tag) {
    case "Empty":
      return Effect.succeed({ body: null })
    case "Uint8Array":
      return Effect.succeed({ body: body.body })
    case "Stream":
      return Effect.map(Effect.runtime<never>(), (runtime) => fromStream(body.stream, runtime))
    case "FormData":
      return Effect.sync(() => fromWeb(body.formData))
    case "Raw":
      return Effect.sync(() => fromRaw(body.body))
  }
}
