/**
 * One SQLite connection of the store. SQLite itself is synchronous, so a transaction is one step that nothing can
 * interrupt; its write lock is also what keeps a commit and the collection of garbage apart, in all processes.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import Libsql from "libsql"
import { migrate } from "./Migrations.js"
import * as StoreError from "./StoreError.js"

export type { Transaction } from "./Transaction.js"

/**
 * @since 0.1.0
 * @category models
 */
export type Value = string | number | null

/**
 * @since 0.1.0
 * @category models
 */
export type Row = Readonly<Record<string, unknown>>

/**
 * Statements, run to their end: one left half-read would hold a lock.
 *
 * @since 0.1.0
 * @category models
 */
export interface Connection {
  readonly all: (sql: string, values?: ReadonlyArray<Value>) => ReadonlyArray<Row>
  readonly first: (sql: string, values?: ReadonlyArray<Value>) => Row | undefined
  /** the number of rows that changed */
  readonly run: (sql: string, values?: ReadonlyArray<Value>) => number
  /** What to take back outside the database when the transaction fails, while nobody else can write yet. */
  readonly onRollback: (undo: () => void) => void
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Database {
  readonly read: <A>(doing: string, body: (connection: Connection) => A) => Effect.Effect<A, StoreError.StoreError>
  /** In one `BEGIN IMMEDIATE` transaction; a throw in `body` rolls it back. */
  readonly write: <A>(doing: string, body: (connection: Connection) => A) => Effect.Effect<A, StoreError.StoreError>
}

type Handle = InstanceType<typeof Libsql>
type Statement = ReturnType<Handle["prepare"]>

// there are some dozens of them
const maxStatements = 256

/** To prepare a statement takes longer than to run it. */
interface Opened {
  readonly handle: Handle
  readonly prepare: (sql: string) => Statement
  readonly close: () => void
}

const opened = (handle: Handle): Opened => {
  const statements = new Map<string, Statement>()
  return {
    handle,
    prepare: (sql) => {
      const known = statements.get(sql) ?? handle.prepare(sql)
      // some have the values of one collection of garbage in their text
      if (statements.size >= maxStatements) statements.clear()
      statements.set(sql, known)
      return known
    },
    close: () => {
      // libsql cannot finalize them: the files stay open until the garbage collector has taken the last one
      statements.clear()
      handle.close()
    }
  }
}

interface Undoing extends Connection {
  readonly undo: () => void
}

const connect = ({ prepare }: Opened): Undoing => {
  const undoes: Array<() => void> = []
  const all = (sql: string, values: ReadonlyArray<Value> = []): ReadonlyArray<Row> =>
    prepare(sql).all([...values]) as ReadonlyArray<Row>
  return {
    all,
    first: (sql, values) => all(sql, values)[0],
    run: (sql, values = []) => prepare(sql).run([...values]).changes,
    onRollback: (undo) => undoes.push(undo),
    undo: () => undoes.reverse().forEach((undo) => undo())
  }
}

const attempt = (action: () => void): void => {
  try {
    action()
  } catch {
    // The failure that led here is the one to tell.
  }
}

const inTransaction = <A>(database: Opened, body: (connection: Connection) => A): A => {
  const { handle } = database
  const connection = connect(database)
  handle.exec("BEGIN IMMEDIATE")
  try {
    const result = body(connection)
    handle.exec("COMMIT")
    return result
  } catch (cause) {
    attempt(connection.undo)
    // A full disk may have rolled it back already.
    attempt(() => handle.inTransaction && handle.exec("ROLLBACK"))
    throw cause
  }
}

const connected = (path: string): Opened => {
  const database = opened(new Libsql(path))
  const { handle } = database
  try {
    handle.exec("PRAGMA busy_timeout = 5000")
    connect(database).all("PRAGMA journal_mode = WAL")
    handle.exec("PRAGMA synchronous = NORMAL")
    handle.exec("PRAGMA foreign_keys = ON")
    inTransaction(database, migrate)
    return database
  } catch (cause) {
    database.close()
    throw cause
  }
}

/**
 * Opens the database at an absolute path, and brings its tables up to date.
 *
 * @since 0.1.0
 * @category constructors
 */
export const open = (path: string): Effect.Effect<Database, StoreError.StoreError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({ try: () => connected(path), catch: StoreError.fromCause(`opening ${path}`) }).pipe(
      // Two processes that create the database at once: turning WAL on does not wait for the busy timeout.
      Effect.retry({
        schedule: Schedule.spaced("20 millis").pipe(Schedule.intersect(Schedule.recurs(100))),
        while: (error) => error.reason === "Busy"
      })
    ),
    ({ close }) => Effect.sync(close)
  ).pipe(Effect.map((database) => {
    const connection = connect(database)
    return {
      read: (doing, body) => Effect.try({ try: () => body(connection), catch: StoreError.fromCause(doing) }),
      write: (doing, body) =>
        Effect.try({
          try: () => inTransaction(database, body),
          catch: StoreError.fromCause(doing)
        })
    }
  }))
