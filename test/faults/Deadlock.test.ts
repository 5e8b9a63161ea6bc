import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Command } from "effect-contree"
import { consume, type Name, subsets } from "../support/consumers.js"
import { type FakeOperation, imageOf, makeFake } from "../support/fakeApi.js"

const line = (text: string) => `${text.repeat(15)}\n`

interface Volume {
  readonly pieces: number
  readonly pieceBytes: number
}

/** beyond every buffer on the way, which count in chunks (16) or in some KiB */
const reduced: Volume = { pieces: 40, pieceBytes: 4096 }
/** 10 MiB of each */
const full: Volume = { pieces: 160, pieceBytes: 65_536 }

/** writes while whoever reads reads, then waits for the end of its input, if that is to come, and ends */
const writing = (operation: FakeOperation, volume: Volume, isFed: boolean, isCut: boolean) =>
  Effect.gen(function*() {
    const piece = (text: string) => line(text).repeat(volume.pieceBytes / 16)
    const [out, err] = [piece("o"), piece("e")]
    for (let n = 0; n < volume.pieces; n++) {
      operation.stdout(out)
      yield* Effect.yieldNow()
      operation.stderr(err)
      yield* Effect.yieldNow()
    }
    while (isFed && !operation.input.isClosed) yield* Effect.yieldNow()
    if (isCut) operation.truncate("stdout", 1).truncate("stderr", 1)
    operation.exit(0)
  })

const expected = ({ pieceBytes, pieces }: Volume, isCut: boolean): Record<Name, number | string> => {
  const size = pieces * pieceBytes
  const whole = (n: number) => isCut ? "OutputTruncatedError" : n
  return {
    stdout: whole(size),
    stderr: whole(size),
    output: whole(2 * size),
    lines: whole(size / 16),
    events: 2 * pieces,
    exit: 0,
    stdin: 200_000
  }
}

const only = <A>(all: Record<Name, A>, chosen: ReadonlyArray<Name>) =>
  Object.fromEntries(chosen.map((name) => [name, all[name]]))

const one = (chosen: ReadonlyArray<Name>, volume: Volume, isCut: boolean) =>
  Effect.gen(function*() {
    const fake = makeFake()
    fake.onSpawn = (operation) => void operation.spawned()
    const process = yield* (yield* imageOf(fake)).start(Command.exec("both"))
    const operation = fake.operations[0]!
    const [seen] = yield* Effect.all([
      consume(process, chosen),
      writing(operation, volume, chosen.includes("stdin"), isCut)
    ], { concurrency: "unbounded" })
    expect(seen).toEqual(only(expected(volume, isCut), chosen))
    expect(operation.status).toBe("SUCCESS")
    // whatever was left unread: no connection stays, and what has ended is not cancelled
    expect(operation.open).toBe(0)
    return fake
  }).pipe(Effect.scoped)

/** nobody waits for ever, whatever clock the test has */
const bounded = <A, E, R>(self: Effect.Effect<A, E, R>, chosen: ReadonlyArray<Name>) =>
  Effect.timeoutFail(self, {
    duration: "5 minutes",
    onTimeout: () => new Error(`${JSON.stringify(chosen)} has not come to its end: something waits for somebody unread`)
  })

describe("what is read of a process never waits for what is not", () => {
  for (const isCut of [false, true]) {
    it.live(`every choice of its seven views, while it writes ${isCut ? "more than the server keeps" : "all is kept"}`, () =>
      Effect.gen(function*() {
        expect(subsets.length).toBe(128)
        for (const chosen of subsets) yield* bounded(one(chosen, reduced, isCut), chosen)
      }))
  }

  it.live("with 10 MiB on both streams", () =>
    Effect.forEach(
      [[], ["stdout"], ["stderr", "stdin"], ["output", "exit"], subsets[127]!] satisfies ReadonlyArray<
        ReadonlyArray<Name>
      >,
      (chosen) => bounded(one(chosen, full, false), chosen),
      { discard: true }
    ))
})
