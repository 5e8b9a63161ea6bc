/**
 * The engine's ends of the pipes of one process: its output, its report, and its input when that stays open.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { BoxError } from "./BoxReport.js"
import type { StdinKind } from "./ChainScript.js"
import { type FifoReader, type FifoWriter, openReader, openWriter } from "./Fifo.js"
import { roomError } from "./Outcome.js"

/** All of them, open. */
export interface Pipes {
  readonly stdout: FifoReader
  readonly stderr: FifoReader
  readonly report: FifoReader
  readonly stdin: FifoWriter | undefined
}

/** Opens those in a folder; all or none. */
export const open = (folder: string, input: StdinKind): Effect.Effect<Pipes, BoxError> =>
  Effect.try({
    try: () => {
      const opened: Array<{ readonly close: () => void }> = []
      const keep = <A extends { readonly close: () => void }>(pipe: A): A => {
        opened.push(pipe)
        return pipe
      }
      try {
        return {
          stdout: keep(openReader(`${folder}/o`)),
          stderr: keep(openReader(`${folder}/e`)),
          report: keep(openReader(`${folder}/r`)),
          stdin: input === "pipe" ? keep(openWriter(`${folder}/i`)) : undefined
        }
      } catch (cause) {
        opened.forEach((pipe) => pipe.close())
        throw cause
      }
    },
    catch: (cause) => roomError("opening the pipes of the run", cause)
  })

/** Closes them all, whoever may still write. */
export const close = (pipes: Pipes): Effect.Effect<void> =>
  Effect.sync(() => {
    pipes.stdout.close()
    pipes.stderr.close()
    pipes.report.close()
    pipes.stdin?.close()
  })

/**
 * Nobody writes any more: what they hold is the rest. A pipe whose last writer died before it had a reader would never
 * hang up by itself.
 */
export const finish = ({ report, stderr, stdout }: Pipes): void => {
  for (const pipe of [stdout, stderr, report]) pipe.finish()
}

/** Text of a pipe up to its end or to a limit; what is over the limit is read and dropped. */
export const readText = (
  pipe: FifoReader,
  limit: number,
  enough: (text: string) => boolean
): Effect.Effect<string> =>
  Effect.gen(function*() {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true })
    let text = ""
    let left = limit
    while (true) {
      const piece = yield* pipe.next
      if (piece === undefined) break
      if (left > 0) text += decoder.decode(piece.subarray(0, left), { stream: true })
      left -= piece.length
      if (enough(text)) break
    }
    return text + decoder.decode()
  })

/** Hands over what comes, one piece at a time, to the end. */
export const pump = (pipe: FifoReader, onPiece: (bytes: Uint8Array) => Effect.Effect<void>): Effect.Effect<void> =>
  Effect.gen(function*() {
    while (true) {
      const piece = yield* pipe.next
      if (piece === undefined) return
      yield* onPiece(piece)
    }
  })

/** Feeds an open standard input; `StdinClosed` when there is none, or nobody who reads it. */
export const writeStdin = (
  stdin: FifoWriter | undefined
): (bytes: Uint8Array, close: boolean) => Effect.Effect<void, BoxError> =>
(bytes, close) =>
  Effect.gen(function*() {
    if (stdin === undefined) {
      return yield* new BoxError({
        reason: "StdinClosed",
        description: "the run was started with its input complete: start it with an open one to write to it"
      })
    }
    if (bytes.length > 0) {
      yield* Effect.mapError(
        stdin.write(bytes),
        (error) => new BoxError({ reason: "StdinClosed", description: `writing to the command: ${error.message}` })
      )
    }
    if (close) yield* stdin.end
  })
