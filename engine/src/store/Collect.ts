/**
 * The collection of garbage: what nobody has a name for and nobody used for a while goes, with all that only it needed.
 *
 * First the rows go, in one transaction, then the bytes: whoever is killed in between leaves bytes that no row speaks of,
 * and those are garbage too. Engines and other collections may go on meanwhile, in any process.
 *
 * @since 0.1.0
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import { randomUUID } from "node:crypto"
import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync, unlinkSync } from "node:fs"
import * as Layer from "../image/Layer.js"
import * as Columns from "./Columns.js"
import * as Damage from "./Damage.js"
import type { Connection, Database } from "./Database.js"
import * as ImageRows from "./ImageRows.js"
import * as Names from "./Names.js"
import { notTerminal } from "./OperationRows.js"
import * as Owner from "./Owner.js"
import type { Scratch } from "./Scratch.js"
import { move } from "./Scratch.js"
import { fromCause } from "./StoreError.js"
import type { StoreError } from "./StoreError.js"

/**
 * What is kept whatever happens: images with a tag, base images, and those that an operation uses that goes on.
 *
 * @since 0.1.0
 * @category models
 */
export interface Policy {
  /**
   * Images that were made, or that a run began from, within this time stay; so do uploaded files, operations with their
   * events, and blobs of registries. The operation that made an image stays with it.
   */
  readonly keepFor: Duration.Duration
  /** Only tell what would go. */
  readonly dryRun: boolean
}

/**
 * What went, or would go.
 *
 * @since 0.1.0
 * @category models
 */
export interface Collected {
  readonly images: number
  readonly layers: number
  readonly operations: number
  readonly files: number
  readonly blobs: number
  /** of the content of files: layers, uploads, blobs and events. Layers may share theirs, so the disk may get back less */
  readonly bytes: number
  /**
   * Images whose rows do not say what they need, by their number in the table and what is wrong with each. They stay,
   * and so does every layer: each may be one of theirs.
   */
  readonly damaged: ReadonlyArray<{ readonly row: number; readonly description: string }>
}

/**
 * @since 0.1.0
 * @category defaults
 */
export const defaultKeepFor = Duration.days(7)

interface Parts {
  readonly path: string
  readonly database: Database
  readonly scratch: Scratch
}

/** What stays: what is younger than `cut`, in microseconds since 1970, and the rows of images that nothing is known of. */
interface Kept {
  readonly cut: number
  readonly images: ReadonlyArray<number>
}

const oldImage = ({ cut, images }: Kept): string =>
  `(image.created < ${cut}
    AND image.seq NOT IN (${images.join(", ")})
    AND image.id NOT IN (SELECT image FROM tag)
    AND image.id NOT IN (SELECT image FROM base)
    AND image.id NOT IN (
      SELECT operation.image FROM operation
      WHERE operation.image IS NOT NULL AND (operation.created >= ${cut} OR operation.${notTerminal})
    )
    AND image.id NOT IN (
      SELECT result_image FROM operation WHERE result_image IS NOT NULL AND operation.created >= ${cut}
    ))`

const oldOperation = (kept: Kept): string =>
  `(operation.created < ${kept.cut} AND NOT operation.${notTerminal} AND typeof(operation.id) = 'text'
    AND operation.id NOT IN (SELECT image.operation FROM image WHERE image.operation IS NOT NULL AND NOT ${
    oldImage(kept)
  }))`

/** A run that goes on may not have looked for its files yet. */
const oldFile = (cut: number): string =>
  `(updated < ${cut}
    AND NOT EXISTS (SELECT 1 FROM operation WHERE ${notTerminal} AND instr(operation.metadata, file.id) > 0))`

interface Doomed extends Pick<Collected, "damaged"> {
  readonly images: ReadonlyArray<string>
  readonly layers: ReadonlyArray<number>
  readonly operations: ReadonlyArray<string>
  readonly files: ReadonlyArray<string>
  readonly blobs: number
  readonly bytes: number
}

