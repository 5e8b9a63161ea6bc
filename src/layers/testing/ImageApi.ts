/**
 * The double's answers about images and what is in them. Protocol: sections 2.1 and 2.5.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Stream from "effect/Stream"
import * as Errors from "../../schemas/Errors.js"
import type * as Ids from "../../schemas/Ids.js"
import type * as Wire from "../../schemas/Wire.js"
import type { Service } from "../../services/ContreeApi.js"
import { badRequest, notFound, unprocessable } from "./Answers.js"
import * as Grep from "./Grep.js"
import type { Row } from "./ImageTable.js"
import { toWire } from "./ImageTable.js"
import * as Imports from "./Imports.js"
import * as Moment from "./Moment.js"
import * as Tar from "./Tar.js"
import * as Tree from "./Tree.js"
import type { World } from "./World.js"

type Methods =
  | "listImages"
  | "setImageTag"
  | "deleteImageTag"
  | "importImage"
  | "findImageByTag"
  | "inspectImage"
  | "listDirectory"
  | "downloadFile"
  | "checkImageFile"
  | "archive"
  | "checkArchive"
  | "grep"

const isTag = (tag: string): boolean => /^[A-Za-z0-9_./:-]{1,256}$/.test(tag)

interface Found {
  readonly tree: Tree.Tree
  readonly path: string
  readonly node: Tree.Node
}

type PathError = Errors.BadRequestError | Errors.NotFoundError

/** @internal */
export const make = (current: () => World): Pick<Service, Methods> => {
  const rowOf = (method: Methods, id: string): Effect.Effect<Row, Errors.NotFoundError> =>
    Effect.suspend(() => {
      const row = current().images.get(id)
      return row === undefined ? notFound(method, `image not found: ${id}`) : Effect.succeed(row)
    })

  const at = (method: Methods, id: string, path: string): Effect.Effect<Found, PathError> =>
    Effect.flatMap(rowOf(method, id), ({ tree }): Effect.Effect<Found, PathError> => {
      if (!path.startsWith("/")) return badRequest(method, "path must be absolute")
      const node = tree.get(Tree.normal(path))
      // below a file there is nothing; with a slash at its end a file is none
      return node === undefined || (node._tag === "File" && path.endsWith("/"))
        ? notFound(method, `path not found: ${path}`)
        : Effect.succeed({ tree, path: Tree.normal(path), node })
    })

  const fileAt = (method: Methods, id: string, path: string) =>
    Effect.flatMap(at(method, id, path), ({ node }) =>
      node._tag === "File"
        ? Effect.succeed(node.bytes)
        : unprocessable(method, `${path} is a folder`))

  const isThere = <E>(
    self: Effect.Effect<unknown, E | Errors.NotFoundError>
  ): Effect.Effect<boolean, Exclude<E, Errors.NotFoundError>> =>
    Effect.catchIf(
      Effect.as(self, true),
      (error): error is Errors.NotFoundError => error instanceof Errors.NotFoundError,
      () => Effect.succeed(false)
    )

  return {
    listImages: (query) =>
      Effect.suspend(() => {
        const rows = current().images.all().filter(({ row, tag }) =>
          (query?.tagged !== true || tag !== null) &&
          (query?.tag === undefined || tag?.startsWith(query.tag) === true) &&
          (query?.uuid === undefined || row.id === query.uuid.toLowerCase())
        )
        return Effect.map(
          Moment.page("listImages", rows, query, ({ row }) => row.createdAt),
          (page) => page.map(toWire)
        )
      }),

    setImageTag: (id, tag) =>
      Effect.flatMap(rowOf("setImageTag", id), (row): Effect.Effect<Wire.Image, Errors.BadRequestError> => {
        if (!isTag(tag)) return badRequest("setImageTag", "tag must be 1 to 256 of A-Z a-z 0-9 _ - . : /")
        current().images.setTag(row, tag)
        return Effect.succeed(toWire({ row, tag }))
      }),

    deleteImageTag: (id, tag) =>
      Effect.flatMap(rowOf("deleteImageTag", id), (row) =>
        current().images.removeTag(row, tag)
          ? Effect.void
          : notFound("deleteImageTag", `image ${id} has no tag ${tag ?? ""}`)),

    importImage: (request) =>
      Effect.suspend((): Effect.Effect<Ids.OperationId, Errors.BadRequestError> =>
        typeof request.tag === "string" && !isTag(request.tag)
          ? badRequest("importImage", "tag must be 1 to 256 of A-Z a-z 0-9 _ - . : /")
          : Imports.begin(current(), request)
      ),

    findImageByTag: (tag) =>
      Effect.suspend(() => {
        const row = current().images.byTag(tag)
        return row === undefined ? notFound("findImageByTag", `image not found: tag:${tag}`) : Effect.succeed(row.id)
      }),

    inspectImage: (id) =>
      Effect.map(rowOf("inspectImage", id), (row) => toWire({ row, tag: current().images.tagsOf(row)[0] ?? null })),

    listDirectory: (id, path) =>
      Effect.flatMap(at("listDirectory", id, path), (found) =>
        found.node._tag === "Folder"
          ? Effect.succeed({ path, files: Tree.list(found.tree, found.path) })
          : unprocessable("listDirectory", `${path} is no folder`)),

    downloadFile: (id, path) =>
      Stream.unwrap(Effect.map(fileAt("downloadFile", id, path), (bytes) => Stream.make(new Uint8Array(bytes)))),

    checkImageFile: (id, path) => isThere(fileAt("checkImageFile", id, path)),

    archive: (id, path) =>
      Stream.unwrap(
        Effect.map(at("archive", id, path), (found) => Stream.fromIterable(Tar.archive(found.tree, found.path)))
      ),

    checkArchive: (id, path) => isThere(at("checkArchive", id, path)),

    grep: (id, query) =>
      Effect.flatMap(rowOf("grep", id), ({ tree }) =>
        Either.match(Grep.grep(tree, query), {
          onLeft: ({ status, why }): Effect.Effect<never, PathError> =>
            status === 404 ? notFound("grep", why) : badRequest("grep", why),
          onRight: (result) => Effect.succeed(result)
        }))
  }
}
