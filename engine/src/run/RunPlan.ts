/**
 * From a request to a box: what the store and the machine say to it, all before anything is begun.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { ImageId } from "effect-contree/Ids"
import { OperationId } from "effect-contree/Ids"
import { randomUUID } from "node:crypto"
import type { Launcher } from "../box/Box.js"
import type { BoxFile, BoxSpec } from "../box/BoxSpec.js"
import * as ImageTree from "../image/ImageTree.js"
import type { ImageRow } from "../store/ImageStore.js"
import type { Store } from "../store/Store.js"
import type { StoreError } from "../store/StoreError.js"
import * as Destination from "./Destination.js"
import * as Environment from "./Environment.js"
import { badRequest, notFound, unprocessable } from "./Refusal.js"
import type { Refusal } from "./Refusal.js"
import type { ImageReference, RequestedFile, RunRequest } from "./RunRequest.js"

/**
 * A run that nothing but the machine's state can still refuse.
 *
 * @since 0.1.0
 * @category models
 */
export interface RunPlan {
  readonly operationId: OperationId
  readonly imageId: ImageId
  readonly request: RunRequest
  readonly spec: BoxSpec
  /** What the image of this run kept of its environment. */
  readonly keptEnv: Readonly<Record<string, string>>
  /** The home folder of a user, by the image. */
  readonly homeOf: (uid: number) => string
  /** What stays with an image that this run makes. */
  readonly envToKeep: Readonly<Record<string, string>>
}

const imageOf = (store: Store, reference: ImageReference): Effect.Effect<ImageRow, Refusal | StoreError> =>
  Effect.gen(function*() {
    const id = reference._tag === "Id" ? Option.some(reference.id) : yield* store.images.findByTag(reference.tag)
    const row = Option.isNone(id) ? Option.none() : yield* store.images.get(id.value)
    if (Option.isSome(row)) return row.value
    return yield* notFound(
      reference._tag === "Id" ? `image not found: ${reference.id}` : `image not found: tag:${reference.tag}`
    )
  })

const fileOf = (store: Store, file: RequestedFile): Effect.Effect<BoxFile, Refusal | StoreError> =>
  Effect.flatMap(store.files.getById(file.id), (row) =>
    Option.isNone(row)
      ? Effect.fail(notFound(`file not found: ${file.id} (for ${file.destination}); upload it first`))
      : Effect.succeed({
        source: store.files.path(row.value),
        destination: file.destination,
        uid: file.uid,
        gid: file.gid,
        mode: file.mode
      }))

// a password file of more than this is no password file
const maxPasswdBytes = 1024 * 1024

const passwdOf = (tree: ImageTree.ImageTree): Effect.Effect<string> =>
  tree.read("/etc/passwd").pipe(
    Effect.flatMap(({ size, whole }) => size > maxPasswdBytes ? Effect.succeed(new Uint8Array()) : whole),
    Effect.map((bytes) => new TextDecoder().decode(bytes)),
    // an image without one is an image where nobody has a home
    Effect.catchAll(() => Effect.succeed(""))
  )

const isParent = (folder: string, path: string): boolean => path.startsWith(`${folder.replace(/\/+$/, "")}/`)

// bwrap says a missing folder on the command's own stderr and exits with 1, as if the command had
const checkCwd = (tree: ImageTree.ImageTree, request: RunRequest): Effect.Effect<void, Refusal> => {
  const { cwd } = request
  const isMade = /^\/(dev|proc|sys)?(\/|$)/.test(cwd) ||
    request.files.some((file) => isParent(cwd, file.destination))
  if (!cwd.startsWith("/") || cwd === "/" || isMade) return Effect.void
  return tree.stat(cwd).pipe(
    Effect.matchEffect({
      onSuccess: (entry) =>
        entry.is_dir
          ? Effect.void
          : Effect.fail(unprocessable(`cwd ${JSON.stringify(cwd)} is not a folder of the image`)),
      onFailure: (error) =>
        error.reason === "Unreadable"
          ? Effect.void
          : Effect.fail(unprocessable(`cwd ${JSON.stringify(cwd)} is not there in the image`))
    })
  )
}

/** Where a run begins that does not say it: where its image says, as long as that folder is there. */
const cwdOf = (tree: ImageTree.ImageTree, image: ImageRow, request: RunRequest): Effect.Effect<string> =>
  request.cwd !== "" || image.cwd === "" ? Effect.succeed(request.cwd) : tree.stat(image.cwd).pipe(
    Effect.map((entry) => entry.is_dir ? image.cwd : ""),
    Effect.orElseSucceed(() => "")
  )

/**
 * Fails with 400, 404 or 422 and says why; nothing was begun.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  store: Store,
  launcher: Launcher,
  request: RunRequest
): Effect.Effect<RunPlan, Refusal | StoreError> =>
  Effect.gen(function*() {
    const image = yield* imageOf(store, request.image)
    const layers = yield* store.images.layers(image.id)
    const files = yield* Effect.forEach(request.files, (file) => fileOf(store, file))
    const tree = ImageTree.make(store, layers)
    yield* checkCwd(tree, request)
    // those that no image could take have their own, clearer refusal
    const inImage = request.files.map((file) => file.destination).filter((path) =>
      !/^\/(dev|proc|sys)(\/|$)/.test(path)
    )
    yield* Destination.check(tree, inImage)
    const operationId = OperationId.make(randomUUID())
    const passwd = yield* passwdOf(tree)
    const homeOf = (uid: number): string => Environment.homeOf(uid, passwd)
    const spec: BoxSpec = {
      operationId,
      layers,
      upper: `tmp/${operationId}/u`,
      work: `tmp/${operationId}/w`,
      command: request.command,
      args: request.args,
      shell: request.shell,
      env: Environment.complete({ kept: image.env, requested: request.env, home: homeOf(request.uid) }),
      cwd: yield* cwdOf(tree, image, request),
      uid: request.uid,
      gid: request.gid,
      hostname: request.hostname,
      stdin: request.stdin,
      files,
      timeoutSeconds: request.timeoutSeconds,
      network: request.network,
      maxLayerBytes: request.maxLayerBytes
    }
    yield* Effect.mapError(
      launcher.validate(spec),
      (error) => error.reason === "UnsupportedUser" ? unprocessable(error.description) : badRequest(error.description)
    )
    const envToKeep = request.preserveEnv ? Environment.merge(image.env, request.env) : image.env
    return { operationId, imageId: image.id, request, spec, keptEnv: image.env, homeOf, envToKeep }
  })
