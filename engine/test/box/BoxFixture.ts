/**
 * A store on a real file system with one small image, made of the host's static busybox, and a launcher on it.
 */
import { Context, Effect, Layer, Option } from "effect"
import { execFileSync } from "node:child_process"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import * as Box from "../../src/box/Box.js"
import type { BoxError, BoxReport } from "../../src/box/BoxReport.js"
import type { BoxSpec } from "../../src/box/BoxSpec.js"
import * as HostProcesses from "../../src/box/HostProcesses.js"
import * as Tools from "../../src/box/Tools.js"

export interface Ran {
  readonly report: BoxReport
  readonly stdout: Buffer
  readonly stderr: Buffer
  readonly spec: BoxSpec
}

export interface Service {
  readonly store: string
  readonly launcher: Box.Launcher
  /** A spec with folders of its own. */
  readonly spec: (overrides: Partial<BoxSpec>) => BoxSpec
  readonly run: (overrides: Partial<BoxSpec>, handlers?: Partial<Box.Handlers>) => Effect.Effect<Ran, BoxError>
  /** `run` of a shell script. */
  readonly sh: (script: string, overrides?: Partial<BoxSpec>) => Effect.Effect<Ran, BoxError>
}

export class Fixture extends Context.Tag("test/BoxFixture")<Fixture, Service>() {}

export const isRoot = process.getuid?.() === 0

export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8")

const overlayMagic = 0x794c7630

const base = (): string => {
  const candidates = [process.env["CONTREE_TEST_FOLDER"], "/var/tmp", tmpdir(), "/dev/shm"]
  const found = candidates.find((path) =>
    path !== undefined && Fs.existsSync(path) && Fs.statfsSync(path).type !== overlayMagic
  )
  return found ?? tmpdir()
}

export const temporaryFolder = (): string => Fs.mkdtempSync(`${base()}/contree-box-`)

export const makeImage = (busybox: string, root: string): void => {
  for (const name of ["bin", "etc", "proc", "dev", "sys", "tmp", "home"]) {
    Fs.mkdirSync(`${root}/${name}`, { recursive: true })
  }
  Fs.chmodSync(`${root}/tmp`, 0o1777)
  Fs.copyFileSync(busybox, `${root}/bin/busybox`)
  Fs.chmodSync(`${root}/bin/busybox`, 0o755)
  for (const applet of execFileSync(busybox, ["--list"], { encoding: "utf8" }).split("\n")) {
    if (applet !== "" && applet !== "busybox") Fs.symlinkSync("busybox", `${root}/bin/${applet}`)
  }
  for (const name of ["hosts", "hostname", "resolv.conf"]) Fs.writeFileSync(`${root}/etc/${name}`, "")
}

/** An ordinary user cannot enter the work folders of overlayfs. */
export const removeFolder = (folder: string): void => {
  if (isRoot) Fs.rmSync(folder, { recursive: true, force: true })
  else execFileSync("unshare", ["-U", "-r", "rm", "-rf", folder])
}

const commandLineOf = (pid: number): string => {
  try {
    return Fs.readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")
  } catch {
    return ""
  }
}

export const parentOf = (pid: number): number =>
  Number(/^PPid:\t(\d+)$/m.exec(Fs.readFileSync(`/proc/${pid}/status`, "utf8"))?.[1])

export const otherProcesses = (): ReadonlyArray<number> =>
  Fs.readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid).map(Number)

/** The command lines of all processes that bear a mark. */
export const processesWith = (mark: string): ReadonlyArray<string> =>
  otherProcesses().flatMap((pid) => {
    const line = commandLineOf(pid)
    return line.includes(mark) ? [`${pid}: ${line.slice(0, 300)}`] : []
  })

const isChain = (pid: number, store: string): boolean => {
  const line = commandLineOf(pid)
  return line.includes("contree-local-box") && line.includes(store)
}

/** The chain that an engine has made ahead: `unshare`, and a shell that has not become bubblewrap. Of two it is not one. */
export const madeAhead = (store: string): ReadonlyArray<number> => {
  const waiting = otherProcesses().filter((pid) => isChain(pid, store)).flatMap((pid) => {
    const [inner, ...others] = HostProcesses.children(pid)
    return inner !== undefined && others.length === 0 && isChain(inner, store) ? [[pid, inner]] : []
  })
  return waiting.length === 1 ? waiting.flat() : []
}

