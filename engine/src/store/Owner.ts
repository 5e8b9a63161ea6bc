/**
 * Who works with the store. An owner is a store opened by a process; it is dead when the process is, told by its id,
 * its start time and the machine's boot. Processes that share a store must therefore see each other in /proc.
 *
 * @since 0.1.0
 */
import { randomUUID } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import * as Columns from "./Columns.js"
import type { Connection } from "./Database.js"
import { notTerminal } from "./OperationRows.js"
import { move } from "./Scratch.js"

/** The 22nd field; the second, the program's name, may hold spaces and brackets. */
const startedAt = (pid: number): string | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]
  } catch {
    return undefined
  }
}

const bootId = (): string => readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim()

/**
 * Writes this process down as an owner.
 *
 * @since 0.1.0
 * @category statements
 */
export const register = (connection: Connection): number =>
  Columns.number(
    connection.all("INSERT INTO owner (pid, started, boot) VALUES (?, ?, ?) RETURNING id", [
      process.pid,
      startedAt(process.pid) ?? "",
      bootId()
    ])[0] ?? {},
    "id"
  )

/**
 * Ends what an owner left: its operations that go on become `FAILED`. What it has in `tmp` is nobody's from here on.
 *
 * @since 0.1.0
 * @category statements
 */
export const retire = (connection: Connection, owner: number): void => {
  connection.run(
    `UPDATE operation SET status = 'FAILED', error = 'engine stopped' WHERE owner = ? AND ${notTerminal}`,
    [owner]
  )
  connection.run("DELETE FROM owner WHERE id = ?", [owner])
}

const retireDead = (connection: Connection): void => {
  const boot = bootId()
  for (const row of connection.all("SELECT * FROM owner")) {
    const alive = Columns.text(row, "boot") === boot &&
      Columns.text(row, "started") === startedAt(Columns.number(row, "pid"))
    if (!alive) retire(connection, Columns.number(row, "id"))
  }
}

/** A layer without a row: its maker died between the rename and the end of the transaction. */
const discardLayers = (connection: Connection, store: string): void => {
  const known = new Set(connection.all("SELECT id FROM layer").map((row) => Columns.number(row, "id").toString(36)))
  for (const name of readdirSync(`${store}/l`)) {
    if (!known.has(name.replace(/\.opaque$/, ""))) move(`${store}/l/${name}`, `${store}/tmp/trash-${randomUUID()}`)
  }
}

/**
 * Ends what dead owners left, in one transaction, and names the entries of `tmp` that nobody needs any more.
 *
 * @since 0.1.0
 * @category statements
 */
export const recover = (connection: Connection, store: string): ReadonlyArray<string> => {
  retireDead(connection)
  discardLayers(connection, store)
  // In this order: an entry is made after its row and removed before it.
  const entries = readdirSync(`${store}/tmp`)
  connection.run("DELETE FROM scratch WHERE owner NOT IN (SELECT id FROM owner)")
  const needed = new Set(connection.all("SELECT name FROM scratch").map((row) => Columns.text(row, "name")))
  return entries.filter((name) => !needed.has(name))
}
