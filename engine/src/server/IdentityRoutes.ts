/**
 * `/v1/whoami`. Protocol: sections 2.6 and 3.9.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { randomUUID } from "node:crypto"
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
      Effect.map(engine.runner.running, (running) =>
        Reply.json(200, {
          token_uuid: tokenId,
          token_expiration: null,
          permissions: {
            // images cannot be imported here: the route answers 501
            import: false,
            spawn: true,
            spawn_disposable: true,
            list: true,
            cancel: true,
            set_image_tag: true
          },
          operations_stat: { running_instances: running, running_imports: 0 },
          limits: {
            instance_max_timeout: limits.maxTimeoutSeconds,
            instance_max_concurrency: engine.concurrency,
            instance_max_layer_bytes: limits.maxLayerBytes,
            images_import_max_concurrency: 0,
            images_import_max_timeout: 3600
          }
        }))
    )
  ]
}
