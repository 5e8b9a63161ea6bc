import { Effect } from "effect"
import type { Scope } from "effect"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import * as Zlib from "node:zlib"

/** A reverse proxy that gzips every answer, asked or not, with a flush after each chunk, as the service's gateway does. */
export const gzipProxy = (target: string): Effect.Effect<string, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<Http.Server>((resume) => {
      const server = Http.createServer((request, response) => {
        const forward = Http.request(
          target + request.url,
          // The engine answers by its own address only.
          { method: request.method, headers: { ...request.headers, host: new URL(target).host } },
          (answer) => {
            const headers = { ...answer.headers }
            delete headers["content-length"]
            const empty = request.method === "HEAD" || answer.statusCode === 204 || answer.statusCode === 302
            response.writeHead(answer.statusCode!, empty ? headers : { ...headers, "content-encoding": "gzip" })
            if (empty) return void answer.resume().once("end", () => response.end())
            response.flushHeaders()
            const gzip = Zlib.createGzip({ flush: Zlib.constants.Z_SYNC_FLUSH })
            answer.pipe(gzip).pipe(response)
          }
        )
        forward.once("error", () => response.destroy())
        response.once("close", () => forward.destroy())
        request.pipe(forward)
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.async<void>((resume) => {
        server.closeAllConnections()
        server.close(() => resume(Effect.void))
      })
  ).pipe(Effect.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`))
