/**
 * Writing an answer piece by piece, each on its way before the next, compressed or not.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Http from "node:http"
import * as Zlib from "node:zlib"

/**
 * @since 0.1.0
 * @category models
 */
export interface Writer {
  /** done when the connection has taken it; nothing is written to one that is closed */
  readonly write: (bytes: Uint8Array) => Effect.Effect<void>
  readonly end: Effect.Effect<void>
  /** ends the message, but not what is in it */
  readonly cut: Effect.Effect<void>
}

const send = (response: Http.ServerResponse, bytes: Uint8Array): Effect.Effect<void> =>
  Effect.async((resume) => {
    if (bytes.length === 0 || response.destroyed) return resume(Effect.void)
    response.write(bytes, () => resume(Effect.void))
  })

const plain = (response: Http.ServerResponse): Writer => ({
  write: (bytes) => send(response, bytes),
  end: Effect.sync(() => void response.end()),
  cut: Effect.sync(() => void response.end())
})

const gzipped = (response: Http.ServerResponse): Writer => {
  const gzip = Zlib.createGzip()
  let pieces: Array<Buffer> = []
  // read as it is made: a codec whose output waits stops, and with it the flush that is waited for
  const gather = (): void => {
    for (let piece: unknown = gzip.read(); Buffer.isBuffer(piece); piece = gzip.read()) pieces.push(piece)
  }
  gzip.on("readable", gather)
  const taken = (): Buffer => {
    gather()
    const made = Buffer.concat(pieces)
    pieces = []
    return made
  }
  const flushed = (bytes: Uint8Array): Effect.Effect<Buffer> =>
    Effect.async((resume) => {
      gzip.write(bytes)
      gzip.flush(Zlib.constants.Z_SYNC_FLUSH, () => resume(Effect.sync(taken)))
    })
  const rest = Effect.async<Buffer>((resume) => {
    gzip.once("end", () => resume(Effect.sync(taken)))
    gzip.end()
  })
  return {
    write: (bytes) => bytes.length === 0 ? Effect.void : Effect.flatMap(flushed(bytes), (made) => send(response, made)),
    end: Effect.zipRight(
      Effect.flatMap(rest, (bytes) => send(response, bytes)),
      Effect.sync(() => void response.end())
    ),
    cut: Effect.sync(() => void response.end())
  }
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const writerOf = (response: Http.ServerResponse, gzip: boolean): Writer =>
  gzip ? gzipped(response) : plain(response)
