/**
 * Can this machine run boxes, and what is to be typed when it cannot? Everything that can be tried is tried.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { readFileSync } from "node:fs"
import { release } from "node:os"
import type { Mode } from "../box/Chain.js"
import * as Cgroups from "../box/Cgroups.js"
import * as Tools from "../box/Tools.js"
import * as Text from "../cli/Text.js"
import { EngineError } from "../EngineError.js"
import { makeFolders } from "../Folders.js"
import { attemptError, firstLine, tryBox, tryNamespaces } from "./Attempts.js"
import { checkStore, refuseStore, unwritable, withProbe } from "./StoreCheck.js"

/**
 * One thing that was looked at.
 *
 * @since 0.1.0
 * @category models
 */
export interface Check {
  readonly name: string
  /** `warning`: boxes run, but something is weaker than it could be. */
  readonly status: "ok" | "warning" | "failed"
  /** What was found. */
  readonly detail: string
  /** What to type or do, when it is not ok. */
  readonly fix: string | undefined
}

const ok = (name: string, detail: string): Check => ({ name, status: "ok", detail, fix: undefined })
const failed = (name: string, detail: string, fix: string): Check => ({ name, status: "failed", detail, fix })

const currentMode = (): Mode => process.getuid?.() === 0 ? "root" : "user"

const platform = (): Check =>
  process.platform === "linux"
    ? ok("platform", `Linux ${release()}, Node ${process.versions.node}`)
    : failed(
      "platform",
      `this is ${process.platform}; boxes are made of Linux namespaces`,
      "run it in a Linux machine (a VM, WSL 2, a CI runner), or use the hosted service"
    )

const user = (mode: Mode): Check =>
  mode === "root"
    ? ok("user", "root: real users and groups in a box")
    : ok("user", `uid ${process.getuid?.() ?? "?"}: user namespaces; uid 0 is the only user of a box`)

const toolChecks = Effect.gen(function*() {
  const one = (
    name: string,
    find: Effect.Effect<string, EngineError>,
    version: ReadonlyArray<string>
  ): Effect.Effect<Check> =>
    find.pipe(
      Effect.flatMap((path) =>
        Effect.map(Tools.probe(path, version), ({ output }) => ok(name, `${path}: ${firstLine(output)}`))
      ),
      Effect.catchAll((error) => Effect.succeed(failed(name, ...splitHint(error.description, name))))
    )
  return yield* Effect.all([
    one("bubblewrap", Tools.find.bwrap, ["--version"]),
    one("unshare", Tools.find.unshare, ["--version"]),
    one("setpriv", Tools.find.setpriv, ["--version"]),
    one("nsenter", Tools.find.nsenter, ["--version"]),
    one("busybox", Tools.find.busybox, ["--help"])
  ], { concurrency: "unbounded" })
})

const toolOf: Record<string, string> = { bubblewrap: "bwrap" }

const splitHint = (description: string, name: string): readonly [string, string] => [
  description.replace(/\. Install it:.*$/s, ""),
  Tools.installHint(toolOf[name] ?? name)
]

const sysctl = (path: string): string | undefined => {
  try {
    return readFileSync(`/proc/sys/${path}`, "utf8").trim()
  } catch {
    return undefined
  }
}

/** Why namespaces are refused, as far as the machine says, and what to type. */
const namespaceFix = (mode: Mode): string => {
  if (mode === "root") {
    return "in a container: start it with `--cap-add SYS_ADMIN --security-opt seccomp=unconfined " +
      "--security-opt apparmor=unconfined` (docker run), or run the engine on the host"
  }
  if (sysctl("kernel/apparmor_restrict_unprivileged_userns") === "1") {
    return "AppArmor restricts them: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
  }
  if (sysctl("kernel/unprivileged_userns_clone") === "0") return "sudo sysctl -w kernel.unprivileged_userns_clone=1"
  if (sysctl("user/max_user_namespaces") === "0") return "sudo sysctl -w user.max_user_namespaces=15000"
  return "in a container: docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined " +
    "--security-opt systempaths=unconfined; else start the engine as root"
}

const namespaces = (mode: Mode, tools: Tools.Tools): Effect.Effect<Check> =>
  Effect.map(tryNamespaces(mode, tools), (complaint) =>
    complaint === undefined
      ? ok("namespaces", mode === "root" ? "mount and pid namespaces work" : "user, mount and pid namespaces work")
      : failed("namespaces", complaint, namespaceFix(mode)))

const processLimit = (mode: Mode, isBounded: boolean): Check =>
  isBounded
    ? ok("process limit", `${Cgroups.maxProcesses} processes a box, by a cgroup`)
    : {
      name: "process limit",
      status: "warning",
      detail: mode === "user"
        ? "none: cgroups are root's, so a fork bomb in a box is bounded by your own limit of processes only"
        : "none: no pids cgroup can be made here, so nothing bounds a fork bomb in a box",
      fix: mode === "user"
        ? "run commands that you trust, or start the engine under a limit: systemd-run --user --scope -p TasksMax=4096 ..."
        : "in a container: docker run --pids-limit 4096 bounds all boxes together"
    }

