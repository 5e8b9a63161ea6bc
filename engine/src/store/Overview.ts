/**
 * What a store holds, for people who look at it: read without an engine, and without becoming one of the store's owners.
 *
 * @since 0.1.0
 */
import { ImageId } from "effect-contree/Ids"
import type { Timestamp } from "effect-contree/Timestamp"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { readable } from "../box/ShellText.js"
import * as Columns from "./Columns.js"
import type { Connection, Row } from "./Database.js"
import * as Databases from "./Database.js"
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
  readonly id: ImageId
  readonly parent: Option.Option<ImageId>
  readonly createdAt: Timestamp
  /** in alphabetical order */
  readonly tags: ReadonlyArray<string>
  /** bytes of the files that it added to its parent */
  readonly size: number
  /** the operation that made it; none for one that the engine built, or whose operation is gone */
  readonly madeBy: Option.Option<Request>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Operation {
  readonly id: string
  readonly request: Request
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

const idOrNone = (row: Row, column: string): Option.Option<ImageId> =>
  Option.map(Option.fromNullable(Columns.textOrNull(row, column)), (text) => ImageId.make(text))

const layersOf = (row: Row): ReadonlyArray<number> => JSON.parse(Columns.text(row, "layers")) as ReadonlyArray<number>

const imagesOf = (connection: Connection): ReadonlyArray<Image> => {
  const sizes = new Map(
    connection.all("SELECT id, size FROM layer").map((row) => [
      Columns.number(row, "id"),
      Columns.number(row, "size")
    ])
  )
  const tags = new Map<string, Array<string>>()
  for (const row of connection.all("SELECT name, image FROM tag ORDER BY name")) {
    const image = Columns.text(row, "image")
    tags.set(image, [...tags.get(image) ?? [], Columns.text(row, "name")])
  }
  const rows = connection.all(
    `SELECT image.id, image.parent, image.created, image.layers, operation.kind, operation.metadata
     FROM image LEFT JOIN operation ON operation.id = image.operation ORDER BY image.created, image.seq`
  )
  const tops = new Map(rows.map((row) => [Columns.text(row, "id"), layersOf(row).at(-1)]))
  return rows.map((row) => {
    const id = ImageId.make(Columns.text(row, "id"))
    const parent = idOrNone(row, "parent")
    const top = tops.get(id)
    // one that differs from its parent by its environment alone has the same layers
    const isNew = top !== undefined && !Option.exists(parent, (parent) => tops.get(parent) === top)
    const kind = Columns.textOrNull(row, "kind")
    return {
      id,
      parent,
      createdAt: Columns.timestamp(row, "created"),
      tags: tags.get(id) ?? [],
      size: isNew ? sizes.get(top) ?? 0 : 0,
      madeBy: Option.map(Option.fromNullable(kind), (kind) => requestOf(kind, Columns.textOrNull(row, "metadata")))
    }
  })
}

const operationOf = (row: Row): Operation => ({
  id: Columns.text(row, "id"),
  request: requestOf(Columns.text(row, "kind"), Columns.textOrNull(row, "metadata")),
  status: Columns.text(row, "status"),
  error: Columns.textOrNull(row, "error"),
  createdAt: Columns.timestamp(row, "created"),
  duration: Columns.numberOrNull(row, "duration"),
  image: Columns.textOrNull(row, "image"),
  resultImage: Columns.textOrNull(row, "result_image"),
  pid: Columns.numberOrNull(row, "pid")
})

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
      images: database.read("listing images", imagesOf),
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
            connection.all("SELECT id FROM image WHERE substr(id, 1, ?) = ? LIMIT 2", [prefix.length, prefix])
              .map((row) => ImageId.make(Columns.text(row, "id")))
        )
    }
  })
