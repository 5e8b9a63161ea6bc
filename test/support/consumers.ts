/** Everything that can be read of a process, and every choice of it: none may wait for another that nobody reads. */
import { Effect, Stream } from "effect"
import type { Errors, Process } from "effect-contree"

const bytesOf = <E>(self: Stream.Stream<Uint8Array, E>): Effect.Effect<number, E> =>
  Stream.runFold(self, 0, (size, bytes) => size + bytes.length)

/** each reads to its end, and says how much there was */
export const consumers = {
  stdout: (process: Process.Process) => bytesOf(process.stdout),
  stderr: (process: Process.Process) => bytesOf(process.stderr),
  output: (process: Process.Process) => bytesOf(Stream.map(process.output, ({ bytes }) => bytes)),
  lines: (process: Process.Process) => Stream.runCount(process.lines),
  events: (process: Process.Process) =>
    Stream.runCount(Stream.filter(process.events, ({ _tag }) => _tag === "stdout" || _tag === "stderr")),
  exit: (process: Process.Process) => Effect.map(process.exitCode, (code) => code ?? -1),
  stdin: (process: Process.Process) =>
    Effect.as(Effect.zipRight(process.write(new Uint8Array(200_000)), process.end), 200_000)
} satisfies Record<string, (process: Process.Process) => Effect.Effect<number, Errors.ContreeError>>

export type Name = keyof typeof consumers

const read = (name: Name, process: Process.Process): Effect.Effect<number, Errors.ContreeError> =>
  consumers[name](process)

const names = Object.keys(consumers) as ReadonlyArray<Name>

/** all 128 of them */
export const subsets: ReadonlyArray<ReadonlyArray<Name>> = Array.from(
  { length: 2 ** names.length },
  (_, bits) => names.filter((_, at) => (bits >> at) & 1)
)

/** What each of them saw, or the tag of what it failed with; all at once. */
export const consume = (
  process: Process.Process,
  chosen: ReadonlyArray<Name>
): Effect.Effect<Partial<Record<Name, number | string>>> =>
  Effect.map(
    Effect.forEach(
      chosen,
      (name) =>
        Effect.map(
          Effect.merge(Effect.mapError(read(name, process), ({ _tag }) => _tag)),
          (seen) => [name, seen] as const
        ),
      { concurrency: "unbounded" }
    ),
    (all) => Object.fromEntries(all)
  )
