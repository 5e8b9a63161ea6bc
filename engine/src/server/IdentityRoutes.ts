/**
 * `/v1/whoami`. Protocol: sections 2.6 and 3.9.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { randomUUID } from "node:crypto"
import * as Importer from "../run/Importer.js"
import * as ImportRequest from "../run/ImportRequest.js"
import { limits } from "../run/RunRequest.js"
import type { Engine } from "./Engine.js"
import * as Reply from "./Reply.js"
import { route } from "./Route.js"
import type { Route } from "./Route.js"

/**
 * @since 0.1.0
 * @category routes
 */
export const make = (engine: Engine): ReadonlyArray<Route> => {
  const tokenId = randomUUID()
  return [
    route(
      "GET",
      "/v1/whoami",
      Effect.map(
        Effect.all([engine.runner.running, engine.importer.running]),
        ([running, importing]) =>
          Reply.json(200, {
            token_uuid: tokenId,
            token_expiration: null,
            permissions: {
              import: true,
              spawn: true,
              spawn_disposable: true,
              list: true,
              cancel: true,
              set_image_tag: true
            },
            operations_stat: { running_instances: running, running_imports: importing },
            limits: {
              instance_max_timeout: limits.maxTimeoutSeconds,
              instance_max_concurrency: engine.concurrency,
              instance_max_layer_bytes: limits.maxLayerBytes,
              images_import_max_concurrency: Importer.concurrency,
              images_import_max_timeout: ImportRequest.limits.maxTimeoutSeconds
            }
          })
      )
    )
  ]
}
