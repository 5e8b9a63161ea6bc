/**
 * What a store holds, for people who look at it: read without an engine, and without becoming one of the store's owners.
 *
 * @since 0.1.0
 */
import { ImageId, OperationId } from "effect-contree/Ids"
import type { Timestamp } from "effect-contree/Timestamp"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { readdirSync } from "node:fs"
import { readable } from "../box/ShellText.js"
import * as Columns from "./Columns.js"
import * as Damage from "./Damage.js"
import type { Connection, Row } from "./Database.js"
import * as Databases from "./Database.js"
import * as ImageRows from "./ImageRows.js"
import { notTerminal } from "./OperationRows.js"
import * as Owner from "./Owner.js"
import type { StoreError } from "./StoreError.js"

/**
 * What was asked for: the command of a run, or where an import came from.
 *
 * @since 0.1.0
 * @category models
 */
export interface Request {
  readonly kind: "run" | "import"
  readonly text: string
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Image {
  /** or `#` and the number of its row, where that is damaged */
  readonly id: string
  readonly parent: Option.Option<ImageId>
  readonly createdAt: Timestamp
  /** in alphabetical order */
  readonly tags: ReadonlyArray<string>
  /** bytes of the files that it added to its parent */
  readonly size: number
  /** the operation that made it; none for one that the engine built, or whose operation is gone */
  readonly madeBy: Option.Option<Request>
  /** why nothing can be done with it; then what cannot be read is empty here */
  readonly damage: Option.Option<string>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Operation {
  readonly id: string
  readonly request: Request
  /** `DAMAGED` when its row cannot be read; then `error` says why, and what cannot be read is empty here */
  readonly status: string
  readonly error: string | null
  readonly createdAt: Timestamp
  /** seconds; null while it goes on */
  readonly duration: number | null
  readonly image: string | null
  readonly resultImage: string | null
  /** the process of the engine that runs it; null when it is over */
  readonly pid: number | null
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Overview {
  /** oldest first */
  readonly images: Effect.Effect<ReadonlyArray<Image>, StoreError>
  /** newest first; those that go on, or all. What dead owners left is ended first. */
  readonly operations: (which: "going on" | "all") => Effect.Effect<ReadonlyArray<Operation>, StoreError>
  /** at most two ids that begin so */
  readonly beginning: (prefix: string) => Effect.Effect<ReadonlyArray<ImageId>, StoreError>
}

// written by an engine of this version, or of another one
const record = (text: unknown): Readonly<Record<string, unknown>> => {
  try {
    const value: unknown = typeof text === "string" ? JSON.parse(text) : undefined
    return typeof value === "object" && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}

const textOf = (value: unknown): string => typeof value === "string" ? value : ""

const requestOf = (kind: string, metadata: string | null): Request => {
  const asked = record(metadata)
  if (kind !== "instance") {
    const { url } = { url: undefined, ...record(JSON.stringify(asked["registry"] ?? null)) }
    return { kind: "import", text: textOf(url).replace(/^docker:\/\//, "") }
  }
  const args = Array.isArray(asked["args"]) ? asked["args"].map(textOf) : []
  const command = textOf(asked["command"])
  // a script is shown as it was written: its quotes are its own
  const words = asked["shell"] === true ? [command, ...args.map(readable)] : [command, ...args].map(readable)
  return { kind: "run", text: words.join(" ") }
}

const madeByOf = (row: Row): Option.Option<Request> =>
  typeof row["kind"] === "string"
    ? Option.some(requestOf(row["kind"], textOf(row["metadata"])))
    : Option.none()

const unknownTime: Timestamp = { seconds: 0, nanos: 0 }

const timeOf = (row: Row): Timestamp =>
  typeof row["created"] === "number" ? Columns.timestamp(row, "created") : unknownTime

/** By image. A damaged id may be what a tag leads to all the same. */
const tagsOf = (connection: Connection): (row: Row) => ReadonlyArray<string> => {
  const tags = new Map<unknown, Array<string>>()
  for (const { image, name } of connection.all("SELECT name, image FROM tag ORDER BY name")) {
    tags.set(image, [...tags.get(image) ?? [], String(name)])
  }
  return (row) => tags.get(row["id"]) ?? []
}

/** The layers that are there, and how large each is. */
const sizesOf = (connection: Connection, path: string): ReadonlyMap<number, number> => {
  const there = new Set(readdirSync(`${path}/l`))
  return new Map(
    connection.all("SELECT id, size FROM layer")
      .map((row) => [Columns.number(row, "id"), typeof row["size"] === "number" ? row["size"] : 0] as const)
      .filter(([id]) => there.has(ImageRows.layerPath(id).slice("l/".length)))
  )
}

const imagesOf = (connection: Connection, path: string): ReadonlyArray<Image> => {
  const sizes = sizesOf(connection, path)
  const tags = tagsOf(connection)
  const rows = connection.all(
    `SELECT image.*, operation.kind, operation.metadata
     FROM image LEFT JOIN operation ON operation.id = image.operation ORDER BY image.created, image.seq`
  ).map((row) => ({ row, read: ImageRows.read(row) }))
  const tops = new Map(
    rows.flatMap(({ read }) => Either.isRight(read) ? [[read.right.id, read.right.layers.at(-1)] as const] : [])
  )
  return rows.map(({ read, row }): Image => {
    const common = { tags: tags(row), createdAt: timeOf(row), madeBy: madeByOf(row) }
    if (Either.isLeft(read)) {
      const { name, why } = read.left
      return { ...common, id: name, parent: Option.none(), size: 0, damage: Option.some(why) }
    }
    const { id, layers, parent } = read.right
    const top = tops.get(id)
    // one that differs from its parent by its environment alone has the same layers
    const isNew = top !== undefined && !Option.exists(parent, (parent) => tops.get(parent) === top)
    const gone = Option.fromNullable(layers.find((layer) => !sizes.has(layer)))
    return {
      ...common,
      id,
      parent,
      size: isNew ? sizes.get(top) ?? 0 : 0,
      damage: Option.map(gone, (layer) => `its layer ${ImageRows.layerPath(layer)} is not there`)
    }
  })
}

const readOperation = Damage.reader("operation", (row): Operation => ({
  id: Columns.parsed(row, "id", (text) => OperationId.make(text)),
  request: requestOf(Columns.text(row, "kind"), Columns.textOrNull(row, "metadata")),
  status: Columns.text(row, "status"),
  error: Columns.textOrNull(row, "error"),
  createdAt: Columns.timestamp(row, "created"),
  duration: Columns.numberOrNull(row, "duration"),
  image: Columns.textOrNull(row, "image"),
  resultImage: Columns.textOrNull(row, "result_image"),
  pid: Columns.numberOrNull(row, "pid")
}))

const operationOf = (row: Row): Operation =>
  Either.getOrElse(readOperation(row), ({ name, why }) => ({
    id: name,
    request: requestOf(textOf(row["kind"]), textOf(row["metadata"])),
    status: "DAMAGED",
    error: why,
    createdAt: timeOf(row),
    duration: null,
    image: null,
    resultImage: null,
    pid: null
  }))

const isImageId = Schema.is(ImageId)

// no owner has this number: all of them are looked at
const nobody = -1

/**
 * Over a store that is there already; `path` is its folder.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (path: string): Effect.Effect<Overview, StoreError, Scope.Scope> =>
  Effect.map(Databases.open(`${path}/contree.db`), (database) => {
    const endOrphans = Effect.flatMap(
      database.read("looking for dead owners", (connection) => Owner.hasOrphans(connection, nobody)),
      (found) => found ? database.write("ending what dead owners left", Owner.retireDead) : Effect.void
    )
    return {
      images: database.read("listing images", (connection) => imagesOf(connection, path)),
      operations: (which) =>
        Effect.zipRight(
          endOrphans,
          database.read("listing operations", (connection) =>
            connection.all(
              `SELECT operation.*, CASE WHEN ${notTerminal} THEN owner.pid END AS pid
               FROM operation LEFT JOIN owner ON owner.id = operation.owner
               ${which === "all" ? "" : `WHERE ${notTerminal}`} ORDER BY created DESC, seq DESC`
            ).map(operationOf))
        ),
      beginning: (prefix) =>
        database.read(
          "looking for an image",
          (connection) =>
            connection.all("SELECT id FROM image WHERE substr(id, 1, ?) = ?", [prefix.length, prefix])
              .flatMap(({ id }) => isImageId(id) ? [id] : []).slice(0, 2)
        )
    }
  })
