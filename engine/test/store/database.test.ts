import { expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { mkdtempSync, readdirSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { collectAll } from "../../../test/support/youngGarbage.js"
import * as Database from "../../src/store/Database.js"
import { openFiles } from "../support/openFiles.js"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "contree-database-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true }))
)

it.scopedLive("holds no file after it was closed, whoever still has it", () =>
  Effect.gen(function*() {
    const path = yield* folder
    const database = yield* Effect.scoped(Effect.tap(Database.open(join(path, "a.db")), (database) =>
      database.read("reading", (connection) =>
        connection.all("SELECT 1"))))
    for (let turn = 0; turn < 50 && openFiles(path) > 0; turn++) {
      collectAll()
      yield* Effect.sleep("10 millis")
    }
    expect(openFiles(path)).toBe(0)
    expect(readdirSync(path)).toEqual(["a.db"])
    expect(database).toBeDefined()
  }))

it.scopedLive("a statement that failed can be used again, and those of one text are as many as there are", () =>
  Effect.gen(function*() {
    const path = yield* folder
    const database = yield* Database.open(join(path, "a.db"))
    yield* database.write("making", (connection) => connection.run("CREATE TABLE t (n INTEGER PRIMARY KEY)"))
    const insert = (n: number) =>
      database.write("inserting", (connection) => connection.run("INSERT INTO t (n) VALUES (?)", [n]))
    yield* insert(1)
    expect((yield* Effect.either(insert(1)))._tag).toBe("Left")
    yield* insert(2)
    for (let n = 0; n < 600; n++) {
      const [row] = yield* database.read("reading", (connection) => connection.all(`SELECT ${n} AS n`))
      expect(row).toEqual({ n })
    }
    expect(yield* database.read("counting", (connection) => connection.first("SELECT count(*) AS n FROM t"))).toEqual({
      n: 2
    })
  }))
