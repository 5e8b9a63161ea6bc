/**
 * An engine on a store of its own, asked over its socket by plain HTTP: nothing of ours reads the answers.
 */
import { Context, Effect, Exit, Layer, Redacted, Scope } from "effect"
import * as Fs from "node:fs"
import * as Http from "node:http"
import * as Start from "../../src/server/Start.js"
import { madeAhead, otherProcesses, removeFolder, temporaryFolder } from "../box/BoxFixture.js"

/** What `JSON.parse` gives: a plain client has no types for it. */
export type Json = ReturnType<typeof JSON.parse>

export interface Answer {
  readonly status: number
  readonly headers: Http.IncomingHttpHeaders
  readonly body: Buffer
  readonly text: string
  /** the body as JSON; asserts nothing about its shape */
  readonly json: Json
}

export interface CallOptions {
  readonly body?: string | Uint8Array | object | undefined
  readonly headers?: Record<string, string> | undefined
  /** `null`: send no token */
  readonly token?: string | null | undefined
}

export interface Client {
  readonly url: string
  readonly port: number
  readonly token: string
  readonly call: (method: string, path: string, options?: CallOptions) => Promise<Answer>
  /** an open stream of events */
  readonly follow: (path: string, headers?: Record<string, string>) => Promise<Follower>
  /** spawns on busybox, with an hour to run, asserts 201, returns the operation's id */
  readonly spawn: (request: object) => Promise<string>
  /** the operation when it is over */
  readonly ended: (id: string) => Promise<Json>
  readonly run: (request: object) => Promise<Json>
}

export interface Follower {
  readonly status: number
  readonly headers: Http.IncomingHttpHeaders
  /** everything that came by now */
  readonly text: () => string
  /** waits until the text satisfies */
  readonly until: (holds: (text: string) => boolean) => Promise<string>
  /** waits for the end; false when the connection broke */
  readonly end: Promise<boolean>
  readonly close: () => void
}

const agent = (): Http.Agent => new Http.Agent({ keepAlive: false })

const payload = (body: CallOptions["body"]): string | Uint8Array | undefined =>
  body === undefined || typeof body === "string" || body instanceof Uint8Array ? body : JSON.stringify(body)

export const connect = (url: string, token: string): Client => {
  const { hostname, port: digits } = new URL(url)
  const port = Number(digits)
  const request = (method: string, path: string, options: CallOptions): Http.ClientRequest =>
    Http.request({
      host: hostname,
      port,
      method,
      path,
      agent: agent(),
      headers: {
        ...(options.token === null ? {} : { authorization: `Bearer ${options.token ?? token}` }),
        ...options.headers
      }
    })
  const call: Client["call"] = (method, path, options = {}) =>
    new Promise((resolve, reject) => {
      const sent = request(method, path, options)
      sent.on("error", reject)
      sent.on("response", (response) => {
        const chunks: Array<Buffer> = []
        response.on("data", (chunk: Buffer) => chunks.push(chunk))
        response.on("error", reject)
        response.on("end", () => {
          const body = Buffer.concat(chunks)
          const text = body.toString("utf8")
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body,
            text,
            get json() {
              return JSON.parse(text)
            }
          })
        })
      })
      sent.end(payload(options.body))
    })
  const follow: Client["follow"] = (path, headers) =>
    new Promise((resolve, reject) => {
      const sent = request("GET", path, { headers })
      sent.on("error", reject)
      sent.on("response", (response) => resolve(follower(sent, response)))
      sent.end()
    })
  const spawn: Client["spawn"] = async (body) => {
    const answer = await call("POST", "/v1/instances", { body: { image: "tag:busybox", timeout: 3600, ...body } })
    if (answer.status !== 201) throw new Error(`spawn: ${answer.status} ${answer.text}`)
    return answer.json.uuid
  }
  const ended: Client["ended"] = async (id) => {
    const events = await follow(`/v1/operations/${id}/events?follow=1`)
    await events.end
    return (await call("GET", `/v1/operations/${id}`)).json
  }
  return { url, port, token, call, follow, spawn, ended, run: async (body) => ended(await spawn(body)) }
}

const follower = (sent: Http.ClientRequest, response: Http.IncomingMessage): Follower => {
  let text = ""
  let over = false
  const watchers = new Set<() => void>()
  const tell = (): void => watchers.forEach((watcher) => watcher())
  response.setEncoding("utf8")
  response.on("data", (chunk: string) => {
    text += chunk
    tell()
  })
  const end = new Promise<boolean>((resolve) => {
    response.on("error", () => {})
    response.on("close", () => {
      over = true
      tell()
      resolve(response.complete)
    })
  })
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text: () => text,
    until: (holds) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!holds(text) && !over) return
          watchers.delete(look)
          if (holds(text)) resolve(text)
          else reject(new Error(`the stream ended before it said so:\n${text}`))
        }
        watchers.add(look)
        look()
      }),
    end,
    close: () => sent.destroy()
  }
}

