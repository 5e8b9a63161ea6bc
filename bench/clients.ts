/**
 * The same run four ways: the SDK on a client, Effect without it, raw undici with eventsource-parser, and fetch with what
 * one would write.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import type { HttpClientError } from "@effect/platform/HttpClientError"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Redacted from "effect/Redacted"
import type * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Command from "effect-contree/Command"
import * as Contree from "effect-contree/Contree"
import * as Ids from "effect-contree/Ids"
import * as Images from "effect-contree/Images"
import { UndiciClient } from "effect-contree/node"
import * as Wire from "effect-contree/Wire"
import { createParser, type EventSourceParser } from "eventsource-parser"
import { Pool } from "undici"
import { image } from "./serverBodies.js"

export const token = "token-of-the-benchmarks"

const headers = { authorization: `Bearer ${token}`, accept: "text/event-stream, application/json" }
const request = JSON.stringify({ command: "true", args: [], shell: false, image, disposable: true })

/** reads a log as one who knows it all would: no checks */
const printing = (print: (text: string) => void): EventSourceParser =>
  createParser({
    onEvent: ({ data, event }) => {
      const { data: payload } = JSON.parse(data)
      if (event === "stdout") print(payload.value)
    }
  })

// ------------------------------------------------------------------------------------------------------------- the SDK

export const layers = {
  "effect-contree": UndiciClient.layer,
  "on platform's undici": NodeHttpClient.layerUndici,
  "on platform's node": NodeHttpClient.layer,
  "on fetch": FetchHttpClient.layer
}

export type Sdk = ManagedRuntime.ManagedRuntime<Contree.Contree, unknown>

export const sdk = (baseUrl: string, client: Layer.Layer<HttpClient.HttpClient>): Sdk =>
  ManagedRuntime.make(
    Contree.layer({ baseUrl, token: Redacted.make(token), concurrency: { runs: 4096, uploads: 64 } }).pipe(
      Layer.provide(client)
    )
  )

export const imageOf = Effect.flatMap(Images.Images, (images) => images.use(Ids.ImageId.make(image)))

/** a run as a promise, and what it wants to be set up once */
export const runner = async (runtime: Sdk, command = "true"): Promise<() => Promise<string>> => {
  const handle = await runtime.runPromise(imageOf)
  const run = Effect.map(handle.run(Command.exec(command)), (result) => result.stdout.text)
  return () => runtime.runPromise(run)
}

// ------------------------------------------------------------------------------------- Effect without the SDK: its floor

export type Plain = ManagedRuntime.ManagedRuntime<HttpClient.HttpClient, never>

export const plain = (): Plain => ManagedRuntime.make(Layer.fresh(UndiciClient.layer))

/** the body of an answer as Effect's own stream, with nothing of the SDK around it */
export const withBody = <A, E>(
  url: string,
  use: (body: HttpClientResponse.HttpClientResponse["stream"]) => Effect.Effect<A, E>
): Effect.Effect<A, E | HttpClientError, HttpClient.HttpClient> =>
  Effect.flatMap(HttpClient.HttpClient, (client) => Effect.flatMap(client.get(url), ({ stream }) => use(stream)))

/** the same three requests through platform's `HttpClient`: decoded, but nothing checked, retried, bounded or cleaned up */
export const effectRunner = async (url: string): Promise<() => Promise<string>> => {
  const runtime = plain()
  const client = await runtime.runPromise(HttpClient.HttpClient)
  const json = <A, I>(schema: Schema.Schema<A, I>) => HttpClientResponse.schemaBodyJson(schema)
  const post = HttpClientRequest.post(`${url}/v1/instances`, { headers }).pipe(
    HttpClientRequest.bodyText(request, "application/json")
  )
  const run = Effect.gen(function*() {
    const { uuid } = yield* Effect.flatMap(client.execute(post), json(Wire.OperationCreated))
    const log = yield* client.get(`${url}/v1/operations/${uuid}/events?follow=1`, { headers })
    let printed = ""
    const parser = printing((text) => printed += text)
    const text = new TextDecoder()
    yield* Stream.runForEach(
      log.stream,
      (bytes) => Effect.sync(() => parser.feed(text.decode(bytes, { stream: true })))
    )
    yield* Effect.flatMap(client.get(`${url}/v1/operations/${uuid}`, { headers }), json(Wire.Operation))
    return printed
  })
  return () => runtime.runPromise(run)
}

// ------------------------------------------------------------------------------------------------- the limit: raw undici

export const pool = (url: string): Pool => new Pool(url, { bodyTimeout: 0, headersTimeout: 0 })

/** a run without anybody who follows it */
export const spawn = async (on: Pool, command: string): Promise<Ids.OperationId> => {
  const { body } = await on.request({ method: "POST", path: "/v1/instances", body: JSON.stringify({ command }) })
  const { uuid } = await body.json() as { uuid: string }
  return Ids.OperationId.make(uuid)
}

/** spawns, follows, and reads the result: no checks, no retries */
export const undiciRun = async (on: Pool): Promise<string> => {
  const spawn = await on.request({
    method: "POST",
    path: "/v1/instances",
    headers: { ...headers, "content-type": "application/json" },
    body: request
  })
  const { uuid } = await spawn.body.json() as { uuid: string }
  const log = await on.request({ method: "GET", path: `/v1/operations/${uuid}/events?follow=1`, headers })
  let printed = ""
  const parser = printing((text) => printed += text)
  const text = new TextDecoder()
  for await (const bytes of log.body) parser.feed(text.decode(bytes, { stream: true }))
  const status = await on.request({ method: "GET", path: `/v1/operations/${uuid}`, headers })
  await status.body.json()
  return printed
}

// -------------------------------------------------------------------------------------------------- what one would write

export const fetchRun = async (url: string): Promise<string> => {
  const spawn = await fetch(`${url}/v1/instances`, {
    method: "POST",
    headers: { ...headers, "content-type": "application/json" },
    body: request
  })
  const { uuid } = await spawn.json() as { uuid: string }
  const log = await fetch(`${url}/v1/operations/${uuid}/events?follow=1`, { headers })
  let printed = ""
  let buffer = ""
  const text = new TextDecoder()
  const reader = log.body!.getReader()
  for (;;) {
    const { done, value } = await reader.read()
    if (done) break
    buffer += text.decode(value, { stream: true })
    const frames = buffer.split("\n\n")
    buffer = frames.pop() ?? ""
    for (const frame of frames) {
      const data = frame.split("\n").find((line) => line.startsWith("data: "))
      if (data === undefined) continue
      const event = JSON.parse(data.slice(6))
      if (event.type === "stdout") printed += event.data.value
    }
  }
  const status = await fetch(`${url}/v1/operations/${uuid}`, { headers })
  await status.json()
  return printed
}