const isDigest = (name: string): boolean => /^[0-9a-f]{64}$/.test(name)

interface Sized {
  readonly name: string
  readonly bytes: number
}

/** Files of the store that were not touched since, by name. */
const untouched = (folder: string, cut: number, isOurs: (name: string) => boolean): ReadonlyArray<Sized> =>
  readdirSync(folder).filter(isOurs).flatMap((name) => {
    const stats = lstatSync(`${folder}/${name}`, { throwIfNoEntry: false })
    return stats === undefined || stats.mtimeMs * 1000 >= cut ? [] : [{ name, bytes: stats.size }]
  })

const sum = (sized: ReadonlyArray<Sized>): number => sized.reduce((total, { bytes }) => total + bytes, 0)

/** A size is for the report alone: one that is damaged counts as none. */
const sizesOf = (connection: Connection, sql: string): ReadonlyArray<Sized> =>
  connection.all(sql).map(({ id, size }) => ({ name: String(id), bytes: typeof size === "number" ? size : 0 }))

const eventsOf = (path: string, operations: ReadonlyArray<string>): number =>
  operations.filter(Names.isOperation).reduce(
    (total, id) => total + (lstatSync(`${path}/events/${id}`, { throwIfNoEntry: false })?.size ?? 0),
    0
  )

/** None while an import goes on, which may be about to read any of them. */
const unusedBlobs = (connection: Connection, path: string, cut: number): ReadonlyArray<Sized> => {
  const importing = connection.first(`SELECT 1 AS found FROM operation WHERE kind = 'image_import' AND ${notTerminal}`)
  return importing === undefined ? untouched(`${path}/blobs`, cut, isDigest) : []
}

/** What is decided by: an image that is kept for its id and its age needs its layers. */
const read = Damage.reader("image", (row) => {
  ImageRows.idOf(row)
  Columns.number(row, "created")
  return ImageRows.layersOf(row)
})

const damagedImages = (connection: Connection): Collected["damaged"] =>
  connection.all("SELECT seq, id, created, layers FROM image").flatMap((row) =>
    Either.match(read(row), {
      onLeft: (damage) => [{ row: Columns.number(row, "seq"), description: Damage.toError(damage).description }],
      onRight: () => []
    })
  )

const find = (connection: Connection, path: string, cut: number): Doomed => {
  const ids = (sql: string): ReadonlyArray<string> => connection.all(sql).map((row) => Columns.text(row, "id"))
  const damaged = damagedImages(connection)
  const kept: Kept = { cut, images: damaged.map(({ row }) => row) }
  const layers = damaged.length > 0 ? [] : sizesOf(
    connection,
    `SELECT id, size FROM layer WHERE id NOT IN
       (SELECT json_each.value FROM image, json_each(image.layers) WHERE NOT ${oldImage(kept)})`
  )
  const operations = ids(`SELECT id FROM operation WHERE ${oldOperation(kept)}`)
  const files = sizesOf(connection, `SELECT sha256 AS id, size FROM file WHERE ${oldFile(cut)}`)
  const blobs = unusedBlobs(connection, path, cut)
  return {
    images: ids(`SELECT id FROM image WHERE ${oldImage(kept)}`),
    layers: layers.map(({ name }) => Number(name)),
    operations,
    files: files.map(({ name }) => name),
    blobs: blobs.length,
    bytes: sum(layers) + sum(files) + sum(blobs) + eventsOf(path, operations),
    damaged
  }
}

const forget = (connection: Connection, { files, images, layers, operations }: Doomed): void => {
  for (const id of operations) connection.run("DELETE FROM operation WHERE id = ?", [id])
  for (const id of images) connection.run("DELETE FROM image WHERE id = ?", [id])
  for (const id of layers) connection.run("DELETE FROM layer WHERE id = ?", [id])
  for (const sha256 of files) connection.run("DELETE FROM file WHERE sha256 = ?", [sha256])
}

