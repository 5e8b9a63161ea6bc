/** A client without a network: what was asked is kept, what comes is scripted. */
import { HttpClient, HttpClientError, HttpClientResponse } from "@effect/platform"
import type { HttpClientRequest } from "@effect/platform"
import { Effect, Layer } from "effect"

export interface Stub {
  readonly requests: Array<HttpClientRequest.HttpClientRequest>
  readonly urls: Array<string>
  readonly layer: Layer.Layer<HttpClient.HttpClient>
}

/** an answer; an error stands for a connection that broke, with it as the cause; `"never"` for one that never ends */
export type Reply = Response | Error | "never"

export const json = (status: number, value: unknown, headers: Record<string, string> = {}): Response =>
  new Response(JSON.stringify(value), { status, headers: { "content-type": "application/json", ...headers } })

/** the reply to the request with this number, from 0 */
export const stub = (reply: (index: number, request: HttpClientRequest.HttpClientRequest) => Reply): Stub => {
  const requests: Array<HttpClientRequest.HttpClientRequest> = []
  const urls: Array<string> = []
  const client = HttpClient.make((request, url) =>
    Effect.suspend(() => {
      requests.push(request)
      urls.push(url.href)
      const answer = reply(requests.length - 1, request)
      if (answer === "never") return Effect.never
      return answer instanceof Error
        ? Effect.fail(new HttpClientError.RequestError({ request, reason: "Transport", cause: answer }))
        : Effect.succeed(HttpClientResponse.fromWeb(request, answer))
    })
  )
  return { requests, urls, layer: Layer.succeed(HttpClient.HttpClient, client) }
}

/** an error as a system gives it */
export const systemError = (code: string, message: string = code): Error => Object.assign(new Error(message), { code })
