/**
 * The tables. A change is a new entry at the end, never an edit of one that has been released.
 *
 * @since 0.1.0
 */
import type { Connection } from "./Database.js"
import { StoreError } from "./StoreError.js"

/** times are in microseconds since 1970; `seq` orders what was made within the same microsecond */
const steps: ReadonlyArray<ReadonlyArray<string>> = [[
  `CREATE TABLE owner (
     id INTEGER PRIMARY KEY AUTOINCREMENT, pid INTEGER NOT NULL, started TEXT NOT NULL, boot TEXT NOT NULL
   )`,
  // What lies in tmp, and for whom: written before the folder, deleted after it.
  `CREATE TABLE scratch (name TEXT PRIMARY KEY, owner INTEGER NOT NULL) WITHOUT ROWID`,
  `CREATE TABLE layer (id INTEGER PRIMARY KEY AUTOINCREMENT, size INTEGER NOT NULL)`,
  `CREATE TABLE image (
     seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, parent TEXT, operation TEXT,
     created INTEGER NOT NULL, env TEXT NOT NULL, layers TEXT NOT NULL
   )`,
  `CREATE INDEX image_created ON image (created DESC, seq DESC)`,
  `CREATE TABLE tag (name TEXT PRIMARY KEY, image TEXT NOT NULL REFERENCES image (id)) WITHOUT ROWID`,
  `CREATE INDEX tag_image ON tag (image)`,
  // The image that each base name stood for when it was last built.
  `CREATE TABLE base (name TEXT PRIMARY KEY, image TEXT NOT NULL) WITHOUT ROWID`,
  `CREATE TABLE file (
     seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, sha256 TEXT NOT NULL UNIQUE,
     size INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL
   )`,
  `CREATE INDEX file_created ON file (created DESC, seq DESC)`,
  `CREATE TABLE operation (
     seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, status TEXT NOT NULL,
     owner INTEGER, error TEXT, created INTEGER NOT NULL, duration REAL, image_size INTEGER, consumed_cpu REAL,
     consumed_memory INTEGER, image TEXT, result_image TEXT, metadata TEXT, result TEXT
   )`,
  `CREATE INDEX operation_created ON operation (created DESC, seq DESC)`,
  `CREATE INDEX operation_owner ON operation (owner) WHERE status NOT IN ('SUCCESS', 'FAILED', 'CANCELLED')`
], [
  `ALTER TABLE image ADD COLUMN cwd TEXT NOT NULL DEFAULT ''`
]]

/**
 * Brings the tables up to date, inside the caller's transaction.
 *
 * @since 0.1.0
 * @category transactions
 */
export const migrate = (connection: Connection): void => {
  const version = Number(connection.first("PRAGMA user_version")?.["user_version"] ?? 0)
  if (version > steps.length) {
    throw new StoreError({
      reason: "Unusable",
      description: `the store was made by a newer version of contree-local (its tables are version ${version}, ` +
        `this one knows ${steps.length}): update contree-local, or choose another folder`
    })
  }
  steps.slice(version).flat().forEach((sql) => connection.run(sql))
  if (version < steps.length) connection.run(`PRAGMA user_version = ${steps.length}`)
}
