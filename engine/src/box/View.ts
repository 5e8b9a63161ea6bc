/**
 * A program of the engine's own on a read-only view of an image: it sees the image under /image, itself, and nothing else;
 * no network, no /proc, no /dev, and nothing that it could write to.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import { type ChildProcess, spawn } from "node:child_process"
import { BoxError } from "./BoxReport.js"
import { type Mode, namespaces } from "./Chain.js"
import { children, kill } from "./HostProcesses.js"
import { chainPath, type Tools } from "./Tools.js"

/** What all views of an engine share. */
export interface Engine {
  readonly store: string
  readonly mode: Mode
  readonly tools: Tools
  readonly userXattr: boolean
}

/**
 * @since 0.1.0
 * @category models
 */
export interface ViewSpec {
  /** Layer folders relative to the store, bottom first. */
  readonly layers: ReadonlyArray<string>
  /** Absolute path of a static program of the host. */
  readonly program: string
  readonly args: ReadonlyArray<string>
  /** It is killed when it takes longer. */
  readonly deadlineMillis: number
}

/**
 * How it ended.
 *
 * @since 0.1.0
 * @category models
 */
export interface ViewEnd {
  /** `undefined` when it was killed, because of its deadline or because there was enough. */
  readonly code: number | undefined
  readonly stderr: string
  readonly late: boolean
}

/** Where the image is. */
export const imageFolder = "/image"

const maxStderr = 16_384

// what bubblewrap and the programs before it say has their name; what the program says has its own
const script = `
store=$1 bwrap=$2 B=$3 options=$4 single=$5
shift 5
fail() { printf 'contree: %s\\n' "$*" >&2; exit 125; }
cd "$store" 2>/dev/null || fail "$store cannot be entered"
if [ -n "$single" ]; then
  e=$($B mount -n -o bind "$single" mnt 2>&1) || fail "$e"
else
  e=$($B mount -n -t overlay overlay -o "$options" mnt 2>&1) || fail "$e"
fi
exec "$bwrap" "$@"
`

const commandLine = (engine: Engine, spec: ViewSpec): readonly [string, ...Array<string>] => {
  const { tools } = engine
  const [file = "", ...args] = namespaces(engine.mode, tools)
  const options = `ro,lowerdir=${[...spec.layers].reverse().join(":")},redirect_dir=nofollow,metacopy=off,index=off` +
    (engine.userXattr ? ",userxattr" : "")
  // overlayfs wants two of them
  const single = spec.layers.length === 1 ? spec.layers[0] ?? "" : ""
  return [
    file,
    ...args,
    ...[tools.busybox, "sh", "-c", script, "contree-local-view", engine.store, tools.bwrap],
    ...[tools.prefersApplets ? "" : tools.busybox, options, single],
    ...["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net", "--unshare-cgroup-try", "--clearenv"],
    ...["--ro-bind", "mnt", imageFolder, "--ro-bind", spec.program, "/program", "--remount-ro", "/"],
    ...["--chdir", imageFolder, "--cap-drop", "ALL", "--cap-add", "CAP_DAC_READ_SEARCH"],
    ...["--", "/program", ...spec.args]
  ]
}

interface Running {
  readonly child: ChildProcess
  readonly exited: Promise<void>
  readonly isOver: () => boolean
}

const start = (engine: Engine, spec: ViewSpec): Running => {
  const [file, ...args] = commandLine(engine, spec)
  const child = spawn(file, args, {
    env: { PATH: chainPath },
    cwd: "/",
    detached: true,
    stdio: ["ignore", "pipe", "pipe"]
  })
  let over = false
  const exited = new Promise<void>((resolve) => {
    const end = (): void => {
      over = true
      resolve()
    }
    child.once("exit", end)
    child.once("error", end)
  })
  return { child, exited, isOver: () => over }
}

// as for a chain: the child of unshare first, since one that is killed while it forks could leave it behind
const stop = async ({ child, exited, isOver }: Running): Promise<void> => {
  for (let tries = 0; !isOver(); tries += 1) {
    const found = child.pid === undefined ? [] : children(child.pid)
    for (const pid of found) kill(pid)
    if (found.length === 0 && tries > 200 && child.pid !== undefined) kill(child.pid)
    await Promise.race([exited, new Promise((resolve) => void setTimeout(resolve, 2))])
  }
}

const follow = (
  running: Running,
  spec: ViewSpec,
  onOutput: (bytes: Uint8Array) => boolean
): Effect.Effect<ViewEnd, BoxError> =>
  Effect.async((resume) => {
    const { child } = running
    let stderr = ""
    let enough = false
    let late = false
    const end = (): void => {
      enough = true
      void stop(running)
    }
    const timer = setTimeout(() => {
      late = true
      end()
    }, spec.deadlineMillis)
    child.stdout?.on("data", (bytes: Buffer) => {
      if (!enough && onOutput(bytes)) end()
    })
    child.stderr?.on("data", (bytes: Buffer) => {
      if (stderr.length < maxStderr) stderr += bytes.toString("utf8")
    })
    child.once("error", (error) => {
      clearTimeout(timer)
      resume(
        Effect.fail(new BoxError({ reason: "StartFailed", description: `looking into the image: ${error.message}` }))
      )
    })
    child.once("close", (code) => {
      clearTimeout(timer)
      resume(Effect.succeed({ code: enough ? undefined : code ?? undefined, stderr: stderr.slice(0, maxStderr), late }))
    })
    return Effect.sync(() => clearTimeout(timer))
  })

/** Runs it. `onOutput` gets what it writes and says when that is enough. An interruption kills it, and waits for that. */
export const run = (
  engine: Engine,
  spec: ViewSpec,
  onOutput: (bytes: Uint8Array) => boolean
): Effect.Effect<ViewEnd, BoxError> =>
  Effect.acquireUseRelease(
    Effect.try({
      try: () => start(engine, spec),
      catch: (cause) => new BoxError({ reason: "StartFailed", description: `looking into the image: ${String(cause)}` })
    }),
    (running) => follow(running, spec, onOutput),
    (running) => Effect.promise(() => stop(running))
  )
