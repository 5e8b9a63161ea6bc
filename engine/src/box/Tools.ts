/**
 * The programs of the host that a box is made of: where they are, and whether they can do what is asked of them.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { execFile } from "node:child_process"
import { accessSync, constants, realpathSync, statSync } from "node:fs"
import { EngineError } from "../EngineError.js"
import { interpreter } from "./Elf.js"

/**
 * Absolute paths of everything that a chain executes.
 *
 * @since 0.1.0
 * @category models
 */
export interface Tools {
  readonly bwrap: string
  readonly unshare: string
  readonly setpriv: string
  /** For the second process of a box, and those after it. */
  readonly nsenter: string
  /** One that undoes what a shell does to signals; none where it is not GNU's, or an old one. */
  readonly env: string | undefined
  /** Static, so that it runs inside any image. */
  readonly busybox: string
  /** Its shell runs applets without looking at PATH and without an exec: several milliseconds a run. */
  readonly prefersApplets: boolean
  /** setpriv's loader and libraries, bound into a box that runs as another user. */
  readonly setprivLoader: string | undefined
  readonly setprivLibraries: ReadonlyArray<string>
  /** busybox' `time` reports pages where it says KiB, so its number is that many times too large. */
  readonly rssFactor: number
}

/** What every chain's programs get as their environment. */
export const chainPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

const applets = [
  "sh",
  "time",
  "setsid",
  "env",
  "mkfifo",
  "mount",
  "umount",
  "cat",
  "chown",
  "chmod",
  "mkdir",
  "rm",
  "du"
]

const packages: Record<string, string> = {
  bwrap: "bubblewrap",
  unshare: "util-linux",
  setpriv: "util-linux",
  nsenter: "util-linux",
  busybox: "busybox-static"
}

/** What to type for a missing program. */
export const installHint = (tool: string): string =>
  `apt-get install ${packages[tool] ?? tool} (Fedora: dnf install ${
    tool === "busybox" ? "busybox" : packages[tool] ?? tool
  }; Alpine: apk add ${packages[tool] ?? tool})`

/** What a program printed and how it ended; never fails, because "cannot be started" is an answer too. */
export const probe = (
  file: string,
  args: ReadonlyArray<string>,
  options?: { readonly cwd?: string | undefined }
): Effect.Effect<{ readonly code: number; readonly output: string }> =>
  Effect.async((resume) => {
    const child = execFile(file, [...args], {
      env: { PATH: chainPath, LC_ALL: "C" },
      timeout: 20_000,
      killSignal: "SIGKILL",
      ...(options?.cwd === undefined ? {} : { cwd: options.cwd })
    }, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1
      resume(
        Effect.succeed({ code, output: `${stdout}${stderr}${error !== null && code === -1 ? error.message : ""}` })
      )
    })
    return Effect.sync(() => {
      child.kill("SIGKILL")
    })
  })

const folders = (): ReadonlyArray<string> => [
  ...(process.env["PATH"] ?? "").split(":").filter((folder) => folder.startsWith("/")),
  ...chainPath.split(":")
]

/** Every executable of that name over PATH and the usual folders, each file once. */
export const candidates = (name: string): ReadonlyArray<string> => {
  const found = new Set<string>()
  for (const folder of folders()) {
    const path = `${folder}/${name}`
    try {
      accessSync(path, constants.X_OK)
      if (statSync(path).isFile()) found.add(realpathSync(path))
    } catch {
      // not there: the next folder
    }
  }
  return [...found]
}

const missing = (tool: string, why: string): EngineError =>
  new EngineError({ reason: "MissingTool", description: `${why}. Install it: ${installHint(tool)}` })

