/**
 * What is piped into this program.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"

/** A stream of Node, as far as it is read here. */
interface Readable {
  readonly read: () => unknown
  readonly readableEnded: boolean
  readonly destroyed: boolean
  readonly on: (event: string, listener: () => void) => unknown
  readonly off: (event: string, listener: () => void) => unknown
}

const events = ["readable", "end", "error", "close"]

/**
 * The next bytes; undefined when there are no more, since whoever wrote has ended or broke off. Can be interrupted while
 * it waits, which an iterator of Node's cannot.
 *
 * @since 0.1.0
 * @category reading
 */
export const next = (stream: Readable): Effect.Effect<Uint8Array | undefined> =>
  Effect.async((resume) => {
    const stop = (): void => {
      for (const event of events) stream.off(event, look)
    }
    function look(): void {
      const bytes = stream.read()
      if (!(bytes instanceof Uint8Array) && !stream.readableEnded && !stream.destroyed) return
      stop()
      resume(Effect.succeed(bytes instanceof Uint8Array ? bytes : undefined))
    }
    for (const event of events) stream.on(event, look)
    look()
    return Effect.sync(stop)
  })

/**
 * All of it as text; undefined when it has more bytes than that.
 *
 * @since 0.1.0
 * @category reading
 */
export const text = (stream: Readable, maxBytes: number): Effect.Effect<string | undefined> =>
  Effect.gen(function*() {
    const pieces: Array<Uint8Array> = []
    let size = 0
    for (let piece = yield* next(stream); piece !== undefined; piece = yield* next(stream)) {
      pieces.push(piece)
      size += piece.length
      if (size > maxBytes) return undefined
    }
    return Buffer.concat(pieces).toString("utf8")
  })