const memoryLimit = (mode: Mode, isBounded: boolean, memoryBytes: number): Check =>
  isBounded
    ? ok("memory limit", `${Text.bytes(memoryBytes)} a box, by a cgroup (the option maxMemoryBytes)`)
    : {
      name: "memory limit",
      status: "warning",
      detail: mode === "user"
        ? "none: cgroups are root's, so a command in a box can take all memory of this machine"
        : "none: no memory cgroup can be made here, so a command in a box can take all memory of this machine",
      fix: mode === "user"
        ? "run commands that you trust, or start the engine under a limit: systemd-run --user --scope -p MemoryMax=8G ..."
        : "in a container: docker run --memory 8g bounds all boxes together"
    }

/** What bounds a box here beside its time, its output and its disk. */
const limits = (mode: Mode): Effect.Effect<ReadonlyArray<Check>> =>
  Effect.suspend(() => {
    const memoryBytes = Cgroups.defaultMemoryBytes()
    return Effect.map(Cgroups.find(mode, { processes: Cgroups.maxProcesses, memoryBytes }), (parents) => {
      const bounded = Cgroups.bounded(parents)
      return [
        processLimit(mode, bounded.has("processes")),
        memoryLimit(mode, bounded.has("memory"), memoryBytes)
      ]
    })
  })

const box = (store: string, mode: Mode, tools: Tools.Tools): Effect.Effect<Check> =>
  Effect.map(tryBox(store, mode, tools), (result) =>
    result._tag === "ran"
      ? ok("a box", `a command ran in one and ended after ${result.millis} ms`)
      : failed("a box", result.complaint, namespaceFix(mode)))

const storeAndBox = (store: string, mode: Mode, tools: Tools.Tools): Effect.Effect<ReadonlyArray<Check>> =>
  Effect.gen(function*() {
    const refused = yield* Effect.try({ try: () => refuseStore(store), catch: attemptError })
    if (refused !== undefined) return [refused]
    return yield* withProbe(
      store,
      (probe) =>
        Effect.flatMap(checkStore(store, probe, mode, tools), (checked) =>
          checked.status === "failed"
            ? Effect.succeed([checked])
            : Effect.map(box(probe, mode, tools), (ran) => [checked, ran]))
    )
  }).pipe(Effect.catchAll((error) => Effect.succeed([unwritable(store, error)])))

/**
 * Looks at everything, and leaves nothing behind. Never fails: what is wrong is a check with status `failed`. What depends on a failed check is not
 * tried.
 *
 * @since 0.1.0
 * @category constructors
 */
export const check = (options: {
  /** Absolute path of the store, which need not be there. */
  readonly store: string
}): Effect.Effect<ReadonlyArray<Check>> =>
  Effect.gen(function*() {
    const here = platform()
    if (here.status === "failed") return [here]
    const mode = currentMode()
    const basic = [here, user(mode), ...(yield* toolChecks)]
    const tools = yield* Effect.option(Tools.resolve)
    if (Option.isNone(tools) || basic.some(({ status }) => status === "failed")) return basic
    const apart = yield* namespaces(mode, tools.value)
    const bounds = yield* limits(mode)
    if (apart.status === "failed") return [...basic, apart, ...bounds]
    return [...basic, apart, ...bounds, ...(yield* storeAndBox(options.store, mode, tools.value))]
  })

const reasons: Record<string, EngineError["reason"]> = {
  platform: "UnsupportedPlatform",
  namespaces: "NotPermitted",
  "a box": "NotPermitted",
  store: "StoreUnusable"
}

/** In the store itself, whose folders the boxes to come need too. */
const runsHere = (store: string, mode: Mode, tools: Tools.Tools): Effect.Effect<boolean> =>
  Effect.gen(function*() {
    if ((yield* Effect.try(() => refuseStore(store))) !== undefined) return false
    yield* Effect.try(() => makeFolders(store, 0o700))
    const checked = yield* checkStore(store, store, mode, tools)
    return checked.status !== "failed" && (yield* tryBox(store, mode, tools))._tag === "ran"
  }).pipe(Effect.catchAll(() => Effect.succeed(false)))

/**
 * What an engine needs before its first run. One box is tried; only when that fails is everything looked at, to say why.
 *
 * @since 0.1.0
 * @category constructors
 */
export const demand = (options: { readonly store: string }): Effect.Effect<Tools.Tools, EngineError> =>
  Effect.gen(function*() {
    const here = platform()
    if (here.status === "failed") return yield* refuse(here)
    const tools = yield* Tools.resolve
    const mode = currentMode()
    if (yield* runsHere(options.store, mode, tools)) return tools
    const found = (yield* check(options)).find(({ status }) => status === "failed")
    return found === undefined ? tools : yield* refuse(found)
  })

const refuse = (found: Check): EngineError =>
  new EngineError({
    reason: reasons[found.name] ?? "MissingTool",
    description: `${found.name}: ${found.detail}${found.fix === undefined ? "" : `. What to do: ${found.fix}`}`
  })

export { render } from "./Render.js"