/** A program of that name whose help text knows every one of the options. */
export const findTool = (
  name: string,
  options: ReadonlyArray<string>
): Effect.Effect<string, EngineError> =>
  Effect.gen(function*() {
    const paths = candidates(name)
    for (const path of paths) {
      const help = yield* probe(path, ["--help"])
      if (options.every((option) => help.output.includes(option))) return path
    }
    return yield* missing(
      name,
      paths.length === 0
        ? `no \`${name}\` in PATH`
        : `${paths.join(", ")} does not know ${options.join(", ")}: too old, or busybox' version of it`
    )
  })

/** A static busybox with every applet that a box needs. */
export const findBusybox: Effect.Effect<string, EngineError> = Effect.gen(function*() {
  const paths = [...candidates("busybox"), ...candidates("busybox.static"), ...candidates("busybox-static")]
  for (const path of paths) {
    if (interpreter(path) !== undefined) continue
    const list = new Set((yield* probe(path, ["--list"])).output.split("\n"))
    if (applets.every((applet) => list.has(applet))) return path
  }
  return yield* missing(
    "busybox",
    paths.length === 0
      ? "no `busybox` in PATH"
      : `${paths.join(", ")} is not static, or lacks one of: ${applets.join(" ")}`
  )
})

const libraries = (setpriv: string): Effect.Effect<Pick<Tools, "setprivLoader" | "setprivLibraries">, EngineError> =>
  Effect.gen(function*() {
    const loader = interpreter(setpriv)
    if (loader === undefined) return { setprivLoader: undefined, setprivLibraries: [] }
    const list = yield* probe(loader, ["--list", setpriv])
    const paths = [...list.output.matchAll(/=> (\/\S+)/g)].map((match) => match[1] ?? "")
    if (list.code !== 0 || paths.length === 0) {
      return yield* missing("setpriv", `\`${loader} --list ${setpriv}\` does not say which libraries setpriv needs`)
    }
    return { setprivLoader: realpathSync(loader), setprivLibraries: paths }
  })

// a program that surely fills 32 MiB tells whether this busybox counts in KiB or in pages
const rssFactor = (busybox: string): Effect.Effect<number> =>
  probe(busybox, ["time", "-f", "rss=%M", busybox, "dd", "if=/dev/zero", "of=/dev/null", "bs=32M", "count=1"]).pipe(
    Effect.map(({ output }) => {
      const reported = Number(/rss=(\d+)/.exec(output)?.[1] ?? 0)
      return Math.max(1, Math.round(reported / (33 * 1024)))
    })
  )

/** Each tool by itself, with the options that a chain uses. */
export const find = {
  bwrap: findTool("bwrap", ["--args", "--perms", "--size", "--cap-add", "--remount-ro"]),
  unshare: findTool("unshare", ["--kill-child", "--map-root-user"]),
  setpriv: findTool("setpriv", ["--pdeathsig", "--reuid", "--clear-groups", "--bounding-set", "--ambient-caps"]),
  nsenter: findTool("nsenter", ["--preserve-credentials", "--cgroup"]),
  busybox: findBusybox
} as const

// with a PATH that has nothing, the applet is all that can be found
const prefersApplets = (busybox: string): Effect.Effect<boolean> =>
  Effect.map(probe(busybox, ["sh", "-c", "PATH=/nowhere; mount --help"]), ({ output }) => output.includes("BusyBox"))

/**
 * Finds all of them, once. Fails with `MissingTool` and what to install.
 *
 * @since 0.1.0
 * @category constructors
 */
export const resolve: Effect.Effect<Tools, EngineError> = Effect.gen(function*() {
  const bwrap = yield* find.bwrap
  const unshare = yield* find.unshare
  const setpriv = yield* find.setpriv
  const nsenter = yield* find.nsenter
  const busybox = yield* find.busybox
  return {
    bwrap,
    unshare,
    setpriv,
    nsenter,
    env: Option.getOrUndefined(yield* Effect.option(findTool("env", ["--default-signal"]))),
    busybox,
    prefersApplets: yield* prefersApplets(busybox),
    ...(yield* libraries(setpriv)),
    rssFactor: yield* rssFactor(busybox)
  }
})
