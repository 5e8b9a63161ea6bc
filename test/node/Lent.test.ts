import { HttpBody, HttpClientRequest } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { expect, it } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { UndiciClient } from "effect-contree/node"
import { createHash, randomBytes } from "node:crypto"
import * as Fs from "node:fs"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { setTimeout } from "node:timers/promises"
import * as LocalRead from "../../src/internal/LocalRead.js"
import { temporaryStore } from "../support/engine.js"

const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex")

/** answers with the SHA-256 of what it was sent, which it reads by fits and starts */
const hasher = Effect.acquireRelease(
  Effect.async<Http.Server>((resume) => {
    const server = Http.createServer((request, response) => {
      void (async () => {
        const hash = createHash("sha256")
        let read = 0
        for await (const bytes of request) {
          hash.update(bytes)
          if (++read % 64 === 0) await setTimeout(5)
        }
        response.end(hash.digest("hex"))
      })()
    })
    server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
  }),
  (server) =>
    Effect.sync(() => {
      server.close()
      server.closeAllConnections()
    })
)

it.live.each([["with its size", true], ["in pieces", false]] as const)(
  "a local file that is sent %s arrives whole, out of a few buffers",
  ([, isSized]) =>
    Effect.scoped(Effect.gen(function*() {
      const { port } = (yield* hasher).address() as AddressInfo
      const client = yield* UndiciClient.make()
      const content = randomBytes(32 * 1024 * 1024 + 7)
      const path = `${temporaryStore()}/source`
      Fs.writeFileSync(path, content)
      const memory = new Set<ArrayBufferLike>()
      const pieces = LocalRead.stream(path, content.length).pipe(
        Stream.tap((piece) => Effect.sync(() => memory.add(piece.buffer))),
        Stream.provideLayer(NodeContext.layer)
      )
      const body = HttpBody.stream(pieces, undefined, isSized ? content.length : undefined)
      const request = HttpClientRequest.post(`http://127.0.0.1:${port}/`, { body })
      expect(yield* Effect.flatMap(client.execute(request), ({ text }) => text)).toBe(digest(content))
      expect(memory.size).toBeLessThanOrEqual(3)
    }))
)
