/** Several processes on one store, and what is left of one that is killed. */
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Option, Scope } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { randomUUID } from "node:crypto"
import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync
} from "node:fs"
import { ImageId, OperationId } from "effect-contree/Ids"
import * as Store from "../../src/store/Store.js"
import { childInNamespace, emptyStore, folder, freshStore, isRoot, makeChildCommand, newOperation } from "./support.js"

const childCommand = makeChildCommand()

const page = { limit: 100, offset: 0 }
const child = (...args: ReadonlyArray<string>) => {
  const running = spawn(childCommand[0], [...childCommand.slice(1), ...args], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  let output = ""
  const ended = new Promise<string>((resolve) => running.on("close", (code) => resolve(`${output}exit ${code}`)))
  const says = (text: RegExp) =>
    new Promise<RegExpExecArray>((resolve, reject) => {
      const look = () => {
        const found = text.exec(output)
        if (found !== null) resolve(found)
      }
      running.stdout.on("data", (bytes: Buffer) => {
        output += bytes.toString()
        look()
      })
      running.on("close", () => reject(new Error(`the child ended: ${output}`)))
    })
  // Reads in any case, or the child would wait for a reader.
  const said = says(/^ready (.*)$/m)
  said.catch(() => undefined)
  return { ended, said, kill: () => running.kill("SIGKILL") }
}

describe("two processes on one store", () => {
  it.scoped("build one base image, and commit side by side", () =>
    Effect.gen(function*() {
      const path = `${yield* folder}/store`
      const children = [child(path, "commit", "15"), child(path, "commit", "15")]
      const outputs = yield* Effect.promise(() => Promise.all(children.map(({ ended }) => ended)))
      const lines = outputs.flatMap((output) => output.split("\n"))
      expect(lines.filter((line) => line.startsWith("exit"))).toEqual(["exit 0", "exit 0"])

      const store = yield* Store.open({ path })
      const images = yield* store.images.list(page)
      expect(images.filter(({ tag }) => tag === "busybox")).toHaveLength(1)
      expect(new Set(images.map(({ row }) => row.id)).size).toBe(31)
      for (const line of lines.filter((line) => !line.startsWith("exit"))) {
        const [id = "", pid, n] = line.split(" ")
        const layers = yield* store.images.layers(ImageId.make(id))
        expect(readFileSync(`${path}/${layers[1]}/who`, "utf8")).toBe(`${pid} ${n}`)
      }
      expect(readdirSync(`${path}/l`)).toHaveLength(31)
      expect(readdirSync(`${path}/tmp`)).toEqual([])
      expect((yield* store.operations.list(page)).every(({ status, owned }) => status === "SUCCESS" && !owned)).toBe(
        true
      )
    }))

  it.scoped("leave each other's work alone, until one is killed", () =>
    Effect.gen(function*() {
      const path = `${yield* folder}/store`
      const other = child(path, "hold")
      yield* Effect.addFinalizer(() => Effect.sync(other.kill))
      const id = OperationId.make((yield* Effect.promise(() => other.said))[1] ?? "")

      yield* Effect.scoped(Effect.gen(function*() {
        const store = yield* Store.open({ path })
        expect(Option.getOrThrow(yield* store.operations.get(id))).toMatchObject({ status: "EXECUTING", owned: false })
        expect(readdirSync(`${path}/tmp`)).toHaveLength(2)
      }))
      expect(readdirSync(`${path}/tmp`)).toHaveLength(2)
      // As a run leaves it: the kernel's own folder of mode 000, and names that no text can hold.
      mkdirSync(`${path}/tmp/${id}/w/work`)
      mkdirSync(Buffer.concat([Buffer.from(`${path}/tmp/${id}/u/`), Buffer.from([0xff, 0x0a])]))
      writeFileSync(`${path}/tmp/${id}/w/work/x`, "")
      chmodSync(`${path}/tmp/${id}/w/work`, 0)
      // And as a commit leaves it that dies between the rename and the end of its transaction.
      mkdirSync(`${path}/l/2/x`, { recursive: true })

      other.kill()
      yield* Effect.promise(() => other.ended)
      const store = yield* Store.open({ path })
      expect(Option.getOrThrow(yield* store.operations.get(id))).toMatchObject({
        status: "FAILED",
        error: "engine stopped"
      })
      expect(readdirSync(`${path}/tmp`)).toEqual([])
      expect(readdirSync(`${path}/l`)).toEqual(["1"])
    }))
})

const orphaned = (look: (store: Store.Store, id: OperationId) => Effect.Effect<unknown, unknown>, seen: unknown) =>
  Effect.gen(function*() {
    const path = `${yield* folder}/store`
    const store = yield* Store.open({ path })
    const mine = yield* newOperation
    yield* store.operations.create({ id: mine, kind: "instance", status: "EXECUTING" })
    const other = child(path, "hold")
    yield* Effect.addFinalizer(() => Effect.sync(other.kill))
    const id = OperationId.make((yield* Effect.promise(() => other.said))[1] ?? "")
    expect(Option.getOrThrow(yield* store.operations.get(id))).toMatchObject({ status: "EXECUTING", owned: false })
    other.kill()
    yield* Effect.promise(() => other.ended)
    expect(yield* look(store, id)).toEqual(seen)
    const ended = { status: "FAILED", error: "engine stopped", owned: false }
    expect(Option.getOrThrow(yield* store.operations.get(id))).toMatchObject(ended)
    expect(Option.getOrThrow(yield* store.operations.get(mine))).toMatchObject({ status: "EXECUTING", owned: true })
  })

describe("a store that is open when another process is killed sees the other's operation ended", () => {
  it.scoped("when it is read", () =>
    orphaned(
      (store, id) => Effect.map(store.operations.get(id), Option.map(({ status }) => status)),
      Option.some("FAILED")
    ))

  it.scoped("when it is to be cancelled", () =>
    orphaned((store, id) => store.operations.transition(id, ["PENDING", "EXECUTING"], "CANCELLED"), false))

  it.scoped("when it is listed by its state", () =>
    orphaned(
      (store) => store.operations.list({ ...page, status: "FAILED" }).pipe(Effect.map((rows) => rows.length)),
      1
    ))
})

it.scoped("a check of the machine keeps its folder while its process lives", () =>
  Effect.gen(function*() {
    const { path } = yield* emptyStore
    const ended = spawnSync("true").pid
    const mine = `doctor-${process.pid}-0123456789ab`
    mkdirSync(`${path}/tmp/${mine}/u`, { recursive: true })
    mkdirSync(`${path}/tmp/doctor-${ended}-0123456789ab/u`, { recursive: true })
    yield* Effect.scoped(Store.open({ path, images: [] }))
    expect(readdirSync(`${path}/tmp`)).toEqual([mine])
  }))

it.scoped("closing the store ends its operations that go on, and those alone", () =>
  Effect.gen(function*() {
    const path = `${yield* folder}/store`
    const first = yield* Store.open({ path, images: [] })
    const scope = yield* Scope.make()
    const second = yield* Scope.extend(Store.open({ path, images: [] }), scope)
    const [mine, open, done] = [yield* newOperation, yield* newOperation, yield* newOperation]
    yield* first.operations.create({ id: mine, kind: "instance" })
    yield* second.operations.create({ id: open, kind: "instance" })
    yield* second.operations.create({ id: done, kind: "instance", status: "SUCCESS" })
    yield* Scope.close(scope, Exit.void)
    const statuses = (yield* first.operations.list(page)).map(({ error, id, status }) => [id, status, error])
    expect(statuses).toEqual([[done, "SUCCESS", null], [open, "FAILED", "engine stopped"], [mine, "PENDING", null]])
  }))

describe("the folder", () => {
  it.scoped("is private, and never taken from others", () =>
    Effect.gen(function*() {
      const path = yield* folder
      mkdirSync(`${path}/desk`)
      chmodSync(`${path}/desk`, 0o755)
      writeFileSync(`${path}/desk/letter`, "")
      expect(yield* Effect.flip(Store.open({ path: `${path}/desk` }))).toMatchObject({ reason: "StoreUnusable" })
      const error = yield* Effect.flip(Store.open({ path: `${path}/desk/letter` }))
      expect(error.message).toContain("letter")
      yield* Effect.scoped(Store.open({ path: `${path}/desk/a/b`, images: [] }))
      // Or what it says would be brought back from there.
      for (const end of ["-wal", "-shm"]) rmSync(`${path}/desk/a/b/contree.db${end}`, { force: true })
      writeFileSync(`${path}/desk/a/b/contree.db`, "not a database, whatever its name says ".repeat(100))
      expect((yield* Effect.flip(Store.open({ path: `${path}/desk/a/b` }))).message).toMatch(/StoreUnusable/)
    }))

  it.scoped("is not taken where a user's files are, private or not", () =>
    Effect.gen(function*() {
      const path = `${yield* folder}/home`
      const theirs = ["tmp/thesis", "l/music"]
      for (const name of theirs) mkdirSync(`${path}/${name}`, { recursive: true })
      chmodSync(path, 0o700)
      const error = yield* Effect.flip(Store.open({ path, images: [] }))
      expect(error).toMatchObject({ reason: "StoreUnusable" })
      expect(error.message).toContain("not empty and no store")
      expect(readdirSync(path).sort()).toEqual(["l", "tmp"])
      for (const name of theirs) expect(readdirSync(`${path}/${name}`)).toEqual([])
      // What a start leaves that was ended before its database.
      for (const name of theirs) rmSync(`${path}/${name}`, { recursive: true })
      yield* Effect.scoped(Store.open({ path, images: [] }))
      // And in a store: names that the engine does not give.
      for (const name of [...theirs, "tmp/upload-of mine", "l/Notes", "l/0", "tmp/trash-"]) {
        mkdirSync(`${path}/${name}`)
      }
      mkdirSync(`${path}/tmp/trash-${randomUUID()}`)
      mkdirSync(`${path}/l/1`)
      yield* Effect.scoped(Store.open({ path, images: [] }))
      expect(readdirSync(`${path}/tmp`).sort()).toEqual(["thesis", "trash-", "upload-of mine"])
      expect(readdirSync(`${path}/l`).sort()).toEqual(["0", "Notes", "music"])
    }))

  it.scoped("is not touched when it is somebody else's", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const theirs = isRoot ? `${path}/theirs` : "/usr/local"
      if (isRoot) {
        mkdirSync(theirs, { mode: 0o755 })
        chownSync(theirs, 65_534, 65_534)
      }
      const before = statSync(theirs)
      const error = yield* Effect.flip(Store.open({ path: theirs, images: [] }))
      expect(error).toMatchObject({ reason: "StoreUnusable" })
      expect(error.message).toContain(`belongs to uid ${before.uid}`)
      expect(statSync(theirs)).toMatchObject({ mode: before.mode, mtimeMs: before.mtimeMs })
      if (isRoot) expect(readdirSync(theirs)).toEqual([])
    }))

  it.scoped("says so when its tables are newer than the engine, and when an image is unknown", () =>
    Effect.gen(function*() {
      const store = yield* freshStore
      const unknown = yield* Effect.flip(Store.open({ path: store.path, images: ["ubuntu"] }))
      expect(unknown.message).toContain("ubuntu")
      const { default: Libsql } = yield* Effect.promise(() => import("libsql"))
      const handle = new Libsql(`${store.path}/contree.db`)
      handle.exec("PRAGMA user_version = 99")
      handle.close()
      expect((yield* Effect.flip(Store.open({ path: store.path }))).message).toContain("newer version")
    }))

  it.scoped("may be moved while it is closed", () =>
    Effect.gen(function*() {
      const path = yield* folder
      const before = yield* Effect.scoped(
        Effect.flatMap(Store.open({ path: `${path}/one` }), (store) => store.images.list(page))
      )
      renameSync(`${path}/one`, `${path}/two`)
      const store = yield* Store.open({ path: `${path}/two` })
      expect(yield* store.images.list(page)).toEqual(before)
    }))
})

it.scoped(
  "a full disk is told as such, leaves nothing half done, and is over when there is room",
  () =>
    Effect.gen(function*() {
      const path = yield* folder
      const output = yield* childInNamespace(
        childCommand,
        `mount -t tmpfs -o size=3m tmpfs "${path}"`,
        `${path}/store`,
        "full"
      )
      expect(output.trim().split("\n")).toEqual([
        "upload: DiskFull",
        "rows: DiskFull",
        "left: {\"tmp\":[],\"files\":[],\"l\":[]}",
        "with room: 5"
      ])
    }),
  60_000
)
