/**
 * All that the double remembers, until it is reset.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { Scope } from "effect/Scope"
import type * as Command from "../../schemas/Command.js"
import type * as Ids from "../../schemas/Ids.js"
import type * as Wire from "../../schemas/Wire.js"
import { ImageTable } from "./ImageTable.js"
import type { Operation } from "./Operation.js"
import type { Sandbox } from "./Sandbox.js"
import type { Call, Script } from "./Script.js"
import * as Serial from "./Serial.js"

/** @internal */
export interface Upload {
  readonly id: Ids.FileId
  readonly sha256: Ids.Sha256
  readonly bytes: Uint8Array
  readonly createdAt: number
  updatedAt: number
}

/** @internal */
export interface Import {
  readonly operation: Operation
  readonly request: Wire.ImageImportRequest
  readonly cancel: Effect.Effect<void>
}

/** @internal */
export interface World {
  readonly script: Script
  readonly scope: Scope
  readonly serial: Serial.Serial
  readonly images: ImageTable
  readonly uploads: Map<string, Upload>
  readonly operations: Map<string, Sandbox | Import>
  /** in the order in which the commands came; what is not over has nothing to show yet */
  readonly calls: Array<{ readonly toCall: () => ReadonlyArray<Call> }>
  readonly unscripted: Array<Command.Command>
}

/**
 * As the script says it, with nothing having happened. Throws what is wrong with the script.
 *
 * @internal
 */
export const make = (script: Script, scope: Scope): Effect.Effect<World> =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    const serial = Serial.make()
    const given = { images: script.images ?? { "busybox:latest": {} }, imports: script.imports ?? {} }
    return {
      script,
      scope,
      serial,
      images: new ImageTable(serial, given, now),
      uploads: new Map(),
      operations: new Map(),
      calls: [],
      unscripted: []
    }
  })
