/** What somebody may try who can reach the port. */
import { Effect } from "effect"
import * as Fs from "node:fs"
import * as Http from "node:http"
import * as Net from "node:net"
import { eventually } from "../box/BoxFixture.js"
import type { Engine } from "../support/LocalEngine.js"
import type { Attack, Target } from "./Attack.js"
import { cannotTell } from "./Attack.js"

const raw = (engine: Engine, head: string): Promise<string> =>
  new Promise((resolve) => {
    const socket = Net.connect(engine.port, "127.0.0.1", () => socket.write(head))
    let text = ""
    socket.on("data", (piece) => {
      text += piece.toString("latin1")
      if (text.includes("\r\n")) socket.destroy()
    })
    socket.on("error", () => undefined)
    socket.on("close", () => resolve(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? "cut"))
  })

const statusOf = async (answer: Promise<{ readonly status: number }>): Promise<string> => String((await answer).status)

const authorized = ({ port, token }: Engine): string => `Host: 127.0.0.1:${port}\r\nAuthorization: Bearer ${token}\r\n`

const asked = ({ token, url }: Engine, headers: Http.OutgoingHttpHeaders): Promise<string> =>
  new Promise((resolve, reject) => {
    const authorization = `Bearer ${token}`
    Http.get(`${url}/v1/whoami`, { headers: { authorization, ...headers }, agent: false }, (response) => {
      response.resume()
      resolve(String(response.statusCode))
    }).on("error", reject)
  })

/** The same request without these headers is answered. */
const withHeaders = (headers: Http.OutgoingHttpHeaders) => async ({ engine }: Target): Promise<string> => {
  const without = await asked(engine, {})
  return without === "200" ? asked(engine, headers) : cannotTell(`without these headers it is ${without}`)
}

interface Lingering {
  readonly open: Promise<void>
  readonly closed: Promise<void>
  isClosed: boolean
}

/** Sends these bytes, and then nothing, or a byte each second. */
const linger = (port: number, bytes: string, trickles: boolean): Lingering => {
  const socket = Net.connect(port, "127.0.0.1")
  const timer = setInterval(() => trickles && socket.write("x"), 1000)
  socket.on("error", () => undefined)
  socket.resume()
  const client: Lingering = {
    open: new Promise((resolve, reject) => {
      socket.once("error", reject)
      socket.once("connect", () => {
        socket.write(bytes)
        resolve()
      })
    }),
    closed: new Promise((resolve) =>
      socket.once("close", () => {
        clearInterval(timer)
        client.isClosed = true
        resolve()
      })
    ),
    isClosed: false
  }
  return client
}

const slow = async ({ engine }: Target): Promise<string> => {
  const head = authorized(engine)
  const kinds = [
    { bytes: "", trickles: false },
    { bytes: `GET /v1/whoami HTTP/1.1\r\n${head}`, trickles: false },
    { bytes: `GET /v1/whoami HTTP/1.1\r\n${head}X: `, trickles: true },
    { bytes: `POST /v1/files HTTP/1.1\r\n${head}Content-Length: 1000\r\n\r\nhalf`, trickles: false },
    { bytes: `POST /v1/instances HTTP/1.1\r\n${head}Content-Length: 1000\r\n\r\n{"command"`, trickles: false }
  ]
  const all = Array.from({ length: 20 }, () => kinds).flat()
  const clients = all.map(({ bytes, trickles }) => linger(engine.port, bytes, trickles))
  await Promise.all(clients.map(({ open }) => open))
  const { status } = await engine.call("GET", "/v1/whoami")
  if (status !== 200) return `others get ${status}`
  if (clients.every(({ isClosed }) => isClosed)) return cannotTell("they were all cut before anybody else asked")
  await Promise.all(clients.map(({ closed }) => closed))
  await Effect.runPromise(eventually("half uploads are gone", () => Fs.readdirSync(`${engine.store}/tmp`).length === 0))
  const { files } = (await engine.call("GET", "/v1/files")).json
  const isKept = files.some((one: { readonly size: number }) => one.size === 1000)
  return isKept ? "half a file is kept" : "cut, and others go on"
}

export const clientAttacks: ReadonlyArray<Attack> = [
  {
    name: "no token",
    outcome: "401",
    attempt: ({ engine }) => statusOf(engine.call("GET", "/v1/images", { token: null }))
  },
  {
    name: "a wrong token",
    outcome: "401",
    attempt: ({ engine }) => statusOf(engine.call("GET", "/v1/images", { token: "x" }))
  },
  {
    name: "a web page of another origin, in a browser on this machine",
    outcome: "403",
    attempt: withHeaders({ origin: "http://evil.example" })
  },
  {
    name: "a name of somebody else that leads to this machine",
    outcome: "403",
    attempt: withHeaders({ host: "evil.example" })
  },
  {
    name: "`..` in ids and paths of the routes",
    outcome: "404",
    attempt: ({ engine }) =>
      raw(
        engine,
        `GET /v1/inspect/..%2f..%2f/download?path=/etc/passwd HTTP/1.1\r\n${authorized(engine)}\r\n`
      )
  },
  {
    name: "headers of a megabyte",
    outcome: "431",
    attempt: ({ engine }) => raw(engine, `GET /v1/whoami HTTP/1.1\r\nx: ${"y".repeat(1_000_000)}\r\n\r\n`)
  },
  {
    name: "a body that is too large for its route",
    outcome: "413",
    attempt: ({ engine }) => statusOf(engine.call("POST", "/v1/instances", { body: Buffer.alloc(80_000_000, 0x20) }))
  },
  {
    name: "a second request smuggled into the first",
    outcome: "400",
    attempt: ({ engine }) =>
      raw(
        engine,
        `POST /v1/files HTTP/1.1\r\n${authorized(engine)}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n` +
          "0\r\n\r\nGET /v1/images HTTP/1.1\r\n\r\n"
      )
  },
  {
    name: "a hundred clients that stop in the middle of a request, or send its head byte by byte",
    outcome: "cut, and others go on",
    attempt: slow
  }
]
