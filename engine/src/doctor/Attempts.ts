/**
 * Real tries: a list of features says less than one box that ran.
 *
 * @since 0.1.0
 */
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { randomBytes } from "node:crypto"
import { readFile, rm } from "node:fs/promises"
import type { BoxSpec } from "../box/BoxSpec.js"
import { type Mode, mountOptions, namespaces } from "../box/Chain.js"
import * as Chains from "../box/Chains.js"
import * as Run from "../box/Run.js"
import { shimBusybox } from "../box/Shim.js"
import * as Spawned from "../box/Spawned.js"
import { probe, type Tools } from "../box/Tools.js"
import { makeFolders } from "../Folders.js"

/** The first line that says something. */
export const firstLine = (text: string): string => text.split("\n").find((line) => line.trim() !== "")?.trim() ?? ""

/** Runs a shell script in the namespaces of a chain. */
export const inNamespaces = (
  mode: Mode,
  tools: Tools,
  script: string,
  cwd?: string
): Effect.Effect<{ readonly code: number; readonly output: string }> => {
  const [file = "", ...args] = namespaces(mode, tools)
  return probe(file, [...args, tools.busybox, "sh", "-c", script], { cwd })
}

/** What is wrong with namespaces here, `undefined` when nothing is. */
export const tryNamespaces = (mode: Mode, tools: Tools): Effect.Effect<string | undefined> =>
  Effect.map(
    inNamespaces(mode, tools, "[ $$ = 1 ]"),
    ({ code, output }) =>
      code === 0 ? undefined : `a namespace was refused: ${firstLine(output) || `exit code ${code}`}`
  )

/** Root without the power of root outside writes `user.` xattrs, as an ordinary user does. */
export const needsUserXattr = (mode: Mode): Effect.Effect<boolean> =>
  mode === "user"
    ? Effect.succeed(true)
    : Effect.promise(() =>
      readFile("/proc/self/uid_map", "utf8").then((map) => !/^\s*0\s+0\s+4294967295\s*$/.test(map), () => false)
    )

/** What could not even be tried, in the system's words. */
export class AttemptError extends Data.TaggedError("AttemptError")<{ readonly message: string }> {}

/** From whatever Node throws. */
export const attemptError = (cause: unknown): AttemptError =>
  new AttemptError({ message: cause instanceof Error ? cause.message : String(cause) })

/**
 * A folder in the store for the time of `use`. A workdir holds a folder that only root of its namespace may enter, so an
 * ordinary user removes it from within one.
 */
export const withScratch = <A, E>(
  store: string,
  mode: Mode,
  tools: Tools,
  use: (relative: string) => Effect.Effect<A, E>
): Effect.Effect<A, AttemptError | E> =>
  Effect.acquireUseRelease(
    Effect.tryPromise({
      try: async () => {
        const relative = `tmp/doctor-${process.pid}-${randomBytes(6).toString("hex")}`
        makeFolders(`${store}/mnt`, 0o700)
        for (const name of ["u", "w", "l", "l/proc", "l/dev", "l/sys"]) {
          makeFolders(`${store}/${relative}/${name}`, 0o755)
        }
        return relative
      },
      catch: attemptError
    }),
    use,
    (relative) =>
      Effect.zipRight(
        mode === "user"
          ? probe(tools.unshare, ["-U", "-r", tools.busybox, "rm", "-rf", `${store}/${relative}`])
          : Effect.promise(() => rm(`${store}/${relative}`, { recursive: true, force: true }).catch(() => {})),
        Effect.void
      )
  )

/** Starts a real box with an image that has nothing in it, and runs a command of the host's busybox. */
export const tryBox = (
  store: string,
  mode: Mode,
  tools: Tools
): Effect.Effect<
  { readonly _tag: "ran"; readonly millis: number } | { readonly _tag: "refused"; readonly complaint: string }
> =>
  withScratch(store, mode, tools, (folder) =>
    Effect.gen(function*() {
      const userXattr = yield* needsUserXattr(mode)
      const engine: Run.Engine = {
        store,
        mode,
        tools,
        chains: Chains.oneByOne({ store, mode, tools, cgroups: [], starter: Spawned }),
        mountOptions: (spec) => mountOptions(spec, userXattr)
      }
      const started = performance.now()
      const silent = { onSpawn: () => Effect.void, onOutput: () => Effect.void }
      const report = yield* Run.run(engine, trial(folder), silent)
      return report.code === 0
        ? { _tag: "ran" as const, millis: Math.round(performance.now() - started) }
        : { _tag: "refused" as const, complaint: `a trial command ended with exit code ${report.code}` }
    })).pipe(
      Effect.exit,
      Effect.map((exit) =>
        Exit.match(exit, {
          onSuccess: (result) => result,
          onFailure: (cause) => ({
            _tag: "refused" as const,
            complaint: cause._tag === "Fail" ? cause.error.message : "the trial was interrupted"
          })
        })
      )
    )

const trial = (folder: string): BoxSpec => ({
  operationId: folder.slice("tmp/".length),
  layers: [`${folder}/l`],
  upper: `${folder}/u`,
  work: `${folder}/w`,
  command: shimBusybox,
  args: ["true"],
  shell: false,
  env: {},
  cwd: "",
  uid: 0,
  gid: 0,
  hostname: "doctor",
  stdin: new Uint8Array(0),
  files: [],
  timeoutSeconds: 20,
  network: "none",
  maxLayerBytes: 1_000_000_000
})
