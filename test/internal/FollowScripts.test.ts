import { describe, expect, it } from "@effect/vitest"
import { Cause, Chunk, Clock, Duration, Effect, Exit, FastCheck, Option, Stream } from "effect"
import { Errors, Ids, StreamRepr } from "effect-contree"
import type { Event, Wire } from "effect-contree"
import * as Follow from "../support/follow.js"
import { uuid } from "../support/fakeApi.js"

/**
 * Logs that are handed out in any order, cut anywhere and lost at any time, by scripts that nobody wrote: what is called
 * complete is what was written, byte by byte, and all else is an error that says so.
 */
const id = Ids.OperationId.make(uuid(1))
const streams = ["stdout", "stderr"] as const
type Name = (typeof streams)[number]

/** what stands between two pieces: nothing, an event of nobody's, or output of another process */
type Beside = "nothing" | "network" | "output"
interface Piece {
  readonly stream: Name
  readonly text: string
  readonly beside: Beside
}

interface Connection {
  /** each takes the event at one place to another */
  readonly moves: ReadonlyArray<readonly [number, number]>
  /** after so many events it ends */
  readonly cut: number
  readonly end: "closed" | "broken" | "gone" | "absent"
}

interface Script {
  /** the log of one process, in which the numbers of others are missing */
  readonly isOfOne: boolean
  readonly pieces: ReadonlyArray<Piece>
  /** numbers that this log never has; of what is no output */
  readonly without: "nothing" | "network"
  readonly connections: ReadonlyArray<Connection>
  /** what all further ones are */
  readonly after: "whole" | "gone" | "absent"
  /** so many answers of the status say that it goes on, and have one piece more of its output each */
  readonly answers: number
}

const piece = FastCheck.record<Piece>({
  stream: FastCheck.constantFrom(...streams, "stdout"),
  // few letters: pieces that are alike are the hard ones
  text: FastCheck.string({ unit: FastCheck.constantFrom("a", "b", "é"), maxLength: 3 }),
  beside: FastCheck.constantFrom<Array<Beside>>("nothing", "nothing", "network", "output")
})
const connection = (isInOrder: boolean) =>
  FastCheck.record<Connection>({
    moves: FastCheck.array(FastCheck.tuple(FastCheck.nat(5), FastCheck.nat(5)), { maxLength: isInOrder ? 0 : 2 }),
    cut: FastCheck.nat(8),
    end: FastCheck.constantFrom("closed", "closed", "broken", "gone", "absent")
  })
const scripts = (isInOrder: boolean) =>
  FastCheck.record<Script>({
    isOfOne: FastCheck.boolean(),
    pieces: FastCheck.array(piece, { minLength: 1, maxLength: 6 }),
    without: FastCheck.constantFrom("nothing", "nothing", "network"),
    connections: FastCheck.array(connection(isInOrder), { maxLength: 4 }),
    after: FastCheck.constantFrom("whole", "gone", "absent"),
    answers: FastCheck.nat(6)
  })

const spidOf = ({ isOfOne }: Script): number => isOfOne ? 2 : 1

const logOf = (script: Script): ReadonlyArray<Event.OperationEvent> => {
  const log: Array<Event.OperationEvent> = []
  const emit = (type: string, data: Event.OperationEvent["data"], spid: number) =>
    log.push({ id: log.length, ts: { seconds: 1, nanos: 0 }, type, data, spid })
  const own = spidOf(script)
  emit("spawn", { pid: 1 }, own)
  for (const { beside, stream, text } of script.pieces) {
    if (beside === "network") emit("network", {}, 0)
    if (beside === "output") emit(stream, { value: "another's", encoding: "ascii" }, own + 1)
    emit(stream, { ...StreamRepr.fromBytes(Buffer.from(text)) }, own)
  }
  emit("exit", { code: 0 }, own)
  emit("completion", { status: "SUCCESS" }, 0)
  return log.filter(({ spid, type }) =>
    (!script.isOfOne || spid === own || type === "completion") && (script.without === "nothing" || type !== "network")
  )
}

const written = (pieces: ReadonlyArray<Piece>, name: Name): Buffer =>
  Buffer.from(pieces.flatMap(({ stream, text }) => stream === name ? [text] : []).join(""))

const moved = (events: ReadonlyArray<Event.OperationEvent>, moves: Connection["moves"]) => {
  const out = [...events]
  for (const [from, to] of moves) out.splice(to, 0, ...out.splice(from, 1))
  return out
}

