/**
 * A ConTree service that has nothing to do: a process of its own, so that what it takes is on no client's account. The
 * command of a run says what its log holds.
 */
import * as Http from "node:http"
import type { AddressInfo } from "node:net"
import { now } from "./Harness.js"
import * as Bodies from "./serverBodies.js"

const spawned = new Map<string, string>()
let count = 0
/** when the latest DELETE came */
let cancelled = 0
const open = new Set<Http.ServerResponse>()

const json = (response: Http.ServerResponse, status: number, value: unknown): void => {
  const body = Buffer.from(JSON.stringify(value))
  response.writeHead(status, { "content-type": "application/json", "content-length": body.length })
  response.end(body)
}

const read = (request: Http.IncomingMessage): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const parts: Array<Buffer> = []
    request.on("data", (bytes: Buffer) => parts.push(bytes))
    request.on("end", () => resolve(Buffer.concat(parts)))
    request.on("error", reject)
  })

const spawn = async (request: Http.IncomingMessage, response: Http.ServerResponse): Promise<void> => {
  const { command } = JSON.parse((await read(request)).toString())
  const uuid = `00000000-0000-4000-8000-${(++count).toString(16).padStart(12, "0")}`
  spawned.set(uuid, command)
  // Only what is asked for soon is kept.
  if (spawned.size > 4096) spawned.delete(spawned.keys().next().value ?? "")
  json(response, 201, { uuid })
}

/** A connection that breaks after the first word; who comes back hears the rest. */
const breaking = (response: Http.ServerResponse, after: number): void => {
  if (after >= 2) return void response.end(Bodies.stdout(3, "two\n") + Bodies.ending(4))
  response.write(Bodies.begun + Bodies.stdout(2, "one\n"), () => response.destroy())
}

const events = (command: string, after: string | undefined, response: Http.ServerResponse): void => {
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" })
  if (command === "true") return void response.end(Bodies.short)
  open.add(response)
  response.on("close", () => open.delete(response))
  if (command === "break") return breaking(response, Number(after))
  if (command.startsWith("print ")) return Bodies.pump(response, Bodies.long(Number(command.slice(6))))
  response.write(Bodies.begun)
  // It says the time now and then.
  if (command.startsWith("tick ")) return tick(response, Number(command.slice(5)))
  // And this is all that there will ever be.
  response.write(Bodies.stdout(2, "x"))
}

const tick = (response: Http.ServerResponse, left: number, id = 2): void => {
  if (response.destroyed) return
  if (left === 0) return void response.end(Bodies.ending(id))
  response.write(Bodies.stdout(id, String(now())))
  setTimeout(() => tick(response, left - 1, id + 1), 2)
}

const transfer = (request: Http.IncomingMessage, response: Http.ServerResponse, url: URL): void => {
  const size = Number(/(\d+)$/.exec(url.searchParams.get("path") ?? "")?.[1] ?? 0)
  response.writeHead(200, { "content-type": "application/octet-stream", "content-length": size })
  Bodies.pump(response, Bodies.zeros(size))
}

const upload = (request: Http.IncomingMessage, response: Http.ServerResponse): void => {
  let size = 0
  request.on("data", (bytes: Buffer) => {
    size += bytes.length
  })
  request.on("end", () => json(response, 200, { uuid: Bodies.image, sha256: Bodies.digestOfZeros(size), size }))
}

const operation = (id: string, request: Http.IncomingMessage, response: Http.ServerResponse): void => {
  if (request.method !== "DELETE") return json(response, 200, Bodies.operation(id))
  cancelled = now()
  response.writeHead(202).end()
}

const bench = (path: string, request: Http.IncomingMessage, response: Http.ServerResponse): void => {
  if (path.startsWith("/bench/sse/")) {
    response.writeHead(200, { "content-type": "text/event-stream" })
    return Bodies.pump(response, Bodies.long(Number(path.slice(11))))
  }
  if (path === "/bench/cancelled") return json(response, 200, cancelled)
  if (path === "/bench/open") return json(response, 200, open.size)
  json(response, 404, { error: "no such question" })
}

const afterOf = ({ headers }: Http.IncomingMessage): string | undefined => {
  const id = headers["last-event-id"]
  return typeof id === "string" ? id : undefined
}

const route = (request: Http.IncomingMessage, response: Http.ServerResponse): void => {
  const url = new URL(request.url ?? "/", "http://localhost")
  const path = url.pathname
  if (path === "/v1/instances") return void spawn(request, response)
  const found = /^\/v1\/operations\/([0-9a-f-]+)(\/events)?$/.exec(path)
  if (found?.[1] !== undefined) {
    return found[2] === undefined
      ? operation(found[1], request, response)
      : events(spawned.get(found[1]) ?? "true", afterOf(request), response)
  }
  if (path === "/v1/files" && request.method === "POST") return upload(request, response)
  if (/^\/v1\/files\/[0-9a-f]{64}$/.test(path)) {
    return json(response, 200, Bodies.file(path.slice(-64)))
  }
  if (path.endsWith("/download")) return transfer(request, response, url)
  bench(path, request, response)
}

const server = Http.createServer(route)
server.keepAliveTimeout = 60_000
server.listen(0, "127.0.0.1", 4096, () => process.send?.({ port: (server.address() as AddressInfo).port }))
// Nobody is left who could ask.
process.on("disconnect", () => process.exit(0))
