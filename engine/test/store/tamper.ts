/** What a failing disk, or somebody with another program, does to the rows of a store. */
import { Effect } from "effect"
import Libsql from "libsql"
import type { Value } from "../../src/store/Database.js"

/** Runs one statement, without asking what refers to what. */
export const sql = (store: string, statement: string, ...values: ReadonlyArray<Value>): Effect.Effect<void> =>
  Effect.acquireUseRelease(
    Effect.sync(() => new Libsql(`${store}/contree.db`)),
    (database) =>
      Effect.sync(() => {
        database.exec("PRAGMA busy_timeout = 5000")
        database.exec("PRAGMA foreign_keys = OFF")
        if (database.prepare(statement).run([...values]).changes === 0) throw new Error(`nothing changed: ${statement}`)
      }),
    (database) => Effect.sync(() => database.close())
  )
