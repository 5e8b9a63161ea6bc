/**
 * The engine's folder on disk: images, uploaded files and operations.
 *
 * @since 0.1.0
 */
import type { OperationId } from "effect-contree/Ids"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { EngineError } from "../EngineError.js"
import * as BaseImage from "../image/BaseImage.js"
import * as Collect from "./Collect.js"
import type { Database } from "./Database.js"
import * as Databases from "./Database.js"
import * as FileStores from "./FileStore.js"
import type { FileStore } from "./FileStore.js"
import * as ImageStores from "./ImageStore.js"
import type { ImageStore } from "./ImageStore.js"
import * as OperationStores from "./OperationStore.js"
import type { OperationStore } from "./OperationStore.js"
import * as Owner from "./Owner.js"
import * as Scratches from "./Scratch.js"
import type { Scratch } from "./Scratch.js"
import * as StoreFolder from "./StoreFolder.js"
import type { StoreError } from "./StoreError.js"
import * as Workspace from "./Workspace.js"

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
  /** for what is neither a run's nor an upload's */
  readonly scratch: Scratch
  /**
   * The folders of one run's overlay, relative to the store: `tmp/<operation>/u` and `tmp/<operation>/w`. The upper has
   * the mode and owner of the root of the operation's image. What is left of them goes with the scope.
   */
  readonly workspace: (
    operationId: OperationId
  ) => Effect.Effect<{ readonly upper: string; readonly work: string }, StoreError, Scope.Scope>
  /**
   * Removes what nobody has a name for and nobody used for a while. Whoever reads such an image at this moment may find
   * its files gone; what runs is safe.
   */
  readonly collect: (policy: Collect.Policy) => Effect.Effect<Collect.Collected, StoreError>
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

const unusable = (path: string) => (error: StoreError): EngineError =>
  new EngineError({ reason: "StoreUnusable", description: `${path}: ${error.message}` })

/** This process as an owner; what it leaves when the store is closed is ended here, and else by who opens it next. */
const owner = (database: Database): Effect.Effect<number, StoreError, Scope.Scope> =>
  Effect.acquireRelease(
    database.write("registering with the store", Owner.register),
    (id) =>
      database.write("leaving the store", (connection) => Owner.retire(connection, id)).pipe(
        Effect.catchAll((error) => Effect.logWarning(`the store could not be left in order: ${error.message}`))
      )
  )

const recover = (path: string, database: Database): Effect.Effect<void, StoreError> =>
  Effect.flatMap(
    database.write("ending what dead owners left", (connection) => Owner.recover(connection, path)),
    Effect.forEach((name) =>
      Effect.catchAll(Scratches.remove(`${path}/tmp/${name}`), (error) =>
        Effect.logWarning(`tmp/${name} could not be removed: ${error.message}`)), { discard: true })
  )

/**
 * Opens the store: makes its folder and tables where they are not there, ends what dead processes left (their operations
 * become `FAILED`, "engine stopped"), and builds the base images. Two processes may have one store open at once. When the
 * scope ends, the operations of this store that still go on become `FAILED` too.
 *
 * Fails with `StoreUnusable` when the folder cannot be used or is no place for an overlay, and with `MissingTool` when a
 * base image is asked for that is not there yet and cannot be built.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (options: StoreOptions): Effect.Effect<Store, EngineError, Scope.Scope> =>
  Effect.gen(function*() {
    const path = yield* StoreFolder.prepare(options.path)
    const opened = yield* Effect.gen(function*() {
      const database = yield* Databases.open(`${path}/contree.db`)
      const id = yield* owner(database)
      yield* recover(path, database)
      return { database, scratch: Scratches.make(path, database, id), id }
    }).pipe(Effect.mapError(unusable(path)))
    const { database, id, scratch } = opened
    const images = ImageStores.make(path, database)
    const operations = OperationStores.make(database, id)
    yield* BaseImage.ensure({ path, database, scratch }, options.images ?? [BaseImage.busybox]).pipe(
      Effect.catchTag("StoreError", (error) => Effect.fail(unusable(path)(error)))
    )
    return {
      path,
      images,
      operations,
      scratch,
      files: FileStores.make(path, database, scratch),
      workspace: Workspace.make({ path, images, operations, scratch }),
      collect: (policy) => Collect.collect({ path, database, scratch }, policy)
    }
  })
