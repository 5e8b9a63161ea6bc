/**
 * Uploaded files, kept by content.
 *
 * @since 0.1.0
 */
import { FileId, Sha256 } from "effect-contree/Ids"
import type { Timestamp } from "effect-contree/Timestamp"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { createHash, randomUUID } from "node:crypto"
import { existsSync, renameSync, rmSync } from "node:fs"
import * as fs from "node:fs/promises"
import * as Columns from "./Columns.js"
import * as Damage from "./Damage.js"
import type { Connection, Database } from "./Database.js"
import * as Filter from "./Filter.js"
import type { Scratch } from "./Scratch.js"
import type { StoreError } from "./StoreError.js"
import { fromCause, UploadTooLarge } from "./StoreError.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface FileRow {
  readonly id: FileId
  readonly sha256: Sha256
  readonly size: number
  readonly createdAt: Timestamp
  readonly updatedAt: Timestamp
}

/**
 * A page of files; the time span is of `createdAt`, both ends included.
 *
 * @since 0.1.0
 * @category models
 */
export interface FileQuery {
  readonly limit: number
  readonly offset: number
  readonly since?: Timestamp | undefined
  readonly until?: Timestamp | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface FileStore {
  /**
   * Streams to disk, in constant memory. The same content twice is one file with one id, whose `updatedAt` moves; where
   * its row is damaged it gets a new one. A failure, an interruption or too many bytes leave nothing behind.
   */
  readonly upload: <E, R>(
    bytes: Stream.Stream<Uint8Array, E, R>,
    options: { readonly maxBytes: number }
  ) => Effect.Effect<FileRow, StoreError | UploadTooLarge | E, R>
  /** Both fail with `Damaged` when its row cannot be read. */
  readonly get: (sha256: string) => Effect.Effect<Option.Option<FileRow>, StoreError>
  readonly getById: (id: string) => Effect.Effect<Option.Option<FileRow>, StoreError>
  /** Newest first. Damaged ones are left out, and a warning in the log names them. */
  readonly list: (query: FileQuery) => Effect.Effect<ReadonlyArray<FileRow>, StoreError>
  /** Where its bytes are on the host: absolute. */
  readonly path: (file: FileRow) => string
}

const read = Damage.reader("file", (row): FileRow => ({
  id: Columns.parsed(row, "id", (text) => FileId.make(text)),
  sha256: Columns.parsed(row, "sha256", (text) => Sha256.make(text)),
  size: Columns.number(row, "size"),
  createdAt: Columns.timestamp(row, "created"),
  updatedAt: Columns.timestamp(row, "updated")
}))

interface Spooled {
  readonly sha256: string
  readonly size: number
}

const spoolFile = (path: string): Effect.Effect<fs.FileHandle, StoreError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.tryPromise({ try: () => fs.open(path, "wx", 0o600), catch: fromCause("storing an upload") }),
    // It waits for a write that an interruption left on its way.
    (file) => Effect.ignore(Effect.tryPromise(() => file.close()))
  )

const spool = <E, R>(
  path: string,
  bytes: Stream.Stream<Uint8Array, E, R>,
  maxBytes: number
): Effect.Effect<Spooled, StoreError | UploadTooLarge | E, R> =>
  Effect.gen(function*() {
    const file = yield* spoolFile(path)
    const hash = createHash("sha256")
    let size = 0
    yield* Stream.runForEachChunk(bytes, (pieces) =>
      Effect.suspend((): Effect.Effect<void, StoreError | UploadTooLarge> => {
        for (const piece of pieces) {
          size += piece.length
        }
        if (size > maxBytes) {
          return Effect.fail(new UploadTooLarge({ maxBytes }))
        }
        return Effect.tryPromise({
          try: async () => {
            for (const piece of pieces) {
              hash.update(piece)
              await file.writeFile(piece)
            }
          },
          catch: fromCause("storing an upload")
        })
      }))
    return { sha256: hash.digest("hex"), size }
  }).pipe(Effect.scoped)

/** The file takes its place in the same step as its row; one that is there already has the same bytes. */
const keep = (connection: Connection, from: string, to: string, spooled: Spooled, now: number): FileRow => {
  const isNew = !existsSync(to)
  renameSync(from, to)
  if (isNew) connection.onRollback(() => rmSync(to, { force: true }))
  // A damaged row gives way: all that it said is known anew.
  const known = connection.first("SELECT * FROM file WHERE sha256 = ?", [spooled.sha256])
  if (known !== undefined && Either.isLeft(read(known))) {
    connection.run("DELETE FROM file WHERE sha256 = ?", [spooled.sha256])
  }
  return Damage.orThrow(read(
    connection.all(
      "INSERT INTO file (id, sha256, size, created, updated) VALUES (?, ?, ?, ?, ?) " +
        "ON CONFLICT (sha256) DO UPDATE SET updated = max(updated, excluded.updated) RETURNING *",
      [randomUUID(), spooled.sha256, spooled.size, now, now]
    )[0] ?? {}
  ))
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (path: string, database: Database, scratch: Scratch): FileStore => {
  const tell = Damage.telling()
  const pathOf = (sha256: string): string => `${path}/files/${sha256}`

  const find = (column: "id" | "sha256", value: string): Effect.Effect<Option.Option<FileRow>, StoreError> =>
    database.read("reading a file's row", (connection) =>
      Option.map(
        Option.fromNullable(connection.first(`SELECT * FROM file WHERE ${column} = ?`, [value])),
        (row) => Damage.orThrow(read(row))
      ))

  return {
    upload: (bytes, { maxBytes }) =>
      Effect.gen(function*() {
        const from = yield* scratch.reserve(`upload-${randomUUID()}`)
        const spooled = yield* spool(from, bytes, maxBytes)
        const now = yield* Columns.now
        return yield* database.write("keeping an upload", (connection) =>
          keep(connection, from, pathOf(spooled.sha256), spooled, now))
      }).pipe(Effect.scoped),

    get: (sha256) => find("sha256", sha256),

    getById: (id) => find("id", id),

    list: (query) =>
      database.read("listing files", (connection) => {
        const filter = Filter.where(Filter.span("created", query))
        const sql = `SELECT * FROM file ${filter.sql} ORDER BY created DESC, seq DESC LIMIT ? OFFSET ?`
        return Damage.page(query, (limit, offset) => connection.all(sql, [...filter.values, limit, offset]), read)
      }).pipe(Effect.flatMap(tell)),

    path: (file) => pathOf(file.sha256)
  }
}
