/**
 * gzip for whoever asks for it: every body, failures and streams of events included. Protocol: section 2.0.
 *
 * @since 0.1.0
 */
import * as HttpBody from "@effect/platform/HttpBody"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Zlib from "node:zlib"

// over a loopback the time of a better compression is never won back
const level = 1

const quality = (parameters: ReadonlyArray<string>): number => {
  const given = parameters.map((parameter) => /^q\s*=\s*(.*)$/i.exec(parameter.trim())?.[1]).find((q) =>
    q !== undefined
  )
  if (given === undefined) return 1
  // what is no weight is no wish
  return /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(given) ? Number(given) : 0
}

/**
 * Does this `Accept-Encoding` ask for gzip, and for nothing rather than it?
 *
 * @since 0.1.0
 * @category predicates
 */
export const wantsGzip = (header: string | undefined): boolean => {
  const wishes = new Map<string, number>()
  for (const part of (header ?? "").split(",")) {
    const [name = "", ...parameters] = part.split(";")
    const coding = name.trim().toLowerCase()
    if (coding !== "") wishes.set(coding === "x-gzip" ? "gzip" : coding, quality(parameters))
  }
  const gzip = wishes.get("gzip") ?? wishes.get("*") ?? 0
  return gzip > 0 && gzip >= (wishes.get("identity") ?? 0)
}

/** A compressor that is asked for everything it has after each piece. */
interface Compressor {
  readonly push: (bytes: Uint8Array) => Effect.Effect<Uint8Array>
  readonly end: Effect.Effect<Uint8Array>
  readonly close: () => void
}

const compressor = (): Compressor => {
  const gzip = Zlib.createGzip({ level })
  let pieces: Array<Buffer> = []
  gzip.on("data", (piece: Buffer) => pieces.push(piece))
  const taken = (): Uint8Array => {
    const all = Buffer.concat(pieces)
    pieces = []
    return all
  }
  // zlib fails on what it is given to decompress; here only when it is used after its end, which is a defect
  const until = (start: (done: () => void) => void): Effect.Effect<Uint8Array> =>
    Effect.async((resume) => {
      const failed = (error: Error): void => resume(Effect.die(error))
      gzip.once("error", failed)
      start(() => {
        gzip.off("error", failed)
        resume(Effect.sync(taken))
      })
    })
  return {
    push: (bytes) =>
      until((done) => {
        gzip.write(bytes)
        gzip.flush(Zlib.constants.Z_SYNC_FLUSH, done)
      }),
    end: until((done) => {
      gzip.once("end", done)
      gzip.end()
    }),
    close: () => {
      gzip.close()
    }
  }
}

/**
 * The same bytes compressed; what came is readable on the other side before more is awaited.
 *
 * @since 0.1.0
 * @category conversions
 */
export const gzipStream = <E>(body: Stream.Stream<Uint8Array, E>): Stream.Stream<Uint8Array, E> =>
  Stream.unwrapScoped(
    Effect.map(
      Effect.acquireRelease(Effect.sync(compressor), (made) => Effect.sync(made.close)),
      ({ end, push }) =>
        Stream.concat(
          Stream.mapChunksEffect(body, (chunk) =>
            Effect.map(
              push(Buffer.concat(Chunk.toReadonlyArray(chunk))),
              (bytes): Chunk.Chunk<Uint8Array> => bytes.length === 0 ? Chunk.empty() : Chunk.of(bytes)
            )),
          Stream.fromEffect(end)
        )
    )
  )

const gzipBytes = (bytes: Uint8Array): Effect.Effect<Uint8Array> =>
  Effect.async((resume) => {
    Zlib.gzip(bytes, { level }, (error, zipped) => resume(error === null ? Effect.succeed(zipped) : Effect.die(error)))
  })

const bodyOf = (body: HttpBody.HttpBody): Effect.Effect<Option.Option<HttpBody.HttpBody>> => {
  switch (body._tag) {
    case "Uint8Array":
      return Effect.map(gzipBytes(body.body), (zipped) => Option.some(HttpBody.uint8Array(zipped, body.contentType)))
    case "Stream":
      return Effect.succeed(Option.some(HttpBody.stream(gzipStream(body.stream), body.contentType)))
    default:
      return Effect.succeed(Option.none())
  }
}

/**
 * The answer as this request wants it. An answer without a body, and one to HEAD, stays as it is.
 *
 * @since 0.1.0
 * @category conversions
 */
export const encode = (
  response: HttpServerResponse.HttpServerResponse,
  request: { readonly method: string; readonly acceptEncoding: string | undefined }
): Effect.Effect<HttpServerResponse.HttpServerResponse> => {
  if (response.body._tag === "Empty") return Effect.succeed(response)
  const varied = HttpServerResponse.setHeader(response, "vary", "Accept-Encoding")
  if (request.method === "HEAD" || !wantsGzip(request.acceptEncoding)) return Effect.succeed(varied)
  return Effect.map(bodyOf(response.body), (zipped) => {
    if (Option.isNone(zipped)) return varied
    const { "content-length": _, ...headers } = varied.headers
    const bare = HttpServerResponse.empty({
      status: response.status,
      headers: { ...headers, "content-encoding": "gzip" }
    })
    return HttpServerResponse.setBody(bare, zipped.value)
  })
}
