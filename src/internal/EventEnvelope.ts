/** The envelope of an event, as its schema has it, at a tenth of the schema's price: each line of output comes in one. */
import * as Either from "effect/Either"
import type { ParseError } from "effect/ParseResult"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import { OperationEvent } from "../schemas/Event.js"
import * as Timestamp from "../schemas/Timestamp.js"

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0

/** What is as it should be; of the rest the schema says what is wrong with it. */
const plain = (json: unknown): OperationEvent | undefined => {
  if (!Predicate.isRecord(json)) return undefined
  const { data, id, spid, ts, type } = json
  if (!isCount(id) || typeof type !== "string" || typeof ts !== "string" || !Predicate.isRecord(data)) return undefined
  const at = Timestamp.parse(ts)
  if (at === undefined) return undefined
  if (isCount(spid) || spid === null) return { id, ts: at, type, data, spid }
  return "spid" in json ? undefined : { id, ts: at, type, data }
}

const bySchema = Schema.decodeUnknownEither(OperationEvent)

export const decode = (json: unknown): Either.Either<OperationEvent, ParseError> => {
  const event = plain(json)
  return event === undefined ? bySchema(json) : Either.right(event)
}
