/**
 * The engine's folder on disk: images, uploaded files and operations.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type { OperationId } from "effect-contree/Ids"
import type * as Scope from "effect/Scope"
import { EngineError } from "../EngineError.js"
import type { FileStore } from "./FileStore.js"
import type { ImageStore } from "./ImageStore.js"
import type { OperationStore } from "./OperationStore.js"
import type { StoreError } from "./StoreError.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Store {
  /** absolute, without symbolic links */
  readonly path: string
  readonly images: ImageStore
  readonly files: FileStore
  readonly operations: OperationStore
  /**
   * The folders of one run's overlay, relative to the store: `tmp/<operation>/u` and `tmp/<operation>/w`. The upper has
   * the mode and owner of the root of the operation's image. What is left of them goes with the scope.
   */
  readonly workspace: (
    operationId: OperationId
  ) => Effect.Effect<{ readonly upper: string; readonly work: string }, StoreError, Scope.Scope>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface StoreOptions {
  /** the folder; made with mode 0700 when it is not there */
  readonly path: string
  /** the base images to have, by name. Default: `["busybox"]` */
  readonly images?: ReadonlyArray<string> | undefined
}

/**
 * Opens the store. Two processes may have one store open at once.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open: (options: StoreOptions) => Effect.Effect<Store, EngineError, Scope.Scope> = (options) =>
  Effect.fail(new EngineError({ reason: "StoreUnusable", description: `${options.path}: not there yet` }))
