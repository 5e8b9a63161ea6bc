import * as Effect from "effect/Effect"
import type { EngineError } from "../EngineError.js"
export const demand = (_o: { readonly store: string }): Effect.Effect<void, EngineError> => Effect.void
