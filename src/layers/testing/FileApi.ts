/**
 * The double's answers about uploaded files. Protocol: section 2.2.
 *
 * @since 0.1.0
 */
import * as Chunk from "effect/Chunk"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { concat } from "../../internal/Bytes.js"
import type * as Wire from "../../schemas/Wire.js"
import type { Service } from "../../services/ContreeApi.js"
import { notFound } from "./Answers.js"
import * as Moment from "./Moment.js"
import { sha256 } from "./Sha256.js"
import type { Upload, World } from "./World.js"

type Methods = "listFiles" | "uploadFile" | "getFile" | "checkFile"

const toUploaded = ({ bytes, id, sha256 }: Upload): Wire.UploadedFile => ({ uuid: id, sha256, size: bytes.length })

const toWire = (upload: Upload): Wire.File => ({
  ...toUploaded(upload),
  created_at: Moment.fromMillis(upload.createdAt),
  updated_at: Moment.fromMillis(upload.updatedAt)
})

/** the same bytes are the same file, kept once */
const keep = (world: World, content: Uint8Array): Effect.Effect<Wire.UploadedFile> =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    const bytes = new Uint8Array(content)
    const digest = sha256(bytes)
    const upload = world.uploads.get(digest) ??
      { id: world.serial.file(), sha256: digest, bytes, createdAt: now, updatedAt: now }
    upload.updatedAt = now
    world.uploads.set(digest, upload)
    return toUploaded(upload)
  })

/** @internal */
export const make = (current: () => World): Pick<Service, Methods> => ({
  listFiles: (query) =>
    Effect.suspend(() =>
      Effect.map(
        Moment.page("listFiles", [...current().uploads.values()], query, ({ createdAt }) => createdAt),
        (page) => page.map(toWire)
      )
    ),

  uploadFile: <E = never, R = never>(content: Uint8Array | Stream.Stream<Uint8Array, E, R>) => {
    const bytes: Effect.Effect<Uint8Array, E, R> = content instanceof Uint8Array
      ? Effect.succeed(content)
      : Effect.map(Stream.runCollect(content), (pieces) => concat(Chunk.toReadonlyArray(pieces)))
    return Effect.flatMap(bytes, (all) => keep(current(), all))
  },

  getFile: (digest) =>
    Effect.suspend(() => {
      const upload = current().uploads.get(digest)
      return upload === undefined ? notFound("getFile", `file not found: ${digest}`) : Effect.succeed(toWire(upload))
    }),

  checkFile: (digest) => Effect.sync(() => current().uploads.has(digest))
})
