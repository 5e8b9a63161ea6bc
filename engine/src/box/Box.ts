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
import { mkdir, readFile, stat } from "node:fs/promises"
import * as Doctor from "../doctor/Doctor.js"
import { EngineError } from "../EngineError.js"
import type { BoxError, BoxReport } from "./BoxReport.js"
import type { BoxSpec } from "./BoxSpec.js"
import { mountOptions } from "./Chain.js"
import * as Run from "./Run.js"
import * as Tools from "./Tools.js"
import { validate } from "./Validate.js"

/**
 * A run whose command has started.
 *
 * @since 0.1.0
 * @category models
 */
export interface BoxHandle {
  /** The command's process id in the box. */
  readonly pid: number
  /**
   * Feeds an open standard input, and closes it after these bytes if asked. Waits until the pipe took them all. Fails with
   * `StdinClosed` when the command can read no more.
   */
  readonly writeStdin: (bytes: Uint8Array, close: boolean) => Effect.Effect<void, BoxError>
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
}

const storeError = (store: string, cause: unknown): EngineError =>
  new EngineError({
    reason: "StoreUnusable",
    description: `preparing the store ${store}: ${cause instanceof Error ? cause.message : String(cause)}. ` +
      "Choose a folder that this user owns, on a local file system"
  })

// what mount(2) is told would be read differently with these in a path that is an option
const prepareStore = (store: string): Effect.Effect<void, EngineError> =>
  Effect.tryPromise({
    try: async () => {
      await mkdir(`${store}/mnt`, { recursive: true, mode: 0o700 })
      const { uid } = await stat(store)
      if (uid !== process.getuid?.()) throw new Error(`it belongs to uid ${uid}`)
    },
    catch: (cause) => storeError(store, cause)
  })

// root in a container may be an ordinary user outside: then it writes no `trusted.` xattrs either
const inUserNamespace: Effect.Effect<boolean> = Effect.promise(() =>
  readFile("/proc/self/uid_map", "utf8").then((map) => !/^\s*0\s+0\s+4294967295\s*$/.test(map), () => false)
)

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
}): Effect.Effect<Launcher, EngineError, Scope.Scope> =>
  Effect.gen(function*() {
    const { store } = options
    yield* prepareStore(store)
    yield* Doctor.demand(options)
    const tools = yield* Tools.resolve
    const mode = process.getuid?.() === 0 ? "root" as const : "user" as const
    const userXattr = mode === "user" || (yield* inUserNamespace)
    const optionsOf = (spec: BoxSpec): string => mountOptions(spec, userXattr)
    const check = (spec: BoxSpec): Effect.Effect<void, BoxError> => validate(spec, mode, optionsOf(spec))
    const engine: Run.Engine = { store, mode, tools, mountOptions: optionsOf }
    return {
      mode,
      xattrPrefix: userXattr ? "user.overlay." : "trusted.overlay.",
      validate: check,
      run: (spec, handlers) => Effect.zipRight(check(spec), Run.run(engine, spec, handlers))
    }
  })
