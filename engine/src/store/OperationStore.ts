/**
 * The operations: one row for each run and each import.
 *
 * @since 0.1.0
 */
import { ImageId, OperationId } from "effect-contree/Ids"
import type { Timestamp } from "effect-contree/Timestamp"
import * as Effect from "effect/Effect"
import type * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Columns from "./Columns.js"
import * as Damage from "./Damage.js"
import type { Connection, Database, Row } from "./Database.js"
import * as Filter from "./Filter.js"
import * as OperationRows from "./OperationRows.js"
import * as Owner from "./Owner.js"
import type { StoreError } from "./StoreError.js"

/**
 * One operation (protocol: section 3.8). `metadata` and `result` are JSON text, as the wire will show it.
 *
 * @since 0.1.0
 * @category models
 */
export interface OperationRow {
  readonly id: OperationId
  readonly kind: string
  readonly status: string
  readonly error: string | null
  readonly createdAt: Timestamp
  /** seconds */
  readonly duration: number | null
  /** bytes written */
  readonly imageSize: number | null
  /** seconds */
  readonly consumedCpu: number | null
  readonly consumedMemory: number | null
  /** the image it starts from; null for an import */
  readonly imageId: ImageId | null
  readonly resultImageId: ImageId | null
  readonly metadata: string | null
  readonly result: string | null
  /** whether this very store, and no other process, runs it: only its owner can cancel it */
  readonly owned: boolean
}

/**
 * What a new operation starts with. Its owner is the store that creates it.
 *
 * @since 0.1.0
 * @category models
 */
export interface NewOperation {
  readonly id: OperationId
  readonly kind: string
  /** default `PENDING` */
  readonly status?: string | undefined
  readonly imageId?: ImageId | null | undefined
  readonly metadata?: string | null | undefined
}

/**
 * What a transition may set. An absent field stays as it is; null empties it.
 *
 * @since 0.1.0
 * @category models
 */
export interface OperationFields {
  readonly error?: string | null | undefined
  readonly duration?: number | null | undefined
  readonly imageSize?: number | null | undefined
  readonly consumedCpu?: number | null | undefined
  readonly consumedMemory?: number | null | undefined
  readonly imageId?: ImageId | null | undefined
  readonly resultImageId?: ImageId | null | undefined
  readonly metadata?: string | null | undefined
  readonly result?: string | null | undefined
}

/**
 * A page of operations and its filters; both ends of the time span are included.
 *
 * @since 0.1.0
 * @category models
 */
export interface OperationQuery {
  readonly limit: number
  readonly offset: number
  readonly status?: string | undefined
  readonly kind?: string | undefined
  readonly since?: Timestamp | undefined
  readonly until?: Timestamp | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface OperationStore {
  /** The row as it was written. */
  readonly create: (operation: NewOperation) => Effect.Effect<OperationRow, StoreError>
  /**
   * One whose owner, another process, is dead is ended first: `FAILED`, "engine stopped". Fails with `Damaged` when its
   * row cannot be read.
   */
  readonly get: (id: string) => Effect.Effect<Option.Option<OperationRow>, StoreError>
  /**
   * Newest first, after what dead owners left was ended, as by `get`. Damaged ones are left out, and a warning in the log
   * names them.
   */
  readonly list: (query: OperationQuery) => Effect.Effect<ReadonlyArray<OperationRow>, StoreError>
  /**
   * Atomic: true when the operation was in one of the `from` states and is now in `to`, else false and unchanged.
   * As `get`, it ends first what a dead owner left.
   */
  readonly transition: (
    id: OperationId,
    from: ReadonlyArray<string>,
    to: string,
    fields?: OperationFields
  ) => Effect.Effect<boolean, StoreError>
}

const imageOrNull = (row: Row, column: string): ImageId | null =>
  Columns.parsedOrNull(row, column, (text) => ImageId.make(text))

const reader = (owner: number): (row: Row) => Either.Either<OperationRow, Damage.Damage> =>
  Damage.reader("operation", (row) => ({
    id: Columns.parsed(row, "id", (text) => OperationId.make(text)),
    kind: Columns.text(row, "kind"),
    status: Columns.text(row, "status"),
    error: Columns.textOrNull(row, "error"),
    createdAt: Columns.timestamp(row, "created"),
    duration: Columns.numberOrNull(row, "duration"),
    imageSize: Columns.numberOrNull(row, "image_size"),
    consumedCpu: Columns.numberOrNull(row, "consumed_cpu"),
    consumedMemory: Columns.numberOrNull(row, "consumed_memory"),
    imageId: imageOrNull(row, "image"),
    resultImageId: imageOrNull(row, "result_image"),
    metadata: Columns.textOrNull(row, "metadata"),
    result: Columns.textOrNull(row, "result"),
    owned: Columns.numberOrNull(row, "owner") === owner
  }))

const endingOrphans = "ending what dead owners left"

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (database: Database, owner: number): OperationStore => {
  const read = reader(owner)
  const tell = Damage.telling()

  const find = (connection: Connection, id: string): Option.Option<OperationRow> =>
    Option.map(
      Option.fromNullable(connection.first("SELECT * FROM operation WHERE id = ?", [id])),
      (row) => Damage.orThrow(read(row))
    )

  const endOrphans = Effect.flatMap(
    database.read("looking for dead owners", (connection) => Owner.hasOrphans(connection, owner)),
    (found) => found ? database.write(endingOrphans, Owner.retireDead) : Effect.void
  )

  return {
    create: (operation) =>
      Effect.flatMap(
        Columns.now,
        (now) =>
          database.write(`recording the operation ${operation.id}`, (connection) =>
            Damage.orThrow(read(
              connection.all(
                "INSERT INTO operation (id, kind, status, owner, created, image, metadata) " +
                  "VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING *",
                [
                  operation.id,
                  operation.kind,
                  operation.status ?? "PENDING",
                  owner,
                  now,
                  operation.imageId ?? null,
                  operation.metadata ?? null
                ]
              )[0] ?? {}
            )))
      ),

    get: (id) =>
      database.read(
        `reading the operation ${id}`,
        (connection) => Owner.isOrphan(connection, id, owner) ? undefined : find(connection, id)
      ).pipe(
        Effect.flatMap((row) =>
          row !== undefined ? Effect.succeed(row) : database.write(endingOrphans, (connection) => {
            Owner.retireDead(connection)
            return find(connection, id)
          })
        )
      ),

    list: (query) =>
      Effect.zipRight(
        endOrphans,
        database.read("listing operations", (connection) => {
          const filter = Filter.where([
            ["status = ?", query.status],
            ["kind = ?", query.kind],
            ...Filter.span("created", query)
          ])
          const sql = `SELECT * FROM operation ${filter.sql} ORDER BY created DESC, seq DESC LIMIT ? OFFSET ?`
          return Damage.page(
            query,
            (limit, offset) => connection.all(sql, [...filter.values, limit, offset]),
            read
          )
        }).pipe(Effect.flatMap(tell))
      ),

    transition: (id, from, to, fields = {}) =>
      database.write(
        `moving the operation ${id} to ${to}`,
        (connection) => {
          if (Owner.isOrphan(connection, id, owner)) Owner.retireDead(connection)
          return OperationRows.transition(connection, id, from, to, fields)
        }
      )
  }
}
