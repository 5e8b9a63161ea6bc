/**
 * An operation of this very process, followed through its log to its end.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { EventLog } from "../run/EventLog.js"
import type { EventLogError } from "../run/EventLogError.js"
import type { EventLine } from "../run/EventLines.js"
import type { OperationRow } from "../store/OperationStore.js"
import type { Store } from "../store/Store.js"
import type { StoreError } from "../store/StoreError.js"

/**
 * @since 0.1.0
 * @category models
 */
export interface End {
  readonly status: string
  readonly error: string | null
  readonly image: string | null
}

const Completion = Schema.parseJson(Schema.Struct({
  data: Schema.Struct({
    status: Schema.String,
    error: Schema.optional(Schema.String),
    result_image_uuid: Schema.optional(Schema.String)
  })
}))

const endOf = (line: EventLine): Option.Option<End> =>
  Option.map(Schema.decodeUnknownOption(Completion)(line.json), ({ data }) => ({
    status: data.status,
    error: data.error ?? null,
    image: data.result_image_uuid ?? null
  }))

const endOfRow = (row: OperationRow): End => ({
  status: row.status,
  error: row.error,
  image: row.resultImageId
})

const lost: End = { status: "FAILED", error: "its end is not known: nothing was written of it", image: null }

/**
 * Tells `onLine` of each event, and then how it ended: by its last event, or by its row where the disk had no room for
 * that.
 *
 * @since 0.1.0
 * @category following
 */
export const toEnd = <E, R>(
  { known, log, store }: {
    readonly store: Store
    readonly log: EventLog
    readonly known: (row: OperationRow) => OperationRow
  },
  id: string,
  onLine: (line: EventLine) => Effect.Effect<void, E, R>
): Effect.Effect<End, E | EventLogError | StoreError, R> =>
  Effect.gen(function*() {
    let end = Option.none<End>()
    yield* log.read(id, { follow: true }).pipe(
      Stream.takeUntil(({ type }) => type === "completion"),
      Stream.runForEach((line) => {
        if (line.type !== "completion") return onLine(line)
        end = endOf(line)
        return Effect.void
      })
    )
    if (Option.isSome(end)) return end.value
    return Option.match(yield* store.operations.get(id), {
      onNone: () => lost,
      onSome: (row) => endOfRow(known(row))
    })
  })
