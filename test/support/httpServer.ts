/**
 * A real server on the loopback that compresses every answer, asked for or not, with a flush after each piece: what the
 * official stub does. Routes are functions over Node's own request and response.
 */
import { Effect } from "effect"
import type { Scope } from "effect"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import * as Zlib from "node:zlib"

export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: Http.IncomingHttpHeaders
  readonly body: Buffer
}

export interface Exchange {
  readonly request: Http.IncomingMessage
  readonly response: Http.ServerResponse
  /** the whole body of the request */
  readonly body: Promise<Buffer>
  /** opens the answer; gzip unless told otherwise */
  readonly open: (status: number, headers?: Record<string, string>, plain?: boolean) => Writer
  readonly json: (status: number, value: unknown, headers?: Record<string, string>) => void
}

export interface Writer {
  /** written and flushed: it is on its way when the promise is done */
  readonly write: (bytes: string | Uint8Array) => Promise<void>
  readonly end: (bytes?: string | Uint8Array) => void
  /** ends the HTTP message properly, but without the end of the gzip body */
  readonly cut: () => void
}

export type Handler = (exchange: Exchange) => void | Promise<void>

export interface Server {
  readonly url: string
  readonly seen: Array<Seen>
  /** answers that are open, and whose client is still there */
  readonly open: Set<Http.ServerResponse>
}

const writerOf = (response: Http.ServerResponse, plain: boolean): Writer => {
  if (plain) {
    return {
      write: (bytes) => new Promise((resolve) => response.write(bytes, () => resolve())),
      end: (bytes) => void response.end(bytes),
      cut: () => void response.destroy()
    }
  }
  const gzip = Zlib.createGzip()
  let isCut = false
  gzip.on("data", (bytes: Buffer) => isCut || response.write(bytes))
  gzip.on("end", () => isCut || response.end())
  return {
    write: (bytes) =>
      new Promise((resolve) => {
        gzip.write(bytes)
        gzip.flush(Zlib.constants.Z_SYNC_FLUSH, () => resolve())
      }),
    end: (bytes) => void gzip.end(bytes),
    cut: () => {
      isCut = true
      response.end()
    }
  }
}

const collect = async (request: Http.IncomingMessage): Promise<Buffer> => {
  const parts: Array<Buffer> = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

export const serve = (handler: Handler): Effect.Effect<Server, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<Server & { readonly close: Effect.Effect<void> }>((resume) => {
      const seen: Array<Seen> = []
      const open = new Set<Http.ServerResponse>()
      const server = Http.createServer((request, response) => {
        open.add(response)
        response.on("close", () => open.delete(response))
        const body = collect(request)
        body.then(
          (bytes) => seen.push({ method: request.method!, url: request.url!, headers: request.headers, body: bytes }),
          () => undefined
        )
        const start = (status: number, headers: Record<string, string> = {}, plain = false): Writer => {
          response.writeHead(status, { ...(plain ? {} : { "content-encoding": "gzip" }), ...headers })
          response.flushHeaders()
          return writerOf(response, plain)
        }
        const json = (status: number, value: unknown, headers: Record<string, string> = {}) =>
          start(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(value))
        Promise.resolve(handler({ request, response, body, open: start, json })).catch((error: unknown) => {
          response.destroy(error instanceof Error ? error : new Error(String(error)))
        })
      })
      server.listen(0, "127.0.0.1", () => {
        const { port } = server.address() as AddressInfo
        const close = Effect.async<void>((done) => {
          server.closeAllConnections()
          server.close(() => done(Effect.void))
        })
        resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, seen, open, close }))
      })
    }),
    ({ close }) => close
  )
