/**
 * The images that every store starts with, built from what the host has: no network, a few milliseconds.
 *
 * @since 0.1.0
 */
import type { ImageId } from "effect-contree/Ids"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { createHash, randomUUID } from "node:crypto"
import { readFileSync } from "node:fs"
import * as Tools from "../box/Tools.js"
import { EngineError } from "../EngineError.js"
import * as Columns from "../store/Columns.js"
import * as Commit from "../store/Commit.js"
import * as ContentId from "../store/ContentId.js"
import type { Connection, Database } from "../store/Database.js"
import * as HostCommand from "../store/HostCommand.js"
import * as ImageRows from "../store/ImageRows.js"
import type { Scratch } from "../store/Scratch.js"
import type { StoreError } from "../store/StoreError.js"
import { fromCause } from "../store/StoreError.js"
import * as TagRows from "../store/TagRows.js"
import * as BusyboxTree from "./BusyboxTree.js"

/**
 * A busybox and what a small system has around it; also known as `busybox:latest`.
 *
 * @since 0.1.0
 * @category constants
 */
export const busybox = "busybox"

const latest = `${busybox}:latest`

interface Parts {
  readonly path: string
  readonly database: Database
  readonly scratch: Scratch
}

const idOf = (program: Uint8Array): ImageId =>
  ContentId.make(createHash("sha256").update(BusyboxTree.recipe).update("\0").update(program))

/**
 * A tag that somebody gave to another image stays there; one that is missing, leads to no image, or is still at the last
 * build, is ours.
 */
const claim = (connection: Connection, tag: string, image: ImageId): void => {
  const last = connection.first("SELECT image FROM base WHERE name = ?", [tag])
  const holder = connection.first("SELECT image.id FROM tag JOIN image ON image.id = tag.image WHERE name = ?", [tag])
  if (holder === undefined || last?.["image"] === holder["id"]) {
    TagRows.set(connection, image, tag)
  }
  connection.run(
    "INSERT INTO base (name, image) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET image = excluded.image",
    [tag, image]
  )
}

const claimAll = (parts: Parts, image: ImageId): Effect.Effect<boolean, StoreError> =>
  parts.database.write("tagging the base image", (connection) => {
    if (!ImageRows.isWhole(connection, parts.path, image)) return false
    claim(connection, busybox, image)
    claim(connection, latest, image)
    return true
  })

const build = (parts: Parts, program: string, image: ImageId): Effect.Effect<void, StoreError> =>
  Effect.gen(function*() {
    const { stdout } = yield* HostCommand.succeed([program, "--list-full"], { cwd: "/" })
    const name = `base-${randomUUID()}`
    const folder = yield* parts.scratch.reserve(name)
    yield* Effect.try({
      try: () => BusyboxTree.write(folder, program, stdout.toString("latin1").split("\n")),
      catch: fromCause("building the image busybox")
    })
    const now = yield* Columns.now
    yield* Effect.uninterruptible(Commit.commit(parts.path, parts.database, {
      id: image,
      operationId: null,
      parent: null,
      upper: `tmp/${name}`,
      tag: Option.none(),
      env: {},
      finish: () => undefined
    }, now))
  }).pipe(Effect.scoped)

const hasTag = (parts: Parts, tag: string): Effect.Effect<boolean, StoreError> =>
  parts.database.read(
    `reading the tag ${tag}`,
    (connection) => connection.first("SELECT 1 AS found FROM tag WHERE name = ?", [tag]) !== undefined
  )

const ensureBusybox = (parts: Parts): Effect.Effect<void, EngineError | StoreError> =>
  Effect.gen(function*() {
    const program = yield* Tools.find.busybox
    const bytes = yield* Effect.try({ try: () => readFileSync(program), catch: fromCause(`reading ${program}`) })
    const image = idOf(bytes)
    if (yield* claimAll(parts, image)) return
    yield* build(parts, program, image)
    yield* claimAll(parts, image)
  }).pipe(
    // What was built from a busybox that is gone from the host still runs.
    Effect.catchTag("EngineError", (error) =>
      Effect.flatMap(hasTag(parts, busybox), (has) => has ? Effect.void : Effect.fail(error)))
  )

const unknown = (name: string): EngineError =>
  new EngineError({
    reason: "StoreUnusable",
    description:
      `there is no image ${name} in the store, and it is no base image: the engine builds ${busybox} itself; ` +
      "import any other one first"
  })

/**
 * Sees to it that the store has these images. `busybox` is built anew, and its tags moved, only when the host's busybox
 * has changed; any other name must be there already. Fails with `MissingTool` and what to type when there is no static
 * busybox on the host.
 *
 * @since 0.1.0
 * @category constructors
 */
export const ensure = (
  parts: Parts,
  names: ReadonlyArray<string>
): Effect.Effect<void, EngineError | StoreError> =>
  Effect.forEach(names, (name) =>
    name === busybox || name === latest
      ? ensureBusybox(parts)
      : Effect.flatMap(hasTag(parts, name), (has) => has ? Effect.void : Effect.fail(unknown(name))), { discard: true })
