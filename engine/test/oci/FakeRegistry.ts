/** A registry in this process: what it holds, whom it lets in, and what goes wrong with it. */
import { Effect } from "effect"
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import type { Blob, Made } from "./Tar.js"

export interface Asked {
  readonly path: string
  readonly authorization: string | undefined
  readonly range: string | undefined
}

export interface FakeRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string
  readonly asked: Array<Asked>
  /** by `/v2/...`: what the next requests of it are answered with instead, in order; undefined: as usual */
  readonly instead: Map<string, Array<((response: Http.ServerResponse) => void) | undefined>>
  readonly add: (repository: string, tag: string, made: Made, index?: Blob) => void
  readonly blobs: Map<string, Buffer>
  /** `bearer`: a token for whoever has the name and password; `open` (the default): everybody */
  auth: "open" | "basic" | "bearer"
  /** tokens are good for so many requests */
  tokenUses: number
}

export const user = { username: "ada", password: "p4ss:word" }

const basic = `Basic ${Buffer.from(`${user.username}:${user.password}`).toString("base64")}`

export const make = Effect.acquireRelease(
  Effect.async<{ readonly fake: FakeRegistry; readonly server: Http.Server }>((resume) => {
    const manifests = new Map<string, { readonly bytes: Buffer; readonly type: string }>()
    const tokens = new Map<string, number>()
    let host = ""
    const fake: FakeRegistry = {
      get host() {
        return host
      },
      asked: [],
      instead: new Map(),
      blobs: new Map(),
      auth: "open",
      tokenUses: Infinity,
      add: (repository, tag, made, index) => {
        const put = (name: string, { bytes }: Blob, type: string) =>
          manifests.set(`/v2/${repository}/manifests/${name}`, { bytes, type })
        const typeOf = ({ bytes }: Blob): string => JSON.parse(bytes.toString()).mediaType as string
        put(made.manifest.digest, made.manifest, typeOf(made.manifest))
        const top = index ?? made.manifest
        put(tag, top, typeOf(top))
        put(top.digest, top, typeOf(top))
        for (const { bytes, digest } of made.blobs) fake.blobs.set(digest, bytes)
      }
    }
    const challenge = (): string =>
      fake.auth === "basic"
        ? "Basic realm=\"fake\""
        : `Bearer realm="http://${host}/token",service="fake, \\"really\\"",scope="repository:any:pull"`
    const letIn = (authorization: string | undefined): boolean => {
      if (fake.auth === "open") return true
      if (fake.auth === "basic") return authorization === basic
      const token = authorization?.replace(/^Bearer /, "") ?? ""
      const left = tokens.get(token) ?? 0
      tokens.set(token, left - 1)
      return left > 0
    }
    const fail = (response: Http.ServerResponse, status: number, code: string, headers = {}) =>
      response.writeHead(status, { "content-type": "application/json", ...headers })
        .end(JSON.stringify({ errors: [{ code, message: code.toLowerCase().replace(/_/g, " ") }] }))
    const server = Http.createServer((request, response) => {
      const url = new URL(request.url ?? "/", `http://${host}`)
      const path = decodeURIComponent(url.pathname)
      const { authorization, range } = request.headers
      fake.asked.push({ path: path + url.search, authorization, range })
      const instead = fake.instead.get(path)?.shift()
      if (instead !== undefined) return instead(response)
      if (path === "/token") {
        if (authorization !== basic) return fail(response, 401, "UNAUTHORIZED")
        const token = `token-${tokens.size}`
        tokens.set(token, fake.tokenUses)
        return response.writeHead(200).end(JSON.stringify({ token }))
      }
      if (!letIn(authorization)) return fail(response, 401, "UNAUTHORIZED", { "www-authenticate": challenge() })
      const manifest = manifests.get(path)
      if (manifest !== undefined) return response.writeHead(200, { "content-type": manifest.type }).end(manifest.bytes)
      if (path.includes("/manifests/")) return fail(response, 404, "MANIFEST_UNKNOWN")
      const blob = fake.blobs.get(path.replace(/^.*\/blobs\//, ""))
      if (blob === undefined) return fail(response, 404, "BLOB_UNKNOWN")
      const from = Number(/^bytes=(\d+)-$/.exec(range ?? "")?.[1] ?? 0)
      response.writeHead(from > 0 ? 206 : 200, {
        "content-length": blob.length - from,
        ...(from > 0 ? { "content-range": `bytes ${from}-${blob.length - 1}/${blob.length}` } : {})
      }).end(blob.subarray(from))
    })
    server.listen(0, "127.0.0.1", () => {
      host = `127.0.0.1:${(server.address() as AddressInfo).port}`
      resume(Effect.succeed({ fake, server }))
    })
  }),
  ({ server }) =>
    Effect.sync(() => {
      server.closeAllConnections()
      server.close()
    })
).pipe(Effect.map(({ fake }) => fake))
