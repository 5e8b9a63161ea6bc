/**
 * All imports of one engine: who may begin, who is going on, and how they end. Protocol: sections 2.1, 3.2 and 3.8.
 *
 * @since 0.1.0
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Import from "../oci/Import.js"
import type { OperationFields, OperationRow } from "../store/OperationStore.js"
import { StoreError, withoutPaths } from "../store/StoreError.js"
import * as Crew from "./Crew.js"
import * as Ending from "./Ending.js"
import type { EventLog } from "./EventLog.js"
import type { EventLogError } from "./EventLogError.js"
import type { ImportRequest } from "./ImportRequest.js"
import type { Refusal } from "./Refusal.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface Importer {
  /** Begins an import, or refuses it with nothing begun. Once begun it goes on whatever becomes of the caller. */
  readonly begin: (request: ImportRequest) => Effect.Effect<void, Refusal | StoreError | EventLogError>
  /** Asks for the end of an import. False: none of this id goes on here. 409: it is being kept already. */
  readonly cancel: (id: string) => Effect.Effect<boolean, Refusal>
  /** A row as it is known here: see `Runner.known`. */
  readonly known: (row: OperationRow) => OperationRow
  /** Imports that have begun and not ended. */
  readonly running: Effect.Effect<number>
  /** Ends every import and waits for it; begins no more. */
  readonly close: Effect.Effect<void>
}

interface Entry extends Crew.Entry {
  readonly request: ImportRequest
  readonly progress: Import.Progress
}

/**
 * Imports at once; one more is refused with 429.
 *
 * @since 0.1.0
 * @category defaults
 */
export const concurrency = 8

const tellEvery = Duration.millis(250)

/** The state of the import, when it is a new one. */
const telling = (entry: Entry): Effect.Effect<void> => {
  let last = ""
  return Effect.suspend(() => {
    const { bytes, layers, phase, totalBytes, totalLayers } = entry.progress
    const data = { phase, bytes, total_bytes: totalBytes, layers, total_layers: totalLayers }
    const text = JSON.stringify(data)
    if (text === last) return Effect.void
    last = text
    return Ending.tell(entry, "import_progress", data)
  })
}

const tooLong = ({ progress, request }: Entry): Cause.TimeoutException => {
  const trouble = progress.trouble === undefined ? "" : `; the last that went wrong: ${progress.trouble}`
  return new Cause.TimeoutException(`the import took longer than its ${request.timeoutSeconds} seconds${trouble}`)
}

const fetch = (machine: Import.Machine, entry: Entry) =>
  Effect.gen(function*() {
    const { request } = entry
    const tell = telling(entry)
    yield* machine.store.operations.transition(request.operationId, ["PENDING"], "EXECUTING")
    return yield* Import.make(machine, request, entry.progress).pipe(
      Effect.raceFirst(Effect.zipRight(Effect.repeat(tell, Schedule.spaced(tellEvery)), Effect.never)),
      Effect.timeoutFail({ duration: Duration.seconds(request.timeoutSeconds), onTimeout: () => tooLong(entry) }),
      // how far it came, whatever came of it
      Effect.ensuring(tell)
    )
  })

/** The image and the end of its operation appear together, or neither does. */
const keep = (
  { store }: Import.Machine,
  { request }: Entry,
  imported: Import.Imported,
  fields: OperationFields
): Effect.Effect<Ending.End, StoreError> =>
  Effect.suspend(() => {
    let end: Ending.End | undefined
    const ending: Parameters<typeof store.images.reuse>[1] = {
      tag: request.tag,
      finish: (image, sizeBytes, tx) => {
        end = { status: "SUCCESS", error: null, resultImageId: image, imageSize: sizeBytes }
        const done = tx.transition(request.operationId, Ending.active, "SUCCESS", {
          ...fields,
          imageSize: sizeBytes,
          resultImageId: image,
          result: JSON.stringify({ image, tag: Option.getOrNull(request.tag) })
        })
        if (!done) throw new Error("the operation has ended before")
      }
    }
    const { cwd, env, image, upper } = imported
    const kept: Effect.Effect<unknown, StoreError> = Option.match(upper, {
      onNone: () => store.images.reuse(image, ending),
      onSome: (upper) =>
        store.images.commit({ ...ending, id: image, operationId: request.operationId, parent: null, upper, env, cwd })
    })
    // only an image that went away while it was being asked for again
    return Effect.map(kept, () => end ?? lost)
  })

