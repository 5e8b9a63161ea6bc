/**
 * `/v1/images/import`. Protocol: sections 2.1 and 3.2.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Wire from "effect-contree/Wire"
import * as ImportRequest from "../run/ImportRequest.js"
import * as Body from "./Body.js"
import type { Engine } from "./Engine.js"
import * as Reply from "./Reply.js"
import { route } from "./Route.js"
import type { Answer, Route } from "./Route.js"

const begin = (engine: Engine): Answer =>
  Effect.gen(function*() {
    const request = yield* ImportRequest.make(yield* Body.json(Wire.ImageImportRequest))
    yield* engine.importer.begin(request)
    const { operationId } = request
    return Reply.json(201, { uuid: operationId }, { location: `/v1/operations/${operationId}` })
  })

/**
 * @since 0.1.0
 * @category routes
 */
export const make = (engine: Engine): ReadonlyArray<Route> => [route("POST", "/v1/images/import", begin(engine))]
