/**
 * Who works with the store. An owner is a store opened by a process; it is dead when the process is, told by its id,
 * its start time and the machine's boot. Processes that share a store must therefore see each other in /proc.
 *
 * @since 0.1.0
 */
import { randomUUID } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import * as Columns from "./Columns.js"
import type { Connection, Row } from "./Database.js"
import * as Names from "./Names.js"
import { notTerminal } from "./OperationRows.js"
import { move } from "./Scratch.js"

/**
 * When it was started, by the machine's clock; undefined when it is dead. A process that nobody has waited for yet is.
 * The second field, the program's name, may hold spaces and brackets.
 */
const startedAt = (pid: number): string | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1")
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
    return /^[ZX]$/.test(fields[0] ?? "") ? undefined : fields[19]
  } catch (cause) {
    // Whoever cannot be looked at, since this process has too many files open, say, is not dead for that.
    if (cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ESRCH")) {
      return undefined
    }
    throw cause
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

const isAlive = (row: Row): boolean =>
  Columns.text(row, "boot") === bootId() && Columns.text(row, "started") === startedAt(Columns.number(row, "pid"))

/**
 * Whether an operation goes on only because its owner, another than `self`, died before it could end it.
 *
 * @since 0.1.0
 * @category statements
 */
export const isOrphan = (connection: Connection, operation: string, self: number): boolean => {
  const row = connection.first(
    `SELECT owner.* FROM operation JOIN owner ON owner.id = operation.owner
     WHERE operation.id = ? AND operation.owner <> ? AND operation.${notTerminal}`,
    [operation, self]
  )
  return row !== undefined && !isAlive(row)
}

/**
 * Whether any owner but `self` died with operations that go on.
 *
 * @since 0.1.0
 * @category statements
 */
export const hasOrphans = (connection: Connection, self: number): boolean =>
  connection.all(
    `SELECT * FROM owner WHERE id <> ? AND id IN (SELECT owner FROM operation WHERE ${notTerminal})`,
    [self]
  ).some((row) => !isAlive(row))

/**
 * Ends the operations of all owners that are dead; for a transaction.
 *
 * @since 0.1.0
 * @category statements
 */
export const retireDead = (connection: Connection): void => {
  for (const row of connection.all("SELECT * FROM owner")) {
    if (!isAlive(row)) retire(connection, Columns.number(row, "id"))
  }
}

/**
 * A layer without a row: its maker died between the rename and the end of the transaction, so that its number is at most
 * the next one. All else in there is nobody's business.
 */
const discardLayers = (connection: Connection, store: string): void => {
  const known = new Set(connection.all("SELECT id FROM layer").map((row) => Columns.number(row, "id")))
  const last = connection.first("SELECT seq FROM sqlite_sequence WHERE name = 'layer'")
  const next = (last === undefined ? 0 : Columns.number(last, "seq")) + 1
  for (const name of readdirSync(`${store}/l`)) {
    const number = Names.layerNumber(name)
    if (number === undefined || number > next || known.has(number)) continue
    move(`${store}/l/${name}`, `${store}/tmp/trash-${randomUUID()}`)
  }
}

/** A check of the machine is no owner: it may go on where there is no database yet. */
const isOfDoctor = (name: string): boolean => {
  const pid = Names.doctorPid(name)
  return pid !== undefined && startedAt(pid) !== undefined
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
  return entries.filter((name) => Names.isScratch(name) && !needed.has(name) && !isOfDoctor(name))
}
