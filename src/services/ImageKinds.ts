/**
 * Where images come from: what the service no longer tells of an image, told by the operation that made it.
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type * as Errors from "../schemas/Errors.js"
import type * as Ids from "../schemas/Ids.js"
import type * as Wire from "../schemas/Wire.js"
import type * as ContreeApi from "./ContreeApi.js"

/**
 * @internal
 */
export type Kind = "instance" | "imported"

/** what an operation makes; nothing we have a word for, or the operation is gone: no kind */
type Made = Kind | undefined

/** at once; and so many rows are decided together, so that a reader who wants a few does not wait for a thousand */
const concurrency = 8
const rowsAtOnce = 4 * concurrency

const madeBy = (
  api: ContreeApi.Service,
  id: Ids.OperationId
): Effect.Effect<readonly [Ids.OperationId, Made], Errors.RequestError> =>
  api.getOperation(id).pipe(
    Effect.map(({ kind }): Made => kind === "instance" ? "instance" : kind === "image_import" ? "imported" : undefined),
    Effect.catchTag("NotFoundError", () => Effect.succeed<Made>(undefined)),
    Effect.map((made) => [id, made] as const)
  )

/**
 * The rows of one kind, in order. Each operation is asked for once, however many images it made.
 *
 * @internal
 */
export const only = <E>(
  api: ContreeApi.Service,
  kind: Kind,
  rows: Stream.Stream<Wire.Image, E>
): Stream.Stream<Wire.Image, E | Errors.RequestError> =>
  // what was learned is of one run of the stream: a stream can be run twice
  Stream.suspend(() => {
    const known = new Map<Ids.OperationId, Made>()
    const kindOf = ({ operation_uuid: id }: Wire.Image): Made =>
      id === undefined || id === null ? "imported" : known.get(id)
    return rows.pipe(
      Stream.rechunk(rowsAtOnce),
      Stream.mapChunksEffect((chunk) => {
        const unknown = new Set<Ids.OperationId>()
        for (const { operation_uuid: id } of chunk) {
          if (id !== undefined && id !== null && !known.has(id)) unknown.add(id)
        }
        return Effect.map(Effect.forEach(unknown, (id) => madeBy(api, id), { concurrency }), (found) => {
          for (const [id, made] of found) known.set(id, made)
          return Chunk.filter(chunk, (row) => kindOf(row) === kind)
        })
      })
    )
  })
