/**
 * How a route is written: a method, a path, and an effect that answers or fails with a `Failure`.
 *
 * @since 0.1.0
 */
import * as HttpRouter from "@effect/platform/HttpRouter"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type { HttpMethod } from "@effect/platform/HttpMethod"
import * as Effect from "effect/Effect"
import type { Failure } from "./Failure.js"

/** What a handler may need. */
export type Needs = HttpRouter.RouteContext | HttpServerRequest.HttpServerRequest

/** An answer, or why there is none. */
export type Answer = Effect.Effect<HttpServerResponse.HttpServerResponse, Failure, Needs>

/**
 * @since 0.1.0
 * @category models
 */
export type Route = HttpRouter.Route<Failure, Needs>

/**
 * @since 0.1.0
 * @category constructors
 */
export const route = (method: HttpMethod, path: HttpRouter.PathInput, answer: Answer): Route =>
  HttpRouter.makeRoute(method, path, answer)

/**
 * A parameter of the path, in lower case as the store keeps ids. The guard has checked its form.
 *
 * @since 0.1.0
 * @category accessors
 */
export const param = (name: string): Effect.Effect<string, never, HttpRouter.RouteContext> =>
  Effect.map(HttpRouter.params, (params) => (params[name] ?? "").toLowerCase())