export interface Event {
  readonly id: number
  readonly ts: string
  readonly type: string
  readonly spid: number
  readonly data: Json
}

/** Reads frames by the letter: three lines each, in order, and comments. */
export const eventsOf = (text: string): ReadonlyArray<Event> =>
  text.split("\n\n").filter((block) => block !== "" && !block.startsWith(":")).map((block) => {
    const match = /^id: (\d+)\nevent: ([a-z_]+)\ndata: (\{.*\})$/.exec(block)
    if (match === null) throw new Error(`not a frame: ${JSON.stringify(block)}`)
    const event: Event = JSON.parse(match[3]!)
    if (String(event.id) !== match[1] || event.type !== match[2]) throw new Error(`frame and event differ: ${block}`)
    return event
  })

export const bytesOf = (chunk: { readonly value: string; readonly encoding: string }): Buffer =>
  Buffer.from(chunk.value, chunk.encoding === "base64" ? "base64" : "latin1")

/** The bytes of one stream of the main command. */
export const outputOf = (events: ReadonlyArray<Event>, type: string): Buffer =>
  Buffer.concat(events.filter((event) => event.type === type && event.spid === 1).map((event) => bytesOf(event.data)))

export const storeFolder = Effect.acquireRelease(
  Effect.sync(temporaryFolder),
  (folder) => Effect.sync(() => removeFolder(folder))
)

export const startOn = (store: string, options: Omit<Start.Options, "store"> = {}) =>
  Effect.map(Start.start({ ...options, store }), ({ token, url }) => connect(url, Redacted.value(token)))

export interface Engine extends Client {
  readonly store: string
}

export class LocalEngine extends Context.Tag("test/LocalEngine")<LocalEngine, Engine>() {}

export const layer = (options: Omit<Start.Options, "store"> = {}): Layer.Layer<LocalEngine, unknown> =>
  Layer.scoped(
    LocalEngine,
    Effect.gen(function*() {
      const store = yield* storeFolder
      return { ...(yield* startOn(store, options)), store }
    })
  )

/** An engine that the test closes itself. */
export const closable = (store: string, options: Omit<Start.Options, "store"> = {}) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
    const client = yield* Scope.extend(startOn(store, options), scope)
    return { client, close: Scope.close(scope, Exit.void) }
  })

export const promise = <A>(run: () => Promise<A>): Effect.Effect<A> => Effect.promise(run)

/**
 * What bears the store's path or the name of one of these operations: processes, mounts, open files of this process, and
 * what lies in `tmp`.
 */
export const traces = (store: string, operations: ReadonlyArray<string> = []): ReadonlyArray<string> => [
  ...processesOn(store, operations),
  ...Fs.readFileSync("/proc/self/mounts", "utf8").split("\n").filter((line) => line.includes(store)),
  ...openFiles(store),
  ...Fs.readdirSync(`${store}/tmp`).map((name) => `tmp/${name}`)
]

const openFiles = (store: string): ReadonlyArray<string> =>
  Fs.readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const path = Fs.readlinkSync(`/proc/self/fd/${fd}`)
      // the driver of SQLite closes its own files when its statements are collected
      return path.startsWith(store) && !path.includes("/contree.db") ? [path] : []
    } catch {
      return []
    }
  })

/** The same as `processesOn`, without the chain that an engine on the store has made ahead. */
export const busyOn = (store: string, operations: ReadonlyArray<string> = []): ReadonlyArray<string> => {
  const ahead = madeAhead(store)
  return processesOn(store, operations).filter((line) => !ahead.some((pid) => line.startsWith(`process ${pid}:`)))
}

/** By command line, working folder and mounts: a process in a box has its operation in the last alone. */
export const processesOn = (store: string, operations: ReadonlyArray<string> = []): ReadonlyArray<string> =>
  otherProcesses().flatMap((pid) => {
    const read = (name: string): string => {
      try {
        return name === "cwd" ? Fs.readlinkSync(`/proc/${pid}/cwd`) : Fs.readFileSync(`/proc/${pid}/${name}`, "utf8")
      } catch {
        return ""
      }
    }
    const marks = [store, ...operations]
    const marked = ["cmdline", "cwd", "mountinfo"].some((name) => marks.some((mark) => read(name).includes(mark)))
    return marked ? [`process ${pid}: ${read("cmdline").replaceAll("\0", " ").slice(0, 200)}`] : []
  })

/** All operations of a status, page by page. */
export const everyOperation = async (client: Client, status: string): Promise<ReadonlyArray<Json>> => {
  const limit = 1_000
  const all: Array<Json> = []
  for (;;) {
    const { json } = await client.call("GET", `/v1/operations?status=${status}&limit=${limit}&offset=${all.length}`)
    all.push(...json)
    if (json.length < limit) return all
  }
}