const refused = {
  gone: new Errors.GoneError({ method: "events" }),
  absent: new Errors.BadRequestError({ method: "events" })
}
const isOwnExit = ({ spid, type }: Event.OperationEvent): boolean => spid === 2 && type === "exit"
const transport = new Errors.TransportError({ method: "events" })

const sourceOf = (script: Script): Follow.Source => {
  const log = logOf(script)
  let connections = 0
  let answers = 0
  const operation = Effect.sync((): Wire.Operation => {
    const isOver = answers++ >= script.answers
    const pieces = isOver ? script.pieces : script.pieces.slice(0, answers)
    const result = { stdout: written(pieces, "stdout"), stderr: written(pieces, "stderr") }
    return {
      uuid: id,
      kind: "instance",
      status: isOver ? "SUCCESS" : "EXECUTING",
      metadata: { result: { stdout: StreamRepr.fromBytes(result.stdout), stderr: StreamRepr.fromBytes(result.stderr) } }
    }
  })
  return {
    operationId: id,
    method: "test",
    operation,
    inflight: operation,
    ...(script.isOfOne ? { spid: 2, isLast: isOwnExit } : {}),
    events: ({ lastEventId }) => {
      const { cut, end, moves } = script.connections[connections++] ??
        { moves: [], cut: log.length, end: script.after === "whole" ? "closed" as const : script.after }
      if (end === "gone" || end === "absent") return Stream.fail(refused[end])
      const given = moved(log.filter((event) => event.id > (lastEventId ?? -1)), moves).slice(0, cut)
      return Stream.concat(Stream.fromIterable(given), end === "broken" ? Stream.fail(transport) : Stream.empty)
    }
  }
}

const outputOf = (events: Chunk.Chunk<Event.OperationEvent>, name: Name, spid: number): Buffer =>
  Buffer.concat(
    Chunk.toReadonlyArray(events).filter((e) => e.type === name && e.spid === spid).map((e) =>
      StreamRepr.toBytes(e.data as { readonly value: string; readonly encoding: "ascii" | "base64" })!
    )
  )

/** Whoever sleeps wakes at once, later: nothing here waits for anything else. */
const makeClock = (): Clock.Clock => {
  let millis = 0
  let sleeps = 0
  const nanos = () => BigInt(Math.floor(millis)) * 1_000_000n
  return {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: () => millis,
    currentTimeMillis: Effect.sync(() => millis),
    unsafeCurrentTimeNanos: nanos,
    currentTimeNanos: Effect.sync(nanos),
    sleep: (duration) =>
      Effect.suspend(() => {
        millis += Duration.toMillis(duration)
        return ++sleeps > 200 ? Effect.dieMessage("it does not come to an end") : Effect.void
      })
  }
}

const run = (script: Script) =>
  Effect.suspend(() => Stream.runCollect(Follow.follow(sourceOf(script)))).pipe(Effect.withClock(makeClock()))

const expectExact = (events: Chunk.Chunk<Event.OperationEvent>, script: Script) => {
  for (const name of streams) {
    expect(outputOf(events, name, spidOf(script)).toString()).toBe(written(script.pieces, name).toString())
  }
  const all = Chunk.toReadonlyArray(events)
  const ids = all.map((event) => event.id)
  expect(ids).toEqual([...new Set(ids)].sort((a, b) => a - b))
  expect(["completion", ...(script.isOfOne ? ["exit"] : [])]).toContain(all.at(-1)!.type)
}

describe("however a log comes", () => {
  it.effect.prop(
    "in whatever order, cut and lost wherever: it is exact, or it fails",
    { script: scripts(false) },
    ({ script }) =>
      Effect.gen(function*() {
        const exit = yield* Effect.exit(run(script))
        if (Exit.isSuccess(exit)) return expectExact(exit.value, script)
        expect(Option.getOrThrow(Cause.failureOption(exit.cause))).toBeInstanceOf(Errors.EventStreamError)
      }),
    { fastCheck: { numRuns: 200 } }
  )

  it.effect.prop(
    "in order, cut and lost wherever: it is exact",
    { script: scripts(true) },
    ({ script }) => Effect.map(run(script), (events) => expectExact(events, script)),
    { fastCheck: { numRuns: 100 } }
  )
})