const lost: Ending.End = {
  status: "FAILED",
  error: "the image was removed from the store while it was imported again: import it once more",
  resultImageId: null,
  imageSize: null
}

const errorOf = (cause: Cause.Cause<{ readonly message: string }>, store: string): string =>
  Option.match(Cause.failureOption(cause), {
    onNone: () => `the import broke: ${Cause.squash(cause) instanceof Error ? String(Cause.squash(cause)) : "unknown"}`,
    // what the store says may name folders of the host, which whoever reads this has no business with
    onSome: (error) => error instanceof StoreError ? withoutPaths(error.message, store) : error.message
  })

const finish = (
  machine: Import.Machine & Ending.Machine,
  entry: Entry,
  exit: Exit.Exit<Import.Imported, { readonly message: string }>,
  duration: number,
  release: Effect.Effect<void>
): Effect.Effect<Ending.End> =>
  Effect.gen(function*() {
    const fields: OperationFields = { duration }
    const close = (status: "FAILED" | "CANCELLED", error: string | null) =>
      Effect.zipRight(release, Ending.close(machine, entry, status, error, fields))
    if (entry.stopped === "cancelled") return yield* close("CANCELLED", null)
    if (entry.stopped === "engine stopped") return yield* close("FAILED", "engine stopped")
    if (Exit.isFailure(exit)) return yield* close("FAILED", errorOf(exit.cause, machine.store.path))
    const end = yield* Effect.catchAll(
      keep(machine, entry, exit.value, fields),
      (error) => close("FAILED", `the image could not be kept: ${withoutPaths(error.message, machine.store.path)}`)
    )
    return end === lost ? yield* close("FAILED", lost.error) : end
  })

/** One import from its row to its last event. */
const run = (machine: Import.Machine & Ending.Machine, entry: Entry): Effect.Effect<void> =>
  Effect.gen(function*() {
    const started = yield* Clock.currentTimeMillis
    const workspace = yield* Scope.make()
    const release = Scope.close(workspace, Exit.void)
    yield* Effect.gen(function*() {
      const exit = yield* Effect.exit(Effect.interruptible(Scope.extend(fetch(machine, entry), workspace)))
      entry.finishing = true
      const durationMs = (yield* Clock.currentTimeMillis) - started
      const end = yield* finish(machine, entry, exit, durationMs / 1000, release)
      if (entry.unwritten === undefined) yield* Ending.complete(entry, { ...end, durationMs })
    }).pipe(Effect.ensuring(release))
  })

/**
 * Closing the scope closes the importer.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Import.Machine & { readonly log: EventLog }
): Effect.Effect<Importer, never, Scope.Scope> =>
  Effect.gen(function*() {
    const crew = yield* Crew.make<Entry>({ ...options, what: "imports", concurrency })
    const machine = { ...options, pause: crew.pause }
    const start = (request: ImportRequest): Effect.Effect<void, StoreError | EventLogError> =>
      crew.begin(
        { id: request.operationId, kind: "image_import", metadata: JSON.stringify(request.echo) },
        (bare) => ({ ...bare, request, progress: Import.noProgress() }),
        (entry) => run(machine, entry)
      )
    return {
      begin: (request) =>
        Effect.uninterruptible(Effect.zipRight(crew.admit, Effect.onError(start(request), () => crew.leave))),
      cancel: crew.cancel,
      known: crew.known,
      running: crew.running,
      close: crew.close
    }
  })