/** The same as `processesWith`, without the chain that an engine on the store has made ahead. */
export const busyWith = (mark: string, store: string): ReadonlyArray<string> => {
  const ahead = madeAhead(store)
  return processesWith(mark).filter((line) => !ahead.includes(Number.parseInt(line, 10)))
}

const cgroupRoot = "/sys/fs/cgroup"

/** The bubblewrap of a run, by the beginning of its operation's id. */
export const bubblewrapOf = (operationId: string): number =>
  Math.min(...processesWith(`report ${operationId}`).map((line) => Number.parseInt(line, 10)))

/** The folders of the cgroups that bound a run, by what the kernel says of its bubblewrap. */
export const groupsOfRun = (operationId: string): ReadonlyArray<string> => {
  return Fs.readFileSync(`/proc/${bubblewrapOf(operationId)}/cgroup`, "utf8").split("\n").flatMap((line) => {
    const [, controllers = "", path = ""] = line.split(":")
    return path.includes("/contree-local/") ? [`${cgroupRoot}/${controllers}${path}`.replace("//", "/")] : []
  })
}

/** What the command lines of all processes of boxes on a store have in common. */
export const markOf = (store: string): string => store.slice(store.lastIndexOf("/") + 1)

let serial = 0

export const specIn = (store: string, overrides: Partial<BoxSpec>): BoxSpec => {
  // the last part of the store's name: processes inside a box bear the operation, never the store
  const operationId = `op-${markOf(store)}-${process.pid}-${++serial}-${Math.random().toString(36).slice(2)}`
  const folder = `tmp/${operationId}`
  for (const name of ["u", "w"]) Fs.mkdirSync(`${store}/${folder}/${name}`, { recursive: true })
  return {
    operationId,
    layers: ["l/1"],
    upper: `${folder}/u`,
    work: `${folder}/w`,
    command: "true",
    args: [],
    shell: false,
    env: { PATH: "/bin" },
    cwd: "",
    uid: 0,
    gid: 0,
    hostname: "linuxkit",
    stdin: new Uint8Array(0),
    files: [],
    timeoutSeconds: 600,
    network: "none",
    maxLayerBytes: 12_884_901_888,
    ...overrides
  }
}

const makeService = (store: string, launcher: Box.Launcher): Service => {
  const spec = (overrides: Partial<BoxSpec>): BoxSpec => specIn(store, overrides)
  const run: Service["run"] = (overrides, handlers) =>
    Effect.suspend(() => {
      const made = spec(overrides)
      const pieces: Record<"stdout" | "stderr", Array<Uint8Array>> = { stdout: [], stderr: [] }
      return Effect.map(
        launcher.run(made, {
          onSpawn: handlers?.onSpawn ?? (() => Effect.void),
          onOutput: (stream, bytes) =>
            Effect.zipRight(
              Effect.sync(() => pieces[stream].push(bytes)),
              handlers?.onOutput?.(stream, bytes) ?? Effect.void
            )
        }),
        (report) => ({
          report,
          spec: made,
          stdout: Buffer.concat(pieces.stdout),
          stderr: Buffer.concat(pieces.stderr)
        })
      )
    })
  return { store, launcher, spec, run, sh: (script, overrides) => run({ command: script, shell: true, ...overrides }) }
}

export const makeStore = Effect.acquireRelease(
  Effect.gen(function*() {
    const store = temporaryFolder()
    Fs.chmodSync(store, 0o700)
    Fs.mkdirSync(`${store}/l/1`, { recursive: true })
    makeImage(yield* Tools.findBusybox, `${store}/l/1`)
    return store
  }),
  (store) => Effect.sync(() => removeFolder(store))
)

/** Another launcher, for the time of the scope. */
export const on = (store: string) => Effect.map(Box.make({ store }), (launcher) => makeService(store, launcher))

export const layer = Layer.scoped(Fixture, Effect.flatMap(makeStore, on))

export const resourcesOf = (report: BoxReport) => Option.getOrThrow(report.resources)

/** Polls until it is so; the bound is for a broken engine, not for a slow machine. */
export const eventually = (what: string, holds: () => boolean, seconds = 200): Effect.Effect<void> =>
  Effect.promise(async () => {
    const end = performance.now() + seconds * 1000
    while (!holds()) {
      if (performance.now() > end) throw new Error(`not within ${seconds} s: ${what}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  })
