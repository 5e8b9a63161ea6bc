/**
 * Boxes: everything between "here are layer folders and a command" and "here is the exit report".
 *
 * A box is a process tree in namespaces of its own over an overlay of the image. It keeps an honest command from the rest
 * of the machine. It is not a boundary for hostile code: the kernel is shared.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { needsUserXattr } from "../doctor/Attempts.js"
import * as Doctor from "../doctor/Doctor.js"
import type { EngineError } from "../EngineError.js"
import type { BoxError, BoxReport } from "./BoxReport.js"
import type { BoxSpec, CommandSpec } from "./BoxSpec.js"
import { mountOptions } from "./Chain.js"
import * as Cgroups from "./Cgroups.js"
import * as Chains from "./Chains.js"
import * as Run from "./Run.js"
import * as Starter from "./Starter.js"
import { validate } from "./Validate.js"
import * as View from "./View.js"

/**
 * A process that has started.
 *
 * @since 0.1.0
 * @category models
 */
export interface ProcessHandle {
  /** Its process id in the box. */
  readonly pid: number
  /**
   * Feeds an open standard input, and closes it after these bytes if asked. Waits until the pipe took them all. Fails with
   * `StdinClosed` when the command can read no more.
   */
  readonly writeStdin: (bytes: Uint8Array, close: boolean) => Effect.Effect<void, BoxError>
  /** Sends a signal, by its number, to the process and its whole group. `NotRunning` when it is over. */
  readonly signal: (signal: number) => Effect.Effect<void, BoxError>
}

/**
 * A run whose command has started.
 *
 * @since 0.1.0
 * @category models
 */
export interface BoxHandle extends ProcessHandle {
  /**
   * Runs another process in the same box: same files, processes and network, and gone with it. Done when it is over and
   * nobody holds its output, which `onExit` tells before. `NotRunning` when the box is gone.
   */
  readonly exec: (spec: CommandSpec, handlers: SubprocessHandlers) => Effect.Effect<void, BoxError>
  /** Refuses what can be refused of another process: `InvalidSpec` or `UnsupportedUser`. */
  readonly validate: (spec: CommandSpec) => Effect.Effect<void, BoxError>
}

/**
 * What a process beside the main one tells. `onSpawn` is done before the first `onOutput`, and all of its own output comes
 * before `onExit`; what others write into its streams afterwards is read and dropped. A process that was killed with its
 * box has signal 9 and `killedFromOutside`.
 *
 * @since 0.1.0
 * @category models
 */
export interface SubprocessHandlers {
  readonly onSpawn: (handle: ProcessHandle) => Effect.Effect<void>
  readonly onOutput: (stream: "stdout" | "stderr", bytes: Uint8Array) => Effect.Effect<void>
  readonly onExit: (report: BoxReport) => Effect.Effect<void>
}

/**
 * What a run tells while it goes on. Until an effect of these is done nothing more is read of that stream, so a command
 * that writes faster than its reader waits. `onSpawn` is done before the first `onOutput`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Handlers {
  readonly onSpawn: (handle: BoxHandle) => Effect.Effect<void>
  readonly onOutput: (stream: "stdout" | "stderr", bytes: Uint8Array) => Effect.Effect<void>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Launcher {
  readonly mode: "root" | "user"
  /** Where overlayfs keeps its marks in an upper of this engine: `trusted.` needs real root. */
  readonly xattrPrefix: "trusted.overlay." | "user.overlay."
  /**
   * Runs a command to its end, and to the end of every process it left behind: afterwards nobody can change the upper.
   * Interruption kills all of them, and is done when they are dead. A command that is not found, cannot be executed or
   * fails is a report with its exit code; a `BoxError` means that there was no run.
   */
  readonly run: (spec: BoxSpec, handlers: Handlers) => Effect.Effect<BoxReport, BoxError>
  /** Refuses what can be refused before anything is done: `InvalidSpec` or `UnsupportedUser`. */
  readonly validate: (spec: BoxSpec) => Effect.Effect<void, BoxError>
  /**
   * Runs a program of the engine's own on a read-only view of an image. `onOutput` gets what it writes and says when that
   * is enough. Interruption kills it.
   */
  readonly view: (
    spec: View.ViewSpec,
    onOutput: (bytes: Uint8Array) => boolean
  ) => Effect.Effect<View.ViewEnd, BoxError>
}

/**
 * Looks at the machine once and returns what starts boxes on it: finds the tools over PATH, decides between root and
 * user mode, and tries what a box needs. Fails with what is missing and what to type.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: {
  /** Absolute path of the store, a folder of mode 0700 on a local file system. */
  readonly store: string
  /** Of each box, where a cgroup can bound it. Default three quarters of what there is. */
  readonly maxMemoryBytes?: number | undefined
}): Effect.Effect<Launcher, EngineError, Scope.Scope> =>
  Effect.gen(function*() {
    const { store } = options
    const tools = yield* Doctor.demand(options)
    const mode = process.getuid?.() === 0 ? "root" as const : "user" as const
    const userXattr = yield* needsUserXattr(mode)
    const optionsOf = (spec: BoxSpec): string => mountOptions(spec, userXattr)
    const check = (spec: BoxSpec): Effect.Effect<void, BoxError> => validate(spec, mode, optionsOf(spec))
    const cgroups = yield* Cgroups.find(mode, {
      processes: Cgroups.maxProcesses,
      memoryBytes: options.maxMemoryBytes ?? Cgroups.defaultMemoryBytes()
    })
    const starter = yield* Starter.make(tools)
    const chains = yield* Chains.make({ store, mode, tools, cgroups, starter })
    const engine: Run.Engine = { store, mode, tools, chains, mountOptions: optionsOf }
    return {
      mode,
      xattrPrefix: userXattr ? "user.overlay." : "trusted.overlay.",
      validate: check,
      view: (spec, onOutput) => View.run({ store, mode, tools, userXattr }, spec, onOutput),
      run: (spec, handlers) => Effect.zipRight(check(spec), Run.run(engine, spec, handlers))
    }
  })