/** The folders of layers, in one that goes as a whole: as somebody who may remove what boxes leave. */
const removeLayers = ({ path, scratch }: Parts, layers: ReadonlyArray<number>): Effect.Effect<void, StoreError> =>
  Effect.gen(function*() {
    if (layers.length === 0) return
    const trash = yield* scratch.reserve(`trash-${randomUUID()}`)
    yield* Effect.try({
      try: () => {
        mkdirSync(trash, { mode: 0o700 })
        for (const number of layers) {
          const folder = `${path}/${ImageRows.layerPath(number)}`
          if (existsSync(folder)) move(folder, `${trash}/${number}`)
          rmSync(Layer.opaqueFile(folder), { force: true })
        }
      },
      catch: fromCause("removing layers")
    })
  }).pipe(Effect.scoped)

/**
 * Uploads without a row; none while there is a row that does not say whose it is. Under the lock: who uploads the same
 * content again puts it there, with its row, in one step.
 */
const removeFiles = ({ database, path }: Parts): Effect.Effect<void, StoreError> =>
  database.write("removing uploaded files", (connection) => {
    const known = new Set(connection.all("SELECT sha256 FROM file").map((row) => String(row["sha256"])))
    if (![...known].every(isDigest)) return
    for (const name of readdirSync(`${path}/files`)) {
      if (isDigest(name) && !known.has(name)) unlinkSync(`${path}/files/${name}`)
    }
  })

/** far more than passes between a log and its row */
const settlingMicros = 3_600_000_000

/**
 * Events without an operation, none while there is an operation that does not say its id; a log is made before its row,
 * so a young one waits for its own, whatever is to be kept.
 */
const removeEvents = (
  { database, path }: Parts,
  cut: number,
  gone: ReadonlyArray<string>
): Effect.Effect<void, StoreError> =>
  Effect.gen(function*() {
    const now = yield* Columns.now
    const known = yield* database.read(
      "reading the operations",
      (connection) => new Set(connection.all("SELECT id FROM operation").map((row) => String(row["id"])))
    )
    yield* Effect.try({
      try: () => {
        const old = Math.min(cut, now - settlingMicros)
        const stray = [...known].every(Names.isOperation)
          ? untouched(`${path}/events`, old, Names.isOperation).map(({ name }) => name)
          : []
        // what is no name of ours may lead elsewhere
        for (const name of [...gone.filter(Names.isOperation), ...stray]) {
          if (!known.has(name)) rmSync(`${path}/events/${name}`, { force: true })
        }
      },
      catch: fromCause("removing events")
    })
  })

/** Under the lock, and looked at again: an import that began in the meantime has its row, and may use any of them. */
const removeBlobs = ({ database, path }: Parts, cut: number): Effect.Effect<void, StoreError> =>
  database.write("removing blobs", (connection) => {
    for (const { name } of unusedBlobs(connection, path, cut)) rmSync(`${path}/blobs/${name}`, { force: true })
  })

/**
 * See `Store.collect`.
 *
 * @since 0.1.0
 * @category collecting
 */
export const collect = (parts: Parts, { dryRun, keepFor }: Policy): Effect.Effect<Collected, StoreError> =>
  Effect.gen(function*() {
    const cut = (yield* Columns.now) - Math.round(Duration.toMillis(keepFor) * 1000)
    const looking = "looking for what nobody uses"
    const doomed = dryRun
      ? yield* parts.database.read(looking, (connection) => find(connection, parts.path, cut))
      : yield* parts.database.write(looking, (connection) => {
        // what a dead engine ran goes on no more
        Owner.retireDead(connection)
        const doomed = find(connection, parts.path, cut)
        forget(connection, doomed)
        return doomed
      })
    if (!dryRun) {
      yield* removeLayers(parts, doomed.layers)
      yield* removeFiles(parts)
      yield* removeEvents(parts, cut, doomed.operations)
      yield* removeBlobs(parts, cut)
    }
    const { blobs, bytes, damaged, files, images, layers, operations } = doomed
    return {
      images: images.length,
      layers: layers.length,
      operations: operations.length,
      files: files.length,
      blobs,
      bytes,
      damaged
    }
  })
