/** Clients that follow no redirect whatever they are told, and so need not be told for each request. */
import type * as HttpClient from "@effect/platform/HttpClient"

export const neverFollowing = new WeakSet<HttpClient.HttpClient>()
